//! Reads of requests and feed.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;
use crate::records::{FeedRow, StoredRequest};

/// The record of (principal, subject, request_id).
pub(crate) fn find_request(
    conn: &Connection,
    key: &[impl AsRef<str>; 3],
) -> Result<Option<StoredRequest>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT method, payload_hash, response_ref FROM requests \
         WHERE principal = ?1 AND subject = ?2 AND request_id = ?3",
    )?;
    let request = select
        .query_row(key.each_ref().map(AsRef::as_ref), |row| {
            Ok(StoredRequest { method: row.get(0)?, payload_hash: row.get(1)?, response_ref: row.get(2)? })
        })
        .optional()?;
    Ok(request)
}

pub(crate) fn read_feed(conn: &Connection, after: i64, limit: u32) -> Result<Vec<FeedRow>, StoreError> {
    // One snapshot: a sweep between the two statements would hide what it removed.
    let snapshot = conn.unchecked_transaction()?;
    let floor: i64 = snapshot
        .prepare_cached("SELECT floor FROM feed_head WHERE id = 1")?
        .query_row([], |row| row.get(0))?;
    if after < floor {
        return Err(StoreError::FeedTrimmed { floor });
    }
    let mut select = snapshot.prepare_cached(
        "SELECT position, case_key, kind, body, time FROM feed WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let rows = select.query_map(params![after, limit], |row| {
        Ok(FeedRow {
            position: row.get(0)?,
            case_key: row.get(1)?,
            kind: row.get(2)?,
            body: row.get(3)?,
            time: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn feed_head(conn: &Connection) -> Result<i64, StoreError> {
    Ok(conn.prepare_cached("SELECT position FROM feed_head WHERE id = 1")?.query_row([], |row| row.get(0))?)
}
