use api::leeway::application::v1::{ReviewEvidenceRequest, ReviewEvidenceResponse};
use assessment::{EvidenceState, MonthlyAmount, StatementOfAffairs};
use chassis::{Principal, Problem, Violations};
use loan::Currency;
use negotiation::Application;
use serde_json::json;
use store::Entry;
use tonic::Request;

use super::refuse_application::MAX_NOTE_CHARS;
use crate::documents::{EvidenceRecord, Versioned, evidence_key};
use crate::drafts::{add_application, commit_at};
use crate::shared::{self, Shared};
use crate::{cases, convert};
use chassis::{Draft, Mutation};

const METHOD: &str = "ReviewEvidence";

#[derive(Clone)]
struct Review {
    application_id: String,
    evidence_id: String,
    verdict: EvidenceState,
    note: String,
    verified_income: Vec<MonthlyAmount>,
    proves_lump_sum: bool,
    actor: negotiation::Actor,
}

pub async fn handle(
    shared: &Shared,
    request: Request<ReviewEvidenceRequest>,
) -> Result<ReviewEvidenceResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let application_id = cases::id_in(&mut v, &message.application_id);
    let currency = match shared.get::<Application>(&application_id).await? {
        Some(application) => application.record.currency,
        None if v.is_empty() => {
            return Err(Problem::not_found(format_args!("application `{application_id}`")));
        }
        None => shared::any_currency()?,
    };
    let review = review_in(&mut v, &message, currency, shared::actor(&principal));
    v.into_result()?;
    let review = review.ok_or_else(|| Problem::internal("a review was neither read nor refused"))?;
    let context = shared.clone();
    let settled = mutation
        .run(shared.store.clone(), move || {
            let (context, review) = (context.clone(), review.clone());
            async move { draft(&context, &review).await }
        })
        .await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(ReviewEvidenceResponse { application: Some(application) })
}

fn review_in(
    v: &mut Violations,
    message: &ReviewEvidenceRequest,
    currency: Currency,
    actor: negotiation::Actor,
) -> Option<Review> {
    let evidence_id = wire::id_in(v, "evidence_id", &message.evidence_id);
    let verdict = wire::evidence_state_in(v, "verdict", message.verdict);
    let person_says = |s: &EvidenceState| {
        matches!(s, EvidenceState::Accepted | EvidenceState::Rejected | EvidenceState::Falsified)
    };
    let sensible = verdict.as_ref().is_none_or(person_says);
    v.require("verdict", sensible, "OUT_OF_RANGE", "accept, reject, or confirm a falsification");
    let note = wire::text_in(v, "note", &message.note, MAX_NOTE_CHARS);
    let explained = verdict == Some(EvidenceState::Accepted) || !message.note.is_empty();
    v.require("note", explained, wire::reason::REQUIRED, "say why, for the record");
    let proves = message.proves_lump_sum || !message.verified_income.is_empty();
    let honest = verdict == Some(EvidenceState::Accepted) || !proves;
    v.require("verified_income", honest, "CONTRADICTION", "only an accepted document proves anything");
    // Income is read as a statement's, which knows the bounds.
    let statement = api::leeway::common::v1::StatementOfAffairs {
        verified_income: message.verified_income.clone(),
        ..Default::default()
    };
    let StatementOfAffairs { verified_income, .. } = if message.verified_income.is_empty() {
        StatementOfAffairs::default()
    } else {
        wire::statement_in(v, "", Some(&statement), currency)?
    };
    Some(Review {
        application_id: message.application_id.clone(),
        evidence_id: evidence_id?,
        verdict: verdict?,
        note: note?,
        verified_income,
        proves_lump_sum: message.proves_lump_sum,
        actor,
    })
}

async fn draft(shared: &Shared, review: &Review) -> Result<Draft, Problem> {
    let id = &review.application_id;
    let before = shared.find::<Application>(id).await?;
    let evidence =
        shared.get::<EvidenceRecord>(&evidence_key(&before.record.loan_id, &review.evidence_id)).await?;
    let evidence = evidence.filter(|e| e.record.application_id == *id);
    let mut evidence = evidence
        .ok_or_else(|| Problem::not_found(format_args!("document `{}` on this case", review.evidence_id)))?;
    let now = shared.now();
    let mut reviewed = before.record.clone();
    let process = shared.process(&before.record.pack_name).await?;
    if !review.verified_income.is_empty() {
        let told = reviewed.hardship.as_stated(&review.verified_income, shared.today(&process));
        reviewed.hardship.statement.verified_income = told;
    }
    let statement = &mut reviewed.hardship.statement;
    if let (true, Some(lump_sum)) = (review.proves_lump_sum, statement.lump_sum.as_mut()) {
        lump_sum.proved = true;
    }
    let moved = reviewed.evidence_reviewed(&review.actor, now).map_err(|e| convert::step_problem(id, &e))?;
    let moved = moved.noted(&review.note);
    evidence.record.state = review.verdict;
    evidence.record.reviewed_by = Some(review.actor.as_str().to_owned());
    let mut commit = commit_at(now);
    commit.writes.push(evidence.put()?);
    commit.journal.push(entry(&evidence, review));
    add_application(shared, &mut commit, &before, moved).await?;
    Ok(Draft { commit, response_ref: id.clone() })
}

fn entry(evidence: &Versioned<EvidenceRecord>, review: &Review) -> Entry {
    let body = json!({
        "evidence_id": review.evidence_id, "sha256": evidence.record.sha256, "verdict": review.verdict,
    });
    Entry {
        stream: review.application_id.clone(),
        kind: "document reviewed".to_owned(),
        actor: review.actor.as_str().to_owned(),
        body: body.to_string(),
    }
}
