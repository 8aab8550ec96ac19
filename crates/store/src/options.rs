//! How an engine is sized.

use std::time::Duration;

/// How SQLite with threads is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads that read, each with a connection of its own.
    pub readers: usize,
    /// Mutations that may wait; the next is `Overloaded`.
    pub max_waiting: usize,
    /// Bytes that may wait.
    pub max_waiting_bytes: usize,
    /// Pages of 4 KiB in the log before a commit moves them into the database. A page that was written often by then is
    /// moved once; the log is read again after a crash.
    pub checkpoint_pages: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 2, max_waiting: 4_096, max_waiting_bytes: 64 * 1024 * 1024, checkpoint_pages: 16_000 }
    }
}

/// How PostgreSQL is reached and held to limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Such as `postgres://user:password@host:5432/database?sslmode=verify-full`. It must be the primary.
    pub url: String,
    /// A streaming replica for reads that say they may be stale; none: the primary answers them too.
    pub replica_url: Option<String>,
    /// A direct address for LISTEN where `url` is that of a transaction pooler; none there: changes of other processes are
    /// noticed by polling.
    pub listen_url: Option<String>,
    /// `url` leads to a pooler that gives each transaction another server connection.
    pub pooler: bool,
    /// Connections of this process.
    pub max_connections: u32,
    /// Statements that may run or wait for a connection; the next is `Overloaded`.
    pub max_waiting: usize,
    /// How long a statement may wait for a connection before it is `Overloaded`.
    pub acquire_timeout: Duration,
    pub connect_timeout: Duration,
    /// How long the server works on a statement.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may stand open with nothing to do; nothing of ours leaves one open.
    pub idle_in_transaction_timeout: Duration,
    /// How often changes of other processes are assumed where nobody tells of them.
    pub poll_interval: Duration,
    /// Shown by the server beside our connections.
    pub application_name: String,
}

impl PostgresOptions {
    /// The usual limits.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            replica_url: None,
            listen_url: None,
            pooler: false,
            max_connections: 16,
            max_waiting: 4_096,
            acquire_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(15),
            poll_interval: Duration::from_millis(500),
            application_name: "leeway".to_owned(),
        }
    }
}
