//! Rows that were stated or agreed: what later changes do to them, computed by hand.

use loan::{
    Account, Accrual, Amortisation, ChargePart, Contract, Conventions, DayCount, DeferralInterest, EventKind,
    Measure, Origin, OverdueInterest, Product, Reschedule, StatedRow,
};

use crate::common::*;

/// 300.00 of principal a month; 12.00, 9.00, 6.00 and 3.00 of interest.
fn equal_principal() -> Contract {
    Contract { amortisation: Amortisation::EqualPrincipal, ..contract("1,200.00", 4, "0.12", "2026-01-15") }
}

fn stated() -> Account {
    stated_under(product())
}

fn stated_under(product: Product) -> Account {
    let contract = equal_principal();
    let stated = |row: loan::Row| StatedRow {
        nr: row.nr,
        due: row.due,
        principal: row.principal,
        interest: row.interest,
        fee: money("1.00"),
    };
    let rows = loan::schedule::build(&contract).unwrap().into_iter().map(stated).collect();
    Account::open(Origin::Stated { contract, rows }, product).unwrap()
}

/// `nr due contract_due principal interest fee`, in order of due dates.
fn shown(account: &Account, on: &str) -> Vec<String> {
    let state = state(account, on);
    let mut rows: Vec<&loan::Row> = state.rows.iter().map(|row| &row.row).collect();
    rows.sort_by_key(|row| (row.due, row.nr));
    let text = |row: &loan::Row| {
        let plain = |amount: loan::Amount| amount.plain(cny());
        let day = |date: loan::Date| date.to_string().split_off(5);
        let interest = plain(row.interest.add(row.relief_interest).unwrap());
        let (due, contract_due) = (day(row.due), day(row.contract_due));
        format!("{} {due} {contract_due} {} {interest} {}", row.nr, plain(row.principal), plain(row.fee))
    };
    rows.into_iter().map(text).collect()
}

fn charge(on: &str, due: &str) -> loan::Event {
    let part = ChargePart::Fee;
    event(on, EventKind::Charge { id: format!("fee {due}"), part, due: date(due), amount: money("5.00") })
}

#[test]
fn a_pause_takes_the_share_of_its_nights() {
    let pause = EventKind::InterestPaused {
        id: "pause".to_owned(),
        from: date("2026-02-16"),
        to: date("2026-03-01"),
    };
    let paused = record(&stated(), [event("2026-02-01", pause)]);
    assert_eq!(
        shown(&paused, "2026-02-01"),
        [
            "1 02-15 02-15 300.00 12.00 1.00",
            // 14 of 28 nights.
            "2 03-15 03-15 300.00 4.50 1.00",
            "3 04-15 04-15 300.00 6.00 1.00",
            "4 05-15 05-15 300.00 3.00 1.00",
        ]
    );
}

#[test]
fn a_termination_takes_the_share_that_has_run() {
    let end = event("2026-03-01", EventKind::Terminated { id: "end".to_owned() });
    assert_eq!(
        shown(&record(&stated(), [end]), "2026-03-01"),
        ["1 02-15 02-15 300.00 12.00 1.00", "2 03-01 03-01 900.00 4.50 3.00"]
    );
}

#[test]
fn charges_and_chargebacks_leave_what_was_agreed() {
    let spread = Measure::Deferral { months: 2, interest: DeferralInterest::Spread };
    let plan = relief("2026-02-15", "plan", &terms(vec![spread], None));
    let planned = record(&stated(), [plan]);
    // Two months of 12.00 each, spread over four rows; contract due dates stay.
    let mut expected = [
        "1 04-15 02-15 300.00 18.00 1.00",
        "2 05-15 03-15 300.00 15.00 1.00",
        "3 06-15 04-15 300.00 12.00 1.00",
        "4 07-15 05-15 300.00 9.00 1.00",
    ];
    assert_eq!(shown(&planned, "2026-02-15"), expected);
    expected[1] = "2 05-15 03-15 300.00 15.00 6.00";
    assert_eq!(shown(&record(&planned, [charge("2026-02-20", "2026-05-01")]), "2026-02-20"), expected);
}

#[test]
fn rows_of_an_agreement_are_solved_again_by_a_reschedule() {
    let none = Measure::Deferral { months: 1, interest: DeferralInterest::None };
    let planned = record(&stated(), [relief("2026-02-15", "plan", &terms(vec![none], None))]);
    let change = Reschedule {
        from: date("2026-03-15"),
        new_due: None,
        extra_instalments: 2,
        grace_on_principal: 0,
        grace_on_interest: 0,
        annual_rate: None,
    };
    let changed =
        record(&planned, [event("2026-02-20", EventKind::Reschedule { id: "more".to_owned(), change })]);
    let principal: Vec<String> =
        state(&changed, "2026-02-20").rows.iter().map(|row| row.row.principal.plain(cny())).collect();
    assert_eq!(principal, ["200.00"; 6]);
}

#[test]
fn overdue_principal_bears_interest_beside_agreed_and_flat_rows() {
    let product = Product { overdue_interest: OverdueInterest::ContractRate, ..product() };
    // 1 % a month on 300.00 is 3.00: half of it by the middle of 28 nights.
    let stated = stated_under(product.clone());
    for (on, interest) in [("2026-02-15", "9.00"), ("2026-03-01", "10.50"), ("2026-03-15", "12.00")] {
        assert_eq!(state(&stated, on).rows[1].row.interest, money(interest), "{on}");
    }

    // 2.00 a night of flat interest; 4,997.00 of principal in the first row, of 5,059.00 each.
    let conventions = Conventions {
        accrual: Accrual::Daily,
        day_count: DayCount::ACTUAL_365_FIXED,
        ..Conventions::default()
    };
    let flat = Contract {
        amortisation: Amortisation::Flat,
        conventions,
        ..contract("10,000.00", 2, "0.073", "2026-01-15")
    };
    let flat = Account::open(Origin::Computed(flat), product).unwrap();
    assert_eq!(state(&flat, "2026-02-15").rows[0].row.principal, money("4,997.00"));
    // 14 nights of 4,997.00 × 7.3 % / 365, then 14 of the 3,000.00 that a payment left.
    assert_eq!(state(&flat, "2026-03-01").rows[1].row.interest, money("69.99"));
    let paid = record(&flat, [payment("2026-03-01", "part", "2,066.09")]);
    let later = state(&paid, "2026-03-15");
    assert_eq!(later.rows[0].left().unwrap().principal, money("3,000.00"));
    assert_eq!(later.rows[1].row.interest, money("78.39"));
}

#[test]
fn what_was_agreed_stands_for_the_nights_before() {
    let paid = pay_on_time(&account(equal_principal()), 1);
    let waiver = loan::Waiver::Amount(money("1.00"));
    let waive = Measure::WaiveInterest { scope: loan::InterestScope::Future, waiver };
    let planned = record(&paid, [relief("2026-03-01", "plan", &terms(vec![waive], None))]);
    let pause = EventKind::InterestPaused {
        id: "pause".to_owned(),
        from: date("2026-02-16"),
        to: date("2026-03-08"),
    };
    let paused = record(&planned, [event("2026-03-05", pause)]);
    // 8.00 were agreed on 1 March; of the 28 nights, the 7 after that day are paused.
    assert_eq!(state(&paused, "2026-03-05").rows[1].row.interest, money("6.00"));
}
