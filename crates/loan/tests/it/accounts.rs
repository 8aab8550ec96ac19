//! Payments, penalty, overpayment, days past due, history and refused events.

use loan::{
    Account, Amount, Bucket, DeferralInterest, Event, EventKind, Measure, Origin, Overpayment, Part, Product,
    Ratio, ReAgeOver, StatedRow, VersionCause,
};

use crate::common::*;

/// 1,200.00 over 12 months without interest: 100.00 a month, so that sums can be done in the head.
fn free() -> Account {
    account(contract("1,200.00", 12, "0", "2026-01-31"))
}

/// 12,000.00 over 12 months at 12 %; penalty 18 % a year.
fn loan() -> Account {
    account(contract("12,000.00", 12, "0.12", "2026-01-15"))
}

fn suspended(effective: &str, from: &str, to: &str) -> Event {
    event(effective, EventKind::PenaltySuspended { from: date(from), to: date(to) })
}

#[test]
fn due_dates_return_to_the_anchor_day() {
    let dues: Vec<String> = free().origin.rows().unwrap().iter().map(|row| row.due.to_string()).collect();
    assert_eq!(dues[..4], ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]);
}

#[test]
fn buckets_follow_days_past_due() {
    let loan = free();
    let table = [
        ("2026-02-28", 0, Bucket::M0),
        ("2026-03-01", 1, Bucket::M1),
        ("2026-03-30", 30, Bucket::M1),
        ("2026-03-31", 31, Bucket::M2),
        ("2026-04-29", 60, Bucket::M2),
        ("2026-04-30", 61, Bucket::M3),
        ("2026-05-29", 90, Bucket::M3),
        ("2026-05-30", 91, Bucket::M4Plus),
    ];
    for (on, dpd, bucket) in table {
        let state = state(&loan, on);
        assert_eq!((state.dpd.current, state.dpd.contract, state.bucket), (dpd, dpd, bucket), "{on}");
    }
    let state = state(&loan, "2026-03-31");
    assert_eq!(state.arrears.principal, money("200.00"));
    assert_eq!(state.oldest_unpaid_due, Some(date("2026-02-28")));
    assert_eq!(state.next_due, Some(date("2026-04-30")));
}

#[test]
fn penalty_is_simple_on_overdue_principal_and_replaces_interest() {
    let loan = loan();
    let first = &loan.origin.rows().unwrap()[0];
    let thirty = |days: i64| {
        // 18 % a year, actual/360: principal × days / 2000.
        let minor = first.principal.minor() * days;
        Amount::round(rust_decimal::Decimal::from(minor) / rust_decimal::Decimal::from(2000)).unwrap()
    };
    for (on, days) in [("2026-02-15", 0), ("2026-02-16", 1), ("2026-03-15", 28)] {
        assert_eq!(state(&loan, on).rows[0].penalty, thirty(days), "{on}");
    }
    // No contract interest is added: interest owed is the schedule's.
    let late = state(&loan, "2026-03-14");
    assert_eq!(late.arrears.interest, first.interest);

    let paused = record(&loan, [suspended("2026-03-14", "2026-02-20", "2026-03-01")]);
    assert_eq!(state(&paused, "2026-03-14").rows[0].penalty, thirty(27 - 10));
    let overlapping = record(&paused, [suspended("2026-03-14", "2026-02-25", "2026-03-05")]);
    assert_eq!(state(&overlapping, "2026-03-14").rows[0].penalty, thirty(27 - 14));

    // The cap bounds the rate: 18 % × 1.5 is above 24 %.
    let dear = account(contract("12,000.00", 12, "0.18", "2026-01-15"));
    let penalty_rate = dear.product.penalty_rate(dear.contract().annual_rate).unwrap();
    assert_eq!(penalty_rate.to_string(), "0.24");
}

#[test]
fn penalty_goes_on_only_for_what_is_left() {
    let loan = loan();
    let row = loan.origin.rows().unwrap()[0].clone();
    let paid = record(&loan, [payment("2026-02-25", "part", "500.00")]);
    let after = state(&paid, "2026-03-07");
    let covered = &after.rows[0].paid;
    assert_eq!(covered.interest, row.interest);
    let ten_days = row.principal.minor() * 10;
    let unpaid = row.principal.sub(covered.principal).unwrap();
    let exact =
        rust_decimal::Decimal::from(ten_days + unpaid.minor() * 10) / rust_decimal::Decimal::from(2000);
    assert_eq!(after.rows[0].penalty, Amount::round(exact).unwrap());
    assert_eq!(covered.total().unwrap(), money("500.00"));
}

#[test]
fn payments_cover_parts_in_the_products_order() {
    let origin = loan().origin;
    let order = vec![Part::Principal, Part::Interest, Part::Fee, Part::Penalty];
    let loan = Account::open(origin, Product { allocation: order, ..product() }).unwrap();
    let principal = loan.origin.rows().unwrap()[0].principal;
    let kind = EventKind::Payment { id: "p".to_owned(), amount: principal };
    let paid = record(&loan, [event("2026-02-20", kind)]);
    let row = state(&paid, "2026-03-01").rows[0].clone();
    assert_eq!(
        (row.paid.principal, row.paid.interest, row.paid.penalty),
        (principal, Amount::ZERO, Amount::ZERO)
    );
    // Principal is paid, so penalty stands still at five days.
    assert_eq!(row.penalty, state(&paid, "2026-06-01").rows[0].penalty);
}

#[test]
fn overpayment_goes_to_the_next_or_the_last_rows() {
    let paid_rows = |overpayment| {
        let loan = Account::open(free().origin, Product { overpayment, ..product() }).unwrap();
        let loan = record(&loan, [payment("2026-02-28", "p", "350.00")]);
        let state = state(&loan, "2026-02-28");
        let paid: Vec<i64> = state.rows.iter().map(|row| row.paid.principal.minor() / 100).collect();
        paid
    };
    assert_eq!(paid_rows(Overpayment::ReduceNext), [100, 100, 100, 50, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(paid_rows(Overpayment::ReduceLast), [100, 0, 0, 0, 0, 0, 0, 0, 0, 50, 100, 100]);
    // Ahead of the due date the running instalment comes first under either setting.
    let loan =
        Account::open(free().origin, Product { overpayment: Overpayment::ReduceLast, ..product() }).unwrap();
    let early = state(&record(&loan, [payment("2026-02-10", "p", "150.00")]), "2026-02-28");
    assert_eq!(
        (early.rows[0].paid.principal, early.rows[11].paid.principal),
        (money("100.00"), money("50.00"))
    );
    assert_eq!(early.rows[0].paid_on, Some(date("2026-02-10")));

    let beyond = state(&record(&free(), [payment("2026-02-10", "p", "1,250.00")]), "2026-02-10");
    assert!(beyond.closed);
    assert_eq!(beyond.unallocated, money("50.00"));
    assert_eq!(beyond.dpd.current, 0);
}

#[test]
fn back_dated_and_reversed_payments_are_replayed() {
    let late =
        record(&loan(), [payment("2026-03-20", "b", "1,066.19"), payment("2026-02-15", "a", "1,066.19")]);
    let in_order =
        record(&loan(), [payment("2026-02-15", "a", "1,066.19"), payment("2026-03-20", "b", "1,066.19")]);
    assert_eq!(state(&late, "2026-04-01"), state(&in_order, "2026-04-01"));

    let reversal = event("2026-03-25", EventKind::PaymentReversed { payment_id: "a".to_owned() });
    let reversed = record(&in_order, [reversal.clone()]);
    assert_eq!(state(&reversed, "2026-03-24"), state(&in_order, "2026-03-24"));
    let without = record(&loan(), [payment("2026-03-20", "b", "1,066.19")]);
    assert_eq!(state(&reversed, "2026-04-01"), state(&without, "2026-04-01"));
    assert_eq!(reversed.record(reversal).unwrap_err().code(), "PAYMENT_UNKNOWN");
}

#[test]
fn events_that_make_no_sense_are_refused() {
    let deferral = terms(vec![Measure::Deferral { months: 1, interest: DeferralInterest::None }], None);
    let base =
        record(&loan(), [payment("2026-02-15", "a", "100.00"), relief("2026-02-20", "plan", &deferral)]);
    let reverse = |id: &str, on| event(on, EventKind::PaymentReversed { payment_id: id.to_owned() });
    let table = [
        (payment("2026-01-14", "early", "1.00"), "EVENT_BEFORE_LOAN"),
        (payment("2026-03-01", "zero", "0.00"), "PAYMENT_NOT_POSITIVE"),
        (payment("2026-03-01", "minus", "-1.00"), "PAYMENT_NOT_POSITIVE"),
        (payment("2026-03-01", "a", "1.00"), "DUPLICATE_ID"),
        (relief("2026-03-01", "plan", &deferral), "DUPLICATE_ID"),
        (reverse("nobody", "2026-03-01"), "PAYMENT_UNKNOWN"),
        (reverse("a", "2026-02-14"), "PAYMENT_UNKNOWN"),
        (undone("2026-03-01", "other", None), "RELIEF_UNKNOWN"),
        (undone("2026-02-19", "plan", None), "RELIEF_UNKNOWN"),
        (undone("2026-03-01", "plan", Some("2026-03-02")), "PERIOD_REVERSED"),
        (undone("2026-03-01", "plan", Some("2026-02-19")), "PERIOD_REVERSED"),
        (suspended("2026-03-01", "2026-02-02", "2026-02-01"), "PERIOD_REVERSED"),
    ];
    for (event, code) in table {
        assert_eq!(base.record(event.clone()).unwrap_err().code(), code, "{event:?}");
    }
    let closed = record(&loan(), [payment("2026-02-01", "all", "20,000.00")]);
    assert_eq!(closed.record(relief("2026-02-20", "plan", &deferral)).unwrap_err().code(), "NOTHING_OPEN");
    let ended = record(&base, [undone("2026-03-01", "plan", None)]);
    assert_eq!(ended.record(undone("2026-03-02", "plan", None)).unwrap_err().code(), "RELIEF_UNKNOWN");
}

fn stated(rows: &[(u32, &str, &str, &str)]) -> Origin {
    let row = |(nr, due, principal, interest): &(u32, &str, &str, &str)| StatedRow {
        nr: *nr,
        due: date(due),
        principal: money(principal),
        interest: money(interest),
        fee: money("1.00"),
    };
    let contract = contract("300.00", 3, "0.12", "2026-01-10");
    Origin::Stated { contract, rows: rows.iter().map(row).collect() }
}

#[test]
fn stated_rows_are_taken_as_they_are_or_refused_with_the_first_bad_one() {
    let good = [
        (1, "2026-02-10", "90.00", "5.00"),
        (2, "2026-03-12", "90.00", "4.00"),
        (3, "2026-04-10", "120.00", "0.00"),
    ];
    let loan = Account::open(stated(&good), product()).unwrap();
    let state = state(&loan, "2026-03-12");
    assert_eq!(state.arrears.fee, money("2.00"));
    assert_eq!(state.rows[1].row.balance_after, money("120.00"));
    let with = |index: usize, row| {
        let mut rows = good;
        rows[index] = row;
        rows
    };
    let table = [
        (with(0, (2, "2026-02-10", "90.00", "5.00")), 2),
        (with(1, (2, "2026-02-10", "90.00", "4.00")), 2),
        (with(1, (2, "2026-03-12", "-90.00", "4.00")), 2),
        (with(1, (2, "2026-03-12", "210.01", "4.00")), 2),
        (with(2, (3, "2026-04-10", "119.99", "0.00")), 3),
        (with(0, (1, "2026-01-10", "90.00", "5.00")), 1),
    ];
    for (rows, nr) in table {
        match Account::open(stated(&rows), product()).unwrap_err() {
            loan::LoanError::StatedRowInvalid { nr: found, .. } => assert_eq!(found, nr),
            other => panic!("{other}"),
        }
    }
    assert!(Account::open(stated(&[]), product()).is_err());
}

#[test]
fn products_and_contracts_out_of_range_are_refused() {
    let twice = Product { allocation: vec![Part::Principal, Part::Principal], ..product() };
    let negative = Product { penalty_multiplier: ratio("-1"), ..product() };
    for bad in [twice, negative] {
        assert_eq!(Account::open(loan().origin, bad).unwrap_err().code(), "PRODUCT_INVALID");
    }
    let good = contract("1.00", 1, "0.1", "2026-01-15");
    let bad = [
        loan::Contract { principal: Amount::ZERO, ..good.clone() },
        loan::Contract { instalments: 0, ..good.clone() },
        loan::Contract { instalments: 601, ..good.clone() },
        loan::Contract { annual_rate: rate("10.1"), ..good.clone() },
        loan::Contract { annual_rate: rate("-0.1"), ..good.clone() },
        loan::Contract { first_due: good.interest_from, ..good.clone() },
        loan::Contract { anchor_day: Some(16), ..good.clone() },
        loan::Contract { instalment_multiple_of: Some(Amount::ZERO), ..good },
    ];
    for contract in bad {
        assert_eq!(loan::schedule::build(&contract).unwrap_err().code(), "CONTRACT_INVALID", "{contract:?}");
    }
}

#[test]
fn history_counts_episodes_by_their_length() {
    // Row 1 three days late (no episode), row 2 five days late (one), rows 3 and 4 missed together (one, running).
    let loan = record(&free(), [payment("2026-03-03", "a", "100.00"), payment("2026-04-05", "b", "100.00")]);
    let state = state(&loan, "2026-06-01");
    let history = state.history(date("2026-06-01")).unwrap();
    assert_eq!(state.spells().len(), 3);
    assert_eq!(history.episodes_24m, 2);
    assert_eq!(history.longest_dpd, 32);
    assert_eq!(history.worst_bucket_12m, Bucket::M2);
    assert_eq!(history.months_on_book, 4);
    assert!(!history.first_payment_default);
    assert_eq!(history.on_time_share, Some(Ratio::ZERO));
    // Two years and a half on, only the run that still lasts is in the window.
    assert_eq!(loan.state(date("2028-12-01")).unwrap().history(date("2028-12-01")).unwrap().episodes_24m, 1);

    let good = pay_on_time(&free(), 3);
    let history = good.state(date("2026-05-02")).unwrap().history(date("2026-05-02")).unwrap();
    assert_eq!((history.episodes_24m, history.longest_dpd, history.worst_bucket_12m), (0, 0, Bucket::M0));
    assert_eq!(history.on_time_share, Some(Ratio::ONE));
    let never = free().state(date("2026-03-04")).unwrap().history(date("2026-03-04")).unwrap();
    assert!(never.first_payment_default);
    let fresh = free().state(date("2026-02-01")).unwrap().history(date("2026-02-01")).unwrap();
    assert_eq!(fresh.on_time_share, None);
}

#[test]
fn undone_relief_restores_what_would_stand_today() {
    let re_age = terms(vec![Measure::ReAge { over: ReAgeOver::Remaining }], None);
    let missed = pay_on_time(&loan(), 1);
    let plan =
        record(&missed, [relief("2026-03-20", "plan", &re_age), payment("2026-04-15", "x", "1,200.00")]);
    let undone = record(&plan, [undone("2026-05-01", "plan", None)]);
    let plain = record(&missed, [payment("2026-04-15", "x", "1,200.00")]);
    let (undone, plain) = (state(&undone, "2026-05-02"), state(&plain, "2026-05-02"));
    assert_eq!(undone.rows, plain.rows);
    assert_eq!(undone.dpd, plain.dpd);
    let causes: Vec<&VersionCause> = undone.versions.iter().map(|version| &version.cause).collect();
    let id = || "plan".to_owned();
    assert_eq!(causes, [&VersionCause::Contract, &VersionCause::Relief(id()), &VersionCause::Undo(id())]);
    assert_ne!(undone.versions[1].rows, undone.versions[0].rows);
    assert_eq!(undone.versions[2].rows, undone.versions[0].rows);
}

#[test]
fn a_second_plan_stands_when_the_first_is_undone() {
    let deferral = |months| terms(vec![Measure::Deferral { months, interest: DeferralInterest::None }], None);
    let two = record(
        &loan(),
        [relief("2026-02-10", "one", &deferral(1)), relief("2026-03-10", "two", &deferral(2))],
    );
    assert_eq!(state(&two, "2026-03-10").next_due, Some(date("2026-05-15")));
    let without_first = record(&two, [undone("2026-03-20", "one", None)]);
    assert_eq!(state(&without_first, "2026-03-20").next_due, Some(date("2026-04-15")));
}

#[test]
fn a_paid_settlement_cannot_be_undone_and_a_lapsed_one_takes_the_kept_days_recorded_later() {
    let settlement = Measure::Settlement {
        sum: loan::SettlementSum::PrincipalShare(ratio("0.8")),
        pay_by: date("2026-05-20"),
        parts: 1,
    };
    let waive_interest =
        Measure::WaiveInterest { scope: loan::InterestScope::All, waiver: loan::Waiver::ALL };
    let offer = terms(vec![waive_penalty(), waive_interest, settlement], None);
    let missed = pay_on_time(&loan(), 2);
    let offered = record(&missed, [relief("2026-04-20", "plan", &offer)]);
    let sum = state(&offered, "2026-04-20").owed.total().unwrap().plain(cny());
    let paid = record(&offered, [payment("2026-05-20", "sum", &sum)]);
    assert!(state(&paid, "2026-06-20").closed);
    assert_eq!(paid.record(undone("2026-06-20", "plan", None)).unwrap_err().code(), "NOTHING_OPEN");

    let lapsed = state(&offered, "2026-06-20");
    let ended = record(&offered, [undone("2026-05-25", "plan", Some("2026-05-20"))]);
    let ended = state(&ended, "2026-06-20");
    assert_eq!(ended.versions.len(), 3);
    assert_eq!(ended.versions[2].effective, date("2026-05-21"));
    // Row 3 is charged 04-15 to 04-20 and 05-20 to 06-20: 30 of its 66 days are free.
    let principal = rust_decimal::Decimal::from(ended.rows[2].row.principal.minor());
    let penalty = |days: i64| {
        Amount::round(principal * rust_decimal::Decimal::from(days) / rust_decimal::Decimal::from(2000))
            .unwrap()
    };
    assert_eq!((lapsed.rows[2].penalty, ended.rows[2].penalty), (penalty(66), penalty(36)));
}
