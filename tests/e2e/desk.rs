//! The officers' desk: the queue, claims, four eyes, terms of an officer's own.

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::ApplicationState;
use api::leeway::common::v1 as common;
use api::leeway::common::v1::measure::Kind;
use e2e::flows::{assessment, labelled};
use e2e::make::{cny, deferral, minor, reduction, request_id, terms, text};
use e2e::people::{li_who_can_afford, zhang};
use e2e::refusal::refused;
use e2e::{Refusal, Stage};
use tonic::Code;

const JULY: &str = "2026-07-20T10:00+08:00";

fn own_terms(id: &str, terms: common::Terms) -> pb::OfferTermsRequest {
    pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: id.to_owned(),
        offer_ids: Vec::new(),
        terms: Some(terms),
        note: "another way".to_owned(),
    }
}

fn co_sign(id: &str, verdict: pb::CoSignVerdict, note: &str) -> pb::CoSignRequest {
    pb::CoSignRequest {
        request_id: request_id(),
        application_id: id.to_owned(),
        verdict: verdict.into(),
        note: note.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_ordered_by_time_left() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    // The names sort against the time, and the second case loses hours to a document.
    let mut ids = Vec::new();
    for (borrower, time) in
        [("c", "2026-07-20T10:00+08:00"), ("b", "2026-07-20T11:00+08:00"), ("a", "2026-07-20T12:00+08:00")]
    {
        stage.until(time).await?;
        ids.push(stage.apply(&zhang().of(borrower)).await?.application_id);
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListQueueRequest { page_size: 1, page_token, unclaimed_only: false };
        let page = stage.desk("officer:chen")?.list_queue(request).await?.into_inner();
        seen.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|item| item.application_id.clone()).collect::<Vec<_>>(), ids);
    let left: Vec<_> = seen.iter().map(|item| item.seconds_left / 3_600).collect();
    assert_eq!(left, [22, 23, 24]);
    for item in &seen {
        assert_eq!((item.state(), item.outcome.as_str()), (ApplicationState::InReview, "REVIEW"));
        assert_eq!((item.required_authority(), item.claimed_by.as_str()), (common::Authority::Officer, ""));
    }
    stage.claim("officer:chen", &ids[0]).await?;
    let request = pb::ListQueueRequest { unclaimed_only: true, ..pb::ListQueueRequest::default() };
    let free = stage.desk("officer:ma")?.list_queue(request).await?.into_inner().items;
    assert_eq!(free.iter().map(|item| item.application_id.clone()).collect::<Vec<_>>(), ids[1..]);
    // What is decided leaves the queue.
    let offers = stage.case(&ids[0]).await?.assessment.unwrap().offers;
    let offer = labelled(&offers, common::OfferLabel::Proposal)?.offer_id.clone();
    stage.offer("officer:chen", &ids[0], &[&offer]).await?;
    let all = stage.desk("officer:ma")?.list_queue(pb::ListQueueRequest::default()).await?.into_inner().items;
    assert_eq!(all.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_holder_decides() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&zhang()).await?;
    let id = &case.application_id;
    let offer_id = labelled(&assessment(&case)?.offers, common::OfferLabel::Proposal)?.offer_id.clone();
    let offer = pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: id.clone(),
        offer_ids: vec![offer_id],
        ..pb::OfferTermsRequest::default()
    };
    let refuse = pb::RefuseApplicationRequest {
        request_id: request_id(),
        application_id: id.clone(),
        codes: vec![common::DeclineCode::NoReasonableCause.into()],
        note: String::new(),
    };
    let ask = pb::RequestEvidenceRequest {
        request_id: request_id(),
        application_id: id.clone(),
        types: vec![common::EvidenceType::TaxReturn.into()],
    };
    let review = pb::ReviewEvidenceRequest {
        request_id: request_id(),
        application_id: id.clone(),
        evidence_id: case.evidence[0].evidence_id.clone(),
        verdict: common::EvidenceState::Accepted.into(),
        ..pb::ReviewEvidenceRequest::default()
    };
    let not_claimed = (Code::FailedPrecondition, "NOT_CLAIMED".to_owned());
    // First nobody holds it, then somebody else does.
    for holder in [None, Some("officer:chen")] {
        if let Some(holder) = holder {
            assert_eq!(stage.claim(holder, id).await?.claimed_by, holder);
            let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: id.clone() };
            assert_eq!(refused(stage.desk("officer:ma")?.claim_application(claim).await)?, not_claimed);
            assert_eq!(stage.claim(holder, id).await?.claimed_by, holder, "idempotent for its holder");
        }
        let mut ma = stage.desk("officer:ma")?;
        assert_eq!(refused(ma.offer_terms(offer.clone()).await)?, not_claimed, "{holder:?}");
        assert_eq!(refused(ma.offer_terms(own_terms(id, deferral(1))).await)?, not_claimed, "{holder:?}");
        assert_eq!(refused(ma.refuse_application(refuse.clone()).await)?, not_claimed, "{holder:?}");
        assert_eq!(refused(ma.request_evidence(ask.clone()).await)?, not_claimed, "{holder:?}");
        assert_eq!(refused(ma.review_evidence(review.clone()).await)?, not_claimed, "{holder:?}");
    }
    assert_eq!(stage.case(id).await?.state(), ApplicationState::InReview);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn four_eyes_are_two_people() -> anyhow::Result<()> {
    let stage = Stage::start("2026-06-20T10:00+08:00").await?;
    let (signed, offer) = stage.wang_signed().await?;
    let id = &signed.application_id;
    let same = (Code::FailedPrecondition, "SAME_PERSON".to_owned());
    // Chen, who signed as an officer, is also a supervisor: still one person.
    for verdict in [pb::CoSignVerdict::Signed, pb::CoSignVerdict::SentBack] {
        let answer = stage.desk("supervisor:chen")?.co_sign(co_sign(id, verdict, "me again")).await;
        assert_eq!(refused(answer)?, same, "{verdict:?}");
    }
    // Sent back with a note, free for anybody; a supervisor takes it and offers, and can't sign that either.
    let silent = stage.desk("supervisor:zhao")?.co_sign(co_sign(id, pb::CoSignVerdict::SentBack, "")).await;
    let refusal = Refusal::expected(silent)?;
    assert_eq!(refusal.short(), (Code::InvalidArgument, "VALIDATION_FAILED"));
    assert_eq!(refusal.about, ["note"]);
    let back = co_sign(id, pb::CoSignVerdict::SentBack, "show me the family's account");
    let back = stage.desk("supervisor:zhao")?.co_sign(back).await?.into_inner().application.unwrap();
    assert_eq!((back.state(), back.claimed_by.as_str()), (ApplicationState::InReview, ""));
    stage.claim("supervisor:zhao", id).await?;
    let again = stage.offer("supervisor:zhao", id, &[&offer.offer_id]).await?;
    assert_eq!(again.state(), ApplicationState::AwaitingCosign);
    let own = stage.desk("supervisor:zhao")?.co_sign(co_sign(id, pb::CoSignVerdict::Signed, "")).await;
    assert_eq!(refused(own)?, same);
    assert_eq!(stage.co_sign("supervisor:qian", id).await?.state(), ApplicationState::Offered);
    let kinds: Vec<_> = stage.case(id).await?.steps.into_iter().map(|step| (step.kind, step.actor)).collect();
    let signatures = kinds.iter().filter(|(kind, _)| kind.contains("sign")).map(|(_, who)| who.as_str());
    assert_eq!(signatures.collect::<Vec<_>>(), ["officer:chen", "supervisor:zhao", "supervisor:qian"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officers_own_terms_are_priced_first() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let request = own_terms(&id, reduction("0.6", 3));
    let answer = stage.desk("officer:chen")?.offer_terms(request).await?.into_inner();
    stage.settle().await?;
    let offered = answer.application.unwrap();
    assert_eq!(offered.state(), ApplicationState::Offered);
    let [offer] = offered.offers.as_slice() else { panic!("{:?}", offered.offers) };
    // 60 % of 1,198.18, rounded half to even.
    assert_eq!(minor(offer.first_payment.as_ref())?, 71_891);
    assert_eq!(text(offer.first_payment_date.as_ref()), "2026-07-31");
    let sum: i64 = offer.instalments.iter().map(|row| minor(row.total_due.as_ref()).unwrap()).sum();
    assert_eq!(sum, 1_917_085);
    let plan = stage.accept("zhang", &id, &offer.offer_id).await?.plan.unwrap();
    assert_eq!(minor(plan.next_amount.as_ref())?, 71_891);
    // The case still says what the borrower proposed.
    let proposal = stage.case(&id).await?.proposal.unwrap();
    let Some(Kind::PaymentReduction(proposed)) = &proposal.measures[0].kind else { panic!("{proposal:?}") };
    assert_eq!(proposed.pay, Some(common::payment_reduction::Pay::Factor("0.5".to_owned())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_nobody_can_keep_are_not_offered() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let target = common::term_extension::By::TargetPayment(cny(500_000));
    let rows = [
        ("more than can be spared", reduction("0.95", 3)),
        (
            "nobody pays five thousand",
            terms(vec![Kind::TermExtension(common::TermExtension { by: Some(target) })]),
        ),
    ];
    for (name, terms) in rows {
        let answer = stage.desk("officer:chen")?.offer_terms(own_terms(&id, terms)).await;
        let refusal = Refusal::expected(answer)?;
        assert_eq!(refusal.short(), (Code::FailedPrecondition, "NOT_ASSESSABLE"), "{name}");
        assert_eq!(refusal.about, [format!("application/{id}")], "{name}");
    }
    let case = stage.case(&id).await?;
    assert_eq!((case.state(), case.claimed_by.as_str()), (ApplicationState::InReview, "officer:chen"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn malice_is_never_inferred() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&li_who_can_afford()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let refuse = |codes: &[common::DeclineCode]| pb::RefuseApplicationRequest {
        request_id: request_id(),
        application_id: id.clone(),
        codes: codes.iter().map(|code| (*code).into()).collect(),
        note: "does not pay".to_owned(),
    };
    use common::DeclineCode::{CanAffordCurrent, MaliciousIndicatorConfirmed};
    for codes in [&[MaliciousIndicatorConfirmed][..], &[CanAffordCurrent, MaliciousIndicatorConfirmed]] {
        let answer = stage.desk("officer:chen")?.refuse_application(refuse(codes)).await;
        assert_eq!(refused(answer)?, (Code::FailedPrecondition, "AUTHORITY_INSUFFICIENT".to_owned()));
    }
    let answer = stage.desk("officer:chen")?.refuse_application(refuse(&[CanAffordCurrent])).await?;
    assert_eq!(answer.into_inner().application.unwrap().state(), ApplicationState::Refused);
    Ok(())
}
