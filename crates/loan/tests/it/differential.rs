//! Plain schedules against an independent computation: exact rationals of unlimited size, own dates, none of the crate's code.

use std::ops::Mul;

use loan::{
    Accrual, Amortisation, Amount, Contract, Conventions, Date, DayCount, Frequency, FrequencyUnit,
    MonthBasis, Rounding, YearBasis, schedule,
};
use num_bigint::BigInt;
use num_rational::Ratio;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;

use crate::common::cny;

type Exact = Ratio<BigInt>;

/// Random contracts that are compared row by row.
const CASES: u32 = 1_500;

fn whole(number: i64) -> Exact {
    Exact::from_integer(number.into())
}

fn part(numerator: i64, denominator: i64) -> Exact {
    Exact::new(numerator.into(), denominator.into())
}

/// A day as year, month and day of month; days are counted from 1 March of year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Day {
    fn days_of_year(self) -> i64 {
        (1..self.month).map(|month| length_of(self.year, month)).sum::<i64>() + self.day
    }

    /// Days since the last day of year 0.
    fn count(self) -> i64 {
        let before = self.year - 1;
        before * 365 + before / 4 - before / 100 + before / 400 + self.days_of_year()
    }

    fn next(self) -> Self {
        if self.day < length_of(self.year, self.month) {
            Self { day: self.day + 1, ..self }
        } else if self.month < 12 {
            Self { month: self.month + 1, day: 1, ..self }
        } else {
            Self { year: self.year + 1, month: 1, day: 1 }
        }
    }

    fn after(self, days: i64) -> Self {
        (0..days).fold(self, |day, _| day.next())
    }

    fn months_after(self, months: i64, anchor: i64) -> Self {
        let index = self.year * 12 + self.month - 1 + months;
        let (year, month) = (index / 12, index % 12 + 1);
        Self { year, month, day: anchor.min(length_of(year, month)) }
    }

    fn date(self) -> Date {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day).parse().unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
enum Basis {
    Nominal,
    Thirty360,
    Actual365,
    Actual360,
    ActualActual,
}

#[derive(Debug, Clone, Copy)]
struct Plain {
    principal: i64,
    /// In millionths.
    rate: i64,
    instalments: i64,
    start: Day,
    every: i64,
    unit: FrequencyUnit,
    amortisation: Amortisation,
    basis: Basis,
    rounding: Rounding,
    multiple: i64,
}

/// Due date, principal, interest.
type PlainRow = (Day, BigInt, BigInt);

impl Plain {
    fn dues(&self) -> Vec<Day> {
        let due = |step: i64| match self.unit {
            FrequencyUnit::Months => self.start.months_after(step * self.every, self.start.day),
            FrequencyUnit::Weeks => self.start.after(step * self.every * 7),
            FrequencyUnit::Days => self.start.after(step * self.every),
        };
        (1..=self.instalments).map(due).collect()
    }

    /// Share of a year that a period is.
    fn share(&self, from: Day, to: Day) -> Exact {
        let days = to.count() - from.count();
        match (self.basis, self.unit) {
            (Basis::Nominal | Basis::Thirty360, FrequencyUnit::Months) => part(self.every, 12),
            (Basis::Nominal, FrequencyUnit::Weeks) => part(self.every, 52),
            (Basis::Nominal | Basis::Thirty360 | Basis::Actual360, _) => part(days, 360),
            (Basis::Actual365, _) => part(days, 365),
            (Basis::ActualActual, _) => {
                let mut share = whole(0);
                let mut day = from;
                while day != to {
                    day = day.next();
                    share += part(1, if is_leap(day.year) { 366 } else { 365 });
                }
                share
            }
        }
    }

    fn round(&self, exact: &Exact) -> BigInt {
        let below = exact.floor();
        let rest = exact - &below;
        let even = (below.to_integer() % BigInt::from(2)) == BigInt::from(0);
        let up = match self.rounding {
            Rounding::Down => false,
            Rounding::Up => rest > whole(0),
            Rounding::HalfUp => rest >= part(1, 2),
            Rounding::HalfEven => rest > part(1, 2) || (rest == part(1, 2) && !even),
        };
        below.to_integer() + BigInt::from(i32::from(up))
    }

    /// In whole units, unless that would be nothing.
    fn instalment(&self, exact: &Exact) -> BigInt {
        let multiple = BigInt::from(self.multiple);
        let units = self.round(&(exact / Exact::from_integer(multiple.clone())));
        if units == BigInt::from(0) { self.round(exact) } else { units * multiple }
    }

    fn growths(&self) -> Vec<Exact> {
        let rate = part(self.rate, 1_000_000);
        let dues = self.dues();
        let begins = [self.start].into_iter().chain(dues.clone());
        begins.zip(&dues).map(|(from, to)| &rate * self.share(from, *to)).collect()
    }

    /// By Horner's rule from the last period back, without reducing on the way.
    fn level(&self, growths: &[Exact]) -> Exact {
        let (mut numerator, mut denominator) = (BigInt::from(0), BigInt::from(1));
        for growth in growths.iter().rev() {
            let grown = growth.numer() + growth.denom();
            numerator = (&numerator + &denominator).mul(growth.denom());
            denominator *= grown;
        }
        Exact::new(BigInt::from(self.principal) * denominator, numerator)
    }

    fn level_rows(&self, level: &BigInt, growths: &[Exact]) -> Vec<PlainRow> {
        let mut balance = BigInt::from(self.principal);
        let last = growths.len() - 1;
        let mut rows = Vec::new();
        for (index, (due, growth)) in self.dues().into_iter().zip(growths).enumerate() {
            let interest = self.round(&(Exact::from_integer(balance.clone()) * growth));
            let room = (level - &interest).max(BigInt::from(0)).min(balance.clone());
            let principal = if index == last { balance.clone() } else { room };
            balance -= &principal;
            rows.push((due, principal, interest));
        }
        rows
    }

    /// What the last instalment is above the others.
    fn gap(&self, level: &BigInt, growths: &[Exact]) -> BigInt {
        let rows = self.level_rows(level, growths);
        let (_, principal, interest) = rows.last().unwrap();
        principal + interest - level
    }

    fn equal_instalments(&self) -> Vec<PlainRow> {
        let growths = self.growths();
        let level = self.instalment(&self.level(&growths));
        let gap = self.gap(&level, &growths);
        let size = |gap: &BigInt| gap.magnitude().clone();
        if BigInt::from(size(&gap)) > BigInt::from(self.instalments / 2) {
            let spread = Exact::new(gap.clone(), self.instalments.into());
            let again = self.instalment(&(Exact::from_integer(level.clone()) + spread));
            if size(&self.gap(&again, &growths)) < size(&gap) {
                return self.level_rows(&again, &growths);
            }
        }
        self.level_rows(&level, &growths)
    }

    fn equal_principal(&self) -> Vec<PlainRow> {
        let share = self.round(&part(self.principal, self.instalments));
        self.declining(&share)
    }

    /// The same principal each time, the last takes what is left.
    fn declining(&self, share: &BigInt) -> Vec<PlainRow> {
        let growths = self.growths();
        let mut balance = BigInt::from(self.principal);
        let mut rows = Vec::new();
        for (index, (due, growth)) in self.dues().into_iter().zip(&growths).enumerate() {
            let interest = self.round(&(Exact::from_integer(balance.clone()) * growth));
            let is_last = index + 1 == growths.len();
            let principal = if is_last { balance.clone() } else { share.min(&balance).clone() };
            balance -= &principal;
            rows.push((due, principal, interest));
        }
        rows
    }

    /// Interest of the original principal each time and one instalment for all; the last row takes what rounding left over
    /// of either part.
    fn flat(&self) -> Vec<PlainRow> {
        let growths = self.growths();
        let principal = whole(self.principal);
        let all = growths.iter().fold(principal.clone(), |all, growth| all + &principal * growth);
        let instalment = self.instalment(&(all / whole(self.instalments)));
        let mut balance = BigInt::from(self.principal);
        let (mut exact, mut charged) = (whole(0), BigInt::from(0));
        let mut rows = Vec::new();
        for (index, (due, growth)) in self.dues().into_iter().zip(&growths).enumerate() {
            let own = &principal * growth;
            exact += &own;
            let rounded = self.round(&own);
            let room = (&instalment - &rounded).max(BigInt::from(0)).min(balance.clone());
            let is_last = index + 1 == growths.len();
            let principal = if is_last { balance.clone() } else { room };
            let interest =
                if is_last { (self.round(&exact) - &charged).max(BigInt::from(0)) } else { rounded };
            charged += &interest;
            balance -= &principal;
            rows.push((due, principal, interest));
        }
        rows
    }

    fn rows(&self) -> Vec<PlainRow> {
        match self.amortisation {
            Amortisation::EqualInstalments => self.equal_instalments(),
            Amortisation::EqualPrincipal => self.equal_principal(),
            Amortisation::InterestOnly => self.declining(&BigInt::from(0)),
            Amortisation::Flat => self.flat(),
        }
    }

    fn contract(&self) -> Contract {
        let (accrual, month, year) = match self.basis {
            Basis::Nominal => (Accrual::Nominal, MonthBasis::Thirty, YearBasis::Days360),
            Basis::Thirty360 => (Accrual::Daily, MonthBasis::Thirty, YearBasis::Days360),
            Basis::Actual365 => (Accrual::Daily, MonthBasis::Actual, YearBasis::Days365),
            Basis::Actual360 => (Accrual::Daily, MonthBasis::Actual, YearBasis::Days360),
            Basis::ActualActual => (Accrual::Daily, MonthBasis::Actual, YearBasis::Actual),
        };
        Contract {
            currency: cny(),
            principal: Amount::new(self.principal),
            annual_rate: Decimal::new(self.rate, 6).into(),
            amortisation: self.amortisation,
            instalments: u16::try_from(self.instalments).unwrap(),
            interest_from: self.start.date(),
            first_due: self.dues()[0].date(),
            anchor_day: Some(u8::try_from(self.start.day).unwrap()),
            instalment_multiple_of: (self.multiple > 1).then_some(Amount::new(self.multiple)),
            conventions: Conventions {
                frequency: Frequency { every: u16::try_from(self.every).unwrap(), unit: self.unit },
                accrual,
                day_count: DayCount { month, year },
                rounding: self.rounding,
                ..Conventions::default()
            },
        }
    }
}

fn any_plain() -> impl Strategy<Value = Plain> {
    let amounts = (
        prop_oneof![1_i64..50_000_000, 1_i64..10_000, 1_i64..1_000_000_000_000],
        prop_oneof![0_i64..360_000, (0_i64..36).prop_map(|percent| percent * 10_000)],
        prop_oneof![5 => 1_i64..37, 1 => 37_i64..121],
        prop_oneof![4 => Just(1_i64), 1 => Just(100), 1 => Just(10)],
    );
    let dates = (2019_i64..2030, 1_i64..=12, 1_i64..=31, 1_i64..=3);
    let amortisation = prop_oneof![
        3 => Just(Amortisation::EqualInstalments),
        1 => Just(Amortisation::EqualPrincipal),
        1 => Just(Amortisation::InterestOnly),
        1 => Just(Amortisation::Flat),
    ];
    let unit = prop_oneof![
        4 => Just(FrequencyUnit::Months),
        1 => Just(FrequencyUnit::Weeks),
        1 => Just(FrequencyUnit::Days),
    ];
    let basis = prop_oneof![
        Just(Basis::Nominal),
        Just(Basis::Thirty360),
        Just(Basis::Actual365),
        Just(Basis::Actual360),
        Just(Basis::ActualActual),
    ];
    let rounding = prop_oneof![
        4 => Just(Rounding::HalfEven),
        1 => Just(Rounding::HalfUp),
        1 => Just(Rounding::Up),
        1 => Just(Rounding::Down),
    ];
    (amounts, dates, (amortisation, unit, basis, rounding)).prop_map(|(amounts, dates, words)| {
        let (principal, rate, instalments, multiple) = amounts;
        let (year, month, day, every) = dates;
        let (amortisation, unit, basis, rounding) = words;
        Plain {
            principal,
            rate,
            instalments,
            start: Day { year, month, day: day.min(length_of(year, month)) },
            every: if unit == FrequencyUnit::Days { every * 7 + 3 } else { every },
            unit,
            amortisation,
            basis,
            rounding,
            multiple,
        }
    })
}

#[test]
fn plain_schedules_are_those_of_exact_rationals() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&any_plain(), |plain| {
            let found = schedule::build(&plain.contract()).unwrap();
            let expected = plain.rows();
            prop_assert_eq!(found.len(), expected.len());
            for (found, (due, principal, interest)) in found.iter().zip(&expected) {
                prop_assert_eq!(found.due, due.date(), "{}", found.nr);
                prop_assert_eq!(&BigInt::from(found.principal.minor()), principal, "principal {}", found.nr);
                prop_assert_eq!(&BigInt::from(found.interest.minor()), interest, "interest {}", found.nr);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_independent_dates_are_right() {
    let day = |year, month, day| Day { year, month, day };
    assert_eq!(day(2000, 1, 1).count() - day(1999, 12, 31).count(), 1);
    assert_eq!(day(2001, 1, 1).count() - day(2000, 1, 1).count(), 366);
    assert_eq!(day(2026, 1, 31).months_after(1, 31), day(2026, 2, 28));
    assert_eq!(day(2026, 2, 28).months_after(1, 31), day(2026, 3, 31));
    assert_eq!(day(2027, 12, 30).after(2), day(2028, 1, 1));
}
