//! `case-timer`: time passed on a case; the case says what that means.

use chassis::{Failure, Problem};
use negotiation::Application;
use store::{Commit, Effect};

use super::body;
use crate::convert;
use crate::drafts::{TimerBody, add_application, commit_at};
use crate::shared::Shared;

pub async fn run(shared: &Shared, effect: &Effect) -> Result<Commit, Failure> {
    let body: TimerBody = body(effect)?;
    advanced(shared, &body).await.map_err(Failure::from)
}

async fn advanced(shared: &Shared, body: &TimerBody) -> Result<Commit, Problem> {
    let before = shared.find::<Application>(&body.application_id).await?;
    let now = shared.now();
    let moved = before.record.clone().advance(now);
    let moved = moved.map_err(|e| convert::step_problem(&body.application_id, &e))?;
    let mut commit = commit_at(now);
    add_application(shared, &mut commit, &before, moved).await?;
    Ok(commit)
}
