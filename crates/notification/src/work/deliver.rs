//! Effect `deliver`: puts a message into the inbox at its moment, or later if the rules say so by then.

use std::sync::Arc;

use chassis::{Failure, Problem};
use contact::Decision;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Commit, Effect, EffectChange, Entry, Write};

use crate::documents::{InboxMessage, Notification, State, Versioned, insert, read};
use crate::service::Core;
use crate::work::moment::{Asked, CHANNEL, ask, message};

/// The effect's topic.
pub const DELIVER_TOPIC: &str = "deliver";
/// Newest body of it that this version reads.
pub const DELIVER_VERSION: i32 = 1;

/// The effect's body.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    notification_id: String,
}

/// The effect that delivers a notification, not before a moment. One a notification: a later one replaces it.
pub(crate) fn effect(notification_id: &str, not_before: Timestamp) -> Result<EffectChange, Problem> {
    let order = Order { notification_id: notification_id.to_owned() };
    let body = serde_json::to_string(&order)
        .map_err(|error| Problem::internal("an order to deliver can't be written").source(error))?;
    Ok(EffectChange::Put {
        topic: DELIVER_TOPIC,
        key: notification_id.to_owned(),
        version: DELIVER_VERSION,
        not_before: not_before.as_microsecond(),
        body,
        trace: chassis::telemetry::current_traceparent(),
        lease: None,
    })
}

/// Removes that effect.
pub(crate) fn drop_effect(notification_id: &str) -> EffectChange {
    EffectChange::Drop { topic: DELIVER_TOPIC, key: notification_id.to_owned() }
}

/// A line in the journal of a notification. Ids and words only.
pub(crate) fn entry(notification_id: &str, kind: &str, actor: &str) -> Entry {
    Entry {
        stream: format!("notification/{notification_id}"),
        kind: format!("notification.{kind}"),
        actor: actor.to_owned(),
        body: serde_json::json!({ "notification_id": notification_id }).to_string(),
    }
}

/// Runs the effect. The worker commits the result in one with the effect's end.
pub(crate) async fn run(core: Arc<Core>, effect: Effect) -> Result<Commit, Failure> {
    let order: Order = serde_json::from_str(&effect.body)
        .map_err(|error| Failure::permanent(format!("an order to deliver can't be read: {error}")))?;
    let now = core.now();
    let found = read::<Notification>(&core.store, &order.notification_id).await?;
    let Some(found) = found else {
        return Err(Failure::permanent(format!("notification `{}` is gone", order.notification_id)));
    };
    match found.record.state {
        State::Scheduled { .. } => {}
        // Cancelled or delivered meanwhile: the order is done.
        State::Delivered { .. } | State::Cancelled { .. } => {
            return Ok(Commit { now: now.as_microsecond(), ..Commit::default() });
        }
    }
    let asked = ask(&core, &found.record.content, now).await?;
    match asked.decision {
        Decision::Deliver => deliver(&core, &found, &asked, now),
        Decision::DeferUntil(until) => Ok(defer(&found, &asked, until, now)?),
        Decision::Suppressed(stop) => {
            let suppressed = found.record.clone().suppressed(CHANNEL, format!("stopped by {stop:?}"), now);
            Ok(settle(&found, &asked, vec![found.put(&suppressed)?], Settled { kind: "suppressed", now }))
        }
    }
}

/// How a run ended, for the journal.
struct Settled {
    kind: &'static str,
    now: Timestamp,
}

fn deliver(
    core: &Core,
    found: &Versioned<Notification>,
    asked: &Asked,
    now: Timestamp,
) -> Result<Commit, Failure> {
    let content = &found.record.content;
    let language = asked.profile.record.language;
    let rendered = core.catalogue.render(&content.template, &content.parameters, language, &asked.zone);
    // The parameters were checked when the message was accepted: only other software could render it.
    let rendered = rendered.map_err(|error| Failure::permanent(error.to_string()))?;
    let inbox = InboxMessage {
        notification_id: found.record.id.clone(),
        borrower_id: content.borrower_id.clone(),
        application_id: content.application_id.clone(),
        class: content.class,
        template: content.template.clone(),
        language,
        title: rendered.title,
        body: rendered.body,
        delivered_at: now,
    };
    let delivered = found.record.clone().delivered(CHANNEL, now);
    let mut writes = vec![found.put(&delivered)?, insert(&inbox)?];
    if message(content).counts_as_attempt() {
        writes.push(asked.log.put(&asked.log.record.clone().with(now))?);
    }
    Ok(settle(found, asked, writes, Settled { kind: "delivered", now }))
}

/// Puts the message off. The new order replaces the one that is running and ends with this commit.
fn defer(
    found: &Versioned<Notification>,
    asked: &Asked,
    until: Timestamp,
    now: Timestamp,
) -> Result<Commit, Problem> {
    let deferred = found.record.clone().deferred(until);
    let commit = settle(found, asked, vec![found.put(&deferred)?], Settled { kind: "deferred", now });
    Ok(Commit { effects: vec![effect(&found.record.id, until)?], ..commit })
}

fn settle(found: &Versioned<Notification>, asked: &Asked, writes: Vec<Write>, settled: Settled) -> Commit {
    tracing::info!(notification_id = found.record.id, "notification {}", settled.kind);
    Commit {
        now: settled.now.as_microsecond(),
        checks: vec![asked.profile.unmoved()],
        writes,
        journal: vec![entry(&found.record.id, settled.kind, "")],
        ..Commit::default()
    }
}
