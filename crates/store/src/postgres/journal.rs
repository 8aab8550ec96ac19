//! Journal and feed: reads.

use sqlx::postgres::PgRow;

use super::pool::Statement;
use super::rows::column;
use crate::chain::Walk;
use crate::error::StoreError;
use crate::records::{ChainReport, FeedRow, JournalEntry};

/// Commits that get feed positions at once, so that the head row isn't locked for long.
pub(super) const ADVANCE_BATCHES: i32 = 1_000;

pub(super) fn read_stream(stream: &str, after_seq: i64, limit: u32) -> Statement {
    Statement::new(
        "SELECT stream, seq, time, kind, actor, body, prev_hash, hash FROM journal \
         WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(stream)
    .bind(after_seq)
    .bind(i64::from(limit))
}

/// Both tables: a stream that lost its head, or its entries, has to be verified as well.
pub(super) fn list_streams(after: &str, limit: u32) -> Statement {
    Statement::new(
        "SELECT stream FROM journal_head WHERE stream > $1 UNION SELECT stream FROM journal WHERE stream > $1 \
         ORDER BY stream LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
}

/// Entries in order, then the head, if there is one: one statement, hence one snapshot.
pub(super) fn whole_stream(stream: &str) -> Statement {
    Statement::new(
        "SELECT * FROM (SELECT stream, seq, time, kind, actor, body, prev_hash, hash, false AS head FROM journal \
         WHERE stream = $1 UNION ALL SELECT stream, seq, 0, '', '', '', '', hash, true FROM journal_head \
         WHERE stream = $1) entries ORDER BY head, seq",
    )
    .bind(stream)
}

pub(super) fn verified(stream: &str, rows: &[PgRow]) -> Result<ChainReport, StoreError> {
    let mut walk = Walk::new(stream);
    let mut head = None;
    for row in rows {
        let found = entry(row)?;
        if column::<bool>(row, 8)? {
            head = Some((found.seq, found.hash));
        } else {
            walk.step(found);
        }
    }
    Ok(walk.end(head))
}

pub(super) fn entry(row: &PgRow) -> Result<JournalEntry, StoreError> {
    Ok(JournalEntry {
        stream: column(row, 0)?,
        seq: column(row, 1)?,
        time: column(row, 2)?,
        kind: column(row, 3)?,
        actor: column(row, 4)?,
        body: column(row, 5)?,
        prev_hash: column(row, 6)?,
        hash: column(row, 7)?,
    })
}

/// Gives positions to what is pending.
pub(super) fn advance() -> Statement {
    // A lost answer leaves positions given; the next call goes on after them.
    Statement::new("SELECT feed_advance($1)").bind(ADVANCE_BATCHES).repeatable(true)
}

/// The floor with every row, and at least once: one snapshot, so that a sweep can't hide what it removed.
pub(super) fn read_feed(after: i64, limit: u32) -> Statement {
    Statement::new(
        "SELECT h.floor, f.position, f.case_key, f.kind, f.body, f.time FROM feed_head h LEFT JOIN LATERAL ( \
         SELECT * FROM feed WHERE feed.position > $1 ORDER BY feed.position LIMIT $2) f ON true \
         ORDER BY f.position",
    )
    .bind(after)
    .bind(i64::from(limit))
}

pub(super) fn feed_page(after: i64, rows: &[PgRow]) -> Result<Vec<FeedRow>, StoreError> {
    let mut page = Vec::new();
    for row in rows {
        let floor: i64 = column(row, 0)?;
        if after < floor {
            return Err(StoreError::FeedTrimmed { floor });
        }
        if let Some(position) = column::<Option<i64>>(row, 1)? {
            page.push(FeedRow {
                position,
                case_key: column(row, 2)?,
                kind: column(row, 3)?,
                body: column(row, 4)?,
                time: column(row, 5)?,
            });
        }
    }
    Ok(page)
}

pub(super) fn feed_head() -> Statement {
    Statement::new("SELECT position FROM feed_head WHERE id = 1")
}
