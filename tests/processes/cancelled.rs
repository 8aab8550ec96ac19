//! Ten thousand calls, most of them given up by their callers at a random moment: each is done in full or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api::leeway::application::v1 as pb;
use chassis::{Clock, Ids};
use leeway::config::Config;
use leeway::stack::{Stack, World};
use store::JournalEntry;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::clients::{
    Caller, affordable, applications, channel, import, loans, payment, registration, request_id,
};
use crate::programs::{CLOCK, Site};
use crate::records::Records;
use crate::seeded::Seeded;

const CALLS: usize = 10_000;
/// Calls at a time.
const CALLERS: usize = 48;
const CONNECTIONS: usize = 4;
const SEED: u64 = 42;
/// Of a hundred calls: payments, submissions, withdrawals; the rest registers loans.
const PAYMENTS: u64 = 30;
const SUBMISSIONS: u64 = 6;
const WITHDRAWALS: u64 = 4;
/// Loans that payments go to.
const PAID_LOANS: u64 = 400;
/// A withdrawal follows its submission at that distance, so that both may be on their way at once.
const DISTANCE: usize = 2 * CALLERS;
/// Patience of callers, microseconds, drawn evenly over orders of magnitude.
const LEAST_PATIENCE: u64 = 64;
const PATIENCE_DOUBLINGS: u64 = 11;

/// One call with everything that it changes.
enum Call {
    Register { loan_id: String },
    Pay { loan_id: String, payment_id: String },
    Submit { loan_id: String, application_id: String },
    Withdraw { loan_id: String, application_id: String },
}

/// How its caller gives up.
#[derive(Clone, Copy)]
enum Patience {
    /// Waits for the answer.
    Endless,
    /// Drops the call.
    Drop(Duration),
    /// Sends a deadline, which the server enforces as well.
    Deadline(Duration),
}

struct Planned {
    request_id: String,
    call: Call,
    patience: Patience,
}

/// What the caller knows in the end; `None`: it gave up.
type Heard = Option<Result<(), Code>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_calls_are_done_in_full_or_not_at_all() -> anyhow::Result<()> {
    let site = Site::new()?;
    let config = Config { data_dir: site.path("data"), ..Config::default() }.on_free_ports();
    let world = World { clock: Clock::pinned(chassis::clock::parse_time(CLOCK)?), ids: Ids::random() };
    let stack = Stack::start(&config, &world).await?;
    let address = stack.application.handle.grpc;
    let channels = (0..CONNECTIONS).map(|_| channel(address)).collect::<Result<Vec<_>, _>>()?;

    let planned = Arc::new(plan(&mut Seeded(SEED)));
    let first = channels.first().context("no connection")?;
    prepare(first, &planned).await?;
    let heard = make(&channels, &planned).await?;
    print_summary(&planned, &heard);

    // The server still answers: some that were given up are sent again, under their request ids, until they are done.
    let mut must_be_done = heard.iter().map(|heard| matches!(heard, Some(Ok(())))).collect::<Vec<_>>();
    for (planned, done) in planned.iter().zip(&mut must_be_done).step_by(20) {
        match call(first, planned, Patience::Endless).await {
            Some(Ok(())) => *done = true,
            // A withdrawal of a case that was never submitted.
            Some(Err(Code::NotFound)) => ensure!(matches!(planned.call, Call::Withdraw { .. })),
            other => anyhow::bail!("a repeated call ended with {other:?}"),
        }
    }
    drop(channels);
    stack.stop().await;

    let records = Records::open(&site.path("data").join("application.db"), &application::SCHEMA)?;
    let (mut done_unheard, mut absent) = (0, 0);
    let traces = Traces::read(&records).await?;
    for ((planned, heard), must_be_done) in planned.iter().zip(&heard).zip(must_be_done) {
        let done = traces.whole(&records, planned).await?;
        ensure!(
            done || !must_be_done,
            "an acknowledged call left nothing: {:?}",
            traces.of(&records, planned).await?
        );
        // Overload may be said; whatever else is refused would be a fault.
        let refused = match (heard, &planned.call) {
            (Some(Err(Code::NotFound)), Call::Withdraw { .. }) => false,
            (Some(Err(code)), _) => !matches!(code, Code::Unavailable | Code::ResourceExhausted),
            (None | Some(Ok(())), _) => false,
        };
        ensure!(!refused, "a call of its own ended with {heard:?}");
        done_unheard += usize::from(done && heard.is_none());
        absent += usize::from(!done);
    }
    println!("done though given up: {done_unheard}, absent: {absent}");
    // Else the moments were badly chosen and the test says nothing.
    assert!(done_unheard > 200 && absent > 200, "done though given up: {done_unheard}, absent: {absent}");
    // Every loan that was there before has a chain, and so has what the calls made.
    assert!(records.verify().await? >= usize::try_from(PAID_LOANS)?);
    records.close().await;
    Ok(())
}

/// Draws the calls.
fn plan(seeded: &mut Seeded) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::with_capacity(CALLS);
    let mut withdrawn = 0;
    for nr in 0..CALLS {
        let kind = seeded.below(100);
        let call = if kind < PAYMENTS {
            let loan_id = format!("paid-{}", seeded.below(PAID_LOANS));
            Call::Pay { loan_id, payment_id: format!("pay-{nr}") }
        } else if kind < PAYMENTS + SUBMISSIONS {
            Call::Submit { loan_id: format!("case-{nr}"), application_id: format!("app-{nr}") }
        } else {
            let earlier =
                planned.iter().enumerate().skip(withdrawn).take(nr.saturating_sub(DISTANCE + withdrawn));
            let next = earlier.into_iter().find_map(|(at, planned)| match &planned.call {
                Call::Submit { loan_id, application_id } => {
                    Some((at, loan_id.clone(), application_id.clone()))
                }
                _ => None,
            });
            match next {
                Some((at, loan_id, application_id)) if kind < PAYMENTS + SUBMISSIONS + WITHDRAWALS => {
                    withdrawn = at + 1;
                    Call::Withdraw { loan_id, application_id }
                }
                _ => Call::Register { loan_id: format!("loan-{nr}") },
            }
        };
        planned.push(Planned { request_id: request_id(), call, patience: patience(seeded) });
    }
    planned
}

fn patience(seeded: &mut Seeded) -> Patience {
    let shortest = LEAST_PATIENCE << seeded.below(PATIENCE_DOUBLINGS);
    let time = Duration::from_micros(shortest + seeded.below(shortest));
    match seeded.below(10) {
        0 => Patience::Endless,
        1..=6 => Patience::Drop(time),
        _ => Patience::Deadline(time),
    }
}

/// Registers the loans that payments and submissions need.
async fn prepare(channel: &Channel, planned: &[Planned]) -> anyhow::Result<()> {
    let mut names = (0..PAID_LOANS).map(|nr| format!("paid-{nr}")).collect::<Vec<_>>();
    names.extend(planned.iter().filter_map(|planned| match &planned.call {
        Call::Submit { loan_id, .. } => Some(loan_id.clone()),
        _ => None,
    }));
    import(channel, &names.into_iter().map(|name| (name, "b".to_owned())).collect::<Vec<_>>()).await
}

/// Makes all calls, some at a time, in order of their beginning.
async fn make(channels: &[Channel], planned: &Arc<Vec<Planned>>) -> anyhow::Result<Vec<Heard>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let channel = channels.get(caller % channels.len()).context("no connection")?.clone();
        let (planned, next) = (Arc::clone(planned), Arc::clone(&next));
        callers.spawn(async move {
            let mut heard = Vec::new();
            loop {
                let nr = next.fetch_add(1, Ordering::Relaxed);
                let Some(planned) = planned.get(nr) else { return heard };
                heard.push((nr, call(&channel, planned, planned.patience).await));
            }
        });
    }
    let mut heard = callers.join_all().await.concat();
    heard.sort_by_key(|(nr, _)| *nr);
    Ok(heard.into_iter().map(|(_, heard)| heard).collect())
}

async fn call(channel: &Channel, planned: &Planned, patience: Patience) -> Heard {
    let answer = async { answer(channel, planned, patience).await.map_err(|status| status.code()) };
    let heard = match patience {
        Patience::Endless | Patience::Deadline(_) => Some(answer.await),
        Patience::Drop(time) => tokio::time::timeout(time, answer).await.ok(),
    };
    // Whoever gives up hears of it as one of these; everything else is the server's word.
    heard.filter(|heard| !matches!(heard, Err(Code::DeadlineExceeded | Code::Cancelled)))
}

async fn answer(channel: &Channel, planned: &Planned, patience: Patience) -> Result<(), Status> {
    let caller = Caller::platform().map_err(|error| Status::internal(error.to_string()))?;
    let mut loan_client = loans(channel).map_err(|error| Status::internal(error.to_string()))?;
    let mut case_client = applications(channel, caller);
    let request_id = planned.request_id.clone();
    match &planned.call {
        Call::Register { loan_id } => {
            let request = pb::RegisterLoanRequest { request_id, loan: Some(registration(loan_id, "b")) };
            loan_client.register_loan(timed(request, patience)).await.map(drop)
        }
        Call::Pay { loan_id, payment_id } => {
            let request = pb::RecordPaymentRequest { request_id, ..payment(loan_id, payment_id) };
            loan_client.record_payment(timed(request, patience)).await.map(drop)
        }
        Call::Submit { loan_id, application_id } => {
            let application_id = application_id.clone();
            let request = affordable(loan_id);
            let request = pb::SubmitApplicationRequest { request_id, application_id, ..request };
            case_client.submit_application(timed(request, patience)).await.map(drop)
        }
        Call::Withdraw { application_id, .. } => {
            let application_id = application_id.clone();
            let request = pb::WithdrawApplicationRequest { request_id, application_id };
            case_client.withdraw_application(timed(request, patience)).await.map(drop)
        }
    }
}

fn timed<T>(message: T, patience: Patience) -> Request<T> {
    let mut request = Request::new(message);
    if let Patience::Deadline(time) = patience {
        request.set_timeout(time);
    }
    request
}

/// What the feed tells, read once.
struct Traces {
    by_loan: BTreeMap<(String, String), usize>,
    by_payment: BTreeMap<(String, String), usize>,
    by_application: BTreeMap<(String, String), usize>,
}

impl Traces {
    async fn read(records: &Records) -> anyhow::Result<Self> {
        Ok(Self {
            by_loan: records.feed("loan_id").await?,
            by_payment: records.feed("payment_id").await?,
            by_application: records.feed("application_id").await?,
        })
    }

    /// How often a call is found in each place that it changes.
    async fn of(&self, records: &Records, planned: &Planned) -> anyhow::Result<Vec<(&'static str, usize)>> {
        let requested = records.requested("service:platform", "", &planned.request_id).await?;
        let mut found = vec![("request", usize::from(requested))];
        let told = |told: &BTreeMap<_, usize>, kind: &str, id: &str| {
            told.get(&(kind.to_owned(), id.to_owned())).copied().unwrap_or_default()
        };
        let times =
            |entries: Vec<JournalEntry>, kind: &str| entries.iter().filter(|e| e.kind == kind).count();
        match &planned.call {
            Call::Register { loan_id } => {
                let entries = records.journal(&format!("loan/{loan_id}")).await?;
                found.push(("document", usize::from(records.body("loan", loan_id).await?.is_some())));
                found.push(("journal", times(entries, "registered")));
                found.push(("feed", told(&self.by_loan, "loan.registered", loan_id)));
            }
            Call::Pay { loan_id, payment_id } => {
                let body = records.body("loan", loan_id).await?.context("a paid loan is gone")?.to_string();
                let quoted = format!("\"{payment_id}\"");
                let entries = records.journal(&format!("loan/{loan_id}")).await?;
                found.push(("document", body.matches(&quoted).count()));
                found.push(("journal", entries.iter().filter(|entry| entry.body.contains(&quoted)).count()));
                found.push(("feed", told(&self.by_payment, "loan.payment_recorded", payment_id)));
            }
            Call::Submit { application_id, .. } => {
                let entries = records.journal(application_id).await?;
                found.push((
                    "document",
                    usize::from(records.body("application", application_id).await?.is_some()),
                ));
                found.push(("journal", times(entries, "submitted")));
                found.push(("feed", told(&self.by_application, "application.submitted", application_id)));
            }
            Call::Withdraw { loan_id, application_id } => {
                let entries = records.journal(application_id).await?;
                let body = records.body("application", application_id).await?;
                let state = body.as_ref().and_then(|body| body.pointer("/state/name"));
                let withdrawn = state.is_some_and(|state| state == "withdrawn");
                let open = records.body("open_case", loan_id).await?.is_some();
                // The marker of an open case is there exactly as long as the case is open.
                found.push(("document", usize::from(withdrawn)));
                found.push(("marker", usize::from(body.is_some() && !open)));
                found.push(("journal", times(entries, "withdrawn")));
                found.push(("feed", told(&self.by_application, "application.withdrawn", application_id)));
            }
        }
        Ok(found)
    }

    /// Whether a call is done; half of one is an error. Every place has it once, or none has.
    async fn whole(&self, records: &Records, planned: &Planned) -> anyhow::Result<bool> {
        let found = self.of(records, planned).await?;
        let done = found.iter().all(|(_, count)| *count == 1);
        ensure!(done || found.iter().all(|(_, count)| *count == 0), "half a call: {found:?}");
        Ok(done)
    }
}

/// For whoever reads a failed run.
fn print_summary(planned: &[Planned], heard: &[Heard]) {
    let mut summary = BTreeMap::<(&str, String), usize>::new();
    for (planned, heard) in planned.iter().zip(heard) {
        let kind = match planned.call {
            Call::Register { .. } => "RegisterLoan",
            Call::Pay { .. } => "RecordPayment",
            Call::Submit { .. } => "SubmitApplication",
            Call::Withdraw { .. } => "WithdrawApplication",
        };
        let ending = match heard {
            None => "given up".to_owned(),
            Some(Ok(())) => "answered".to_owned(),
            Some(Err(code)) => format!("{code:?}"),
        };
        *summary.entry((kind, ending)).or_default() += 1;
    }
    println!("{summary:?}");
}
