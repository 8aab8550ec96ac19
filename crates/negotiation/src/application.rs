//! The application: what was said, what was answered, and where it stands.

use assessment::{
    Authority, DeclineReason, EvidenceType, HardshipReason, Offer, Outcome, Proposal, StatementOfAffairs,
};
use jiff::Timestamp;
use loan::{Currency, Date};
use serde::{Deserialize, Serialize};

use crate::StepError;

/// Steps kept on a case for people to read; the journal keeps all.
pub const MAX_STEPS: usize = 200;

/// Between whom it was done for and the service that did it. Ids have no spaces.
const VIA: &str = " through ";

/// A person or service, as `role:id`. Deliberately no `From<String>`: roles are compared elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// From the text `role:id` that authentication made.
    pub fn new(role_and_id: impl Into<String>) -> Self {
        Self(role_and_id.into())
    }

    /// The platform itself: rules and timers.
    pub fn platform() -> Self {
        Self("platform:rules".to_owned())
    }

    /// `role:id`, with the service that acted for them where one did.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Somebody for whom a service acts: both go into the audit trail.
    pub fn through(self, service: &str) -> Self {
        Self(format!("{}{VIA}{service}", self.0))
    }

    /// `role:id` of who it was, without the service that acted for them.
    pub fn shown(&self) -> &str {
        self.0.split_once(VIA).map_or(self.0.as_str(), |(actor, _)| actor)
    }

    /// The id alone: the same person under two roles is still one person.
    pub fn person(&self) -> &str {
        self.shown().split_once(':').map_or(self.shown(), |(_, id)| id)
    }
}

/// One negotiation about one loan. The stored body of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    pub application_id: String,
    pub loan_id: String,
    pub borrower_id: String,
    pub pack_name: String,
    pub currency: Currency,
    pub hardship: Hardship,
    pub proposal: Option<Proposal>,
    pub evidence_ids: Vec<String>,
    pub submitted_at: Timestamp,
    pub updated_at: Timestamp,
    pub clock: AnswerClock,
    /// The desk was warned that the answer is nearly due.
    pub warned: bool,
    /// The answer is late; a supervisor has the case.
    pub escalated: bool,
    /// A specialist for vulnerable borrowers is needed.
    pub specialist: bool,
    /// Who claimed the case.
    pub holder: Option<Actor>,
    /// Who refused it before the borrower asked for another look; that person can't claim it again.
    pub refused_before: Option<Actor>,
    pub assessment: Option<Assessment>,
    pub state: State,
    pub steps: Vec<Step>,
}

/// What the borrower said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardship {
    pub reason: HardshipReason,
    pub narrative: String,
    pub expected_end: Option<Date>,
    pub statement: StatementOfAffairs,
    /// Day of the statement: its months are counted from the month of this day.
    pub stated_on: Date,
    pub vulnerable: bool,
}

/// Everything a submission states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub application_id: String,
    pub loan_id: String,
    pub borrower_id: String,
    pub pack_name: String,
    pub currency: Currency,
    pub hardship: Hardship,
    pub proposal: Option<Proposal>,
    pub evidence_ids: Vec<String>,
    pub by: Actor,
}

/// The platform's clock: it runs while the platform owes the answer and stops while the borrower owes a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClock {
    /// The answer is owed by `due`; the desk is warned at `warn_at`.
    Running { warn_at: Timestamp, due: Timestamp },
    /// The borrower owes a document; so many seconds were left until the warning (0: it was given) and until the
    /// answer.
    Paused { seconds_to_warning: i64, seconds_left: i64 },
    /// Answered.
    Answered,
}

/// What policy answered last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    pub decision_id: String,
    pub pack_digest: String,
    pub outcome: Outcome,
    pub required_authority: Authority,
    pub fired_rules: Vec<String>,
    pub offers: Vec<Offer>,
    pub leaning: Vec<DeclineReason>,
    pub requested_evidence: Vec<EvidenceType>,
}

impl Assessment {
    /// The offers that rules alone may make: those within the automatic mandate.
    pub(crate) fn automatic_offers(&self) -> Vec<Offer> {
        let within = |offer: &&Offer| offer.required_authority == Authority::Automatic;
        self.offers.iter().filter(within).cloned().collect()
    }
}

/// Where a case stands, with that state's facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum State {
    /// The assessment is pending.
    Submitted,
    /// A document is owed by the borrower.
    EvidenceRequested { types: Vec<EvidenceType>, until: Timestamp },
    /// A person decides.
    InReview,
    /// The second signature is missing.
    AwaitingCosign { offers: Vec<Offer>, signed_by: Actor },
    /// Offers stand. `by` is the platform or the officer who signed first.
    Offered { offers: Vec<Offer>, expires_at: Timestamp, by: Actor },
    /// Accepted; the plan has begun.
    Accepted { offer: Box<Offer>, plan_id: String },
    /// Refused by a person.
    Refused { reasons: Vec<DeclineReason>, by: RefusalBy, review_until: Timestamp },
    /// The offers' time ran out.
    Expired,
    /// The borrower withdrew.
    Withdrawn,
    /// Held by law.
    OnHold,
}

/// Who refused, and the note for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBy {
    pub actor: Actor,
    pub note: String,
}

/// One step of a case, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at: Timestamp,
    pub kind: String,
    pub actor: Actor,
    /// An officer's note for the record, for staff only.
    pub note: Option<String>,
}

impl State {
    /// Name as in the API, lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::EvidenceRequested { .. } => "evidence_requested",
            Self::InReview => "in_review",
            Self::AwaitingCosign { .. } => "awaiting_cosign",
            Self::Offered { .. } => "offered",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::OnHold => "on_hold",
        }
    }

    /// The negotiation goes on.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Submitted
            | Self::EvidenceRequested { .. }
            | Self::InReview
            | Self::AwaitingCosign { .. }
            | Self::Offered { .. }
            | Self::OnHold => true,
            Self::Accepted { .. } | Self::Refused { .. } | Self::Expired | Self::Withdrawn => false,
        }
    }
}

impl Application {
    /// A person must act on it; it belongs into the desk's queue.
    pub fn waits_for_desk(&self) -> bool {
        match self.state {
            State::InReview | State::AwaitingCosign { .. } => true,
            State::Submitted
            | State::EvidenceRequested { .. }
            | State::Offered { .. }
            | State::Accepted { .. }
            | State::Refused { .. }
            | State::Expired
            | State::Withdrawn
            | State::OnHold => false,
        }
    }

    /// When the answer is due, while the platform owes it.
    pub fn answer_due(&self) -> Option<Timestamp> {
        match self.clock {
            AnswerClock::Running { due, .. } => Some(due),
            AnswerClock::Paused { .. } | AnswerClock::Answered => None,
        }
    }

    pub(crate) fn step(&mut self, kind: &str, actor: &Actor, now: Timestamp) {
        if self.steps.len() >= MAX_STEPS {
            self.steps.remove(0);
        }
        self.steps.push(Step { at: now, kind: kind.to_owned(), actor: actor.clone(), note: None });
        self.updated_at = now;
    }

    pub(crate) fn wrong_state(&self, step: &'static str) -> StepError {
        StepError::WrongState { state: self.state.name(), step }
    }

    /// Errors with `NotClaimed` unless `actor` holds the case.
    pub fn held_by(&self, actor: &Actor) -> Result<(), StepError> {
        match &self.holder {
            Some(holder) if holder.person() == actor.person() => Ok(()),
            holder => Err(StepError::NotClaimed { holder: holder.as_ref().map(|h| h.as_str().to_owned()) }),
        }
    }
}
