//! Each event that changes a schedule, computed by hand.

use loan::{
    Account, Accrual, Amortisation, ChargePart, Contract, Conventions, DayCount, Event, EventKind, Frequency,
    InterestScope, LateAllocation, Measure, Origin, OverdueInterest, Part, PayOffInterest, Product, ReAge,
    ReAgeInterest, ReAmortiseInterest, Reschedule, SettlementSum, State, VersionCause, Waiver,
};

use crate::common::*;

/// 1,200.00 at 12 % in four equal principal parts: 300.00 each with 12.00, 9.00, 6.00 and 3.00 of interest, due on the
/// 15th of February to May 2026.
fn plain() -> Account {
    account(equal_principal())
}

fn equal_principal() -> Contract {
    Contract { amortisation: Amortisation::EqualPrincipal, ..contract("1,200.00", 4, "0.12", "2026-01-15") }
}

fn paid_one() -> Account {
    pay_on_time(&plain(), 1)
}

/// `nr due principal interest` of each row, and `fee` where there is one.
fn shown(state: &State) -> Vec<String> {
    let mut rows: Vec<&loan::Row> = state.rows.iter().map(|row| &row.row).collect();
    rows.sort_by_key(|row| (row.due, row.nr));
    let text = |row: &loan::Row| {
        let plain = |amount: loan::Amount| amount.plain(cny());
        let due = row.due.to_string().split_off(5);
        let fee = if row.fee.is_zero() { String::new() } else { format!(" fee {}", plain(row.fee)) };
        let interest = row.interest.add(row.relief_interest).unwrap();
        format!("{} {due} {} {}{fee}", row.nr, plain(row.principal), plain(interest))
    };
    rows.into_iter().map(text).collect()
}

fn check(account: &Account, on: &str, expected: &[&str]) {
    assert_eq!(shown(&state(account, on)), expected, "{:?}", account.events);
}

fn id() -> String {
    "change".to_owned()
}

/// Records one change, looks at the rows, and undoes it on the same day and later.
fn change(account: &Account, on: &str, kind: EventKind, expected: &[&str]) {
    let changed = record(account, [event(on, kind)]);
    check(&changed, on, expected);
    let causes: Vec<VersionCause> =
        state(&changed, on).versions.into_iter().map(|version| version.cause).collect();
    assert_eq!(causes.last(), Some(&VersionCause::Change(id())));
    for undone_on in [on, "2026-09-01"] {
        let undone = record(&changed, [event(undone_on, EventKind::Undone { id: id() })]);
        let (never, undone) = (state(account, undone_on), state(&undone, undone_on));
        assert_eq!(never.rows, undone.rows);
        assert_eq!((never.owed, never.dpd), (undone.owed, undone.dpd));
    }
}

fn nothing(from: &str) -> Reschedule {
    Reschedule {
        from: date(from),
        new_due: None,
        extra_instalments: 0,
        grace_on_principal: 0,
        grace_on_interest: 0,
        annual_rate: None,
    }
}

#[test]
fn reschedules() {
    let first = || nothing("2026-02-15");
    let table: [(Reschedule, &[&str]); 6] = [
        (
            // A payment holiday of a month: the stretched period carries all its interest.
            Reschedule { new_due: Some(date("2026-03-15")), ..first() },
            &["1 03-15 300.00 24.00", "2 04-15 300.00 9.00", "3 05-15 300.00 6.00", "4 06-15 300.00 3.00"],
        ),
        (
            Reschedule { extra_instalments: 2, ..first() },
            &[
                "1 02-15 200.00 12.00",
                "2 03-15 200.00 10.00",
                "3 04-15 200.00 8.00",
                "4 05-15 200.00 6.00",
                "5 06-15 200.00 4.00",
                "6 07-15 200.00 2.00",
            ],
        ),
        (
            Reschedule { grace_on_principal: 1, ..first() },
            &[
                "1 02-15 0.00 12.00",
                "2 03-15 300.00 12.00",
                "3 04-15 300.00 9.00",
                "4 05-15 300.00 6.00",
                "5 06-15 300.00 3.00",
            ],
        ),
        (
            Reschedule { grace_on_interest: 1, ..first() },
            &["1 02-15 300.00 0.00", "2 03-15 300.00 21.00", "3 04-15 300.00 6.00", "4 05-15 300.00 3.00"],
        ),
        (
            Reschedule { annual_rate: Some(rate("0.24")), ..nothing("2026-03-15") },
            &["1 02-15 300.00 12.00", "2 03-15 300.00 18.00", "3 04-15 300.00 12.00", "4 05-15 300.00 6.00"],
        ),
        (
            first(),
            &["1 02-15 300.00 12.00", "2 03-15 300.00 9.00", "3 04-15 300.00 6.00", "4 05-15 300.00 3.00"],
        ),
    ];
    for (reschedule, expected) in table {
        change(&plain(), "2026-02-01", EventKind::Reschedule { id: id(), change: reschedule }, expected);
    }
}

#[test]
fn re_ages_of_each_handling() {
    // Nothing is paid on 15 March: 12.00 and 9.00 of interest are due, 30.00 in all is scheduled.
    let table: [(ReAgeInterest, [&str; 3]); 3] = [
        (ReAgeInterest::Default, ["3 04-15 400.00 33.00", "4 05-15 400.00 8.00", "5 06-15 400.00 4.00"]),
        (ReAgeInterest::EqualPayable, ["3 04-15 400.00 7.00", "4 05-15 400.00 7.00", "5 06-15 400.00 7.00"]),
        (ReAgeInterest::EqualFull, ["3 04-15 400.00 10.00", "4 05-15 400.00 10.00", "5 06-15 400.00 10.00"]),
    ];
    for (interest, new) in table {
        let re_age =
            ReAge { first_due: date("2026-04-15"), instalments: 3, frequency: Frequency::MONTHLY, interest };
        let expected = [&["1 02-15 0.00 0.00", "2 03-15 0.00 0.00"], new.as_slice()].concat();
        change(&plain(), "2026-03-15", EventKind::ReAge { id: id(), re_age }, &expected);
    }
}

#[test]
fn re_amortisations_of_each_handling() {
    let table = [
        (ReAmortiseInterest::Default, ["3 04-15 600.00 33.00", "4 05-15 600.00 6.00"], "0.00"),
        (ReAmortiseInterest::Waived, ["3 04-15 600.00 12.00", "4 05-15 600.00 6.00"], "21.00"),
        (ReAmortiseInterest::EqualShares, ["3 04-15 600.00 22.50", "4 05-15 600.00 16.50"], "0.00"),
    ];
    for (interest, new, waived) in table {
        let kind = EventKind::ReAmortise { id: id(), interest };
        let expected = [&["1 02-15 0.00 0.00", "2 03-15 0.00 0.00"], new.as_slice()].concat();
        change(&plain(), "2026-03-20", kind.clone(), &expected);
        let after = state(&record(&plain(), [event("2026-03-20", kind)]), "2026-03-20");
        assert_eq!(after.waived.interest, money(waived));
        // Twelve years of penalty rate for what was overdue stay due: 300.00 for 33 and for 5 days at 18 %.
        assert_eq!(after.arrears.penalty, money("5.70"));
        assert_eq!(after.dpd.current, 0);
        assert!(after.dpd.contract > 0);
    }
}

#[test]
fn pauses_carry_each_night_once() {
    let pause = |name: &str, from: &str, to: &str| {
        let kind = EventKind::InterestPaused { id: name.to_owned(), from: date(from), to: date(to) };
        event("2026-02-01", kind)
    };
    // The second period has 28 nights and 9.00 of interest.
    let table = [
        (vec![("2026-02-16", "2026-03-15")], "0.00"),
        (vec![("2026-02-16", "2026-03-01")], "4.50"),
        (vec![("2026-02-16", "2026-02-22"), ("2026-02-20", "2026-03-01")], "4.50"),
        (vec![("2026-02-16", "2026-03-01"), ("2026-02-18", "2026-02-20")], "4.50"),
        (vec![("2026-02-18", "2026-02-20"), ("2026-02-16", "2026-03-01")], "4.50"),
        (vec![("2026-02-16", "2026-02-22"), ("2026-02-23", "2026-03-01")], "4.50"),
        (vec![("2026-03-15", "2026-03-15")], "8.68"),
        (vec![("2026-03-16", "2026-04-15")], "9.00"),
    ];
    for (pauses, interest) in table {
        let events = pauses.iter().zip(["p", "q"]).map(|((from, to), name)| pause(name, from, to));
        let paused = state(&record(&plain(), events), "2026-02-01");
        assert_eq!(paused.rows[1].row.interest, money(interest), "{pauses:?}");
        assert_eq!(paused.rows[0].row.interest, money("12.00"));
    }
}

#[test]
fn a_terminated_contract_is_due_on_the_day() {
    let kind = EventKind::Terminated { id: id() };
    // Half of the 28 nights to 15 March.
    change(&plain(), "2026-03-01", kind.clone(), &["1 02-15 300.00 12.00", "2 03-01 900.00 4.50"]);
    let ended = state(&record(&plain(), [event("2026-03-01", kind)]), "2026-03-02");
    assert_eq!(ended.arrears.instalment().unwrap(), money("1,216.50"));
    assert_eq!(ended.next_due, None);
}

#[test]
fn pay_offs_by_either_rule() {
    for (pay_off_interest, sum) in
        [(PayOffInterest::ToDate, "904.50"), (PayOffInterest::ToPeriodEnd, "909.00")]
    {
        let mut account = paid_one();
        account.product.pay_off_interest = pay_off_interest;
        assert_eq!(account.pay_off_sum(date("2026-03-01")).unwrap(), money(sum));
        let kind = |amount| EventKind::PayOff { id: id(), amount };
        let paid = record(&account, [event("2026-03-01", kind(money(sum)))]);
        let closed = state(&paid, "2026-03-01");
        assert!(closed.closed && closed.unallocated.is_zero());
        assert_eq!(
            closed.paid.interest,
            money("12.00").add(money(sum)).unwrap().sub(money("900.00")).unwrap()
        );
        let undone = record(&paid, [event("2026-03-10", EventKind::Undone { id: id() })]);
        assert_eq!(state(&undone, "2026-03-10").rows, state(&account, "2026-03-10").rows);
        let back = EventKind::PaymentReversed { payment_id: id() };
        let reversed = record(&paid, [event("2026-03-10", back)]);
        assert_eq!(state(&reversed, "2026-03-10").rows, state(&account, "2026-03-10").rows);
    }
    // Overdue interest and penalty belong to it: 312.00, 14 days of penalty, and half a period of 1,200.00's rest.
    let sum = plain().pay_off_sum(date("2026-03-01")).unwrap();
    assert_eq!(sum, money("312.00").add(money("2.10")).unwrap().add(money("904.50")).unwrap());
}

#[test]
fn chargebacks_are_owed_again_with_the_running_instalment() {
    // 100.00 for half of the period's nights on top of 900.00 for all of them.
    change(
        &paid_one(),
        "2026-03-01",
        EventKind::Chargeback { id: id(), amount: money("100.00") },
        &["1 02-15 300.00 12.00", "2 03-15 400.00 9.50", "3 04-15 300.00 6.00", "4 05-15 300.00 3.00"],
    );
    let back = EventKind::Chargeback { id: id(), amount: money("100.00") };
    let after = state(&record(&paid_one(), [event("2026-03-01", back)]), "2026-03-01");
    assert_eq!((after.charged_back, after.principal_left), (money("100.00"), money("1,000.00")));
}

#[test]
fn charges_fall_due_with_their_instalment_or_after_the_last() {
    let charge = |part, due: &str, amount: &str| EventKind::Charge {
        id: id(),
        part,
        due: date(due),
        amount: money(amount),
    };
    let rows = ["1 02-15 300.00 12.00", "2 03-15 300.00 9.00", "3 04-15 300.00 6.00", "4 05-15 300.00 3.00"];
    let table = [
        ("2026-02-15", vec!["1 02-15 300.00 12.00 fee 10.00", rows[1], rows[2], rows[3]]),
        ("2026-02-16", vec![rows[0], "2 03-15 300.00 9.00 fee 10.00", rows[2], rows[3]]),
        ("2026-05-15", vec![rows[0], rows[1], rows[2], "4 05-15 300.00 3.00 fee 10.00"]),
        ("2026-06-20", vec![rows[0], rows[1], rows[2], rows[3], "5 06-20 0.00 0.00 fee 10.00"]),
    ];
    for (due, expected) in table {
        change(&plain(), "2026-02-01", charge(ChargePart::Fee, due, "10.00"), &expected);
    }
    let penalty = record(&plain(), [event("2026-02-01", charge(ChargePart::Penalty, "2026-03-01", "5.00"))]);
    let row = state(&penalty, "2026-03-15").rows[1].clone();
    assert_eq!((row.penalty, row.charged), (money("5.00"), money("5.00")));
    // 300.00 for 10 days at 18 %, and what was charged.
    assert_eq!(state(&penalty, "2026-03-25").rows[1].penalty, money("6.50"));
}

#[test]
fn a_payment_far_behind_is_allocated_in_its_own_order() {
    let late = LateAllocation {
        beyond_dpd: 30,
        order: vec![Part::Principal, Part::Interest, Part::Fee, Part::Penalty],
    };
    let product = Product { late_allocation: Some(late), ..product() };
    let loan = Account::open(Origin::Computed(equal_principal()), product).unwrap();
    // 18 % of 300.00: 0.15 a day.
    let table = [
        ("2026-03-10", "3.45", "12.00", "34.55"),
        ("2026-03-17", "4.50", "12.00", "33.50"),
        ("2026-03-18", "0.00", "0.00", "50.00"),
    ];
    for (on, penalty, interest, principal) in table {
        let paid = state(&record(&loan, [payment(on, "p", "50.00")]), on).rows[0].paid;
        assert_eq!(
            (paid.penalty, paid.interest, paid.principal),
            (money(penalty), money(interest), money(principal))
        );
    }
}

#[test]
fn overdue_principal_bears_interest_where_the_product_says_so() {
    let conventions = Conventions {
        accrual: Accrual::Daily,
        day_count: DayCount::ACTUAL_365_FIXED,
        ..Conventions::default()
    };
    let contract = Contract {
        amortisation: Amortisation::EqualPrincipal,
        conventions,
        ..contract("10,000.00", 2, "0.073", "2026-01-15")
    };
    let product = Product { overdue_interest: OverdueInterest::ContractRate, ..product() };
    let loan = Account::open(Origin::Computed(contract), product).unwrap();
    // 5,000.00 bears 1.00 a night beside the 28.00 of the running period; the excess of 10.95 % over 7.3 % is penalty.
    let table =
        [("2026-02-15", "28.00", "0.00"), ("2026-03-01", "42.00", "7.10"), ("2026-03-15", "56.00", "14.19")];
    for (on, interest, penalty) in table {
        let found = state(&loan, on);
        assert_eq!(
            (found.rows[1].row.interest, found.owed.penalty),
            (money(interest), money(penalty)),
            "{on}"
        );
    }
    // Paid on 1 March, it bears no more.
    let paid = record(&loan, [payment("2026-03-01", "p", "5,069.10")]);
    assert_eq!(state(&paid, "2026-03-15").rows[1].row.interest, money("42.00"));
}

#[test]
fn waivers_by_amount_take_the_oldest_first() {
    let waive = |measure| {
        state(&record(&plain(), [relief("2026-03-20", "plan", &terms(vec![measure], None))]), "2026-03-20")
    };
    let interest =
        |scope, amount: &str| Measure::WaiveInterest { scope, waiver: Waiver::Amount(money(amount)) };
    let table = [
        (interest(InterestScope::All, "15.00"), ["12.00", "3.00", "0.00", "0.00"]),
        (interest(InterestScope::Future, "7.00"), ["0.00", "0.00", "6.00", "1.00"]),
        (interest(InterestScope::Overdue, "50.00"), ["12.00", "9.00", "0.00", "0.00"]),
    ];
    for (measure, expected) in table {
        let after = waive(measure);
        let waived: Vec<String> = after.rows.iter().map(|row| row.waived.interest.plain(cny())).collect();
        assert_eq!(waived, expected);
    }
    // 4.95 and 0.75 of penalty.
    let after = waive(Measure::WaivePenalty { waiver: Waiver::Amount(money("5.00")) });
    let waived: Vec<String> = after.rows.iter().map(|row| row.waived.penalty.plain(cny())).collect();
    assert_eq!(waived[..2], ["4.95", "0.05"]);
    assert_eq!(after.owed.penalty, money("0.70"));
}

#[test]
fn a_settlement_by_sum_forgives_the_rest() {
    let settlement = |sum: &str| Measure::Settlement {
        sum: SettlementSum::Sum(money(sum)),
        pay_by: date("2026-04-20"),
        parts: 2,
    };
    let settled =
        record(&plain(), [relief("2026-03-20", "plan", &terms(vec![settlement("1,000.00")], None))]);
    let after = state(&settled, "2026-03-20");
    assert_eq!(after.forgiven_principal, money("200.00"));
    // Interest due by the pay-by date comes with the first part; 3.00 is never earned.
    let expected = ["1 03-20 500.00 27.00", "3 05-15 0.00 0.00", "4 05-15 0.00 0.00", "2 04-20 500.00 0.00"];
    let open: Vec<String> = shown(&after).into_iter().filter(|row| !row.contains(" 0.00 0.00")).collect();
    assert_eq!(open, [expected[0], expected[3]]);
    let lapsed = state(&settled, "2026-04-21");
    assert_eq!(lapsed.rows, state(&plain(), "2026-04-21").rows);
    // More than the principal settles for no more than that.
    let preview = plain().preview(&terms(vec![settlement("5,000.00")], None), date("2026-03-20")).unwrap();
    assert_eq!(preview.after.forgiven_principal, money("0.00"));
    assert_eq!(preview.after.unearned_interest, money("3.00"));
}

#[test]
fn pauses_and_penalty_free_days_are_apart() {
    let suspended = Event {
        kind: EventKind::PenaltySuspended { from: date("2026-02-16"), to: date("2026-02-20") },
        ..event("2026-03-01", EventKind::Terminated { id: id() })
    };
    let free = state(&record(&plain(), [suspended]), "2026-03-01");
    // 14 days, 5 of them free.
    assert_eq!(free.rows[0].penalty, money("1.35"));
    assert_eq!(free.rows[1].row.interest, money("9.00"));
}

#[test]
fn a_re_aged_level_counts_the_nights_since_the_oldest_unpaid_row() {
    let conventions = Conventions {
        accrual: Accrual::Daily,
        day_count: DayCount::ACTUAL_365_FIXED,
        ..Conventions::default()
    };
    // 2.00 a night. 20 nights of the first period are paused, so that 39 of 59 run until the first new instalment.
    let loan = account(Contract { conventions, ..contract("10,000.00", 4, "0.073", "2026-01-15") });
    let pause = EventKind::InterestPaused {
        id: "pause".to_owned(),
        from: date("2026-01-20"),
        to: date("2026-02-08"),
    };
    let re_age = ReAge {
        first_due: date("2026-03-15"),
        instalments: 2,
        frequency: Frequency::MONTHLY,
        interest: ReAgeInterest::Default,
    };
    let re_aged = record(
        &loan,
        [event("2026-01-16", pause), event("2026-02-15", EventKind::ReAge { id: id(), re_age })],
    );
    // 10,000 / (1/1.0078 + 1/(1.0078 × 1.0062)) = 5,054.57; 22.00 of interest are due, 56.00 run until 15 March.
    let expected = ["1 02-15 0.00 0.00", "2 03-15 4976.57 78.00", "3 04-15 5023.43 31.15"];
    check(&re_aged, "2026-02-15", &expected);
}
