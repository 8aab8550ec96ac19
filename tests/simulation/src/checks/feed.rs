//! Public events.

use super::{ALL, Evidence, at_once};
use crate::hosts::Role;
use crate::record::Seen;

/// Positions have no gaps, and every subscriber saw every event once, in this order.
pub fn is_dense_and_was_seen_whole(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let rows = at_once(evidence.store(Role::Application).read_feed(0, ALL))?;
    let feed: Vec<Seen> = rows
        .into_iter()
        .map(|row| Seen { position: row.position, case_key: row.case_key, kind: row.kind, body: row.body })
        .collect();
    for (expected, row) in (1..).zip(&feed) {
        if row.position != expected {
            evidence.breach(format!("the feed has {} where {expected} is expected", row.position));
            break;
        }
    }
    let feeds = evidence.record.notes().feeds.clone();
    for (name, seen) in feeds {
        if seen != feed {
            let first = seen.iter().zip(&feed).find(|(seen, row)| seen != row);
            let (count, all) = (seen.len(), feed.len());
            evidence.breach(format!("{name} saw {count} of {all} events; the first other one: {first:?}"));
        }
    }
    Ok(())
}
