//! What an engine is asked to change, and what it answers.

use crate::commit::{Commit, Outcome};
use crate::error::StoreError;
use crate::records::{Claim, Effect, Failure, Retention, Swept};

/// One mutation, which happens as a whole or not at all.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Commit(Box<Commit>),
    Claim(Claim),
    /// With the time from which it is due again, epoch microseconds.
    Retry(Failure, i64),
    Park(Failure),
    Redrive {
        effect_id: i64,
        now: i64,
    },
    Sweep(Retention),
}

/// What the work of the same name answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Commit(Outcome),
    Claimed(Vec<Effect>),
    Settled,
    Redriven(bool),
    Swept(Swept),
}

impl Work {
    /// What it counts for in queue and batch limits.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Commit(commit) => commit.bytes(),
            Self::Retry(failure, _) | Self::Park(failure) => failure.error.len(),
            Self::Claim(_) | Self::Redrive { .. } | Self::Sweep(_) => 0,
        }
    }
}

impl Answer {
    /// Whether somebody who waits for changes has something new to see. A claim is no change: the worker that
    /// claims is the one that waits, and would wake itself for ever.
    pub(crate) fn changed(&self) -> bool {
        match self {
            Self::Commit(Outcome::Committed(_)) | Self::Settled | Self::Redriven(true) => true,
            Self::Commit(Outcome::Replayed { .. })
            | Self::Redriven(false)
            | Self::Claimed(_)
            | Self::Swept(_) => false,
        }
    }

    /// The engine answered something else than was asked: never, but not worth a panic.
    pub(crate) fn unexpected(&self) -> StoreError {
        StoreError::Corrupt(format!("an answer of the wrong sort, `{:?}`", std::mem::discriminant(self)))
    }
}
