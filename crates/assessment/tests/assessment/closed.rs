//! A closed loan is answered, not refused as a question.

use assessment::{
    AssessError, Authority, DeclineCode, Facts, HardshipReason, Outcome, Trace, Verdict, assess, fact_sheet,
};

use crate::support::{account, contract, li, pack};

fn paid_up() -> Facts {
    let mut facts = li();
    facts.loan.account = account(contract("12000.00", "0.144", 12, "2025-07-15"), 12);
    facts
}

#[test]
fn nothing_is_negotiated_about_a_closed_loan() {
    type Change = fn(&mut Facts);
    // (what, change of a paid-up loan's facts, outcome)
    let rows: &[(&str, Change, Outcome)] = &[
        ("paid", |_| (), Outcome::Refuse),
        (
            "written off, whatever the account says",
            |facts| facts.loan = assessment::LoanFacts { closed: true, ..li().loan },
            Outcome::Refuse,
        ),
        (
            "without proof or proposal",
            |facts| (facts.evidence, facts.proposal) = (Vec::new(), None),
            Outcome::Refuse,
        ),
        ("under a moratorium", |facts| facts.flags.moratorium = true, Outcome::Hold),
        // Who is protected is never refused by rules alone.
        ("vulnerable", |facts| facts.flags.vulnerable = true, Outcome::SpecialistReview),
        ("bereaved", |facts| facts.reason = HardshipReason::Bereavement, Outcome::SpecialistReview),
    ];
    let pack = pack("cn-instalment");
    for (name, change, outcome) in rows {
        let mut facts = paid_up();
        change(&mut facts);
        let decision = assess(&pack, &facts, Trace::Full).unwrap();
        assert_eq!((decision.outcome, decision.required_authority), (*outcome, Authority::Officer), "{name}");
        let codes: Vec<DeclineCode> = decision.decline_reasons.iter().map(|reason| reason.code).collect();
        assert_eq!(codes, [DeclineCode::NotInArrearsOrAtRisk], "{name}");
        assert!(decision.offers.is_empty() && decision.proposal.is_none(), "{name}");
        assert!(decision.affordability.is_empty() && decision.derived_facts.is_empty(), "{name}");
        assert_eq!(decision.rules.len(), pack.rules.len(), "{name}");
        for rule in &decision.rules {
            assert_eq!(rule.verdict, Verdict::NotReached, "{name} {}", rule.rule_id);
            let reached = |condition: &assessment::ConditionVerdict| condition.verdict != Verdict::NotReached;
            assert!(!rule.conditions.is_empty() && !rule.conditions.iter().any(reached), "{name}");
        }
        let short = assess(&pack, &facts, Trace::None).unwrap();
        assert!(short.rules.is_empty(), "{name}");
        assert_eq!(assessment::Decision { rules: decision.rules.clone(), ..short }, decision, "{name}");
    }
}

#[test]
fn a_closed_loan_has_no_facts_for_rules_and_must_still_be_a_question() {
    assert_eq!(fact_sheet(&pack("cn-instalment"), &paid_up()).unwrap_err(), AssessError::Closed);
    let refused = assess(&pack("us-consumer"), &paid_up(), Trace::None).unwrap_err();
    assert_eq!(refused.code(), "CURRENCY_MISMATCH");
    let mut facts = paid_up();
    facts.statement.adults = 21;
    let refused = assess(&pack("cn-instalment"), &facts, Trace::None).unwrap_err();
    assert_eq!(refused.code(), "INVALID_FACTS");
}
