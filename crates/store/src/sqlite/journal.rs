//! The append-only journal: a hash chain for each stream, and a head that shows a tail cut off.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chain::{GENESIS, Walk, hash};
use crate::commit::Entry;
use crate::error::StoreError;
use crate::records::{ChainReport, JournalEntry};

/// Appends to the stream's end.
pub(super) fn append(conn: &Connection, entry: &Entry, now: i64) -> Result<(), StoreError> {
    let last = head(conn, &entry.stream)?;
    let begun = last.is_some();
    let (seq, prev_hash) = last.unwrap_or_else(|| (0, GENESIS.to_owned()));
    let mut stored = JournalEntry {
        stream: entry.stream.clone(),
        seq: seq + 1,
        time: now,
        kind: entry.kind.clone(),
        actor: entry.actor.clone(),
        body: entry.body.clone(),
        prev_hash,
        hash: String::new(),
    };
    stored.hash = hash(&stored);
    let mut insert = conn.prepare_cached(
        "INSERT INTO journal (stream, seq, time, kind, actor, body, prev_hash, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        stored.stream,
        stored.seq,
        stored.time,
        stored.kind,
        stored.actor,
        stored.body,
        stored.prev_hash,
        stored.hash
    ])?;
    let mut advance = conn.prepare_cached(if begun {
        "UPDATE journal_head SET seq = ?2, hash = ?3 WHERE stream = ?1"
    } else {
        "INSERT INTO journal_head (stream, seq, hash) VALUES (?1, ?2, ?3)"
    })?;
    advance.execute(params![stored.stream, stored.seq, stored.hash])?;
    Ok(())
}

pub(crate) fn read_stream(
    conn: &Connection,
    stream: &str,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<JournalEntry>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT stream, seq, time, kind, actor, body, prev_hash, hash FROM journal \
         WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let rows = select.query_map(params![stream, after_seq, limit], journal_entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn list_streams(conn: &Connection, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
    // Both tables: a stream that lost its head, or its entries, has to be verified as well.
    let mut select = conn.prepare_cached(
        "SELECT stream FROM journal_head WHERE stream > ?1 UNION SELECT stream FROM journal WHERE stream > ?1 \
         ORDER BY stream LIMIT ?2",
    )?;
    let rows = select.query_map(params![after, limit], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn verify_stream(conn: &Connection, stream: &str) -> Result<ChainReport, StoreError> {
    // One snapshot for entries and head: an append in between would look like a fault.
    let snapshot = conn.unchecked_transaction()?;
    let mut walk = Walk::new(stream);
    let mut select = snapshot.prepare_cached(
        "SELECT stream, seq, time, kind, actor, body, prev_hash, hash FROM journal WHERE stream = ?1 ORDER BY seq",
    )?;
    for entry in select.query_map([stream], journal_entry)? {
        if !walk.step(entry?) {
            break;
        }
    }
    Ok(walk.end(head(&snapshot, stream)?))
}

fn head(conn: &Connection, stream: &str) -> Result<Option<(i64, String)>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT seq, hash FROM journal_head WHERE stream = ?1")?
        .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn journal_entry(row: &Row<'_>) -> rusqlite::Result<JournalEntry> {
    Ok(JournalEntry {
        stream: row.get(0)?,
        seq: row.get(1)?,
        time: row.get(2)?,
        kind: row.get(3)?,
        actor: row.get(4)?,
        body: row.get(5)?,
        prev_hash: row.get(6)?,
        hash: row.get(7)?,
    })
}
