//! `Enqueue`: accepts a message under its key.

use std::sync::Arc;

use api::leeway::common::v1::ErrorReason;
use api::leeway::notification::v1 as pb;
use chassis::{Draft, Mutation, Principal, Problem};
use contact::Decision;
use store::Commit;
use tonic::Request;

use crate::convert;
use crate::documents::{Content, Notification, insert, notification_id, read};
use crate::service::Core;
use crate::work::{deliver, moment};

const METHOD: &str = "Enqueue";

pub async fn enqueue(
    core: &Arc<Core>,
    request: Request<pb::EnqueueRequest>,
) -> Result<pb::EnqueueResponse, Problem> {
    let principal = Principal::of(&request)?;
    let request = request.into_inner();
    let actor: Arc<str> = principal.actor().into();
    let mutation = Mutation::new(principal, METHOD, &request.request_id, &request);
    let content = Arc::new(convert::content(core, request)?);
    let deciding = Arc::clone(core);
    let decide = move || accept(Arc::clone(&deciding), Arc::clone(&content), Arc::clone(&actor));
    let id = mutation.run(core.store.clone(), decide).await?;
    let stored = read::<Notification>(&core.store, &id).await?;
    let stored = stored.ok_or_else(|| Problem::data_loss(format!("notification `{id}` is gone")))?;
    Ok(pb::EnqueueResponse { notification: Some(convert::notification(stored.record)) })
}

/// A new key schedules a message; a known one with the same content answers what it has become.
async fn accept(core: Arc<Core>, content: Arc<Content>, actor: Arc<str>) -> Result<Draft, Problem> {
    let id = notification_id(&content.key);
    let now = core.now();
    let commit = Commit { now: now.as_microsecond(), ..Commit::default() };
    if let Some(known) = read::<Notification>(&core.store, &id).await? {
        if known.record.content != *content {
            return Err(Problem::precondition(
                ErrorReason::RequestIdReused,
                content.key.clone(),
                "the key was used for another message",
            ));
        }
        return Ok(Draft { commit, response_ref: id });
    }
    let wanted = content.not_before.map_or(now, |at| at.max(now));
    let not_before = match moment::ask(&core, &content, wanted).await?.decision {
        // What is on record against it now may be gone by then; delivery asks again.
        Decision::Deliver | Decision::Suppressed(_) => wanted,
        Decision::DeferUntil(at) => at,
    };
    let notification = Notification::accepted((*content).clone(), not_before, now);
    let commit = Commit {
        writes: vec![insert(&notification)?],
        journal: vec![deliver::entry(&id, "accepted", &actor)],
        effects: vec![deliver::effect(&id, not_before)?],
        ..commit
    };
    Ok(Draft { commit, response_ref: id })
}
