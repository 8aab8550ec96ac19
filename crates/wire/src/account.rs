//! Contract, product, stated rows, and the loan that they make.

use api::leeway::common::v1;
use chassis::Violations;
use jiff::Timestamp;
use loan::contract::MAX_INSTALMENTS;
use loan::{
    Account, Amount, Contract, Currency, EventKind, LateAllocation, LoanError, Origin, Part, Product, Rate,
    Ratio, StatedRow,
};
use rust_decimal::Decimal;

use crate::conventions::{conventions_in, conventions_into};
use crate::events::events_in;
use crate::loan_codes::{
    amortisation_in, amortisation_out, overdue_interest_in, overdue_interest_out, overpayment_in,
    overpayment_out, part_in, part_out, pay_off_interest_in, pay_off_interest_out,
};
use crate::money::{ANY_CURRENCY, money_in, money_or_zero_in, money_out, money_positive_in};
use crate::primitives::{
    at, count_in, date_in, date_out, item, list_in, missing, number_out, rate_in, rate_out, ratio_in,
    ratio_out, reason, refuse,
};

/// Most stated rows of a loan.
pub const MAX_STATED_ROWS: usize = MAX_INSTALMENTS as usize;
/// Most days past due that a late allocation may begin beyond.
const MAX_LATE_DPD: u32 = 10_000;

/// Contract rate × this is the penalty rate where the product doesn't say.
fn default_penalty_multiplier() -> Ratio {
    Ratio::from(Decimal::new(15, 1))
}

/// Highest all-in rate where the product doesn't say.
fn default_cost_cap() -> Rate {
    Rate::from(Decimal::new(24, 2))
}

/// A contract; its principal names the loan's currency.
pub fn contract_in(v: &mut Violations, field: &str, contract: Option<&v1::LoanContract>) -> Option<Contract> {
    let Some(message) = contract else { return missing(v, field) };
    let currency = loan_currency(contract)?;
    let principal = money_positive_in(v, &at(field, "principal"), message.principal.as_ref(), currency);
    let annual_rate = rate_in(v, &at(field, "annual_rate"), &message.annual_rate);
    let amortisation = amortisation_in(v, &at(field, "amortisation"), message.amortisation);
    let instalments =
        count_in(v, &at(field, "instalments"), message.instalments, 1..=u32::from(MAX_INSTALMENTS));
    let interest_from = date_in(v, &at(field, "interest_from_date"), message.interest_from_date.as_ref());
    let first_due = date_in(v, &at(field, "first_due_date"), message.first_due_date.as_ref());
    let anchor_day = count_in(v, &at(field, "anchor_day"), message.anchor_day, 0..=31);
    let multiple_field = at(field, "instalment_multiple_of");
    let multiple = amount_optional_in(v, &multiple_field, message.instalment_multiple_of.as_ref(), currency);
    let conventions = conventions_in(v, field, message, currency);
    let contract = Contract {
        currency,
        principal: principal?,
        annual_rate: annual_rate?,
        amortisation: amortisation?,
        instalments: u16::try_from(instalments?).ok()?,
        interest_from: interest_from?,
        first_due: first_due?,
        anchor_day: u8::try_from(anchor_day?).ok().filter(|day| *day > 0),
        instalment_multiple_of: multiple?,
        conventions: conventions?,
    };
    match contract.check() {
        Ok(()) => Some(contract),
        Err(error) => refuse_contract(v, field, &error),
    }
}

/// An amount above zero that may be left out: `Some(None)`.
pub(crate) fn amount_optional_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Option<Amount>> {
    match money {
        Some(_) => money_positive_in(v, field, money, currency).map(Some),
        None => Some(None),
    }
}

/// The currency to check a loan's money against: the principal's. Where that can't be read, any; the principal's own violation
/// stands, and the other fields are still looked at.
pub fn loan_currency(contract: Option<&v1::LoanContract>) -> Option<Currency> {
    let code =
        contract.and_then(|contract| contract.principal.as_ref()).map(|money| money.currency_code.as_str());
    code.and_then(|code| Currency::parse(code).ok()).or_else(|| Currency::parse(ANY_CURRENCY).ok())
}

fn refuse_contract<T>(v: &mut Violations, field: &str, error: &LoanError) -> Option<T> {
    let inner = match error {
        LoanError::ContractInvalid { field: inner, .. } => at(field, contract_field(inner)),
        _ => field.to_owned(),
    };
    refuse(v, &inner, reason::OUT_OF_RANGE, error.to_string())
}

/// Name in the message of a contract's field in the domain.
pub fn contract_field(name: &'static str) -> &'static str {
    match name {
        "interest_from" => "interest_from_date",
        "first_due" => "first_due_date",
        "down_payment" => "down_payment_share",
        same => same,
    }
}

/// Writes a contract.
pub fn contract_out(contract: &Contract) -> v1::LoanContract {
    let money = |amount| money_out(amount, contract.currency);
    conventions_into(
        v1::LoanContract {
            principal: Some(money(contract.principal)),
            annual_rate: rate_out(contract.annual_rate),
            amortisation: amortisation_out(contract.amortisation).into(),
            instalments: contract.instalments.into(),
            interest_from_date: Some(date_out(contract.interest_from)),
            first_due_date: Some(date_out(contract.first_due)),
            anchor_day: contract.anchor_day.map(i32::from).unwrap_or_default(),
            instalment_multiple_of: contract.instalment_multiple_of.map(money),
            ..v1::LoanContract::default()
        },
        contract,
    )
}

/// Product settings; not set, or empty, means the defaults.
pub fn product_in(v: &mut Violations, field: &str, product: Option<&v1::LoanProduct>) -> Option<Product> {
    let unset = v1::LoanProduct::default();
    let message = product.unwrap_or(&unset);
    let multiplier = if message.penalty_multiplier.is_empty() {
        Some(default_penalty_multiplier())
    } else {
        ratio_in(
            v,
            &at(field, "penalty_multiplier"),
            &message.penalty_multiplier,
            Decimal::ZERO..=Decimal::TEN,
        )
    };
    let cost_cap = if message.cost_cap.is_empty() {
        Some(default_cost_cap())
    } else {
        rate_in(v, &at(field, "cost_cap"), &message.cost_cap)
    };
    let overpayment = overpayment_in(v, &at(field, "overpayment"), message.overpayment);
    let allocation = if message.allocation.is_empty() {
        Some(Product::default_allocation())
    } else {
        order_in(v, &at(field, "allocation"), &message.allocation)
    };
    let late_allocation = match &message.late_allocation {
        Some(late) => late_allocation_in(v, &at(field, "late_allocation"), late).map(Some),
        None => Some(None),
    };
    let overdue_interest = overdue_interest_in(v, &at(field, "overdue_interest"), message.overdue_interest);
    let pay_off_interest = pay_off_interest_in(v, &at(field, "pay_off_interest"), message.pay_off_interest);
    Some(Product {
        penalty_multiplier: multiplier?,
        cost_cap: cost_cap?,
        allocation: allocation?,
        overpayment: overpayment?,
        late_allocation: late_allocation?,
        overdue_interest: overdue_interest?,
        pay_off_interest: pay_off_interest?,
    })
}

fn late_allocation_in(v: &mut Violations, field: &str, late: &v1::LateAllocation) -> Option<LateAllocation> {
    let beyond_field = at(field, "beyond_days_past_due");
    let beyond_dpd = count_in(v, &beyond_field, late.beyond_days_past_due, 0..=MAX_LATE_DPD);
    let order_field = at(field, "order");
    let order =
        if late.order.is_empty() { missing(v, &order_field) } else { order_in(v, &order_field, &late.order) };
    Some(LateAllocation { beyond_dpd: beyond_dpd?, order: order? })
}

/// Every part once, in any order.
fn order_in(v: &mut Violations, field: &str, parts: &[i32]) -> Option<Vec<Part>> {
    let every = Product::default_allocation();
    let mut order: Vec<Part> = Vec::new();
    let read = list_in(v, field, parts, every.len(), |v, field, number| {
        let part = part_in(v, field, *number)?;
        if order.contains(&part) {
            return refuse(v, field, reason::DUPLICATE, "each part once");
        }
        order.push(part);
        Some(part)
    })?;
    if read.len() < every.len() {
        return refuse(v, field, reason::REQUIRED, "must name penalty, fee, interest and principal");
    }
    Some(read)
}

fn order_out(order: &[Part]) -> Vec<i32> {
    order.iter().map(|part| part_out(*part).into()).collect()
}

/// Writes product settings.
pub fn product_out(product: &Product) -> v1::LoanProduct {
    v1::LoanProduct {
        penalty_multiplier: ratio_out(product.penalty_multiplier),
        cost_cap: rate_out(product.cost_cap),
        overpayment: overpayment_out(product.overpayment).into(),
        allocation: order_out(&product.allocation),
        late_allocation: product.late_allocation.as_ref().map(|late| v1::LateAllocation {
            beyond_days_past_due: number_out(late.beyond_dpd),
            order: order_out(&late.order),
        }),
        overdue_interest: overdue_interest_out(product.overdue_interest).into(),
        pay_off_interest: pay_off_interest_out(product.pay_off_interest).into(),
    }
}

/// Contract and stated rows, at `path.contract` and `path.stated_instalments`; without rows the contract is computed.
pub fn origin_in(
    v: &mut Violations,
    path: &str,
    contract: Option<&v1::LoanContract>,
    stated: &[v1::StatedInstalment],
) -> Option<Origin> {
    let currency = loan_currency(contract)?;
    let contract = contract_in(v, &at(path, "contract"), contract);
    let list = at(path, "stated_instalments");
    let rows =
        list_in(v, &list, stated, MAX_STATED_ROWS, |v, field, row| stated_row_in(v, field, row, currency));
    let (contract, rows) = (contract?, rows?);
    if rows.is_empty() {
        return Some(Origin::Computed(contract));
    }
    let origin = Origin::Stated { contract, rows };
    match origin.rows() {
        Ok(_) => Some(origin),
        Err(error @ LoanError::StatedRowInvalid { nr, .. }) => {
            let index = stated.iter().position(|row| u32::try_from(row.nr) == Ok(nr)).unwrap_or_default();
            refuse(v, &item(&list, index), reason::CONTRADICTION, error.to_string())
        }
        Err(error) => refuse(v, &list, reason::CONTRADICTION, error.to_string()),
    }
}

/// Writes contract and stated rows; no rows where the contract is computed.
pub fn origin_out(origin: &Origin) -> (v1::LoanContract, Vec<v1::StatedInstalment>) {
    let contract = contract_out(origin.contract());
    let rows = match origin {
        Origin::Computed(_) => Vec::new(),
        Origin::Stated { contract, rows } => {
            rows.iter().map(|row| stated_row_out(row, contract.currency)).collect()
        }
    };
    (contract, rows)
}

/// One stated row.
pub fn stated_row_in(
    v: &mut Violations,
    field: &str,
    row: &v1::StatedInstalment,
    currency: Currency,
) -> Option<StatedRow> {
    let nr = count_in(v, &at(field, "nr"), row.nr, 1..=u32::from(MAX_INSTALMENTS));
    let due = date_in(v, &at(field, "due_date"), row.due_date.as_ref());
    let principal = money_in(v, &at(field, "principal"), row.principal.as_ref(), currency);
    let interest = money_or_zero_in(v, &at(field, "interest"), row.interest.as_ref(), currency);
    let fee = money_or_zero_in(v, &at(field, "fee"), row.fee.as_ref(), currency);
    Some(StatedRow { nr: nr?, due: due?, principal: principal?, interest: interest?, fee: fee? })
}

/// Writes a stated row.
pub fn stated_row_out(row: &StatedRow, currency: Currency) -> v1::StatedInstalment {
    v1::StatedInstalment {
        nr: number_out(row.nr),
        due_date: Some(date_out(row.due)),
        principal: Some(money_out(row.principal, currency)),
        interest: Some(money_out(row.interest, currency)),
        fee: Some(money_out(row.fee, currency)),
    }
}

/// The messages that make up a loan, as several requests carry them.
#[derive(Debug, Clone, Copy)]
pub struct LoanMessages<'a> {
    /// Contract.
    pub contract: Option<&'a v1::LoanContract>,
    /// Product settings; `None`: the defaults.
    pub product: Option<&'a v1::LoanProduct>,
    /// Stated rows; empty: the contract is computed.
    pub stated_instalments: &'a [v1::StatedInstalment],
    /// Events, in order of entry.
    pub events: &'a [v1::LoanEvent],
}

/// A loan whose fields lie at `path.contract`, `path.product`, `path.stated_instalments` and `path.events`; the first event is
/// entered at `entered`. Not replayed yet.
pub fn account_in(
    v: &mut Violations,
    path: &str,
    messages: LoanMessages<'_>,
    entered: Timestamp,
) -> Option<Account> {
    let currency = loan_currency(messages.contract)?;
    let origin = origin_in(v, path, messages.contract, messages.stated_instalments);
    let product = product_in(v, &at(path, "product"), messages.product);
    let events = events_in(v, &at(path, "events"), messages.events, currency, entered);
    let (origin, product, events) = (origin?, product?, events?);
    let interest_from = origin.contract().interest_from;
    if let Some(index) = events.iter().position(|event| event.effective < interest_from) {
        let field = at(&item(&at(path, "events"), index), "effective_date");
        return refuse(v, &field, reason::OUT_OF_RANGE, "lies before the day from which interest runs");
    }
    let due_before =
        |event: &loan::Event| matches!(event.kind, EventKind::Charge { due, .. } if due < interest_from);
    if let Some(index) = events.iter().position(due_before) {
        let field = at(&item(&at(path, "events"), index), "charge.due_date");
        return refuse(v, &field, reason::OUT_OF_RANGE, "lies before the day from which interest runs");
    }
    Some(Account { origin, product, events })
}
