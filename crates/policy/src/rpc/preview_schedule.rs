//! PreviewSchedule: what stands on a loan, and its schedule with and without terms.

use api::leeway::common::v1::Instalment;
use api::leeway::policy::v1::{PreviewScheduleRequest, PreviewScheduleResponse};
use chassis::{Problem, Violations};
use loan::{Account, Amount, Currency, Date, LoanError, Preview, RowState, State as LoanState, Terms};
use wire::{money_out, parts_out, row_state_out};

use crate::calendars;
use crate::refusals::{of_event, of_loan, of_terms};
use crate::schedules::{Remaining, cost_out, relief_cost_out, shown, standing_out, versions_out};
use crate::service::State;

/// Most events of a preview that are tried one by one: all but payments, reversals, charges and suspensions. Each takes
/// two replays, up to half a second each where a loan has 600 rows and as many payments, and borrowers may ask.
const MAX_CHANGES: usize = 30;
/// Pack of previews that name none, as of loans that name none.
const DEFAULT_PACK: &str = "cn-instalment";

pub(crate) async fn handle(
    state: &State,
    request: PreviewScheduleRequest,
) -> Result<PreviewScheduleResponse, Problem> {
    let question = question_in(state, &request).await?;
    state.compute(move || answer(&question)).await
}

struct Question {
    account: Account,
    as_of: Date,
    terms: Option<Terms>,
}

async fn question_in(state: &State, request: &PreviewScheduleRequest) -> Result<Question, Problem> {
    let mut v = Violations::new();
    let as_of = wire::date_in(&mut v, "as_of_date", request.as_of_date.as_ref());
    let pack_name = if request.pack_name.is_empty() { DEFAULT_PACK } else { &request.pack_name };
    wire::id_in(&mut v, "pack_name", pack_name);
    let loan = (request.loan.as_ref(), as_of);
    let calendars::Read { value: loan, calendar_of } =
        calendars::loan_in(state, &mut v, pack_name, loan).await?;
    // Where the loan is refused, the terms are still looked at, with any currency.
    let contract = request.loan.as_ref().and_then(|loan| loan.contract.as_ref());
    let terms = match (&request.terms, wire::loan_currency(contract)) {
        (None, _) => Some(None),
        (Some(terms), Some(currency)) => wire::terms_in(&mut v, "terms", Some(terms), currency).map(Some),
        (Some(_), None) => None,
    };
    if let Some(loan) = &loan {
        let changes = loan.account.events.iter().filter(|event| event.kind.is_change()).count();
        let description =
            format!("at most {MAX_CHANGES} other than payments, reversals, charges and suspensions");
        v.require("loan.events", changes <= MAX_CHANGES, wire::reason::TOO_LONG, &description);
    }
    v.into_result()?;
    let ((loan, as_of), terms) =
        loan.zip(as_of).zip(terms).ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    if calendar_of.is_none() {
        state.pack_for(pack_name, as_of).await?;
    }
    calendars::check(state, "loan", &loan.account, calendar_of).await?;
    Ok(Question { account: loan.account, as_of, terms })
}

/// The loan as its events were entered, each change tried against what stood before it.
fn replayed(account: &Account) -> Result<Account, Problem> {
    let opened = Account::open(account.origin.clone(), account.product.clone());
    let opened = opened.map_err(|error| of_loan(error, &[]))?;
    let recorded = opened.record_all(account.events.clone());
    recorded.map_err(|(index, error)| of_event(error, &account.events, index))
}

fn answer(question: &Question) -> Result<PreviewScheduleResponse, Problem> {
    let account = &replayed(&question.account)?;
    let of_loan = |error: LoanError| of_loan(error, &account.events);
    let currency = account.contract().currency;
    let state = account.state(question.as_of).map_err(of_loan)?;
    let before = state.rows.iter().map(|row| row_state_out(row, currency)).collect::<Result<_, _>>()?;
    let total_before = state.owed.total().map_err(|error| of_loan(error.into()))?;
    let flows = loan::preview::open_flows(&state).map_err(of_loan)?;
    let as_it_stands = Remaining { flows: &flows, total_to_pay: total_before };
    let response = PreviewScheduleResponse {
        before,
        principal_left: Some(money_out(state.principal_left, currency)),
        arrears: Some(parts_out(&state.arrears, currency)),
        total_before: Some(money_out(total_before, currency)),
        versions: versions_out(&state, currency)?,
        standing: Some(standing_out(&state, currency)?),
        cost_before: Some(cost_out(account, &state, &as_it_stands).map_err(of_loan)?),
        ..PreviewScheduleResponse::default()
    };
    match &question.terms {
        Some(terms) => under_terms(account, &state, terms, response),
        None => Ok(response),
    }
}

/// The answer with what `terms` would do on the state's day.
fn under_terms(
    account: &Account,
    state: &LoanState,
    terms: &Terms,
    response: PreviewScheduleResponse,
) -> Result<PreviewScheduleResponse, Problem> {
    let of_terms = |error: LoanError| of_terms(error, terms);
    let currency = account.contract().currency;
    let preview = account.preview(terms, state.as_of).map_err(of_terms)?;
    let remaining = Remaining { flows: &preview.after.flows, total_to_pay: preview.total_after };
    let cost = cost_out(account, state, &remaining).map_err(of_terms)?;
    let mut waived = preview.after.waived;
    waived.principal = waived.principal.max(preview.after.forgiven_principal);
    Ok(PreviewScheduleResponse {
        after: rows_after(state, &preview, currency)?,
        total_after: Some(money_out(preview.total_after, currency)),
        waived: Some(parts_out(&waived, currency)),
        relief_interest: Some(money_out(preview.after.relief_interest, currency)),
        present_value_loss: Some(money_out(preview.pv_loss, currency)),
        present_value_loss_share: shown(preview.pv_loss_share.decimal()),
        annual_cost: cost.annual_cost.clone(),
        cost_after: Some(cost),
        relief_cost: Some(relief_cost_out(&preview.cost, currency)),
        ..response
    })
}

/// The rows under the terms, with what was paid on them before.
fn rows_after(state: &LoanState, preview: &Preview, currency: Currency) -> Result<Vec<Instalment>, Problem> {
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
        charged: Amount::ZERO,
        paid_on: None,
        payments: Vec::new(),
    }
}
