//! How cases are read: every field and remark by its value, and every error for its own case.

use loan::cases::{self, Case, CaseLoan, CasesError, Subject};
use loan::{
    Accrual, Amortisation, Contract, DayCount, Event, EventKind, Frequency, FrequencyUnit, MonthBasis,
    OverdueInterest, Overpayment, PayOffInterest, ReAgeInterest, ReAmortiseInterest, Rounding, RoundingPoint,
    YearBasis,
};
use serde_json::{Value, json};

use crate::common::{date, money, ratio};

/// A plain loan of a made-up case.
fn plain() -> Value {
    json!({
        "principal": "1200.00", "currency": "CNY", "annual_rate_pct": "14.4",
        "interest_method": "declining_balance", "amortisation": "equal_instalments",
        "interest_period": "same_as_repayment", "day_count": {"days_in_month": 30, "days_in_year": 360},
        "repay_every": 1, "repay_unit": "months", "n_instalments": 4, "interest_from": "2026-01-31",
        "rounding": {"mode": "HALF_EVEN", "instalment_multiple_of": null}
    })
}

/// The plain loan with other values in some fields.
fn with(changes: Value) -> Value {
    let mut loan = plain();
    for (key, value) in changes.as_object().unwrap() {
        loan[key] = value.clone();
    }
    loan
}

fn file(cases: Value) -> Vec<u8> {
    serde_json::to_vec(&json!({"format": "peer-schedule-cases/1", "generated": "2026-11-02", "cases": cases}))
        .unwrap()
}

fn case(loan: Value, events: Value) -> Case {
    cases::read(&file(json!([{"id": "X1", "loan": loan, "events": events}]))).unwrap().remove(0)
}

fn loan(loan: Value, events: Value) -> CaseLoan {
    match case(loan, events).subject.unwrap() {
        Subject::Loan(loan) => *loan,
        Subject::Interest(_) => panic!("a loan was asked for"),
    }
}

fn contract(changes: Value) -> Contract {
    loan(with(changes), json!([])).origin.contract().clone()
}

fn kinds(events: &[Event]) -> Vec<(String, EventKind)> {
    events.iter().map(|event| (event.effective.to_string(), event.kind.clone())).collect()
}

#[test]
fn terms_are_read_by_value() {
    let contract = contract(json!({}));
    assert_eq!(contract.principal, money("1200.00"));
    assert_eq!(contract.annual_rate.to_string(), "0.144");
    assert_eq!((contract.first_due, contract.anchor_day), (date("2026-02-28"), Some(31)));
    assert_eq!(contract.conventions, loan::Conventions::default());

    let absent = self::contract(
        json!({"annual_rate_pct": null, "down_payment_pct": "12.5", "amortisation": "interest_only"}),
    );
    assert!(absent.annual_rate.decimal().is_zero());
    assert_eq!(absent.conventions.down_payment, ratio("0.125"));
    assert_eq!(absent.amortisation, Amortisation::InterestOnly);
    let flat = self::contract(json!({"interest_method": "flat", "amortisation": "equal_principal"}));
    assert_eq!(flat.amortisation, Amortisation::Flat);
    let principal = self::contract(json!({"amortisation": "equal_principal"}));
    assert_eq!(principal.amortisation, Amortisation::EqualPrincipal);
    let fixed = self::contract(json!({"n_instalments": null, "fixed_instalment": 400}));
    assert_eq!((fixed.instalments, fixed.conventions.fixed_instalment), (600, Some(money("400.00"))));
}

#[test]
fn conventions_are_read_by_value() {
    let counts = [
        (json!({"days_in_month": "30", "days_in_year": "360"}), DayCount::THIRTY_360),
        (json!({"days_in_month": "actual", "days_in_year": 365}), DayCount::ACTUAL_365_FIXED),
        (json!({"days_in_month": "Actual", "days_in_year": "actual"}), DayCount::ACTUAL_ACTUAL),
        (
            json!({"days_in_month": "n/a", "days_in_year": 364}),
            DayCount { month: MonthBasis::Actual, year: YearBasis::Days364 },
        ),
    ];
    for (stated, expected) in counts {
        let contract = contract(json!({"day_count": stated, "interest_period": "daily"}));
        assert_eq!(
            (contract.conventions.day_count, contract.conventions.accrual),
            (expected, Accrual::Daily)
        );
    }
    let roundings = [
        (json!({"mode": "HALF_UP"}), Rounding::HalfUp, RoundingPoint::Period),
        (json!({"mode": "none on the way"}), Rounding::HalfEven, RoundingPoint::Period),
        (json!({"mode": "CEILING", "when": "each sub-interval"}), Rounding::Up, RoundingPoint::SubPeriod),
        (json!({"mode": "floor", "when": "once a period"}), Rounding::Down, RoundingPoint::Period),
        (json!({"note": "each sub-period by itself"}), Rounding::HalfEven, RoundingPoint::SubPeriod),
        (json!({"when": "once, not each sub-period"}), Rounding::HalfEven, RoundingPoint::Period),
    ];
    for (stated, rounding, point) in roundings {
        let conventions = contract(json!({"rounding": stated})).conventions;
        assert_eq!((conventions.rounding, conventions.rounding_point), (rounding, point), "{stated}");
    }
    for (stated, expected) in [
        (json!("5 (whole units)"), Some("5.00")),
        (json!(0.5), Some("0.50")),
        (json!("0"), None),
        (json!(null), None),
    ] {
        let multiple =
            contract(json!({"rounding": {"instalment_multiple_of": stated}})).instalment_multiple_of;
        assert_eq!(multiple, expected.map(money), "{stated}");
    }
}

#[test]
fn first_due_dates_follow_frequency_statement_or_anchor() {
    let every = |every: u16, unit: FrequencyUnit| Frequency { every, unit };
    let table = [
        (json!({"repay_every": 2, "repay_unit": "weeks"}), every(2, FrequencyUnit::Weeks), "2026-02-14"),
        (json!({"repay_every": "10", "repay_unit": "day"}), every(10, FrequencyUnit::Days), "2026-02-10"),
        (json!({"repay_unit": "years"}), every(12, FrequencyUnit::Months), "2027-01-31"),
        (json!({"first_due_date": "2026-03-05"}), Frequency::MONTHLY, "2026-03-05"),
        (json!({"note": "periods anchored on 15 March"}), Frequency::MONTHLY, "2026-02-15"),
        (json!({"note": "Anchored on 31 January."}), Frequency::MONTHLY, "2026-02-28"),
        (json!({"interest_from": "(any day)"}), Frequency::MONTHLY, "2026-12-02"),
        (json!({"interest_from": null, "disbursed_on": "2026-04-10"}), Frequency::MONTHLY, "2026-05-10"),
    ];
    for (changes, frequency, first_due) in table {
        let contract = contract(changes.clone());
        assert_eq!(contract.conventions.frequency, frequency, "{changes}");
        assert_eq!(contract.first_due, date(first_due), "{changes}");
        assert!(contract.check().is_ok(), "{changes}");
    }
}

#[test]
fn product_rules_come_from_remarks() {
    let plain = loan(plain(), json!([])).product;
    assert_eq!(plain.overdue_interest, OverdueInterest::None);
    assert_eq!(
        (plain.pay_off_interest, plain.overpayment),
        (PayOffInterest::ToDate, Overpayment::ReduceNext)
    );
    let other = loan(
        with(json!({
            "interest_on_overdue": "daily, on what is overdue",
            "preclose_rule": "interest to the end of the period",
            "prepayment": "reduces the last instalment"
        })),
        json!([]),
    )
    .product;
    assert_eq!(other.overdue_interest, OverdueInterest::ContractRate);
    assert_eq!(
        (other.pay_off_interest, other.overpayment),
        (PayOffInterest::ToPeriodEnd, Overpayment::ReduceLast)
    );
    assert!(other.penalty_rate(loan::Rate::parse("0.1").unwrap()).unwrap().decimal().is_zero());
}

#[test]
fn events_keep_their_order_and_say_when_they_count() {
    let events = json!([
        {"type": "payment", "date": "2026-02-28", "amount": "100.00"},
        {"type": "penalty", "due_date": "2026-03-02", "amount": "5.00"},
        {"type": "reschedule", "reschedule_from": "2026-03-31", "submitted_on": "2026-03-01", "extra_instalments": 2},
        {"type": "reschedule", "reschedule_from": "2026-03-01", "submitted_on": "2026-03-10", "new_annual_rate_pct": "7.2"},
        {"type": "interest_pause", "from": "2026-03-03", "to": "2026-03-09", "inclusive": "from"},
        {"type": "payment", "date": "2026-02-20", "amount": "7.00", "entered_on": "2026-03-12"},
        {"type": "interest_rate_change", "after_posted_instalment": 1, "new_annual_rate_pct": 3},
    ]);
    let loan = loan(plain(), events);
    let days: Vec<String> = loan.after.events.iter().map(|event| event.effective.to_string()).collect();
    let expected =
        ["2026-02-28", "2026-01-31", "2026-03-01", "2026-03-01", "2026-03-03", "2026-02-20", "2026-03-01"];
    assert_eq!(days, expected);
    assert!(loan.after.events.is_sorted_by(|a, b| a.entered < b.entered));
    assert_eq!(loan.after.as_of, date("2026-03-12"));
    assert!(
        matches!(&loan.after.events[1].kind, EventKind::Charge { due, .. } if *due == date("2026-03-02"))
    );
    assert!(
        matches!(&loan.after.events[4].kind, EventKind::InterestPaused { to, .. } if *to == date("2026-03-08"))
    );
    assert_eq!(loan.before.events, loan.after.events[..6]);
    assert_eq!(loan.before.as_of, date("2026-03-01"));
}

#[test]
fn undoing_finds_what_is_not_undone_yet() {
    let re_age = |day: &str, handling: Value| {
        json!({"type": "reage", "transaction_date": day, "first_due_date": "2026-07-01", "n_instalments": 3,
               "interest_handling": handling})
    };
    let events = json!([
        re_age("2026-03-01", json!(null)),
        re_age("2026-04-01", json!("EQUAL_AMORTIZATION_FULL_INTEREST")),
        {"type": "undo_reage", "date": "2026-04-02"},
        {"type": "undo_reage", "date": "2026-04-03"},
        {"type": "payment", "date": "2026-04-04", "amount": "10.00"},
        {"type": "payment", "date": "2026-04-04", "amount": "20.00"},
        {"type": "payment_reversal", "date": "2026-04-05", "payment_date": "2026-04-04", "amount": "10.00"},
        {"type": "reamortize", "transaction_date": "2026-04-06", "interest_handling": "WAIVE_INTEREST"},
    ]);
    let loan = loan(plain(), events);
    let kinds = kinds(&loan.after.events);
    let undone = |id: &str| EventKind::Undone { id: id.to_owned() };
    assert_eq!(kinds[2], ("2026-04-02".to_owned(), undone("reage-2")));
    assert_eq!(kinds[3], ("2026-04-03".to_owned(), undone("reage-1")));
    assert_eq!(kinds[6].1, EventKind::PaymentReversed { payment_id: "payment-5".to_owned() });
    assert!(
        matches!(&kinds[1].1, EventKind::ReAge { re_age, .. } if re_age.interest == ReAgeInterest::EqualFull)
    );
    assert!(matches!(&kinds[7].1, EventKind::ReAmortise { interest: ReAmortiseInterest::Waived, .. }));
    assert_eq!((loan.before.events.len(), loan.before.as_of), (7, date("2026-04-06")));
}

#[test]
fn undoing_passes_over_events_of_another_kind_or_a_later_day() {
    let re_age = |day: &str| json!({"type": "reage", "transaction_date": day, "first_due_date": "2026-07-01", "n_instalments": 3});
    let events = json!([
        re_age("2026-03-01"),
        re_age("2026-04-01"),
        {"type": "payment", "date": "2026-03-02", "amount": "10.00"},
        {"type": "undo_reage", "date": "2026-03-05"},
    ]);
    let kinds = kinds(&loan(plain(), events).after.events);
    assert_eq!(kinds[3], ("2026-03-05".to_owned(), EventKind::Undone { id: "reage-1".to_owned() }));
}

#[test]
fn a_reading_on_a_stated_day_wins() {
    let events = json!([
        {"type": "payment", "date": "2026-02-28", "amount": "100.00"},
        {"type": "as_of", "date": "2026-02-10"},
    ]);
    let loan = loan(plain(), events);
    assert_eq!(loan.after.as_of, date("2026-02-10"));
    assert!(loan.before.events.is_empty());
    assert_eq!(loan.before.as_of, date("2026-01-31"));
}

#[test]
fn what_was_agreed_before_the_loan_counts_from_its_first_day() {
    let agreed = json!([{"type": "reschedule", "reschedule_from": "2026-03-31", "submitted_on": "2026-01-10",
                         "extra_instalments": 1}]);
    let loan = loan(plain(), agreed);
    assert_eq!(loan.after.events[0].effective, date("2026-01-31"));
    assert_eq!(loan.after.as_of, date("2026-01-31"));
    let paid = json!([{"type": "payment", "date": "2026-01-10", "amount": "10.00"}]);
    assert_eq!(case(plain(), paid).rows().unwrap_err().code(), "EVENT_BEFORE_LOAN");
}

#[test]
fn each_case_has_its_own_error() {
    let table = [
        (with(json!({"principal": null})), json!([]), "CASE_FIELD_MISSING", "`principal` is missing"),
        (
            with(json!({"principal": "12.345"})),
            json!([]),
            "CASE_FIELD_UNREADABLE",
            "`principal` is `12.345`, which is not an amount of money",
        ),
        (
            with(json!({"repay_unit": "moons"})),
            json!([]),
            "CASE_FIELD_UNREADABLE",
            "`repay_unit` is `moons`, which is not days, weeks, months or years",
        ),
        (plain(), json!([{"type": "merge"}]), "CASE_EVENT_UNKNOWN", "event 1 is a `merge`, which is unknown"),
        (
            plain(),
            json!([{"type": "as_of", "date": "2026-02-10"}, {"type": "payment", "date": "soon", "amount": "1.00"}]),
            "CASE_FIELD_UNREADABLE",
            "event 2 (`payment`): `date` is `soon`, which is not an ISO date",
        ),
        (
            plain(),
            json!([{"type": "undo_reage", "date": "2026-02-10"}]),
            "CASE_NOTHING_TO_UNDO",
            "event 1 (`undo_reage`): there is no re-age that it could undo",
        ),
        (
            with(json!({"n_instalments": 0})),
            json!([]),
            "CONTRACT_INVALID",
            "instalments of the contract is out of range: must be 1 to 600",
        ),
        (json!("a loan"), json!([]), "CASE_SHAPE", "the case doesn't have the shape of one: "),
    ];
    for (loan, events, code, text) in table {
        let error = case(loan, events).rows().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let mixed = cases::read(&file(json!([{"id": "bad"}, {"loan": plain()}]))).unwrap();
    assert!(mixed[0].rows().is_err());
    assert_eq!((mixed[1].id.as_str(), mixed[1].rows().unwrap().len()), ("#2", 4));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    assert!(matches!(cases::read(b"not json"), Err(CasesError::Json(_))));
    assert!(matches!(cases::read(b"{\"cases\": 1}"), Err(CasesError::Json(_))));
    let other = br#"{"format": "peer-schedule-cases/2", "cases": []}"#;
    assert!(matches!(cases::read(other), Err(CasesError::Format { .. })));
    assert_eq!(cases::read(b"{\"cases\": []}").unwrap().len(), 0);
}

#[test]
fn single_interest_is_rounded_away_from_zero() {
    let calcs = json!([{"principal": "500.00", "annual_rate_pct": "7.3", "days": 10},
                       {"principal": "500.00", "annual_rate_pct": "7.4", "days": 10}]);
    let file = file(json!([{"id": "Y", "category": "interest_only_calc", "expected": {"calcs": calcs}}]));
    let case = cases::read(&file).unwrap().remove(0);
    let interests: Vec<i64> = case.calcs().iter().map(|calc| calc.interest.minor()).collect();
    assert_eq!(interests, [100, 102]);
    assert!(case.rows().unwrap().is_empty());
}

#[test]
fn a_case_shows_its_rows_before_and_after() {
    let reschedule = json!([{
        "type": "reschedule", "reschedule_from": "2026-02-28", "submitted_on": "2026-02-01", "extra_instalments": 2
    }]);
    let case = case(plain(), reschedule);
    let dues =
        |rows: Vec<cases::CaseRow>| -> Vec<String> { rows.iter().map(|row| row.due.to_string()).collect() };
    let four = ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"];
    assert_eq!(dues(case.rows_before().unwrap()), four);
    assert_eq!(dues(case.rows().unwrap()), [&four[..], &["2026-06-30", "2026-07-31"]].concat());
}

#[test]
fn a_case_has_a_thousand_events_at_most() {
    let told = |count: usize| {
        let events = vec![json!({"type": "as_of", "date": "2026-02-10"}); count];
        case(plain(), Value::Array(events)).rows()
    };
    assert!(told(1_000).is_ok());
    for count in [1_001, 1_500] {
        assert_eq!(told(count).unwrap_err().to_string(), format!("{count} events are more than 1000"));
    }
}

#[test]
fn what_runs_a_schedule_does_not_modify_it() {
    let change = json!({"type": "reschedule", "reschedule_from": "2026-03-31", "submitted_on": "2026-02-01",
                        "extra_instalments": 1});
    let running = [
        json!({"type": "payment", "date": "2026-02-28", "amount": "100.00"}),
        json!({"type": "payment", "date": "2026-02-28", "amount": "50.00", "entered_on": "2026-02-28"}),
        json!({"type": "fee", "due_date": "2026-03-01", "amount": "1.00"}),
        json!({"type": "penalty", "due_date": "2026-03-01", "amount": "1.00"}),
        json!({"type": "chargeback", "date": "2026-03-02", "amount": "1.00"}),
    ];
    let mut events = vec![change];
    events.extend(running);
    let quiet = loan(plain(), Value::Array(events.clone()));
    assert_eq!((quiet.before.events.len(), quiet.before.as_of), (0, date("2026-02-01")));
    events
        .push(json!({"type": "payment", "date": "2026-02-28", "amount": "5.00", "entered_on": "2026-03-05"}));
    let late = loan(plain(), Value::Array(events));
    assert_eq!((late.before.events.len(), late.before.as_of), (6, date("2026-03-05")));
}
