//! The handle that services hold.

use std::path::Path;

use tokio::sync::watch;

use crate::commit::{Commit, Outcome};
use crate::copy::{self, CopiedTable};
use crate::error::StoreError;
use crate::local::Local;
use crate::options::{Options, PostgresOptions};
use crate::postgres::{self, Freshness, Migrate, Postgres};
use crate::records::{
    ChainReport, Claim, Document, Effect, Failure, FeedRow, Filter, JournalEntry, MAX_CLAIM_ROWS,
    MAX_PAGE_ROWS, ParkedEffect, Query, Retention, StoredRequest, Swept,
};
use crate::schema::Schema;
use crate::sqlite;
use crate::work::{Answer, Work};

/// Documents, journal, effects, feed and idempotency records of one service. Clones share the engine.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    schema: Schema,
    freshness: Freshness,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Local),
    Postgres(Postgres),
}

impl Store {
    /// Opens or creates a SQLite file with a writer thread and a pool of readers. Blocks while it opens.
    pub fn open(path: &Path, schema: &Schema, options: Options) -> Result<Self, StoreError> {
        schema.validate()?;
        Ok(Self {
            engine: Engine::Sqlite(Local::threaded(path, schema, options)?),
            schema: *schema,
            freshness: Freshness::Decides,
        })
    }

    /// A SQLite file as it is, also while a service writes it or where no service may write. Commits and claims fail.
    pub fn open_read_only(path: &Path, schema: &Schema, options: Options) -> Result<Self, StoreError> {
        schema.validate()?;
        Ok(Self {
            engine: Engine::Sqlite(Local::read_only(path, options)?),
            schema: *schema,
            freshness: Freshness::Decides,
        })
    }

    /// SQLite without threads, in memory if there is no path: every call completes in its first poll, so a
    /// simulation stays deterministic. The transactions are those of [`Store::open`].
    pub fn open_inline(path: Option<&Path>, schema: &Schema) -> Result<Self, StoreError> {
        schema.validate()?;
        Ok(Self {
            engine: Engine::Sqlite(Local::inline(path, schema)?),
            schema: *schema,
            freshness: Freshness::Decides,
        })
    }

    /// A PostgreSQL database that [`Store::migrate`] brought up to date; `Outdated` if nobody did.
    pub async fn connect(options: &PostgresOptions, schema: &Schema) -> Result<Self, StoreError> {
        schema.validate()?;
        let engine = Engine::Postgres(Postgres::connect(options, schema).await?);
        Ok(Self { engine, schema: *schema, freshness: Freshness::Decides })
    }

    /// Brings a PostgreSQL database up to date for this software, one process at a time, and says what it did; or only
    /// says what it would do. Software of the version before goes on working on it.
    pub async fn migrate(
        options: &PostgresOptions,
        schema: &Schema,
        migrate: Migrate,
    ) -> Result<Vec<String>, StoreError> {
        schema.validate()?;
        let direct = PostgresOptions { pooler: false, ..options.clone() };
        let url = options.listen_url.as_ref().unwrap_or(&options.url);
        postgres::migrate(&postgres::connect_options(url, &direct)?, schema, migrate).await
    }

    /// Copies the SQLite database of a service, which is stopped, into an empty PostgreSQL database that was migrated; both
    /// are read again and compared. All of it is there, or nothing.
    pub async fn copy(
        from: &Path,
        to: &PostgresOptions,
        schema: &Schema,
    ) -> Result<Vec<CopiedTable>, StoreError> {
        schema.validate()?;
        copy::copy(from, to, schema).await
    }

    /// The same store for reads of documents and journal that may be a little old: a replica answers them, if there is
    /// one. Writes go where they always go.
    pub fn stale(&self) -> Self {
        Self { freshness: Freshness::MayBeStale, ..self.clone() }
    }

    /// A replica's way to the database of a simulation.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(replica: crate::simulation::Replica, schema: Schema) -> Self {
        Self { engine: Engine::Sqlite(Local::Simulated(replica)), schema, freshness: Freshness::Decides }
    }

    /// Makes the commit durable, or nothing of it.
    ///
    /// Cancel-safe: the first poll hands the commit over, from then on dropping the future changes nothing about
    /// its outcome. After `Unavailable` the outcome is unknown; repeating it with the same request id is safe. Without
    /// one, the commit's own guards answer: a revision, or `done`, which is `Fenced` if the first went through.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        commit.check(&self.schema)?;
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
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let key = [principal.to_owned(), subject.to_owned(), request_id.to_owned()];
                sqlite.read(move |conn| sqlite::find_request(conn, &key)).await
            }
            Engine::Postgres(postgres) => postgres.find_request(principal, subject, request_id).await,
        }
    }

    /// One document.
    pub async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>, StoreError> {
        let kind = self.schema.kind(kind)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let id = id.to_owned();
                sqlite.read(move |conn| sqlite::get_document(conn, kind, &id)).await
            }
            Engine::Postgres(postgres) => postgres.get(self.freshness, kind, id).await,
        }
    }

    /// A page of documents.
    pub async fn list(&self, query: Query) -> Result<Vec<Document>, StoreError> {
        let kind = self.schema.kind(query.kind)?;
        check_limit(query.limit, MAX_PAGE_ROWS)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.read(move |conn| sqlite::list_documents(conn, kind, &query)).await
            }
            Engine::Postgres(postgres) => postgres.list(self.freshness, kind, &query).await,
        }
    }

    /// How many documents pass all filters.
    pub async fn count(&self, kind: &'static str, filters: Vec<Filter>) -> Result<i64, StoreError> {
        let kind = self.schema.kind(kind)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.read(move |conn| sqlite::count_documents(conn, kind, &filters)).await
            }
            Engine::Postgres(postgres) => postgres.count(self.freshness, kind, &filters).await,
        }
    }

    /// Entries of a journal stream after `after_seq`, oldest first.
    pub async fn read_stream(
        &self,
        stream: &str,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let stream = stream.to_owned();
                sqlite.read(move |conn| sqlite::read_stream(conn, &stream, after_seq, limit)).await
            }
            Engine::Postgres(postgres) => {
                postgres.read_stream(self.freshness, stream, (after_seq, limit)).await
            }
        }
    }

    /// Names of journal streams after `after`, in byte order.
    pub async fn list_streams(&self, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let after = after.to_owned();
                sqlite.read(move |conn| sqlite::list_streams(conn, &after, limit)).await
            }
            Engine::Postgres(postgres) => postgres.list_streams(self.freshness, after, limit).await,
        }
    }

    /// Walks a stream's hash chain to its head and reports the first fault. Holds a reader for the whole walk.
    pub async fn verify_stream(&self, stream: &str) -> Result<ChainReport, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let stream = stream.to_owned();
                sqlite.read(move |conn| sqlite::verify_stream(conn, &stream)).await
            }
            Engine::Postgres(postgres) => postgres.verify_stream(self.freshness, stream).await,
        }
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
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.read(move |conn| sqlite::list_parked(conn, after_id, limit)).await
            }
            Engine::Postgres(postgres) => postgres.list_parked(after_id, limit).await,
        }
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
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let topics = topics.to_vec();
                sqlite.read(move |conn| sqlite::next_due(conn, &topics)).await
            }
            Engine::Postgres(postgres) => postgres.next_due(topics).await,
        }
    }

    /// Public events after a position (0: from the start). `FeedTrimmed` if retention removed some of them.
    pub async fn read_feed(&self, after_position: i64, limit: u32) -> Result<Vec<FeedRow>, StoreError> {
        check_limit(limit, MAX_PAGE_ROWS)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.read(move |conn| sqlite::read_feed(conn, after_position, limit)).await
            }
            Engine::Postgres(postgres) => postgres.read_feed(after_position, limit).await,
        }
    }

    /// The position of the newest public event, 0 before the first.
    pub async fn feed_head(&self) -> Result<i64, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(sqlite::feed_head).await,
            Engine::Postgres(postgres) => postgres.feed_head().await,
        }
    }

    /// Asks the database for a sign of life that is worth something: readiness and alarms follow it.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.ping().await,
            Engine::Postgres(postgres) => postgres.ping().await,
        }
    }

    /// Changes after every durable change: wakes workers, feeds and watchers. Changes made by other processes ring too, a
    /// little later or, where nobody tells of them, at intervals; a ring may come for nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.changes(),
            Engine::Postgres(postgres) => postgres.changes(),
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
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }

    async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(work).await,
            Engine::Postgres(postgres) => postgres.write(work).await,
        }
    }
}

fn check_limit(limit: u32, most: u32) -> Result<(), StoreError> {
    if (1..=most).contains(&limit) {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("a limit of {limit} rows, allowed are 1 to {most}")))
    }
}
