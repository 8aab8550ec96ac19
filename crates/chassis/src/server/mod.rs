//! The gRPC server of a service: two ports, limits, health, reflection, drain.

mod body;
mod connection;
mod gate;
mod method;
mod pace;
mod pipeline;
mod probe;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::access::{ACCESS_TABLE, MethodAccess};
use api::leeway::common::v1::ErrorReason;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use self::connection::Acceptor;
use self::gate::{Entry, Gate, Shed};
use self::method::Methods;
use self::pipeline::{Pipeline, Shedding};
use self::probe::Health;
use crate::access::{Guard, OwnerLookup};
use crate::budget::Budget;
use crate::config::{ServerConfig, millis};
use crate::ids::Ids;
use crate::network::{Listener, Network};
use crate::problem::Problem;
use crate::telemetry;

pub(crate) use self::pipeline::parse_timeout;

/// How long answers may take to leave after everything was cut.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// What callers are told to wait when this server drains; another one will answer.
const DRAINING_RETRY: Duration = Duration::from_millis(500);
/// What callers are told to wait when load is shed.
const SHED_RETRY: Duration = Duration::from_millis(200);
/// Health checks and reflection at a time, over all connections; nothing else bounds them.
const MAX_EXEMPT_CALLS: u32 = 4_096;

/// The server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "`{listen}` is not loopback, and callers still name themselves: anybody could be anyone. Where the network \
         keeps strangers out, say so with `trusted_network`"
    )]
    NotLoopback { listen: SocketAddr },
    #[error("`{listen}` can't be bound")]
    Bind {
        listen: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the ready file `{}` can't be written", path.display())]
    ReadyFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the API can't be described")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A service about to be served.
pub struct Server {
    service: &'static str,
    config: ServerConfig,
    ids: Ids,
    table: &'static [MethodAccess],
    descriptors: &'static [u8],
    routes: Routes,
    owners: Arc<dyn OwnerLookup>,
    network: Network,
}

impl Server {
    /// `service` is `application`, `policy` or `notification`; its API is package `leeway.<service>.v1`.
    pub fn new(
        service: &'static str,
        config: ServerConfig,
        ids: Ids,
        routes: Routes,
        owners: Arc<dyn OwnerLookup>,
    ) -> Self {
        let (table, descriptors) = (ACCESS_TABLE, api::FILE_DESCRIPTOR_SET);
        Self { service, config, ids, table, descriptors, routes, owners, network: Network::Tcp }
    }

    /// Another API than that of the `api` crate, such as a bench's.
    pub fn api(mut self, table: &'static [MethodAccess], descriptors: &'static [u8]) -> Self {
        (self.table, self.descriptors) = (table, descriptors);
        self
    }

    /// Another network than the machine's. A simulated one has no probe port.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Binds both ports, writes the ready file and serves until `shutdown` is cancelled; then it drains.
    pub async fn spawn(self, shutdown: CancellationToken) -> Result<ServerHandle, ServeError> {
        // Whatever is counted from now on is on the page, asked for or not.
        telemetry::metrics_handle();
        let config = self.config.clone();
        keep_to_loopback(self.service, &config)?;
        let (main, grpc) = bind(self.network, config.listen).await?;
        let (probes, probe) = bind(self.network, config.probe_listen).await?;
        let health = Health::new(self.names()).await;
        let drain = Drain::new(config.clone(), health.clone());
        let acceptor = Acceptor::new(&config, self.ids.clone(), self.pipeline(&health, &drain)?, &drain);
        tokio::spawn(acceptor.run(main));
        match probes {
            Listener::Tcp(probes) => {
                drop(tokio::spawn(probe::serve(probes, health.clone(), drain.gone.clone())))
            }
            #[cfg(feature = "simulation")]
            Listener::Simulated(_) => {}
        }
        tokio::spawn(telemetry::upkeep(drain.gone.clone()));
        if let Some(path) = &config.ready_file {
            write_ready_file(path, self.service, grpc, probe)?;
        }
        tracing::info!(service = self.service, %grpc, %probe, "serving");
        let done = tokio::spawn(drain.clone().run(shutdown.clone()));
        Ok(ServerHandle { grpc, probe, shutdown, health, tasks: drain.tasks, done })
    }

    /// Full names of the gRPC services that are served here.
    fn names(&self) -> Vec<&'static str> {
        let package = format!("/leeway.{}.v", self.service);
        let own = self.table.iter().filter(|access| access.path.starts_with(&package));
        let mut names: Vec<&'static str> = own.filter_map(|access| access.path.split('/').nth(1)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn pipeline(&self, health: &Health, drain: &Drain) -> Result<Pipeline, ServeError> {
        let mut routes = self.routes.clone().add_service(health.grpc());
        if self.config.reflection {
            routes = routes.add_service(self.described().build_v1().map_err(ServeError::Reflection)?);
            routes = routes.add_service(self.described().build_v1alpha().map_err(ServeError::Reflection)?);
        }
        Ok(Pipeline {
            service: self.service,
            methods: Methods::new(self.service, self.table),
            gate: Arc::new(Gate::new(self.service, &self.config, Instant::now())),
            budget: self.budget(),
            shed: Shedding::new(self.service),
            config: self.config.clone(),
            guard: Guard::new(Arc::clone(&self.owners)),
            routes: routes.prepare(),
            exempt: slots(MAX_EXEMPT_CALLS),
            drain: drain.begun.clone(),
            stop: drain.stopped.clone(),
            tasks: drain.tasks.clone(),
        })
    }

    /// What reflection tells, built from scratch each time. Never inlined: passed by value into a closure that is called
    /// twice, the second builder was compiled with link-time optimisation (rustc 1.95) to reuse the first one's freed lists.
    #[inline(never)]
    fn described(&self) -> tonic_reflection::server::Builder<'static> {
        let mut builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Error details, so that generic clients can show them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        for name in self.names().into_iter().chain(["grpc.health.v1.Health"]) {
            builder = builder.with_service_name(name);
        }
        builder
    }

    fn budget(&self) -> Budget {
        let refusals = metrics::counter!(
            "leeway_rpc_shed_total",
            "service" => self.service, "method" => "any", "reason" => Shed::Memory.name()
        );
        // One message must always fit.
        Budget::new(self.config.max_request_bytes.max(self.config.max_message_bytes.into()), refusals)
    }
}

/// Says whether the service can work; see [`ServerHandle::set_ready`].
#[derive(Debug, Clone)]
pub struct Readiness(Health);

impl Readiness {
    /// Not ready, or ready again.
    pub async fn set(&self, ready: bool) {
        self.0.set_ready(ready).await;
    }
}

/// A running server.
#[derive(Debug)]
pub struct ServerHandle {
    /// Actual address of the gRPC port.
    pub grpc: SocketAddr,
    /// Actual address of the probe port.
    pub probe: SocketAddr,
    shutdown: CancellationToken,
    health: Health,
    tasks: TaskTracker,
    done: JoinHandle<()>,
}

impl ServerHandle {
    /// Says that the service can't work for a while (or can again): `/readyz`, `readiness`, and its own names.
    pub async fn set_ready(&self, ready: bool) {
        self.health.set_ready(ready).await;
    }

    /// The same switch, for a task that watches what the service depends on.
    pub fn readiness(&self) -> Readiness {
        Readiness(self.health.clone())
    }

    /// Where owned tasks that no call started, such as those of a worker, register to be waited for.
    pub fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    /// Begins the drain and waits for its end.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.wait().await;
    }

    /// Waits until somebody shut the server down and it has drained.
    pub async fn wait(self) {
        if let Err(error) = self.done.await {
            tracing::error!(%error, "the drain broke off");
        }
    }
}

/// A call's place within the load limit, in the extensions of its request.
///
/// A handler that only waits, such as for an effect, gives the place up so that waiting doesn't count as load.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Mutex<Option<Entry>>>);

impl Admission {
    fn new(entry: Entry) -> Self {
        Self(Arc::new(Mutex::new(Some(entry))))
    }

    /// Frees the place; the call goes on.
    pub fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The way down: NOT_SERVING, door closed and streams ended, calls finished, everything cut, gone.
#[derive(Clone)]
struct Drain {
    config: ServerConfig,
    health: Health,
    begun: CancellationToken,
    stopped: CancellationToken,
    gone: CancellationToken,
    connections: TaskTracker,
    tasks: TaskTracker,
}

impl Drain {
    fn new(config: ServerConfig, health: Health) -> Self {
        Self {
            config,
            health,
            begun: CancellationToken::new(),
            stopped: CancellationToken::new(),
            gone: CancellationToken::new(),
            connections: TaskTracker::new(),
            tasks: TaskTracker::new(),
        }
    }

    async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        tracing::info!("draining");
        self.health.set_ready(false).await;
        tokio::time::sleep(millis(self.config.drain_notice_ms)).await;
        self.begun.cancel();
        self.connections.close();
        self.tasks.close();
        let finished = async {
            self.connections.wait().await;
            self.tasks.wait().await;
        };
        if tokio::time::timeout(millis(self.config.drain_timeout_ms), finished).await.is_err() {
            tracing::warn!("calls were still running when the drain ended");
            self.stopped.cancel();
            // What is cut still has to be told so.
            let _ = tokio::time::timeout(LAST_WORDS, self.connections.wait()).await;
        }
        self.stopped.cancel();
        self.gone.cancel();
        tracing::info!("drained");
    }
}

/// Said to calls that a drain ends; every mutation carries its request id, so it is safe to repeat.
fn draining() -> Problem {
    Problem::unavailable(ErrorReason::Draining, "the server is draining", DRAINING_RETRY)
}

/// Said to calls that are shed: nothing was done, and soon there may be room.
pub(crate) fn shed_problem() -> Problem {
    Problem::exhausted(ErrorReason::Overloaded, "the server has too much to do", Some(SHED_RETRY))
}

fn slots(limit: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)))
}

/// Callers name themselves, so only the reach of the port says who they can be.
fn keep_to_loopback(service: &str, config: &ServerConfig) -> Result<(), ServeError> {
    let listen = config.listen;
    if listen.ip().is_loopback() {
        return Ok(());
    }
    if !config.trusted_network {
        return Err(ServeError::NotLoopback { listen });
    }
    tracing::warn!(
        alarm = true,
        service,
        %listen,
        "trusted_network is set: whoever reaches this port can be anyone; the network must keep strangers out"
    );
    Ok(())
}

async fn bind(network: Network, listen: SocketAddr) -> Result<(Listener, SocketAddr), ServeError> {
    network.bind(listen).await.map_err(|source| ServeError::Bind { listen, source })
}

/// Writes the addresses beside the file and renames, so that nobody reads half of it.
fn write_ready_file(
    path: &Path,
    service: &str,
    grpc: SocketAddr,
    probe: SocketAddr,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::ReadyFile { path: path.to_owned(), source };
    let text = serde_json::json!({ "service": service, "grpc": grpc, "probe": probe }).to_string();
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)
}
