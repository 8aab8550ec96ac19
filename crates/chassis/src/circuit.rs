//! Not calling what doesn't answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;

/// Lets nothing through after failures in a row, then one call that tries. Clones share it.
#[derive(Debug, Clone)]
pub struct Circuit {
    state: Arc<Mutex<State>>,
    failures: u32,
    open_for: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// A call tries. If it never ends, another one may after `until`.
    Trying {
        until: Instant,
    },
}

impl Circuit {
    pub fn new(failures: u32, open_for: Duration) -> Self {
        Self { state: Arc::new(Mutex::new(State::Closed { failures: 0 })), failures, open_for }
    }

    /// Whether a call made now would be refused without being sent.
    pub fn is_open(&self) -> bool {
        match *self.lock() {
            State::Closed { .. } => false,
            State::Open { until } | State::Trying { until } => Instant::now() < until,
        }
    }

    /// Admission of one call, `None` while the circuit is open.
    pub(crate) fn enter(&self) -> Option<Pass> {
        let mut state = self.lock();
        let now = Instant::now();
        match *state {
            State::Closed { .. } => {}
            State::Open { until } | State::Trying { until } if now < until => return None,
            State::Open { .. } | State::Trying { .. } => {
                *state = State::Trying { until: now + self.open_for }
            }
        }
        Some(Pass { circuit: self.clone() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. Dropped without an end, it tells the circuit nothing.
pub(crate) struct Pass {
    circuit: Circuit,
}

impl Pass {
    pub(crate) fn end(self, code: Code) {
        let mut state = self.circuit.lock();
        if !matches!(code, Code::Unavailable | Code::DeadlineExceeded) {
            *state = State::Closed { failures: 0 };
            return;
        }
        let open = State::Open { until: Instant::now() + self.circuit.open_for };
        *state = match *state {
            State::Closed { failures } if failures.saturating_add(1) < self.circuit.failures => {
                State::Closed { failures: failures.saturating_add(1) }
            }
            State::Closed { .. } | State::Trying { .. } => open,
            // A straggler from before doesn't prolong it.
            State::Open { until } => State::Open { until },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_circuit_opens_tries_and_closes() {
        let circuit = Circuit::new(3, Duration::from_secs(5));
        for failed in 1..=3_u32 {
            assert!(!circuit.is_open(), "{failed}");
            circuit.enter().unwrap().end(Code::Unavailable);
        }
        assert!(circuit.is_open());
        assert!(circuit.enter().is_none());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!circuit.is_open());
        let trying = circuit.enter().unwrap();
        assert!(circuit.enter().is_none(), "one call tries, not two");
        trying.end(Code::DeadlineExceeded);
        assert!(circuit.is_open());
        tokio::time::advance(Duration::from_secs(5)).await;
        circuit.enter().unwrap().end(Code::NotFound);
        assert!(!circuit.is_open());
        circuit.enter().unwrap().end(Code::Unavailable);
        assert!(!circuit.is_open(), "failures are counted anew");
    }
}
