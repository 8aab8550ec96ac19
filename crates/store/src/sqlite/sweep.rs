//! Retention, a bounded number of rows at a time.

use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::records::{MAX_SWEEP_ROWS, Retention, Swept};

const REQUESTS: &str = "DELETE FROM requests WHERE (principal, subject, request_id) IN \
    (SELECT principal, subject, request_id FROM requests WHERE time < ?1 ORDER BY time LIMIT ?2)";
const EFFECTS: &str = "DELETE FROM effects WHERE id IN \
    (SELECT id FROM effects WHERE state = 'finished' AND settled_at < ?1 ORDER BY settled_at LIMIT ?2)";
const TOMBSTONES: &str = "DELETE FROM tombstones WHERE (kind, id) IN \
    (SELECT kind, id FROM tombstones WHERE time < ?1 ORDER BY time LIMIT ?2)";

pub(super) fn sweep(conn: &Connection, retention: &Retention) -> Result<Swept, StoreError> {
    Ok(Swept {
        requests: delete(conn, REQUESTS, retention.requests_before)?,
        effects: delete(conn, EFFECTS, retention.effects_before)?,
        feed: retention.feed_before.map_or(Ok(0), |before| sweep_feed(conn, before))?,
        tombstones: delete(conn, TOMBSTONES, retention.tombstones_before)?,
    })
}

fn delete(conn: &Connection, sql: &str, before: Option<i64>) -> Result<u64, StoreError> {
    let Some(before) = before else { return Ok(0) };
    let removed = conn.prepare_cached(sql)?.execute(params![before, MAX_SWEEP_ROWS])?;
    Ok(removed as u64)
}

/// Removes from the start only, up to the first row that is young enough: cursors must not meet a hole.
fn sweep_feed(conn: &Connection, before: i64) -> Result<u64, StoreError> {
    let mut select = conn.prepare_cached("SELECT position, time FROM feed ORDER BY position LIMIT ?1")?;
    let rows = select
        .query_map([MAX_SWEEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, i64)>, _>>()?;
    let Some((floor, _)) = rows.into_iter().take_while(|(_, time)| *time < before).last() else {
        return Ok(0);
    };
    let removed = conn.prepare_cached("DELETE FROM feed WHERE position <= ?1")?.execute([floor])?;
    conn.prepare_cached("UPDATE feed_head SET floor = ?1 WHERE id = 1")?.execute([floor])?;
    Ok(removed as u64)
}
