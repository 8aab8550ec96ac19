//! Officers and supervisors: they claim, look, offer, refuse, ask for documents and sign.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::ApplicationState;
use api::leeway::application::v1::desk_service_client::DeskServiceClient;
use api::leeway::common::v1 as common;
use chassis::Principal;

use crate::acts::{Ask, timed};
use crate::caller::Caller;

/// Longest pause between two looks at the queue.
const MAX_PAUSE: Duration = Duration::from_millis(700);

/// Works the queue for as long as the play goes on.
pub async fn work(mut caller: Caller, who: Principal) {
    while caller.playing() {
        caller.idle(MAX_PAUSE).await;
        let Some(item) = pick(&mut caller, &who).await else { continue };
        let id = item.application_id;
        match item.state {
            state if state == i32::from(ApplicationState::AwaitingCosign) => {
                if who.role == api::access::Role::Supervisor {
                    co_sign(&mut caller, &who, id).await;
                }
            }
            _ if item.claimed_by == who.actor() => decide(&mut caller, &who, &id).await,
            _ => {
                let request =
                    pb::ClaimApplicationRequest { request_id: caller.request_id(), application_id: id };
                caller.ask(&who, Ask::Claim(request)).await;
            }
        }
    }
}

async fn pick(caller: &mut Caller, who: &Principal) -> Option<pb::QueueItem> {
    let line = caller.line()?.with_principal(who.clone());
    let request = pb::ListQueueRequest { page_size: 50, ..pb::ListQueueRequest::default() };
    let queue = DeskServiceClient::new(line).list_queue(timed(request)).await.ok()?.into_inner();
    caller.dice.pick(&queue.items).cloned()
}

async fn co_sign(caller: &mut Caller, who: &Principal, id: String) {
    let verdict = if caller.dice.one_in(4) { pb::CoSignVerdict::SentBack } else { pb::CoSignVerdict::Signed };
    let request = pb::CoSignRequest {
        request_id: caller.request_id(),
        application_id: id,
        verdict: verdict.into(),
        note: "seen".to_owned(),
    };
    caller.ask(who, Ask::CoSign(request)).await;
}

async fn decide(caller: &mut Caller, who: &Principal, id: &str) {
    let Some(case) = caller.case(who, id).await else { return };
    if case.state() != ApplicationState::InReview {
        return;
    }
    let request_id = caller.request_id();
    let application_id = id.to_owned();
    let ask = match caller.dice.below(10) {
        0..=4 => {
            let offers = case.assessment.as_ref().map(|a| a.offers.clone()).unwrap_or_default();
            let Some(offer) = caller.dice.pick(&offers).cloned() else { return };
            let offer_ids = vec![offer.offer_id];
            let note = "for the record".to_owned();
            Ask::Offer(pb::OfferTermsRequest { request_id, application_id, offer_ids, note, terms: None })
        }
        5 => {
            let codes = vec![common::DeclineCode::NoReasonableCause.into()];
            let note = "for the record".to_owned();
            Ask::Refuse(pb::RefuseApplicationRequest { request_id, application_id, codes, note })
        }
        6 => {
            let types = vec![common::EvidenceType::BankStatement.into()];
            Ask::Documents(pb::RequestEvidenceRequest { request_id, application_id, types })
        }
        _ => {
            let Some(document) = caller.dice.pick(&case.evidence).cloned() else { return };
            Ask::Review(pb::ReviewEvidenceRequest {
                request_id,
                application_id,
                evidence_id: document.evidence_id,
                verdict: common::EvidenceState::Accepted.into(),
                ..pb::ReviewEvidenceRequest::default()
            })
        }
    };
    caller.ask(who, ask).await;
}
