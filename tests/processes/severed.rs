//! PostgreSQL restarts, the network between processes falls silent, resets and heals: calls end in time, readiness tells,
//! liveness stays, and what was acknowledged is there once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use api::leeway::application::v1 as pb;
use cluster::{Cluster, End};
use leeway::serve::Which;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status};

use crate::clients::{Caller, applications, channel};
use crate::fleet::{Detours, Fleet, Server, Storage};
use crate::load::{Load, all_there_once, may_be_repeated};
use crate::programs::{PATIENCE, eventually};
use crate::proxy::{Network, Proxy};

/// From the moment on which PostgreSQL takes connections again, services answer within this time.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Deadline of a call whose database is silent, and what a busy machine may add to it.
const DEADLINE: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_postgres_is_found_again_at_once() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start()?);
    let server = Server::new(&cluster, cluster.port())?;
    let fleet = Fleet::start(Storage::Server(server), 2, Detours::default(), &[]).await?;
    let mut load = Load::start(&fleet.addresses(Which::Application))?;
    for end in [End::Fast, End::Kill, End::Fast] {
        load.goes_on(30).await?;
        tokio::task::block_in_place(|| cluster.end(end))?;
        let app = *fleet.addresses(Which::Application).first().context("no replica")?;
        in_vain(look(app, DEADLINE).await)?;
        tokio::task::block_in_place(|| cluster.run())?;
        let back = Instant::now();
        for try_out in load.through_each().await? {
            ensure!(try_out.failed <= 1, "{} calls failed after PostgreSQL was back", try_out.failed);
            let took = try_out.first.duration_since(back);
            ensure!(took < BACK_WITHIN, "a service wrote again {took:?} after PostgreSQL was back");
            println!("{end:?}: back after {took:?}, {} calls failed", try_out.failed);
        }
    }
    load.goes_on(30).await?;
    all_there_once(fleet, load.stop().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_cut_from_postgres_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start()?);
    let proxy = Proxy::start().await?;
    proxy.leads_to(SocketAddr::from(([127, 0, 0, 1], cluster.port())));
    let server = Server::new(&cluster, proxy.address.port())?;
    let fleet = Fleet::start(Storage::Server(server), 1, Detours::default(), &[]).await?;
    let mut load = Load::start(&fleet.addresses(Which::Application))?;
    // Silence that heals by itself, silence that ends in a reset, and a reset out of nothing.
    for cut in [&[Network::Silent][..], &[Network::Silent, Network::Resets], &[Network::Resets]] {
        load.goes_on(20).await?;
        for network in cut {
            proxy.becomes(*network);
            for which in Which::ALL {
                readiness(&fleet, which, false).await?;
                let probe = fleet.of(which).next().context("no replica")?.service.probe;
                ensure!(says(probe, "/livez").await? == 200, "liveness asks the database");
            }
            let asked = Instant::now();
            let app = *fleet.addresses(Which::Application).first().context("no replica")?;
            let ended = look(app, DEADLINE).await;
            ensure!(asked.elapsed() < DEADLINE + LATE, "a call ended after {:?}", asked.elapsed());
            in_vain(ended)?;
        }
        proxy.becomes(Network::Works);
        for which in Which::ALL {
            readiness(&fleet, which, true).await?;
        }
        println!("{cut:?}: healed");
    }
    load.goes_on(20).await?;
    all_there_once(fleet, load.stop().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_cut_between_services_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let (to_policy, to_notification) = (Proxy::start().await?, Proxy::start().await?);
    let detours = Detours { policy: Some(to_policy.address), notification: Some(to_notification.address) };
    let further =
        ["policy_client", "notification_client"].map(|client| format!("{client}.default_deadline_ms=1000"));
    let fleet = Fleet::start(Storage::Files, 1, detours, &further).await?;
    for (proxy, which) in [(&to_policy, Which::Policy), (&to_notification, Which::Notification)] {
        proxy.leads_to(*fleet.addresses(which).first().context("no replica")?);
    }
    let mut load = Load::start(&fleet.addresses(Which::Application))?;
    for cut in [&[Network::Silent][..], &[Network::Silent, Network::Resets], &[Network::Resets]] {
        for proxies in [&[&to_policy][..], &[&to_notification], &[&to_policy, &to_notification]] {
            load.goes_on(12).await?;
            for network in cut {
                proxies.iter().for_each(|proxy| proxy.becomes(*network));
                // Cases are taken all the while, and the application's own work is none the worse.
                load.goes_on(12).await?;
                readiness(&fleet, Which::Application, true).await?;
            }
            proxies.iter().for_each(|proxy| proxy.becomes(Network::Works));
        }
    }
    load.goes_on(12).await?;
    all_there_once(fleet, load.stop().await?).await
}

/// A read of nothing, which asks the database all the same.
async fn look(app: SocketAddr, deadline: Duration) -> Result<(), Status> {
    let internal = |error: anyhow::Error| Status::internal(error.to_string());
    let caller = Caller::borrower("nobody").map_err(internal)?;
    let borrower_id = "nobody".to_owned();
    let mut request =
        Request::new(pb::ListApplicationsRequest { borrower_id, page_size: 100, ..Default::default() });
    request.set_timeout(deadline);
    applications(&channel(app).map_err(internal)?, caller).list_applications(request).await.map(drop)
}

/// That it ended as it must where the database is away.
fn in_vain(ended: Result<(), Status>) -> anyhow::Result<()> {
    match ended {
        Err(status) if may_be_repeated(&status) => Ok(()),
        other => bail!("without a database a read ended with {other:?}"),
    }
}

/// Waits until every process of a service says that it can work, or that it can't.
async fn readiness(fleet: &Fleet, which: Which, expected: bool) -> anyhow::Result<()> {
    for replica in fleet.of(which) {
        let (what, code) =
            (format!("readiness {expected} of `{}`", replica.label), if expected { 200 } else { 503 });
        eventually(&what, || async {
            Ok((says(replica.service.probe, "/readyz").await? == code).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// The HTTP status of a page.
async fn says(probe: SocketAddr, page: &str) -> anyhow::Result<u16> {
    let exchange = async {
        let mut stream = TcpStream::connect(probe).await?;
        let request = format!("GET {page} HTTP/1.1\r\nHost: {probe}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.context("the probe port is silent")??;
    Ok(answer.split_whitespace().nth(1).context("no status")?.parse()?)
}
