//! A service on a simulated host, as its process would run it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chassis::{Client, ClientConfig, Clock, Ids, Network, Principal, Server, ServerConfig, Worker};
use store::Store;
use tokio_util::sync::CancellationToken;

/// Port of every service; hosts are told apart by name.
pub const PORT: u16 = 7400;
/// Pause before a service that couldn't start tries again, as an orchestrator would make it.
const RESTART: Duration = Duration::from_millis(200);

/// Which service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Application,
    Policy,
    Notification,
}

/// One replica of a service: what outlives its process.
#[derive(Clone)]
pub struct Place {
    pub role: Role,
    /// From 1.
    pub number: usize,
    pub store: Store,
    pub clock: Clock,
    pub seed: u64,
    /// Folder of documents, which all replicas share.
    pub documents: PathBuf,
    /// How often it was started.
    pub starts: Arc<AtomicU64>,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Policy, Self::Notification, Self::Application];

    pub fn name(self) -> &'static str {
        match self {
            Self::Application => application::SERVICE_NAME,
            Self::Policy => leeway::stack::POLICY,
            Self::Notification => notification::SERVICE_NAME,
        }
    }

    /// Name of a replica's host.
    pub fn host(self, number: usize) -> String {
        format!("{}-{number}", self.name())
    }
}

/// A connection to a host. Short pings, so that a connection that a partition killed is noticed within a run.
pub fn connect(host: &str, principal: Principal, ids: Ids) -> anyhow::Result<Client> {
    let config = ClientConfig {
        endpoint: format!("http://{host}:{PORT}"),
        connect_timeout_ms: 1_000,
        default_deadline_ms: 3_000,
        keepalive_interval_ms: 1_500,
        keepalive_timeout_ms: 1_000,
        circuit_open_ms: 1_000,
        ..ClientConfig::default()
    };
    Ok(Client::connect_over(Network::Simulated, &config, principal, ids)?)
}

impl Place {
    /// Runs the service until its host crashes.
    pub async fn serve(self) -> turmoil::Result {
        loop {
            let start = self.starts.fetch_add(1, Ordering::Relaxed);
            let ids = Ids::seeded(self.seed.wrapping_add(start.wrapping_mul(0x9e37_79b9)));
            match self.start(ids).await {
                Ok(()) => return Ok(()),
                Err(_) => tokio::time::sleep(RESTART).await,
            }
        }
    }

    async fn start(&self, ids: Ids) -> anyhow::Result<()> {
        let (server, worker) = match self.role {
            Role::Application => self.application(ids).await?,
            Role::Policy => self.policy(ids).await?,
            Role::Notification => self.notification(ids)?,
        };
        let shutdown = CancellationToken::new();
        let handle = server.network(Network::Simulated).spawn(shutdown.clone()).await?;
        let working = worker.spawn(shutdown);
        handle.wait().await;
        working.await.context("the worker broke off")
    }

    async fn application(&self, ids: Ids) -> anyhow::Result<(Server, Worker)> {
        let us = Principal::service(application::SERVICE_NAME);
        let evidence = application::EvidenceFiles::open(&self.documents).await;
        let service = application::Service::open(application::Parts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: ids.clone(),
            policy: connect(&Role::Policy.host(self.number), us.clone(), ids.clone())?,
            notification: connect(&Role::Notification.host(self.number), us, ids.clone())?,
            evidence: evidence.map_err(|problem| anyhow::anyhow!("{problem}"))?,
        });
        let server = Server::new(application::SERVICE_NAME, config(), ids, service.routes, service.owners);
        Ok((server, service.worker))
    }

    async fn policy(&self, ids: Ids) -> anyhow::Result<(Server, Worker)> {
        let parts = policy::Parts { store: self.store.clone(), clock: self.clock.clone(), ids: ids.clone() };
        let settings =
            policy::PolicyConfig { max_parallel_assessments: 2, ..policy::PolicyConfig::default() };
        let service = policy::Service::open(&settings, parts).await?;
        let server = Server::new(Role::Policy.name(), config(), ids, service.routes, service.owner_lookup);
        Ok((server, service.worker))
    }

    fn notification(&self, ids: Ids) -> anyhow::Result<(Server, Worker)> {
        let service = notification::Service::open(notification::Parts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: ids.clone(),
            contact: notification::ContactBook::embedded()?,
        })?;
        let server = Server::new(notification::SERVICE_NAME, config(), ids, service.routes, service.owners);
        Ok((server, service.worker))
    }
}

fn config() -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], PORT)),
        probe_listen: SocketAddr::from(([127, 0, 0, 1], PORT + 100)),
        // Costs time at every start, and nobody asks here.
        reflection: false,
        connection_age_ms: 5_000,
        keepalive_interval_ms: 2_000,
        keepalive_timeout_ms: 1_000,
        ..ServerConfig::default()
    }
}
