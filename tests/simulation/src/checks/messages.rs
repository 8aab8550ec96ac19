//! Messages to borrowers.

use std::collections::BTreeSet;

use negotiation::Application;

use super::{ALL, Evidence, at_once};
use crate::hosts::Role;

/// Every case has told its borrower that it was received; every message that was accepted is in the inbox, and its
/// journal tells that it was accepted and delivered once each.
pub fn arrived_once(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let mut inbox = BTreeSet::new();
    for (id, _) in evidence.all::<serde_json::Value>(Role::Notification, "inbox_message")? {
        inbox.insert(id);
    }
    let mut keys = BTreeSet::new();
    for (id, message) in evidence.all::<serde_json::Value>(Role::Notification, "notification")? {
        let key = message.pointer("/content/key").and_then(|key| key.as_str()).unwrap_or_default();
        keys.insert(key.to_owned());
        if !inbox.contains(&id) {
            let state = message.get("state");
            evidence.breach(format!("message {key} never arrived: {state:?}"));
        }
        let stream = format!("notification/{id}");
        let journal = at_once(evidence.store(Role::Notification).read_stream(&stream, 0, ALL))?;
        for kind in ["notification.accepted", "notification.delivered"] {
            let times = journal.iter().filter(|entry| entry.kind == kind).count();
            if times != 1 {
                evidence.breach(format!("message {key}: `{kind}` {times} times"));
            }
        }
        evidence.record.count("messages");
    }
    for (id, _) in evidence.all::<Application>(Role::Application, "application")? {
        if !keys.contains(&format!("{id}/application-received/1")) {
            evidence.breach(format!("case {id}: nobody told its borrower that it was received"));
        }
    }
    Ok(())
}
