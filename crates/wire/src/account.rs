//! Contract, product, stated rows, and the loan that they make.

use api::leeway::common::v1;
use chassis::Violations;
use jiff::Timestamp;
use loan::contract::MAX_INSTALMENTS;
use loan::{
    Account, Amortisation, Contract, Currency, LoanError, Origin, Part, Product, Rate, Ratio, StatedRow,
};
use rust_decimal::Decimal;

use crate::codes::{amortisation_in, overpayment_in, overpayment_out};
use crate::error::WireError;
use crate::events::events_in;
use crate::money::{ANY_CURRENCY, money_in, money_or_zero_in, money_out, money_positive_in};
use crate::primitives::{
    at, count_in, date_in, date_out, item, list_in, missing, number_out, rate_in, rate_out, ratio_in,
    ratio_out, reason, refuse,
};

/// Most stated rows of a loan.
pub const MAX_STATED_ROWS: usize = MAX_INSTALMENTS as usize;

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
    let contract = Contract {
        currency,
        principal: principal?,
        annual_rate: annual_rate?,
        amortisation: amortisation?,
        instalments: u16::try_from(instalments?).ok()?,
        interest_from: interest_from?,
        first_due: first_due?,
        anchor_day: None,
        instalment_multiple_of: None,
    };
    match contract.check() {
        Ok(()) => Some(contract),
        Err(error) => refuse_contract(v, field, &error),
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
        LoanError::ContractInvalid { field: "first_due", .. } => at(field, "first_due_date"),
        LoanError::ContractInvalid { field: inner, .. } => at(field, inner),
        _ => field.to_owned(),
    };
    refuse(v, &inner, reason::OUT_OF_RANGE, error.to_string())
}

/// Writes a contract. Flat fees, an anchor day that isn't the first due date's, and rounded instalments have no place in the
/// message.
pub fn contract_out(contract: &Contract) -> Result<v1::LoanContract, WireError> {
    let not_expressible = |what| Err(WireError::NotExpressible { what });
    let amortisation = match contract.amortisation {
        Amortisation::EqualInstalments => v1::Amortisation::EqualInstalments,
        Amortisation::EqualPrincipal => v1::Amortisation::EqualPrincipal,
        Amortisation::Flat => return not_expressible("a flat fee"),
    };
    if i32::from(contract.anchor_day()) != i32::from(contract.first_due.day()) {
        return not_expressible("an anchor day apart from the first due date");
    }
    if contract.instalment_multiple_of.is_some() {
        return not_expressible("instalments rounded to a multiple");
    }
    Ok(v1::LoanContract {
        principal: Some(money_out(contract.principal, contract.currency)),
        annual_rate: rate_out(contract.annual_rate),
        amortisation: amortisation.into(),
        instalments: contract.instalments.into(),
        interest_from_date: Some(date_out(contract.interest_from)),
        first_due_date: Some(date_out(contract.first_due)),
    })
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
    Some(Product {
        penalty_multiplier: multiplier?,
        cost_cap: cost_cap?,
        allocation: Product::default_allocation(),
        overpayment: overpayment?,
    })
}

/// Writes product settings; another order of allocation than the default has no place in the message.
pub fn product_out(product: &Product) -> Result<v1::LoanProduct, WireError> {
    let default_order = [Part::Penalty, Part::Fee, Part::Interest, Part::Principal];
    if product.allocation != default_order {
        return Err(WireError::NotExpressible { what: "an order of allocation of its own" });
    }
    Ok(v1::LoanProduct {
        penalty_multiplier: ratio_out(product.penalty_multiplier),
        cost_cap: rate_out(product.cost_cap),
        overpayment: overpayment_out(product.overpayment).into(),
    })
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
pub fn origin_out(origin: &Origin) -> Result<(v1::LoanContract, Vec<v1::StatedInstalment>), WireError> {
    let contract = contract_out(origin.contract())?;
    let rows = match origin {
        Origin::Computed(_) => Vec::new(),
        Origin::Stated { contract, rows } => {
            rows.iter().map(|row| stated_row_out(row, contract.currency)).collect()
        }
    };
    Ok((contract, rows))
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
    Some(Account { origin, product, events })
}
