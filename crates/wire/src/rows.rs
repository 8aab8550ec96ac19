//! Rows of schedules.

use api::leeway::common::v1;
use chassis::Violations;
use loan::{Amount, Currency, Row, RowState};

use crate::error::WireError;
use crate::money::{money_in, money_out};
use crate::primitives::{at, count_in, date_in, date_out, number_out};

/// A schedule row without its history: nothing paid, no penalty.
pub fn row_out(row: &Row, currency: Currency) -> Result<v1::Instalment, WireError> {
    let money = |amount| Some(money_out(amount, currency));
    Ok(v1::Instalment {
        nr: number_out(row.nr),
        due_date: Some(date_out(row.due)),
        contract_due_date: Some(date_out(row.contract_due)),
        principal: money(row.principal),
        interest: money(row.interest),
        fee: money(row.fee),
        penalty: money(Amount::ZERO),
        relief_interest: money(row.relief_interest),
        total_due: money(row.total()?),
        paid: money(Amount::ZERO),
        waived: money(Amount::ZERO),
        balance_after: money(row.balance_after),
        paid_date: None,
    })
}

/// A schedule row with what became of it. Every column is net of what was waived, so that total due less paid is what is left.
pub fn row_state_out(state: &RowState, currency: Currency) -> Result<v1::Instalment, WireError> {
    let money = |amount| Some(money_out(amount, currency));
    let penalty = state.penalty.sub(state.waived.penalty)?;
    Ok(v1::Instalment {
        penalty: money(penalty),
        total_due: money(state.row.total()?.add(penalty)?),
        paid: money(state.paid.total()?),
        waived: money(state.waived.total()?),
        paid_date: state.paid_on.map(date_out),
        ..row_out(&state.row, currency)?
    })
}

/// Writes a row of an offer.
pub fn instalment_out(row: &assessment::Instalment, currency: Currency) -> v1::Instalment {
    let money = |amount| Some(money_out(amount, currency));
    v1::Instalment {
        nr: number_out(row.nr),
        due_date: Some(date_out(row.due_date)),
        contract_due_date: Some(date_out(row.contract_due_date)),
        principal: money(row.principal),
        interest: money(row.interest),
        fee: money(row.fee),
        penalty: money(row.penalty),
        relief_interest: money(row.relief_interest),
        total_due: money(row.total_due),
        paid: money(row.paid),
        waived: money(row.waived),
        balance_after: money(row.balance_after),
        paid_date: None,
    }
}

/// A row of an offer.
pub fn instalment_in(
    v: &mut Violations,
    field: &str,
    row: &v1::Instalment,
    currency: Currency,
) -> Option<assessment::Instalment> {
    let nr = count_in(v, &at(field, "nr"), row.nr, 1..=u32::MAX);
    let due_date = date_in(v, &at(field, "due_date"), row.due_date.as_ref());
    let contract_due_date = date_in(v, &at(field, "contract_due_date"), row.contract_due_date.as_ref());
    let mut money =
        |name: &str, message: &Option<v1::Money>| money_in(v, &at(field, name), message.as_ref(), currency);
    let principal = money("principal", &row.principal);
    let interest = money("interest", &row.interest);
    let fee = money("fee", &row.fee);
    let penalty = money("penalty", &row.penalty);
    let relief_interest = money("relief_interest", &row.relief_interest);
    let total_due = money("total_due", &row.total_due);
    let paid = money("paid", &row.paid);
    let waived = money("waived", &row.waived);
    let balance_after = money("balance_after", &row.balance_after);
    Some(assessment::Instalment {
        nr: nr?,
        due_date: due_date?,
        contract_due_date: contract_due_date?,
        principal: principal?,
        interest: interest?,
        fee: fee?,
        penalty: penalty?,
        relief_interest: relief_interest?,
        total_due: total_due?,
        paid: paid?,
        waived: waived?,
        balance_after: balance_after?,
    })
}
