//! Assess: one case, stored under its request id unless it is a dry run.

use std::sync::Arc;

use api::leeway::policy::v1::{AssessRequest, AssessResponse};
use assessment::{Decision, Facts, Pack, Trace};
use chassis::mutation::require_request_id;
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use tonic::Request;
use wire::StoredDecision;

use crate::calendars::{self, pack_of};
use crate::problems::{of_assessment, pack_unknown};
use crate::record::{self, DecisionRecord};
use crate::service::State;

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
        let pack = pack_of(state, &question.pack_name)?;
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
    let record = record::find(&state.parts.store, &id).await?;
    let record = record.ok_or_else(|| Problem::data_loss(format!("decision `{id}` is gone")))?;
    Ok(AssessResponse { decision: Some(wire::decision_out(&record.stored_decision(), currency)) })
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
    let read = calendars::facts_in(state, &mut v, &message.pack_name, message.facts.as_ref())?;
    v.into_result()?;
    let question = pack_name.zip(read.value);
    let (pack_name, facts) =
        question.ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    calendars::check(state, "facts.loan", &facts.loan.account, read.calendar_of).await?;
    Ok(Question { pack_name, facts })
}

/// Makes the decision; its commit stores it.
async fn make(state: &State, asked_by: String, pack_name: &str, facts: Arc<Facts>) -> Result<Draft, Problem> {
    let pack = pack_of(state, pack_name)?;
    check_in_force(&pack, &facts)?;
    let decision = decide(state, pack, Arc::clone(&facts), Trace::Full).await?;
    let record = DecisionRecord {
        decision_id: state.parts.ids.new_id("decision"),
        asked_by,
        create_time: state.parts.clock.now(),
        facts: Arc::unwrap_or_clone(facts),
        decision,
    };
    Ok(Draft { commit: record::commit_of(&record)?, response_ref: record.decision_id })
}

/// A decision about a person needs a pack that is in force; dry runs and streams may ask what a pack would have said on
/// another day.
fn check_in_force(pack: &Pack, facts: &Facts) -> Result<(), Problem> {
    let day = facts.as_of;
    if pack.effective_from <= day && pack.effective_until.is_none_or(|until| day <= until) {
        return Ok(());
    }
    Err(pack_unknown(format!("pack `{}` version {} is not in force on {day}", pack.name, pack.version)))
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
