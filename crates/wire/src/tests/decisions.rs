//! Decisions and offers.

use super::samples::{amount, cny, decision, offer};
use super::{check, fine};
use crate::*;

#[test]
fn decisions_pass_both_ways() {
    let stored = StoredDecision {
        decision_id: "decision-1".into(),
        create_time: Some("2026-07-20T02:00:00Z".parse().unwrap()),
        decision: decision(),
    };
    let message = decision_out(&stored, cny());
    assert_eq!(fine(|v| decision_in(v, "decision", Some(&message), cny())), stored);

    let mut dry = StoredDecision { decision_id: String::new(), create_time: None, decision: decision() };
    dry.decision.proposal = None;
    dry.decision.offers.clear();
    let message = decision_out(&dry, cny());
    assert_eq!(fine(|v| decision_in(v, "", Some(&message), cny())), dry);
}

#[test]
fn offers_pass_both_ways() {
    let mut offer = offer();
    let message = offer_out(&offer, cny());
    assert_eq!(message.expire_time, None);
    assert_eq!(fine(|v| offer_in(v, "offer", &message, cny())), offer);
    offer.first_payment_date = None;
    offer.annual_cost.clear();
    let message = offer_out(&offer, cny());
    assert_eq!(fine(|v| offer_in(v, "offer", &message, cny())), offer);
}

#[test]
fn all_violations_of_a_decision_are_collected() {
    let stored = StoredDecision { decision_id: String::new(), create_time: None, decision: decision() };
    let mut message = decision_out(&stored, cny());
    message.outcome = 0;
    message.offers[0].labels[0] = 0;
    message.offers[0].burden = "heavy".into();
    message.offers[0].witness = None;
    message.offers[0].instalments[0].penalty = Some(money_out(amount(-1), cny()));
    message.affordability[0].month = -1;
    message.rules[0].conditions[0].verdict = 7;
    message.search.as_mut().unwrap().front = -1;
    check(
        |v| decision_in(v, "d", Some(&message), cny()),
        &[
            ("d.outcome", "REQUIRED"),
            ("d.offers[0].labels[0]", "REQUIRED"),
            ("d.offers[0].instalments[0].penalty.minor_units", "OUT_OF_RANGE"),
            ("d.offers[0].witness", "REQUIRED"),
            ("d.offers[0].burden", "MALFORMED"),
            ("d.affordability[0].month", "OUT_OF_RANGE"),
            ("d.rules[0].conditions[0].verdict", "UNKNOWN_VALUE"),
            ("d.search.front", "OUT_OF_RANGE"),
        ],
    );
    let usd = loan::Currency::parse("USD").unwrap();
    let message = offer_out(&offer(), cny());
    let mut v = Violations::new();
    assert_eq!(offer_in(&mut v, "offer", &message, usd), None);
    check(|v| decision_in(v, "d", None, cny()), &[("d", "REQUIRED")]);
}
