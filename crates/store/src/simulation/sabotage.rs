//! Five lies, each of which a simulation has to notice.

use rusqlite::{Connection, params};

use crate::commit::{Commit, Outcome, Write};
use crate::error::StoreError;
use crate::schema::Schema;
use crate::sqlite::{Answer, Work, append_feed_at, revision_of};

/// What the database does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Answers, and makes durable some time later.
    AnswerBeforeCommit,
    /// Keeps no idempotency records.
    NoDedupe,
    /// Lets anybody end an effect.
    NoFencing,
    /// Hands feed positions out before the commit, so that a later one may be seen first.
    FeedByLastId,
    /// Writes on whatever revision is there.
    SkippedRevision,
}

impl Sabotage {
    pub const ALL: [Self; 5] = [
        Self::AnswerBeforeCommit,
        Self::NoDedupe,
        Self::NoFencing,
        Self::FeedByLastId,
        Self::SkippedRevision,
    ];

    /// A word for it, such as `no-fencing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::NoDedupe => "no-dedupe",
            Self::NoFencing => "no-fencing",
            Self::FeedByLastId => "feed-by-last-id",
            Self::SkippedRevision => "skipped-revision",
        }
    }
}

/// How one write is done.
pub(super) struct How {
    pub(super) sabotage: Sabotage,
    /// The first of the feed positions handed out beforehand.
    pub(super) positions: Option<i64>,
    /// Whether everything before becomes durable first.
    pub(super) flush: bool,
}

/// One write on a connection, with the lie told.
pub(super) fn write(
    conn: &Connection,
    schema: &Schema,
    mut work: Work,
    how: How,
) -> Result<Answer, StoreError> {
    if how.flush || how.sabotage != Sabotage::AnswerBeforeCommit {
        flush(conn)?;
    }
    if conn.is_autocommit() {
        conn.execute_batch("BEGIN IMMEDIATE")?;
    }
    conn.execute_batch("SAVEPOINT lie")?;
    let feed = match &mut work {
        Work::Commit(commit) => tell(conn, commit, how.sabotage)?,
        _ => Vec::new(),
    };
    let mut done = work.run(conn, schema);
    if let (Some(first), Ok(Answer::Commit(Outcome::Committed(receipt)))) = (how.positions, &mut done) {
        let now = if let Work::Commit(commit) = &work { commit.now } else { 0 };
        receipt.feed_position = Some(append_feed_at(conn, &feed, now, first - 1)?);
    }
    conn.execute_batch(if done.is_ok() { "RELEASE lie" } else { "ROLLBACK TO lie; RELEASE lie" })?;
    if how.sabotage != Sabotage::AnswerBeforeCommit {
        flush(conn)?;
    }
    done
}

/// Alters a commit. Returns the feed entries that were taken out of it.
fn tell(
    conn: &Connection,
    commit: &mut Commit,
    sabotage: Sabotage,
) -> Result<Vec<crate::commit::FeedEntry>, StoreError> {
    match sabotage {
        Sabotage::AnswerBeforeCommit => {}
        Sabotage::NoDedupe => commit.request = None,
        Sabotage::NoFencing => {
            if let Some(done) = commit.done.take() {
                let end = "UPDATE effects SET state = 'finished', settled_at = ?2, token = '' WHERE id = ?1";
                conn.execute(end, params![done.effect_id, commit.now])?;
            }
        }
        Sabotage::FeedByLastId => return Ok(std::mem::take(&mut commit.feed)),
        Sabotage::SkippedRevision => {
            commit.checks.clear();
            let mut writes = Vec::new();
            for mut write in std::mem::take(&mut commit.writes) {
                let (Write::Put { kind, id, expected_revision, .. }
                | Write::Delete { kind, id, expected_revision }) = &mut write;
                *expected_revision = revision_of(conn, kind, id)?;
                let nothing_there = *expected_revision == 0 && matches!(write, Write::Delete { .. });
                if !nothing_there {
                    writes.push(write);
                }
            }
            commit.writes = writes;
        }
    }
    Ok(Vec::new())
}

/// Makes what was answered durable.
pub(super) fn flush(conn: &Connection) -> Result<(), StoreError> {
    if !conn.is_autocommit() {
        conn.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// Loses what was answered and isn't durable.
pub(super) fn lose_tail(conn: &Connection) -> Result<(), StoreError> {
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    Ok(())
}
