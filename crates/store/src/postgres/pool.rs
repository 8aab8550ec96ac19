//! Connections: as many as are allowed, each in the hands of one task at a time.
//!
//! Whatever runs on a connection runs to its end, in a task of its own if the caller goes away: no statement is left half
//! read and no transaction open. A connection comes back only after its statement was answered; sqlx's own
//! pool would take it back whenever the caller's future is dropped, and ask the server once more on every return.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, Encode, Executor as _, Postgres, Type};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::fault::{self, Fault};
use crate::error::StoreError;
use crate::options::PostgresOptions;

/// What the server's own time-out may be late by before a connection counts as dead.
const GRACE: Duration = Duration::from_secs(2);
/// A connection older than this is replaced when it comes back, so that load moves to a new server.
const MAX_AGE: Duration = Duration::from_secs(1_800);
/// Tries of a statement that lost against others (40001, 40P01); between them it waits a little longer each time.
const MAX_CONTENTION_TRIES: u32 = 6;
const FIRST_CONTENTION_PAUSE: Duration = Duration::from_millis(2);

/// One statement with its parameters. It is the whole transaction.
#[derive(Clone)]
pub(super) struct Statement {
    sql: Arc<str>,
    arguments: PgArguments,
    /// Whether it may run once more after a connection was lost, when nobody knows whether it ran.
    repeatable: bool,
    fault: Option<StoreError>,
}

impl Statement {
    /// SQL of ours only: texts of others are parameters.
    pub(super) fn new(sql: impl Into<Arc<str>>) -> Self {
        Self { sql: sql.into(), arguments: PgArguments::default(), repeatable: false, fault: None }
    }

    pub(super) fn bind<'q, T: Encode<'q, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.fault = Some(StoreError::Invalid(format!("a parameter can't be sent: {error}")));
        }
        self
    }

    /// Nothing is changed, or changing it twice is the same as once.
    pub(super) fn repeatable(mut self, repeatable: bool) -> Self {
        self.repeatable = repeatable;
        self
    }
}

/// Clones share the connections.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    connect: PgConnectOptions,
    options: PostgresOptions,
    idle: Mutex<Vec<Idle>>,
    /// Rises when a connection broke: those made before are not trusted any more.
    epoch: AtomicU64,
    places: Semaphore,
    waiting: Arc<Semaphore>,
}

struct Idle {
    connection: PgConnection,
    made: Instant,
    epoch: u64,
}

impl Pool {
    /// Connects when first used.
    pub(super) fn new(connect: PgConnectOptions, options: &PostgresOptions) -> Self {
        Self(Arc::new(Shared {
            connect,
            options: options.clone(),
            idle: Mutex::default(),
            epoch: AtomicU64::new(0),
            places: Semaphore::new(options.max_connections as usize),
            waiting: Arc::new(Semaphore::new(options.max_waiting)),
        }))
    }

    /// Runs a piece of work: from the first poll on it runs to its end, whoever waits for it.
    pub(super) async fn owned<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        // Before it begins: whoever closes the pool waits for everything that was handed over.
        let Ok(ticket) = Arc::clone(&self.0.waiting).try_acquire_owned() else {
            return Err(StoreError::Overloaded);
        };
        let whole = async move {
            let done = work.await;
            drop(ticket);
            done
        };
        ToItsEnd(Some(Box::pin(whole))).await
    }

    /// A statement that changes nothing, to its end.
    pub(super) async fn read(&self, statement: Statement) -> Result<Vec<PgRow>, StoreError> {
        let pool = self.clone();
        self.owned(async move { pool.rows(statement.repeatable(true)).await }).await
    }

    /// Waits for whatever runs and closes the connections. Nothing is taken over any more.
    pub(super) async fn close(&self) {
        let everything = u32::try_from(self.0.options.max_waiting).unwrap_or(u32::MAX);
        if let Ok(all) = self.0.waiting.acquire_many(everything).await {
            all.forget();
        }
        self.0.waiting.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for Idle { connection, .. } in idle {
            // The server notices anyway.
            let _ = timeout(GRACE, connection.close()).await;
        }
    }

    /// Runs a statement and returns its rows. To be called within [`Pool::owned`], or in a task that nobody drops.
    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<PgRow>, StoreError> {
        if let Some(fault) = statement.fault {
            return Err(fault);
        }
        let place = timeout(self.0.options.acquire_timeout, self.0.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(StoreError::Overloaded);
        };
        let mut contended = 0;
        let mut lost = false;
        loop {
            let fault = match self.attempt(&statement).await {
                Ok(rows) => return Ok(rows),
                Err(fault) => fault,
            };
            match fault {
                Fault::Contended(_) if contended + 1 < MAX_CONTENTION_TRIES => {
                    tokio::time::sleep(FIRST_CONTENTION_PAUSE.saturating_mul(1 << contended)).await;
                    contended += 1;
                }
                Fault::Lost(_) if statement.repeatable && !lost => lost = true,
                fault => return Err(fault.into_error()),
            }
        }
    }

    /// One try, on one connection, which comes back unless it broke.
    async fn attempt(&self, statement: &Statement) -> Result<Vec<PgRow>, Fault> {
        let Idle { mut connection, made, epoch } = match self.0.pop() {
            Some(idle) => idle,
            None => self.0.connect().await?,
        };
        let patience = self.0.options.statement_timeout.saturating_add(GRACE);
        let ran = timeout(patience, execute(&mut connection, statement, &self.0.options)).await;
        match ran {
            Ok(Ok(rows)) => {
                self.0.push(Idle { connection, made, epoch });
                Ok(rows)
            }
            Ok(Err(error)) => {
                let fault = fault::of(&error);
                match fault {
                    // A transaction of several statements may still be open: not worth finding out.
                    Fault::Contended(_) | Fault::Refused(_) if !self.0.options.pooler => {
                        self.0.push(Idle { connection, made, epoch });
                    }
                    Fault::Contended(_) | Fault::Refused(_) => {}
                    Fault::Lost(_) => self.0.distrust(epoch),
                }
                Err(fault)
            }
            Err(_) => {
                self.0.distrust(epoch);
                Err(Fault::Lost(StoreError::Unavailable("the database didn't answer in time".to_owned())))
            }
        }
    }
}

impl Shared {
    /// The connection used last: those that nobody needs grow old and go.
    fn pop(&self) -> Option<Idle> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut idle = self.idle();
        idle.retain(|one| one.epoch == epoch && one.made.elapsed() < MAX_AGE);
        idle.pop()
    }

    fn push(&self, idle: Idle) {
        if idle.epoch == self.epoch.load(Ordering::Acquire) && idle.made.elapsed() < MAX_AGE {
            self.idle().push(idle);
        }
    }

    /// Every connection of that epoch may have gone the same way, such as by a restart of the server.
    fn distrust(&self, epoch: u64) {
        let _ = self.epoch.compare_exchange(epoch, epoch + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    async fn connect(&self) -> Result<Idle, Fault> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let connected =
            timeout(self.options.connect_timeout, PgConnection::connect_with(&self.connect)).await;
        match connected {
            Ok(Ok(connection)) => Ok(Idle { connection, made: Instant::now(), epoch }),
            Ok(Err(error)) => Err(Fault::Refused(fault::of(&error).into_error())),
            Err(_) => {
                Err(Fault::Refused(StoreError::Unavailable("the database can't be reached".to_owned())))
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that is polled where it is waited for, without the way to another thread and back. Whoever drops it leaves the rest
/// to a task.
struct ToItsEnd<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Nobody polls again what was ready; if somebody did, it would wait for ever.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

/// One round trip once the statement is prepared. Through a pooler that gives each transaction another server connection,
/// the transaction has to be spelt out, for prepare and execute must meet the same one.
async fn execute(
    connection: &mut PgConnection,
    statement: &Statement,
    options: &PostgresOptions,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = AssertSqlSafe(Arc::clone(&statement.sql));
    let query = sqlx::query_with(sql, statement.arguments.clone());
    if !options.pooler {
        return connection.fetch_all(query).await;
    }
    connection.execute(sqlx::raw_sql(AssertSqlSafe(begin(options)))).await?;
    let rows = connection.fetch_all(query.persistent(false)).await?;
    connection.execute(sqlx::raw_sql("COMMIT")).await?;
    Ok(rows)
}

/// The limits come along, for a pooler forwards no start-up parameters.
fn begin(options: &PostgresOptions) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; \
         SET LOCAL idle_in_transaction_session_timeout = {}",
        options.statement_timeout.as_millis(),
        options.lock_timeout.as_millis(),
        options.idle_in_transaction_timeout.as_millis()
    )
}
