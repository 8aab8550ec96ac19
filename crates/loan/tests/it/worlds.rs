//! Loans of every convention and histories of every event, read from a tape.

use std::collections::BTreeSet;

use loan::{
    Account, Accrual, Amortisation, BusinessCalendar, BusinessDayRule, BusinessDays, Contract, Conventions,
    Date, DayCount, Event, Frequency, FrequencyUnit, Grace, LateAllocation, MonthBasis, Origin,
    OverdueInterest, Overpayment, Part, PayOffInterest, Product, Ratio, Rounding, RoundingPoint, YearBasis,
    calendar,
};

use crate::common::{cny, date, rate, ratio};
use crate::happenings;
use crate::tape::Tape;

const AMORTISATIONS: [Amortisation; 4] = [
    Amortisation::EqualInstalments,
    Amortisation::EqualPrincipal,
    Amortisation::InterestOnly,
    Amortisation::Flat,
];

impl Tape<'_> {
    pub fn frequency(&mut self) -> Frequency {
        let unit = self.pick(&[FrequencyUnit::Months, FrequencyUnit::Weeks, FrequencyUnit::Days]);
        let most = match unit {
            FrequencyUnit::Months => 3,
            FrequencyUnit::Weeks => 4,
            FrequencyUnit::Days => 45,
        };
        let every = self.count(most - 1).saturating_add(1);
        Frequency { every, unit }
    }

    fn business_days(&mut self) -> BusinessDays {
        let rule = self.pick(&[
            BusinessDayRule::Following,
            BusinessDayRule::Preceding,
            BusinessDayRule::ModifiedFollowing,
        ]);
        let weekend = self.pick(&[vec![6, 7], vec![7], vec![], vec![5, 6]]).into_iter().collect();
        let start = date("2026-01-01");
        let mut days = |count: u32| -> BTreeSet<Date> { (0..count).map(|_| self.day(start, 800)).collect() };
        BusinessDays {
            rule,
            calendar: BusinessCalendar { weekend, holidays: days(4), working_days: days(2) },
        }
    }

    fn grace(&mut self, instalments: u16) -> Grace {
        let most = instalments.saturating_sub(1).min(6);
        Grace {
            principal: self.count(most),
            interest: self.count(instalments.min(6)),
            interest_deferred: self.count(most),
        }
    }

    fn conventions(&mut self, instalments: u16) -> Conventions {
        Conventions {
            frequency: if self.chance(6) { self.frequency() } else { Frequency::MONTHLY },
            accrual: self.pick(&[Accrual::Nominal, Accrual::Daily]),
            day_count: DayCount {
                month: self.pick(&[MonthBasis::Thirty, MonthBasis::Actual]),
                year: self.pick(&[
                    YearBasis::Days360,
                    YearBasis::Days365,
                    YearBasis::Actual,
                    YearBasis::Days364,
                ]),
            },
            rounding: self.pick(&[
                Rounding::HalfEven,
                Rounding::HalfEven,
                Rounding::HalfUp,
                Rounding::Up,
                Rounding::Down,
            ]),
            rounding_point: self.pick(&[
                RoundingPoint::Period,
                RoundingPoint::Period,
                RoundingPoint::SubPeriod,
            ]),
            grace: if self.chance(5) { self.grace(instalments) } else { Grace::default() },
            down_payment: if self.chance(3) { self.share() } else { Ratio::ZERO },
            fixed_instalment: None,
            business_days: if self.chance(4) { Some(self.business_days()) } else { None },
        }
    }

    /// A contract that may be refused.
    pub fn contract(&mut self) -> Contract {
        let instalments = if self.chance(1) { self.count(59) } else { self.count(11) }.saturating_add(1);
        let principal = self.amount(50_000_000);
        let amortisation = self.pick(&AMORTISATIONS);
        let annual_rate = self.rate();
        let interest_from = self.day(date("2026-01-01"), 1_200);
        let conventions = self.conventions(instalments);
        let frequency = conventions.frequency;
        let own_day = u8::try_from(interest_from.day()).unwrap();
        let anchor = if self.chance(4) { 28 + u8::try_from(self.below(4)).unwrap() } else { own_day };
        let step = i32::from(frequency.every.clamp(1, 400));
        let odd = i32::from(self.chance(2));
        let first_due = match frequency.unit {
            FrequencyUnit::Months => calendar::month_after(anchor, interest_from, step + odd),
            FrequencyUnit::Weeks => calendar::days_after(interest_from, step * 7 + odd * 3),
            FrequencyUnit::Days => calendar::days_after(interest_from, step + odd * 2),
        };
        let mut contract = Contract {
            currency: cny(),
            principal,
            annual_rate,
            amortisation,
            instalments,
            interest_from,
            first_due: first_due.unwrap_or(Date::MAX),
            anchor_day: Some(anchor),
            instalment_multiple_of: None,
            conventions,
        };
        self.say_instalment(&mut contract);
        contract
    }

    /// Multiples and the borrower's own instalment.
    fn say_instalment(&mut self, contract: &mut Contract) {
        let each = contract.principal.minor() / i64::from(contract.instalments.max(1));
        if self.chance(3) {
            let multiple = self.pick(&[10, 100, 1]);
            contract.instalment_multiple_of = Some(loan::Amount::new(multiple)).filter(|_| each > multiple);
        }
        if self.chance(1) && contract.amortisation == Amortisation::EqualInstalments {
            contract.conventions.fixed_instalment = Some(self.amount(each.saturating_mul(3).max(1)));
        }
        if self.is_wild() {
            contract.anchor_day = Some(self.byte());
            contract.first_due = self.day(contract.interest_from, 60);
            contract.instalment_multiple_of = Some(self.amount(1_000));
        }
    }

    fn order(&mut self) -> Vec<Part> {
        let mut left = Product::default_allocation();
        let mut order = Vec::new();
        while !left.is_empty() {
            let index = self.below(u32::try_from(left.len()).unwrap());
            order.push(left.remove(usize::try_from(index).unwrap()));
        }
        order
    }

    /// A product; refused ones only where values are extreme.
    pub fn product(&mut self) -> Product {
        Product {
            penalty_multiplier: if self.is_wild() {
                self.share()
            } else {
                self.pick(&["1.5", "1", "0", "3"].map(ratio))
            },
            cost_cap: if self.is_wild() { self.rate() } else { self.pick(&["0.24", "0.36", "1"].map(rate)) },
            allocation: if self.chance(4) { self.order() } else { Product::default_allocation() },
            overpayment: self.pick(&[
                Overpayment::ReduceNext,
                Overpayment::ReduceLast,
                Overpayment::ReduceTerm,
                Overpayment::ReduceInstalment,
            ]),
            late_allocation: if self.chance(3) {
                Some(LateAllocation { beyond_dpd: self.below(90), order: self.order() })
            } else {
                None
            },
            overdue_interest: self.pick(&[
                OverdueInterest::None,
                OverdueInterest::None,
                OverdueInterest::ContractRate,
            ]),
            pay_off_interest: self.pick(&[PayOffInterest::ToDate, PayOffInterest::ToPeriodEnd]),
        }
    }

    /// A loan that was accepted. Where conventions make no schedule, they are the plain ones.
    pub fn loan(&mut self) -> Account {
        let contract = self.contract();
        let product = self.product();
        match Account::open(Origin::Computed(contract.clone()), product.clone()) {
            Ok(account) => account,
            Err(error) => {
                let expected = ["CONTRACT_INVALID", "TARGET_TOO_LOW"];
                assert!(expected.contains(&error.code()), "{error}: {contract:?}");
                let plain = Contract { conventions: Conventions::default(), ..plainly_due(contract) };
                Account::open(Origin::Computed(plain), product).unwrap()
            }
        }
    }

    /// The loan after up to `most` events, those that were refused left out.
    pub fn history(&mut self, account: Account, most: u16) -> Account {
        let count = self.count(most);
        (0..count).fold(account, |account, index| {
            let event = self.event(&account, index);
            account.record(event).unwrap_or(account)
        })
    }

    pub fn event(&mut self, account: &Account, index: u16) -> Event {
        happenings::event(self, account, index)
    }
}

fn plainly_due(contract: Contract) -> Contract {
    let anchor = u8::try_from(contract.interest_from.day()).unwrap();
    Contract {
        first_due: calendar::month_after(anchor, contract.interest_from, 1).unwrap(),
        anchor_day: Some(anchor),
        ..contract
    }
}

/// A day after everything that happened or is due, so that late effects show.
pub fn long_after(account: &Account) -> Date {
    let rows = account.origin.rows().unwrap();
    let due = rows.iter().map(|row| row.due);
    let last = due.chain(account.events.iter().map(|event| event.effective)).max().unwrap();
    calendar::days_after(last, 100).unwrap_or(Date::MAX)
}
