//! Clients that mutate while something breaks, each call repeated under its request id until it is acknowledged; and the
//! look, once all is whole again, whether everything acknowledged is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use api::leeway::application::v1 as pb;
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _};
use leeway::serve::Which;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::clients::{
    Caller, affordable, applications, channel, delivered, in_state, loans, payment, registration, request_id,
};
use crate::fleet::{Fleet, Left};
use crate::programs::PATIENCE;
use crate::records::{sent, text};

const CLIENTS: usize = 6;
/// Of one try.
const DEADLINE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Checks at a time.
const CHECKERS: usize = 8;
/// What each borrower is told.
const TEMPLATES: [&str; 2] = ["application-received", "in-review"];

/// A loan with everything that was asked for it. All of it was acknowledged.
pub struct Told {
    borrower: String,
    register: pb::RegisterLoanRequest,
    payment: pb::RecordPaymentRequest,
    submission: pb::SubmitApplicationRequest,
    application_id: String,
}

/// A running load.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<anyhow::Result<Vec<Told>>>,
    /// What was asked for beside the clients.
    beside: Vec<Told>,
}

/// A loan asked for through one replica.
pub struct TriedOut {
    /// Tries that failed.
    pub failed: usize,
    /// When the first call was acknowledged.
    pub first: Instant,
}

struct Shared {
    channels: Vec<Channel>,
    next: AtomicUsize,
    acknowledged: watch::Sender<usize>,
    repeated: AtomicUsize,
    /// Most repetitions of one call.
    most: AtomicUsize,
    stop: watch::Sender<bool>,
}

impl Load {
    /// Starts the clients; they take the replicas of the application in turn.
    pub fn start(addresses: &[SocketAddr]) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            channels: addresses.iter().map(|address| channel(*address)).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            acknowledged: watch::Sender::new(0),
            repeated: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            stop: watch::Sender::new(false),
        });
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let shared = Arc::clone(&shared);
            clients.spawn(async move {
                let mut told = Vec::new();
                while !*shared.stop.borrow() {
                    told.push(shared.one_loan(&shared.channels).await?.0);
                }
                Ok(told)
            });
        }
        Ok(Self { shared, clients, beside: Vec::new() })
    }

    /// Calls acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        *self.shared.acknowledged.borrow()
    }

    /// How often the call that was repeated most was repeated.
    pub fn most_repeated(&self) -> usize {
        self.shared.most.load(Ordering::Relaxed)
    }

    /// Waits until so many more calls are acknowledged.
    pub async fn goes_on(&mut self, more: usize) -> anyhow::Result<()> {
        let mut acknowledged = self.shared.acknowledged.subscribe();
        let enough = *acknowledged.borrow() + more;
        tokio::select! {
            reached = tokio::time::timeout(PATIENCE, acknowledged.wait_for(|count| *count >= enough)) => {
                reached.with_context(|| format!("{more} more answers did not come within {PATIENCE:?}"))??;
                Ok(())
            }
            Some(ended) = self.clients.join_next() => {
                bail!("a client ended: {:?}", ended?.err());
            }
        }
    }

    /// Asks for a loan through each replica alone, through all at once.
    pub async fn through_each(&mut self) -> anyhow::Result<Vec<TriedOut>> {
        let alone = self.shared.channels.iter().map(|one| self.shared.one_loan(std::slice::from_ref(one)));
        let (told, tried_out): (Vec<_>, Vec<_>) = try_join_all(alone).await?.into_iter().unzip();
        self.beside.extend(told);
        Ok(tried_out)
    }

    /// Ends the clients once what they began is acknowledged.
    pub async fn stop(mut self) -> anyhow::Result<Vec<Told>> {
        self.shared.stop.send_replace(true);
        let mut told = std::mem::take(&mut self.beside);
        while let Some(client) = self.clients.join_next().await {
            told.extend(client??);
        }
        let repeated = self.shared.repeated.load(Ordering::Relaxed);
        println!(
            "{} calls acknowledged about {} loans, {repeated} tries more",
            self.acknowledged(),
            told.len()
        );
        Ok(told)
    }
}

impl Shared {
    /// Registers a loan, records a payment and submits an application.
    async fn one_loan(&self, channels: &[Channel]) -> anyhow::Result<(Told, TriedOut)> {
        let nr = self.next.fetch_add(1, Ordering::Relaxed);
        let (loan_id, borrower) = (format!("loan-{nr}"), format!("b-{nr}"));
        let loan = Some(registration(&loan_id, &borrower));
        let mut told = Told {
            register: pb::RegisterLoanRequest { request_id: request_id(), loan },
            payment: payment(&loan_id, &format!("pay-{nr}")),
            submission: affordable(&loan_id),
            application_id: String::new(),
            borrower,
        };
        // Each client goes through the replicas from another one on.
        let mut replicas = channels.iter().cycle().skip(nr % channels.len());
        let mut failed = 0;
        self.until_acknowledged((&mut replicas, &mut failed), |app| register(app, &told)).await?;
        let first = Instant::now();
        self.until_acknowledged((&mut replicas, &mut failed), |app| pay(app, &told)).await?;
        told.application_id =
            self.until_acknowledged((&mut replicas, &mut failed), |app| submit(app, &told)).await?;
        Ok((told, TriedOut { failed, first }))
    }

    /// One call after the other, to one replica after the other, all with one request id.
    async fn until_acknowledged<'c, T, F, Fut>(
        &self,
        (replicas, failed): (&mut (impl Iterator<Item = &'c Channel> + Send), &mut usize),
        call: F,
    ) -> anyhow::Result<T>
    where
        F: Fn(Channel) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        let mut repeats = 0;
        loop {
            let replica = replicas.next().context("no replica")?;
            match call(replica.clone()).await {
                Ok(answer) => {
                    self.acknowledged.send_modify(|count| *count += 1);
                    return Ok(answer);
                }
                Err(status) => {
                    ensure!(may_be_repeated(&status), "a call was refused: {status:?}");
                    ensure!(begun.elapsed() < PATIENCE, "never acknowledged: {status:?}");
                }
            }
            *failed += 1;
            repeats += 1;
            self.most.fetch_max(repeats, Ordering::Relaxed);
            self.repeated.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

/// Whether a status says that the service is away, slow or full, or comes from a broken connection: then it has a cause.
pub fn may_be_repeated(status: &Status) -> bool {
    let passing = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::ResourceExhausted];
    passing.contains(&status.code()) || status.source().is_some()
}

fn in_time<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

fn internal(error: anyhow::Error) -> Status {
    Status::internal(error.to_string())
}

async fn register(app: Channel, told: &Told) -> Result<(), Status> {
    loans(&app).map_err(internal)?.register_loan(in_time(told.register.clone())).await.map(drop)
}

async fn pay(app: Channel, told: &Told) -> Result<(), Status> {
    loans(&app).map_err(internal)?.record_payment(in_time(told.payment.clone())).await.map(drop)
}

async fn submit(app: Channel, told: &Told) -> Result<String, Status> {
    let caller = Caller::platform_for(&told.borrower).map_err(internal)?;
    let answer = applications(&app, caller).submit_application(in_time(told.submission.clone())).await?;
    Ok(answer.into_inner().application.map(|application| application.application_id).unwrap_or_default())
}

/// Once all is whole again: repeated calls answer as before, work comes to its end, and everything is there, once.
pub async fn all_there_once(mut fleet: Fleet, told: Vec<Told>) -> anyhow::Result<()> {
    fleet.after_the_leases().await?;
    let apps = fleet.addresses(Which::Application).into_iter().map(channel).collect::<Result<Vec<_>, _>>()?;
    let inbox = channel(*fleet.addresses(Which::Notification).first().context("no replica")?)?;
    let checks = told.iter().zip(apps.iter().cycle()).map(|(told, app)| settled(app, &inbox, told));
    futures_util::stream::iter(checks).buffer_unordered(CHECKERS).try_collect::<Vec<()>>().await?;
    let (left, _home) = fleet.stop().await?;
    loans_once(&left, &told).await?;
    cases_once(left, &told.into_iter().map(|told| told.application_id).collect()).await
}

async fn settled(app: &Channel, inbox: &Channel, told: &Told) -> anyhow::Result<()> {
    register(app.clone(), told).await?;
    pay(app.clone(), told).await?;
    let again = submit(app.clone(), told).await?;
    ensure!(again == told.application_id, "`{}` was acknowledged, then `{again}`", told.application_id);
    in_state(app, &told.borrower, &told.application_id, pb::ApplicationState::InReview).await?;
    delivered(inbox, &told.borrower, &TEMPLATES).await
}

/// A loan, a line of its journal and an event of each kind for every loan that was acknowledged; no other.
async fn loans_once(left: &Left, told: &[Told]) -> anyhow::Result<()> {
    let bodies = left.application.all("loan").await?;
    let by_loan = left.application.feed("loan_id").await?;
    let by_payment = left.application.feed("payment_id").await?;
    ensure!(bodies.len() == told.len(), "{} loans for {} acknowledged", bodies.len(), told.len());
    for told in told {
        let (loan_id, payment_id) = (&told.payment.loan_id, &told.payment.payment_id);
        let body = left.application.body("loan", loan_id).await?.context("an acknowledged loan is gone")?;
        let quoted = format!("\"{payment_id}\"");
        let steps = left.application.journal(&format!("loan/{loan_id}")).await?;
        let count = |told: &BTreeMap<_, usize>, kind: &str, id: &str| {
            told.get(&(kind.to_owned(), id.to_owned())).copied().unwrap_or_default()
        };
        let found = [
            body.to_string().matches(&quoted).count(),
            steps.iter().filter(|step| step.kind == "registered").count(),
            steps.iter().filter(|step| step.body.contains(&quoted)).count(),
            count(&by_loan, "loan.registered", loan_id),
            count(&by_payment, "loan.payment_recorded", payment_id),
        ];
        ensure!(found == [1; 5], "payment, journal of both, events of both of `{loan_id}`: {found:?}");
    }
    Ok(())
}

/// The databases of the stopped services: a case, a decision, an event and a message of each kind, and sound chains.
pub async fn cases_once(left: Left, cases: &BTreeSet<String>) -> anyhow::Result<()> {
    let Left { application, policy, notification } = left;
    let mut stored = BTreeSet::new();
    for body in application.all("application").await? {
        stored.insert(text(&body, "/application_id")?.to_owned());
    }
    assert_eq!(&stored, cases);
    let events = application.feed("application_id").await?;
    for id in cases {
        let steps = application.journal(id).await?;
        assert_eq!(steps.iter().filter(|step| step.kind == "submitted").count(), 1, "`{id}`: {steps:?}");
        for kind in ["application.submitted", "application.in_review"] {
            assert_eq!(events.get(&(kind.to_owned(), id.clone())), Some(&1), "`{kind}` of `{id}`");
        }
    }
    assert!(application.verify().await? >= cases.len());
    application.close().await;

    let mut decided = Vec::new();
    for decision in policy.all("decision").await? {
        decided.push(text(&decision, "/decision/case_id")?.to_owned());
    }
    decided.sort();
    assert_eq!(decided, cases.iter().cloned().collect::<Vec<_>>());
    policy.verify().await?;
    policy.close().await;

    let each = cases.iter().flat_map(|id| TEMPLATES.map(|template| ((id.clone(), template.to_owned()), 1)));
    assert_eq!(sent(&notification).await?, each.collect());
    notification.verify().await?;
    notification.close().await;
    Ok(())
}
