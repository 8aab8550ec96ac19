//! PreviewSchedule: the schedule of a loan, with and without terms.

use api::leeway::policy::v1::{PreviewScheduleRequest, PreviewScheduleResponse};
use chassis::{Problem, Violations};
use loan::value;
use loan::{Account, Amount, Currency, Date, LoanError, Preview, RowState, State as LoanState, Terms};
use rust_decimal::Decimal;
use wire::{money_out, parts_out, row_state_out};

use crate::problems::of_loan;
use crate::service::State;

/// Places of the present-value loss's share and of the annual cost, as in offers.
const SHOWN_PLACES: u32 = 4;

pub(crate) async fn handle(
    state: &State,
    request: PreviewScheduleRequest,
) -> Result<PreviewScheduleResponse, Problem> {
    let question = question_in(&request)?;
    state.compute(move || answer(&question)).await
}

struct Question {
    account: Account,
    as_of: Date,
    terms: Option<Terms>,
}

fn question_in(request: &PreviewScheduleRequest) -> Result<Question, Problem> {
    let mut v = Violations::new();
    let as_of = wire::date_in(&mut v, "as_of_date", request.as_of_date.as_ref());
    let loan = wire::loan_facts_in(&mut v, "loan", request.loan.as_ref(), as_of);
    // Where the loan is refused, the terms are still looked at, with any currency.
    let contract = request.loan.as_ref().and_then(|loan| loan.contract.as_ref());
    let terms = match (&request.terms, wire::loan_currency(contract)) {
        (None, _) => Some(None),
        (Some(terms), Some(currency)) => wire::terms_in(&mut v, "terms", Some(terms), currency).map(Some),
        (Some(_), None) => None,
    };
    v.into_result()?;
    let ((loan, as_of), terms) =
        loan.zip(as_of).zip(terms).ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    Ok(Question { account: loan.account, as_of, terms })
}

fn answer(question: &Question) -> Result<PreviewScheduleResponse, Problem> {
    let account = &question.account;
    let currency = account.contract().currency;
    let state = account.state(question.as_of).map_err(|error| of_loan(error, "loan"))?;
    let before = state.rows.iter().map(|row| row_state_out(row, currency)).collect::<Result<_, _>>()?;
    let total_before = state.owed.total().map_err(|error| of_loan(error.into(), "loan"))?;
    let response = PreviewScheduleResponse {
        before,
        principal_left: Some(money_out(state.principal_left, currency)),
        arrears: Some(parts_out(&state.arrears, currency)),
        total_before: Some(money_out(total_before, currency)),
        ..PreviewScheduleResponse::default()
    };
    let Some(terms) = &question.terms else { return Ok(response) };
    let preview = account.preview(terms, question.as_of).map_err(|error| of_loan(error, "terms"))?;
    let annual_cost = annual_cost(&state, &preview)
        .map_err(|error| of_loan(error, "terms"))?
        .map(shown)
        .unwrap_or_default();
    let mut waived = preview.after.waived;
    waived.principal = waived.principal.max(preview.after.forgiven_principal);
    Ok(PreviewScheduleResponse {
        after: rows_after(&state, &preview, currency)?,
        total_after: Some(money_out(preview.total_after, currency)),
        waived: Some(parts_out(&waived, currency)),
        relief_interest: Some(money_out(preview.after.relief_interest, currency)),
        present_value_loss: Some(money_out(preview.pv_loss, currency)),
        present_value_loss_share: shown(preview.pv_loss_share.decimal()),
        annual_cost,
        ..response
    })
}

/// The rows under the terms, with what was paid on them before.
fn rows_after(
    state: &LoanState,
    preview: &Preview,
    currency: Currency,
) -> Result<Vec<api::leeway::common::v1::Instalment>, Problem> {
    let mut rows = Vec::with_capacity(preview.after.rows.len());
    for row in &preview.after.rows {
        let known = state.rows.iter().find(|known| known.row.nr == row.nr);
        let mut after = known.cloned().unwrap_or_else(|| unpaid(row.clone()));
        after.row = row.clone();
        if let Some(waived) = preview.after.waived_by_row.get(&row.nr) {
            after.waived = after.waived.plus(waived).map_err(wire::WireError::from)?;
        }
        rows.push(row_state_out(&after, currency)?);
    }
    Ok(rows)
}

/// A row that the terms added.
fn unpaid(row: loan::Row) -> RowState {
    RowState {
        row,
        paid: loan::Parts::default(),
        waived: loan::Parts::default(),
        penalty: Amount::ZERO,
        paid_on: None,
        payments: Vec::new(),
    }
}

/// Nominal yearly cost of what remains, against principal left and what is due, at the last due date: as in offers.
fn annual_cost(state: &LoanState, preview: &Preview) -> Result<Option<Decimal>, LoanError> {
    let outlay = Amount::try_sum([state.principal_left, state.arrears.interest, state.arrears.fee])?;
    let cost = value::annual_cost(outlay, &preview.after.flows, preview.value_date)?;
    Ok(cost.map(|cost| cost.decimal()))
}

fn shown(value: Decimal) -> String {
    let mut value = value.round_dp(SHOWN_PLACES);
    value.rescale(SHOWN_PLACES);
    value.to_string()
}
