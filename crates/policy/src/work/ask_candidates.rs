//! `shadow`: asks the candidates that sampled a case what they would have said, and stores it beside the decision.

use std::sync::Arc;

use assessment::{Facts, Pack, Trace};
use chassis::{Failure, Problem};
use store::{Commit, Effect};

use crate::activation::{Activation, State as ActivationState};
use crate::documents::{load, put};
use crate::library::Found;
use crate::record::DecisionRecord;
use crate::replay::{FlipKind, Verdict};
use crate::service::State;
use crate::shadow::{ShadowBody, ShadowRecord};

/// Code of a candidate that this engine can't read.
const PACK_UNREADABLE: &str = "PACK_UNREADABLE";

pub(crate) async fn run(state: &State, effect: &Effect) -> Result<Commit, Failure> {
    let body: ShadowBody = serde_json::from_str(&effect.body).map_err(|error| {
        Failure::permanent(format!("body can't be read, {:?} at column {}", error.classify(), error.column()))
    })?;
    let store = &state.parts.store;
    let Some(decided) = load::<DecisionRecord>(store, &body.decision_id).await? else {
        return Err(Failure::permanent("the decision is gone"));
    };
    let decided = decided.record;
    let before = Verdict::of(&decided.decision);
    let facts = Arc::new(decided.facts);
    let mut commit = Commit { now: state.now().as_microsecond(), ..Commit::default() };
    for id in &body.activations {
        let activation = load::<Activation>(store, id).await?.map(|found| found.record);
        // Confirmed or withdrawn since: nobody asks any more.
        let Some(candidate) = activation.filter(|one| one.state == ActivationState::Proposed) else {
            continue;
        };
        let known = ShadowRecord::id_of(id, &decided.decision_id);
        if load::<ShadowRecord>(store, &known).await?.is_some() {
            continue;
        }
        let said = ask(state, &candidate.pack.digest, &facts).await?;
        let record = ShadowRecord {
            activation_id: id.clone(),
            decision_id: decided.decision_id.clone(),
            pack_digest: candidate.pack.digest,
            kinds: said.as_ref().map_or(vec![FlipKind::Unassessable], |after| before.kinds(after)),
            problem: said.as_ref().err().map(|code| (*code).to_owned()).unwrap_or_default(),
            verdict: said.ok(),
        };
        commit.writes.push(put(&record, 0)?);
    }
    Ok(commit)
}

async fn ask(
    state: &State,
    digest: &str,
    facts: &Arc<Facts>,
) -> Result<Result<Verdict, &'static str>, Problem> {
    let pack: Arc<Pack> = match state.find_pack(digest).await? {
        Found::Pack(pack) => pack,
        Found::Absent | Found::Unreadable(_) => return Ok(Err(PACK_UNREADABLE)),
    };
    let facts = Arc::clone(facts);
    let work = move || Ok(assessment::assess(&pack, &facts, Trace::None));
    let said = state.compute_behind(work).await?;
    Ok(said.map(|decision| Verdict::of(&decision)).map_err(|error| error.code()))
}
