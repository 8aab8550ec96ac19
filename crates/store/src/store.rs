//! The handle that services hold.

use std::path::Path;

use tokio::sync::watch;

use crate::commit::{Commit, EffectChange, MAX_COMMIT_BYTES, Outcome, Write};
use crate::error::StoreError;
use crate::records::{
    ChainReport, Claim, Document, Effect, Failure, FeedRow, Filter, JournalEntry, MAX_CLAIM_ROWS,
    MAX_PAGE_ROWS, ParkedEffect, Query, Retention, StoredRequest, Swept,
};
use crate::schema::Schema;
use crate::sqlite::{self, Answer, Sqlite, Work};

/// How an engine with threads is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads that read, each with a connection of its own.
    pub readers: usize,
    /// Mutations that may wait; the next is `Overloaded`.
    pub max_waiting: usize,
    /// Bytes that may wait.
    pub max_waiting_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 2, max_waiting: 4_096, max_waiting_bytes: 64 * 1024 * 1024 }
    }
}

/// Documents, journal, effects, feed and idempotency records of one service. Clones share the engine.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    schema: Schema,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Sqlite),
    #[cfg(feature = "simulation")]
    Simulated(crate::simulation::Replica),
}

impl Store {
    /// Opens or creates a SQLite file with a writer thread and a pool of readers. Blocks while it opens.
    pub fn open(path: &Path, schema: &Schema, options: Options) -> Result<Self, StoreError> {
        schema.validate()?;
        Ok(Self { engine: Engine::Sqlite(Sqlite::threaded(path, schema, options)?), schema: *schema })
    }

    /// SQLite without threads, in memory if there is no path: every call completes in its first poll, so a
    /// simulation stays deterministic. The transactions are those of [`Store::open`].
    pub fn open_inline(path: Option<&Path>, schema: &Schema) -> Result<Self, StoreError> {
        schema.validate()?;
        Ok(Self { engine: Engine::Sqlite(Sqlite::inline(path, schema)?), schema: *schema })
    }

    /// A replica's way to the database of a simulation.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(replica: crate::simulation::Replica, schema: Schema) -> Self {
        Self { engine: Engine::Simulated(replica), schema }
    }

    /// Makes the commit durable, or nothing of it.
    ///
    /// Cancel-safe: the first poll hands the commit over, from then on dropping the future changes nothing about
    /// its outcome. After `Unavailable` the outcome is unknown; repeating it with the same request id is safe. Without
    /// one, the commit's own guards answer: a revision, or `done`, which is `Fenced` if the first went through.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        self.check(&commit)?;
        match self.write(Work::Commit(Box::new(commit))).await? {
            Answer::Commit(outcome) => Ok(outcome),
            other => Err(other.unexpected()),
        }
    }

    /// The idempotency record of a request, if it was committed and retention kept it.
    pub async fn find_request(
        &self,
        principal: &str,
        subject: &str,
        request_id: &str,
    ) -> Result<Option<StoredRequest>, StoreError> {
        let key = [principal.to_owned(), subject.to_owned(), request_id.to_owned()];
        self.read(move |conn| sqlite::find_request(conn, &key)).await
    }

    /// One document.
    pub async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>, StoreError> {
        let kind = self.schema.kind(kind)?;
        let id = id.to_owned();
        self.read(move |conn| sqlite::get_document(conn, kind, &id)).await
    }

    /// A page of documents.
    pub async fn list(&self, query: Query) -> Result<Vec<Document>, StoreError> {
        let kind = self.schema.kind(query.kind)?;
        check_limit(query.limit, MAX_PAGE_ROWS)?;
        self.read(move |conn| sqlite::list_documents(conn, kind, &query)).await
    }

    /// How many documents pass all filters.
    pub async fn count(&self, kind: &'static str, filters: Vec<Filter>) -> Result<i64, StoreError> {
        let kind = self.schema.kind(kind)?;
        self.read(move |conn| sqlite::count_documents(conn, kind, &filters)).await
    }

    /// Entries of a journal stream after `after_seq`, oldest first.
    pub async fn read_stream(
        &self,
        stream: &str,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        let stream = stream.to_owned();
        self.read(move |conn| sqlite::read_stream(conn, &stream, after_seq, limit)).await
    }

    /// Names of journal streams after `after`, in byte order.
    pub async fn list_streams(&self, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        let after = after.to_owned();
        self.read(move |conn| sqlite::list_streams(conn, &after, limit)).await
    }

    /// Walks a stream's hash chain to its head and reports the first fault. Holds a reader for the whole walk.
    pub async fn verify_stream(&self, stream: &str) -> Result<ChainReport, StoreError> {
        let stream = stream.to_owned();
        self.read(move |conn| sqlite::verify_stream(conn, &stream)).await
    }

    /// Leases due effects, oldest first. An effect is due when `not_before` came and nobody's lease runs.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Effect>, StoreError> {
        check_limit(claim.limit, MAX_CLAIM_ROWS)?;
        match self.write(Work::Claim(claim)).await? {
            Answer::Claimed(effects) => Ok(effects),
            other => Err(other.unexpected()),
        }
    }

    /// Gives a leased effect back, due again at `not_before` (epoch microseconds). `Fenced` if the lease is gone.
    pub async fn retry(&self, failure: Failure, not_before: i64) -> Result<(), StoreError> {
        match self.write(Work::Retry(failure, not_before)).await? {
            Answer::Settled => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    /// Gives a leased effect up until somebody redrives it. `Fenced` if the lease is gone.
    pub async fn park(&self, failure: Failure) -> Result<(), StoreError> {
        match self.write(Work::Park(failure)).await? {
            Answer::Settled => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    /// Parked effects with ids after `after_id`, by id.
    pub async fn list_parked(&self, after_id: i64, limit: u32) -> Result<Vec<ParkedEffect>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        self.read(move |conn| sqlite::list_parked(conn, after_id, limit)).await
    }

    /// Makes a parked effect due at `now` with no attempts counted. False if it isn't parked (any more).
    pub async fn redrive(&self, effect_id: i64, now: i64) -> Result<bool, StoreError> {
        match self.write(Work::Redrive { effect_id, now }).await? {
            Answer::Redriven(found) => Ok(found),
            other => Err(other.unexpected()),
        }
    }

    /// When the next effect of these topics and versions becomes claimable, epoch microseconds; may lie in the past.
    pub async fn next_due(&self, topics: &[(&'static str, i32)]) -> Result<Option<i64>, StoreError> {
        let topics = topics.to_vec();
        self.read(move |conn| sqlite::next_due(conn, &topics)).await
    }

    /// Public events after a position (0: from the start). `FeedTrimmed` if retention removed some of them.
    pub async fn read_feed(&self, after_position: i64, limit: u32) -> Result<Vec<FeedRow>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        self.read(move |conn| sqlite::read_feed(conn, after_position, limit)).await
    }

    /// The position of the newest public event, 0 before the first.
    pub async fn feed_head(&self) -> Result<i64, StoreError> {
        self.read(sqlite::feed_head).await
    }

    /// Changes after every durable batch that altered anything: wakes workers, feeds and watchers of this process.
    /// Whether nothing can be written any more until the database is opened anew: readiness and alarms follow it.
    pub fn is_broken(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.is_broken(),
            #[cfg(feature = "simulation")]
            Engine::Simulated(replica) => replica.is_broken(),
        }
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.changes(),
            #[cfg(feature = "simulation")]
            Engine::Simulated(replica) => replica.changes(),
        }
    }

    /// Removes what retention no longer keeps, a bounded number of rows a call.
    pub async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError> {
        match self.write(Work::Sweep(retention)).await? {
            Answer::Swept(swept) => Ok(swept),
            other => Err(other.unexpected()),
        }
    }

    /// Takes no more work from any clone, finishes what was handed over and waits for it.
    pub async fn close(self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            // Its database goes on for the other replicas.
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => {}
        }
    }

    async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(work).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(replica) => replica.write(work).await,
        }
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(read).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(replica) => replica.read(read).await,
        }
    }

    /// Refuses on the caller's own time what the declared schema or a limit forbids.
    fn check(&self, commit: &Commit) -> Result<(), StoreError> {
        let bytes = commit.bytes();
        if bytes > MAX_COMMIT_BYTES {
            return Err(StoreError::Invalid(format!(
                "a commit of {bytes} bytes, at most {MAX_COMMIT_BYTES}"
            )));
        }
        for check in &commit.checks {
            self.schema.kind(check.kind)?;
            check_revision(check.revision, 0)?;
        }
        for write in &commit.writes {
            let kind = self.schema.kind(write.kind())?;
            match write {
                Write::Put { expected_revision, index, .. } => {
                    check_revision(*expected_revision, 0)?;
                    kind.check_index(index)?;
                }
                Write::Delete { expected_revision, .. } => check_revision(*expected_revision, 1)?,
            }
        }
        let empty_token = commit.effects.iter().any(
            |change| matches!(change, EffectChange::Put { lease: Some(lease), .. } if lease.token.is_empty()),
        );
        // The empty token marks an effect without a lease.
        if empty_token || commit.done.as_ref().is_some_and(|done| done.token.is_empty()) {
            return Err(StoreError::Invalid("a lease needs a token".to_owned()));
        }
        Ok(())
    }
}

fn check_revision(revision: i64, least: i64) -> Result<(), StoreError> {
    if revision >= least {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("revision {revision}, the least is {least}")))
    }
}

fn check_limit(limit: u32, most: u32) -> Result<(), StoreError> {
    if (1..=most).contains(&limit) {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("a limit of {limit} rows, allowed are 1 to {most}")))
    }
}
