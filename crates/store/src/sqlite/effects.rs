//! Outbox and timers: one table, claimed by state and time.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::commit::{Done, EffectChange};
use crate::error::StoreError;
use crate::records::{Claim, Effect, Failure, ParkedEffect};

/// The id of an effect that was put.
pub(super) fn change(conn: &Connection, change: &EffectChange) -> Result<Option<i64>, StoreError> {
    match change {
        EffectChange::Put { topic, key, version, not_before, body, trace, lease } => {
            // A lease taken at once counts as the first attempt.
            let (due_at, attempts, worker, token) = match lease {
                Some(lease) => (lease.until, 1, lease.worker.as_str(), lease.token.as_str()),
                None => (*not_before, 0, "", ""),
            };
            let trace = trace.as_deref().unwrap_or_default();
            let values =
                params![topic, key, version, not_before, body, trace, due_at, attempts, worker, token];
            let mut insert = conn.prepare_cached(
                "INSERT INTO effects (topic, key, version, not_before, body, trace, state, due_at, attempts, worker, \
                 token) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8, ?9, ?10) \
                 ON CONFLICT (topic, key) WHERE state <> 'finished' DO NOTHING",
            )?;
            // Most are the first of their key.
            if insert.execute(values)? == 0 {
                remove_live(conn, topic, key)?;
                insert.execute(values)?;
            }
            Ok(Some(conn.last_insert_rowid()))
        }
        EffectChange::Drop { topic, key } => {
            remove_live(conn, topic, key)?;
            Ok(None)
        }
    }
}

/// Its row and with it its token are gone, so whoever holds the lease is fenced.
fn remove_live(conn: &Connection, topic: &str, key: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM effects WHERE topic = ?1 AND key = ?2 AND state <> 'finished'")?
        .execute([topic, key])?;
    Ok(())
}

/// Ends a leased effect. The row stays for retention; its token does not.
pub(super) fn finish(conn: &Connection, done: &Done, now: i64) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE effects SET state = 'finished', settled_at = ?3, token = '' \
             WHERE id = ?1 AND token = ?2 AND state = 'waiting'",
        )?
        .execute(params![done.effect_id, done.token, now])?;
    held(changed)
}

/// Leases due effects, oldest first, each with a token never given before.
pub(super) fn claim(conn: &Connection, claim: &Claim) -> Result<Vec<Effect>, StoreError> {
    claim.check()?;
    let mut due = due_effects(conn, claim)?;
    due.sort_unstable();
    due.dedup();
    due.truncate(usize::try_from(claim.limit).unwrap_or(usize::MAX));
    // The attempt is part of the token: even a seed used twice doesn't revive an old lease.
    let mut lease = conn.prepare_cached(
        "UPDATE effects SET due_at = ?2, attempts = attempts + 1, worker = ?3, \
         token = ?4 || ':' || id || ':' || (attempts + 1) WHERE id = ?1 \
         RETURNING id, topic, key, version, not_before, body, trace, attempts, token",
    )?;
    due.into_iter()
        .map(|(_, id)| {
            let values = params![id, claim.lease_until, claim.worker, claim.token_seed];
            Ok(lease.query_row(values, effect)?)
        })
        .collect()
}

/// (due_at, id) of what is due, topic by topic: a backlog of topics that nobody here knows costs nothing.
fn due_effects(conn: &Connection, claim: &Claim) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT due_at, id FROM effects WHERE state = 'waiting' AND topic = ?1 AND due_at <= ?2 AND version <= ?3 \
         ORDER BY due_at, id LIMIT ?4",
    )?;
    let mut due = Vec::new();
    for (topic, max_version) in &claim.topics {
        let rows = select.query_map(params![topic, claim.now, max_version, claim.limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        for row in rows {
            due.push(row?);
        }
    }
    Ok(due)
}

pub(super) fn retry(conn: &Connection, failure: &Failure, not_before: i64) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE effects SET due_at = ?3, not_before = ?3, error = ?4, worker = '', token = '' \
             WHERE id = ?1 AND token = ?2 AND token <> '' AND state = 'waiting'",
        )?
        .execute(params![failure.effect_id, failure.token, not_before, failure.cut()])?;
    held(changed)
}

pub(super) fn park(conn: &Connection, failure: &Failure) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE effects SET state = 'parked', settled_at = ?3, error = ?4, token = '' \
             WHERE id = ?1 AND token = ?2 AND token <> '' AND state = 'waiting'",
        )?
        .execute(params![failure.effect_id, failure.token, failure.now, failure.cut()])?;
    held(changed)
}

/// False if it isn't parked.
pub(super) fn redrive(conn: &Connection, effect_id: i64, now: i64) -> Result<bool, StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE effects SET state = 'waiting', due_at = ?2, not_before = ?2, attempts = 0, settled_at = 0 \
             WHERE id = ?1 AND state = 'parked'",
        )?
        .execute([effect_id, now])?;
    Ok(changed == 1)
}

pub(crate) fn list_parked(
    conn: &Connection,
    after_id: i64,
    limit: u32,
) -> Result<Vec<ParkedEffect>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT id, topic, key, version, body, trace, attempts, error, settled_at FROM effects \
         WHERE state = 'parked' AND id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = select.query_map(params![after_id, limit], |row| {
        Ok(ParkedEffect {
            id: row.get(0)?,
            topic: row.get(1)?,
            key: row.get(2)?,
            version: row.get(3)?,
            body: row.get(4)?,
            trace: trace(row.get(5)?),
            attempts: row.get(6)?,
            error: row.get(7)?,
            parked_at: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn next_due(conn: &Connection, topics: &[(&'static str, i32)]) -> Result<Option<i64>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT due_at FROM effects WHERE state = 'waiting' AND topic = ?1 AND version <= ?2 \
         ORDER BY due_at LIMIT 1",
    )?;
    let mut next: Option<i64> = None;
    for (topic, max_version) in topics {
        let due: Option<i64> = select.query_row(params![topic, max_version], |row| row.get(0)).optional()?;
        next = match (next, due) {
            (Some(next), Some(due)) => Some(next.min(due)),
            (next, due) => next.or(due),
        };
    }
    Ok(next)
}

/// A lease that is held guards exactly one row.
fn held(changed: usize) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

fn effect(row: &Row<'_>) -> rusqlite::Result<Effect> {
    Ok(Effect {
        id: row.get(0)?,
        topic: row.get(1)?,
        key: row.get(2)?,
        version: row.get(3)?,
        not_before: row.get(4)?,
        body: row.get(5)?,
        trace: trace(row.get(6)?),
        attempts: row.get(7)?,
        token: row.get(8)?,
    })
}

/// The column is never null; empty means none.
fn trace(stored: String) -> Option<String> {
    Some(stored).filter(|trace| !trace.is_empty())
}
