//! Wang, student: start-of-term costs; an officer offers a settlement, a supervisor co-signs, Wang pays in time.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use super::account::{self, Said};
use super::actors::{Actors, Document, request_id};
use super::loans::{StoryLoan, cny, monthly, statement};

const LOAN: StoryLoan = StoryLoan {
    loan_id: "loan-wang",
    borrower_id: "wang",
    principal: 600_000,
    annual_rate: "0.12",
    instalments: 12,
    interest_from: (2026, 1, 15),
    paid: 3,
    instalment: 53_309,
};

/// Plays the story.
pub async fn play(actors: &Actors) -> anyhow::Result<()> {
    actors.until("2026-06-20T10:00+08:00")?;
    let before = LOAN.register(actors).await?;
    let certificate = Document {
        kind: common::EvidenceType::SchoolHardshipCertificate,
        issuer: "City University",
        file_name: "certificate.txt",
        content: "困难证明：学生王某开学缴费困难；家人可一次性支援 4,400 元。\n".to_owned(),
    };
    let evidence_id = actors.upload("wang", LOAN.loan_id, &certificate).await?;
    let mut affairs = statement(vec![monthly(150_000, 0, 0)], vec![monthly(120_000, 0, 0)]);
    affairs.lump_sum = Some(common::LumpSum {
        amount: Some(cny(440_000)),
        source: "family".to_owned(),
        proved: false,
        borrowed: false,
    });
    let request = pb::SubmitApplicationRequest {
        request_id: request_id(),
        loan_id: LOAN.loan_id.to_owned(),
        reason: common::HardshipReason::EducationCosts.into(),
        narrative: "The term's fees took what I had; my family can help once.".to_owned(),
        statement: Some(affairs),
        evidence_ids: vec![evidence_id.clone()],
        ..pb::SubmitApplicationRequest::default()
    };
    let answer = actors.platform_for("wang").submit_application(request).await?.into_inner();
    let application = answer.application.context("an answer without the application")?;
    account::opening(
        "Wang, student",
        &before,
        &application,
        &Said {
            words: "The term's fees took what I had; my family can help once.",
            income: "1,500.00 verified",
            essentials: "1,200.00",
            asks: "nothing in particular; the family's 4,400.00 is stated",
        },
    );
    let (case, offer) = review(actors, &application.application_id, &evidence_id).await?;
    settle(actors, &case, &offer).await?;
    let after = actors.loan(LOAN.loan_id).await?;
    account::schedules(&before, &after);
    account::messages(&actors.inbox("wang", "plan-completed").await?);
    Ok(())
}

/// The officer finds the lump sum proved; policy looks again and computes a settlement.
async fn review(
    actors: &Actors,
    application_id: &str,
    evidence_id: &str,
) -> anyhow::Result<(pb::Application, common::Offer)> {
    let claim =
        pb::ClaimApplicationRequest { request_id: request_id(), application_id: application_id.to_owned() };
    actors.officer("chen").claim_application(claim).await?;
    let first = actors.await_case(application_id, "the first assessment", |a| a.assessment.is_some()).await?;
    let before = first.assessment.map(|a| a.decision_id).unwrap_or_default();
    let request = pb::ReviewEvidenceRequest {
        request_id: request_id(),
        application_id: application_id.to_owned(),
        evidence_id: evidence_id.to_owned(),
        verdict: common::EvidenceState::Accepted.into(),
        note: String::new(),
        verified_income: Vec::new(),
        proves_lump_sum: true,
    };
    let reviewed = actors.officer("chen").review_evidence(request).await?.into_inner().application;
    account::step("Officer chen claims the case and finds the family's 4,400.00 proved", reviewed.as_ref());
    let again = |a: &pb::Application| a.assessment.as_ref().is_some_and(|a| a.decision_id != before);
    let case = actors.await_case(application_id, "the second assessment", again).await?;
    let decision = actors.decision(&case).await?;
    account::assessment(&decision);
    account::offers(&decision.offers);
    let computed = case.assessment.as_ref().map(|a| a.offers.clone()).unwrap_or_default();
    let offer = computed.into_iter().find(account::is_settlement).context("no settlement was computed")?;
    Ok((case, offer))
}

/// Offered by one, co-signed by another, accepted and paid before its last day.
async fn settle(actors: &Actors, case: &pb::Application, offer: &common::Offer) -> anyhow::Result<()> {
    let application_id = case.application_id.clone();
    let request = pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: application_id.clone(),
        offer_ids: vec![offer.offer_id.clone()],
        terms: None,
        note: "the lump sum is proved; nothing else is sustainable".to_owned(),
    };
    let offered = actors.officer("chen").offer_terms(request).await?.into_inner().application;
    account::step(
        "Officer chen offers the settlement; forgiving principal needs a second person",
        offered.as_ref(),
    );
    let request = pb::CoSignRequest {
        request_id: request_id(),
        application_id: application_id.clone(),
        verdict: pb::CoSignVerdict::Signed.into(),
        note: String::new(),
    };
    let signed = actors.supervisor("zhao").co_sign(request).await?.into_inner().application;
    account::step("Supervisor zhao co-signs", signed.as_ref());
    let request = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id,
        offer_id: offer.offer_id.clone(),
        etag: String::new(),
    };
    let accepted = actors.borrower("wang").accept_offer(request).await?.into_inner();
    account::accepted(&accepted, "Wang accepts");
    actors.until("2026-07-18T09:30+08:00")?;
    let request = pb::RecordPaymentRequest {
        request_id: request_id(),
        loan_id: LOAN.loan_id.to_owned(),
        payment_id: "loan-wang-settlement".to_owned(),
        amount: offer.total_to_pay.clone(),
        effective_date: None,
    };
    let loan = actors.loans().record_payment(request).await?.into_inner().loan;
    account::paid(loan.as_ref(), offer.total_to_pay.as_ref());
    Ok(())
}
