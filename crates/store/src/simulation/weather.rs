//! What befalls calls: delays, failures, answers that get lost.

use std::time::Duration;

use super::dice::Dice;
use crate::error::StoreError;

/// How bad it is. Shares are per mille of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Longest wait before a call is taken up.
    pub max_before: Duration,
    /// Longest wait between what was done and its answer.
    pub max_after: Duration,
    /// Writes that never arrive.
    pub lost_writes: u64,
    /// Writes that are done, and whose answer never comes.
    pub lost_answers: u64,
    /// Writes that meet a full disk.
    pub full_disks: u64,
    pub failed_reads: u64,
    /// Whether a replica hears at once of what another one changed.
    pub heard_elsewhere: bool,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub writes: u64,
    pub reads: u64,
    pub lost_writes: u64,
    pub lost_answers: u64,
    pub full_disks: u64,
    pub failed_reads: u64,
    pub power_cuts: u64,
}

/// What befalls one call.
pub(super) struct Fate {
    pub(super) before: Duration,
    pub(super) fault: Fault,
    pub(super) after: Duration,
}

#[derive(Clone, Copy)]
pub(super) enum Fault {
    None,
    Lost,
    AnswerLost,
    DiskFull,
}

impl Weather {
    /// Nothing befalls anybody.
    pub const CALM: Self = Self {
        max_before: Duration::ZERO,
        max_after: Duration::ZERO,
        lost_writes: 0,
        lost_answers: 0,
        full_disks: 0,
        failed_reads: 0,
        heard_elsewhere: true,
    };

    pub(super) fn write(&self, dice: &mut Dice, counts: &mut Counts) -> Fate {
        counts.writes += 1;
        let fault = if dice.per_mille(self.lost_writes) {
            counts.lost_writes += 1;
            Fault::Lost
        } else if dice.per_mille(self.lost_answers) {
            counts.lost_answers += 1;
            Fault::AnswerLost
        } else if dice.per_mille(self.full_disks) {
            counts.full_disks += 1;
            Fault::DiskFull
        } else {
            Fault::None
        };
        self.fate(dice, fault)
    }

    pub(super) fn read(&self, dice: &mut Dice, counts: &mut Counts) -> Fate {
        counts.reads += 1;
        let failed = dice.per_mille(self.failed_reads);
        counts.failed_reads += u64::from(failed);
        self.fate(dice, if failed { Fault::Lost } else { Fault::None })
    }

    fn fate(&self, dice: &mut Dice, fault: Fault) -> Fate {
        Fate { before: dice.time_below(self.max_before), fault, after: dice.time_below(self.max_after) }
    }
}

impl Fault {
    /// The error of a call that was never taken up.
    pub(super) fn before(self) -> Option<StoreError> {
        match self {
            Self::None | Self::AnswerLost => None,
            Self::Lost => Some(StoreError::Unavailable("the database was not reached".to_owned())),
            Self::DiskFull => Some(StoreError::DiskFull),
        }
    }

    /// The error of a call that was done.
    pub(super) fn after(self) -> Option<StoreError> {
        match self {
            Self::None | Self::Lost | Self::DiskFull => None,
            Self::AnswerLost => Some(StoreError::Unavailable("the answer got lost".to_owned())),
        }
    }
}
