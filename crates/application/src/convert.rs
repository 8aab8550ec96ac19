//! Where this service's messages and records meet.

use api::leeway::application::v1 as pb;
use api::leeway::common::v1::{ErrorReason, Terms};
use assessment::{DeclineReason, Offer};
use chassis::{Principal, Problem};
use jiff::Timestamp;
use loan::{Currency, State as LoanState, VersionCause};
use negotiation::{Application, NextActor, Plan, PlanState, Process, State, StepError};

use api::access::Role;

use crate::documents::{EvidenceRecord, LoanRecord, Versioned};

/// Who looks: staff sees who did what, borrowers see their own case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    Borrower,
    Staff,
}

impl Viewer {
    /// From the caller.
    pub fn of(principal: &Principal) -> Self {
        match principal.role {
            Role::Borrower => Self::Borrower,
            Role::Service if principal.subject.is_some() => Self::Borrower,
            Role::Officer
            | Role::Supervisor
            | Role::PolicyAdmin
            | Role::Operator
            | Role::Service
            | Role::Auditor => Self::Staff,
        }
    }
}

/// A loan as of the day of `state`.
pub fn loan_out(
    loan: &Versioned<LoanRecord>,
    state: &LoanState,
    plan: Option<&Plan>,
    open_application_id: String,
) -> Result<pb::Loan, Problem> {
    let record = &loan.record;
    let contract = record.account.contract();
    let currency = contract.currency;
    let history =
        state.history(state.as_of).map_err(|e| Problem::internal("a history can't be computed").source(e))?;
    let closed = record.closed_outside || (record.closed && state.closed);
    let reported =
        plan.filter(|p| p.is_active()).map_or(state.dpd.current, |plan| plan.reported_days_past_due);
    let bucket =
        if closed { api::leeway::common::v1::Bucket::Unspecified } else { wire::bucket_out(state.bucket) };
    let mut instalments = Vec::new();
    for row in &state.rows {
        instalments.push(wire::row_state_out(row, currency)?);
    }
    Ok(pb::Loan {
        loan_id: record.loan_id.clone(),
        borrower_id: record.borrower_id.clone(),
        contract: Some(wire::contract_out(contract)),
        product: Some(wire::product_out(&record.account.product)),
        pack_name: record.pack_name.clone(),
        as_of_date: Some(wire::date_out(state.as_of)),
        instalments,
        principal_left: Some(wire::money_out(state.principal_left, currency)),
        arrears: Some(wire::parts_out(&state.arrears, currency)),
        days_past_due: Some(pb::DaysPastDue {
            current: count_out(state.dpd.current),
            contract: count_out(state.dpd.contract),
            reported: count_out(reported),
        }),
        bucket: bucket.into(),
        oldest_unpaid_due_date: state.oldest_unpaid_due.map(wire::date_out),
        next_due_date: state.next_due.map(wire::date_out),
        closed,
        history: Some(pb::LoanHistory {
            months_on_book: count_out(history.months_on_book),
            episodes_24m: count_out(history.episodes_24m),
            worst_bucket_12m: wire::bucket_out(history.worst_bucket_12m).into(),
            longest_days_past_due: count_out(history.longest_dpd),
        }),
        versions: Vec::new(),
        open_application_id,
        plan_id: record.plan_id.clone().unwrap_or_default(),
        etag: loan.etag(),
    })
}

/// Schedule versions, oldest first.
pub fn versions_out(state: &LoanState, currency: Currency) -> Result<Vec<pb::ScheduleVersion>, Problem> {
    let mut versions = Vec::new();
    for version in &state.versions {
        let mut instalments = Vec::new();
        for row in &version.rows {
            instalments.push(wire::row_out(row, currency)?);
        }
        let cause = match &version.cause {
            VersionCause::Contract => "contract".to_owned(),
            VersionCause::Relief(id) => format!("relief {id}"),
            VersionCause::Change(id) => format!("change {id}"),
            VersionCause::Undo(id) => format!("undo {id}"),
        };
        versions.push(pb::ScheduleVersion {
            number: count_out(version.number),
            effective_date: Some(wire::date_out(version.effective)),
            cause,
            instalments,
        });
    }
    Ok(versions)
}

/// An application as `viewer` may see it.
pub fn application_out(
    application: &Versioned<Application>,
    evidence: &[EvidenceRecord],
    viewer: Viewer,
    process: &Process,
) -> pb::Application {
    let record = &application.record;
    let currency = record.currency;
    let staff = viewer == Viewer::Staff;
    let next = record.next_step(&process.time_zone);
    let holder = record.holder.as_ref().filter(|_| staff).map(|h| h.as_str().to_owned());
    let mut message = pb::Application {
        application_id: record.application_id.clone(),
        loan_id: record.loan_id.clone(),
        borrower_id: record.borrower_id.clone(),
        state: state_out(&record.state).into(),
        next_step: Some(wire::localized_text_out(&next.sentence)),
        next_actor: actor_out(next.actor).into(),
        next_deadline_time: next.until.map(wire::timestamp_out),
        reason: wire::hardship_reason_out(record.hardship.reason).into(),
        narrative: record.hardship.narrative.clone(),
        hardship_end_date: record.hardship.expected_end.map(wire::date_out),
        statement: Some(wire::statement_out(&record.hardship.statement, currency)),
        evidence: evidence.iter().map(|e| evidence_out(e, viewer)).collect(),
        proposal: record.proposal.as_ref().map(|p| wire::proposal_out(p, currency)),
        assessment: record.assessment.as_ref().map(|a| assessment_out(a, currency, viewer)),
        answer_due_time: record.answer_due().map(wire::timestamp_out),
        escalated: record.escalated,
        claimed_by: holder.unwrap_or_default(),
        steps: record.steps.iter().map(|s| step_out(s, viewer)).collect(),
        submit_time: Some(wire::timestamp_out(record.submitted_at)),
        update_time: Some(wire::timestamp_out(record.updated_at)),
        etag: application.etag(),
        specialist: record.specialist,
        ..pb::Application::default()
    };
    match &record.state {
        State::Offered { offers, expires_at, .. } => {
            message.offers = offers_out(offers, currency, Some(*expires_at))
        }
        State::EvidenceRequested { types, .. } => {
            message.requested_evidence = types.iter().map(|t| wire::evidence_type_out(*t).into()).collect();
        }
        State::AwaitingCosign { offers, signed_by } if staff => {
            message.pending_offer = Some(pb::PendingOffer {
                offers: offers_out(offers, currency, None),
                signed_by: signed_by.as_str().to_owned(),
            });
        }
        State::Accepted { offer, plan_id } => {
            message.offers = offers_out(std::slice::from_ref(offer), currency, None);
            message.accepted_offer_id = offer.offer_id.clone();
            message.plan_id = plan_id.clone();
        }
        State::Refused { reasons, .. } => message.decline_reasons = reasons_out(reasons),
        State::Submitted
        | State::InReview
        | State::AwaitingCosign { .. }
        | State::Expired
        | State::Withdrawn
        | State::OnHold => {}
    }
    message
}

fn assessment_out(
    assessment: &negotiation::Assessment,
    currency: Currency,
    viewer: Viewer,
) -> pb::AssessmentSummary {
    let staff = viewer == Viewer::Staff;
    pb::AssessmentSummary {
        decision_id: assessment.decision_id.clone(),
        pack_digest: assessment.pack_digest.clone(),
        outcome: outcome_name(assessment.outcome),
        required_authority: wire::authority_out(assessment.required_authority).into(),
        fired_rules: if staff { assessment.fired_rules.clone() } else { Vec::new() },
        offers: if staff { offers_out(&assessment.offers, currency, None) } else { Vec::new() },
        leaning: if staff { reasons_out(&assessment.leaning) } else { Vec::new() },
    }
}

/// `REVIEW` and so on.
pub fn outcome_name(outcome: assessment::Outcome) -> String {
    wire::outcome_out(outcome).as_str_name().trim_start_matches("OUTCOME_").to_owned()
}

/// Offers with their expiry.
pub fn offers_out(
    offers: &[Offer],
    currency: Currency,
    expires_at: Option<Timestamp>,
) -> Vec<api::leeway::common::v1::Offer> {
    let mut messages = offers.iter().map(|offer| wire::offer_out(offer, currency)).collect::<Vec<_>>();
    for message in &mut messages {
        message.expire_time = expires_at.map(wire::timestamp_out);
    }
    messages
}

/// Reasons with their sentences.
pub fn reasons_out(reasons: &[DeclineReason]) -> Vec<api::leeway::common::v1::DeclineReason> {
    reasons.iter().map(wire::decline_reason_out).collect()
}

fn step_out(step: &negotiation::Step, viewer: Viewer) -> pb::ApplicationStep {
    let actor = step.actor.shown();
    let shown = match viewer {
        Viewer::Staff => actor,
        Viewer::Borrower if actor.starts_with("borrower:") || actor.starts_with("platform:") => actor,
        // A borrower sees that a person acted and in which role, not who.
        Viewer::Borrower => actor.split_once(':').map_or(actor, |(role, _)| role),
    };
    pb::ApplicationStep {
        step_time: Some(wire::timestamp_out(step.at)),
        kind: step.kind.clone(),
        actor: shown.to_owned(),
        note: step.note.clone().filter(|_| viewer == Viewer::Staff).unwrap_or_default(),
    }
}

/// A document.
pub fn evidence_out(record: &EvidenceRecord, viewer: Viewer) -> pb::Evidence {
    let staff = viewer == Viewer::Staff;
    pb::Evidence {
        evidence_id: record.evidence_id.clone(),
        loan_id: record.loan_id.clone(),
        application_id: record.application_id.clone(),
        r#type: wire::evidence_type_out(record.evidence_type).into(),
        issuer: record.issuer.clone(),
        file_name: record.file_name.clone(),
        media_type: record.media_type.clone(),
        size_bytes: record.size_bytes,
        sha256: record.sha256.clone(),
        state: wire::evidence_state_out(record.state).into(),
        failed_checks: failed_checks(record, staff),
        reviewed_by: record.reviewed_by.clone().filter(|_| staff).unwrap_or_default(),
        receive_time: record.received_at.map(wire::timestamp_out),
    }
}

/// Checks that failed, in words. What points to fraud is for staff.
fn failed_checks(record: &EvidenceRecord, staff: bool) -> Vec<String> {
    let mut failed = record.failed_checks.clone();
    if staff && record.sent_by_another_borrower {
        failed.push("the same file was sent by another borrower".to_owned());
    }
    failed
}

/// A plan with its next payment by the loan's state.
pub fn plan_out(plan: &Versioned<Plan>, loan: &LoanState) -> Result<pb::Plan, Problem> {
    let record = &plan.record;
    let overflow = |e| Problem::internal("a plan's next payment can't be summed").source(e);
    let mut next = None;
    if record.is_active() {
        for row in &loan.rows {
            let left = row.left().map_err(overflow)?.total().map_err(overflow)?;
            if !left.is_zero() {
                next = Some((row.row.due, left));
                break;
            }
        }
    }
    let (state, end) = match record.state {
        PlanState::Active { .. } => (pb::PlanState::Active, None),
        PlanState::Completed { at } => (pb::PlanState::Completed, Some(at)),
        PlanState::Broken { at, .. } => (pb::PlanState::Broken, Some(at)),
        PlanState::Superseded { at, .. } => (pb::PlanState::Superseded, Some(at)),
    };
    Ok(pb::Plan {
        plan_id: record.plan_id.clone(),
        application_id: record.application_id.clone(),
        loan_id: record.loan_id.clone(),
        borrower_id: record.borrower_id.clone(),
        state: state.into(),
        offer: Some(wire::offer_out(&record.offer, record.currency)),
        effective_date: Some(wire::date_out(record.effective)),
        reported_days_past_due: count_out(record.reported_days_past_due),
        next_due_date: next.map(|(due, _)| wire::date_out(due)),
        next_amount: next.map(|(_, amount)| wire::money_out(amount, record.currency)),
        end_time: end.map(wire::timestamp_out),
        etag: plan.etag(),
    })
}

/// State of an application.
pub fn state_out(state: &State) -> pb::ApplicationState {
    match state {
        State::Submitted => pb::ApplicationState::Submitted,
        State::EvidenceRequested { .. } => pb::ApplicationState::EvidenceRequested,
        State::InReview => pb::ApplicationState::InReview,
        State::AwaitingCosign { .. } => pb::ApplicationState::AwaitingCosign,
        State::Offered { .. } => pb::ApplicationState::Offered,
        State::Accepted { .. } => pb::ApplicationState::Accepted,
        State::Refused { .. } => pb::ApplicationState::Refused,
        State::Expired => pb::ApplicationState::Expired,
        State::Withdrawn => pb::ApplicationState::Withdrawn,
        State::OnHold => pb::ApplicationState::OnHold,
    }
}

/// The stored name of a state, for filters; `None` for "all".
pub fn state_name(state: pb::ApplicationState) -> Option<&'static str> {
    match state {
        pb::ApplicationState::Unspecified => None,
        pb::ApplicationState::Submitted => Some("submitted"),
        pb::ApplicationState::EvidenceRequested => Some("evidence_requested"),
        pb::ApplicationState::InReview => Some("in_review"),
        pb::ApplicationState::AwaitingCosign => Some("awaiting_cosign"),
        pb::ApplicationState::Offered => Some("offered"),
        pb::ApplicationState::Accepted => Some("accepted"),
        pb::ApplicationState::Refused => Some("refused"),
        pb::ApplicationState::Expired => Some("expired"),
        pb::ApplicationState::Withdrawn => Some("withdrawn"),
        pb::ApplicationState::OnHold => Some("on_hold"),
    }
}

fn actor_out(actor: NextActor) -> pb::NextActor {
    match actor {
        NextActor::Nobody => pb::NextActor::Unspecified,
        NextActor::Borrower => pb::NextActor::Borrower,
        NextActor::Platform => pb::NextActor::Platform,
        NextActor::Officer => pb::NextActor::Officer,
        NextActor::Supervisor => pb::NextActor::Supervisor,
    }
}

/// A forbidden step as a problem of the application it was tried on.
pub fn step_problem(application_id: &str, error: &StepError) -> Problem {
    let reason = match error {
        StepError::WrongState { .. } | StepError::OfferUnknown { .. } => ErrorReason::WrongState,
        StepError::NotClaimed { .. } => ErrorReason::NotClaimed,
        StepError::SamePerson { .. } => ErrorReason::SamePerson,
        StepError::OfferExpired { .. } => ErrorReason::OfferExpired,
        StepError::AuthorityInsufficient { .. } => ErrorReason::AuthorityInsufficient,
        StepError::Calendar => return Problem::internal("a deadline lies outside the calendar"),
    };
    let problem = Problem::precondition(reason, format!("application/{application_id}"), error.to_string());
    match error {
        StepError::WrongState { state, .. } => problem.with("state", *state),
        StepError::NotClaimed { .. }
        | StepError::SamePerson { .. }
        | StepError::OfferUnknown { .. }
        | StepError::OfferExpired { .. }
        | StepError::AuthorityInsufficient { .. }
        | StepError::Calendar => problem,
    }
}

/// An unsigned count as the API's.
pub fn count_out(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Terms that were left out altogether.
pub fn is_given(terms: Option<&Terms>) -> bool {
    terms.is_some_and(|terms| !terms.measures.is_empty())
}
