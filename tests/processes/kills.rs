//! SIGKILL in the middle of submissions, again and again: what was acknowledged is there once, nothing is half.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api::leeway::application::v1 as pb;
use cluster::{Cluster, End};
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::Channel;

use crate::clients::{Caller, affordable, applications, cases_of, channel, delivered, import, in_state};
use crate::fleet::{Detours, Fleet, Left, Server, Storage};
use crate::load::{Load, all_there_once, cases_once};
use crate::outages::Three;
use crate::programs::eventually;
use crate::records::Records;
use crate::seeded::Seeded;

const ROUNDS: usize = 6;
const CLIENTS: usize = 8;
const LOANS_A_ROUND: usize = 40;
const SEED: u64 = 20_260_720;
/// Kills of any process under load, unless `KILLS` asks for more; `KILLS_SEED` chooses other ones.
const KILLS: usize = 10;
/// Most answers between two kills.
const MOST_ANSWERS: u64 = 24;
/// Later than the leases of whatever ran when the last process was killed.
const AFTER_THE_LEASES: &str = "2026-07-20T11:00+08:00";

/// What each borrower is told.
const TEMPLATES: [&str; 2] = ["application-received", "in-review"];

/// A submission that a client began.
struct Sent {
    borrower: String,
    request: pb::SubmitApplicationRequest,
    /// The case, if the server acknowledged it.
    acknowledged: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_application_service_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let mut three = Three::start(&[]).await?;
    let app = channel(three.application.grpc)?;
    let names =
        (0..ROUNDS * LOANS_A_ROUND).map(|n| (format!("loan-{n}"), format!("b-{n}"))).collect::<Vec<_>>();
    import(&app, &names).await?;

    let mut seeded = Seeded(SEED);
    let (mut cases, mut cut) = (BTreeMap::new(), 0);
    for round in names.chunks(LOANS_A_ROUND) {
        let acknowledged = usize::try_from(1 + seeded.below(20))?;
        let sent = submit_until_killed(&mut three, &app, round, acknowledged).await?;
        cut += sent.iter().filter(|sent| sent.acknowledged.is_none()).count();
        restart(&mut three, None).await?;
        cases.extend(try_join_all(sent.iter().map(|sent| settled(&app, sent))).await?);
    }
    assert!(cut >= ROUNDS, "only {cut} calls were cut off: the kills missed the submissions");

    three.application.process.kill()?;
    restart(&mut three, Some(AFTER_THE_LEASES)).await?;
    for (borrower, id) in &cases {
        in_state(&app, borrower, id, pb::ApplicationState::InReview).await?;
    }
    let inbox = channel(three.notification.grpc)?;
    for borrower in cases.keys() {
        delivered(&inbox, borrower, &TEMPLATES).await?;
    }
    let site = three.stop().await?;
    let open = |service: &str, schema| Records::open(&site.database(service), schema);
    let left = Left {
        application: open("application", &application::SCHEMA)?,
        policy: open("policy", &policy::SCHEMA)?,
        notification: open("notification", &notification::SCHEMA)?,
    };
    cases_once(left, &cases.into_values().collect()).await
}

/// Concurrent clients submit one loan after the other until so many answers came; then the process is killed, with
/// the calls of the others on their way.
async fn submit_until_killed(
    three: &mut Three,
    app: &Channel,
    names: &[(String, String)],
    acknowledged: usize,
) -> anyhow::Result<Vec<Sent>> {
    let (answers, mut heard) = mpsc::unbounded_channel();
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (app, names, next) = (app.clone(), names.to_vec(), Arc::clone(&next));
        let answers = answers.clone();
        clients.spawn(async move {
            let mut sent = Vec::new();
            while let Some((loan_id, borrower)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = affordable(loan_id);
                let answer = submit(&app, borrower, &request, client % 2 == 0).await;
                let stop =
                    answer.as_ref().is_err_and(|status| status.code() != tonic::Code::DeadlineExceeded);
                let acknowledged = answer.ok();
                if acknowledged.is_some() {
                    let _ = answers.send(());
                }
                sent.push(Sent { borrower: borrower.clone(), request, acknowledged });
                if stop {
                    break;
                }
            }
            sent
        });
    }
    drop(answers);
    for _ in 0..acknowledged {
        heard.recv().await.context("the clients ended before the kill")?;
    }
    three.application.process.kill()?;
    Ok(clients.join_all().await.into_iter().flatten().collect())
}

/// Submits; a hurried client's deadline leaves no time to wait for the assessment.
async fn submit(
    app: &Channel,
    borrower: &str,
    request: &pb::SubmitApplicationRequest,
    hurried: bool,
) -> Result<String, tonic::Status> {
    let caller =
        Caller::platform_for(borrower).map_err(|error| tonic::Status::internal(error.to_string()))?;
    let mut call = Request::new(request.clone());
    if hurried {
        call.set_timeout(Duration::from_millis(250));
    }
    let answer = applications(app, caller).submit_application(call).await?.into_inner();
    Ok(answer.application.map(|application| application.application_id).unwrap_or_default())
}

/// What the restarted process knows of a submission: sent again under its request id it is one case, that which was there.
/// Returns borrower and case.
async fn settled(app: &Channel, sent: &Sent) -> anyhow::Result<(String, String)> {
    let before = cases_of(app, &sent.borrower).await?;
    match &sent.acknowledged {
        Some(id) => ensure!(before == [id.clone()], "acknowledged was `{id}`, there is {before:?}"),
        None => ensure!(before.len() <= 1, "`{}` has {before:?}", sent.borrower),
    }
    let id = submit(app, &sent.borrower, &sent.request, false).await?;
    ensure!(before.first().is_none_or(|known| *known == id), "`{id}` came beside {before:?}");
    let after = cases_of(app, &sent.borrower).await?;
    ensure!(after == [id.clone()], "the repeated call answered `{id}`, there is {after:?}");
    Ok((sent.borrower.clone(), id))
}

/// Starts the killed process on its port and data, and waits until it answers.
async fn restart(three: &mut Three, clock: Option<&str>) -> anyhow::Result<()> {
    let settings = [
        format!("application.listen={}", three.application.grpc),
        format!("policy_client.endpoint=http://{}", three.policy.grpc),
        format!("notification_client.endpoint=http://{}", three.notification.grpc),
    ];
    three.application = three.site.serve("application", clock, &settings).await?;
    let app = channel(three.application.grpc)?;
    eventually("an answer after the restart", || async { Ok(cases_of(&app, "nobody").await.ok()) }).await?;
    Ok(())
}

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Replica(usize),
    /// PostgreSQL, all its processes.
    Server,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_every_process_lose_and_double_nothing_on_files() -> anyhow::Result<()> {
    let fleet = Fleet::start(Storage::Files, 1, Detours::default(), &[]).await?;
    kill_one_after_the_other(fleet).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_every_process_lose_and_double_nothing_on_postgres() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start()?);
    let server = Server::new(&cluster, cluster.port())?;
    let fleet = Fleet::start(Storage::Server(server), 2, Detours::default(), &[]).await?;
    kill_one_after_the_other(fleet).await
}

/// Kills processes while clients mutate, starts each again, and looks for what was acknowledged.
async fn kill_one_after_the_other(mut fleet: Fleet) -> anyhow::Result<()> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
    let kills = number("KILLS")?.map_or(Ok(KILLS), usize::try_from)?;
    let seed = number("KILLS_SEED")?.unwrap_or(SEED);
    println!("KILLS={kills} KILLS_SEED={seed}");
    let (mut seeded, mut left, mut killed) = (Seeded(seed), Vec::new(), BTreeMap::<String, usize>::new());
    let mut load = Load::start(&fleet.addresses(leeway::serve::Which::Application))?;
    for _ in 0..kills {
        if left.is_empty() {
            // Everything once, then everything again: PostgreSQL as often as one of the services.
            left.extend((0..fleet.replicas.len()).map(Victim::Replica));
            if matches!(fleet.storage, Storage::Server(_)) {
                left.extend([Victim::Server, Victim::Server]);
            }
        }
        let victim = left.swap_remove(usize::try_from(seeded.below(u64::try_from(left.len())?))?);
        load.goes_on(usize::try_from(1 + seeded.below(MOST_ANSWERS))?).await?;
        *killed.entry(name(&fleet, victim)).or_default() += 1;
        kill_and_restart(&mut fleet, victim).await?;
    }
    load.goes_on(1).await?;
    println!("killed: {killed:?}");
    all_there_once(fleet, load.stop().await?).await
}

fn name(fleet: &Fleet, victim: Victim) -> String {
    match victim {
        Victim::Replica(index) => {
            fleet.replicas.get(index).map(|replica| replica.label.clone()).unwrap_or_default()
        }
        Victim::Server => "postgres".to_owned(),
    }
}

async fn kill_and_restart(fleet: &mut Fleet, victim: Victim) -> anyhow::Result<()> {
    match (victim, &fleet.storage) {
        (Victim::Replica(index), _) => {
            fleet.kill(index)?;
            fleet.restart(index, None).await
        }
        (Victim::Server, Storage::Server(server)) => tokio::task::block_in_place(|| {
            server.cluster.end(End::Kill)?;
            server.cluster.run()
        }),
        (Victim::Server, Storage::Files) => Ok(()),
    }
}
