//! What the shell must do in the commit that stores a moved application.

use assessment::EvidenceType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::application::Application;

/// An application after a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It changed; the consequences belong into the same commit.
    Changed(Box<Application>, Vec<Consequence>),
    /// The step had been taken before; nothing is to be done.
    AlreadyApplied(Box<Application>),
}

impl Moved {
    pub(crate) fn changed(application: Application, consequences: Vec<Consequence>) -> Self {
        Self::Changed(Box::new(application), consequences)
    }

    pub(crate) fn already(application: Application) -> Self {
        Self::AlreadyApplied(Box::new(application))
    }

    /// The application, whichever way it came out.
    pub fn application(&self) -> &Application {
        match self {
            Self::Changed(application, _) | Self::AlreadyApplied(application) => application,
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Ask policy for an assessment.
    Assess(AssessPurpose),
    /// Tell the borrower.
    Notify(Notice),
    /// Look at the case again at that moment; replaces an earlier timer of the kind.
    Timer(TimerKind, Timestamp),
    /// Forget a timer.
    DropTimer(TimerKind),
    /// Put the accepted offer into force on the loan.
    StartPlan { offer_id: String },
}

/// Why an assessment is asked for; it decides what the answer may do to the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssessPurpose {
    /// The case waits for its first answer, or for the answer to a document.
    Answer,
    /// The borrower proposed terms while a person had the case.
    Proposal,
    /// Something under the case changed (review of a document, a payment): only figures are renewed.
    Refresh,
}

/// A message to the borrower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    ApplicationReceived,
    OfferMade { count: usize, expires_at: Timestamp },
    EvidenceRequested { types: Vec<EvidenceType>, until: Timestamp },
    InReview,
    Refused { review_until: Timestamp },
    OfferExpired,
    Withdrawn,
    AnswerLate,
}

/// Timers of a case, one of a kind at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimerKind {
    AnswerWarning,
    AnswerDue,
    EvidenceDeadline,
    OfferExpiry,
}

impl TimerKind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::AnswerWarning, Self::AnswerDue, Self::EvidenceDeadline, Self::OfferExpiry];

    /// Name in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnswerWarning => "answer-warning",
            Self::AnswerDue => "answer-due",
            Self::EvidenceDeadline => "evidence-deadline",
            Self::OfferExpiry => "offer-expiry",
        }
    }
}
