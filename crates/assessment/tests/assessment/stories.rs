//! The stories of `domain.md` section 1 under the pack that ships.

use crate::support::{date, deferral, li, money, monthly, pack, wang, zhang};
use assessment::{
    Authority, CreditReporting, Decision, DeclineCode, EvidenceState, Facts, Offer, OfferLabel, Outcome,
    ProposalOutcome, Trace, Verdict, assess,
};
use loan::{
    Amount, DeferralInterest, Measure, Ratio, ReducedPayment, ReductionInterest, ShortfallOver, Waiver,
};

fn decide(facts: &Facts) -> Decision {
    assess(&pack("cn-instalment"), facts, Trace::Full).unwrap()
}

fn labelled(decision: &Decision, label: OfferLabel) -> &Offer {
    decision.offers.iter().find(|offer| offer.labels.contains(&label)).unwrap()
}

fn codes(decision: &Decision) -> Vec<DeclineCode> {
    decision.decline_reasons.iter().map(|reason| reason.code).collect()
}

fn total(offer: &Offer) -> Amount {
    Amount::try_sum(offer.instalments.iter().map(|row| row.total_due)).unwrap()
}

#[test]
fn li_is_offered_a_three_month_deferral_at_once() {
    let decision = decide(&li());
    assert_eq!(decision.outcome, Outcome::Offer, "{:#?}", decision.offers);
    assert_eq!(decision.required_authority, Authority::Automatic);
    assert!(decision.decline_reasons.is_empty());
    assert_eq!(decision.offers.len(), 1);
    let offer = labelled(&decision, OfferLabel::Proposal);
    assert!(offer.labels.contains(&OfferLabel::Recommended));
    assert_eq!(
        offer.terms.measures,
        [
            Measure::WaivePenalty { waiver: Waiver::ALL },
            Measure::Deferral { months: 3, interest: DeferralInterest::None },
        ]
    );
    assert_eq!(offer.present_value_loss, money("256.42"));
    assert_eq!(offer.present_value_loss_share, "0.0356");
    assert_eq!(offer.credit_reporting, CreditReporting::Current);
    assert_eq!(offer.relief_interest, Amount::ZERO);
    assert!(!offer.waived.penalty.is_zero());
    let rows: Vec<_> = offer.instalments.iter().map(|row| (row.nr, row.due_date, row.total_due)).collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[0], (6, date("2026-10-15"), money("1079.70")));
    assert_eq!(rows[6], (12, date("2027-04-15"), money("1079.76")));
    assert_eq!(decision.proposal.as_ref().unwrap().outcome, ProposalOutcome::Completed);
    assert_eq!(decision.proposal.as_ref().unwrap().offer_id, offer.offer_id);
}

#[test]
fn zhang_gets_his_proposal_completed_by_an_officer() {
    let decision = decide(&zhang());
    assert_eq!(decision.outcome, Outcome::Review);
    assert_eq!(decision.required_authority, Authority::Officer);
    let offer = labelled(&decision, OfferLabel::Proposal);
    assert_eq!(offer.required_authority, Authority::Officer);
    assert_eq!(offer.terms.first_payment, Some(date("2026-07-31")));
    assert_eq!(
        offer.terms.measures,
        [
            Measure::WaivePenalty { waiver: Waiver::ALL },
            Measure::PaymentReduction {
                pay: ReducedPayment::Factor(Ratio::parse("0.5").unwrap()),
                instalments: 3,
                shortfall_over: ShortfallOver::Rows(6),
                interest: ReductionInterest::None,
            },
        ]
    );
    let rows: Vec<_> = offer.instalments.iter().map(|row| (row.nr, row.due_date, row.total_due)).collect();
    let expected = [
        (9, "2026-07-31", "599.09"),
        (10, "2026-08-15", "599.09"),
        (11, "2026-09-15", "599.09"),
        (12, "2026-10-15", "1497.72"),
        (13, "2026-11-15", "1497.72"),
        (14, "2026-12-15", "1497.72"),
        (15, "2027-01-15", "1497.72"),
        (16, "2027-02-15", "1497.72"),
        (17, "2027-03-15", "1497.75"),
        (18, "2027-04-15", "1198.18"),
    ];
    for (row, (nr, due, amount)) in rows.iter().zip(expected) {
        assert_eq!(*row, (nr, date(due), money(amount)));
    }
    assert_eq!(total(offer), money("19170.85"));
    assert_eq!(decision.proposal.as_ref().unwrap().outcome, ProposalOutcome::Completed);
    assert!(decision.proposal.as_ref().unwrap().changes.len() >= 3);
}

#[test]
fn wang_can_settle_with_two_signatures() {
    let decision = decide(&wang());
    assert_eq!(decision.outcome, Outcome::Review);
    assert_eq!(decision.required_authority, Authority::OfficerAndSupervisor);
    let settles = |offer: &&Offer| {
        offer.terms.measures.iter().any(|measure| matches!(measure, Measure::Settlement { .. }))
    };
    let offer = decision.offers.iter().find(settles).unwrap();
    assert_eq!(offer.total_to_pay, money("4338.17"));
    assert_eq!(offer.end_date, date("2026-07-20"));
    assert_eq!(offer.waived.principal, money("228.32"));
    assert_eq!(offer.required_authority, Authority::OfficerAndSupervisor);
    assert_eq!(offer.credit_reporting, CreditReporting::Settled);
    assert!(decision.offers.len() >= 2, "{:#?}", decision.offers);
}

#[test]
fn a_duplicate_certificate_goes_to_an_officer_without_offers() {
    let mut facts = li();
    facts.statement.verified_income.clear();
    facts.evidence[0].duplicate_of_other_borrower = true;
    facts.evidence[0].passed_automatic_checks = false;
    let decision = decide(&facts);
    assert_eq!(decision.outcome, Outcome::Review);
    assert_eq!(codes(&decision), [DeclineCode::EvidenceUnverifiable]);
    assert!(decision.offers.is_empty());
    assert_eq!(decision.derived_facts["income.verified"], "false");
    let fired: Vec<&str> = decision
        .rules
        .iter()
        .filter(|rule| rule.verdict == Verdict::Fired)
        .map(|rule| rule.rule_id.as_str())
        .collect();
    assert_eq!(fired, ["R3"]);
}

#[test]
fn a_confirmed_forgery_is_refused() {
    let mut facts = li();
    facts.evidence[0].state = EvidenceState::Falsified;
    let decision = decide(&facts);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Refuse, vec![DeclineCode::EvidenceFalsified]));
    assert_eq!(decision.required_authority, Authority::Officer);
}

#[test]
fn after_broken_plans_an_officer_may_try_three_months() {
    let mut facts = li();
    facts.prior.broken_plans_12m = 2;
    facts.prior.plans_12m = 2;
    facts.prior.applications = 2;
    facts.proposal = Some(deferral(6));
    let decision = decide(&facts);
    assert_eq!(decision.outcome, Outcome::Review);
    assert!(codes(&decision).contains(&DeclineCode::PriorPlanBroken));
    assert_eq!(decision.required_authority, Authority::OfficerAndSupervisor);
    assert!(!decision.offers.is_empty());
    for offer in &decision.offers {
        for measure in &offer.terms.measures {
            match measure {
                Measure::WaivePenalty { .. } => {}
                Measure::Deferral { months, .. } => assert!(*months <= 3),
                Measure::PaymentReduction { instalments, .. } => assert!(*instalments <= 3),
                other => panic!("{other:?} is no trial plan"),
            }
        }
    }
    assert_eq!(decision.proposal.as_ref().unwrap().outcome, ProposalOutcome::Changed);
}

#[test]
fn who_can_afford_the_instalment_is_offered_a_new_date_only() {
    let mut facts = li();
    facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
    let decision = decide(&facts);
    assert_eq!(decision.outcome, Outcome::Refuse);
    assert_eq!(codes(&decision), [DeclineCode::CanAffordCurrent]);
    let reason = &decision.decline_reasons[0];
    for text in [&reason.reason.zh_cn, &reason.reason.en, &reason.remedy.zh_cn, &reason.remedy.en] {
        assert!(!text.is_empty());
    }
    assert_eq!(decision.offers.len(), 1);
    let expected = [Measure::Deferral { months: 1, interest: DeferralInterest::None }];
    assert_eq!(decision.offers[0].terms.measures, expected);
    assert_eq!(decision.proposal.as_ref().unwrap().outcome, ProposalOutcome::Changed);
}

/// One change of Li's facts, and what must come out.
#[test]
fn outcomes_follow_the_rules() {
    type Change = fn(&mut Facts);
    let rows: &[(&str, Change, Outcome, &[DeclineCode])] = &[
        ("moratorium holds", |facts| facts.flags.moratorium = true, Outcome::Hold, &[]),
        (
            "no evidence",
            |facts| facts.evidence.clear(),
            Outcome::EvidenceRequired,
            &[DeclineCode::EvidenceMissing],
        ),
        (
            "sent by somebody else",
            |facts| facts.submitter_is_not_borrower = true,
            Outcome::Review,
            &[DeclineCode::SubmitterNotBorrower],
        ),
        (
            "malice needs an indicator",
            |facts| facts.flags.malicious_indicators = vec![assessment::MaliciousIndicator::Absconding],
            Outcome::Refuse,
            &[DeclineCode::MaliciousIndicatorConfirmed],
        ),
        ("vulnerable and inside the mandate", |facts| facts.flags.vulnerable = true, Outcome::Offer, &[]),
        (
            "vulnerable without evidence",
            |facts| {
                facts.flags.vulnerable = true;
                facts.evidence.clear();
            },
            Outcome::SpecialistReview,
            &[DeclineCode::EvidenceMissing],
        ),
        (
            "relief limit",
            |facts| facts.prior.plans_12m = 1,
            Outcome::Review,
            &[DeclineCode::ReliefLimitReached],
        ),
        (
            "litigation",
            |facts| facts.flags.litigation = true,
            Outcome::Review,
            &[DeclineCode::LitigationOrEnforcement],
        ),
        (
            "declared income beyond a tenth",
            |facts| facts.statement.declared_income = vec![monthly("12000.00", 0, 0)],
            Outcome::Review,
            &[],
        ),
        (
            "nothing overdue and affordable",
            |facts| {
                facts.as_of = date("2026-07-10");
                facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
            },
            Outcome::Refuse,
            &[DeclineCode::CanAffordCurrent, DeclineCode::NotInArrearsOrAtRisk],
        ),
        ("nothing overdue yet but at risk", |facts| facts.as_of = date("2026-07-15"), Outcome::Offer, &[]),
        (
            "other debts leave too little for the mere deferral",
            |facts| {
                facts.statement.verified_income.clear();
                facts.statement.other_debt_balance = money("10000.00");
            },
            Outcome::Review,
            &[],
        ),
        (
            "a longer deferral than the tier allows",
            |facts| facts.proposal = Some(deferral(6)),
            Outcome::Review,
            &[],
        ),
        (
            "a document that an officer rejected",
            |facts| {
                for item in &mut facts.evidence {
                    item.state = EvidenceState::Rejected;
                }
            },
            Outcome::EvidenceRequired,
            &[DeclineCode::EvidenceMissing],
        ),
        (
            "a re-date of an affordable instalment",
            |facts| {
                facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
                facts.proposal = Some(deferral(1));
            },
            Outcome::Offer,
            &[],
        ),
        (
            "no income at all",
            |facts| {
                facts.statement.verified_income = vec![monthly("0.00", 0, 0)];
                facts.statement.declared_income.clear();
            },
            Outcome::Review,
            &[DeclineCode::UnsustainableEvenIfChanged],
        ),
    ];
    for (name, change, outcome, expected) in rows {
        let mut facts = li();
        change(&mut facts);
        let decision = decide(&facts);
        assert_eq!((decision.outcome, codes(&decision)), (*outcome, expected.to_vec()), "{name}");
    }
}

#[test]
fn essentials_far_above_the_benchmark_need_a_document() {
    let mut facts = zhang();
    facts.proposal = None;
    let with_statement = decide(&facts);
    assert_eq!(with_statement.derived_facts["essentials.excess_unproved"], "false");
    facts.evidence = vec![crate::support::document(assessment::EvidenceType::IncomeCertificate)];
    let without = decide(&facts);
    assert_eq!(without.derived_facts["essentials.excess_unproved"], "true");
    let rule = without.rules.iter().find(|rule| rule.rule_id == "O4-excess").unwrap();
    assert_eq!(rule.verdict, Verdict::Fired);
    assert_eq!((with_statement.outcome, without.outcome), (Outcome::Offer, Outcome::Review));
}

#[test]
fn a_proposal_that_cannot_be_kept_is_changed_with_the_reason() {
    let mut facts = zhang();
    if let Some(assessment::ProposedMeasure::PaymentReduction { pay, .. }) =
        facts.proposal.as_mut().and_then(|proposal| proposal.measures.first_mut())
    {
        *pay = assessment::ProposedPay::Factor(Ratio::parse("0.95").unwrap());
    }
    let decision = decide(&facts);
    let verdict = decision.proposal.as_ref().unwrap();
    assert_eq!(verdict.outcome, ProposalOutcome::Changed);
    let offer = labelled(&decision, OfferLabel::NearestToProposal);
    assert_eq!(verdict.offer_id, offer.offer_id);
    assert!(offer.terms.measures.iter().any(|measure| matches!(measure, Measure::PaymentReduction { .. })));
    let reason = verdict.changes.iter().find(|change| change.en.contains("can be spared")).unwrap();
    assert!(reason.en.contains("1,138.27 CNY") && reason.en.contains("810.00 CNY"), "{}", reason.en);
    assert!(reason.zh_cn.contains("810.00 CNY"));
}

#[test]
fn a_bare_settlement_proposal_is_completed_from_the_pack() {
    let mut facts = wang();
    let bare = assessment::ProposedMeasure::Settlement { sum: None, pay_by: None, parts: None };
    facts.proposal = Some(assessment::Proposal { measures: vec![bare], first_payment: None });
    let decision = decide(&facts);
    let offer = labelled(&decision, OfferLabel::Proposal);
    assert!(offer.labels.contains(&OfferLabel::Recommended));
    assert_eq!((offer.total_to_pay, offer.end_date), (money("4338.17"), date("2026-07-20")));
    assert_eq!(decision.proposal.as_ref().unwrap().outcome, ProposalOutcome::Completed);
    assert_eq!(decision.proposal.as_ref().unwrap().changes.len(), 4);
}
