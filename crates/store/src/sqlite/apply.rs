//! A commit inside its savepoint.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::commit::{Check, Commit, FeedEntry, Outcome, Receipt, Request, Write};
use crate::error::StoreError;
use crate::schema::{Schema, Value};

use super::documents::{Table, revision_of};
use super::read::find_request;
use super::{effects, journal};

/// Writes everything or, by its error, makes the caller roll the savepoint back.
pub(super) fn commit(conn: &Connection, schema: &Schema, commit: &Commit) -> Result<Outcome, StoreError> {
    // INVARIANT: the replay check comes first. A replay's lease, checks and revisions are stale by nature.
    if let Some(request) = &commit.request
        && let Some(response_ref) = replay(conn, request)?
    {
        return Ok(Outcome::Replayed { response_ref });
    }
    if let Some(done) = &commit.done {
        effects::finish(conn, done, commit.now)?;
    }
    for check in &commit.checks {
        verify(conn, check)?;
    }
    let mut receipt = Receipt::default();
    for write in &commit.writes {
        receipt.revisions.push(write_document(conn, schema, write, commit.now)?);
    }
    for entry in &commit.journal {
        journal::append(conn, entry, commit.now)?;
    }
    for change in &commit.effects {
        receipt.effect_ids.extend(effects::change(conn, change)?);
    }
    if !commit.feed.is_empty() {
        append_feed(conn, &commit.feed, commit.now)?;
    }
    if let Some(request) = &commit.request {
        remember(conn, request, commit.now)?;
    }
    Ok(Outcome::Committed(receipt))
}

/// What the same request was answered before, if it was.
fn replay(conn: &Connection, request: &Request) -> Result<Option<String>, StoreError> {
    let key = [&request.principal, &request.subject, &request.request_id];
    match find_request(conn, &key)? {
        None => Ok(None),
        Some(stored) if stored.method == request.method && stored.payload_hash == request.payload_hash => {
            Ok(Some(stored.response_ref))
        }
        Some(_) => Err(StoreError::RequestIdReused),
    }
}

fn remember(conn: &Connection, request: &Request, now: i64) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO requests (principal, subject, request_id, method, payload_hash, response_ref, time) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        request.principal,
        request.subject,
        request.request_id,
        request.method,
        request.payload_hash,
        request.response_ref,
        now
    ])?;
    Ok(())
}

fn verify(conn: &Connection, check: &Check) -> Result<(), StoreError> {
    let revision = revision_of(conn, check.kind, &check.id)?;
    if revision == check.revision { Ok(()) } else { Err(conflict(check.kind, &check.id, revision)) }
}

/// The document's new revision, 0 once deleted.
fn write_document(conn: &Connection, schema: &Schema, write: &Write, now: i64) -> Result<i64, StoreError> {
    let table = Table(schema.kind(write.kind())?);
    match write {
        Write::Put { id, expected_revision: 0, body_version, body, index, .. } => {
            insert(conn, &table, id, &Content { body_version, body, index })
        }
        Write::Put { id, expected_revision, body_version, body, index, .. } => {
            let content = Content { body_version, body, index };
            update(conn, &table, (id, *expected_revision), &content)?;
            Ok(expected_revision + 1)
        }
        Write::Delete { id, expected_revision, .. } => {
            delete(conn, &table, (id, *expected_revision), now)?;
            Ok(0)
        }
    }
}

struct Content<'a> {
    body_version: &'a i32,
    body: &'a String,
    index: &'a [(&'static str, Value)],
}

/// The new revision: 1, or the next one of a document that was deleted.
fn insert(conn: &Connection, table: &Table, id: &str, content: &Content<'_>) -> Result<i64, StoreError> {
    let revision = 1 + buried(conn, table.0.name, id)?;
    let mut values: Vec<&dyn ToSql> = vec![&id, &revision, content.body_version, content.body];
    values.extend(content.index.iter().map(|(_, value)| value as &dyn ToSql));
    let inserted = conn.prepare_cached(&table.insert(content.index))?.execute(values.as_slice())?;
    expect_one(conn, table, id, inserted)?;
    Ok(revision)
}

/// The last revision of a document that was deleted, 0 of one that never was.
fn buried(conn: &Connection, kind: &str, id: &str) -> Result<i64, StoreError> {
    let revision = conn
        .prepare_cached("SELECT revision FROM tombstones WHERE kind = ?1 AND id = ?2")?
        .query_row([kind, id], |row| row.get(0))
        .optional()?;
    Ok(revision.unwrap_or(0))
}

fn update(
    conn: &Connection,
    table: &Table,
    (id, expected): (&str, i64),
    content: &Content<'_>,
) -> Result<(), StoreError> {
    let mut values: Vec<&dyn ToSql> = vec![&id, &expected, content.body_version, content.body];
    values.extend(content.index.iter().map(|(_, value)| value as &dyn ToSql));
    let changed = conn.prepare_cached(&table.update(content.index))?.execute(values.as_slice())?;
    expect_one(conn, table, id, changed)
}

fn delete(conn: &Connection, table: &Table, (id, expected): (&str, i64), now: i64) -> Result<(), StoreError> {
    let changed = conn.prepare_cached(&table.delete())?.execute(params![id, expected])?;
    expect_one(conn, table, id, changed)?;
    let mut bury = conn.prepare_cached(
        "INSERT INTO tombstones (kind, id, revision, time) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision, time = excluded.time",
    )?;
    bury.execute(params![table.0.name, id, expected, now])?;
    Ok(())
}

/// One row has the id and the expected revision, or the document moved.
fn expect_one(conn: &Connection, table: &Table, id: &str, changed: usize) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(conflict(table.0.name, id, revision_of(conn, table.0.name, id)?)) }
}

fn conflict(kind: &str, id: &str, revision: i64) -> StoreError {
    StoreError::Conflict { kind: kind.to_owned(), id: id.to_owned(), revision }
}

/// Positions follow the head row, which the savepoint rolls back too: no gaps.
fn append_feed(conn: &Connection, feed: &[FeedEntry], now: i64) -> Result<(), StoreError> {
    let last: i64 = conn
        .prepare_cached("SELECT position FROM feed_head WHERE id = 1")?
        .query_row([], |row| row.get(0))?;
    append_feed_at(conn, feed, now, last)
}

/// Entries after a position, which the head follows.
pub(crate) fn append_feed_at(
    conn: &Connection,
    feed: &[FeedEntry],
    now: i64,
    last: i64,
) -> Result<(), StoreError> {
    let mut position = last;
    let mut insert = conn.prepare_cached(
        "INSERT INTO feed (position, time, case_key, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for entry in feed {
        position += 1;
        insert.execute(params![position, now, entry.case_key, entry.kind, entry.body])?;
    }
    conn.prepare_cached("UPDATE feed_head SET position = max(position, ?1) WHERE id = 1")?
        .execute([position])?;
    Ok(())
}
