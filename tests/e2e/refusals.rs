//! The cases that must be refused or escalated, and what the borrower reads.

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::{ApplicationState, NextActor, PlanState};
use api::leeway::common::v1 as common;
use api::leeway::common::v1::DeclineCode;
use api::leeway::notification::v1 as mail;
use e2e::Stage;
use e2e::flows::{assessment, kinds};
use e2e::make::{cny, day, deferral, monthly, request_id};
use e2e::people::{Case, Document, li, li_who_can_afford, wang, zhang};
use e2e::refusal::refused;
use tonic::Code;

const JULY: &str = "2026-07-20T10:00+08:00";

async fn refuse(
    stage: &Stage,
    who: &str,
    id: &str,
    codes: &[DeclineCode],
) -> anyhow::Result<pb::Application> {
    let request = pb::RefuseApplicationRequest {
        request_id: request_id(),
        application_id: id.to_owned(),
        codes: codes.iter().map(|code| (*code).into()).collect(),
        note: "looked at the figures".to_owned(),
    };
    stage.desk(who)?.refuse_application(request).await?;
    stage.settle().await?;
    stage.case(id).await
}

fn leaning(case: &pb::Application) -> Vec<DeclineCode> {
    assessment(case).unwrap().leaning.iter().map(|reason| reason.code()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_afford_is_refused_by_a_person_with_reason_and_remedy() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.speaks("emily", mail::Language::En).await?;
    let words = [("li", "目前的还款可以承担"), ("emily", "the present payments are affordable")];
    for (borrower, word) in words {
        let case = stage.apply(&li_who_can_afford().of(borrower)).await?;
        let id = case.application_id.clone();
        // The rules lean to a refusal; a person confirms it.
        assert_eq!(case.state(), ApplicationState::InReview);
        assert_eq!(assessment(&case)?.outcome, "REFUSE");
        assert_eq!(leaning(&case), [DeclineCode::CanAffordCurrent]);
        let offers = &assessment(&case)?.offers;
        assert_eq!(offers.iter().map(kinds).collect::<Vec<_>>(), [["deferral"]], "a new date, nothing more");
        let Some(common::measure::Kind::Deferral(deferral)) =
            offers[0].terms.as_ref().unwrap().measures[0].kind
        else {
            panic!("{:?}", offers[0].terms)
        };
        assert_eq!(deferral.months, 1);

        stage.claim("officer:chen", &id).await?;
        refuse(&stage, "officer:chen", &id, &[DeclineCode::CanAffordCurrent]).await?;
        let seen = stage.case_as(&format!("borrower:{borrower}"), &id).await?;
        assert_eq!((seen.state(), seen.next_actor()), (ApplicationState::Refused, NextActor::Borrower));
        let [reason] = seen.decline_reasons.as_slice() else { panic!("{:?}", seen.decline_reasons) };
        let (said, remedy) = (reason.reason.clone().unwrap(), reason.remedy.clone().unwrap());
        assert_eq!(said.en, "By the figures you gave, you can afford the current instalment.");
        assert!(remedy.en.contains("send a document") && !said.zh_cn.is_empty() && !remedy.zh_cn.is_empty());
        assert_eq!(said.zh_cn, "根据您提供的数据，您有能力按当前金额还款。");
        let message = stage.inbox(borrower).await?.pop().unwrap();
        assert_eq!(
            (message.template.as_str(), message.message_class()),
            ("refused", mail::MessageClass::Statutory)
        );
        assert!(message.body.contains(word), "{}", message.body);
        assert!(!message.body.contains("CAN_AFFORD"), "codes are no words: {}", message.body);
        // An honest refusal triggers nothing, and the loan is as it was.
        let loan = stage.loan(&format!("loan-{borrower}")).await?;
        assert_eq!((loan.versions.len(), loan.open_application_id.as_str()), (1, ""));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_look_is_by_somebody_else_and_once() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&li_who_can_afford()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    refuse(&stage, "officer:chen", &id, &[DeclineCode::CanAffordCurrent]).await?;
    let ask = || pb::RequestReviewRequest { request_id: request_id(), application_id: id.clone() };
    let again = stage.cases("borrower:li")?.request_review(ask()).await?.into_inner().application.unwrap();
    assert_eq!((again.state(), again.decline_reasons.len()), (ApplicationState::InReview, 0));
    let left = again.answer_due_time.unwrap().seconds - stage.clock.now().as_second();
    assert_eq!(left, 86_400, "the platform owes an answer anew");
    stage.settle().await?;
    // Chen refused; under whatever role, somebody else looks now.
    for same in ["officer:chen", "supervisor:chen"] {
        let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: id.clone() };
        let answer = stage.desk(same)?.claim_application(claim).await;
        assert_eq!(refused(answer)?, (Code::FailedPrecondition, "SAME_PERSON".to_owned()), "{same}");
    }
    stage.claim("officer:ma", &id).await?;
    refuse(&stage, "officer:ma", &id, &[DeclineCode::CanAffordCurrent]).await?;
    let wrong = (Code::FailedPrecondition, "WRONG_STATE".to_owned());
    assert_eq!(refused(stage.cases("borrower:li")?.request_review(ask()).await)?, wrong, "once");

    // The window ends: 30 days by the pack.
    let id = stage.apply(&li_who_can_afford().of("late")).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let refusal = refuse(&stage, "officer:chen", &id, &[DeclineCode::CanAffordCurrent]).await?;
    let window = refusal.next_deadline_time.unwrap().seconds - stage.clock.now().as_second();
    assert_eq!(window, 30 * 86_400);
    stage.until("2026-08-19T10:00+08:00").await?;
    let ask = pb::RequestReviewRequest { request_id: request_id(), application_id: id };
    assert_eq!(refused(stage.cases("borrower:late")?.request_review(ask).await)?, wrong, "in time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_borrowed_certificate_goes_to_an_officer_and_a_forgery_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.apply(&li()).await?;
    // Somebody else sends the very same files, and no income of theirs is verified.
    let mut forger = li().of("forger");
    forger.documents = li().documents;
    forger.said.statement.as_mut().unwrap().verified_income.clear();
    let case = stage.apply(&forger).await?;
    assert_eq!(case.state(), ApplicationState::InReview);
    let summary = assessment(&case)?;
    assert_eq!(summary.outcome, "REVIEW");
    assert!(summary.fired_rules.contains(&"R3".to_owned()), "{:?}", summary.fired_rules);
    assert_eq!((leaning(&case), summary.offers.len()), (vec![DeclineCode::EvidenceUnverifiable], 0));
    assert!(case.evidence.iter().all(|document| !document.failed_checks.is_empty()));

    let id = case.application_id;
    stage.claim("officer:chen", &id).await?;
    let review = pb::ReviewEvidenceRequest {
        application_id: id.clone(),
        evidence_id: case.evidence[0].evidence_id.clone(),
        verdict: common::EvidenceState::Falsified.into(),
        note: "the hospital knows nothing of it".to_owned(),
        ..pb::ReviewEvidenceRequest::default()
    };
    let reviewed = stage.review("officer:chen", review).await?;
    assert_eq!(
        (assessment(&reviewed)?.outcome.as_str(), leaning(&reviewed)),
        ("REFUSE", vec![DeclineCode::EvidenceFalsified])
    );
    assert_eq!(reviewed.state(), ApplicationState::InReview, "a person confirms");
    let refused = refuse(&stage, "officer:chen", &id, &[DeclineCode::EvidenceFalsified]).await?;
    assert_eq!(refused.state(), ApplicationState::Refused);
    // The first sender's documents stay what they were: whoever copies makes nobody else a suspect afterwards.
    let honest = stage.case_as("borrower:forger", &id).await?;
    assert_eq!(honest.evidence[0].reviewed_by, "", "who reviewed is for staff");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_broken_plans_only_a_short_trial_by_an_officer() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let first = stage.planned_by_officer(&zhang()).await?;
    unpaid_until_broken(&stage, &first).await?;

    let again = |words: &str| {
        let document = Document::new(common::EvidenceType::BankStatement, "zhang", words);
        let mut case = Case { documents: vec![document], ..zhang() };
        case.said.proposal = Some(deferral(6));
        let statement = case.said.statement.get_or_insert_default();
        // A month from now the client pays.
        statement.verified_income = vec![monthly(740_000, 0, 1), monthly(900_000, 1, 0)];
        statement.declared_income = statement.verified_income.clone();
        case
    };
    let second = stage.apply_again(&again("second")).await?;
    assert_trial(&second)?;
    let plan = stage.planned_from_review(&second, first_offer).await?;
    unpaid_until_broken(&stage, &plan).await?;

    // Nothing of a trial is affordable any more: the officer refuses, with the reason and what would change it.
    let third = stage.apply_again(&again("third")).await?;
    assert_trial(&third)?;
    let id = &third.application_id;
    stage.claim("officer:chen", id).await?;
    refuse(&stage, "officer:chen", id, &[DeclineCode::PriorPlanBroken]).await?;
    let seen = stage.case_as("borrower:zhang", id).await?;
    let remedy = seen.decline_reasons[0].remedy.clone().unwrap();
    assert!(remedy.en.contains("short trial plan"), "{remedy:?}");
    Ok(())
}

fn first_offer(offers: &[common::Offer]) -> anyhow::Result<&common::Offer> {
    offers.first().ok_or_else(|| anyhow::anyhow!("nothing is offered"))
}

/// Lets time pass, a week at a time, until a plan on which nobody pays is broken.
async fn unpaid_until_broken(stage: &Stage, plan: &pb::Plan) -> anyhow::Result<()> {
    for _week in 0..30 {
        stage.clock.advance(jiff::SignedDuration::from_hours(7 * 24))?;
        stage.settle().await?;
        if stage.plan(&plan.plan_id).await?.state() == PlanState::Broken {
            return Ok(());
        }
    }
    anyhow::bail!("the plan `{}` is never broken", plan.plan_id)
}

/// In review by R5, and nothing longer than three months on the table.
fn assert_trial(case: &pb::Application) -> anyhow::Result<()> {
    assert_eq!(case.state(), ApplicationState::InReview);
    let summary = assessment(case)?;
    assert_eq!(summary.outcome, "REVIEW");
    assert!(summary.fired_rules.contains(&"R5".to_owned()), "{:?}", summary.fired_rules);
    assert!(leaning(case).contains(&DeclineCode::PriorPlanBroken));
    assert_eq!(summary.required_authority(), common::Authority::OfficerAndSupervisor);
    for measure in summary.offers.iter().flat_map(|offer| &offer.terms.as_ref().unwrap().measures) {
        match measure.kind.as_ref().unwrap() {
            common::measure::Kind::WaivePenalty(_) => {}
            common::measure::Kind::Deferral(deferral) => assert!(deferral.months <= 3),
            common::measure::Kind::PaymentReduction(reduction) => assert!(reduction.instalments <= 3),
            common::measure::Kind::TokenPayments(token) => assert!(token.months <= 3),
            other => panic!("{other:?} is no trial"),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vulnerable_get_a_specialist() -> anyhow::Result<()> {
    let stage = Stage::start("2026-06-20T10:00+08:00").await?;
    type Change = fn(&mut Case);
    let rows: [(&str, Change); 2] = [
        ("flagged", |case| case.said.vulnerable = true),
        ("bereaved", |case| {
            case.said.reason = common::HardshipReason::Bereavement.into();
            case.documents[0].kind = common::EvidenceType::DeathCertificate;
        }),
    ];
    for (who, change) in rows {
        let mut case = wang().of(who);
        change(&mut case);
        let answered = stage.apply(&case).await?;
        assert_eq!((answered.state(), answered.specialist), (ApplicationState::InReview, true), "{who}");
        let summary = assessment(&answered)?;
        assert_eq!(summary.outcome, "SPECIALIST_REVIEW", "{who}");
        assert!(summary.fired_rules.contains(&"R2".to_owned()), "{who}: {:?}", summary.fired_rules);
    }
    // An approval stays an approval.
    let mut case = li();
    case.loan.interest_from = e2e::make::day("2025-12-15");
    case.said.vulnerable = true;
    assert_eq!(stage.apply(&case).await?.state(), ApplicationState::Offered);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_document_is_asked_for_and_then_the_case_goes_on() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li().without_documents()).await?;
    let id = &case.application_id;
    assert_eq!((case.state(), case.next_actor()), (ApplicationState::EvidenceRequested, NextActor::Borrower));
    assert!(case.requested_evidence().any(|kind| kind == common::EvidenceType::DiagnosisCertificate));
    let week = 7 * 86_400;
    let until = case.next_deadline_time.unwrap().seconds - stage.clock.now().as_second();
    assert_eq!((until, case.answer_due_time), (week, None), "the platform's clock stands");
    let message = stage.inbox("li").await?.pop().unwrap();
    assert_eq!(message.template, "evidence-requested");
    assert!(message.body.contains("7 月 27 日") || message.body.contains("7月27日"), "{}", message.body);

    // A kind that wasn't asked for moves nothing.
    let other = Document::new(common::EvidenceType::TaxReturn, "li", "报税");
    stage.upload(&li().loan, &other, id).await?;
    stage.settle().await?;
    assert_eq!(stage.case(id).await?.state(), ApplicationState::EvidenceRequested);
    stage.upload(&li().loan, &li().documents[0], id).await?;
    stage.settle().await?;
    let decided = stage.case(id).await?;
    assert_eq!(decided.state(), ApplicationState::Offered);
    let steps: Vec<_> = decided.steps.iter().map(|step| step.kind.as_str()).collect();
    let expected = ["submitted", "evidence requested", "evidence received", "evidence received", "offered"];
    assert_eq!(steps, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_comes_is_decided_by_a_person() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li().without_documents()).await?;
    let id = &case.application_id;
    stage.until("2026-07-27T09:50+08:00").await?;
    assert_eq!(stage.case(id).await?.state(), ApplicationState::EvidenceRequested);
    stage.until("2026-07-27T10:00+08:00").await?;
    let late = stage.case(id).await?;
    assert_eq!((late.state(), late.next_actor()), (ApplicationState::InReview, NextActor::Officer));
    // The clock goes on where it stood: a whole day is left.
    let left = late.answer_due_time.unwrap().seconds - stage.clock.now().as_second();
    assert_eq!(left, 86_400);
    stage.claim("officer:chen", id).await?;
    let refused = refuse(&stage, "officer:chen", id, &[DeclineCode::InformationNotReceived]).await?;
    assert_eq!(refused.state(), ApplicationState::Refused);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_can_not_assess_a_person_takes() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    // The loan begins in September.
    let mut case = li().of("later").without_documents();
    (case.loan.paid, case.loan.interest_from) = (0, day("2026-09-15"));
    stage.register(&case.loan).await?;
    let answer = stage.cases_for("later").submit_application(case.said).await?.into_inner();
    let application_id = answer.application.unwrap().application_id;
    let watch = pb::WatchApplicationRequest { application_id, resume_token: String::new() };
    let mut changes = stage.cases("officer:chen")?.watch_application(watch).await?.into_inner();
    let mut state = ApplicationState::Submitted;
    while state == ApplicationState::Submitted {
        let change = tokio::time::timeout(std::time::Duration::from_secs(60), changes.message()).await??;
        let seen = change.unwrap().application.unwrap();
        state = seen.state();
        assert_eq!(seen.assessment, None);
    }
    assert_eq!(state, ApplicationState::InReview);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_that_is_paid_up_is_refused_by_a_person() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    // Nothing is left to pay, yet the core system has not closed the loan.
    let mut case = li().of("paid").without_documents();
    (case.loan.paid, case.loan.interest_from) = (12, day("2025-01-15"));
    let mut loan = case.loan.registration();
    let rest = common::PaymentEvent { payment_id: "rest".to_owned(), amount: Some(cny(7)) };
    loan.events.push(common::LoanEvent {
        effective_date: Some(day("2026-07-20")),
        kind: Some(common::loan_event::Kind::Payment(rest)),
    });
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(loan) };
    stage.loans("service:core")?.register_loan(request).await?;
    let answer = stage.cases_for("paid").submit_application(case.said).await?.into_inner();
    let application_id = answer.application.unwrap().application_id;
    let watch = pb::WatchApplicationRequest { application_id, resume_token: String::new() };
    let mut changes = stage.cases("officer:chen")?.watch_application(watch).await?.into_inner();
    let seen = loop {
        let change = tokio::time::timeout(std::time::Duration::from_secs(60), changes.message()).await??;
        let seen = change.unwrap().application.unwrap();
        if seen.state() != ApplicationState::Submitted {
            break seen;
        }
    };
    assert_eq!(seen.state(), ApplicationState::InReview);
    let assessment = seen.assessment.unwrap();
    assert_eq!(assessment.outcome, "REFUSE");
    assert!(assessment.offers.is_empty());
    assert_eq!(assessment.leaning[0].code(), common::DeclineCode::NotInArrearsOrAtRisk);
    Ok(())
}
