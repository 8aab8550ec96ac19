//! What a worker remembers between runs; it may forget all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use store::Effect;
use tokio::sync::Mutex as Turn;

/// Keys and effects that may be remembered before idle ones are forgotten.
const MAX_REMEMBERED: usize = 4_096;

#[derive(Default)]
pub(super) struct Memory {
    /// By key: held while an effect of it runs.
    turns: Mutex<HashMap<String, Weak<Turn<()>>>>,
    /// By effect: attempts that don't count, because a dependency was away. Lost with the process; an effect may
    /// then be parked early, where operators see it.
    discounts: Mutex<HashMap<i64, i32>>,
}

impl Memory {
    /// The lock of a key.
    pub(super) fn turn(&self, key: &str) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= MAX_REMEMBERED {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert(key.to_owned(), Arc::downgrade(&turn));
        turn
    }

    /// Takes an attempt out of the count.
    pub(super) fn discount(&self, effect_id: i64) {
        let mut discounts = self.discounts();
        if discounts.len() >= MAX_REMEMBERED {
            discounts.clear();
        }
        let count = discounts.entry(effect_id).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Attempts that count toward parking.
    pub(super) fn counted(&self, effect: &Effect) -> i32 {
        effect.attempts.saturating_sub(self.discounts().get(&effect.id).copied().unwrap_or(0))
    }

    pub(super) fn forget(&self, effect_id: i64) {
        self.discounts().remove(&effect_id);
    }

    fn discounts(&self) -> MutexGuard<'_, HashMap<i64, i32>> {
        self.discounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
