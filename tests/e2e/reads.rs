//! What can be asked without changing anything: what would come out, what counts as proof, why it was decided.

use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as mail;
use api::leeway::policy::v1 as policy;
use e2e::flows::{assessment, labelled};
use e2e::make::{minor, request_id};
use e2e::people::{li, li_who_can_afford};
use e2e::{Refusal, Stage};

const JULY: &str = "2026-07-20T10:00+08:00";

fn check(case: &e2e::people::Case) -> pb::CheckEligibilityRequest {
    pb::CheckEligibilityRequest {
        loan_id: case.loan.loan_id.clone(),
        reason: case.said.reason,
        statement: case.said.statement.clone(),
        proposal: case.said.proposal.clone(),
        hardship_end_date: case.said.hardship_end_date,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_check_says_what_would_come_out_and_stores_nothing() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&li().loan).await?;
    let head = stage.application.store.feed_head().await?;
    let mut cases = stage.cases_for("li");
    let asked = cases.check_eligibility(check(&li())).await?.into_inner();
    assert_eq!((asked.outcome.as_str(), asked.required_authority()), ("OFFER", common::Authority::Automatic));
    let offer = labelled(&asked.offers, common::OfferLabel::Proposal)?;
    assert_eq!(minor(offer.present_value_loss.as_ref())?, 25_642);
    assert!(asked.accepted_evidence().any(|kind| kind == common::EvidenceType::HospitalBill));
    let refused = cases.check_eligibility(check(&li_who_can_afford())).await?.into_inner();
    let codes: Vec<_> = refused.decline_reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!((refused.outcome.as_str(), codes), ("REFUSE", vec![common::DeclineCode::CanAffordCurrent]));
    // What is verified only the platform states.
    let own_word = stage.cases("borrower:li")?.check_eligibility(check(&li())).await;
    let refusal = Refusal::expected(own_word)?;
    assert_eq!(refusal.about, ["statement.verified_income"]);
    stage.settle().await?;
    assert_eq!(stage.application.store.feed_head().await?, head);
    assert_eq!(stage.application.store.count("application", Vec::new()).await?, 0);
    assert_eq!(stage.policy_store()?.count("decision", Vec::new()).await?, 0);
    Ok(())
}

/// Penalty in Britain is at the contract rate, and no cap stands above it: 993.21 × 14.4 % × 5/360 = 1.99.
#[tokio::test(flavor = "multi_thread")]
async fn a_loan_of_a_pack_without_a_cost_cap_takes_its_penalty_from_the_pack() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let pounds = |money: &mut Option<common::Money>| {
        if let Some(money) = money {
            "GBP".clone_into(&mut money.currency_code);
        }
    };
    let mut british = li().loan.registration();
    british.pack_name = "uk-consumer".to_owned();
    if let Some(contract) = &mut british.contract {
        pounds(&mut contract.principal);
    }
    for event in &mut british.events {
        if let Some(common::loan_event::Kind::Payment(payment)) = &mut event.kind {
            pounds(&mut payment.amount);
        }
    }
    let loan = Some(british);
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan };
    stage.loans("service:core")?.register_loan(request).await?;
    let request = pb::GetLoanRequest { loan_id: li().loan.loan_id, as_of_date: None };
    let loan = stage.loans("officer:chen")?.get_loan(request).await?.into_inner().loan.unwrap_or_default();
    let product = loan.product.unwrap_or_default();
    assert_eq!((product.penalty_multiplier.as_str(), product.cost_cap.as_str()), ("1", "10"));
    let penalty = loan.arrears.unwrap_or_default().penalty.unwrap_or_default();
    assert_eq!((penalty.currency_code.as_str(), penalty.minor_units), ("GBP", 199));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_as_proof_is_said_beforehand() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let all = pb::GetEvidenceChecklistRequest::default();
    let all = stage.cases("borrower:li")?.get_evidence_checklist(all).await?.into_inner();
    assert_eq!(all.checklists.len(), 15, "every reason");
    assert!(all.checklists.iter().all(|list| !list.accepted.is_empty()));
    assert_eq!((all.max_evidence_bytes, all.media_types.len()), (10_485_760, 4));
    let reason = common::HardshipReason::CaringDependant;
    let one = pb::GetEvidenceChecklistRequest { reason: reason.into(), pack_name: String::new() };
    let one = stage.cases("borrower:li")?.get_evidence_checklist(one).await?.into_inner();
    let [list] = one.checklists.as_slice() else { panic!("{:?}", one.checklists) };
    assert_eq!(list.reason(), reason);
    assert!(list.accepted().any(|kind| kind == common::EvidenceType::DiagnosisCertificate));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_tells_every_rule_and_its_schedule_can_be_previewed() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let summary = assessment(&case)?;
    let request = policy::GetDecisionRequest { decision_id: summary.decision_id.clone() };
    let answer = stage.policy("auditor:wu")?.get_decision(request).await?.into_inner();
    let (decision, facts) = (answer.decision.unwrap(), answer.facts.unwrap());
    assert_eq!(
        (facts.case_id.as_str(), decision.case_id.as_str()),
        (case.application_id.as_str(), facts.case_id.as_str())
    );
    assert_eq!(decision.pack_digest, summary.pack_digest);
    for rule in ["R1", "R3", "R5", "R6", "R7", "R8"] {
        let verdict = decision.rules.iter().find(|known| known.rule_id == rule).unwrap();
        for condition in &verdict.conditions {
            assert_ne!(condition.verdict(), policy::Verdict::Unspecified, "{rule}");
            assert!(condition.source.starts_with("rules.toml:"), "{rule}: {}", condition.source);
        }
    }
    let pack =
        policy::GetPackRequest { pack_name: "cn-instalment".to_owned(), ..policy::GetPackRequest::default() };
    let pack = stage.policy("auditor:wu")?.get_pack(pack).await?.into_inner().pack.unwrap();
    assert_eq!((pack.digest.as_str(), pack.reasons.len()), (decision.pack_digest.as_str(), 15));

    let offer = labelled(&case.offers, common::OfferLabel::Proposal)?;
    let preview = policy::PreviewScheduleRequest {
        loan: facts.loan,
        as_of_date: facts.as_of_date,
        terms: offer.terms.clone(),
        pack_name: String::new(),
    };
    let preview = stage.policy("borrower:li")?.preview_schedule(preview).await?.into_inner();
    let unpaid: Vec<_> = preview.after.iter().filter(|row| row.paid_date.is_none()).cloned().collect();
    let shown = |rows: &[common::Instalment]| -> Vec<_> {
        rows.iter().map(|row| (row.nr, row.due_date, minor(row.total_due.as_ref()).unwrap())).collect()
    };
    assert_eq!(shown(&unpaid), shown(&offer.instalments));
    assert_eq!(preview.present_value_loss, offer.present_value_loss);
    assert_eq!(preview.waived, offer.waived);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_tells_how_it_was_delivered() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.apply(&li()).await?;
    for message in stage.inbox("li").await? {
        let request = mail::GetNotificationRequest { notification_id: message.notification_id };
        let sent =
            stage.mail("borrower:li")?.get_notification(request).await?.into_inner().notification.unwrap();
        assert_eq!(sent.state(), mail::NotificationState::Delivered);
        let [attempt] = sent.attempts.as_slice() else { panic!("{:?}", sent.attempts) };
        assert_eq!((attempt.delivered, attempt.channel()), (true, mail::Channel::InApp));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_names_who_it_was_done_for_and_who_did_it() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let trail = stage.application.store.read_stream(&case.application_id, 0, 10).await?;
    assert_eq!(trail[0].kind, "submitted");
    assert_eq!(trail[0].actor, "borrower:li through service:platform");
    // What people are shown is who it was.
    assert_eq!(stage.case(&case.application_id).await?.steps[0].actor, "borrower:li");
    Ok(())
}
