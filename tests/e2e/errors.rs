//! Every class of error that a caller can meet: code, reason, what it is about, and nothing from the inside.

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::upload_evidence_request::Part;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as mail;
use api::leeway::policy::v1 as policy;
use e2e::flows::labelled;
use e2e::make::{cny, day, deferral, monthly, request_id, statement};
use e2e::people::{Document, li, wang, zhang};
use e2e::refusal::refused;
use e2e::stage::upload_of;
use e2e::wire::{Wire, frame};
use e2e::{Refusal, Stage};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const JULY: &str = "2026-07-20T10:00+08:00";
const OFFICER: (&str, &str) = ("x-leeway-principal", "officer:chen");

fn about(code: Code, reason: &str, about: &[&str], retry: bool) -> Refusal {
    let about = about.iter().map(|what| (*what).to_owned()).collect();
    Refusal { code, reason: reason.to_owned(), about, retry }
}

fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_request_is_said_at_once() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    let mut affairs = statement(vec![monthly(-1, 0, 0)], vec![monthly(650_000, 0, 0)]);
    affairs.dependants = 21;
    affairs.adults = 99;
    let request = pb::SubmitApplicationRequest {
        request_id: "once more".to_owned(),
        loan_id: "loan-li".to_owned(),
        narrative: "长".repeat(4_001),
        hardship_end_date: Some(api::google::r#type::Date { year: 2026, month: 2, day: 30 }),
        statement: Some(affairs),
        evidence_ids: vec!["with space".to_owned()],
        proposal: Some(deferral(13)),
        ..pb::SubmitApplicationRequest::default()
    };
    let answer = stage.cases("borrower:li")?.submit_application(request).await;
    let refusal = Refusal::expected(answer)?;
    assert_eq!(refusal.short(), (Code::InvalidArgument, "VALIDATION_FAILED"));
    let mut fields = refusal.about;
    fields.sort();
    let expected = [
        "evidence_ids[0]",
        "hardship_end_date",
        "narrative",
        "proposal.measures[0].deferral.months",
        "reason",
        "request_id",
        "statement.adults",
        "statement.declared_income[0].amount.minor_units",
        "statement.dependants",
        "statement.verified_income",
        "statement.verified_income[0].amount.minor_units",
    ];
    assert_eq!(fields, expected);
    // The API's own words about a field never repeat what was written into it.
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_is_told_what_is_absent() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let absent = || "absent-404".to_owned();
    let not_found = is(Code::NotFound, "NOT_FOUND");
    let mut cases = stage.cases("officer:chen")?;
    let request = pb::GetApplicationRequest { application_id: absent() };
    assert_eq!(refused(cases.get_application(request).await)?, not_found);
    let request = pb::WatchApplicationRequest { application_id: absent(), resume_token: String::new() };
    assert_eq!(refused(cases.watch_application(request).await)?, not_found);
    let request = pb::GetLoanRequest { loan_id: absent(), as_of_date: None };
    assert_eq!(refused(stage.loans("officer:chen")?.get_loan(request).await)?, not_found);
    let request = pb::GetPlanRequest { plan_id: absent() };
    assert_eq!(refused(stage.plans("officer:chen")?.get_plan(request).await)?, not_found);
    let request = mail::GetNotificationRequest { notification_id: absent() };
    assert_eq!(refused(stage.mail("officer:chen")?.get_notification(request).await)?, not_found);
    let request = policy::GetDecisionRequest { decision_id: absent() };
    assert_eq!(refused(stage.policy("officer:chen")?.get_decision(request).await)?, not_found);
    let request = policy::GetPackRequest { pack_name: absent(), ..policy::GetPackRequest::default() };
    assert_eq!(refused(stage.policy("officer:chen")?.get_pack(request).await)?, not_found);
    let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: absent() };
    assert_eq!(refused(stage.desk("officer:chen")?.claim_application(claim).await)?, not_found);
    let payment = payment(&absent(), "p", 100);
    assert_eq!(refused(stage.loans("service:core")?.record_payment(payment).await)?, not_found);
    Ok(())
}

fn payment(loan_id: &str, payment_id: &str, minor_units: i64) -> pb::RecordPaymentRequest {
    pb::RecordPaymentRequest {
        request_id: request_id(),
        loan_id: loan_id.to_owned(),
        payment_id: payment_id.to_owned(),
        amount: Some(cny(minor_units)),
        effective_date: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_ids_are_refused() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let exists = is(Code::AlreadyExists, "ALREADY_EXISTS");
    let case = stage.apply(&li()).await?;
    let again = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(li().loan.registration()) };
    assert_eq!(refused(stage.loans("service:core")?.register_loan(again).await)?, exists);
    stage.loans("service:core")?.record_payment(payment("loan-li", "p-1", 100)).await?;
    let again = payment("loan-li", "p-1", 100);
    assert_eq!(refused(stage.loans("service:core")?.record_payment(again).await)?, exists);
    stage.register(&li().of("other").loan).await?;
    let mut other = li().of("other").said;
    other.application_id = case.application_id.clone();
    // Whose it is, or that it is there, is not told.
    let denied = is(Code::PermissionDenied, "ACCESS_DENIED");
    assert_eq!(refused(stage.cases_for("other").submit_application(other).await)?, denied);
    let document = Document::new(common::EvidenceType::HospitalBill, "li", "another content");
    let id = &case.evidence[0].evidence_id;
    let upload = upload_of(&li().loan, &document, id, "")?;
    let answer = stage.cases("borrower:li")?.upload_evidence(tokio_stream::iter(upload)).await;
    assert_eq!(refused(answer)?, exists);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn states_forbid_steps() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let id = &case.application_id;
    let subject = format!("application/{id}");
    // A second application on the loan: it says which one is open.
    let status = stage.cases_for("li").submit_application(li().said).await.unwrap_err();
    assert_eq!(
        Refusal::of(&status),
        about(Code::FailedPrecondition, "OPEN_APPLICATION_EXISTS", &["loan/loan-li"], false)
    );
    assert_eq!(status.get_details_error_info().unwrap().metadata["application_id"], *id);

    let accept = |offer: &str, etag: &str| pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: id.clone(),
        offer_id: offer.to_owned(),
        etag: etag.to_owned(),
    };
    let propose = |etag: &str| pb::ProposeTermsRequest {
        request_id: request_id(),
        application_id: id.clone(),
        terms: Some(deferral(2)),
        etag: etag.to_owned(),
    };
    let offer = case.offers[0].offer_id.clone();
    let mut li = stage.cases("borrower:li")?;
    let unknown = Refusal::expected(li.accept_offer(accept("offer-404", "")).await)?;
    assert_eq!(unknown, about(Code::FailedPrecondition, "WRONG_STATE", &[&subject], false));
    for answer in
        [li.accept_offer(accept(&offer, "1")).await.err(), li.propose_terms(propose("1")).await.err()]
    {
        let status = answer.unwrap();
        assert_eq!(Refusal::of(&status), about(Code::Aborted, "STALE_ETAG", &[], false));
        assert_eq!(status.get_details_resource_info().unwrap().resource_type, "");
    }
    let withdraw = pb::WithdrawApplicationRequest { request_id: request_id(), application_id: id.clone() };
    li.withdraw_application(withdraw).await?;
    let status = li.accept_offer(accept(&offer, "")).await.unwrap_err();
    assert_eq!(Refusal::of(&status), about(Code::FailedPrecondition, "WRONG_STATE", &[&subject], false));
    assert_eq!(status.get_details_error_info().unwrap().metadata["state"], "withdrawn");
    assert_eq!(refused(li.propose_terms(propose("")).await)?, is(Code::FailedPrecondition, "WRONG_STATE"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_loans_and_packs_do_not_allow() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    // A payment of another currency, in the future, of nothing.
    let mut foreign = payment("loan-li", "p-1", 100);
    foreign.amount = Some(common::Money { currency_code: "USD".to_owned(), minor_units: 100 });
    foreign.effective_date = Some(day("2026-07-21"));
    let refusal = Refusal::expected(stage.loans("service:core")?.record_payment(foreign).await)?;
    assert_eq!(refusal.about, ["amount.currency_code", "effective_date"]);
    let nothing =
        Refusal::expected(stage.loans("service:core")?.record_payment(payment("loan-li", "p", 0)).await)?;
    assert_eq!((nothing.code, nothing.about), (Code::InvalidArgument, vec!["amount.minor_units".to_owned()]));

    let check = |loan_id: &str| pb::CheckEligibilityRequest {
        loan_id: loan_id.to_owned(),
        reason: common::HardshipReason::CaringDependant.into(),
        statement: Some(statement(vec![monthly(900_000, 0, 0)], vec![monthly(650_000, 0, 0)])),
        ..pb::CheckEligibilityRequest::default()
    };
    let mut stray = li().of("stray").loan.registration();
    stray.pack_name = "mars-consumer".to_owned();
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(stray) };
    let answer = stage.loans("service:core")?.register_loan(request).await;
    assert_eq!(refused(answer)?, is(Code::FailedPrecondition, "PACK_UNKNOWN"));

    let mut abroad = li().of("abroad").loan.registration();
    abroad.pack_name = "us-consumer".to_owned();
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(abroad) };
    let answer = stage.loans("service:core")?.register_loan(request).await;
    assert_eq!(refused(answer)?, is(Code::FailedPrecondition, "CURRENCY_MISMATCH"));

    let mut paid = li().of("paid").loan;
    (paid.paid, paid.interest_from) = (12, day("2025-01-15"));
    stage.register(&paid).await?;
    let paid = stage.pay("loan-paid", 7).await?;
    assert!(paid.closed, "{:?}", paid.arrears);
    let answer = stage.cases_for("paid").check_eligibility(check("loan-paid")).await;
    assert_eq!(refused(answer)?, is(Code::FailedPrecondition, "NOT_ASSESSABLE"));
    let mut again = li().of("paid").said;
    again.evidence_ids.clear();
    let refusal = Refusal::expected(stage.cases_for("paid").submit_application(again).await)?;
    assert_eq!(refusal, about(Code::FailedPrecondition, "WRONG_STATE", &["loan/loan-paid"], false));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wire_is_guarded() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let wire = Wire::connect(stage.application.handle.grpc).await?;
    let get = "/leeway.application.v1.LoanService/GetLoan";
    let message = pb::GetLoanRequest { loan_id: "loan-li".to_owned(), as_of_date: None }.encode_to_vec();
    let huge =
        |bytes: usize| pb::GetLoanRequest { loan_id: "x".repeat(bytes), as_of_date: None }.encode_to_vec();
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Vec<u8>, Code, &'a str);
    let rows: [Row<'_>; 9] = [
        (
            "soon",
            get,
            &[OFFICER, ("grpc-timeout", "soon")],
            message.clone(),
            Code::InvalidArgument,
            "MALFORMED_DEADLINE",
        ),
        (
            "no time",
            get,
            &[OFFICER, ("grpc-timeout", "0m")],
            message.clone(),
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
        ),
        ("nobody", get, &[], message.clone(), Code::Unauthenticated, "PRINCIPAL_MISSING"),
        (
            "a root",
            get,
            &[("x-leeway-principal", "root:1")],
            message.clone(),
            Code::Unauthenticated,
            "PRINCIPAL_MISSING",
        ),
        (
            "an officer for somebody",
            get,
            &[OFFICER, ("x-leeway-subject", "borrower:li")],
            message.clone(),
            Code::Unauthenticated,
            "PRINCIPAL_MISSING",
        ),
        (
            "unknown method",
            "/leeway.application.v1.LoanService/DropLoans",
            &[OFFICER],
            message.clone(),
            Code::Unimplemented,
            "UNKNOWN_METHOD",
        ),
        (
            "unknown service",
            "/leeway.policy.v1.PolicyService/GetPack",
            &[OFFICER],
            message.clone(),
            Code::Unimplemented,
            "UNKNOWN_METHOD",
        ),
        ("3 MiB", get, &[OFFICER], huge(3 << 20), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        ("5 MiB", get, &[OFFICER], huge(5 << 20), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
    ];
    for (name, path, headers, message, code, reason) in rows {
        let status = wire.call(path, headers, frame(&message)?).await?;
        assert_eq!(Refusal::of(&status).short(), (code, reason), "{name}: {status:?}");
        silent(&status);
    }
    Ok(())
}

/// Bytes that are no message at all, and half a frame.
#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_are_refused() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let wire = Wire::connect(stage.application.handle.grpc).await?;
    let get = "/leeway.application.v1.LoanService/GetLoan";
    for body in [frame(&[0x0a, 0x7f, 0x01])?, vec![0, 0, 0, 0, 9, 1], Vec::new()] {
        let status = wire.call(get, &[OFFICER], body).await?;
        assert_eq!(Refusal::of(&status).short(), (Code::InvalidArgument, "VALIDATION_FAILED"), "{status:?}");
        silent(&status);
    }
    Ok(())
}

/// Nothing of the inside is told: no paths, no SQL, no crates.
fn silent(status: &Status) {
    let told = format!("{} {}", status.message(), String::from_utf8_lossy(status.details())).to_lowercase();
    for word in
        ["sqlite", "select ", ".rs", "panick", "tokio", "prost", "hyper", "unwrap", "/tmp", "decodeerror"]
    {
        assert!(!told.contains(word), "`{word}` in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_policy_is_away() -> anyhow::Result<()> {
    let mut stage = Stage::start(JULY).await?;
    let review = stage.apply(&zhang()).await?.application_id;
    stage.claim("officer:chen", &review).await?;
    stage.register(&li().loan).await?;
    let moved = stage.apply(&zhang().of("moved")).await?.application_id;
    let offers = stage.claim("officer:chen", &moved).await?.assessment.unwrap().offers;
    let offer = labelled(&offers, common::OfferLabel::Proposal)?.offer_id.clone();
    let offered = stage.offer("officer:chen", &moved, &[&offer]).await?;
    let second = li().of("second");
    stage.register(&second.loan).await?;
    let evidence = stage.upload(&second.loan, &second.documents[0], "").await?.evidence_id;

    stage.stop_policy().await;
    let away = about(Code::Unavailable, "DEPENDENCY_UNAVAILABLE", &[], true);
    let check = pb::CheckEligibilityRequest {
        loan_id: "loan-li".to_owned(),
        reason: common::HardshipReason::CaringDependant.into(),
        statement: li().said.statement,
        ..pb::CheckEligibilityRequest::default()
    };
    let status = stage.cases_for("li").check_eligibility(check).await.unwrap_err();
    assert_eq!(Refusal::of(&status), away);
    silent(&status);
    let own = pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: review.clone(),
        terms: Some(deferral(1)),
        ..pb::OfferTermsRequest::default()
    };
    assert_eq!(Refusal::expected(stage.desk("officer:chen")?.offer_terms(own).await)?, away);

    // Submitting goes on: the case is there, its assessment waits.
    let mut said = second.said.clone();
    said.evidence_ids = vec![evidence];
    let answer = stage.cases_for("second").submit_application(said).await?.into_inner();
    let case = answer.application.unwrap();
    assert_eq!((case.state(), case.next_actor()), (pb::ApplicationState::Submitted, pb::NextActor::Platform));

    // The loan moves, and nobody can compute the offer anew: what was offered is no longer exact.
    stage.loans("service:core")?.record_payment(payment("loan-moved", "p-1", 130_000)).await?;
    let accept = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: offered.application_id.clone(),
        offer_id: offered.offers[0].offer_id.clone(),
        etag: String::new(),
    };
    let refusal = Refusal::expected(stage.cases("borrower:moved")?.accept_offer(accept).await)?;
    let subject = format!("application/{}", offered.application_id);
    assert_eq!(refusal, about(Code::FailedPrecondition, "LOAN_RULE", &[&subject], false));
    assert_eq!(stage.loan("loan-moved").await?.plan_id, "");
    Ok(())
}

/// The pieces of an upload that begins at an offset.
fn pieces(
    id: &str,
    document: &Document,
    offset: usize,
    bytes: &[u8],
) -> anyhow::Result<Vec<pb::UploadEvidenceRequest>> {
    let mut messages = upload_of(&li().loan, document, id, "")?;
    messages.truncate(1);
    if let Some(Part::Start(start)) = messages[0].part.as_mut() {
        start.offset = i64::try_from(offset)?;
    }
    if !bytes.is_empty() {
        messages.push(pb::UploadEvidenceRequest {
            loan_id: "loan-li".to_owned(),
            part: Some(Part::Chunk(bytes.to_vec())),
        });
    }
    Ok(messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_break_off_and_go_on() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    let mut cases = stage.cases("borrower:li")?;
    let document = Document::new(common::EvidenceType::HospitalBill, "li", &"住院费用".repeat(1_000));
    let (id, half) = (request_id(), document.content.len() / 2);
    let size = i64::try_from(document.content.len())?;
    let stored = i64::try_from(half)?;
    let first = pieces(&id, &document, 0, &document.content[..half])?;
    let answer = cases.upload_evidence(tokio_stream::iter(first)).await?.into_inner();
    assert_eq!(answer.received_bytes, stored);
    assert_eq!(answer.evidence.unwrap().state(), common::EvidenceState::Incomplete);
    // Not a document yet: it can't be handed in.
    let mut said = li().said;
    said.evidence_ids = vec![id.clone()];
    let refusal = Refusal::expected(stage.cases_for("li").submit_application(said).await)?;
    assert_eq!(refusal, about(Code::InvalidArgument, "VALIDATION_FAILED", &["evidence_ids[0]"], false));
    // From the wrong place: it says where to go on. An empty upload says the same.
    let wrong = pieces(&id, &document, 7, &document.content[7..])?;
    let status = cases.upload_evidence(tokio_stream::iter(wrong)).await.unwrap_err();
    let subject = format!("evidence/{id}");
    assert_eq!(
        Refusal::of(&status),
        about(Code::FailedPrecondition, "UPLOAD_OFFSET_MISMATCH", &[&subject], false)
    );
    assert_eq!(status.get_details_error_info().unwrap().metadata["offset"], half.to_string());
    let ask = pieces(&id, &document, 0, &[])?;
    assert_eq!(cases.upload_evidence(tokio_stream::iter(ask)).await?.into_inner().received_bytes, stored);
    let rest = pieces(&id, &document, half, &document.content[half..])?;
    let answer = cases.upload_evidence(tokio_stream::iter(rest)).await?.into_inner();
    let evidence = answer.evidence.unwrap();
    assert_eq!((answer.received_bytes, evidence.state()), (size, common::EvidenceState::Received));
    assert_eq!((evidence.media_type.as_str(), evidence.failed_checks.len()), ("text/plain", 0));

    // Other bytes than announced: refused, forgotten, and sent anew.
    let id = request_id();
    let mut forged = document.content.clone();
    forged[3] ^= 1;
    let other = Document { content: [&document.content[..], b"2"].concat(), ..document.clone() };
    forged.push(b'2');
    let answer = cases.upload_evidence(tokio_stream::iter(pieces(&id, &other, 0, &forged)?)).await;
    assert_eq!(Refusal::expected(answer)?, about(Code::InvalidArgument, "CONTENT_HASH_MISMATCH", &[], false));
    let good = pieces(&id, &other, 0, &other.content)?;
    let answer = cases.upload_evidence(tokio_stream::iter(good)).await?.into_inner();
    assert_eq!(answer.evidence.unwrap().state(), common::EvidenceState::Received);

    // More than announced, and a chunk first.
    let more = pieces(&request_id(), &document, 0, &[&document.content[..], b"more"].concat())?;
    let refusal = Refusal::expected(cases.upload_evidence(tokio_stream::iter(more)).await)?;
    assert_eq!((refusal.code, refusal.about), (Code::InvalidArgument, vec!["chunk".to_owned()]));
    let headless = pieces(&request_id(), &document, 0, b"x")?.split_off(1);
    let refusal = Refusal::expected(cases.upload_evidence(tokio_stream::iter(headless)).await)?;
    assert_eq!((refusal.code, refusal.about), (Code::InvalidArgument, vec!["start".to_owned()]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_half_upload_can_not_be_touched() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    stage.register(&wang().loan).await?;
    let document = Document::new(common::EvidenceType::HospitalBill, "li", "住院费用清单");
    let (id, half) = (request_id(), document.content.len() / 2);
    let mut li_cases = stage.cases("borrower:li")?;
    let first = pieces(&id, &document, 0, &document.content[..half])?;
    li_cases.upload_evidence(tokio_stream::iter(first)).await?;
    // Wang knows the id, for whatever reason, and sends something under it for his own loan.
    let mut intruder = pieces(&id, &document, half, b"x")?;
    for message in &mut intruder {
        message.loan_id = "loan-wang".to_owned();
    }
    let intruded = stage.cases("borrower:wang")?.upload_evidence(tokio_stream::iter(intruder)).await;
    assert!(intruded.map_or(true, |answer| answer.into_inner().received_bytes == 1), "wang sees li's bytes");
    let rest = pieces(&id, &document, half, &document.content[half..])?;
    let answer = li_cases.upload_evidence(tokio_stream::iter(rest)).await?.into_inner();
    assert_eq!(answer.evidence.unwrap().state(), common::EvidenceState::Received);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_a_case_are_limited() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    for nr in 0..40 {
        let document = Document::new(common::EvidenceType::Other, "li", &format!("nr {nr}"));
        stage.upload(&li().loan, &document, "").await?;
    }
    let document = Document::new(common::EvidenceType::Other, "li", "one more");
    let upload = upload_of(&li().loan, &document, &request_id(), "")?;
    let answer = stage.cases("borrower:li")?.upload_evidence(tokio_stream::iter(upload)).await;
    assert_eq!(Refusal::expected(answer)?, about(Code::ResourceExhausted, "LIMIT_REACHED", &[], false));
    Ok(())
}
