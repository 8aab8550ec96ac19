//! Outbox and timers: one table, claimed by state and time.

use sqlx::postgres::PgRow;

use super::pool::Statement;
use super::rows::{column, optional};
use crate::error::StoreError;
use crate::records::{Claim, Effect, Failure, ParkedEffect};

/// Leases due effects, each with a token never given before. Rows that another claim or commit holds are passed over.
/// Topic by topic: a backlog of topics that nobody here knows costs nothing.
const CLAIM: &str = "WITH due AS ( \
        SELECT e.id, e.due_at FROM unnest($1::text[], $2::integer[]) AS t(topic, version) CROSS JOIN LATERAL ( \
            SELECT id, due_at FROM effects WHERE state = 'waiting' AND topic = t.topic AND due_at <= $3 \
                AND effects.version <= t.version \
            ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) e \
        ORDER BY e.due_at, e.id LIMIT $4) \
    UPDATE effects SET due_at = $5, attempts = attempts + 1, worker = $6, \
        token = $7 || ':' || effects.id || ':' || (attempts + 1) \
    FROM due WHERE effects.id = due.id \
    RETURNING effects.id, topic, key, version, not_before, body, trace, attempts, token, due.due_at";

pub(super) fn claim(claim: &Claim) -> Result<Statement, StoreError> {
    claim.check()?;
    let (topics, versions) = split(&claim.topics);
    Ok(Statement::new(CLAIM)
        .bind(topics)
        .bind(versions)
        .bind(claim.now)
        .bind(i64::from(claim.limit))
        .bind(claim.lease_until)
        .bind(claim.worker.as_str())
        .bind(claim.token_seed.as_str())
        // A first run whose answer was lost leaves leases that end.
        .repeatable(true))
}

/// Oldest first.
pub(super) fn claimed(rows: &[PgRow]) -> Result<Vec<Effect>, StoreError> {
    let mut effects = rows
        .iter()
        .map(|row| {
            let effect = Effect {
                id: column(row, 0)?,
                topic: column(row, 1)?,
                key: column(row, 2)?,
                version: column(row, 3)?,
                not_before: column(row, 4)?,
                body: column(row, 5)?,
                trace: optional(row, 6)?,
                attempts: column(row, 7)?,
                token: column(row, 8)?,
            };
            Ok((column::<i64>(row, 9)?, effect))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    effects.sort_unstable_by_key(|(due_at, effect)| (*due_at, effect.id));
    Ok(effects.into_iter().map(|(_, effect)| effect).collect())
}

/// Yields a row if the lease was held.
pub(super) fn retry(failure: &Failure, not_before: i64) -> Statement {
    Statement::new(
        "UPDATE effects SET due_at = $3, not_before = $3, error = $4, worker = '', token = '' \
         WHERE id = $1 AND token = $2 AND token <> '' AND state = 'waiting' RETURNING id",
    )
    .bind(failure.effect_id)
    .bind(failure.token.as_str())
    .bind(not_before)
    .bind(failure.cut())
}

/// Yields a row if the lease was held.
pub(super) fn park(failure: &Failure) -> Statement {
    Statement::new(
        "UPDATE effects SET state = 'parked', settled_at = $3, error = $4, token = '' \
         WHERE id = $1 AND token = $2 AND token <> '' AND state = 'waiting' RETURNING id",
    )
    .bind(failure.effect_id)
    .bind(failure.token.as_str())
    .bind(failure.now)
    .bind(failure.cut())
}

/// Yields a row if it was parked.
pub(super) fn redrive(effect_id: i64, now: i64) -> Statement {
    Statement::new(
        "UPDATE effects SET state = 'waiting', due_at = $2, not_before = $2, attempts = 0, settled_at = 0 \
         WHERE id = $1 AND state = 'parked' RETURNING id",
    )
    .bind(effect_id)
    .bind(now)
}

pub(super) fn list_parked(after_id: i64, limit: u32) -> Statement {
    Statement::new(
        "SELECT id, topic, key, version, body, trace, attempts, error, settled_at FROM effects \
         WHERE state = 'parked' AND id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after_id)
    .bind(i64::from(limit))
}

pub(super) fn parked(row: &PgRow) -> Result<ParkedEffect, StoreError> {
    Ok(ParkedEffect {
        id: column(row, 0)?,
        topic: column(row, 1)?,
        key: column(row, 2)?,
        version: column(row, 3)?,
        body: column(row, 4)?,
        trace: optional(row, 5)?,
        attempts: column(row, 6)?,
        error: column(row, 7)?,
        parked_at: column(row, 8)?,
    })
}

pub(super) fn next_due(topics: &[(&'static str, i32)]) -> Statement {
    let (topics, versions) = split(topics);
    Statement::new(
        "SELECT min(e.due_at) FROM unnest($1::text[], $2::integer[]) AS t(topic, version) CROSS JOIN LATERAL ( \
         SELECT due_at FROM effects WHERE state = 'waiting' AND topic = t.topic AND effects.version <= t.version \
         ORDER BY due_at LIMIT 1) e",
    )
    .bind(topics)
    .bind(versions)
}

fn split(topics: &[(&'static str, i32)]) -> (Vec<String>, Vec<i32>) {
    topics.iter().map(|(topic, version)| ((*topic).to_owned(), *version)).unzip()
}
