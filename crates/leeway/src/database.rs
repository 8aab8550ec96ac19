//! Where each service keeps its data: an SQLite file in the data directory, or a PostgreSQL database of its own.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use store::{Options, PostgresOptions, Schema, Store};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::serve::Which;

/// The databases of the three services.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Databases {
    pub application: DatabaseConfig,
    pub policy: DatabaseConfig,
    pub notification: DatabaseConfig,
}

/// One service's database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Such as `postgres://user:password@host:5432/leeway_application?sslmode=verify-full`; none: SQLite in the data
    /// directory. No two services may share a database.
    pub url: Option<Address>,
    /// A streaming replica, for reads that may be a little old.
    pub replica_url: Option<Address>,
    /// A direct address for LISTEN and migrations where `url` leads to a transaction pooler.
    pub listen_url: Option<Address>,
    /// `url` leads to a pooler that gives each transaction another server connection.
    pub pooler: bool,
    /// Connections of one process.
    pub max_connections: u32,
    /// Statements that may run or wait for a connection; the next is shed.
    pub max_waiting: u32,
    /// How long a statement may wait for a connection before it is shed, milliseconds.
    pub acquire_timeout_ms: u64,
    pub connect_timeout_ms: u64,
    /// How long the server works on a statement, milliseconds.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a lock, milliseconds.
    pub lock_timeout_ms: u64,
    /// How long a transaction may stand open with nothing to do, milliseconds; nothing of ours leaves one open.
    pub idle_in_transaction_timeout_ms: u64,
    /// How often changes of other processes are assumed where nobody tells of them, milliseconds.
    pub poll_interval_ms: u64,
}

/// An address that may hold a password: it is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        let usual = PostgresOptions::new("");
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            url: None,
            replica_url: None,
            listen_url: None,
            pooler: usual.pooler,
            max_connections: usual.max_connections,
            max_waiting: u32::try_from(usual.max_waiting).unwrap_or(u32::MAX),
            acquire_timeout_ms: millis(usual.acquire_timeout),
            connect_timeout_ms: millis(usual.connect_timeout),
            statement_timeout_ms: millis(usual.statement_timeout),
            lock_timeout_ms: millis(usual.lock_timeout),
            idle_in_transaction_timeout_ms: millis(usual.idle_in_transaction_timeout),
            poll_interval_ms: millis(usual.poll_interval),
        }
    }
}

impl DatabaseConfig {
    /// How the store reaches it, if it is PostgreSQL.
    pub fn postgres(&self, which: Which) -> Option<PostgresOptions> {
        let text = |address: &Option<Address>| address.as_ref().map(|address| address.0.clone());
        Some(PostgresOptions {
            url: text(&self.url)?,
            replica_url: text(&self.replica_url),
            listen_url: text(&self.listen_url),
            pooler: self.pooler,
            max_connections: self.max_connections.max(1),
            max_waiting: self.max_waiting.max(1) as usize,
            acquire_timeout: Duration::from_millis(self.acquire_timeout_ms),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            statement_timeout: Duration::from_millis(self.statement_timeout_ms),
            lock_timeout: Duration::from_millis(self.lock_timeout_ms),
            idle_in_transaction_timeout: Duration::from_millis(self.idle_in_transaction_timeout_ms),
            poll_interval: Duration::from_millis(self.poll_interval_ms),
            application_name: format!("leeway-{}", which.name()),
        })
    }
}

impl Which {
    pub const ALL: [Self; 3] = [Self::Application, Self::Policy, Self::Notification];

    /// As in configuration, spans and probes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => application::SERVICE_NAME,
            Self::Policy => crate::stack::POLICY,
            Self::Notification => notification::SERVICE_NAME,
        }
    }

    /// What its database holds.
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::Application => &application::SCHEMA,
            Self::Policy => &policy::SCHEMA,
            Self::Notification => &notification::SCHEMA,
        }
    }
}

impl Config {
    /// A service's database.
    pub fn database(&self, which: Which) -> &DatabaseConfig {
        match which {
            Which::Application => &self.databases.application,
            Which::Policy => &self.databases.policy,
            Which::Notification => &self.databases.notification,
        }
    }
}

/// Opens a service's store. A PostgreSQL database has to be migrated before, by `leeway migrate`.
pub async fn open(config: &Config, which: Which) -> anyhow::Result<Store> {
    if let Some(options) = config.database(which).postgres(which) {
        return Store::connect(&options, which.schema())
            .await
            .with_context(|| format!("the database of `{}` can't be used", which.name()));
    }
    let path = DataDir::open(&config.data_dir)?.database(which.name());
    Store::open(&path, which.schema(), Options::default())
        .with_context(|| format!("the database `{}` can't be opened", path.display()))
}
