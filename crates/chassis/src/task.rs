//! Work that the server owns: it goes on when the caller that started it leaves.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::context;
use crate::problem::Problem;

/// Runs a mutation to its end even if the returned future is dropped.
///
/// The task inherits span and context, and the server's drain waits for it. A panic inside becomes INTERNAL.
pub async fn owned<T, F>(work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    match spawn(work).await {
        Ok(Some(result)) => result,
        Ok(None) => Err(Problem::internal("an owned task panicked")),
        Err(lost) => Err(Problem::internal("an owned task was lost").source(lost)),
    }
}

/// Starts work of its own span and context; the handle yields `None` after a panic.
pub(crate) fn spawn<F>(work: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let inherited = context::current();
    let tracker = inherited.tasks.clone().unwrap_or_default();
    let span = tracing::Span::current();
    let guarded = async move {
        let caught = AssertUnwindSafe(work).catch_unwind().await;
        if caught.is_err() {
            count_panic();
        }
        caught.ok()
    };
    tracker.spawn(context::scope(inherited, guarded).instrument(span))
}

/// Runs work that blocks (arithmetic, files) off the threads that serve; it goes on when the returned future is dropped.
/// On a simulated host it runs in place: a simulation must not wait for threads whose pace nobody controls.
pub async fn blocking<T, F>(work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    #[cfg(feature = "simulation")]
    if turmoil::in_simulation() {
        return Ok(work());
    }
    let running = tokio::task::spawn_blocking(work);
    running.await.map_err(|lost| Problem::internal("a computation was lost").source(lost))
}

pub(crate) fn count_panic() {
    let service = context::current_service().unwrap_or("none");
    metrics::counter!("leeway_panics_total", "service" => service).increment(1);
    tracing::error!(alarm = true, "a task panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio_util::task::TaskTracker;

    #[tokio::test]
    async fn goes_on_when_its_caller_leaves() {
        let tracker = TaskTracker::new();
        let context = context::CallContext { tasks: Some(tracker.clone()), ..Default::default() };
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let call = context::scope(context, async move {
            owned(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                flag.store(true, Ordering::SeqCst);
                Ok(())
            })
            .await
        });
        assert!(tokio::time::timeout(Duration::from_millis(5), call).await.is_err());
        assert!(!done.load(Ordering::SeqCst));
        tracker.close();
        tracker.wait().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_problem() {
        let result: Result<(), Problem> = owned(async { panic!("boom") }).await;
        assert_eq!(result.unwrap_err().code(), tonic::Code::Internal);
    }

    #[tokio::test]
    async fn the_context_goes_along() {
        let context = context::CallContext { service: "policy", ..Default::default() };
        let seen = context::scope(context, owned(async { Ok(context::current_service()) })).await;
        assert_eq!(seen.unwrap(), Some("policy"));
    }
}
