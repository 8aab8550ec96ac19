//! Every mutation is repeated: the same request answers the same and changes nothing more; the same id with another
//! body is refused. The access table says which mutations there are, so none can be forgotten.

use std::fmt::Debug;
use std::future::Future;

use api::access::ACCESS_TABLE;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as mail;
use api::leeway::policy::v1 as policy;
use e2e::Stage;
use e2e::flows::{assessment, labelled};
use e2e::make::{cny, deferral, request_id};
use e2e::marks::marks;
use e2e::packs::{ANN, BO, pack_files, proposal};
use e2e::people::{Document, li, zhang};
use e2e::refusal::refused;
use e2e::stage::upload_of;
use futures_util::future::join_all;
use tonic::{Code, Response, Status};

const JULY: &str = "2026-07-20T10:00+08:00";
const JUNE: &str = "2026-06-20T10:00+08:00";
const NIGHT: &str = "2026-07-20T23:30+08:00";
/// 2026-07-21T08:00+08:00, until when the messages of these tests wait.
const MORNING: i64 = 1_784_592_000;
/// The same request at once, to every replica.
const TWINS: usize = 16;

/// Sends `request` sixteen times at once, then twice more, and `other`, which has the same id, once. `id` is what the first
/// answers already know for good; what follows in the background may change the rest until the next.
async fn thrice<Q, A, F, Fut>(
    stage: &Stage,
    [request, other]: [Q; 2],
    call: F,
    id: fn(&A) -> String,
) -> anyhow::Result<()>
where
    Q: Clone,
    A: Debug + PartialEq,
    F: Fn(Q) -> Fut,
    Fut: Future<Output = Result<Response<A>, Status>>,
{
    let before = marks(stage).await?;
    let twins = join_all((0..TWINS).map(|_| call(request.clone()))).await;
    let mut firsts = Vec::new();
    for twin in twins {
        firsts.push(id(&twin?.into_inner()));
    }
    stage.settle().await?;
    let once = marks(stage).await?;
    assert_ne!(before, once, "the first call has an effect");
    let second = call(request.clone()).await?.into_inner();
    stage.settle().await?;
    let third = call(request).await?.into_inner();
    stage.settle().await?;
    assert_eq!(second, third);
    assert!(!id(&second).is_empty());
    assert!(firsts.iter().all(|first| *first == id(&second)), "{firsts:?} and {}", id(&second));
    assert_eq!(marks(stage).await?, once, "repeats have none");
    let reused = (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refused(call(other).await)?, reused);
    assert_eq!(marks(stage).await?, once, "neither has a refused one");
    Ok(())
}

fn case_id(application: &Option<pb::Application>) -> String {
    application.as_ref().map(|a| a.application_id.clone()).unwrap_or_default()
}

async fn all_of(service: &str) -> anyhow::Result<()> {
    let mut repeated = 0;
    for access in ACCESS_TABLE.iter().filter(|access| access.mutation) {
        let (package, method) = access.path.rsplit_once('/').unwrap();
        if !package.ends_with(service) {
            continue;
        }
        repeat(method).await.map_err(|error| error.context(access.path))?;
        repeated += 1;
    }
    assert!(repeated > 0, "{service} has no mutation");
    Ok(())
}

const SERVICES: [&str; 5] =
    ["LoanService", "ApplicationService", "DeskService", "PolicyService", "NotificationService"];

#[test]
fn every_service_with_mutations_is_repeated_here() {
    for access in ACCESS_TABLE.iter().filter(|access| access.mutation) {
        let (package, _) = access.path.rsplit_once('/').unwrap();
        assert!(SERVICES.iter().any(|service| package.ends_with(service)), "{}", access.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loans() -> anyhow::Result<()> {
    all_of(SERVICES[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn applications() -> anyhow::Result<()> {
    all_of(SERVICES[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn desk() -> anyhow::Result<()> {
    all_of(SERVICES[2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions() -> anyhow::Result<()> {
    all_of(SERVICES[3]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages() -> anyhow::Result<()> {
    all_of(SERVICES[4]).await
}

/// Sets a stage for a mutation and repeats it.
async fn repeat(method: &str) -> anyhow::Result<()> {
    match method {
        "RegisterLoan" => register_loan().await,
        "RecordPayment" => record_payment().await,
        "SubmitApplication" => submit_application().await,
        "UploadEvidence" => upload_evidence().await,
        "ProposeTerms" => propose_terms().await,
        "AcceptOffer" => accept_offer().await,
        "WithdrawApplication" => withdraw_application().await,
        "RequestReview" => request_review().await,
        "ClaimApplication" => claim_application().await,
        "ReviewEvidence" => review_evidence().await,
        "RequestEvidence" => request_evidence().await,
        "OfferTerms" => offer_terms().await,
        "RefuseApplication" => refuse_application().await,
        "CoSign" => co_sign().await,
        "Assess" => assess().await,
        "PublishPack" => publish_pack().await,
        "ProposeActivation" => propose_activation().await,
        "ConfirmActivation" => confirm_activation().await,
        "WithdrawActivation" => withdraw_activation().await,
        "Enqueue" => enqueue().await,
        "Cancel" => cancel().await,
        "PutContactProfile" => put_contact_profile().await,
        other => anyhow::bail!("`{other}` is a mutation that is never repeated: add it here"),
    }
}

async fn register_loan() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(li().loan.registration()) };
    let other =
        pb::RegisterLoanRequest { loan: Some(li().of("other").loan.registration()), ..request.clone() };
    let call = |request| {
        let client = stage.loans("service:core");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.register_loan(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::RegisterLoanResponse| {
        a.loan.clone().unwrap_or_default().loan_id
    })
    .await
}

async fn record_payment() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    let request = pb::RecordPaymentRequest {
        request_id: request_id(),
        loan_id: "loan-li".to_owned(),
        payment_id: "p-1".to_owned(),
        amount: Some(cny(50_000)),
        effective_date: None,
    };
    let other = pb::RecordPaymentRequest { amount: Some(cny(50_001)), ..request.clone() };
    let call = |request| {
        let client = stage.loans("service:core");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.record_payment(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::RecordPaymentResponse| {
        a.loan.clone().unwrap_or_default().etag
    })
    .await
}

async fn submit_application() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    let request = li().said;
    let other = pb::SubmitApplicationRequest { narrative: "something else".to_owned(), ..request.clone() };
    let call = |request| {
        let mut client = stage.cases_for("li");
        async move { client.submit_application(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::SubmitApplicationResponse| case_id(&a.application)).await
}

/// The document's id is the key; a document of a case goes into its journal once.
async fn upload_evidence() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li().without_documents()).await?;
    let id = request_id();
    let upload = |content: &str| {
        let document = Document::new(common::EvidenceType::HospitalBill, "li", content);
        upload_of(&li().loan, &document, &id, &case.application_id)
    };
    let before = marks(&stage).await?;
    let mut answers = Vec::new();
    let mut once = Vec::new();
    for _ in 0..3 {
        let messages = tokio_stream::iter(upload("bill")?);
        answers.push(stage.cases("borrower:li")?.upload_evidence(messages).await?.into_inner());
        stage.settle().await?;
        once.push(marks(&stage).await?);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
    assert_ne!(before, once[0]);
    assert!(once.iter().all(|marks| *marks == once[0]), "{once:?}");
    let other = stage.cases("borrower:li")?.upload_evidence(tokio_stream::iter(upload("another")?)).await;
    assert_eq!(refused(other)?, (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    Ok(())
}

async fn propose_terms() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&li()).await?.application_id;
    let request = pb::ProposeTermsRequest {
        request_id: request_id(),
        application_id: id,
        terms: Some(deferral(2)),
        etag: String::new(),
    };
    let other = pb::ProposeTermsRequest { terms: Some(deferral(1)), ..request.clone() };
    let call = |request| {
        let client = stage.cases("borrower:li");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.propose_terms(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::ProposeTermsResponse| case_id(&a.application)).await
}

async fn accept_offer() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let request = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: case.application_id.clone(),
        offer_id: case.offers[0].offer_id.clone(),
        etag: case.etag.clone(),
    };
    let other = pb::AcceptOfferRequest { etag: String::new(), ..request.clone() };
    let call = |request| {
        let client = stage.cases("borrower:li");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.accept_offer(request).await }
    };
    let plan = |a: &pb::AcceptOfferResponse| a.plan.clone().unwrap_or_default().plan_id;
    thrice(&stage, [request, other], call, plan).await
}

async fn withdraw_application() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&li()).await?.application_id;
    let request = pb::WithdrawApplicationRequest { request_id: request_id(), application_id: id };
    let second = stage.apply(&li().of("li-2")).await?.application_id;
    let other = pb::WithdrawApplicationRequest { application_id: second, ..request.clone() };
    // A service without a subject, so that the other application is no matter of access.
    let call = |request| {
        let client = stage.cases("service:platform");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.withdraw_application(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::WithdrawApplicationResponse| case_id(&a.application))
        .await
}

async fn request_review() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let mut ids = Vec::new();
    for borrower in ["zhang", "zhang-2"] {
        let id = stage.apply(&zhang().of(borrower)).await?.application_id;
        stage.claim("officer:chen", &id).await?;
        let refuse = pb::RefuseApplicationRequest {
            request_id: request_id(),
            application_id: id.clone(),
            codes: vec![common::DeclineCode::NoReasonableCause.into()],
            note: String::new(),
        };
        stage.desk("officer:chen")?.refuse_application(refuse).await?;
        stage.settle().await?;
        ids.push(id);
    }
    let request = pb::RequestReviewRequest { request_id: request_id(), application_id: ids.remove(0) };
    let other = pb::RequestReviewRequest { application_id: ids.remove(0), ..request.clone() };
    let call = |request| {
        let client = stage.cases("service:platform");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.request_review(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::RequestReviewResponse| case_id(&a.application)).await
}

async fn claim_application() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    let second = stage.apply(&zhang().of("zhang-2")).await?.application_id;
    let request = pb::ClaimApplicationRequest { request_id: request_id(), application_id: id };
    let other = pb::ClaimApplicationRequest { application_id: second, ..request.clone() };
    let call = |request| {
        let client = stage.desk("officer:chen");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.claim_application(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::ClaimApplicationResponse| case_id(&a.application)).await
}

async fn review_evidence() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&zhang()).await?;
    stage.claim("officer:chen", &case.application_id).await?;
    let request = pb::ReviewEvidenceRequest {
        request_id: request_id(),
        application_id: case.application_id.clone(),
        evidence_id: case.evidence[0].evidence_id.clone(),
        verdict: common::EvidenceState::Accepted.into(),
        ..pb::ReviewEvidenceRequest::default()
    };
    let other = pb::ReviewEvidenceRequest { note: "good".to_owned(), ..request.clone() };
    let call = |request| {
        let client = stage.desk("officer:chen");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.review_evidence(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::ReviewEvidenceResponse| case_id(&a.application)).await
}

async fn request_evidence() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let types = vec![common::EvidenceType::TaxReturn.into()];
    let request = pb::RequestEvidenceRequest { request_id: request_id(), application_id: id, types };
    let types = vec![common::EvidenceType::Payslips.into()];
    let other = pb::RequestEvidenceRequest { types, ..request.clone() };
    let call = |request| {
        let client = stage.desk("officer:chen");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.request_evidence(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::RequestEvidenceResponse| case_id(&a.application)).await
}

async fn offer_terms() -> anyhow::Result<()> {
    let computed = |case: &pb::Application| -> anyhow::Result<pb::OfferTermsRequest> {
        let offer = labelled(&assessment(case)?.offers, common::OfferLabel::Proposal)?;
        Ok(pb::OfferTermsRequest {
            offer_ids: vec![offer.offer_id.clone()],
            ..pb::OfferTermsRequest::default()
        })
    };
    let own = |_: &pb::Application| -> anyhow::Result<pb::OfferTermsRequest> {
        Ok(pb::OfferTermsRequest {
            terms: Some(e2e::make::reduction("0.6", 3)),
            ..pb::OfferTermsRequest::default()
        })
    };
    for request in [&computed as &dyn Fn(&pb::Application) -> anyhow::Result<pb::OfferTermsRequest>, &own] {
        let stage = Stage::start(JULY).await?;
        let case = stage.apply(&zhang()).await?;
        stage.claim("officer:chen", &case.application_id).await?;
        let request = pb::OfferTermsRequest {
            request_id: request_id(),
            application_id: case.application_id.clone(),
            ..request(&case)?
        };
        let other = pb::OfferTermsRequest { note: "after a talk".to_owned(), ..request.clone() };
        let call = |request| {
            let client = stage.desk("officer:chen");
            async move { client.map_err(|e| Status::internal(e.to_string()))?.offer_terms(request).await }
        };
        thrice(&stage, [request, other], call, |a: &pb::OfferTermsResponse| case_id(&a.application)).await?;
    }
    Ok(())
}

async fn refuse_application() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &id).await?;
    let request = pb::RefuseApplicationRequest {
        request_id: request_id(),
        application_id: id,
        codes: vec![common::DeclineCode::NoReasonableCause.into()],
        note: String::new(),
    };
    let other = pb::RefuseApplicationRequest { note: "after a talk".to_owned(), ..request.clone() };
    let call = |request| {
        let client = stage.desk("officer:chen");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.refuse_application(request).await }
    };
    thrice(&stage, [request, other], call, |a: &pb::RefuseApplicationResponse| case_id(&a.application)).await
}

async fn co_sign() -> anyhow::Result<()> {
    for (verdict, other) in [
        (pb::CoSignVerdict::Signed, pb::CoSignVerdict::SentBack),
        (pb::CoSignVerdict::SentBack, pb::CoSignVerdict::Signed),
    ] {
        let stage = Stage::start(JUNE).await?;
        let (signed, _) = stage.wang_signed().await?;
        let request = pb::CoSignRequest {
            request_id: request_id(),
            application_id: signed.application_id,
            verdict: verdict.into(),
            note: "seen".to_owned(),
        };
        let other = pb::CoSignRequest { verdict: other.into(), ..request.clone() };
        let call = |request| {
            let client = stage.desk("supervisor:zhao");
            async move { client.map_err(|e| Status::internal(e.to_string()))?.co_sign(request).await }
        };
        thrice(&stage, [request, other], call, |a: &pb::CoSignResponse| case_id(&a.application)).await?;
    }
    Ok(())
}

async fn assess() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&zhang()).await?;
    let decision_id = assessment(&case)?.decision_id.clone();
    let known = policy::GetDecisionRequest { decision_id };
    let facts = stage.policy("officer:chen")?.get_decision(known).await?.into_inner().facts;
    let request = policy::AssessRequest {
        request_id: request_id(),
        pack_name: "cn-instalment".to_owned(),
        facts,
        dry_run: false,
    };
    let mut other = request.clone();
    other.facts.get_or_insert_default().case_id = "another".to_owned();
    let call = |request| {
        let client = stage.policy("officer:chen");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.assess(request).await }
    };
    thrice(&stage, [request, other], call, |a: &policy::AssessResponse| {
        a.decision.clone().unwrap_or_default().decision_id
    })
    .await
}

fn activation_id(activation: &Option<policy::Activation>) -> String {
    activation.as_ref().map(|a| a.activation_id.clone()).unwrap_or_default()
}

async fn publish_pack() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let request = policy::PublishPackRequest { request_id: request_id(), files: pack_files("2.0.0")? };
    let other = policy::PublishPackRequest { files: pack_files("2.0.1")?, ..request.clone() };
    let call = |request| {
        let client = stage.policy(ANN);
        async move { client.map_err(|e| Status::internal(e.to_string()))?.publish_pack(request).await }
    };
    thrice(&stage, [request, other], call, |a: &policy::PublishPackResponse| {
        a.pack.clone().unwrap_or_default().digest
    })
    .await
}

async fn propose_activation() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let request = proposal(&stage.publish("2.0.0").await?, "2026-07-21");
    let other = policy::ProposeActivationRequest { shadow_share: "0.1".to_owned(), ..request.clone() };
    let call = |request| {
        let client = stage.policy(ANN);
        async move { client.map_err(|e| Status::internal(e.to_string()))?.propose_activation(request).await }
    };
    thrice(&stage, [request, other], call, |a: &policy::ProposeActivationResponse| {
        activation_id(&a.activation)
    })
    .await
}

/// Two proposals of the same pack.
async fn two_proposals(stage: &Stage) -> anyhow::Result<[String; 2]> {
    let pack = stage.publish("2.0.0").await?;
    let one = stage.propose(proposal(&pack, "2026-07-21")).await?.activation_id;
    let two = stage.propose(proposal(&pack, "2026-07-22")).await?.activation_id;
    Ok([one, two])
}

async fn confirm_activation() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.apply(&li()).await?;
    let [one, two] = two_proposals(&stage).await?;
    let request = policy::ConfirmActivationRequest { request_id: request_id(), activation_id: one };
    let other = policy::ConfirmActivationRequest { activation_id: two, ..request.clone() };
    let call = |request| {
        let client = stage.policy(BO);
        async move { client.map_err(|e| Status::internal(e.to_string()))?.confirm_activation(request).await }
    };
    thrice(&stage, [request, other], call, |a: &policy::ConfirmActivationResponse| {
        activation_id(&a.activation)
    })
    .await
}

async fn withdraw_activation() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let [one, two] = two_proposals(&stage).await?;
    let request = policy::WithdrawActivationRequest { request_id: request_id(), activation_id: one };
    let other = policy::WithdrawActivationRequest { activation_id: two, ..request.clone() };
    let call = |request| {
        let client = stage.policy(BO);
        async move { client.map_err(|e| Status::internal(e.to_string()))?.withdraw_activation(request).await }
    };
    thrice(&stage, [request, other], call, |a: &policy::WithdrawActivationResponse| {
        activation_id(&a.activation)
    })
    .await
}

fn message(key: &str) -> mail::EnqueueRequest {
    mail::EnqueueRequest {
        request_id: request_id(),
        key: key.to_owned(),
        borrower_id: "li".to_owned(),
        message_class: mail::MessageClass::Service.into(),
        template: "withdrawn".to_owned(),
        parameters: [("loan_id".to_owned(), "loan-li".to_owned())].into(),
        not_before_time: Some(prost_types::Timestamp { seconds: MORNING, nanos: 0 }),
        ..mail::EnqueueRequest::default()
    }
}

async fn enqueue() -> anyhow::Result<()> {
    let stage = Stage::start(NIGHT).await?;
    let request = message("app-1/withdrawn/2");
    let other = mail::EnqueueRequest { key: "app-1/withdrawn/3".to_owned(), ..request.clone() };
    let call = |request| {
        let client = stage.mail("service:platform");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.enqueue(request).await }
    };
    let id = |a: &mail::EnqueueResponse| a.notification.clone().unwrap_or_default().notification_id;
    thrice(&stage, [request.clone(), other], call, id).await?;
    // The key is known whoever sends it, and under whatever request id.
    let before = marks(&stage).await?;
    let again = mail::EnqueueRequest { request_id: request_id(), ..request };
    stage.mail("service:other")?.enqueue(again).await?;
    assert_eq!(marks(&stage).await?, before);
    stage.until("2026-07-21T09:00+08:00").await?;
    assert_eq!(stage.told("li").await?, ["withdrawn"]);
    Ok(())
}

async fn cancel() -> anyhow::Result<()> {
    let stage = Stage::start(NIGHT).await?;
    stage.mail("service:platform")?.enqueue(message("k-1")).await?;
    let request = mail::CancelRequest { request_id: request_id(), key: "k-1".to_owned() };
    let other = mail::CancelRequest { key: "k-2".to_owned(), ..request.clone() };
    let call = |request| {
        let client = stage.mail("service:platform");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.cancel(request).await }
    };
    thrice(&stage, [request, other], call, |a: &mail::CancelResponse| a.cancelled.to_string()).await?;
    stage.until("2026-07-21T09:00+08:00").await?;
    assert_eq!(stage.told("li").await?, Vec::<String>::new());
    Ok(())
}

async fn put_contact_profile() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let request = mail::PutContactProfileRequest {
        request_id: request_id(),
        borrower_id: "li".to_owned(),
        time_zone: "Europe/London".to_owned(),
        language: mail::Language::En.into(),
        revision: 7,
    };
    let other = mail::PutContactProfileRequest { revision: 8, ..request.clone() };
    let call = |request| {
        let client = stage.mail("service:platform");
        async move { client.map_err(|e| Status::internal(e.to_string()))?.put_contact_profile(request).await }
    };
    thrice(&stage, [request, other], call, |a: &mail::PutContactProfileResponse| a.revision.to_string()).await
}
