//! What a run leaves behind: what was acknowledged, what was seen, and a trace that two runs of one seed share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::acts::Act;

/// How often each kind of thing happened.
pub type Counts = BTreeMap<String, u64>;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Report {
    pub seed: u64,
    /// What must be true and wasn't.
    pub breaches: Vec<String>,
    pub counts: Counts,
    /// Digest of everything that happened, in its order.
    pub trace: String,
}

/// Which part of a run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// People begin new things; trouble strikes.
    Play,
    /// Nothing breaks any more; people finish what they began.
    Closing,
    /// Readers read to the end.
    Over,
}

/// Something that was answered with success.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub act: Act,
    pub answer: String,
}

/// A public event as a subscriber saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub position: i64,
    pub case_key: String,
    pub kind: String,
    pub body: String,
}

/// Shared by everybody in a run.
#[derive(Debug, Clone, Default)]
pub struct Record(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    /// Simulated machine time, milliseconds.
    elapsed_ms: AtomicU64,
    told: AtomicBool,
    notes: Mutex<Notes>,
}

/// What was noted.
#[derive(Debug, Default)]
pub struct Notes {
    pub acknowledged: Vec<Acknowledged>,
    /// Of loan and payment: what was sent, answered or not.
    pub sent_payments: BTreeMap<(String, String), i64>,
    /// By subscriber.
    pub feeds: BTreeMap<String, Vec<Seen>>,
    pub breaches: Vec<String>,
    pub counts: Counts,
    trace: Sha256,
}

impl Record {
    /// A record that tells everything on standard error as it happens.
    pub fn told() -> Self {
        let record = Self::default();
        record.0.told.store(true, Ordering::Relaxed);
        record
    }

    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Play,
            1 => Phase::Closing,
            _ => Phase::Over,
        }
    }

    pub fn begin(&self, phase: Phase) {
        let number = match phase {
            Phase::Play => 0,
            Phase::Closing => 1,
            Phase::Over => 2,
        };
        self.0.phase.store(number, Ordering::Relaxed);
        self.note(&format!("phase {phase:?}"));
    }

    pub fn set_elapsed(&self, milliseconds: u64) {
        self.0.elapsed_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Something happened, which every run of the seed must show at the same time.
    pub fn note(&self, what: &str) {
        let at = self.0.elapsed_ms.load(Ordering::Relaxed);
        if self.0.told.load(Ordering::Relaxed) {
            eprintln!("{at:>7} {what}");
        }
        let mut notes = self.notes();
        notes.trace.update(at.to_be_bytes());
        notes.trace.update(what.as_bytes());
        notes.trace.update([0]);
    }

    /// One more of a kind.
    pub fn count(&self, kind: &str) {
        *self.notes().counts.entry(kind.to_owned()).or_default() += 1;
    }

    /// Something that must never be.
    pub fn breach(&self, what: String) {
        self.note(&format!("BREACH {what}"));
        self.notes().breaches.push(what);
    }

    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn report(&self, seed: u64) -> Report {
        let notes = self.notes();
        Report {
            seed,
            breaches: notes.breaches.clone(),
            counts: notes.counts.clone(),
            trace: hex::encode(notes.trace.clone().finalize()),
        }
    }
}
