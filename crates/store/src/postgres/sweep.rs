//! Retention, a bounded number of rows at a time.

use super::pool::{Pool, Statement};
use super::rows::{column, one};
use crate::error::StoreError;
use crate::records::{MAX_SWEEP_ROWS, Retention, Swept};

const REQUESTS: &str = "WITH gone AS (DELETE FROM requests WHERE (principal, subject, request_id) IN \
    (SELECT principal, subject, request_id FROM requests WHERE time < $1 ORDER BY time LIMIT $2) RETURNING 1) \
    SELECT count(*) FROM gone";
const EFFECTS: &str = "WITH gone AS (DELETE FROM effects WHERE id IN \
    (SELECT id FROM effects WHERE state = 'finished' AND settled_at < $1 ORDER BY settled_at LIMIT $2) RETURNING 1) \
    SELECT count(*) FROM gone";
const TOMBSTONES: &str = "WITH gone AS (DELETE FROM tombstones WHERE (kind, id) IN \
    (SELECT kind, id FROM tombstones WHERE time < $1 ORDER BY time LIMIT $2) RETURNING 1) \
    SELECT count(*) FROM gone";
const FEED: &str = "SELECT feed_trim($1, $2::integer)";

/// Removes what is older, table by table; replicas that sweep at once remove each row once.
pub(super) async fn sweep(pool: &Pool, retention: &Retention) -> Result<Swept, StoreError> {
    let requests = delete(pool, REQUESTS, retention.requests_before).await?;
    let effects = delete(pool, EFFECTS, retention.effects_before).await?;
    if retention.feed_before.is_some() {
        // What has no position yet can't be counted as old.
        pool.rows(super::journal::advance()).await?;
    }
    let feed = delete(pool, FEED, retention.feed_before).await?;
    let tombstones = delete(pool, TOMBSTONES, retention.tombstones_before).await?;
    Ok(Swept { requests, effects, feed, tombstones })
}

async fn delete(pool: &Pool, sql: &'static str, before: Option<i64>) -> Result<u64, StoreError> {
    let Some(before) = before else { return Ok(0) };
    let statement = Statement::new(sql).bind(before).bind(i64::from(MAX_SWEEP_ROWS));
    let rows = pool.rows(statement).await?;
    let removed: i64 = column(one(&rows)?, 0)?;
    Ok(removed.unsigned_abs())
}
