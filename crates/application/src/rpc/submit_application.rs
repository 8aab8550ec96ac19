use std::time::Duration;

use api::access::Role;
use api::leeway::application::v1::{SubmitApplicationRequest, SubmitApplicationResponse};
use api::leeway::common::v1::{ErrorReason, StatementOfAffairs};
use chassis::{Admission, Deadline, Principal, Problem, Violations};
use loan::{Currency, Date};
use negotiation::{Application, Hardship, State, Submission};
use store::Check;
use tonic::Request;

use crate::cases;
use crate::convert::{self, is_given};
use crate::documents::{EvidenceRecord, LoanRecord, OpenCase, Record, Versioned, evidence_key};
use crate::drafts::{add_application, commit_at};
use crate::pages::distinct;
use crate::shared::{self, DEFAULT_PACK, Shared};
use assessment::EvidenceState;
use chassis::{Draft, Mutation};

const METHOD: &str = "SubmitApplication";
/// Longest id that a caller may choose: ids made of it must stay within the limit of ids.
const MAX_APPLICATION_ID_BYTES: usize = 100;
/// Longest narrative, characters.
const MAX_NARRATIVE_CHARS: usize = 4_000;
/// Most documents on a case.
pub const MAX_EVIDENCE_PER_CASE: usize = 20;
/// Longest wait for the assessment before the answer leaves.
const MAX_ASSESSMENT_WAIT: Duration = Duration::from_secs(2);
/// Kept back from the caller's deadline for reading and sending the answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(200);
/// Pause between looks at a case, so that a busy store isn't asked after every commit.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

pub async fn handle(
    shared: &Shared,
    request: Request<SubmitApplicationRequest>,
) -> Result<SubmitApplicationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let deadline = Deadline::of(&request)?;
    let admission = request.extensions().get::<Admission>().cloned();
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let loan_id = wire::id_in(&mut v, "loan_id", &message.loan_id);
    let loan = match loan_id {
        // Whatever else is wrong with the request is said together, so the loan is read for its currency first.
        Some(loan_id) => Some(shared.find::<LoanRecord>(&loan_id).await?),
        None => None,
    };
    let currency = match &loan {
        Some(loan) => loan.record.account.contract().currency,
        None => shared::any_currency()?,
    };
    let pack = loan.as_ref().map_or(DEFAULT_PACK, |loan| loan.record.pack_name.as_str());
    let today = shared.today(&shared.process(pack).await?);
    let submission = submission_in(&mut v, &message, (currency, today), &principal);
    v.into_result()?;
    let (Some(loan), Some(mut submission)) = (loan, submission) else {
        return Err(Problem::internal("a submission was neither read nor refused"));
    };
    if submission.application_id.is_empty() {
        submission.application_id = shared.ids.new_id("app");
    }
    submission.borrower_id = loan.record.borrower_id.clone();
    submission.pack_name = loan.record.pack_name.clone();

    let context = shared.clone();
    let settled = mutation
        .run(shared.store.clone(), move || {
            let (context, submission) = (context.clone(), submission.clone());
            async move { draft(&context, submission).await }
        })
        .await?;
    // A call that only waits is no load.
    if let Some(admission) = admission {
        admission.release();
    }
    wait_for_assessment(shared, &settled, deadline).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(SubmitApplicationResponse { application: Some(application) })
}

fn submission_in(
    v: &mut Violations,
    message: &SubmitApplicationRequest,
    (currency, today): (Currency, Date),
    principal: &Principal,
) -> Option<Submission> {
    let application_id = match message.application_id.as_str() {
        "" => Some(String::new()),
        id => {
            let short = id.len() <= MAX_APPLICATION_ID_BYTES;
            v.require("application_id", short, "TOO_LONG", "at most 100 characters");
            wire::id_in(v, "application_id", id)
        }
    };
    let reason = wire::hardship_reason_in(v, "reason", message.reason);
    let narrative = wire::text_in(v, "narrative", &message.narrative, MAX_NARRATIVE_CHARS);
    let expected_end = wire::date_optional_in(v, "hardship_end_date", message.hardship_end_date.as_ref());
    let statement = wire::statement_in(v, "statement", message.statement.as_ref(), currency);
    own_word_only(v, message.statement.as_ref(), principal);
    let few = message.evidence_ids.len() <= MAX_EVIDENCE_PER_CASE;
    v.require("evidence_ids", few, "TOO_MANY", "at most 20 documents a case");
    let once = distinct(&message.evidence_ids);
    v.require("evidence_ids", once, wire::reason::DUPLICATE, "each document once");
    let mut evidence_ids = Vec::new();
    for (index, id) in message.evidence_ids.iter().take(MAX_EVIDENCE_PER_CASE).enumerate() {
        evidence_ids.extend(wire::id_in(v, &wire::item("evidence_ids", index), id));
    }
    let proposal = match message.proposal.as_ref().filter(|terms| is_given(Some(terms))) {
        Some(terms) => wire::proposal_in(v, "proposal", Some(terms), currency),
        None => None,
    };
    Some(Submission {
        application_id: application_id?,
        loan_id: message.loan_id.clone(),
        borrower_id: String::new(),
        pack_name: String::new(),
        currency,
        hardship: Hardship {
            reason: reason?,
            narrative: narrative?,
            expected_end: expected_end?,
            statement: statement?,
            stated_on: today,
            vulnerable: message.vulnerable,
        },
        proposal,
        evidence_ids,
        by: shared::actor(principal),
    })
}

/// What is verified or proved is for the platform's services and officers to state: a borrower's word isn't. A service
/// that only passes a borrower's words on calls as that borrower.
pub fn own_word_only(v: &mut Violations, statement: Option<&StatementOfAffairs>, principal: &Principal) {
    let (Some(stated), Role::Borrower) = (statement, principal.role) else { return };
    let text = "only the platform's services and officers state what is verified or proved";
    v.require("statement.verified_income", stated.verified_income.is_empty(), "NOT_FOR_BORROWERS", text);
    let proved = stated.lump_sum.as_ref().is_some_and(|lump_sum| lump_sum.proved);
    v.require("statement.lump_sum.proved", !proved, "NOT_FOR_BORROWERS", text);
}

async fn draft(shared: &Shared, submission: Submission) -> Result<Draft, Problem> {
    let loan = shared.find::<LoanRecord>(&submission.loan_id).await?;
    if let Some(open) = shared.get::<OpenCase>(&submission.loan_id).await? {
        let text = "the loan has an open application; withdraw it or go on with it";
        let subject = format!("loan/{}", submission.loan_id);
        let problem = Problem::precondition(ErrorReason::OpenApplicationExists, subject, text);
        return Err(problem.with("application_id", open.record.application_id));
    }
    if let Some(known) = shared.get::<Application>(&submission.application_id).await? {
        if known.record.borrower_id != submission.borrower_id {
            // Whose it is, or that it is there at all, is nobody else's business.
            return Err(Problem::denied());
        }
        return Err(Problem::already_exists(format_args!("application `{}`", submission.application_id)));
    }
    if loan.record.closed {
        let subject = format!("loan/{}", submission.loan_id);
        let text = "the loan is closed; there is nothing to negotiate about";
        return Err(Problem::precondition(ErrorReason::WrongState, subject, text));
    }
    let process = shared.process(&submission.pack_name).await?;
    let now = shared.now();
    let mut commit = commit_at(now);
    for (index, id) in submission.evidence_ids.iter().enumerate() {
        let evidence = bound(shared, &submission, index, id).await?;
        commit.writes.push(evidence.put()?);
    }
    commit.checks.push(Check {
        kind: LoanRecord::KIND,
        id: loan.record.loan_id.clone(),
        revision: loan.revision,
    });
    let moved = Application::submit(submission, now, &process);
    let moved = moved.map_err(|e| convert::step_problem("new", &e))?;
    let before = Versioned::new(moved.application().clone());
    let response_ref = before.record.application_id.clone();
    add_application(shared, &mut commit, &before, moved).await?;
    Ok(Draft { commit, response_ref })
}

/// A document uploaded beforehand, now part of the case.
async fn bound(
    shared: &Shared,
    submission: &Submission,
    index: usize,
    id: &str,
) -> Result<Versioned<EvidenceRecord>, Problem> {
    let found = shared.get::<EvidenceRecord>(&evidence_key(&submission.loan_id, id)).await?;
    let fits = |e: &EvidenceRecord| e.application_id.is_empty() && e.state != EvidenceState::Incomplete;
    let Some(mut evidence) = found.filter(|e| fits(&e.record)) else {
        let mut v = Violations::new();
        let text = "not a complete document of this loan that is free; upload it first";
        v.add(&wire::item("evidence_ids", index), "UNKNOWN_EVIDENCE", text);
        return Err(v.into_result().err().unwrap_or_else(|| Problem::internal("a violation was lost")));
    };
    evidence.record.application_id = submission.application_id.clone();
    Ok(evidence)
}

/// Waits until the case has left SUBMITTED, as long as the caller can wait, and not at all while policy is away.
async fn wait_for_assessment(
    shared: &Shared,
    application_id: &str,
    deadline: Deadline,
) -> Result<(), Problem> {
    let mut changes = shared.store.changes();
    let left = deadline.remaining().saturating_sub(ANSWER_MARGIN).min(MAX_ASSESSMENT_WAIT);
    let waited = tokio::time::timeout(left, async {
        loop {
            let application = shared.find::<Application>(application_id).await?;
            let assessed = !matches!(application.record.state, State::Submitted);
            if assessed || shared.policy.circuit().is_open() || changes.changed().await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    });
    waited.await.unwrap_or(Ok(()))
}
