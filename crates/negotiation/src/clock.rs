//! The platform's answer clock: it runs while the platform owes the answer.

use jiff::{SignedDuration, Timestamp};

use crate::application::{AnswerClock, Application};
use crate::consequence::{Consequence, TimerKind};
use crate::{Process, StepError};

/// Share of the answer time after which the desk is warned, in per cent.
const WARN_AT_PERCENT: i64 = 75;
const SECONDS_PER_HOUR: i64 = 3_600;
const SECONDS_PER_DAY: i64 = 24 * SECONDS_PER_HOUR;

impl Application {
    /// The answer was given: the clock ends.
    pub(crate) fn answered(&mut self, now: Timestamp) -> Vec<Consequence> {
        let consequences = self.stopped(now);
        self.clock = AnswerClock::Answered;
        consequences
    }

    /// The borrower owes a document: the clock stops where it stands.
    pub(crate) fn pause_clock(&mut self, now: Timestamp) -> Vec<Consequence> {
        let consequences = self.stopped(now);
        if let AnswerClock::Running { warn_at, due } = self.clock {
            let left = |moment: Timestamp| moment.duration_since(now).as_secs().max(0);
            self.clock = AnswerClock::Paused { seconds_to_warning: left(warn_at), seconds_left: left(due) };
        }
        consequences
    }

    /// The clock's timers end. No penalty accrues for the days on which the answer was late so far.
    fn stopped(&self, now: Timestamp) -> Vec<Consequence> {
        let mut consequences = vec![
            Consequence::DropTimer(TimerKind::AnswerWarning),
            Consequence::DropTimer(TimerKind::AnswerDue),
        ];
        let late = self.answer_due().filter(|due| *due < now);
        consequences.extend(late.map(|from| Consequence::SuspendPenalty { from, to: now }));
        consequences
    }

    /// The clock goes on where it stopped. What was warned of or escalated is not said twice.
    pub(crate) fn resume_clock(&mut self, now: Timestamp) -> Result<Vec<Consequence>, StepError> {
        let AnswerClock::Paused { seconds_to_warning, seconds_left } = self.clock else {
            return Ok(Vec::new());
        };
        Ok(self.run_clock(seconds_after(now, seconds_to_warning)?, seconds_after(now, seconds_left)?))
    }

    /// The platform owes an answer anew.
    pub(crate) fn start_clock(
        &mut self,
        now: Timestamp,
        process: &Process,
    ) -> Result<Vec<Consequence>, StepError> {
        let seconds = i64::from(process.answer_deadline_hours) * SECONDS_PER_HOUR;
        self.warned = false;
        self.escalated = false;
        let warn_at = seconds_after(now, seconds * WARN_AT_PERCENT / 100)?;
        Ok(self.run_clock(warn_at, seconds_after(now, seconds)?))
    }

    fn run_clock(&mut self, warn_at: Timestamp, due: Timestamp) -> Vec<Consequence> {
        self.clock = AnswerClock::Running { warn_at, due };
        let mut timers = Vec::new();
        if !self.warned && !self.escalated {
            timers.push(Consequence::Timer(TimerKind::AnswerWarning, warn_at));
        }
        if !self.escalated {
            timers.push(Consequence::Timer(TimerKind::AnswerDue, due));
        }
        timers
    }
}

pub(crate) fn days_after(now: Timestamp, days: u32) -> Result<Timestamp, StepError> {
    seconds_after(now, i64::from(days) * SECONDS_PER_DAY)
}

fn seconds_after(now: Timestamp, seconds: i64) -> Result<Timestamp, StepError> {
    now.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| StepError::Calendar)
}
