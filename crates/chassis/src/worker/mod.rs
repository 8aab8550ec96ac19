//! The effects loop: claims what is due, runs it, commits its result together with its end.
//!
//! Handlers are idempotent: an effect may run again after a crash, a lost lease or a conflict. Within a process two
//! effects of one key never run at once, and a claimed batch keeps their order.

mod effect;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use store::{Claim, Commit, Done, Effect, NewLease, Outcome, Store, StoreError};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use self::memory::Memory;

pub use self::effect::{Ended, Failure, Topic, leased_effect};

use crate::clock::Clock;
use crate::context::{self, CallContext};
use crate::ids::Ids;
use crate::problem::{Problem, chain};
use crate::{task, telemetry};

/// Effects that run at a time in one worker; effects of one key count as one.
pub const MAX_RUNNING_EFFECTS: usize = 64;
/// Effects that are claimed at once.
pub const CLAIM_BATCH_ROWS: u32 = 32;
/// Failed attempts after which an effect is parked. A dependency that is away doesn't count.
pub const MAX_ATTEMPTS: i32 = 8;
/// Runs of one attempt that lose against other commits.
pub const MAX_CONFLICT_RUNS: u32 = 5;
/// How long a claim holds. Longer than [`HANDLER_TIMEOUT`], so that an effect isn't run twice at once.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long one run of a handler may take.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(45);
/// First pause before another attempt; doubles with each, up to half of it is random.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(600);
/// How often the store is asked without any sign of change: other processes leave none.
const POLL: Duration = Duration::from_secs(5);
/// Pause after a claim that found nothing although something was due, or after a failure of the store.
const BREATH: Duration = Duration::from_millis(100);
/// How long running effects are waited for at shutdown; what is left runs again when its lease ends.
const DRAIN: Duration = Duration::from_secs(10);

/// One service's worker. Clones are the same worker.
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    service: &'static str,
    store: Store,
    clock: Clock,
    ids: Ids,
    name: String,
    topics: Vec<Topic>,
    slots: Arc<Semaphore>,
    finished: Notify,
    tasks: TaskTracker,
    memory: Memory,
}

impl Worker {
    pub fn new(service: &'static str, store: Store, clock: Clock, ids: Ids, topics: Vec<Topic>) -> Self {
        Self(Arc::new(Inner {
            service,
            store,
            clock,
            name: ids.new_id(service),
            ids,
            topics,
            slots: Arc::new(Semaphore::new(MAX_RUNNING_EFFECTS)),
            finished: Notify::new(),
            tasks: TaskTracker::new(),
            memory: Memory::default(),
        }))
    }

    /// Runs until `shutdown` is cancelled, then waits for what is running.
    pub fn spawn(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        let worker = self.clone();
        let context = self.context();
        tokio::spawn(context::scope(context, async move { worker.run(shutdown).await }))
    }

    /// Claims one batch of what is due now and runs it to its end. Returns how many effects that were.
    pub async fn run_due_once(&self) -> Result<usize, StoreError> {
        let claimed = self.claim(CLAIM_BATCH_ROWS).await?;
        let count = claimed.len();
        let runs = by_key(claimed).into_iter().map(|group| self.start(group));
        join_all(runs).await;
        Ok(count)
    }

    /// Runs what is due until nothing is, effects of effects included. Returns how many effects that were.
    pub async fn run_until_idle(&self) -> Result<usize, StoreError> {
        let mut total = 0_usize;
        loop {
            match self.run_due_once().await? {
                0 => return Ok(total),
                count => total = total.saturating_add(count),
            }
        }
    }

    /// A lease for an effect that the committer runs itself, by [`Worker::run_effect_now`].
    pub fn lease(&self) -> NewLease {
        NewLease {
            worker: self.0.name.clone(),
            until: self.after(LEASE).as_microsecond(),
            token: self.0.ids.token(),
        }
    }

    /// Runs an effect that was put with a lease of [`Worker::lease`]. It goes on if the returned future is dropped.
    pub async fn run_effect_now(&self, effect: Effect) -> Result<Ended, Problem> {
        let ended = self.start(vec![effect]).await.ok().flatten();
        ended.ok_or_else(|| Problem::internal("the run of an effect was lost"))
    }

    async fn run(&self, shutdown: CancellationToken) {
        let mut changes = self.0.store.changes();
        while !shutdown.is_cancelled() {
            changes.borrow_and_update();
            let next = match self.step().await {
                Ok(Step::Busy) => continue,
                Ok(Step::Full) => Next::WhenFinished,
                Ok(Step::Idle(next)) => next.map_or(Next::Whenever, Next::At),
                Ok(Step::Nothing) => Next::Soon,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the worker can't reach its store");
                    Next::Soon
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.0.finished.notified() => {}
                _ = changes.changed(), if matches!(next, Next::At(_) | Next::Whenever) => {}
                () = self.until(next) => {}
            }
        }
        self.0.tasks.close();
        if tokio::time::timeout(DRAIN, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(running = self.0.tasks.len(), "effects were still running at shutdown");
        }
    }

    /// Claims and starts what is due, as far as there is room.
    async fn step(&self) -> Result<Step, StoreError> {
        let next = self.0.store.next_due(&self.topics()).await?;
        if next.is_none_or(|due| due > self.0.clock.now_micros()) {
            return Ok(Step::Idle(next));
        }
        let room = u32::try_from(self.0.slots.available_permits()).unwrap_or(u32::MAX).min(CLAIM_BATCH_ROWS);
        if room == 0 {
            return Ok(Step::Full);
        }
        let claimed = self.claim(room).await?;
        if claimed.is_empty() {
            return Ok(Step::Nothing);
        }
        for group in by_key(claimed) {
            drop(self.start(group));
        }
        Ok(Step::Busy)
    }

    async fn until(&self, next: Next) {
        match next {
            Next::Soon => tokio::time::sleep(BREATH).await,
            Next::Whenever | Next::WhenFinished => tokio::time::sleep(POLL).await,
            Next::At(due) => {
                let due = Timestamp::from_microsecond(due).unwrap_or(Timestamp::MAX);
                // Losing the race against the poll is harmless: the loop looks again.
                let _ = tokio::time::timeout(POLL, self.0.clock.sleep_until(due)).await;
            }
        }
    }

    async fn claim(&self, limit: u32) -> Result<Vec<Effect>, StoreError> {
        let claim = Claim {
            topics: self.topics(),
            now: self.0.clock.now_micros(),
            lease_until: self.after(LEASE).as_microsecond(),
            worker: self.0.name.clone(),
            token_seed: self.0.ids.token(),
            limit,
        };
        self.0.store.claim(claim).await
    }

    /// Runs effects of one key in order, in a task of the worker. Yields how the last one ended.
    fn start(&self, group: Vec<Effect>) -> JoinHandle<Option<Ended>> {
        let worker = self.clone();
        let claimed_at = Instant::now();
        let work = async move {
            // Never closed; without it the effect would only run a little too early.
            let _slot = Arc::clone(&worker.0.slots).acquire_owned().await.ok();
            let mut last = None;
            for effect in group {
                let turn = worker.0.memory.turn(&effect.key);
                let _turn = turn.lock().await;
                // Somebody else may have it by now.
                if claimed_at.elapsed() > LEASE.unsigned_abs().saturating_sub(HANDLER_TIMEOUT) {
                    last = Some(Ended::Fenced);
                    continue;
                }
                last = Some(worker.run_one(effect).await);
            }
            worker.0.finished.notify_one();
            last
        };
        self.0.tasks.spawn(context::scope(self.context(), work))
    }

    async fn run_one(&self, effect: Effect) -> Ended {
        let Some(topic) = self.0.topics.iter().find(|topic| topic.name == effect.topic).cloned() else {
            // Only `run_effect_now` comes here; whoever knows the topic claims it when the lease ends.
            tracing::error!(topic = effect.topic, "no handler for an effect");
            return Ended::Fenced;
        };
        let name = format!("effect.{}", topic.name);
        let span = telemetry::span_with_parent(&name, effect.trace.as_deref());
        let ended = self.attempt(&topic, effect).instrument(span).await;
        let outcome = match ended {
            Ended::Done => "done",
            Ended::Postponed => "postponed",
            Ended::Parked => "parked",
            Ended::Fenced => "fenced",
        };
        metrics::counter!("leeway_effects_total", "service" => self.0.service, "topic" => topic.name, "outcome" => outcome)
            .increment(1);
        ended
    }

    /// Runs the handler until its commit wins, or it fails.
    async fn attempt(&self, topic: &Topic, effect: Effect) -> Ended {
        let mut lost = None;
        for _ in 0..MAX_CONFLICT_RUNS {
            let commit = match self.handle(topic, effect.clone()).await {
                Ok(commit) => commit,
                Err(failure) => return self.settle(&effect, failure).await,
            };
            match self.finish(&effect, commit).await {
                Ok(()) => {
                    self.0.memory.forget(effect.id);
                    return Ended::Done;
                }
                Err(StoreError::Fenced) => {
                    self.0.memory.forget(effect.id);
                    return Ended::Fenced;
                }
                Err(conflict @ StoreError::Conflict { .. }) => lost = Some(conflict),
                Err(error) => return self.settle(&effect, error.into()).await,
            }
        }
        let reason = lost.map(|conflict| conflict.to_string()).unwrap_or_default();
        self.settle(&effect, Failure::retry(format!("lost every race: {reason}"))).await
    }

    async fn handle(&self, topic: &Topic, effect: Effect) -> Result<Commit, Failure> {
        // No deadline of its own: each call that the handler makes has its client's usual one. With the run's they would
        // wait so long for a mute service that their effects take every slot and hold up all others.
        let work = (topic.handler)(effect);
        let guarded = context::scope(self.context(), async move { task::spawn(work).await });
        match tokio::time::timeout(HANDLER_TIMEOUT, guarded).await {
            Ok(Ok(Some(result))) => result,
            Ok(Ok(None)) => Err(Failure::retry("the handler panicked")),
            Ok(Err(error)) => Err(Failure::retry(format!("the handler was lost: {error}"))),
            Err(_) => Err(Failure::retry("the handler took too long")),
        }
    }

    async fn finish(&self, effect: &Effect, mut commit: Commit) -> Result<(), StoreError> {
        let done = Done { effect_id: effect.id, token: effect.token.clone() };
        if commit.now == 0 {
            commit.now = self.0.clock.now_micros();
        }
        let now = commit.now;
        commit.done = Some(done.clone());
        match self.0.store.commit(commit).await? {
            Outcome::Committed(_) => Ok(()),
            // The result was committed before, under its request id, but the effect goes on: end it by itself.
            Outcome::Replayed { .. } => {
                self.0.store.commit(Commit { now, done: Some(done), ..Commit::default() }).await.map(drop)
            }
        }
    }

    /// Gives the effect back or parks it.
    async fn settle(&self, effect: &Effect, failure: Failure) -> Ended {
        let (reason, after) = match &failure {
            Failure::Retry { reason, after } | Failure::Unavailable { reason, after } => {
                (reason.clone(), *after)
            }
            Failure::Permanent { reason } => (reason.clone(), None),
        };
        let park = match &failure {
            Failure::Permanent { .. } => true,
            Failure::Unavailable { .. } => {
                self.0.memory.discount(effect.id);
                false
            }
            Failure::Retry { .. } => self.0.memory.counted(effect) >= MAX_ATTEMPTS,
        };
        let given_back = store::Failure {
            effect_id: effect.id,
            token: effect.token.clone(),
            now: self.0.clock.now_micros(),
            error: reason.clone(),
        };
        let settled = if park {
            tracing::error!(alarm = true, topic = effect.topic, id = effect.id, reason, "effect parked");
            self.0.memory.forget(effect.id);
            self.0.store.park(given_back).await.map(|()| Ended::Parked)
        } else {
            tracing::warn!(
                topic = effect.topic,
                id = effect.id,
                attempts = effect.attempts,
                reason,
                "effect failed"
            );
            let due = self.after(self.backoff(effect.attempts, after));
            self.0.store.retry(given_back, due.as_microsecond()).await.map(|()| Ended::Postponed)
        };
        settled.unwrap_or_else(|error| {
            // Fenced is fine; of everything else the end of the lease takes care.
            tracing::debug!(error = chain(&error), "an effect could not be given back");
            Ended::Fenced
        })
    }

    fn backoff(&self, attempts: i32, after: Option<Duration>) -> SignedDuration {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let half = FIRST_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF) / 2;
        let pause = half.saturating_add(self.0.ids.jitter(half)).max(after.unwrap_or_default());
        SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
    }

    fn after(&self, pause: SignedDuration) -> Timestamp {
        self.0.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX)
    }

    fn topics(&self) -> Vec<(&'static str, i32)> {
        self.0.topics.iter().map(|topic| (topic.name, topic.version)).collect()
    }

    fn context(&self) -> CallContext {
        let tasks = Some(self.0.tasks.clone());
        CallContext { service: self.0.service, deadline: None, subject: None, tasks }
    }
}

/// What a look at the store came to.
enum Step {
    /// Something was started; there may be more.
    Busy,
    /// Something is due, but there is no room.
    Full,
    /// Nothing is due before that time, epoch microseconds.
    Idle(Option<i64>),
    /// Something was due, and somebody else took it.
    Nothing,
}

/// When to look again, if nothing happens before.
enum Next {
    Soon,
    At(i64),
    Whenever,
    WhenFinished,
}

/// Effects of one key together, in the order they were claimed.
fn by_key(effects: Vec<Effect>) -> Vec<Vec<Effect>> {
    let mut groups: Vec<Vec<Effect>> = Vec::new();
    for effect in effects {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.key == effect.key)) {
            Some(group) => group.push(effect),
            None => groups.push(vec![effect]),
        }
    }
    groups
}
