//! The services in one process, each with its own server, worker and database, meeting over gRPC.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::{
    Client, ClientConfig, Clock, Ids, Principal, Readiness, Server, ServerConfig, ServerHandle, Worker,
};
use store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::serve::Which;
use crate::{database, retention};

/// Name of the policy service in configuration, spans and probes.
pub const POLICY: &str = "policy";

/// Pause between looks at a store's health.
const STORE_LOOK: Duration = Duration::from_secs(1);

/// What services share: time and ids.
#[derive(Clone)]
pub struct World {
    pub clock: Clock,
    pub ids: Ids,
}

/// One running service.
pub struct Running {
    pub handle: ServerHandle,
    /// For looks from tests and tools; the server owns the other clones.
    pub store: Store,
    worker: Option<JoinHandle<()>>,
    sweeper: JoinHandle<()>,
    shutdown: CancellationToken,
}

/// The three services.
pub struct Stack {
    pub application: Running,
    pub policy: Running,
    pub notification: Running,
}

impl Stack {
    /// Starts all three; the application meets the others where they really listen.
    pub async fn start(config: &Config, world: &World) -> anyhow::Result<Self> {
        let policy = start_policy(config, world).await?;
        let notification = start_notification(config, world).await?;
        let mut met = config.clone();
        met.policy_client.endpoint = endpoint(policy.handle.grpc);
        met.notification_client.endpoint = endpoint(notification.handle.grpc);
        let application = start_application(&met, world).await?;
        Ok(Self { application, policy, notification })
    }

    /// Drains all three, the callers first.
    pub async fn stop(self) {
        self.application.stop().await;
        self.notification.stop().await;
        self.policy.stop().await;
    }
}

impl Running {
    /// Drains server and worker and closes the database.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.handle.shutdown().await;
        if let Some(worker) = self.worker
            && let Err(error) = worker.await
        {
            tracing::error!(%error, "a worker broke off");
        }
        if let Err(error) = self.sweeper.await {
            tracing::error!(%error, "the sweeper broke off");
        }
        self.store.close().await;
    }
}

/// `http://ADDRESS`.
pub fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A connection to a service as `principal`, with the default limits.
pub fn connect(address: &str, principal: Principal) -> anyhow::Result<Client> {
    let config = ClientConfig { endpoint: address.to_owned(), ..ClientConfig::default() };
    Ok(Client::connect(&config, principal, Ids::random())?)
}

/// Starts the policy service.
pub async fn start_policy(config: &Config, world: &World) -> anyhow::Result<Running> {
    let store = database::open(config, Which::Policy).await?;
    let parts = policy::Parts { store: store.clone(), clock: world.clock.clone(), ids: world.ids.clone() };
    let settings =
        policy::PolicyConfig { packs_dir: config.packs_dir.clone(), ..policy::PolicyConfig::default() };
    let service = policy::Service::open(&settings, parts).await?;
    let server_config: ServerConfig = config.policy.clone();
    let server = Server::new(POLICY, server_config, world.ids.clone(), service.routes, service.owner_lookup);
    run(server, (store, Some(service.worker)), &world.clock).await
}

/// Starts the notification service.
pub async fn start_notification(config: &Config, world: &World) -> anyhow::Result<Running> {
    let store = database::open(config, Which::Notification).await?;
    let service = notification::Service::open(notification::Parts {
        store: store.clone(),
        clock: world.clock.clone(),
        ids: world.ids.clone(),
        contact: contact_book(config)?,
    })?;
    let server_config: ServerConfig = config.notification.clone();
    let server = Server::new(
        notification::SERVICE_NAME,
        server_config,
        world.ids.clone(),
        service.routes,
        service.owners,
    );
    run(server, (store, Some(service.worker)), &world.clock).await
}

/// Contact rules of every pack in use, as the packs themselves state them.
fn contact_book(config: &Config) -> anyhow::Result<notification::ContactBook> {
    let packs = policy::PackShelf::open(config.packs_dir.as_deref())?;
    let rules = packs.all().map(|pack| {
        let rules = notification::ContactRules {
            first_hour: pack.contact.first_hour,
            last_hour: pack.contact.last_hour,
            max_attempts: pack.contact.max_attempts,
            period_days: pack.contact.period_days,
            reminder_days: pack.contact.reminder_days.clone(),
        };
        (pack.name.clone(), rules)
    });
    Ok(notification::ContactBook::embedded()?.with(rules.collect())?)
}

/// Starts the application service. Policy and notification need not be there yet.
pub async fn start_application(config: &Config, world: &World) -> anyhow::Result<Running> {
    let store = database::open(config, Which::Application).await?;
    let us = Principal::service(application::SERVICE_NAME);
    let data = DataDir::open(&config.data_dir)?;
    let evidence = application::EvidenceFiles::open(&data.evidence()).await;
    let service = application::Service::open(application::Parts {
        store: store.clone(),
        clock: world.clock.clone(),
        ids: world.ids.clone(),
        policy: Client::connect(&config.policy_client, us.clone(), world.ids.clone())?,
        notification: Client::connect(&config.notification_client, us, world.ids.clone())?,
        evidence: evidence.map_err(|problem| anyhow::anyhow!("{problem}"))?,
    });
    let server_config: ServerConfig = config.application.clone();
    let server = Server::new(
        application::SERVICE_NAME,
        server_config,
        world.ids.clone(),
        service.routes,
        service.owners,
    );
    run(server, (store, Some(service.worker)), &world.clock).await
}

async fn run(
    server: Server,
    (store, worker): (Store, Option<Worker>),
    clock: &Clock,
) -> anyhow::Result<Running> {
    let shutdown = CancellationToken::new();
    let handle = server.spawn(shutdown.clone()).await?;
    let worker = worker.map(|worker| worker.spawn(shutdown.clone()));
    tokio::spawn(watch(store.clone(), handle.readiness(), shutdown.clone()));
    let sweeper = retention::spawn(store.clone(), clock.clone(), shutdown.clone());
    Ok(Running { handle, store, worker, sweeper, shutdown })
}

/// Readiness follows the database, liveness never does: a process that waits for its database must not be restarted.
async fn watch(store: Store, readiness: Readiness, shutdown: CancellationToken) {
    let mut ready = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(STORE_LOOK) => {}
        }
        let answer = store.ping().await;
        if let (Err(error), true) = (&answer, ready) {
            tracing::error!(alarm = true, %error, "the database can't be used");
        }
        if answer.is_ok() != ready && !shutdown.is_cancelled() {
            ready = answer.is_ok();
            readiness.set(ready).await;
        }
    }
}
