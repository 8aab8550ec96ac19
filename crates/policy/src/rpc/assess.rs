//! Assess: one case, stored under its request id unless it is a dry run.

use std::sync::Arc;

use api::leeway::policy::v1::{AssessRequest, AssessResponse};
use assessment::{Decision, Facts, Pack, Trace};
use chassis::mutation::require_request_id;
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use tonic::Request;
use wire::StoredDecision;

use crate::calendars;
use crate::documents::{load, put};
use crate::problems::of_assessment;
use crate::record::{self, DecisionRecord};
use crate::replay::{StoredRow, sheet_of};
use crate::service::State;
use crate::shadow;

const METHOD: &str = "Assess";

pub(crate) async fn handle(
    state: &State,
    request: Request<AssessRequest>,
) -> Result<AssessResponse, Problem> {
    let principal = Principal::of(&request)?;
    let question = question_in(state, request.get_ref()).await?;
    let facts = Arc::new(question.facts);
    let currency = facts.loan.account.contract().currency;
    if request.get_ref().dry_run {
        // What a pack would say on a day on which none is in force may be asked; a decision about a person may not.
        let pack = state.pack_for(&question.pack_name, facts.as_of).await?;
        let decision = decide(state, pack, facts, Trace::Full).await?;
        let dry = StoredDecision { decision_id: String::new(), create_time: None, decision };
        return Ok(AssessResponse { decision: Some(wire::decision_out(&dry, currency)) });
    }
    let asked_by = principal.actor();
    let mutation = Mutation::new(principal, METHOD, &request.get_ref().request_id, request.get_ref());
    let (context, pack_name) = (state.clone(), question.pack_name);
    // A replay is found before anything is computed: it answers even if the pack has moved on.
    let make = move || {
        let (context, asked_by) = (context.clone(), asked_by.clone());
        let (pack_name, facts) = (pack_name.clone(), Arc::clone(&facts));
        async move { make(&context, asked_by, &pack_name, facts).await }
    };
    let id = mutation.run(state.parts.store.clone(), make).await?;
    let stored = load::<DecisionRecord>(&state.parts.store, &id).await?;
    let stored = stored.ok_or_else(|| Problem::data_loss(format!("decision `{id}` is gone")))?;
    Ok(AssessResponse { decision: Some(wire::decision_out(&stored.record.stored_decision(), currency)) })
}

struct Question {
    pack_name: String,
    facts: Facts,
}

async fn question_in(state: &State, message: &AssessRequest) -> Result<Question, Problem> {
    let mut v = Violations::new();
    // A dry run is stored under nothing.
    if !message.dry_run {
        require_request_id(&message.request_id, &mut v);
    }
    let pack_name = wire::id_in(&mut v, "pack_name", &message.pack_name);
    let read = calendars::facts_in(state, &mut v, &message.pack_name, message.facts.as_ref()).await?;
    v.into_result()?;
    let question = pack_name.zip(read.value);
    let (pack_name, facts) =
        question.ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    calendars::check(state, "facts.loan", &facts.loan.account, read.calendar_of).await?;
    Ok(Question { pack_name, facts })
}

/// Makes the decision under the pack in force on its day; its commit stores it.
async fn make(state: &State, asked_by: String, pack_name: &str, facts: Arc<Facts>) -> Result<Draft, Problem> {
    let activations = state.activations(pack_name).await?;
    let pack = state.deciding_pack(pack_name, &activations, facts.as_of).await?;
    let (asked, under) = (Arc::clone(&facts), Arc::clone(&pack));
    let work = move || {
        let decision = assessment::assess(&under, &asked, Trace::Full).map_err(of_assessment)?;
        let sheet = sheet_of(&asked, &under);
        Ok((decision, sheet))
    };
    let (decision, sheet) = state.compute(work).await?;
    let record = DecisionRecord {
        decision_id: state.parts.ids.new_id("decision"),
        asked_by,
        create_time: state.now(),
        facts: Arc::unwrap_or_clone(facts),
        decision,
    };
    let mut commit = record::commit_of(&record)?;
    let (case_id, id) = (&record.facts.case_id, &record.decision_id);
    let made = (&record.decision, sheet.as_ref());
    let row = StoredRow::of((id, record.create_time), made, record.facts.reason, &pack);
    commit.writes.push(put(&row, 0)?);
    commit.effects.extend(shadow::effect(&activations, case_id, id, commit.now)?);
    Ok(Draft { commit, response_ref: record.decision_id })
}

/// The decision, computed off the threads that serve.
pub(crate) async fn decide(
    state: &State,
    pack: Arc<Pack>,
    facts: Arc<Facts>,
    detail: Trace,
) -> Result<Decision, Problem> {
    state.compute(move || assessment::assess(&pack, &facts, detail).map_err(of_assessment)).await
}
