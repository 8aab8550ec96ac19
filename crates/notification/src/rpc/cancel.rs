//! `Cancel`: calls back what is not delivered yet under a key.

use std::sync::Arc;

use api::leeway::notification::v1 as pb;
use chassis::{Draft, Mutation, Principal, Problem};
use store::Commit;
use tonic::Request;

use crate::convert;
use crate::documents::{Notification, State, notification_id, read};
use crate::service::Core;
use crate::work::deliver;

const METHOD: &str = "Cancel";
/// What an idempotency record holds for an answer.
const CANCELLED: &str = "cancelled";
const NOT_CANCELLED: &str = "not-cancelled";

pub async fn cancel(
    core: &Arc<Core>,
    request: Request<pb::CancelRequest>,
) -> Result<pb::CancelResponse, Problem> {
    let principal = Principal::of(&request)?;
    let request = request.into_inner();
    convert::cancelled_key(&request)?;
    let actor: Arc<str> = principal.actor().into();
    let mutation = Mutation::new(principal, METHOD, &request.request_id, &request);
    let id: Arc<str> = notification_id(&request.key).into();
    let deciding = Arc::clone(core);
    let decide = move || call_back(Arc::clone(&deciding), Arc::clone(&id), Arc::clone(&actor));
    let answer = mutation.run(core.store.clone(), decide).await?;
    Ok(pb::CancelResponse { cancelled: answer == CANCELLED })
}

async fn call_back(core: Arc<Core>, id: Arc<str>, actor: Arc<str>) -> Result<Draft, Problem> {
    let now = core.now();
    let commit = Commit { now: now.as_microsecond(), ..Commit::default() };
    let unchanged = |answer: &str| Draft { commit: commit.clone(), response_ref: answer.to_owned() };
    let Some(found) = read::<Notification>(&core.store, &id).await? else {
        return Ok(unchanged(NOT_CANCELLED));
    };
    match found.record.state {
        State::Delivered { .. } => return Ok(unchanged(NOT_CANCELLED)),
        State::Cancelled { .. } => return Ok(unchanged(CANCELLED)),
        State::Scheduled { .. } => {}
    }
    let cancelled = found.record.clone().cancelled(now);
    let commit = Commit {
        writes: vec![found.put(&cancelled)?],
        journal: vec![deliver::entry(&id, "cancelled", &actor)],
        effects: vec![deliver::drop_effect(&id)],
        ..commit
    };
    Ok(Draft { commit, response_ref: CANCELLED.to_owned() })
}
