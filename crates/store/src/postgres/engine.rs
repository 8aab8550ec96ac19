//! The engine: statements through a pool, and a bell for what other processes change.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::watch;
use tokio::time::timeout;

use super::bell::Bell;
use super::function::CommitFunction;
use super::pool::{Pool, Statement};
use super::rows::{column, each, one};
use super::{commit, documents, effects, fault, journal, migrate, sweep};
use crate::error::StoreError;
use crate::options::PostgresOptions;
use crate::records::{
    ChainReport, Document, FeedRow, Filter, JournalEntry, ParkedEffect, Query, StoredRequest,
};
use crate::schema::{Kind, Schema};
use crate::work::{Answer, Work};

/// How long opening waits until changes of others are heard; without them polling goes on.
const LISTEN_PATIENCE: Duration = Duration::from_secs(2);
/// A database that doesn't answer a ping in this time isn't ready.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// Clones share connections.
#[derive(Clone)]
pub(crate) struct Postgres(Arc<Engine>);

struct Engine {
    primary: Pool,
    /// For reads that may be stale.
    replica: Option<Pool>,
    bell: Bell,
    commit: Arc<str>,
    schema: Schema,
}

/// Where a read is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// By the primary: whatever was answered before is seen.
    Decides,
    /// By a replica if there is one.
    MayBeStale,
}

impl Postgres {
    /// Connects, and refuses a database that isn't migrated for this software.
    pub(crate) async fn connect(options: &PostgresOptions, schema: &Schema) -> Result<Self, StoreError> {
        let connect = connect_options(&options.url, options)?;
        let mut first = timeout(options.connect_timeout, PgConnection::connect_with(&connect))
            .await
            .map_err(|_| StoreError::Unavailable("the database can't be reached".to_owned()))?
            .map_err(|error| fault::of(&error).into_error())?;
        let checked = migrate::check(&mut first, schema).await;
        let _ = first.close().await;
        checked?;
        let replica = options.replica_url.as_deref().map(|url| connect_options(url, options)).transpose()?;
        let listen = match (&options.listen_url, options.pooler) {
            (Some(url), _) => {
                Some(connect_options(url, &PostgresOptions { pooler: false, ..options.clone() })?)
            }
            (None, true) => None,
            (None, false) => Some(connect.clone()),
        };
        let engine = Engine {
            primary: Pool::new(connect, options),
            replica: replica.map(|replica| Pool::new(replica, options)),
            bell: Bell::new(),
            commit: format!("SELECT {}($1)", CommitFunction::of(schema).name).into(),
            schema: *schema,
        };
        let listens = listen.is_some();
        engine.bell.spawn(engine.primary.clone(), listen, options.poll_interval);
        if listens && timeout(LISTEN_PATIENCE, engine.bell.listening()).await.is_err() {
            tracing::warn!("changes of other processes aren't heard yet");
        }
        Ok(Self(Arc::new(engine)))
    }

    /// Runs the work as one transaction. From the first poll on it runs to its end, whoever waits for it.
    pub(crate) async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        let engine = self.clone();
        // The bell rings also where the caller went away.
        let run = async move {
            let answer = engine.run(work).await?;
            if answer.changed() {
                engine.0.bell.ring();
            }
            Ok(answer)
        };
        self.0.primary.owned(run).await
    }

    async fn run(&self, work: Work) -> Result<Answer, StoreError> {
        let pool = &self.0.primary;
        Ok(match work {
            Work::Commit(commit) => {
                let payload = commit::payload(&self.0.schema, &commit)?;
                let statement = Statement::new(Arc::clone(&self.0.commit)).bind(payload);
                // With a request id the second run is a replay of the first, if that went through.
                let rows = pool.rows(statement.repeatable(commit.request.is_some())).await?;
                Answer::Commit(commit::outcome(column(one(&rows)?, 0)?)?)
            }
            Work::Claim(claim) => {
                Answer::Claimed(effects::claimed(&pool.rows(effects::claim(&claim)?).await?)?)
            }
            Work::Retry(failure, not_before) => {
                settled(&pool.rows(effects::retry(&failure, not_before)).await?)?
            }
            Work::Park(failure) => settled(&pool.rows(effects::park(&failure)).await?)?,
            Work::Redrive { effect_id, now } => {
                Answer::Redriven(!pool.rows(effects::redrive(effect_id, now)).await?.is_empty())
            }
            Work::Sweep(retention) => Answer::Swept(sweep::sweep(pool, &retention).await?),
        })
    }

    fn reads(&self, freshness: Freshness) -> &Pool {
        match (freshness, &self.0.replica) {
            (Freshness::MayBeStale, Some(replica)) => replica,
            (Freshness::MayBeStale, None) | (Freshness::Decides, _) => &self.0.primary,
        }
    }

    /// A replica that is away costs a read nothing but time.
    async fn read(
        &self,
        freshness: Freshness,
        statement: Statement,
    ) -> Result<Vec<sqlx::postgres::PgRow>, StoreError> {
        let pool = self.reads(freshness);
        match pool.read(statement.clone()).await {
            Err(StoreError::Unavailable(reason)) if !std::ptr::eq(pool, &raw const self.0.primary) => {
                tracing::warn!(reason, "the replica doesn't answer");
                self.0.primary.read(statement).await
            }
            answered => answered,
        }
    }

    pub(crate) async fn find_request(
        &self,
        principal: &str,
        subject: &str,
        request_id: &str,
    ) -> Result<Option<StoredRequest>, StoreError> {
        let statement = documents::find_request(principal, subject, request_id);
        documents::request(&self.read(Freshness::Decides, statement).await?)
    }

    pub(crate) async fn get(
        &self,
        freshness: Freshness,
        kind: &Kind,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        let rows = self.read(freshness, documents::get(kind, id)).await?;
        rows.first().map(documents::document).transpose()
    }

    pub(crate) async fn list(
        &self,
        freshness: Freshness,
        kind: &Kind,
        query: &Query,
    ) -> Result<Vec<Document>, StoreError> {
        each(&self.read(freshness, documents::list(kind, query)?).await?, documents::document)
    }

    pub(crate) async fn count(
        &self,
        freshness: Freshness,
        kind: &Kind,
        filters: &[Filter],
    ) -> Result<i64, StoreError> {
        documents::counted(&self.read(freshness, documents::count(kind, filters)?).await?)
    }

    pub(crate) async fn read_stream(
        &self,
        freshness: Freshness,
        stream: &str,
        (after_seq, limit): (i64, u32),
    ) -> Result<Vec<JournalEntry>, StoreError> {
        each(&self.read(freshness, journal::read_stream(stream, after_seq, limit)).await?, journal::entry)
    }

    pub(crate) async fn list_streams(
        &self,
        freshness: Freshness,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        each(&self.read(freshness, journal::list_streams(after, limit)).await?, |row| column(row, 0))
    }

    pub(crate) async fn verify_stream(
        &self,
        freshness: Freshness,
        stream: &str,
    ) -> Result<ChainReport, StoreError> {
        journal::verified(stream, &self.read(freshness, journal::whole_stream(stream)).await?)
    }

    pub(crate) async fn list_parked(
        &self,
        after_id: i64,
        limit: u32,
    ) -> Result<Vec<ParkedEffect>, StoreError> {
        each(&self.read(Freshness::Decides, effects::list_parked(after_id, limit)).await?, effects::parked)
    }

    pub(crate) async fn next_due(&self, topics: &[(&'static str, i32)]) -> Result<Option<i64>, StoreError> {
        column(one(&self.read(Freshness::Decides, effects::next_due(topics)).await?)?, 0)
    }

    /// Positions are given when somebody reads: until then nobody could tell the difference.
    pub(crate) async fn read_feed(&self, after: i64, limit: u32) -> Result<Vec<FeedRow>, StoreError> {
        self.advance(limit.into()).await?;
        journal::feed_page(after, &self.read(Freshness::Decides, journal::read_feed(after, limit)).await?)
    }

    pub(crate) async fn feed_head(&self) -> Result<i64, StoreError> {
        self.advance(i64::MAX).await?;
        column(one(&self.read(Freshness::Decides, journal::feed_head()).await?)?, 0)
    }

    /// Gives positions to all that is pending, or to so many rows at least.
    async fn advance(&self, enough: i64) -> Result<(), StoreError> {
        let mut total: i64 = 0;
        loop {
            let moved: i64 = column(one(&self.0.primary.read(journal::advance()).await?)?, 0)?;
            total = total.saturating_add(moved);
            // A batch has a row at least: fewer rows than batches allowed were all there was.
            if moved < i64::from(journal::ADVANCE_BATCHES) || total >= enough {
                return Ok(());
            }
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let ping = self.0.primary.read(Statement::new("SELECT 1"));
        match timeout(PING_PATIENCE, ping).await {
            Ok(answered) => answered.map(drop),
            Err(_) => Err(StoreError::Unavailable("the database doesn't answer".to_owned())),
        }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.bell.subscribe()
    }

    pub(crate) async fn close(&self) {
        self.0.bell.stop();
        self.0.primary.close().await;
        if let Some(replica) = &self.0.replica {
            replica.close().await;
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.write_str("Postgres")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.bell.stop();
    }
}

/// A lease that was held guards exactly one row.
fn settled(rows: &[sqlx::postgres::PgRow]) -> Result<Answer, StoreError> {
    if rows.len() == 1 { Ok(Answer::Settled) } else { Err(StoreError::Fenced) }
}

/// What a connection tells the server about itself. A pooler forwards no options: there each transaction brings them.
pub(crate) fn connect_options(url: &str, options: &PostgresOptions) -> Result<PgConnectOptions, StoreError> {
    let connect = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Invalid("the database's address can't be read".to_owned()))?
        .application_name(&options.application_name)
        .disable_statement_logging();
    if options.pooler {
        return Ok(connect.statement_cache_capacity(0));
    }
    let millis = |limit: Duration| limit.as_millis().to_string();
    Ok(connect.options([
        ("statement_timeout", millis(options.statement_timeout)),
        ("lock_timeout", millis(options.lock_timeout)),
        ("idle_in_transaction_session_timeout", millis(options.idle_in_transaction_timeout)),
        ("default_transaction_isolation", "read committed".to_owned()),
    ]))
}
