//! Where charges and chargebacks fall, and what overpayments change, computed by hand.

use loan::{
    Account, Amortisation, Amount, ChargePart, Contract, Conventions, EventKind, Origin, Overpayment,
    Product, ReAge, ReAgeInterest,
};

use crate::common::*;

fn equal_principal() -> Contract {
    Contract { amortisation: Amortisation::EqualPrincipal, ..contract("1,200.00", 4, "0.12", "2026-01-15") }
}

fn loan(overpayment: Overpayment) -> Account {
    Account::open(Origin::Computed(equal_principal()), Product { overpayment, ..product() }).unwrap()
}

fn fee(id: &str, due: &str) -> loan::Event {
    let kind =
        EventKind::Charge { id: id.to_owned(), part: ChargePart::Fee, due: date(due), amount: money("5.00") };
    event("2026-01-20", kind)
}

fn back(on: &str, id: &str) -> loan::Event {
    event(on, EventKind::Chargeback { id: id.to_owned(), amount: money("100.00") })
}

/// `nr due principal interest fee` in order of due dates.
fn shown(account: &Account, on: &str) -> Vec<String> {
    let state = state(account, on);
    let mut rows: Vec<&loan::Row> = state.rows.iter().map(|row| &row.row).collect();
    rows.sort_by_key(|row| (row.due, row.nr));
    let plain = |amount: loan::Amount| amount.plain(cny());
    rows.iter()
        .map(|row| {
            let due = row.due.to_string().split_off(5);
            format!("{} {due} {} {} {}", row.nr, plain(row.principal), plain(row.interest), plain(row.fee))
        })
        .collect()
}

#[test]
fn charges_never_fall_on_a_down_payment() {
    let conventions = Conventions { down_payment: ratio("0.25"), ..Conventions::default() };
    let contract = Contract { conventions, instalments: 3, ..equal_principal() };
    let loan = record(&account(contract), [fee("first", "2026-01-15")]);
    assert_eq!(
        shown(&loan, "2026-01-20"),
        [
            "1 01-15 300.00 0.00 0.00",
            "2 02-15 300.00 9.00 5.00",
            "3 03-15 300.00 6.00 0.00",
            "4 04-15 300.00 3.00 0.00",
        ]
    );
}

#[test]
fn charges_after_the_last_instalment_share_a_row() {
    let loan = record(
        &loan(Overpayment::ReduceNext),
        [fee("b", "2026-07-01"), fee("a", "2026-06-01"), fee("c", "2026-05-15")],
    );
    let rows = shown(&loan, "2026-01-20");
    assert_eq!(rows[3..], ["4 05-15 300.00 3.00 5.00", "5 07-01 0.00 0.00 10.00"]);
    let paid = record(&loan, [payment("2026-06-10", "all", "1,300.00")]);
    assert_eq!(state(&paid, "2026-07-02").rows.len(), 5);
}

#[test]
fn a_chargeback_after_the_last_instalment_has_a_row_of_its_own() {
    let paid = pay_on_time(&loan(Overpayment::ReduceNext), 4);
    let one = record(&paid, [back("2026-06-20", "one")]);
    let state_of = |account: &Account, on| {
        let state = state(account, on);
        (state.rows.len(), state.principal_left, state.dpd.current)
    };
    assert_eq!(state_of(&one, "2026-06-20"), (5, money("100.00"), 0));
    assert_eq!(state_of(&one, "2026-06-25"), (5, money("100.00"), 5));
    assert_eq!(shown(&one, "2026-06-20")[4], "5 06-20 100.00 0.00 0.00");
    let two = record(&one, [back("2026-06-20", "two"), payment("2026-06-21", "again", "200.10")]);
    let end = state(&two, "2026-06-22");
    assert!(end.closed);
    // 200.00 for a day at 18 %.
    assert_eq!((end.paid.penalty, end.unallocated), (money("0.10"), money("0.00")));
}

#[test]
fn a_chargeback_before_a_re_age_is_spread_with_the_rest() {
    let paid = pay_on_time(&loan(Overpayment::ReduceNext), 1);
    let re_age = ReAge {
        first_due: date("2026-04-15"),
        instalments: 2,
        frequency: loan::Frequency::MONTHLY,
        interest: ReAgeInterest::EqualPayable,
    };
    let re_aged = record(
        &paid,
        [
            back("2026-03-01", "one"),
            event("2026-03-15", EventKind::ReAge { id: "re-age".to_owned(), re_age }),
        ],
    );
    // 1,000.00 and 9.50 of interest in halves; a later chargeback is one instalment's.
    let new = shown(&re_aged, "2026-03-15");
    assert_eq!(new[2..], ["3 04-15 500.00 4.75 0.00", "4 05-15 500.00 4.75 0.00"]);
    let later = record(&re_aged, [back("2026-03-20", "two")]);
    let new = shown(&later, "2026-03-20");
    assert_eq!(new[2..], ["3 04-15 600.00 4.75 0.00", "4 05-15 500.00 4.75 0.00"]);
}

#[test]
fn overpayments_shorten_or_lower_as_the_product_says() {
    // With 300.00 beyond the first instalment, 600.00 is left for three rows.
    let table: [(Overpayment, &[&str]); 2] = [
        (
            Overpayment::ReduceTerm,
            &["1 02-15 600.00 12.00 0.00", "2 03-15 300.00 6.00 0.00", "3 04-15 300.00 3.00 0.00"],
        ),
        (
            Overpayment::ReduceInstalment,
            &[
                "1 02-15 600.00 12.00 0.00",
                "2 03-15 200.00 6.00 0.00",
                "3 04-15 200.00 4.00 0.00",
                "4 05-15 200.00 2.00 0.00",
            ],
        ),
    ];
    for (overpayment, expected) in table {
        let paid = record(&loan(overpayment), [payment("2026-02-15", "p", "612.00")]);
        let open: Vec<String> =
            shown(&paid, "2026-02-15").into_iter().filter(|row| !row.ends_with(" 0.00 0.00 0.00")).collect();
        assert_eq!(open, expected, "{overpayment:?}");
        assert_eq!(state(&paid, "2026-02-15").principal_left, money("600.00"));
    }
}

#[test]
fn a_second_solution_that_is_no_better_is_not_taken() {
    // 520.62 leaves a last instalment 0.25 below it, 520.61 one 0.25 above: of two alike the first stays.
    let table = [
        ("12,918.50", 34, "0.23", "520.62", "520.37"),
        ("29,289.98", 17, "0.28", "2,106.95", "2,107.04"),
        ("2,240.46", 7, "0.20", "341.76", "341.72"),
    ];
    for (principal, months, annual, level, last) in table {
        let rows = loan::schedule::build(&contract(principal, months, annual, "2026-01-15")).unwrap();
        assert_eq!(rows[0].total().unwrap(), money(level));
        assert_eq!(rows.last().unwrap().total().unwrap(), money(last));
    }
}

#[test]
fn a_chargeback_after_the_end_leaves_what_was_due_where_it_was() {
    let bullet = account(Contract {
        amortisation: Amortisation::InterestOnly,
        ..contract("900.00", 3, "0.12", "2026-01-15")
    });
    let terminated = record(
        &account(contract("900.00", 12, "0.12", "2026-01-15")),
        [event("2026-02-10", EventKind::Terminated { id: "end".into() })],
    );
    for (what, loan, due) in [("bullet", bullet, "2026-04-15"), ("terminated", terminated, "2026-02-10")] {
        let back = EventKind::Chargeback { id: "back".into(), amount: money("50.00") };
        let events = [payment("2026-04-20", "part", "60.00"), event("2026-05-10", back)];
        let rows = state(&record(&loan, events), "2026-05-20").rows;
        let due_on = |day: &str| -> Vec<Amount> {
            rows.iter().filter(|row| row.row.due == date(day)).map(|row| row.row.principal).collect()
        };
        assert_eq!(due_on(due), [money("900.00")], "{what}");
        assert_eq!(due_on("2026-05-10"), [money("50.00")], "{what}");
    }
}
