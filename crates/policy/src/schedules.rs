//! Versions, standing and cost of a loan as messages.

use std::collections::BTreeMap;

use api::leeway::common::v1::Instalment;
use api::leeway::policy::v1::{
    InstalmentStanding, LoanStanding, PaymentShare, RateStep, ReliefCost as ReliefCostMessage, ScheduleCost,
    ScheduleVersion, VersionCause as CauseMessage,
};
use chassis::Problem;
use loan::value::{self, Flow};
use loan::{Account, Amount, Currency, Date, LoanError, Rate, ReliefCost, RowState, State, VersionCause};
use rust_decimal::Decimal;
use wire::{WireError, bucket_out, date_out, money_out, number_out, parts_out, rate_out, row_out};

/// Places of shares and yearly costs, as in offers.
const SHOWN_PLACES: u32 = 4;

/// Every version of the schedule, oldest first.
pub(crate) fn versions_out(state: &State, currency: Currency) -> Result<Vec<ScheduleVersion>, Problem> {
    let mut versions = Vec::with_capacity(state.versions.len());
    for version in &state.versions {
        let rows: Result<Vec<Instalment>, WireError> =
            version.rows.iter().map(|row| row_out(row, currency)).collect();
        let (cause, cause_id) = cause_out(&version.cause);
        versions.push(ScheduleVersion {
            number: number_out(version.number),
            effective_date: Some(date_out(version.effective)),
            cause: cause.into(),
            cause_id,
            instalments: rows?,
        });
    }
    Ok(versions)
}

fn cause_out(cause: &VersionCause) -> (CauseMessage, String) {
    match cause {
        VersionCause::Contract => (CauseMessage::Contract, String::new()),
        VersionCause::Relief(id) => (CauseMessage::Relief, id.clone()),
        VersionCause::Change(id) => (CauseMessage::Change, id.clone()),
        VersionCause::Undo(id) => (CauseMessage::Undo, id.clone()),
    }
}

/// What stands at the end of the state's day.
pub(crate) fn standing_out(state: &State, currency: Currency) -> Result<LoanStanding, Problem> {
    let money = |amount| Some(money_out(amount, currency));
    let instalments: Result<Vec<InstalmentStanding>, WireError> =
        state.rows.iter().map(|row| instalment_out(row, currency)).collect();
    let rates = state.rates.iter().map(|step| RateStep {
        from_date: Some(date_out(step.from)),
        annual_rate: rate_out(step.annual_rate),
    });
    Ok(LoanStanding {
        as_of_date: Some(date_out(state.as_of)),
        instalments: instalments?,
        owed: Some(parts_out(&state.owed, currency)),
        arrears: Some(parts_out(&state.arrears, currency)),
        paid: Some(parts_out(&state.paid, currency)),
        waived: Some(parts_out(&state.waived, currency)),
        forgiven_principal: money(state.forgiven_principal),
        charged_back: money(state.charged_back),
        unallocated: money(state.unallocated),
        days_past_due_current: number_out(state.dpd.current),
        days_past_due_contract: number_out(state.dpd.contract),
        bucket: bucket_out(state.bucket).into(),
        oldest_unpaid_due_date: state.oldest_unpaid_due.filter(|due| *due <= state.as_of).map(date_out),
        next_due_date: state.next_due.map(date_out),
        closed: state.closed,
        rates: rates.collect(),
    })
}

fn instalment_out(row: &RowState, currency: Currency) -> Result<InstalmentStanding, WireError> {
    let payments = row.payments.iter().map(|share| PaymentShare {
        payment_id: share.payment_id.clone(),
        effective_date: Some(date_out(share.date)),
        covered: Some(parts_out(&share.parts, currency)),
    });
    Ok(InstalmentStanding {
        nr: number_out(row.row.nr),
        paid: Some(parts_out(&row.paid, currency)),
        waived: Some(parts_out(&row.waived, currency)),
        left: Some(parts_out(&row.left()?, currency)),
        penalty: Some(money_out(row.penalty, currency)),
        charged_penalty: Some(money_out(row.charged, currency)),
        payments: payments.collect(),
    })
}

/// What is still to pay, with or without terms.
pub(crate) struct Remaining<'a> {
    /// Payments to come, penalty apart, in any order.
    pub flows: &'a [Flow],
    /// Their sum, with penalty that isn't waived.
    pub total_to_pay: Amount,
}

/// What a loan costs by the payments to come. Every figure of cost is made here.
pub(crate) fn cost_out(
    account: &Account,
    state: &State,
    remaining: &Remaining<'_>,
) -> Result<ScheduleCost, LoanError> {
    let currency = account.contract().currency;
    let money = |amount| Some(money_out(amount, currency));
    // What the payments buy: principal left and what is due of interest and fees, as in offers.
    let outlay = Amount::try_sum([state.principal_left, state.arrears.interest, state.arrears.fee])?;
    let at = state.value_date();
    let nominal = value::annual_cost(outlay, remaining.flows, at)?;
    let effective = value::effective_annual_cost(outlay, remaining.flows, at)?;
    let rate = |rate: Option<Rate>| rate.map(|rate| shown(rate.decimal())).unwrap_or_default();
    let received = state.paid.total()?.sub(state.charged_back)?;
    let total_paid = received.add(remaining.total_to_pay)?;
    let rows = account.origin.rows()?;
    let by_contract = Amount::try_sum(value::flows(&rows)?.iter().map(|flow| flow.amount))?;
    let by_day = by_day(remaining.flows)?;
    let first = by_day.first_key_value();
    Ok(ScheduleCost {
        annual_cost: rate(nominal),
        effective_annual_cost: rate(effective),
        total_to_pay: money(remaining.total_to_pay),
        total_paid: money(total_paid),
        difference_to_contract: money(total_paid.sub(by_contract)?),
        end_date: by_day.last_key_value().map(|(date, _)| date_out(*date)),
        first_payment_date: first.map(|(date, _)| date_out(*date)),
        first_payment: money(first.map_or(Amount::ZERO, |(_, amount)| *amount)),
        highest_payment: money(by_day.values().copied().max().unwrap_or_default()),
    })
}

/// What terms cost the lender, by part.
pub(crate) fn relief_cost_out(cost: &ReliefCost, currency: Currency) -> ReliefCostMessage {
    let money = |amount| Some(money_out(amount, currency));
    ReliefCostMessage {
        penalty_waived: money(cost.penalty_waived),
        fee_waived: money(cost.fee_waived),
        interest_waived: money(cost.interest_waived),
        principal_forgiven: money(cost.principal_forgiven),
        interest_never_earned: money(cost.interest_never_earned),
        interest_added: money(cost.interest_added),
        time_value: money(cost.time_value),
        total: money(cost.total),
    }
}

fn by_day(flows: &[Flow]) -> Result<BTreeMap<Date, Amount>, LoanError> {
    let mut days: BTreeMap<Date, Amount> = BTreeMap::new();
    for flow in flows {
        let day = days.entry(flow.date).or_default();
        *day = day.add(flow.amount)?;
    }
    Ok(days)
}

/// A decimal with the places that are shown.
pub(crate) fn shown(value: Decimal) -> String {
    let mut value = value.round_dp(SHOWN_PLACES);
    value.rescale(SHOWN_PLACES);
    value.to_string()
}
