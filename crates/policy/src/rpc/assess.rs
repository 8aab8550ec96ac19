//! Assess: one case, stored under its request id unless it is a dry run.

use std::sync::Arc;

use api::leeway::policy::v1::{AssessRequest, AssessResponse};
use assessment::{Decision, Facts, Pack, Trace};
use chassis::{Principal, Problem, Violations};
use tonic::Request;
use wire::StoredDecision;

use crate::problems::{of_assessment, pack_unknown};
use crate::record::{self, Asked, DecisionRecord};
use crate::service::State;

pub(crate) async fn handle(
    state: &State,
    request: Request<AssessRequest>,
) -> Result<AssessResponse, Problem> {
    let principal = Principal::of(&request)?;
    let question = question_in(request.get_ref())?;
    let facts = Arc::new(question.facts);
    let currency = facts.loan.account.contract().currency;
    let Some(request_id) = question.request_id else {
        let pack = pack_of(state, &question.pack_name)?;
        let decision = decide(state, pack, facts, Trace::Full).await?;
        let dry = StoredDecision { decision_id: String::new(), create_time: None, decision };
        return Ok(AssessResponse { decision: Some(wire::decision_out(&dry, currency)) });
    };
    let asked = Asked::new(&principal, request_id, &question.pack_name, &facts)?;
    // Before anything is computed: a replay answers even if the pack has moved on.
    let record = match asked.replay(&state.parts.store).await? {
        Some(record) => record,
        None => make(state, asked, &question.pack_name, facts).await?,
    };
    Ok(AssessResponse { decision: Some(wire::decision_out(&record.stored_decision(), currency)) })
}

struct Question {
    /// `None`: a dry run.
    request_id: Option<String>,
    pack_name: String,
    facts: Facts,
}

fn question_in(message: &AssessRequest) -> Result<Question, Problem> {
    let mut v = Violations::new();
    let request_id = if message.dry_run {
        Some(None)
    } else {
        wire::request_id_in(&mut v, "request_id", &message.request_id).map(Some)
    };
    let pack_name = wire::id_in(&mut v, "pack_name", &message.pack_name);
    let facts = wire::facts_in(&mut v, "facts", message.facts.as_ref());
    v.into_result()?;
    let question = request_id.zip(pack_name).zip(facts);
    let ((request_id, pack_name), facts) =
        question.ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    Ok(Question { request_id, pack_name, facts })
}

/// Makes the decision and stores it.
async fn make(
    state: &State,
    asked: Asked,
    pack_name: &str,
    facts: Arc<Facts>,
) -> Result<DecisionRecord, Problem> {
    let pack = pack_of(state, pack_name)?;
    check_in_force(&pack, &facts)?;
    let decision = decide(state, pack, Arc::clone(&facts), Trace::Full).await?;
    let record = DecisionRecord {
        decision_id: state.parts.ids.new_id("decision"),
        asked_by: asked.actor().to_owned(),
        create_time: state.parts.clock.now(),
        facts: Arc::unwrap_or_clone(facts),
        decision,
    };
    let store = state.parts.store.clone();
    chassis::task::owned(async move { record::save(&store, asked, record).await }).await
}

/// The pack of a name, or PACK_UNKNOWN.
pub(crate) fn pack_of(state: &State, name: &str) -> Result<Arc<Pack>, Problem> {
    state.packs.get(name).cloned().ok_or_else(|| pack_unknown(format!("there is no pack `{name}`")))
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
