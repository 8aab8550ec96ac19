//! Schedules of each convention, computed by hand.

use std::collections::BTreeSet;

use loan::{
    Accrual, Amortisation, BusinessCalendar, BusinessDayRule, BusinessDays, Contract, Conventions, DayCount,
    Frequency, FrequencyUnit, Grace, MonthBasis, Rounding, Row, YearBasis, schedule,
};

use crate::common::*;

/// 1,200.00 at 12 % over four months: 1 % a month, 300.00 each.
fn plain(amortisation: Amortisation) -> Contract {
    Contract { amortisation, ..contract("1,200.00", 4, "0.12", "2026-01-15") }
}

fn with(amortisation: Amortisation, conventions: Conventions) -> Contract {
    Contract { conventions, ..plain(amortisation) }
}

/// `due principal interest` of each row.
fn shown(rows: &[Row]) -> Vec<String> {
    let text =
        |row: &Row| format!("{} {} {}", row.due, row.principal.plain(cny()), row.interest.plain(cny()));
    rows.iter().map(text).collect()
}

fn check(contract: &Contract, expected: &[&str]) {
    assert_eq!(shown(&schedule::build(contract).unwrap()), expected, "{contract:?}");
}

#[test]
fn each_amortisation() {
    let table: [(Amortisation, [&str; 4]); 4] = [
        (
            Amortisation::EqualInstalments,
            [
                "2026-02-15 295.54 12.00",
                "2026-03-15 298.50 9.04",
                "2026-04-15 301.48 6.06",
                "2026-05-15 304.48 3.04",
            ],
        ),
        (
            Amortisation::EqualPrincipal,
            [
                "2026-02-15 300.00 12.00",
                "2026-03-15 300.00 9.00",
                "2026-04-15 300.00 6.00",
                "2026-05-15 300.00 3.00",
            ],
        ),
        (
            Amortisation::InterestOnly,
            [
                "2026-02-15 0.00 12.00",
                "2026-03-15 0.00 12.00",
                "2026-04-15 0.00 12.00",
                "2026-05-15 1200.00 12.00",
            ],
        ),
        (
            Amortisation::Flat,
            [
                "2026-02-15 300.00 12.00",
                "2026-03-15 300.00 12.00",
                "2026-04-15 300.00 12.00",
                "2026-05-15 300.00 12.00",
            ],
        ),
    ];
    for (amortisation, expected) in table {
        check(&plain(amortisation), &expected);
    }
}

#[test]
fn grace_of_each_kind() {
    let grace = |principal, interest, interest_deferred| Conventions {
        grace: Grace { principal, interest, interest_deferred },
        ..Conventions::default()
    };
    let table = [
        (grace(2, 0, 0), ["0.00 12.00", "0.00 12.00", "600.00 12.00", "600.00 6.00"]),
        (grace(0, 1, 0), ["300.00 0.00", "300.00 9.00", "300.00 6.00", "300.00 3.00"]),
        (grace(0, 4, 0), ["300.00 0.00", "300.00 0.00", "300.00 0.00", "300.00 0.00"]),
        (grace(0, 0, 2), ["300.00 0.00", "300.00 0.00", "300.00 27.00", "300.00 3.00"]),
        (grace(1, 0, 1), ["0.00 0.00", "400.00 24.00", "400.00 8.00", "400.00 4.00"]),
    ];
    let dues = ["2026-02-15", "2026-03-15", "2026-04-15", "2026-05-15"];
    for (conventions, amounts) in table {
        let expected: Vec<String> =
            dues.iter().zip(amounts).map(|(due, amounts)| format!("{due} {amounts}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&with(Amortisation::EqualPrincipal, conventions), &expected);
    }
}

#[test]
fn a_down_payment_is_due_on_the_first_day() {
    let conventions = Conventions { down_payment: ratio("0.25"), ..Conventions::default() };
    let contract = Contract { instalments: 3, ..with(Amortisation::EqualPrincipal, conventions) };
    check(
        &contract,
        &[
            "2026-01-15 300.00 0.00",
            "2026-02-15 300.00 9.00",
            "2026-03-15 300.00 6.00",
            "2026-04-15 300.00 3.00",
        ],
    );
}

#[test]
fn periods_of_days_and_weeks() {
    let every = |every, unit| Conventions {
        frequency: Frequency { every, unit },
        day_count: DayCount::ACTUAL_365_FIXED,
        ..Conventions::default()
    };
    // 1 % a period each: 52 weeks, or 365 days, make a year.
    let table = [
        (every(1, FrequencyUnit::Weeks), "0.52", ["2026-01-22", "2026-01-29", "2026-02-05", "2026-02-12"]),
        (every(2, FrequencyUnit::Weeks), "0.26", ["2026-01-29", "2026-02-12", "2026-02-26", "2026-03-12"]),
        (every(10, FrequencyUnit::Days), "0.365", ["2026-01-25", "2026-02-04", "2026-02-14", "2026-02-24"]),
        (every(3, FrequencyUnit::Months), "0.04", ["2026-04-15", "2026-07-15", "2026-10-15", "2027-01-15"]),
    ];
    for (conventions, annual, dues) in table {
        let contract = Contract {
            annual_rate: rate(annual),
            first_due: date(dues[0]),
            ..with(Amortisation::EqualPrincipal, conventions)
        };
        let expected: Vec<String> = dues
            .iter()
            .zip(["12.00", "9.00", "6.00", "3.00"])
            .map(|(due, interest)| format!("{due} 300.00 {interest}"))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&contract, &expected);
    }
}

#[test]
fn due_dates_keep_their_anchor_and_move_to_business_days() {
    // 28 February 2026 is a Saturday, 31 May a Sunday.
    let calendar = |holidays: &[&str], working: &[&str]| BusinessCalendar {
        weekend: BTreeSet::from([6, 7]),
        holidays: holidays.iter().map(|day| date(day)).collect(),
        working_days: working.iter().map(|day| date(day)).collect(),
    };
    let moved = |rule, calendar| Some(BusinessDays { rule, calendar });
    use BusinessDayRule::{Following, ModifiedFollowing, Preceding};
    let table = [
        (31, None, ["02-28", "03-31", "04-30", "05-31"]),
        (30, None, ["02-28", "03-30", "04-30", "05-30"]),
        (29, None, ["02-28", "03-29", "04-29", "05-29"]),
        (31, moved(Following, calendar(&[], &[])), ["03-02", "03-31", "04-30", "06-01"]),
        (31, moved(Preceding, calendar(&[], &[])), ["02-27", "03-31", "04-30", "05-29"]),
        (31, moved(ModifiedFollowing, calendar(&[], &[])), ["02-27", "03-31", "04-30", "05-29"]),
        (31, moved(Following, calendar(&["2026-04-30"], &[])), ["03-02", "03-31", "05-01", "06-01"]),
        (31, moved(Preceding, calendar(&["2026-02-27"], &[])), ["02-26", "03-31", "04-30", "05-29"]),
        (31, moved(Following, calendar(&[], &["2026-02-28"])), ["02-28", "03-31", "04-30", "06-01"]),
        // The 14th is a Saturday in February and March; following stays in the month.
        (14, moved(ModifiedFollowing, calendar(&[], &[])), ["02-16", "03-16", "04-14", "05-14"]),
    ];
    for (anchor, business_days, dues) in table {
        let contract = Contract {
            interest_from: date("2026-01-10"),
            first_due: loan::calendar::month_after(anchor, date("2026-01-10"), 1).unwrap(),
            anchor_day: Some(anchor),
            conventions: Conventions { business_days, ..Conventions::default() },
            ..plain(Amortisation::EqualPrincipal)
        };
        let found: Vec<String> =
            schedule::build(&contract).unwrap().iter().map(|row| row.due.to_string()).collect();
        assert_eq!(found, dues.map(|due| format!("2026-{due}")), "{contract:?}");
    }
}

#[test]
fn interest_by_each_day_count() {
    let daily = |month, year| Conventions {
        accrual: Accrual::Daily,
        day_count: DayCount { month, year },
        ..Conventions::default()
    };
    use MonthBasis::{Actual, Thirty};
    // 10,000.00 from 15 December 2027, before a leap year; the rates make 2.00 a night, or 60.00 a month.
    let table = [
        (daily(Actual, YearBasis::Days365), "0.073", ["62.00", "62.00", "58.00"]),
        (daily(Actual, YearBasis::Days360), "0.072", ["62.00", "62.00", "58.00"]),
        (daily(Actual, YearBasis::Days364), "0.0728", ["62.00", "62.00", "58.00"]),
        // 16 nights of 2027 at 7.32 %/365 and 15 of 2028 at 2.00: 32.0877 + 30.
        (daily(Actual, YearBasis::Actual), "0.0732", ["62.09", "62.00", "58.00"]),
        (daily(Thirty, YearBasis::Days360), "0.072", ["60.00", "60.00", "60.00"]),
        (daily(Thirty, YearBasis::Days365), "0.073", ["60.00", "60.00", "60.00"]),
        (daily(Thirty, YearBasis::Days364), "0.0728", ["60.00", "60.00", "60.00"]),
        // A whole month counts 30 days of the year that it begins in: 7.32 % × 30 / 365, then / 366.
        (daily(Thirty, YearBasis::Actual), "0.0732", ["60.16", "60.00", "60.00"]),
        (Conventions::default(), "0.072", ["60.00", "60.00", "60.00"]),
    ];
    for (conventions, annual, expected) in table {
        let contract = Contract {
            amortisation: Amortisation::InterestOnly,
            conventions,
            ..contract("10,000.00", 3, annual, "2027-12-15")
        };
        let rows = schedule::build(&contract).unwrap();
        let interest: Vec<String> = rows.iter().map(|row| row.interest.plain(cny())).collect();
        assert_eq!(interest, expected, "{contract:?}");
    }
}

#[test]
fn a_first_period_that_is_longer_counts_its_part_of_a_month() {
    let conventions = Conventions { accrual: Accrual::Daily, ..Conventions::default() };
    // 10 January to 10 February is a month, then 5 of the 28 nights to 10 March: 12.00 × 33/28.
    let contract =
        Contract { interest_from: date("2026-01-10"), ..with(Amortisation::EqualPrincipal, conventions) };
    let rows = schedule::build(&contract).unwrap();
    assert_eq!(rows[0].interest, money("14.14"));
    assert_eq!(rows[1].interest, money("9.00"));
}

#[test]
fn rounding_follows_its_mode() {
    // 1 % of 100.50 and of 101.50 is half a cent more than whole ones.
    let table = [
        (Rounding::HalfEven, "1.00", "1.02"),
        (Rounding::HalfUp, "1.01", "1.02"),
        (Rounding::Up, "1.01", "1.02"),
        (Rounding::Down, "1.00", "1.01"),
    ];
    for (rounding, even, odd) in table {
        for (principal, expected) in [("100.50", even), ("101.50", odd)] {
            let contract = Contract {
                conventions: Conventions { rounding, ..Conventions::default() },
                ..contract(principal, 1, "0.12", "2026-01-15")
            };
            assert_eq!(schedule::build(&contract).unwrap()[0].interest, money(expected), "{rounding:?}");
        }
    }
}

#[test]
fn level_instalments_in_whole_units_and_as_the_borrower_says() {
    let whole = Contract {
        instalment_multiple_of: Some(money("1.00")),
        ..contract("1,250.00", 4, "0.15", "2026-01-15")
    };
    // 322.327… gives 322; the last is 1.33 above it, a third of which wouldn't change it.
    check(
        &whole,
        &[
            "2026-02-15 306.38 15.62",
            "2026-03-15 310.20 11.80",
            "2026-04-15 314.08 7.92",
            "2026-05-15 319.34 3.99",
        ],
    );
    let conventions = Conventions { fixed_instalment: Some(money("400.00")), ..Conventions::default() };
    let own = Contract { instalments: 10, ..with(Amortisation::EqualInstalments, conventions) };
    check(
        &own,
        &[
            "2026-02-15 388.00 12.00",
            "2026-03-15 391.88 8.12",
            "2026-04-15 395.80 4.20",
            "2026-05-15 24.32 0.24",
        ],
    );
}

#[test]
fn a_level_is_solved_again_where_the_last_instalment_strays() {
    // 12,000.00 over 12 at 14.4 %: 1,079.71 would leave a last of 1,079.63, more than 6 fen off; 1,079.70 leaves .76.
    let rows = schedule::build(&contract("12,000.00", 12, "0.144", "2026-01-15")).unwrap();
    assert_eq!(rows[0].total().unwrap(), money("1,079.70"));
    assert_eq!(rows[11].total().unwrap(), money("1,079.76"));
}
