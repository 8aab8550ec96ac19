//! Group commit: everything that waits, in one transaction; where one of it fails halfway, a savepoint each.

use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::StoreError;
use crate::schema::Schema;
use crate::work::{Answer, Work};

use super::{apply, effects, fault, sweep};

/// One work under its savepoint.
pub(crate) fn run(work: &Work, conn: &Connection, schema: &Schema) -> Result<Answer, StoreError> {
    match work {
        Work::Commit(commit) => apply::commit(conn, schema, commit).map(Answer::Commit),
        Work::Claim(claim) => effects::claim(conn, claim).map(Answer::Claimed),
        Work::Retry(failure, not_before) => {
            effects::retry(conn, failure, *not_before).map(|()| Answer::Settled)
        }
        Work::Park(failure) => effects::park(conn, failure).map(|()| Answer::Settled),
        Work::Redrive { effect_id, now } => effects::redrive(conn, *effect_id, *now).map(Answer::Redriven),
        Work::Sweep(retention) => sweep::sweep(conn, retention).map(Answer::Swept),
    }
}

/// A connection that writes, with what has to be known about it.
pub(super) struct Core {
    conn: Connection,
    schema: Schema,
    /// Set once no more work may be done through this connection.
    failed: Option<StoreError>,
    /// The same for whoever watches from outside.
    broken: Arc<AtomicBool>,
}

type Answers = Vec<Result<Answer, StoreError>>;

/// A batch's answers in the order of its work.
pub(super) struct Done {
    pub(super) answers: Vec<Result<Answer, StoreError>>,
    pub(super) changed: bool,
}

impl Core {
    pub(super) fn new(conn: Connection, schema: Schema) -> Self {
        Self { conn, schema, failed: None, broken: Arc::default() }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Refuses everything from now on.
    pub(super) fn fail(&mut self, error: StoreError) {
        self.failed = Some(error);
        self.broken.store(true, Ordering::Release);
    }

    /// Turns true when nothing can be written any more.
    pub(super) fn broken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.broken)
    }

    pub(super) fn failure(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    /// Runs the work as one transaction.
    ///
    /// INVARIANT: an answer exists only after COMMIT returned, a conflict's too, because what it saw may have been
    /// written by an earlier work of this batch. A batch that is lost answers every work with the same error.
    pub(super) fn run<'a>(&mut self, works: impl ExactSizeIterator<Item = &'a Work>) -> Done {
        let works: Vec<&Work> = works.collect();
        let count = works.len();
        match self.try_run(&works) {
            Ok(answers) => {
                let changed = answers.iter().flatten().any(Answer::changed);
                Done { answers, changed }
            }
            Err(error) => {
                self.roll_back();
                Done { answers: (0..count).map(|_| Err(error.clone())).collect(), changed: false }
            }
        }
    }

    fn try_run(&mut self, works: &[&Work]) -> Result<Answers, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        execute(&self.conn, "BEGIN IMMEDIATE")?;
        let answers = match self.in_the_open(works)? {
            Some(answers) => answers,
            None => {
                execute(&self.conn, "ROLLBACK")?;
                execute(&self.conn, "BEGIN IMMEDIATE")?;
                works.iter().map(|work| self.in_savepoint(work)).collect::<Result<Vec<_>, _>>()?
            }
        };
        let committed = execute(&self.conn, "COMMIT");
        if let Err(error @ StoreError::Unavailable(_)) = &committed {
            // After a failed fsync nobody can tell what the next crash leaves of this batch, and trying again on the
            // same pages may claim success wrongly. Only reopening (which recovers the log) settles it.
            self.fail(StoreError::Unavailable(format!("a commit failed, reopen the database: {error}")));
        }
        committed.map(|()| answers)
    }

    /// Every work without a savepoint, which costs a copy of each page it touches. A work that fails before it wrote anything,
    /// as most conflicts do, needs none; `None` if one failed later: then the batch begins anew, a savepoint each.
    fn in_the_open(&self, works: &[&Work]) -> Result<Option<Answers>, StoreError> {
        let mut answers = Vec::with_capacity(works.len());
        for work in works {
            let before = self.conn.total_changes();
            match run(work, &self.conn, &self.schema) {
                Ok(answer) => answers.push(Ok(answer)),
                Err(error) if fault::loses_batch(&error) || self.conn.is_autocommit() => return Err(error),
                Err(error) if self.conn.total_changes() == before => answers.push(Err(error)),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(answers))
    }

    /// The outer error loses the batch, the inner one is this work's answer.
    fn in_savepoint(&self, work: &Work) -> Result<Result<Answer, StoreError>, StoreError> {
        execute(&self.conn, "SAVEPOINT work")?;
        match run(work, &self.conn, &self.schema) {
            Ok(answer) => {
                execute(&self.conn, "RELEASE work")?;
                Ok(Ok(answer))
            }
            // Some errors make SQLite roll the whole transaction back by itself.
            Err(error) if fault::loses_batch(&error) || self.conn.is_autocommit() => Err(error),
            Err(error) => {
                execute(&self.conn, "ROLLBACK TO work")?;
                execute(&self.conn, "RELEASE work")?;
                Ok(Err(error))
            }
        }
    }

    fn roll_back(&mut self) {
        if self.conn.is_autocommit() {
            return;
        }
        if let Err(error) = execute(&self.conn, "ROLLBACK") {
            self.fail(StoreError::Unavailable(format!("a rollback failed, reopen the database: {error}")));
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> Result<(), StoreError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::commit::{Commit, Write};
    use crate::schema::Kind;
    use crate::sqlite::{get_document, setup};

    const SLOT: Kind = Kind { name: "slot", columns: &[], indexes: &[] };
    const SCHEMA: Schema = Schema { kinds: &[SLOT] };

    fn core(path: Option<&Path>) -> Core {
        Core::new(setup::open_writer(path, &SCHEMA).unwrap(), SCHEMA)
    }

    fn put(id: &str, bytes: usize) -> Work {
        let body = "x".repeat(bytes);
        let write = Write::Put {
            kind: "slot",
            id: id.to_owned(),
            expected_revision: 0,
            body_version: 1,
            body,
            index: vec![],
        };
        Work::Commit(Box::new(Commit { writes: vec![write], ..Commit::default() }))
    }

    fn errors(done: &Done) -> Vec<Option<StoreError>> {
        done.answers.iter().map(|answer| answer.as_ref().err().cloned()).collect()
    }

    fn exists(core: &Core, id: &str) -> bool {
        get_document(core.connection(), &SLOT, id).unwrap().is_some()
    }

    #[test]
    fn a_full_disk_loses_the_whole_batch_and_nothing_else() {
        let mut core = core(None);
        assert_eq!(errors(&core.run([put("before", 10)].iter())), [None]);
        let pages: i64 = core.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        core.conn.pragma_update(None, "max_page_count", pages + 10).unwrap();
        let done = core.run([put("small", 10), put("large", 1_000_000), put("after", 10)].iter());
        assert_eq!(errors(&done), vec![Some(StoreError::DiskFull); 3]);
        assert!(!done.changed && !exists(&core, "small") && exists(&core, "before"));
        core.conn.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        assert_eq!(errors(&core.run([put("small", 10), put("large", 1_000_000)].iter())), [None, None]);
    }

    #[test]
    fn after_a_failed_commit_nothing_goes_on_before_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let mut failing = core(Some(&path));
        // Without the log, a reader in its transaction makes COMMIT itself fail.
        failing.conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).unwrap();
        failing.conn.busy_timeout(Duration::ZERO).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
        let done = failing.run([put("a", 10), put("b", 10)].iter());
        assert!(!done.changed && errors(&done).iter().all(|e| matches!(e, Some(StoreError::Unavailable(_)))));
        reader.execute_batch("COMMIT").unwrap();
        let done = failing.run([put("a", 10)].iter());
        assert!(matches!(errors(&done)[..], [Some(StoreError::Unavailable(_))]));
        assert!(failing.broken().load(Ordering::Acquire));
        drop(failing);
        let mut reopened = core(Some(&path));
        assert!(!exists(&reopened, "a"));
        assert_eq!(errors(&reopened.run([put("a", 10)].iter())), [None]);
    }

    #[test]
    fn one_work_fails_alone() {
        let mut core = core(None);
        let done = core.run([put("a", 1), put("a", 1), put("b", 1)].iter());
        let conflict = StoreError::Conflict { kind: "slot".to_owned(), id: "a".to_owned(), revision: 1 };
        assert_eq!(errors(&done), [None, Some(conflict), None]);
        assert!(done.changed && exists(&core, "a") && exists(&core, "b"));
    }
}
