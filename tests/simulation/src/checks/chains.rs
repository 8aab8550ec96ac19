//! Journals and effects of every service.

use super::{ALL, Evidence, at_once};
use crate::hosts::Role;

/// How far effects that are leased or put off may lie ahead and still be a sign of something that never ends.
const SOON_MICROS: i64 = 120_000_000;
/// Topics of each service, with their versions.
const TOPICS: [(Role, &[(&str, i32)]); 3] = [
    (Role::Application, &[("assess", 1), ("notify", 1), ("case-timer", 1), ("plan-check", 1)]),
    (Role::Notification, &[("deliver", 1)]),
    (Role::Policy, &[("shadow", 1)]),
];

/// Every chain verifies.
pub fn sound(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    for role in Role::ALL {
        let store = evidence.store(role);
        for stream in at_once(store.list_streams("", ALL))? {
            let report = at_once(store.verify_stream(&stream))?;
            if let Some(fault) = report.fault {
                evidence.breach(format!("{}: journal of {stream}: {fault:?}", role.name()));
            }
            evidence.record.count("chains verified");
        }
    }
    Ok(())
}

/// Nothing gave up, and nothing is due that nobody does.
pub fn at_rest(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let now = evidence.town.clocks.first().map_or(0, chassis::Clock::now_micros);
    for (role, topics) in TOPICS {
        let store = evidence.store(role);
        for parked in at_once(store.list_parked(0, 100))? {
            let (topic, key, error) = (parked.topic, parked.key, parked.error);
            evidence.breach(format!("{}: {topic} of {key} gave up: {error}", role.name()));
        }
        let next = at_once(store.next_due(topics))?;
        if let Some(due) = next.filter(|due| *due < now + SOON_MICROS) {
            let late = (now - due) / 1_000_000;
            evidence.breach(format!("{}: an effect is {late} s overdue and nobody does it", role.name()));
        }
    }
    Ok(())
}
