//! Assess and GetDecision.

use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use prost::Message as _;
use tonic::Code;

use super::cases::{li, li_in};
use super::{ask, ask_as, date, fields, minor, question, refused, start};

#[tokio::test]
async fn li_is_offered_her_deferral_and_the_decision_is_kept() {
    let mut running = start().await;
    let answer = running.client.assess(ask(question(1, li()))).await.unwrap().into_inner();
    let decision = answer.decision.unwrap();
    assert_eq!(decision.outcome(), policy::Outcome::Offer);
    assert_eq!(decision.required_authority(), common::Authority::Automatic);
    assert_eq!((decision.case_id.as_str(), decision.pack_name.as_str()), ("app-li", "cn-instalment"));
    assert_eq!(decision.pack_digest.len(), 64);
    assert!(
        !decision.rules.is_empty()
            && !decision.affordability.is_empty()
            && !decision.derived_facts.is_empty()
    );
    let offer = decision
        .offers
        .iter()
        .find(|offer| offer.labels().any(|label| label == common::OfferLabel::Proposal))
        .unwrap();
    assert_eq!(
        (minor(&offer.present_value_loss), offer.present_value_loss_share.as_str()),
        (25_642, "0.0356")
    );
    assert_eq!(date(&offer.first_payment_date), "2026-10-15");
    assert_eq!(date(&offer.end_date), "2027-04-15");

    let create_time = decision.create_time.unwrap();
    assert_eq!(create_time.seconds, "2026-07-20T02:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second());
    let id = decision.decision_id.clone();
    let stored = policy::GetDecisionRequest { decision_id: id.clone() };
    let stored = running.client.get_decision(ask_as("auditor:a", stored)).await.unwrap().into_inner();
    assert_eq!(stored.decision.unwrap(), decision);
    assert_eq!(stored.facts.unwrap(), li());

    let trail = running.store.read_stream("decisions/app-li", 0, 10).await.unwrap();
    assert_eq!(trail.len(), 1);
    assert_eq!((trail[0].kind.as_str(), trail[0].actor.as_str()), ("decision_made", "service:application"));
    assert!(trail[0].body.contains(&id) && trail[0].body.contains("record_sha256"));
}

#[tokio::test]
async fn a_replay_gives_the_stored_answer() {
    let mut running = start().await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(running.client.assess(ask(question(1, li()))).await.unwrap().into_inner());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 1);
    assert_eq!(running.store.read_stream("decisions/app-li", 0, 10).await.unwrap().len(), 1);
    // The spelling of a UUID doesn't matter; another caller's request is another one.
    let mut shouted = question(1, li());
    shouted.request_id = shouted.request_id.to_uppercase();
    assert_eq!(running.client.assess(ask(shouted)).await.unwrap().into_inner(), answers[0]);
    let other = running.client.assess(ask_as("officer:chen", question(1, li()))).await.unwrap().into_inner();
    assert_ne!(other.decision.unwrap().decision_id, answers[0].decision.as_ref().unwrap().decision_id);
}

#[tokio::test]
async fn requests_at_once_make_one_decision() {
    let running = start().await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let mut client = running.client.clone();
            tokio::spawn(async move { client.assess(ask(question(1, li()))).await.unwrap().into_inner() })
        })
        .collect();
    let mut ids = Vec::new();
    for call in calls {
        ids.push(call.await.unwrap().decision.unwrap().decision_id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 1);
}

#[tokio::test]
async fn the_same_facts_give_the_same_decision() {
    let mut running = start().await;
    let mut bytes = Vec::new();
    let mut bodies = Vec::new();
    for number in 1..=2 {
        let answer = running.client.assess(ask(question(number, li()))).await.unwrap().into_inner();
        let mut decision = answer.decision.unwrap();
        let document = running.store.get("decision", &decision.decision_id).await.unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_str(&document.body).unwrap();
        bodies.push((body["facts"].to_string(), body["decision"].to_string()));
        decision.decision_id.clear();
        // A map has no order on the wire; everything else is compared byte by byte.
        let mut derived: Vec<_> = std::mem::take(&mut decision.derived_facts).into_iter().collect();
        derived.sort();
        bytes.push((decision.encode_to_vec(), derived));
    }
    assert_eq!(bytes[0], bytes[1]);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let mut running = start().await;
    let dry = policy::AssessRequest { dry_run: true, request_id: String::new(), ..question(1, li()) };
    let decision = running.client.assess(ask(dry)).await.unwrap().into_inner().decision.unwrap();
    assert_eq!(decision.outcome(), policy::Outcome::Offer);
    assert_eq!((decision.decision_id.as_str(), decision.create_time), ("", None));
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 0);
    // Nor does it use up the request id.
    running.client.assess(ask(question(1, li()))).await.unwrap();
}

#[tokio::test]
async fn all_violations_are_told_at_once() {
    let mut running = start().await;
    let mut facts = li();
    facts.reason = 0;
    facts.statement.as_mut().unwrap().dependants = 21;
    facts.loan.as_mut().unwrap().contract.as_mut().unwrap().annual_rate = "14.4 %".into();
    let wrong = policy::AssessRequest {
        request_id: "once".into(),
        pack_name: String::new(),
        facts: Some(facts),
        dry_run: false,
    };
    let status = running.client.assess(ask(wrong)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    let expected = [
        "request_id",
        "pack_name",
        "facts.loan.contract.annual_rate",
        "facts.reason",
        "facts.statement.dependants",
    ];
    assert_eq!(fields(&status), expected);
    let empty = running.client.assess(ask(policy::AssessRequest::default())).await.unwrap_err();
    assert_eq!(fields(&empty), ["request_id", "pack_name", "facts"]);
}

#[tokio::test]
async fn what_cannot_be_assessed_says_why() {
    let mut running = start().await;
    let unknown = policy::AssessRequest { pack_name: "mars".into(), ..question(1, li()) };
    let mut early = li();
    early.as_of_date.as_mut().unwrap().year = 2025;
    let rows = [
        (unknown, "ERROR_REASON_PACK_UNKNOWN"),
        (question(2, early), "ERROR_REASON_PACK_UNKNOWN"),
        (question(3, li_in("USD")), "ERROR_REASON_CURRENCY_MISMATCH"),
    ];
    for (request, reason) in rows {
        let status = running.client.assess(ask(request)).await.unwrap_err();
        assert_eq!(refused(&status), (Code::FailedPrecondition, reason.into()), "{status}");
    }
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_closed_loan_is_answered() {
    let mut running = start().await;
    let mut paid_up = li();
    let loan = paid_up.loan.as_mut().unwrap();
    let mut last = loan.events[0].clone();
    last.effective_date.clone_from(&loan.events[4].effective_date);
    if let Some(common::loan_event::Kind::Payment(payment)) = &mut last.kind {
        payment.payment_id = "pay-all".into();
        payment.amount.as_mut().unwrap().minor_units = 2_000_000;
    }
    loan.events.push(last);
    let mut written_off = li();
    written_off.loan.as_mut().unwrap().closed = true;
    for (number, facts) in [(1, paid_up), (2, written_off)] {
        let answer = running.client.assess(ask(question(number, facts))).await.unwrap().into_inner();
        let decision = answer.decision.unwrap();
        assert_eq!(decision.outcome(), policy::Outcome::Refuse, "{number}");
        assert_eq!(decision.decline_reasons[0].code(), common::DeclineCode::NotInArrearsOrAtRisk, "{number}");
        assert!(decision.offers.is_empty() && decision.affordability.is_empty(), "{number}");
    }
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_request_id_belongs_to_its_facts() {
    let mut running = start().await;
    running.client.assess(ask(question(1, li()))).await.unwrap();
    let mut other = li();
    other.statement.as_mut().unwrap().adults = 2;
    let other_pack = policy::AssessRequest { pack_name: "us-consumer".into(), ..question(1, li()) };
    for reused in [question(1, other), other_pack] {
        let status = running.client.assess(ask(reused)).await.unwrap_err();
        assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_REQUEST_ID_REUSED".into()));
    }
}

#[tokio::test]
async fn only_listed_roles_may_ask() {
    let mut running = start().await;
    for principal in ["borrower:li", "operator:o", "auditor:a"] {
        let status = running.client.assess(ask_as(principal, question(1, li()))).await.unwrap_err();
        assert_eq!(
            refused(&status),
            (Code::PermissionDenied, "ERROR_REASON_ACCESS_DENIED".into()),
            "{principal}"
        );
    }
    for principal in ["borrower:li", "operator:o"] {
        let read = policy::GetDecisionRequest { decision_id: "decision-1".into() };
        let status = running.client.get_decision(ask_as(principal, read)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{principal}");
    }
    let status = running.client.assess(tonic::Request::new(question(1, li()))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_absent_decision_is_not_found() {
    let mut running = start().await;
    let absent = policy::GetDecisionRequest { decision_id: "decision-404".into() };
    let status = running.client.get_decision(ask(absent)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::NotFound, "ERROR_REASON_NOT_FOUND".into()));
    let empty = running.client.get_decision(ask(policy::GetDecisionRequest::default())).await.unwrap_err();
    assert_eq!(fields(&empty), ["decision_id"]);
}

#[tokio::test]
async fn a_damaged_record_is_never_answered_with() {
    let mut running = start().await;
    let put = |id: &str, body_version| store::Write::Put {
        kind: "decision",
        id: id.to_owned(),
        expected_revision: 0,
        body_version,
        body: "{}".to_owned(),
        index: vec![
            ("case_id", "app-1".into()),
            ("borrower_id", "li".into()),
            ("pack_name", "cn-instalment".into()),
            ("pack_digest", "00".into()),
            ("outcome", "OFFER".into()),
            ("created_us", 0.into()),
        ],
    };
    let writes = vec![put("decision-damaged", 1), put("decision-newer", 2)];
    running.store.commit(store::Commit { writes, ..store::Commit::default() }).await.unwrap();
    for (id, code) in [("decision-damaged", Code::DataLoss), ("decision-newer", Code::Internal)] {
        let read = policy::GetDecisionRequest { decision_id: id.into() };
        let status = running.client.get_decision(ask(read)).await.unwrap_err();
        assert_eq!(status.code(), code, "{id}");
        assert!(!status.message().contains(id), "{status}");
    }
}
