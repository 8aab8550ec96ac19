//! Calling again, within a budget.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::config::{ClientConfig, millis};
use crate::context;
use crate::ids::Ids;

/// Successful calls that earn one retry.
const CALLS_PER_RETRY: u32 = 10;
/// Longest pause between tries.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Whether doing it twice does it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// A read, or a mutation with a request id: also repeated when nobody knows whether it arrived.
    Safe,
    /// Repeated only when the server itself said that it didn't begin.
    Unsafe,
}

/// Repeats calls within a budget, so that retries never become the load.
#[derive(Debug, Clone)]
pub struct Retry {
    ids: Ids,
    max_attempts: u32,
    backoff: Duration,
    /// In tenths of a retry.
    reserve: Arc<Mutex<u32>>,
    most: u32,
}

impl Retry {
    pub fn new(config: &ClientConfig, ids: Ids) -> Self {
        let most = config.retry_budget.saturating_mul(CALLS_PER_RETRY);
        Self {
            ids,
            max_attempts: config.max_attempts,
            backoff: millis(config.backoff_ms),
            reserve: Arc::new(Mutex::new(most)),
            most,
        }
    }

    /// Runs `call` again after UNAVAILABLE, and after a lost GOAWAY race, while attempts, budget and deadline last.
    pub async fn run<T, F, Fut>(&self, repeat: Repeat, mut call: F) -> Result<T, Status>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let mut attempt = 1;
        loop {
            let status = match call().await {
                Ok(value) => {
                    self.earn();
                    return Ok(value);
                }
                Err(status) => status,
            };
            let pause = self.pause(attempt, &status);
            let in_time = context::current().deadline.is_none_or(|deadline| deadline.remaining() > pause);
            if attempt >= self.max_attempts || !repeatable(repeat, &status) || !in_time {
                return Err(status);
            }
            // A call that never left is no load to anybody, and a connection that ends can hold many of them.
            if !lost_race(&status) && !self.spend() {
                return Err(status);
            }
            tracing::debug!(attempt, code = ?status.code(), "calling again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Doubles with each attempt, half of it random, never shorter than the server asked for.
    fn pause(&self, attempt: u32, status: &Status) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let half = self.backoff.saturating_mul(factor).min(MAX_BACKOFF) / 2;
        let asked = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
        half.saturating_add(self.ids.jitter(half)).max(asked)
    }

    fn earn(&self) {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        *reserve = reserve.saturating_add(1).min(self.most);
    }

    fn spend(&self) -> bool {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        match reserve.checked_sub(CALLS_PER_RETRY) {
            Some(left) => {
                *reserve = left;
                true
            }
            None => false,
        }
    }
}

fn repeatable(repeat: Repeat, status: &Status) -> bool {
    match repeat {
        Repeat::Safe => status.code() == Code::Unavailable || lost_race(status),
        Repeat::Unsafe => {
            let draining = ErrorReason::Draining.as_str_name();
            status.code() == Code::Unavailable
                && status.get_details_error_info().is_some_and(|info| info.reason == draining)
        }
    }
}

/// Whether the connection ended before the call was sent on it, as the transport words it.
fn lost_race(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message().contains("operation was canceled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Deadline;
    use crate::problem::Problem;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn attempts(retry: &Retry, repeat: Repeat, status: fn() -> Status) -> u32 {
        let count = AtomicU32::new(0);
        let outcome = retry.run(repeat, || async {
            count.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(status())
        });
        assert!(outcome.await.is_err());
        count.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_only_what_is_safe() {
        let draining = || Problem::unavailable(ErrorReason::Draining, "x", Duration::ZERO).into();
        type Row = (Repeat, fn() -> Status, u32);
        let rows: [Row; 6] = [
            (Repeat::Safe, || Status::unavailable("x"), 3),
            (Repeat::Safe, || Status::cancelled("operation was canceled"), 3),
            (Repeat::Safe, || Status::cancelled("by the caller"), 1),
            (Repeat::Safe, || Status::deadline_exceeded("x"), 1),
            (Repeat::Unsafe, || Status::unavailable("x"), 1),
            (Repeat::Unsafe, draining, 3),
        ];
        for (repeat, status, expected) in rows {
            let retry = Retry::new(&ClientConfig::default(), Ids::seeded(1));
            assert_eq!(attempts(&retry, repeat, status).await, expected, "{repeat:?} {:?}", status());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_runs_dry_and_fills_by_success() {
        let config = ClientConfig { retry_budget: 2, ..ClientConfig::default() };
        let retry = Retry::new(&config, Ids::seeded(1));
        let mut seen = Vec::new();
        for _ in 0..3 {
            let lost = attempts(&retry, Repeat::Safe, || Status::cancelled("operation was canceled")).await;
            assert_eq!(lost, 3, "a call that never left costs nothing");
        }
        for _ in 0..3 {
            seen.push(attempts(&retry, Repeat::Safe, || Status::unavailable("x")).await);
        }
        for _ in 0..10 {
            retry.run(Repeat::Safe, || async { Ok(()) }).await.unwrap();
        }
        seen.push(attempts(&retry, Repeat::Safe, || Status::unavailable("x")).await);
        assert_eq!(seen, [3, 1, 1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_retry_that_ends_after_the_deadline() {
        let retry = Retry::new(&ClientConfig::default(), Ids::seeded(1));
        let context = context::CallContext {
            deadline: Some(Deadline::after(Duration::from_millis(10))),
            ..context::CallContext::default()
        };
        let count =
            context::scope(context, attempts(&retry, Repeat::Safe, || Status::unavailable("x"))).await;
        assert_eq!(count, 1);
    }
}
