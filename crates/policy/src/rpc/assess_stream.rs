//! AssessStream: many cases, answered in order; what can't be assessed is a problem of its case only.

use std::pin::Pin;
use std::sync::Arc;

use api::leeway::policy::v1::assess_stream_response::Result as Answer;
use api::leeway::policy::v1::{AssessProblem, AssessStreamRequest, AssessStreamResponse, Decision};
use assessment::Trace;
use chassis::{Problem, Violations};
use futures_util::{Stream, StreamExt as _};
use tonic::{Status, Streaming};
use tonic_types::StatusExt as _;
use wire::StoredDecision;

use super::assess::decide;
use crate::calendars;
use crate::service::State;

/// Cases of one stream in work at a time. The client's own pace bounds the rest: no further request is read meanwhile.
const MAX_CASES_AT_ONCE: usize = 2;
/// Violations that a problem's text names.
const MAX_TOLD_VIOLATIONS: usize = 20;

pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<AssessStreamResponse, Status>> + Send>>;

pub(crate) fn handle(state: &State, requests: Streaming<AssessStreamRequest>) -> Answers {
    let state = state.clone();
    let answers = requests.map(move |request| {
        let state = state.clone();
        // A request that can't be read at all ends the stream; what it was about isn't known.
        async move { Ok(answer(&state, request?).await) }
    });
    Box::pin(answers.buffered(MAX_CASES_AT_ONCE))
}

async fn answer(state: &State, request: AssessStreamRequest) -> AssessStreamResponse {
    let case_id = request.facts.as_ref().map(|facts| facts.case_id.clone()).unwrap_or_default();
    let result = match assess(state, &request).await {
        Ok(decision) => Answer::Decision(decision),
        Err(problem) => Answer::Problem(told(problem)),
    };
    AssessStreamResponse { case_id, result: Some(result) }
}

async fn assess(state: &State, request: &AssessStreamRequest) -> Result<Decision, Problem> {
    let mut v = Violations::new();
    let pack_name = wire::id_in(&mut v, "pack_name", &request.pack_name);
    let read = calendars::facts_in(state, &mut v, &request.pack_name, request.facts.as_ref()).await?;
    v.into_result()?;
    let (pack_name, facts) =
        pack_name.zip(read.value).ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    calendars::check(state, "facts.loan", &facts.loan.account, read.calendar_of).await?;
    let currency = facts.loan.account.contract().currency;
    let detail = if request.omit_trace { Trace::None } else { Trace::Full };
    let pack = state.pack_for(&pack_name, facts.as_of).await?;
    let decision = decide(state, pack, Arc::new(facts), detail).await?;
    let dry = StoredDecision { decision_id: String::new(), create_time: None, decision };
    Ok(wire::decision_out(&dry, currency))
}

/// The same reason and text that Assess would answer with; violations are named in the text.
fn told(problem: Problem) -> AssessProblem {
    let reason = problem.reason().as_str_name().to_owned();
    let status = Status::from(problem);
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let mut message = status.message().to_owned();
    if !violations.is_empty() {
        let texts: Vec<String> = violations
            .iter()
            .take(MAX_TOLD_VIOLATIONS)
            .map(|violation| format!("`{}` {}", violation.field, violation.description))
            .collect();
        message = texts.join("; ");
    }
    AssessProblem { reason, message }
}
