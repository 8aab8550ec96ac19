//! GetDecision: a stored decision with the facts it was made from.

use api::leeway::policy::v1::{GetDecisionRequest, GetDecisionResponse};
use chassis::{Problem, Violations};

use crate::record;
use crate::service::State;

pub(crate) async fn handle(
    state: &State,
    request: &GetDecisionRequest,
) -> Result<GetDecisionResponse, Problem> {
    let mut v = Violations::new();
    wire::id_in(&mut v, "decision_id", &request.decision_id);
    v.into_result()?;
    let id = &request.decision_id;
    let found = record::find(&state.parts.store, id).await?;
    let record = found.ok_or_else(|| Problem::not_found(format!("decision `{id}`")))?;
    let currency = record.facts.loan.account.contract().currency;
    let facts = wire::facts_out(&record.facts);
    Ok(GetDecisionResponse {
        decision: Some(wire::decision_out(&record.stored_decision(), currency)),
        facts: Some(facts),
    })
}
