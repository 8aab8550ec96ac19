use api::leeway::application::v1::{ImportLoansRequest, ImportLoansResponse, ImportRefusal};
use chassis::{Principal, Problem, Violations};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::StoreError;
use tonic::{Code, Request, Streaming};

use super::register_loan::{registered, registration_in};
use crate::documents::LoanRecord;
use crate::shared::Shared;

/// Rows in work at once; the store groups their commits.
const MAX_ROWS_IN_FLIGHT: usize = 64;
/// Refusals that are named in the answer; the rest is counted.
const MAX_REFUSALS: usize = 1_000;

enum RowOutcome {
    Created,
    Unchanged,
    Refused(ImportRefusal),
}

pub async fn handle(
    shared: &Shared,
    request: Request<Streaming<ImportLoansRequest>>,
) -> Result<ImportLoansResponse, Problem> {
    let actor = Principal::of(&request)?.actor();
    let mut rows = request.into_inner();
    let mut answer = ImportLoansResponse::default();
    let mut working = FuturesUnordered::new();
    loop {
        while working.len() >= MAX_ROWS_IN_FLIGHT {
            count(&mut answer, working.next().await)?;
        }
        match rows.message().await {
            Ok(Some(row)) => working.push(owned_row(shared.clone(), row, actor.clone())),
            Ok(None) => break,
            Err(status) => return Err(Problem::from_status(&status)),
        }
    }
    while let Some(outcome) = working.next().await {
        count(&mut answer, Some(outcome))?;
    }
    answer.refusals.sort_by_key(|refusal| refusal.row);
    Ok(answer)
}

fn count(
    answer: &mut ImportLoansResponse,
    outcome: Option<Result<RowOutcome, Problem>>,
) -> Result<(), Problem> {
    match outcome.transpose()? {
        Some(RowOutcome::Created) => answer.created += 1,
        Some(RowOutcome::Unchanged) => answer.unchanged += 1,
        Some(RowOutcome::Refused(refusal)) => {
            answer.refused += 1;
            if answer.refusals.len() < MAX_REFUSALS {
                answer.refusals.push(refusal);
            }
        }
        None => {}
    }
    Ok(())
}

/// A row is stored in a task of the server's: a stream that breaks leaves whole rows behind.
async fn owned_row(shared: Shared, row: ImportLoansRequest, actor: String) -> Result<RowOutcome, Problem> {
    chassis::task::owned(async move { import_row(&shared, &row, &actor).await }).await
}

async fn import_row(shared: &Shared, row: &ImportLoansRequest, actor: &str) -> Result<RowOutcome, Problem> {
    let loan_id = row.loan.as_ref().map(|loan| loan.loan_id.clone()).unwrap_or_default();
    let refused = |reason: &str, message: String| {
        let loan_id = loan_id.clone();
        Ok(RowOutcome::Refused(ImportRefusal { row: row.row, loan_id, reason: reason.to_owned(), message }))
    };
    let mut v = Violations::new();
    let registration = match registration_in(shared, &mut v, "loan", row.loan.as_ref()).await {
        Ok(registration) => registration,
        Err(problem) if problem.code() == Code::FailedPrecondition => {
            return refused(problem.reason().as_str_name(), problem.to_string());
        }
        Err(problem) => return Err(problem),
    };
    let Some(registration) = registration.filter(|_| v.is_empty()) else {
        return refused("ERROR_REASON_VALIDATION_FAILED", v.describe());
    };
    // Twice: a row may lose a race against its twin in the same stream, and then it is unchanged.
    for _ in 0..2 {
        if let Some(known) = shared.get::<LoanRecord>(&registration.record.loan_id).await? {
            if known.record.registration_hash == registration.record.registration_hash {
                return Ok(RowOutcome::Unchanged);
            }
            return refused(
                "ERROR_REASON_ALREADY_EXISTS",
                "the loan is registered with other content".to_owned(),
            );
        }
        let commit = match registered(shared, registration.clone(), actor).await {
            Ok(commit) => commit,
            Err(problem) if problem.code() == Code::FailedPrecondition => {
                return refused(problem.reason().as_str_name(), problem.to_string());
            }
            Err(problem) => return Err(problem),
        };
        match shared.store.commit(commit).await {
            Ok(_) => return Ok(RowOutcome::Created),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    refused("ERROR_REASON_ALREADY_EXISTS", "the loan is being registered by somebody else".to_owned())
}
