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

    /// Takes the suspension of penalty out, for a caller that writes the loan itself.
    pub fn take_suspension(&mut self) -> Option<(Timestamp, Timestamp)> {
        let Self::Changed(_, consequences) = self else { return None };
        let suspends = |c: &Consequence| matches!(c, Consequence::SuspendPenalty { .. });
        match consequences.remove(consequences.iter().position(suspends)?) {
            Consequence::SuspendPenalty { from, to } => Some((from, to)),
            _ => None,
        }
    }

    /// Keeps an officer's note with the step just taken.
    pub fn noted(mut self, note: &str) -> Self {
        if let Self::Changed(application, _) = &mut self
            && let Some(step) = application.steps.last_mut().filter(|_| !note.is_empty())
        {
            step.note = Some(note.to_owned());
        }
        self
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
    /// No penalty accrues on the loan for the days from `from` to `to`: the answer was late.
    SuspendPenalty { from: Timestamp, to: Timestamp },
}

/// Why an assessment is asked for; it decides what the answer may do to the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssessPurpose {
    /// The case waits for its first answer, or for the answer to a document.
    Answer,
    /// The borrower proposed terms while a person had the case.
    Proposal,
    /// A document was reviewed or added: only figures are renewed.
    Refresh,
    /// The loan changed (a payment, a plan's end): offers that are signed or out may not hold any more.
    LoanMoved,
}

impl AssessPurpose {
    /// Name in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Proposal => "proposal",
            Self::Refresh => "refresh",
            Self::LoanMoved => "loan-moved",
        }
    }
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
    LoanPaid,
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
