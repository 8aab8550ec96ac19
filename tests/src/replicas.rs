//! Several replicas of each service on PostgreSQL databases of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use chassis::{Client, Principal};
use cluster::Database;
use leeway::config::Config;
use leeway::database::Address;
use leeway::migrate;
use leeway::serve::Which;
use leeway::stack::{connect, endpoint};
use store::Migrate;

/// What a test target that runs everything on replicas is called.
const REPLICATED: &str = "replicated";

/// Whether this test program is the one that runs everything on replicas.
pub fn wanted() -> bool {
    let program = std::env::current_exe().ok();
    let name = program.as_ref().and_then(|path| path.file_stem()?.to_str());
    name.is_some_and(|name| name.starts_with(REPLICATED))
}

/// A database for each service, brought up to date; they go with this.
pub struct Databases {
    _databases: Vec<Database>,
}

impl Databases {
    /// Makes them and writes their addresses into `config`.
    pub async fn new(config: &mut Config) -> anyhow::Result<Self> {
        let mut made = Vec::new();
        for which in Which::ALL {
            let database = Database::new()?;
            let settings = match which {
                Which::Application => &mut config.databases.application,
                Which::Policy => &mut config.databases.policy,
                Which::Notification => &mut config.databases.notification,
            };
            settings.url = Some(Address::from(database.url()));
            // Many tests share one server.
            settings.max_connections = 4;
            migrate::one(config, which, Migrate::Apply).await?;
            made.push(database);
        }
        Ok(Self { _databases: made })
    }
}

/// Clients of every replica of a service, taken in turn.
#[derive(Clone)]
pub struct Clients {
    all: (Client, Vec<Client>),
    next: Arc<AtomicUsize>,
}

impl Clients {
    pub fn connect(addresses: &[std::net::SocketAddr]) -> anyhow::Result<Self> {
        let connect =
            |address: &std::net::SocketAddr| connect(&endpoint(*address), Principal::service("platform"));
        let mut all = addresses.iter().map(connect).collect::<anyhow::Result<Vec<_>>>()?.into_iter();
        let first = all.next().context("no replica")?;
        Ok(Self { all: (first, all.collect()), next: Arc::default() })
    }

    /// The next replica, as somebody.
    pub fn with_principal(&self, principal: Principal) -> Client {
        let (first, others) = &self.all;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % (others.len() + 1);
        turn.checked_sub(1).and_then(|at| others.get(at)).unwrap_or(first).with_principal(principal)
    }
}
