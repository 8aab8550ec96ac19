//! Five lies, each of which a simulation has to notice.

use rusqlite::{Connection, params};

use crate::commit::{Commit, FeedEntry, Outcome, Write};
use crate::error::StoreError;
use crate::schema::Schema;
use crate::sqlite::{append_feed_at, revision_of, run};
use crate::work::{Answer, Work};

/// What the database does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Answers, and commits some time later, unless the power fails before.
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

/// One write on a connection, with the lie told. `first`: the first of the feed positions handed out beforehand.
pub(super) fn write(
    conn: &Connection,
    schema: &Schema,
    (mut work, sabotage): (Work, Sabotage),
    first: Option<i64>,
) -> Result<Answer, StoreError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let done = lie(conn, schema, (&mut work, sabotage), first);
    conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

fn lie(
    conn: &Connection,
    schema: &Schema,
    (work, sabotage): (&mut Work, Sabotage),
    first: Option<i64>,
) -> Result<Answer, StoreError> {
    let feed = match work {
        Work::Commit(commit) => tell(conn, commit, sabotage)?,
        _ => Vec::new(),
    };
    let answer = run(work, conn, schema)?;
    if let (Some(first), Work::Commit(commit), Answer::Commit(Outcome::Committed(_))) = (first, work, &answer)
    {
        append_feed_at(conn, &feed, commit.now, first - 1)?;
    }
    Ok(answer)
}

/// What a write would be answered now. Nothing is written.
pub(super) fn rehearse(conn: &Connection, schema: &Schema, work: &Work) -> Result<Answer, StoreError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let answer = run(work, conn, schema);
    conn.execute_batch("ROLLBACK")?;
    answer
}

/// Alters a commit. Returns the feed entries that were taken out of it.
fn tell(conn: &Connection, commit: &mut Commit, sabotage: Sabotage) -> Result<Vec<FeedEntry>, StoreError> {
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
