//! GetDecision: a stored decision with its facts, its proof, and what candidates in shadow said.

use api::leeway::policy::v1::{GetDecisionRequest, GetDecisionResponse};
use chassis::{Problem, Violations};
use store::{Op, Query};

use crate::documents::{Record, list, read};
use crate::record::DecisionRecord;
use crate::service::State;
use crate::shadow::ShadowRecord;
use crate::told::shadow_out;
use crate::verify::verify;

/// Most shadows that are told of one decision; no more candidates are open at a time.
const MAX_TOLD_SHADOWS: u32 = 16;

pub(crate) async fn handle(
    state: &State,
    request: &GetDecisionRequest,
) -> Result<GetDecisionResponse, Problem> {
    let mut v = Violations::new();
    wire::id_in(&mut v, "decision_id", &request.decision_id);
    v.into_result()?;
    let id = &request.decision_id;
    let store = &state.parts.store;
    let stored = store.get(DecisionRecord::KIND, id).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(format!("decision `{id}`")))?;
    let record = read::<DecisionRecord>(&stored)?.record;
    let verification = verify(state, &record, &stored.body).await?;
    let query = Query {
        kind: ShadowRecord::KIND,
        filters: vec![("decision_id", Op::Eq, id.as_str().into())],
        order_by: "id",
        descending: false,
        after: None,
        limit: MAX_TOLD_SHADOWS,
    };
    let shadows: Vec<ShadowRecord> = list(store, query).await?;
    let currency = record.facts.loan.account.contract().currency;
    let facts = wire::facts_out(&record.facts);
    Ok(GetDecisionResponse {
        decision: Some(wire::decision_out(&record.stored_decision(), currency)),
        facts: Some(facts),
        verification: Some(verification),
        shadows: shadows.iter().map(|shadow| shadow_out(shadow, currency)).collect(),
    })
}
