//! What time does to an application.

use jiff::Timestamp;

use crate::StepError;
use crate::application::{Actor, AnswerClock, Application, State};
use crate::consequence::{Consequence, Moved, Notice, TimerKind};

impl Application {
    /// Takes every step that is due at `now`. Called by each timer of the case; a timer that comes late, early
    /// or twice finds nothing to do.
    pub fn advance(mut self, now: Timestamp) -> Result<Moved, StepError> {
        let rules = Actor::platform();
        match &self.state {
            State::Offered { expires_at, .. } if now >= *expires_at => {
                self.state = State::Expired;
                self.step("offers expired", &rules, now);
                Ok(Moved::changed(self, vec![Consequence::Notify(Notice::OfferExpired)]))
            }
            State::EvidenceRequested { until, .. } if now >= *until => {
                let mut consequences = self.resume_clock(now)?;
                self.state = State::InReview;
                self.step("evidence not received", &rules, now);
                consequences.push(Consequence::Notify(Notice::InReview));
                Ok(Moved::changed(self, consequences))
            }
            State::Submitted | State::InReview | State::AwaitingCosign { .. } => self.advance_clock(now),
            _ => Ok(Moved::already(self)),
        }
    }

    /// An answer is never refused for lateness: at the deadline the case escalates.
    fn advance_clock(mut self, now: Timestamp) -> Result<Moved, StepError> {
        let AnswerClock::Running { warn_at, due } = self.clock else {
            return Ok(Moved::already(self));
        };
        let rules = Actor::platform();
        if now >= due && !self.escalated {
            self.escalated = true;
            if !matches!(self.state, State::AwaitingCosign { .. }) {
                self.holder = None;
                self.state = State::InReview;
            }
            self.step("escalated to a supervisor", &rules, now);
            let consequences = vec![
                Consequence::DropTimer(TimerKind::AnswerWarning),
                Consequence::Notify(Notice::AnswerLate),
            ];
            return Ok(Moved::changed(self, consequences));
        }
        if now >= warn_at && !self.warned && !self.escalated {
            self.warned = true;
            self.step("answer nearly due", &rules, now);
            return Ok(Moved::changed(self, Vec::new()));
        }
        Ok(Moved::already(self))
    }
}
