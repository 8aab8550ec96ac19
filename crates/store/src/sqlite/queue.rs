//! A bounded queue between async callers and threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
}

impl<T> Queue<T> {
    pub(super) fn new(max_items: usize, max_bytes: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false };
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
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for an item, then takes what is there within the limits, at least one. `None` once closed and empty.
    pub(super) fn take(&self, max_items: usize, max_bytes: usize) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut taken_bytes = 0;
        while taken.len() < max_items
            && let Some((bytes, _)) = state.items.front()
            && (taken.is_empty() || taken_bytes + bytes <= max_bytes)
            && let Some((bytes, item)) = state.items.pop_front()
        {
            state.bytes -= bytes;
            taken_bytes += bytes;
            taken.push(item);
        }
        Some(taken)
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
