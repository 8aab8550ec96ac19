//! A bounded queue between async callers and threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::StoreError;

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    max_items: usize,
    max_bytes: usize,
}

struct State<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
    closed: bool,
    /// Whoever takes isn't woken for fewer.
    wanted: usize,
}

/// Most of one taking.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(max_items: usize, max_bytes: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false, wanted: 1 };
        Self { state: Mutex::new(state), filled: Condvar::new(), max_items, max_bytes }
    }

    /// Takes the item over, or refuses it at once: `Overloaded` when full, `Unavailable` when closed.
    pub(super) fn push(&self, item: T, bytes: usize) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Unavailable("it is closed".to_owned()));
        }
        // An item larger than the limit still passes through an empty queue.
        let too_large = state.bytes > 0 && state.bytes.saturating_add(bytes) > self.max_bytes;
        if too_large || state.items.len() >= self.max_items {
            return Err(StoreError::Overloaded);
        }
        state.bytes += bytes;
        state.items.push_back((bytes, item));
        let enough = state.items.len() >= state.wanted;
        drop(state);
        if enough {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for an item, then takes what is there within the limits, at least one. `None` once closed and empty.
    pub(super) fn take(&self, limits: Limits) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Some(state.take(limits))
    }

    /// Waits so long at most for so many items, for one taker. Nothing is taken.
    pub(super) fn gather(&self, wanted: usize, patience: Duration) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.wanted = wanted;
        let waited = self
            .filled
            .wait_timeout_while(state, patience, |state| state.items.len() < state.wanted && !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.wanted = 1;
    }

    /// Refuses further items; those inside can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Closes it and drops what nobody will take any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.bytes = 0;
        let left = std::mem::take(&mut state.items);
        drop(state);
        drop(left);
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics while it holds the lock, so a poisoned state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self, limits: Limits) -> Vec<T> {
        let mut taken = Vec::new();
        let mut taken_bytes = 0;
        while taken.len() < limits.items
            && let Some((bytes, _)) = self.items.front()
            && (taken.is_empty() || taken_bytes + bytes <= limits.bytes)
            && let Some((bytes, item)) = self.items.pop_front()
        {
            self.bytes -= bytes;
            taken_bytes += bytes;
            taken.push(item);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Longer than any test may take: whoever waited to its end has failed.
    const LONG: Duration = Duration::from_secs(600);
    const TWO: Limits = Limits { items: 2, bytes: 100 };

    fn queue() -> Arc<Queue<u32>> {
        Arc::new(Queue::new(10, 100))
    }

    #[test]
    fn what_was_wanted_ends_the_wait() {
        let queue = queue();
        let pushing = Arc::clone(&queue);
        let pusher = std::thread::spawn(move || (0..3).for_each(|item| pushing.push(item, 1).unwrap()));
        queue.gather(3, LONG);
        pusher.join().unwrap();
        assert_eq!(queue.take(TWO), Some(vec![0, 1]));
        assert_eq!(queue.take(TWO), Some(vec![2]));
    }

    #[test]
    fn fewer_than_wanted_are_taken_when_patience_ends() {
        let queue = queue();
        queue.push(0, 1).unwrap();
        queue.gather(2, Duration::ZERO);
        assert_eq!(queue.take(TWO), Some(vec![0]));
        // From then on a single one is enough again.
        let taking = Arc::clone(&queue);
        let taker = std::thread::spawn(move || taking.take(TWO));
        queue.push(1, 1).unwrap();
        assert_eq!(taker.join().unwrap(), Some(vec![1]));
    }

    #[test]
    fn closing_ends_the_wait_and_leaves_what_is_inside() {
        let queue = queue();
        queue.push(0, 1).unwrap();
        let gathering = Arc::clone(&queue);
        let gatherer = std::thread::spawn(move || gathering.gather(2, LONG));
        queue.close();
        gatherer.join().unwrap();
        assert_eq!((queue.take(TWO), queue.take(TWO)), (Some(vec![0]), None));
    }

    #[test]
    fn limits_hold_for_what_waits_and_for_what_is_taken() {
        let queue = queue();
        for (item, bytes) in [(0, 60), (1, 30), (2, 10)] {
            queue.push(item, bytes).unwrap();
        }
        assert_eq!(queue.push(3, 1), Err(StoreError::Overloaded));
        let wide = Limits { items: 10, bytes: 95 };
        assert_eq!(queue.take(wide), Some(vec![0, 1]));
        assert_eq!(queue.take(Limits { items: 10, bytes: 0 }), Some(vec![2]));
    }
}
