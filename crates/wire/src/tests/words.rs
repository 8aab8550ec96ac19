//! Enums, primitives, money and terms.

use api::google::r#type::Date as DateMessage;
use api::leeway::common::v1;
use assessment::{Proposal, ProposedMeasure, ProposedPay};
use chassis::Violations;
use loan::Terms;

use super::samples::{amount, cny, day, measures, ratio};
use super::{check, fine, violations};
use crate::*;

/// Every number up to `last` reads and writes back to itself; zero and the number behind the last are refused.
fn round<T>(last: i32, read: impl Fn(&mut Violations, &str, i32) -> Option<T>, write: impl Fn(T) -> i32) {
    for number in 1..=last {
        assert_eq!(write(fine(|v| read(v, "word", number))), number);
    }
    check(|v| read(v, "word", 0), &[("word", "REQUIRED")]);
    check(|v| read(v, "word", last + 1), &[("word", "UNKNOWN_VALUE")]);
    check(|v| read(v, "word", -1), &[("word", "UNKNOWN_VALUE")]);
}

#[test]
fn every_word_of_every_enum_passes_both_ways() {
    round(15, hardship_reason_in, |word| hardship_reason_out(word).into());
    round(16, evidence_type_in, |word| evidence_type_out(word).into());
    round(5, evidence_state_in, |word| evidence_state_out(word).into());
    round(5, malicious_indicator_in, |word| malicious_indicator_out(word).into());
    round(15, decline_code_in, |word| decline_code_out(word).into());
    round(3, authority_in, |word| authority_out(word).into());
    round(6, offer_label_in, |word| offer_label_out(word).into());
    round(3, credit_reporting_in, |word| credit_reporting_out(word).into());
    round(5, bucket_in, |word| bucket_out(word).into());
    round(6, outcome_in, |word| outcome_out(word).into());
    round(3, verdict_in, |word| verdict_out(word).into());
    round(4, proposal_outcome_in, |word| proposal_outcome_out(word).into());
    round(4, amortisation_in, |word| amortisation_out(word).into());
    round(3, business_day_rule_in, |word| business_day_rule_out(word).into());
    round(4, part_in, |word| part_out(word).into());
    round(2, charge_part_in, |word| charge_part_out(word).into());
}

/// Like [`round`] for an enum whose zero means its first word, or the one of `zero`.
fn round_default<T>(
    last: i32,
    zero: i32,
    read: impl Fn(&mut Violations, &str, i32) -> Option<T>,
    write: impl Fn(T) -> i32,
) {
    for number in 1..=last {
        assert_eq!(write(fine(|v| read(v, "word", number))), number);
    }
    assert_eq!(write(fine(|v| read(v, "word", 0))), zero);
    check(|v| read(v, "word", last + 1), &[("word", "UNKNOWN_VALUE")]);
    check(|v| read(v, "word", -1), &[("word", "UNKNOWN_VALUE")]);
}

#[test]
fn words_that_may_be_left_out_have_their_meaning() {
    round_default(4, 1, overpayment_in, |word| overpayment_out(word).into());
    round_default(3, 3, frequency_unit_in, |word| frequency_unit_out(word).into());
    round_default(2, 1, accrual_in, |word| accrual_out(word).into());
    round_default(2, 1, month_basis_in, |word| month_basis_out(word).into());
    round_default(4, 1, year_basis_in, |word| year_basis_out(word).into());
    round_default(4, 1, rounding_in, |word| rounding_out(word).into());
    round_default(2, 1, rounding_point_in, |word| rounding_point_out(word).into());
    round_default(2, 1, overdue_interest_in, |word| overdue_interest_out(word).into());
    round_default(2, 1, pay_off_interest_in, |word| pay_off_interest_out(word).into());
    round_default(3, 1, re_age_interest_in, |word| re_age_interest_out(word).into());
    round_default(3, 1, re_amortise_interest_in, |word| re_amortise_interest_out(word).into());
    let read = fine(|v| product_in(v, "product", None));
    assert_eq!((read.overdue_interest, read.pay_off_interest), Default::default());
}

#[test]
fn words_mean_the_same_on_both_sides() {
    for word in assessment::HardshipReason::ALL {
        let name = format!("HARDSHIP_REASON_{}", word.as_str());
        assert_eq!(hardship_reason_out(*word).as_str_name(), name);
    }
    for word in assessment::EvidenceType::ALL {
        assert_eq!(evidence_type_out(*word).as_str_name(), format!("EVIDENCE_TYPE_{}", word.as_str()));
    }
    for word in assessment::DeclineCode::ALL {
        assert_eq!(decline_code_out(*word).as_str_name(), format!("DECLINE_CODE_{}", word.as_str()));
    }
    for word in assessment::Outcome::ALL {
        assert_eq!(outcome_out(*word).as_str_name(), format!("OUTCOME_{}", word.as_str()));
    }
}

#[test]
fn primitives_are_refused_outside_their_bounds() {
    let long = "x".repeat(MAX_ID_BYTES + 1);
    for (text, expected) in [
        ("app-1_x.y:2", None),
        ("", Some("REQUIRED")),
        (&long, Some("TOO_LONG")),
        ("a b", Some("MALFORMED")),
        ("loan/li", Some("MALFORMED")),
        ("å", Some("MALFORMED")),
    ] {
        let found = violations(|v| id_in(v, "id", text));
        assert_eq!(found.first().map(|(_, reason)| reason.as_str()), expected, "{text}");
    }
    let uuid = "0B1F6C1E-4c43-4a52-9a5f-0d6a5e0f7a11";
    assert_eq!(fine(|v| request_id_in(v, "id", uuid)), uuid.to_lowercase());
    check(|v| request_id_in(v, "id", "1"), &[("id", "MALFORMED")]);
    check(|v| request_id_in(v, "id", ""), &[("id", "REQUIRED")]);
    for text in ["1e3", "+1", "1_0", "", ".", "--1", "0.1234567890123"] {
        assert_eq!(violations(|v| rate_in(v, "rate", text)).len(), 1, "`{text}`");
    }
    check(|v| rate_in(v, "rate", "-0.01"), &[("rate", "OUT_OF_RANGE")]);
    check(|v| rate_in(v, "rate", "10.01"), &[("rate", "OUT_OF_RANGE")]);
    assert_eq!(rate_out(fine(|v| rate_in(v, "rate", "0.1440"))), "0.144");
    check(|v| count_in(v, "adults", 21, 0..=20), &[("adults", "OUT_OF_RANGE")]);
    check(|v| count_in(v, "adults", -1, 0..=20), &[("adults", "OUT_OF_RANGE")]);
    check(|v| text_in(v, "source", "\u{7}", 10), &[("source", "MALFORMED")]);
    check(|v| text_in(v, "source", "语言语言", 3), &[("source", "TOO_LONG")]);
}

#[test]
fn dates_and_moments() {
    let date = |year, month, day| DateMessage { year, month, day };
    assert_eq!(fine(|v| date_in(v, "d", Some(&date(2028, 2, 29)))), day("2028-02-29"));
    assert_eq!(date_out(day("2028-02-29")), date(2028, 2, 29));
    assert_eq!(fine(|v| date_optional_in(v, "d", None)), None);
    check(|v| date_in(v, "d", None), &[("d", "REQUIRED")]);
    for (wrong, reason) in [
        (date(2026, 2, 29), "MALFORMED"),
        (date(2026, 0, 0), "MALFORMED"),
        (date(2026, 300, 1), "MALFORMED"),
        (date(0, 2, 1), "OUT_OF_RANGE"),
        (date(2201, 1, 1), "OUT_OF_RANGE"),
    ] {
        check(|v| date_in(v, "d", Some(&wrong)), &[("d", reason)]);
    }
    let moment: jiff::Timestamp = "2026-07-20T02:00:00.123456Z".parse().unwrap();
    assert_eq!(fine(|v| timestamp_in(v, "t", Some(&timestamp_out(moment)))), moment);
    let wrong = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    check(|v| timestamp_in(v, "t", Some(&wrong)), &[("t", "OUT_OF_RANGE")]);
}

#[test]
fn money_has_its_currency_and_bounds() {
    let money = |code: &str, minor_units| v1::Money { currency_code: code.into(), minor_units };
    let out = money_out(amount(107_970), cny());
    assert_eq!(out, money("CNY", 107_970));
    assert_eq!(fine(|v| money_in(v, "m", Some(&out), cny())), amount(107_970));
    assert_eq!(fine(|v| money_or_zero_in(v, "m", None, cny())), amount(0));
    assert_eq!(fine(|v| money_signed_in(v, "m", Some(&money("CNY", -1)), cny())), amount(-1));
    check(|v| money_in(v, "m", None, cny()), &[("m", "REQUIRED")]);
    check(|v| money_positive_in(v, "m", Some(&money("CNY", 0)), cny()), &[("m.minor_units", "OUT_OF_RANGE")]);
    check(
        |v| money_in(v, "m", Some(&money("USD", -1)), cny()),
        &[("m.currency_code", "OTHER_CURRENCY"), ("m.minor_units", "OUT_OF_RANGE")],
    );
    check(|v| money_in(v, "m", Some(&money("yuan", 1)), cny()), &[("m.currency_code", "MALFORMED")]);
    check(|v| money_in(v, "m", Some(&money("CNY", i64::MAX)), cny()), &[("m.minor_units", "OUT_OF_RANGE")]);
    check(|v| currency_in(v, "c", ANY_CURRENCY), &[("c", "MALFORMED")]);
}

#[test]
fn every_measure_passes_both_ways() {
    for measure in measures() {
        let terms = Terms { measures: vec![measure], first_payment: Some(day("2026-07-31")) };
        let message = terms_out(&terms, cny());
        assert_eq!(fine(|v| terms_in(v, "terms", Some(&message), cny())), terms);
    }
}

#[test]
fn a_proposal_may_leave_out_what_terms_must_say() {
    let proposal = Proposal {
        measures: vec![
            ProposedMeasure::WaivePenalty { waiver: None },
            ProposedMeasure::WaiveInterest { scope: None, waiver: None },
            ProposedMeasure::ForgivePrincipal { share: None },
            ProposedMeasure::Deferral { months: 3, interest: None },
            ProposedMeasure::PaymentReduction {
                pay: ProposedPay::Factor(ratio("0.5")),
                instalments: 3,
                shortfall_rows: None,
                interest: None,
            },
            ProposedMeasure::Settlement { sum: None, pay_by: None, parts: None },
        ],
        first_payment: None,
    };
    let message = proposal_out(&proposal, cny());
    assert_eq!(fine(|v| proposal_in(v, "proposal", Some(&message), cny())), proposal);
    check(
        |v| terms_in(v, "terms", Some(&message), cny()),
        &[
            ("terms.measures[2].forgive_principal.share", "REQUIRED"),
            ("terms.measures[3].deferral.interest", "REQUIRED"),
            ("terms.measures[4].payment_reduction.interest", "REQUIRED"),
            ("terms.measures[5].settlement.principal_share", "REQUIRED"),
            ("terms.measures[5].settlement.pay_by_date", "REQUIRED"),
        ],
    );
}

#[test]
fn measures_out_of_bounds_are_all_named() {
    use v1::measure::Kind;
    let terms = |kinds: Vec<Option<Kind>>| v1::Terms {
        measures: kinds.into_iter().map(|kind| v1::Measure { kind }).collect(),
        first_payment_date: None,
    };
    let message = terms(vec![
        Some(Kind::WaivePenalty(v1::WaivePenalty { share: "1.1".into(), amount: None })),
        Some(Kind::Deferral(v1::Deferral { months: 13, interest: 9 })),
        Some(Kind::PaymentReduction(v1::PaymentReduction {
            pay: Some(v1::payment_reduction::Pay::Factor("1".into())),
            instalments: 25,
            shortfall_rows: -1,
            interest: 1,
        })),
        Some(Kind::ReAge(v1::ReAge { rows: 2, to_end: true })),
        Some(Kind::TermExtension(v1::TermExtension { by: None })),
        Some(Kind::Settlement(v1::Settlement { principal_share: "0".into(), ..v1::Settlement::default() })),
        Some(Kind::TokenPayments(v1::TokenPayments { amount: None, months: 7 })),
        None,
    ]);
    check(
        |v| proposal_in(v, "p", Some(&message), cny()),
        &[
            ("p.measures[0].waive_penalty.share", "OUT_OF_RANGE"),
            ("p.measures[1].deferral.months", "OUT_OF_RANGE"),
            ("p.measures[1].deferral.interest", "UNKNOWN_VALUE"),
            ("p.measures[2].payment_reduction.factor", "OUT_OF_RANGE"),
            ("p.measures[2].payment_reduction.instalments", "OUT_OF_RANGE"),
            ("p.measures[2].payment_reduction.shortfall_rows", "OUT_OF_RANGE"),
            ("p.measures[3].re_age.to_end", "CONTRADICTION"),
            ("p.measures[4].term_extension.by", "REQUIRED"),
            ("p.measures[5].settlement.principal_share", "OUT_OF_RANGE"),
            ("p.measures[6].token_payments.amount", "REQUIRED"),
            ("p.measures[6].token_payments.months", "OUT_OF_RANGE"),
            ("p.measures[7]", "REQUIRED"),
        ],
    );
    check(|v| proposal_in(v, "p", Some(&terms(vec![])), cny()), &[("p.measures", "REQUIRED")]);
    check(|v| proposal_in(v, "p", None, cny()), &[("p", "REQUIRED")]);
    let all = || Some(Kind::WaivePenalty(v1::WaivePenalty::default()));
    check(
        |v| proposal_in(v, "p", Some(&terms(vec![all(), all()])), cny()),
        &[("p.measures[1]", "DUPLICATE")],
    );
    check(|v| proposal_in(v, "p", Some(&terms(vec![all(); 11])), cny()), &[("p.measures", "TOO_LONG")]);
    let mut several = terms(vec![
        Some(Kind::Deferral(v1::Deferral { months: 3, interest: 0 })),
        Some(Kind::TokenPayments(v1::TokenPayments { amount: Some(money_out(amount(1), cny())), months: 7 })),
        Some(Kind::Deferral(v1::Deferral { months: 0, interest: 1 })),
    ]);
    several.first_payment_date = Some(DateMessage::default());
    check(
        |v| terms_in(v, "t", Some(&several), cny()),
        &[
            ("t.first_payment_date", "OUT_OF_RANGE"),
            ("t.measures[2]", "DUPLICATE"),
            ("t.measures[1].token_payments.months", "OUT_OF_RANGE"),
            ("t.measures[2].deferral.months", "OUT_OF_RANGE"),
            ("t.measures[0].deferral.interest", "REQUIRED"),
        ],
    );
}
