//! Replicas of the three services, each a process: one of each on files, or several on one PostgreSQL.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use cluster::{Cluster, Database};
use leeway::serve::Which;

use crate::clients::{cases_of, channel};
use crate::programs::{CLOCK, Service, Site, eventually, leeway};
use crate::records::Records;

/// In the order of their start: the called before their callers.
const ORDER: [Which; 3] = [Which::Policy, Which::Notification, Which::Application];
/// Later than the leases of whatever ran when a process was killed.
const AFTER_THE_LEASES: &str = "2026-07-20T11:00+08:00";
/// Connections of each process: many processes share a server.
const CONNECTIONS: u32 = 8;

/// Where the services keep their data.
pub enum Storage {
    /// SQLite, so one replica of each.
    Files,
    /// A database of each service's own.
    Server(Server),
}

/// PostgreSQL, reached on its own port or on that of something before it.
pub struct Server {
    pub cluster: Arc<Cluster>,
    port: u16,
    databases: Vec<(Which, Database)>,
}

/// Where the application finds its neighbours, if not where they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Detours {
    pub policy: Option<SocketAddr>,
    pub notification: Option<SocketAddr>,
}

/// One process.
pub struct Replica {
    pub which: Which,
    pub label: String,
    /// Replicas of one number call each other.
    number: usize,
    pub service: Service,
}

pub struct Fleet {
    pub site: Site,
    pub storage: Storage,
    pub replicas: Vec<Replica>,
    detours: Detours,
    further: Vec<String>,
}

impl Server {
    /// Makes the databases and brings them up to date with `leeway migrate`; services will come in by `port`.
    pub fn new(cluster: &Arc<Cluster>, port: u16) -> anyhow::Result<Self> {
        let databases = ORDER
            .iter()
            .map(|which| Ok((*which, cluster.database()?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut migrate = leeway()?;
        migrate.arg("migrate");
        for (which, database) in &databases {
            migrate.args(["--set", &format!("databases.{}.url={}", which.name(), database.url())]);
        }
        let output = migrate.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { cluster: Arc::clone(cluster), port, databases })
    }

    /// A service's database, by the server's own port.
    pub fn database(&self, which: Which) -> anyhow::Result<&Database> {
        let found = self.databases.iter().find(|(owner, _)| *owner == which);
        Ok(&found.context("every service has a database")?.1)
    }
}

impl Fleet {
    /// Starts so many replicas of each service. `further` settings go to all.
    pub async fn start(
        storage: Storage,
        replicas: usize,
        detours: Detours,
        further: &[String],
    ) -> anyhow::Result<Self> {
        Self::start_in(Site::new()?, storage, replicas, detours, further).await
    }

    /// The same in a folder that was prepared.
    pub async fn start_in(
        site: Site,
        storage: Storage,
        replicas: usize,
        detours: Detours,
        further: &[String],
    ) -> anyhow::Result<Self> {
        let further = further.to_vec();
        let mut fleet = Self { site, storage, replicas: Vec::new(), detours, further };
        for number in 0..replicas {
            for which in ORDER {
                let label = match &fleet.storage {
                    // As `Site::database` expects it.
                    Storage::Files => which.name().to_owned(),
                    Storage::Server(_) => format!("{}-{number}", which.name()),
                };
                let settings = fleet.settings(which, number)?;
                let service = fleet.site.serve_as((which.name(), &label), Some(CLOCK), &settings).await?;
                fleet.replicas.push(Replica { which, label, number, service });
            }
        }
        Ok(fleet)
    }

    /// Where the replicas of a service listen.
    pub fn addresses(&self, which: Which) -> Vec<SocketAddr> {
        self.of(which).map(|replica| replica.service.grpc).collect()
    }

    /// The replicas of a service.
    pub fn of(&self, which: Which) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(move |replica| replica.which == which)
    }

    /// Kills a process.
    pub fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        self.replicas.get_mut(index).context("no such replica")?.service.process.kill()
    }

    /// Tells a process to leave and waits until it did.
    pub async fn leave(&mut self, index: usize) -> anyhow::Result<()> {
        let process = &mut self.replicas.get_mut(index).context("no such replica")?.service.process;
        process.terminate()?;
        let status = process.ended().await?;
        ensure!(status.success(), "SIGTERM ended a process with {status}");
        Ok(())
    }

    /// Starts a process that is gone, on its ports and what it left, and waits until it serves.
    pub async fn restart(&mut self, index: usize, clock: Option<&str>) -> anyhow::Result<()> {
        let gone = self.replicas.get(index).context("no such replica")?;
        let Replica { which, ref label, number, ref service } = *gone;
        let mut settings = self.settings(which, number)?;
        settings.push(format!("{}.listen={}", which.name(), service.grpc));
        settings.push(format!("{}.probe_listen={}", which.name(), service.probe));
        let service = self.site.serve_as((which.name(), label), clock, &settings).await?;
        if let Some(replica) = self.replicas.get_mut(index) {
            replica.service = service;
        }
        Ok(())
    }

    /// Starts every process anew, at a time when no lease of before holds any more.
    pub async fn after_the_leases(&mut self) -> anyhow::Result<()> {
        for replica in self.replicas.iter_mut().rev() {
            replica.service.process.terminate()?;
            replica.service.process.ended().await?;
        }
        for index in 0..self.replicas.len() {
            self.restart(index, Some(AFTER_THE_LEASES)).await?;
        }
        for address in self.addresses(Which::Application) {
            let app = channel(address)?;
            eventually("an answer", || async { Ok(cases_of(&app, "nobody").await.ok()) }).await?;
        }
        Ok(())
    }

    /// Ends every process, the callers first, and looks into what they left: a database of each service.
    pub async fn stop(self) -> anyhow::Result<(Left, impl Sized)> {
        for replica in self.replicas.into_iter().rev() {
            replica.service.process.stop().await?;
        }
        let open = async |which: Which| match &self.storage {
            Storage::Files => Records::open(&self.site.database(which.name()), which.schema()),
            Storage::Server(server) => Records::connect(&server.database(which)?.url(), which.schema()).await,
        };
        let left = Left {
            application: open(Which::Application).await?,
            policy: open(Which::Policy).await?,
            notification: open(Which::Notification).await?,
        };
        Ok((left, (self.site, self.storage)))
    }

    fn settings(&self, which: Which, number: usize) -> anyhow::Result<Vec<String>> {
        let mut settings = self.further.clone();
        if let Storage::Server(server) = &self.storage {
            let (name, url) = (which.name(), server.database(which)?.url_at(server.port));
            settings.push(format!("databases.{name}.url={url}"));
            settings.push(format!("databases.{name}.max_connections={CONNECTIONS}"));
        }
        if which == Which::Application {
            let neighbours = [
                ("policy_client", Which::Policy, self.detours.policy),
                ("notification_client", Which::Notification, self.detours.notification),
            ];
            for (client, neighbour, detour) in neighbours {
                let beside = self.of(neighbour).find(|replica| replica.number == number);
                let address = detour.or(beside.map(|replica| replica.service.grpc));
                settings.push(format!("{client}.endpoint=http://{}", address.context("no neighbour")?));
            }
        }
        Ok(settings)
    }
}

/// The databases of stopped services.
pub struct Left {
    pub application: Records,
    pub policy: Records,
    pub notification: Records,
}

impl Left {
    pub async fn close(self) {
        self.application.close().await;
        self.policy.close().await;
        self.notification.close().await;
    }
}
