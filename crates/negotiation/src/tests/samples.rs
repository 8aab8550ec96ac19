//! A case in every state, and the verbs that may be told to it.

use assessment::{
    Authority, CreditReporting, DeclineCode, DeclineReason, EvidenceType, HardshipReason, LocalizedText,
    Offer, Outcome, Proposal, ProposedMeasure, StatementOfAffairs, Witness,
};
use jiff::{SignedDuration, Timestamp};
use loan::{Amount, Currency, Date, Parts, Terms};

use crate::{
    Actor, AnswerClock, Application, AssessPurpose, Assessment, Consequence, Hardship, Moved, Notice,
    Process, RefusalBy, State, StepError, Submission,
};

/// The moment of submission; the answer is due at 24, the warning at 18 hours.
pub fn start() -> Timestamp {
    "2026-07-20T02:00:00Z".parse().unwrap()
}

pub fn hours(count: i64) -> Timestamp {
    seconds(count * 3_600)
}

pub fn seconds(count: i64) -> Timestamp {
    start() + SignedDuration::from_secs(count)
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn yuan() -> Currency {
    Currency::parse("CNY").unwrap()
}

pub fn borrower() -> Actor {
    Actor::new("borrower:li")
}

pub fn officer() -> Actor {
    Actor::new("officer:ann")
}

pub fn supervisor() -> Actor {
    Actor::new("supervisor:sue")
}

pub fn text(en: &str) -> LocalizedText {
    LocalizedText { zh_cn: format!("{en}（中文）"), en: en.to_owned() }
}

pub fn reason(code: DeclineCode) -> DeclineReason {
    DeclineReason { code, reason: text("why"), remedy: text("what would change it") }
}

pub fn offer(id: &str, authority: Authority) -> Offer {
    Offer {
        offer_id: id.to_owned(),
        labels: Vec::new(),
        terms: Terms::default(),
        instalments: Vec::new(),
        first_payment_date: None,
        first_payment: Amount::ZERO,
        highest_payment: Amount::ZERO,
        total_to_pay: Amount::new(720_786),
        difference_to_contract: Amount::ZERO,
        waived: Parts::default(),
        relief_interest: Amount::ZERO,
        end_date: day("2027-04-15"),
        credit_reporting: CreditReporting::Current,
        annual_cost: String::new(),
        required_authority: authority,
        witness: Witness::default(),
        present_value_loss: Amount::ZERO,
        present_value_loss_share: "0.0000".to_owned(),
        burden: "0.0000".to_owned(),
        breaks_if: LocalizedText::default(),
    }
}

pub fn assessment(outcome: Outcome, offers: Vec<Offer>) -> Assessment {
    Assessment {
        decision_id: "decision-1".to_owned(),
        pack_digest: "digest".to_owned(),
        outcome,
        required_authority: Authority::Officer,
        fired_rules: Vec::new(),
        offers,
        leaning: Vec::new(),
        requested_evidence: vec![EvidenceType::BankStatement],
    }
}

pub fn proposal(months: u8) -> Proposal {
    Proposal { measures: vec![ProposedMeasure::Deferral { months, interest: None }], first_payment: None }
}

pub fn submission() -> Submission {
    Submission {
        application_id: "app-1".to_owned(),
        loan_id: "loan-1".to_owned(),
        borrower_id: "li".to_owned(),
        pack_name: "cn-instalment".to_owned(),
        currency: yuan(),
        hardship: Hardship {
            reason: HardshipReason::CaringDependant,
            narrative: "a parent is in hospital".to_owned(),
            expected_end: None,
            statement: StatementOfAffairs::default(),
            stated_on: day("2026-07-20"),
            vulnerable: false,
        },
        proposal: None,
        evidence_ids: vec!["e0".to_owned()],
        by: borrower(),
    }
}

/// What a verb comes to, with `Changed` opened.
pub fn changed(moved: Result<Moved, StepError>) -> (Application, Vec<Consequence>) {
    match moved.unwrap() {
        Moved::Changed(application, consequences) => (*application, consequences),
        Moved::AlreadyApplied(application) => panic!("already applied in `{}`", application.state.name()),
    }
}

/// Where a case may stand in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Submitted,
    EvidenceRequested,
    /// In review, held by nobody.
    Review,
    /// In review, held by `officer:ann`.
    Held,
    AwaitingCosign,
    /// Offered by rules.
    Offered,
    Accepted,
    Refused,
    Expired,
    Withdrawn,
    OnHold,
}

impl At {
    pub const ALL: [Self; 11] = [
        Self::Submitted,
        Self::EvidenceRequested,
        Self::Review,
        Self::Held,
        Self::AwaitingCosign,
        Self::Offered,
        Self::Accepted,
        Self::Refused,
        Self::Expired,
        Self::Withdrawn,
        Self::OnHold,
    ];
}

/// A case that came to a state by its verbs. Everything happens in the first hour; only the expiry comes later.
pub fn case(at: At) -> Application {
    let process = Process::default();
    let now = start();
    let submitted = changed(Application::submit(submission(), now, &process)).0;
    let answer = |outcome, offers| {
        let told =
            submitted.clone().assessed(assessment(outcome, offers), AssessPurpose::Answer, now, &process);
        changed(told).0
    };
    let review = || answer(Outcome::Review, vec![offer("o2", Authority::OfficerAndSupervisor)]);
    let held = || changed(review().claim(&officer(), now)).0;
    let offered = || answer(Outcome::Offer, vec![offer("o1", Authority::Automatic)]);
    match at {
        At::Submitted => submitted,
        At::EvidenceRequested => answer(Outcome::EvidenceRequired, Vec::new()),
        At::Review => review(),
        At::Held => held(),
        At::AwaitingCosign => {
            let offers = vec![offer("o2", Authority::OfficerAndSupervisor)];
            changed(held().offer(offers, &officer(), now, &process)).0
        }
        At::Offered => offered(),
        At::Accepted => changed(offered().accept("o1", "plan-1", &borrower(), now)).0,
        At::Refused => {
            let by = RefusalBy { actor: officer(), note: "note".to_owned() };
            changed(held().refuse(vec![reason(DeclineCode::CanAffordCurrent)], by, now, &process)).0
        }
        At::Expired => changed(offered().advance(hours(7 * 24))).0,
        At::Withdrawn => changed(submitted.clone().withdraw(&borrower(), now)).0,
        At::OnHold => answer(Outcome::Hold, Vec::new()),
    }
}

/// What came of a verb, short enough for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// It changed and stands in the state of that name.
    To(&'static str),
    Already,
    Error(StepError),
}

pub fn came(moved: Result<Moved, StepError>) -> Came {
    match moved {
        Ok(Moved::Changed(application, _)) => Came::To(application.state.name()),
        Ok(Moved::AlreadyApplied(_)) => Came::Already,
        Err(error) => Came::Error(error),
    }
}

/// Consequences as short words.
pub fn words(consequences: &[Consequence]) -> Vec<String> {
    let word = |consequence: &Consequence| match consequence {
        Consequence::Assess(purpose) => format!("assess {purpose:?}").to_lowercase(),
        Consequence::Notify(notice) => format!("tell {}", notice_word(notice)),
        Consequence::Timer(kind, at) => {
            let after = at.duration_since(start()).as_secs();
            format!("{} +{after}s", kind.name())
        }
        Consequence::DropTimer(kind) => format!("drop {}", kind.name()),
        Consequence::SuspendPenalty { from, to } => {
            let after = |moment: &Timestamp| moment.duration_since(start()).as_secs();
            format!("no penalty {}s to {}s", after(from), after(to))
        }
    };
    consequences.iter().map(word).collect()
}

fn notice_word(notice: &Notice) -> &'static str {
    match notice {
        Notice::ApplicationReceived => "received",
        Notice::OfferMade { .. } => "offer made",
        Notice::EvidenceRequested { .. } => "evidence requested",
        Notice::InReview => "in review",
        Notice::Refused { .. } => "refused",
        Notice::OfferExpired => "offer expired",
        Notice::Withdrawn => "withdrawn",
        Notice::LoanPaid => "loan paid",
        Notice::AnswerLate => "answer late",
    }
}

/// The clock as seconds after [`start`] (`running`) or left (`paused`).
pub fn clock_word(application: &Application) -> String {
    match application.clock {
        AnswerClock::Running { warn_at, due } => {
            let after = |moment: Timestamp| moment.duration_since(start()).as_secs();
            format!("running {} {}", after(warn_at), after(due))
        }
        AnswerClock::Paused { seconds_to_warning, seconds_left } => {
            format!("paused {seconds_to_warning} {seconds_left}")
        }
        AnswerClock::Answered => "answered".to_owned(),
    }
}

/// Offers that stand or wait, by id.
pub fn offer_ids(application: &Application) -> Vec<&str> {
    match &application.state {
        State::AwaitingCosign { offers, .. } | State::Offered { offers, .. } => {
            offers.iter().map(|offer| offer.offer_id.as_str()).collect()
        }
        _ => Vec::new(),
    }
}
