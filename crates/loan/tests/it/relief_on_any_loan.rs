//! Relief, pay-off and days past due on loans of other conventions, and after other events: rules that hold everywhere.

use loan::{
    Account, Accrual, Amount, BusinessCalendar, BusinessDayRule, BusinessDays, ChargePart, Contract,
    Conventions, DeferralInterest, Event, EventKind, Extension, Frequency, FrequencyUnit, Grace,
    InterestScope, Measure, Origin, OverdueInterest, Product, Rate, ReAge, ReAgeInterest, ReAgeOver,
    ReAmortiseInterest, Reschedule, SettlementSum, State, Waiver,
};

use super::common::{contract, date, event, money, payment, product, rate, ratio, record, relief, terms};

fn open(contract: Contract) -> Account {
    Account::open(Origin::Computed(contract), product()).unwrap()
}

fn small(instalments: u16, first_due: &str, conventions: Conventions) -> Contract {
    let plain = contract("1200.00", instalments, "0.12", "2026-01-15");
    let first_due = date(first_due);
    Contract { first_due, anchor_day: None, conventions, ..plain }
}

fn dues(state: &State) -> Vec<String> {
    state.rows.iter().map(|row| row.row.due.to_string()).collect()
}

fn interests(state: &State) -> Vec<i64> {
    state.rows.iter().map(|row| row.row.interest.minor()).collect()
}

fn reschedule(from: &str, annual_rate: Option<Rate>, new_due: Option<&str>) -> EventKind {
    EventKind::Reschedule {
        id: "change".into(),
        change: Reschedule {
            from: date(from),
            new_due: new_due.map(date),
            extra_instalments: 0,
            grace_on_principal: 0,
            grace_on_interest: 0,
            annual_rate,
        },
    }
}

/// Name, contract, what happened, the day of the relief, the first row looked at, what the rows' interest is.
type RowsKept<'a> = (&'a str, Contract, Vec<Event>, &'a str, usize, &'a [i64]);

/// A rate that is "reduced" to the one in force re-solves everything and changes no interest of rows but by a re-spread
/// remainder: what rows hold beside the interest of their balance stays.
#[test]
fn a_new_solution_keeps_what_rows_bear() {
    let grace = |grace| Conventions { grace, ..Conventions::default() };
    let deferred = grace(Grace { interest_deferred: 2, ..Grace::default() });
    let free = grace(Grace { interest: 3, ..Grace::default() });
    let paused =
        EventKind::InterestPaused { id: "pause".into(), from: date("2026-01-16"), to: date("2026-03-15") };
    let folded = EventKind::ReAmortise { id: "fold".into(), interest: ReAmortiseInterest::Default };
    let plain = Conventions::default();
    let table: [RowsKept<'_>; 6] = [
        (
            "a long first period",
            small(4, "2026-03-15", plain.clone()),
            vec![],
            "2026-01-20",
            0,
            &[2_400, 913],
        ),
        (
            "interest put off by grace",
            small(6, "2026-02-15", deferred),
            vec![],
            "2026-01-20",
            0,
            &[0, 0, 2_979],
        ),
        ("free instalments", small(6, "2026-02-15", free), vec![], "2026-01-20", 0, &[0, 0, 0]),
        (
            "a pause",
            small(6, "2026-02-15", plain.clone()),
            vec![event("2026-01-16", paused)],
            "2026-01-20",
            0,
            &[0, 0],
        ),
        (
            "a holiday",
            small(6, "2026-02-15", plain.clone()),
            vec![event("2026-01-20", reschedule("2026-02-15", None, Some("2026-04-15")))],
            "2026-01-21",
            0,
            &[3_600],
        ),
        (
            "carried arrears",
            small(6, "2026-02-15", plain),
            vec![event("2026-04-01", folded)],
            "2026-04-02",
            2,
            &[3_405],
        ),
    ];
    for (what, contract, events, on, first, expected) in table {
        let same = Measure::RateReduction { rate: rate("0.12"), until: None };
        let loan = record(&open(contract), events);
        let after = record(&loan, [relief(on, "plan", &terms(vec![same], None))]).state(date(on)).unwrap();
        assert_eq!(&interests(&after)[first..first + expected.len()], expected, "{what}");
    }
}

#[test]
fn an_extension_leaves_grace_down_payments_and_charges_alone() {
    let two = |loan: &Account, on: &str| {
        let extension = Measure::TermExtension { by: Extension::Instalments(2) };
        record(loan, [relief(on, "plan", &terms(vec![extension], None))]).state(date(on)).unwrap()
    };
    let conventions = Conventions { down_payment: ratio("0.25"), ..Conventions::default() };
    let down = two(&open(small(4, "2026-02-15", conventions)), "2026-01-15");
    assert_eq!(down.rows[0].row.principal, money("300.00"));

    let grace = Grace { principal: 3, ..Grace::default() };
    let grace =
        two(&open(small(6, "2026-02-15", Conventions { grace, ..Conventions::default() })), "2026-01-20");
    assert!(grace.rows[..3].iter().all(|row| row.row.principal.is_zero()));
    assert_eq!(dues(&grace).len(), 8);

    let fee = EventKind::Charge {
        id: "fee".into(),
        part: ChargePart::Fee,
        due: date("2026-08-20"),
        amount: money("10.00"),
    };
    let charged = two(
        &record(&open(small(6, "2026-02-15", Conventions::default())), [event("2026-02-01", fee)]),
        "2026-02-03",
    );
    assert_eq!(&dues(&charged)[6..], ["2026-08-20", "2026-08-15", "2026-09-15"]);
    assert!(charged.rows[6].row.principal.is_zero());
}

#[test]
fn deferrals_count_months_of_the_rows_own_days() {
    let every = |every, unit| Conventions { frequency: Frequency { every, unit }, ..Conventions::default() };
    let following = |weekend: &[u8]| Conventions {
        business_days: Some(BusinessDays {
            rule: BusinessDayRule::Following,
            calendar: BusinessCalendar {
                weekend: weekend.iter().copied().collect(),
                ..BusinessCalendar::default()
            },
        }),
        ..Conventions::default()
    };
    let moved = event("2026-01-20", reschedule("2026-02-15", None, Some("2026-02-28")));
    let table = [
        (
            "weekly",
            small(6, "2026-03-26", every(1, FrequencyUnit::Weeks)),
            vec![],
            1,
            "2026-04-26",
            "2026-05-03",
        ),
        (
            "every ten days",
            small(6, "2026-01-31", every(10, FrequencyUnit::Days)),
            vec![],
            1,
            "2026-02-28",
            "2026-03-10",
        ),
        (
            "moved to the 28th",
            small(6, "2026-02-15", Conventions::default()),
            vec![moved],
            1,
            "2026-03-28",
            "2026-04-28",
        ),
        ("after weekends", small(4, "2026-01-31", following(&[6, 7])), vec![], 3, "2026-04-30", "2026-06-01"),
    ];
    for (what, contract, events, months, first, second) in table {
        let loan = record(&open(contract), events);
        let deferral = Measure::Deferral { months, interest: DeferralInterest::None };
        let after = record(&loan, [relief("2026-01-21", "plan", &terms(vec![deferral], None))]);
        let after = after.state(date("2026-01-21")).unwrap();
        assert_eq!(&dues(&after)[..2], [first, second], "{what}");
    }
}

#[test]
fn nominal_interest_knows_no_business_days() {
    let weekend = BusinessCalendar { weekend: [6, 7].into(), ..BusinessCalendar::default() };
    let business_days = Some(BusinessDays { rule: BusinessDayRule::Following, calendar: weekend });
    let base = contract("1200.00", 4, "0.12", "2026-04-15");
    let plain = open(base.clone()).state(date("2026-04-15")).unwrap();
    let moved = Contract { conventions: Conventions { business_days, ..Conventions::default() }, ..base };
    let moved = open(moved).state(date("2026-04-15")).unwrap();
    assert_eq!(dues(&moved)[3], "2026-08-17");
    assert_eq!(interests(&moved), interests(&plain));
}

#[test]
fn a_settlement_that_was_paid_in_time_stays_fulfilled() {
    let measures = vec![
        Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::ALL },
        Measure::Settlement {
            sum: SettlementSum::PrincipalShare(ratio("0.5")),
            pay_by: date("2026-04-20"),
            parts: 1,
        },
    ];
    let loan = open(small(6, "2026-02-15", Conventions::default()));
    let loan = record(&loan, [relief("2026-01-20", "plan", &terms(measures, None))]);
    let fee = EventKind::Charge {
        id: "fee".into(),
        part: ChargePart::Fee,
        due: date("2026-05-05"),
        amount: money("10.00"),
    };
    for paid_on in ["2026-04-10", "2026-04-20"] {
        let paid = payment(paid_on, "all", "600.00");
        let later = record(&loan, [paid, event("2026-05-05", fee.clone())]);
        for day in ["2026-05-05", "2026-05-06", "2026-12-31"] {
            let owed = later.state(date(day)).unwrap().owed;
            assert_eq!(owed.total().unwrap(), money("10.00"), "paid on {paid_on}, seen on {day}");
        }
    }
}

#[test]
fn who_pays_what_is_due_is_never_behind_by_contract() {
    let loan = open(contract("12000.00", 12, "0.144", "2026-01-15"));
    let lower = Measure::RateReduction { rate: rate("0.06"), until: None };
    let table = [
        ("a new rate", event("2026-01-20", reschedule("2026-01-20", Some(rate("0.06")), None))),
        ("a rate reduction", relief("2026-01-20", "plan", &terms(vec![lower], None))),
    ];
    for (what, change) in table {
        let mut loan = record(&loan, [change]);
        for nr in 1..=12_usize {
            let row = loan.state(date("2026-01-20")).unwrap().rows[nr - 1].row.clone();
            let kind = EventKind::Payment { id: format!("p{nr}"), amount: row.total().unwrap() };
            loan = record(&loan, [event(&row.due.to_string(), kind)]);
            let after = loan.state(loan::calendar::days_after(row.due, 20).unwrap()).unwrap();
            assert_eq!((after.dpd.current, after.dpd.contract), (0, 0), "{what}, row {nr}");
        }
    }
}

#[test]
fn relief_never_lowers_the_days_past_due_by_contract() {
    let loan = record(
        &open(contract("24000.00", 24, "0.18", "2025-10-15")),
        [payment("2025-11-15", "one", "1198.18")],
    );
    let on = "2026-02-20";
    let before = loan.state(date(on)).unwrap().dpd.contract;
    let settlement = |share| Measure::Settlement {
        sum: SettlementSum::PrincipalShare(ratio(share)),
        pay_by: date("2026-03-20"),
        parts: 1,
    };
    let table = [
        vec![Measure::WaivePenalty { waiver: Waiver::ALL }],
        vec![Measure::WaiveInterest { scope: InterestScope::Future, waiver: Waiver::ALL }],
        vec![Measure::ReAge { over: ReAgeOver::Remaining }],
        vec![Measure::Deferral { months: 3, interest: DeferralInterest::None }],
        vec![Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::ALL }, settlement("0.5")],
    ];
    for measures in table {
        let after = record(&loan, [relief(on, "plan", &terms(measures.clone(), None))]);
        assert!(after.state(date(on)).unwrap().dpd.contract >= before, "{measures:?}");
    }
}

#[test]
fn a_temporary_rate_ends_when_it_should_whatever_comes_between() {
    let until = Some(date("2026-04-15"));
    let cut = Measure::RateReduction { rate: rate("0.06"), until };
    let loan = open(contract("12000.00", 12, "0.144", "2026-01-15"));
    let loan = record(&loan, [relief("2026-01-20", "cut", &terms(vec![cut], None))]);
    let rates = |account: &Account| -> Vec<String> {
        let state = account.state(date("2026-01-21")).unwrap();
        state.rates.iter().map(|step| format!("{} {}", step.from, step.annual_rate)).collect()
    };
    let known = ["2026-01-15 0.144", "2026-01-20 0.06", "2026-04-16 0.144"];
    assert_eq!(rates(&loan), known);

    let longer = Measure::TermExtension { by: Extension::Instalments(1) };
    let longer = record(&loan, [relief("2026-01-21", "longer", &terms(vec![longer], None))]);
    assert_eq!(rates(&longer), known);
    let after = longer.state(date("2026-01-21")).unwrap();
    // Row 4 is the first whose month bears 14.4 % again: more interest on less principal.
    assert!(interests(&after)[3] > interests(&after)[2]);

    let lower = Measure::RateReduction { rate: rate("0.05"), until: Some(date("2026-03-15")) };
    let lower = record(&loan, [relief("2026-01-21", "lower", &terms(vec![lower], None))]);
    let expected =
        ["2026-01-15 0.144", "2026-01-20 0.06", "2026-01-21 0.05", "2026-03-16 0.06", "2026-04-16 0.144"];
    assert_eq!(rates(&lower), expected);
}

#[test]
fn interest_and_penalty_together_keep_under_the_cap() {
    let product = Product { overdue_interest: OverdueInterest::ContractRate, ..product() };
    let loan =
        Account::open(Origin::Computed(contract("1200.00", 1, "0.12", "2026-01-15")), product).unwrap();
    let owed = |account: &Account, day: &str| account.state(date(day)).unwrap().owed;
    // Up to the only due date nothing is overdue; after it the penalty rate, 18 %, replaces contract interest whole:
    // 1,200.00 × 0.18 × 303 / 360 = 181.80.
    assert_eq!(owed(&loan, "2026-12-15").penalty, money("181.80"));
    assert_eq!(owed(&loan, "2026-12-15").interest, money("12.00"));
    let raised = record(&loan, [event("2026-01-20", reschedule("2026-01-20", Some(rate("0.24")), None))]);
    // min(24 % × 1.5, 24 %): 1,200.00 × 0.24 × 303 / 360.
    assert_eq!(owed(&raised, "2026-12-15").penalty, money("242.40"));
}

#[test]
fn what_was_earned_is_paid_off_after_relief_too() {
    let daily = Conventions { accrual: Accrual::Daily, ..Conventions::default() };
    let loan = open(Contract { conventions: daily, ..contract("36500.00", 6, "0.10", "2026-01-15") });
    let loan = record(&loan, [payment("2026-01-25", "early", "10000.00")]);
    let waiver = terms(vec![Measure::WaivePenalty { waiver: Waiver::ALL }], None);
    let waived = record(&loan, [relief("2026-01-25", "plan", &waiver)]);
    for day in ["2026-01-25", "2026-02-14"] {
        assert_eq!(waived.pay_off_sum(date(day)).unwrap(), loan.pay_off_sum(date(day)).unwrap(), "{day}");
    }
    // A deferral takes nothing from the interest of a row that was due.
    let li = open(contract("12000.00", 12, "0.144", "2026-01-15"));
    let li = super::common::pay_on_time(&li, 5);
    let deferral = Measure::Deferral { months: 3, interest: DeferralInterest::None };
    let after = record(&li, [relief("2026-07-20", "plan", &terms(vec![deferral], None))]);
    let state = after.state(date("2026-07-20")).unwrap();
    let least = state.principal_left.add(state.rows[5].row.interest).unwrap();
    assert!(after.pay_off_sum(date("2026-07-20")).unwrap() >= least);
}

#[test]
fn interest_that_was_put_off_survives_re_ages_and_terminations() {
    let loan = open(small(6, "2026-02-15", Conventions::default()));
    let reduce = Measure::PaymentReduction {
        pay: loan::ReducedPayment::Amount(Amount::ZERO),
        instalments: 3,
        shortfall_over: loan::ShortfallOver::Rows(3),
        interest: loan::ReductionInterest::None,
    };
    let reduced = record(&loan, [relief("2026-04-01", "plan", &terms(vec![reduce], None))]);
    let put_off = money("30.13");
    let re_age = |interest| EventKind::ReAge {
        id: "re-age".into(),
        re_age: ReAge {
            first_due: date("2026-06-15"),
            instalments: 4,
            frequency: Frequency::MONTHLY,
            interest,
        },
    };
    for interest in [ReAgeInterest::Default, ReAgeInterest::EqualPayable, ReAgeInterest::EqualFull] {
        let after =
            record(&reduced, [event("2026-04-20", re_age(interest))]).state(date("2026-04-20")).unwrap();
        assert!(after.owed.interest >= put_off, "{interest:?}: {}", after.owed.interest);
    }
    let ended = record(&reduced, [event("2026-04-20", EventKind::Terminated { id: "end".into() })]);
    assert!(ended.state(date("2026-04-20")).unwrap().owed.interest >= put_off);
}

#[test]
fn money_is_never_counted_twice_and_never_refused() {
    let loan = open(small(6, "2026-02-15", Conventions::default()));
    let paid = record(&loan, [payment("2026-02-15", "big", "1000.00")]);
    let back = EventKind::Chargeback { id: "back".into(), amount: money("1000.00") };
    let charged_back = record(&paid, [event("2026-03-01", back)]);
    let reversal = EventKind::PaymentReversed { payment_id: "big".into() };
    let refused = charged_back.record(event("2026-03-02", reversal.clone())).unwrap_err();
    assert_eq!(refused.code(), "CHANGE_INVALID");

    // A bounced payment is taken back even where terms were accepted that no longer fit.
    let target = Measure::TermExtension { by: Extension::TargetPayment(money("5.00")) };
    let extended = record(&paid, [relief("2026-02-16", "plan", &terms(vec![target], None))]);
    let bounced = extended.record(event("2026-02-20", reversal)).unwrap().state(date("2026-02-20")).unwrap();
    assert_eq!(bounced.principal_left, money("1200.00"));

    // A settlement that lapses beside an extension leaves a loan that can be read.
    let settle = vec![
        Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::ALL },
        Measure::Settlement {
            sum: SettlementSum::PrincipalShare(ratio("0.5")),
            pay_by: date("2026-04-20"),
            parts: 1,
        },
    ];
    let lapsing = record(&paid, [relief("2026-03-20", "settle", &terms(settle, None))]);
    assert!(
        lapsing.state(date("2026-04-21")).unwrap().principal_left
            > lapsing.state(date("2026-04-20")).unwrap().principal_left
    );
}

#[test]
fn money_that_is_held_covers_what_is_owed_later() {
    let loan = open(small(6, "2026-02-15", Conventions::default()));
    let sum = loan.pay_off_sum(date("2026-01-20")).unwrap().add(money("100.00")).unwrap();
    let over = EventKind::Payment { id: "over".into(), amount: sum };
    let over = record(&loan, [event("2026-01-20", over)]);
    let held = over.state(date("2026-01-20")).unwrap();
    let fee = EventKind::Charge {
        id: "fee".into(),
        part: ChargePart::Fee,
        due: date("2026-09-01"),
        amount: money("10.00"),
    };
    let charged = record(&over, [event("2026-08-20", fee)]).state(date("2026-10-01")).unwrap();
    assert!(held.unallocated >= money("10.00"));
    assert_eq!((charged.dpd.current, charged.closed), (0, true));
    assert_eq!(charged.unallocated, held.unallocated.sub(money("10.00")).unwrap());
}
