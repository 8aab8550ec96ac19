//! The disk is full: that is said, reads go on, and once there is room everything goes on without a restart.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use api::leeway::application::v1 as pb;
use cluster::{Cluster, End, Part, SmallDisk};
use e2e::refusal::Refusal;
use futures_util::future::join_all;
use leeway::serve::Which;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::clients::{channel, loans, registration, request_id};
use crate::fleet::{Detours, Fleet, Left, Server, Storage};
use crate::load::may_be_repeated;
use crate::programs::Site;

const LOANS_AT_ONCE: usize = 8;
/// Ends a test whose disk never fills up.
const MOST_LOANS: usize = 10_000;
/// Of the application's folder.
const FILES_MIB: u64 = 24;
/// Of PostgreSQL's, whose databases take their room before anything is in them.
const SERVER_MIB: u64 = 160;
/// Of its log.
const LOG_MIB: u64 = 64;
/// What is left when something else fills the disk.
const ROOM_KIB: u64 = 3 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_sqlite_is_said_and_passes() -> anyhow::Result<()> {
    let site = Site::new()?;
    let disk = SmallDisk::mount(&site.path("application"), FILES_MIB)?;
    let fleet = Fleet::start_in(site, Storage::Files, 1, Detours::default(), &[]).await?;
    let home = fill_and_free(fleet, &disk).await?;
    // The disk lies in the folder.
    drop(disk);
    drop(home);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_postgres_is_said_and_passes() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start_on_small_disk(Part::Data, SERVER_MIB)?);
    let server = Server::new(&cluster, cluster.port())?;
    let fleet = Fleet::start(Storage::Server(server), 2, Detours::default(), &[]).await?;
    fill_and_free(fleet, cluster.disk().context("a small disk")?).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_without_room_for_its_log_goes_on_where_it_was() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start_on_small_disk(Part::Log, LOG_MIB)?);
    let server = Server::new(&cluster, cluster.port())?;
    let fleet = Fleet::start(Storage::Server(server), 2, Detours::default(), &[]).await?;
    let mut loans = Loans::new(&fleet)?;
    loans.more(LOANS_AT_ONCE).await?;
    let something_else = cluster.disk().context("a small disk")?.fill_but(ROOM_KIB)?;
    // It stops in the middle of whatever it does: what the calls of that moment hear is that it is away.
    loans.may_be_away = true;
    while loans.refused.is_empty() {
        ensure!(loans.acknowledged.len() < MOST_LOANS, "the disk never filled up");
        loans.more(LOANS_AT_ONCE).await?;
    }
    println!("stopped after {} loans, {} refused", loans.acknowledged.len(), loans.refused.len());
    tokio::task::block_in_place(|| {
        cluster.end(End::Kill)?;
        fs::remove_file(something_else)?;
        cluster.run()
    })?;
    loans.all_with_room().await?;
    let (left, _home) = fleet.stop().await?;
    loans_once(left, &loans.acknowledged).await
}

/// Registers loans until there is no room, makes room, and looks for what was acknowledged. Gives back what the services
/// lived on.
async fn fill_and_free(fleet: Fleet, disk: &SmallDisk) -> anyhow::Result<impl Sized + use<>> {
    let mut loans = Loans::new(&fleet)?;
    loans.more(LOANS_AT_ONCE).await?;
    ensure!(loans.refused.is_empty(), "{} loans were refused on an empty disk", loans.refused.len());

    let something_else = disk.fill_but(ROOM_KIB)?;
    while loans.refused.is_empty() {
        ensure!(loans.acknowledged.len() < MOST_LOANS, "the disk never filled up");
        loans.more(LOANS_AT_ONCE).await?;
    }
    // Still full, still said, and what is there can be read through every replica.
    loans.more(LOANS_AT_ONCE).await?;
    for request in loans.acknowledged.iter().step_by(10) {
        for app in &loans.apps {
            read(app, request).await?;
        }
    }
    println!("full after {} loans, {} refused", loans.acknowledged.len(), loans.refused.len());
    fs::remove_file(something_else)?;
    loans.all_with_room().await?;
    let (left, home) = fleet.stop().await?;
    loans_once(left, &loans.acknowledged).await?;
    Ok(home)
}

struct Loans {
    apps: Vec<Channel>,
    acknowledged: Vec<pb::RegisterLoanRequest>,
    refused: Vec<pb::RegisterLoanRequest>,
    /// Whether a call may also hear that the database is away.
    may_be_away: bool,
}

impl Loans {
    fn new(fleet: &Fleet) -> anyhow::Result<Self> {
        let apps = fleet.addresses(Which::Application).into_iter().map(channel);
        let apps = apps.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { apps, acknowledged: Vec::new(), refused: Vec::new(), may_be_away: false })
    }

    /// Once there is room, what was refused is done when it is asked for again, and more can be.
    async fn all_with_room(&mut self) -> anyhow::Result<()> {
        for request in std::mem::take(&mut self.refused) {
            self.ask([request]).await?;
        }
        self.more(2 * LOANS_AT_ONCE).await?;
        ensure!(self.refused.is_empty(), "{} loans were refused with room on the disk", self.refused.len());
        for (request, app) in self.acknowledged.iter().step_by(10).zip(self.apps.iter().cycle()) {
            // A repeated call, which answers as before.
            register(app, request).await?;
            read(app, request).await?;
        }
        Ok(())
    }

    /// Registers so many new ones at once.
    async fn more(&mut self, count: usize) -> anyhow::Result<()> {
        let from = self.acknowledged.len() + self.refused.len();
        let new = (from..from + count).map(|nr| pb::RegisterLoanRequest {
            request_id: request_id(),
            // Refused ones are asked for again under their own names.
            loan: Some(registration(&format!("loan-{nr}-{}", request_id()), "b")),
        });
        self.ask(new).await
    }

    /// Sorts what is asked for by how it ends: well, or for want of room.
    async fn ask(
        &mut self,
        requests: impl IntoIterator<Item = pb::RegisterLoanRequest>,
    ) -> anyhow::Result<()> {
        let apps = self.apps.clone();
        let calls = requests.into_iter().zip(apps.iter().cycle()).map(|(request, app)| async move {
            let answer = register(app, &request).await;
            (request, answer)
        });
        for (request, answer) in join_all(calls).await {
            match answer {
                Ok(()) => self.acknowledged.push(request),
                Err(status) => {
                    let refusal = Refusal::of(&status);
                    let away = self.may_be_away && may_be_repeated(&status);
                    ensure!(
                        away || refusal.code == Code::ResourceExhausted
                            && refusal.reason == "STORAGE_FULL"
                            && refusal.retry,
                        "a full disk was told as {status:?}"
                    );
                    self.refused.push(request);
                }
            }
        }
        Ok(())
    }
}

async fn register(app: &Channel, request: &pb::RegisterLoanRequest) -> Result<(), Status> {
    let mut client = loans(app).map_err(|error| Status::internal(error.to_string()))?;
    client.register_loan(request.clone()).await.map(drop)
}

async fn read(app: &Channel, request: &pb::RegisterLoanRequest) -> anyhow::Result<()> {
    let request = pb::GetLoanRequest { loan_id: loan_id(request)?.to_owned(), as_of_date: None };
    loans(app)?.get_loan(request).await.context("an acknowledged loan can't be read")?;
    Ok(())
}

fn loan_id(request: &pb::RegisterLoanRequest) -> anyhow::Result<&str> {
    Ok(&request.loan.as_ref().context("a request without loan")?.loan_id)
}

/// Every acknowledged loan is there with one line of journal and one event; no other is.
async fn loans_once(left: Left, acknowledged: &[pb::RegisterLoanRequest]) -> anyhow::Result<()> {
    let told = left.application.feed("loan_id").await?;
    ensure!(left.application.all("loan").await?.len() == acknowledged.len(), "loans nobody was told of");
    for request in acknowledged {
        let id = loan_id(request)?;
        ensure!(left.application.body("loan", id).await?.is_some(), "`{id}` is lost");
        let steps = left.application.journal(&format!("loan/{id}")).await?;
        ensure!(steps.len() == 1, "{steps:?}");
        ensure!(told.get(&("loan.registered".to_owned(), id.to_owned())) == Some(&1), "events of `{id}`");
    }
    left.application.verify().await?;
    left.close().await;
    Ok(())
}
