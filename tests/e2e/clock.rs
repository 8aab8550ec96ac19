//! What time does to a case, by a clock that only the test moves.

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::{ApplicationState, NextActor};
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as mail;
use e2e::Stage;
use e2e::flows::labelled;
use e2e::make::request_id;
use e2e::people::{li, zhang};
use e2e::refusal::refused;
use tonic::Code;

const JULY: &str = "2026-07-20T10:00+08:00";

fn steps(case: &pb::Application) -> Vec<&str> {
    case.steps.iter().map(|step| step.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_is_warned_and_a_late_case_escalates_but_is_never_refused() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let rows = [
        ("2026-07-21T03:50+08:00", 3, false, "officer:chen", NextActor::Officer),
        ("2026-07-21T04:00+08:00", 4, false, "officer:chen", NextActor::Officer),
        ("2026-07-21T09:50+08:00", 4, false, "officer:chen", NextActor::Officer),
        ("2026-07-21T10:00+08:00", 5, true, "", NextActor::Supervisor),
        ("2026-08-21T10:00+08:00", 5, true, "", NextActor::Supervisor),
    ];
    for (time, count, escalated, holder, actor) in rows {
        stage.until(time).await?;
        let case = stage.case(&id).await?;
        assert_eq!(case.state(), ApplicationState::InReview, "{time}");
        assert_eq!((steps(&case).len(), case.escalated), (count, escalated), "{time}: {:?}", steps(&case));
        assert_eq!((case.claimed_by.as_str(), case.next_actor()), (holder, actor), "{time}");
    }
    let case = stage.case(&id).await?;
    let expected = ["submitted", "in review", "claimed", "answer nearly due", "escalated to a supervisor"];
    assert_eq!(steps(&case), expected);
    assert_eq!(stage.told("zhang").await?, ["application-received", "in-review", "answer-late"]);
    let queue = pb::ListQueueRequest::default();
    let item = stage.desk("supervisor:zhao")?.list_queue(queue).await?.into_inner().items.remove(0);
    assert!(item.escalated && item.seconds_left < 0, "{item:?}");

    // The supervisor decides it like any other.
    stage.claim("supervisor:zhao", &id).await?;
    let offers = stage.case(&id).await?.assessment.unwrap().offers;
    let offer = labelled(&offers, common::OfferLabel::Proposal)?.offer_id.clone();
    let offered = stage.offer("supervisor:zhao", &id, &[&offer]).await?;
    assert_eq!(offered.state(), ApplicationState::Offered);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_case_ends_when_its_loan_is_paid() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.until("2026-07-22T10:30+08:00").await?;
    // The payment, the end of the case, and the days without penalty are one commit.
    let loan = stage.pay("loan-zhang", 3_000_000).await?;
    assert!(loan.closed, "{:?}", loan.arrears);
    assert_eq!(loan.open_application_id, "");
    stage.settle().await?;
    assert_eq!(stage.case(&id).await?.state(), ApplicationState::Withdrawn);
    assert_eq!(stage.told("zhang").await?.last().map(String::as_str), Some("loan-paid"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_penalty_for_the_platforms_own_delay() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&zhang().of("twin").loan).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.until("2026-07-26T10:00+08:00").await?;
    assert!(stage.case(&id).await?.escalated);
    // Five days late, the answer comes.
    stage.claim("supervisor:zhao", &id).await?;
    let offers = stage.case(&id).await?.assessment.unwrap().offers;
    let offer = labelled(&offers, common::OfferLabel::Proposal)?.offer_id.clone();
    stage.offer("supervisor:zhao", &id, &[&offer]).await?;
    let penalty = |loan: pb::Loan| e2e::make::minor(loan.arrears.unwrap().penalty.as_ref()).unwrap();
    let (late, twin) = (penalty(stage.loan("loan-zhang").await?), penalty(stage.loan("loan-twin").await?));
    assert!(late < twin, "{late} of {twin}: the message says that no penalty accrues for our delay");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_stands_while_a_document_is_owed() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.until("2026-07-20T20:00+08:00").await?;
    stage.claim("officer:chen", &id).await?;
    let request = pb::RequestEvidenceRequest {
        request_id: request_id(),
        application_id: id.clone(),
        types: vec![common::EvidenceType::IncomeCertificate.into()],
    };
    let asked =
        stage.desk("officer:chen")?.request_evidence(request).await?.into_inner().application.unwrap();
    assert_eq!((asked.state(), asked.answer_due_time), (ApplicationState::EvidenceRequested, None));
    // Three days pass: neither warning nor escalation.
    stage.until("2026-07-23T12:00+08:00").await?;
    let waiting = stage.case(&id).await?;
    assert_eq!((waiting.state(), waiting.escalated), (ApplicationState::EvidenceRequested, false));
    assert!(!steps(&waiting).contains(&"answer nearly due"));

    let document = e2e::people::Document::new(common::EvidenceType::IncomeCertificate, "zhang", "收入证明");
    stage.upload(&zhang().loan, &document, &id).await?;
    stage.settle().await?;
    let back = stage.case(&id).await?;
    assert_eq!(back.state(), ApplicationState::InReview);
    let left = back.answer_due_time.unwrap().seconds - stage.clock.now().as_second();
    assert_eq!(left, 14 * 3_600, "ten of the twenty-four hours were used");
    stage.until("2026-07-24T01:50+08:00").await?;
    assert!(!stage.case(&id).await?.escalated);
    stage.until("2026-07-24T02:00+08:00").await?;
    assert!(stage.case(&id).await?.escalated);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_run_out_and_the_borrower_may_apply_again() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let id = &case.application_id;
    let expires = case.offers[0].expire_time.unwrap();
    assert_eq!(expires.seconds - stage.clock.now().as_second(), 7 * 86_400);
    assert_eq!(case.next_deadline_time.unwrap(), expires);
    stage.until("2026-07-27T09:50+08:00").await?;
    assert_eq!(stage.case(id).await?.state(), ApplicationState::Offered);
    stage.until("2026-07-27T10:00+08:00").await?;
    let expired = stage.case(id).await?;
    assert_eq!((expired.state(), expired.offers.len()), (ApplicationState::Expired, 0));
    assert_eq!(stage.told("li").await?.last().unwrap(), "offer-expired");
    assert_eq!(stage.loan("loan-li").await?.versions.len(), 1, "the loan goes on as before");
    let mut again = li().of("li");
    again.documents[0].content.extend_from_slice("新".as_bytes());
    assert_eq!(stage.apply_again(&again).await?.state(), ApplicationState::Offered);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_ran_out_is_not_accepted_whoever_is_first() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    // The borrower races against the timer: before it the offer is out of time, after it the case is closed.
    stage.clock.set(chassis::clock::parse_time("2026-07-27T10:00+08:00")?)?;
    let accept = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: case.application_id.clone(),
        offer_id: case.offers[0].offer_id.clone(),
        etag: String::new(),
    };
    let answer = stage.cases("borrower:li")?.accept_offer(accept).await;
    let (code, reason) = refused(answer)?;
    assert_eq!(code, Code::FailedPrecondition);
    assert!(["OFFER_EXPIRED", "WRONG_STATE"].contains(&reason.as_str()), "{reason}");
    stage.settle().await?;
    assert_eq!(stage.case(&case.application_id).await?.state(), ApplicationState::Expired);
    assert_eq!(stage.loan("loan-li").await?.plan_id, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_wait_for_the_morning() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T23:30+08:00").await?;
    let reminder = mail::EnqueueRequest {
        request_id: request_id(),
        key: "loan-li/reminder/6".to_owned(),
        borrower_id: "li".to_owned(),
        message_class: mail::MessageClass::Reminder.into(),
        template: "payment-reminder".to_owned(),
        parameters: [("loan_id", "loan-li"), ("due_date", "2026-07-22"), ("amount", "CNY 1,079.70")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..mail::EnqueueRequest::default()
    };
    let accepted =
        stage.mail("service:platform")?.enqueue(reminder).await?.into_inner().notification.unwrap();
    assert_eq!(accepted.state(), mail::NotificationState::Scheduled);
    stage.until("2026-07-21T07:50+08:00").await?;
    assert_eq!(stage.told("li").await?, Vec::<String>::new(), "nobody is reminded at night");
    stage.until("2026-07-21T08:00+08:00").await?;
    assert_eq!(stage.told("li").await?, ["payment-reminder"], "deferred, never dropped");
    // The inbox makes no sound: answers to what a borrower did appear at once.
    stage.until("2026-07-21T23:30+08:00").await?;
    stage.apply(&li()).await?;
    assert_eq!(stage.told("li").await?[1..], ["application-received", "offer-made"]);
    Ok(())
}
