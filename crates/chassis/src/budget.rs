//! The bytes that requests may hold at a time, over all connections.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What there is. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    refusals: Counter,
}

/// What one call holds of it; given back when the last clone goes.
#[derive(Clone)]
pub(crate) struct Charge {
    budget: Budget,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// The budget has no such amount left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent;

impl Budget {
    /// `refusals` counts what was asked for in vain.
    pub(crate) fn new(bytes: u64, refusals: Counter) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(bytes)), refusals }
    }

    pub(crate) fn open(&self) -> Charge {
        Charge { budget: self.clone(), held: Arc::default() }
    }
}

impl Charge {
    pub(crate) fn take(&self, bytes: u32) -> Result<(), Spent> {
        let taken = Arc::clone(&self.budget.bytes).try_acquire_many_owned(bytes).map_err(|_| {
            self.budget.refusals.increment(1);
            Spent
        })?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.merge(taken),
            None => *held = Some(taken),
        }
        Ok(())
    }

    /// Gives back what is held: the handler has gone on to the next message.
    pub(crate) fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_hold_comes_back() {
        let budget = Budget::new(10, Counter::noop());
        let (one, other) = (budget.open(), budget.open());
        assert_eq!((one.take(4), one.take(4), other.take(4)), (Ok(()), Ok(()), Err(Spent)));
        let clone = one.clone();
        drop(one);
        assert_eq!(other.take(4), Err(Spent), "the other half still holds it");
        clone.release();
        assert_eq!(other.take(10), Ok(()));
        drop(other);
        assert_eq!(clone.take(10), Ok(()));
    }
}
