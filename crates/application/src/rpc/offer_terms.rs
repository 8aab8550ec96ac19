use api::leeway::application::v1::{OfferTermsRequest, OfferTermsResponse};
use api::leeway::common::v1::ErrorReason;
use assessment::{Offer, OfferLabel, Proposal};
use chassis::{Principal, Problem, Violations};
use negotiation::{Application, State, StepError};
use store::Check;
use tonic::Request;

use super::refuse_application::MAX_NOTE_CHARS;
use crate::cases::{self, Moment, Target};
use crate::convert::{self, is_given};
use crate::documents::{LoanRecord, Record, Versioned};
use crate::pages::distinct;
use crate::shared::{self, Shared};
use crate::work::assessment_of;
use crate::{facts, policy};
use chassis::Mutation;

const METHOD: &str = "OfferTerms";
/// Most offers made at once.
const MAX_OFFERS: usize = 4;

pub async fn handle(
    shared: &Shared,
    request: Request<OfferTermsRequest>,
) -> Result<OfferTermsResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    let own = message.terms.as_ref().filter(|terms| is_given(Some(terms)));
    let one_way = own.is_some() == message.offer_ids.is_empty();
    v.require("offer_ids", one_way, "EITHER_OR", "name computed offers, or give terms of your own");
    v.require("offer_ids", message.offer_ids.len() <= MAX_OFFERS, "TOO_MANY", "at most 4 offers");
    let note = wire::text_in(&mut v, "note", &message.note, MAX_NOTE_CHARS).unwrap_or_default();
    v.require("offer_ids", distinct(&message.offer_ids), wire::reason::DUPLICATE, "each offer once");
    v.into_result()?;
    let before = shared.find::<Application>(&id).await?;
    let mut v = Violations::new();
    let proposal =
        own.and_then(|terms| wire::proposal_in(&mut v, "terms", Some(terms), before.record.currency));
    v.into_result()?;
    let mut target = Target::of(&id);
    // A replay finds its answer by itself; pricing is only for a case that can still be offered something.
    let repeated = mutation.replayed(&shared.store).await?.is_some();
    let priced = match proposal {
        Some(proposal) if !repeated && matches!(before.record.state, State::InReview) => {
            before.record.held_by(&shared::actor(&principal)).map_err(|e| convert::step_problem(&id, &e))?;
            let (offer, loan) = price(shared, &before, proposal).await?;
            target.checks.push(loan);
            vec![offer]
        }
        Some(_) | None => Vec::new(),
    };
    let offer_ids = message.offer_ids;
    let verb = move |application: Application, m: Moment<'_>| {
        let offers = if priced.is_empty() { chosen(&application, &offer_ids)? } else { priced.clone() };
        application.offer(offers, m.actor, m.now, m.process).map(|moved| moved.noted(&note))
    };
    let settled = cases::change(shared, mutation, target, verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(OfferTermsResponse { application: Some(application) })
}

/// The named offers of the last assessment.
fn chosen(application: &Application, offer_ids: &[String]) -> Result<Vec<Offer>, StepError> {
    if !matches!(application.state, State::InReview) {
        return Err(StepError::WrongState { state: application.state.name(), step: "offer" });
    }
    let computed = application.assessment.as_ref().map(|a| a.offers.as_slice()).unwrap_or_default();
    let find = |id: &String| {
        let found = computed.iter().find(|offer| offer.offer_id == *id).cloned();
        found.ok_or_else(|| StepError::OfferUnknown { offer_id: id.clone() })
    };
    offer_ids.iter().map(find).collect()
}

/// The officer's own terms, priced by policy as if the borrower had proposed them, for the loan as it stands.
async fn price(
    shared: &Shared,
    before: &Versioned<Application>,
    proposal: Proposal,
) -> Result<(Offer, Check), Problem> {
    let application = Application { proposal: Some(proposal), ..before.record.clone() };
    let loan = shared.find::<LoanRecord>(&application.loan_id).await?;
    let process = shared.process(&application.pack_name).await?;
    let today = shared.today(&process);
    let facts = facts::of_case(shared, &application, &loan.record, today, &process).await?;
    let decision = policy::assess(shared, &application.pack_name, &facts).await?;
    let changes =
        decision.decision.proposal.as_ref().map(|verdict| verdict.changes.clone()).unwrap_or_default();
    let offers = assessment_of(decision).offers;
    let priced = offers.into_iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal));
    let priced = priced.ok_or_else(|| {
        let why = changes.iter().map(|text| text.en.as_str()).collect::<Vec<_>>().join(" ");
        let subject = format!("application/{}", application.application_id);
        Problem::precondition(
            ErrorReason::NotAssessable,
            subject,
            format!("these terms are not feasible. {why}"),
        )
    })?;
    Ok((priced, Check { kind: LoanRecord::KIND, id: loan.record.loan_id, revision: loan.revision }))
}
