//! What one unit of work (a call, an effect) carries along without naming it in every signature.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::problem::Problem;

/// When the caller stops waiting. Machine time, never domain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    pub fn after(left: Duration) -> Self {
        let now = Instant::now();
        // A sum that overflows is beyond any machine's life; a day is beyond any call's.
        Self(now.checked_add(left).unwrap_or_else(|| now + Duration::from_secs(86_400)))
    }

    pub fn instant(self) -> Instant {
        self.0
    }

    /// Zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// The call's deadline, as the server put it into the request.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Problem> {
        let found = request.extensions().get::<Self>().copied();
        found.ok_or_else(|| Problem::internal("a handler ran without a deadline in its request"))
    }
}

/// The surroundings of the running work. Set by server and worker, read by client, task and telemetry.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// `application`, `policy` or `notification`; tells spans and metrics of one process apart.
    pub service: &'static str,
    pub deadline: Option<Deadline>,
    /// The borrower on whose behalf the work runs; calls to other services say so.
    pub subject: Option<String>,
    /// Where owned tasks register, so that a drain waits for them.
    pub tasks: Option<TaskTracker>,
}

tokio::task_local! {
    static CONTEXT: CallContext;
}

/// Runs work within a context. Tasks spawned by [`crate::task::owned`] inherit it.
pub async fn scope<F: Future>(context: CallContext, work: F) -> F::Output {
    CONTEXT.scope(context, work).await
}

/// [`scope`] for one poll of a body.
pub(crate) fn sync_scope<T>(context: &CallContext, work: impl FnOnce() -> T) -> T {
    CONTEXT.sync_scope(context.clone(), work)
}

/// The context of the running work; empty outside of any.
pub fn current() -> CallContext {
    CONTEXT.try_with(CallContext::clone).unwrap_or_default()
}

/// The service whose work is running, `None` outside of any.
pub fn current_service() -> Option<&'static str> {
    CONTEXT.try_with(|context| context.service).ok().filter(|name| !name.is_empty())
}
