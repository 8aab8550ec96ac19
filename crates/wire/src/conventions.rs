//! What contracts differ in beside amounts: frequency, accrual, rounding, grace, business days.

use std::collections::BTreeSet;

use api::google::r#type::Date as DateMessage;
use api::leeway::common::v1;
use assessment::MAX_CALENDAR_DATES;
use chassis::Violations;
use loan::contract::MAX_INSTALMENTS;
use loan::{
    BusinessCalendar, BusinessDays, Contract, Conventions, Currency, Date, DayCount, Frequency, Grace, Ratio,
};
use rust_decimal::Decimal;

use crate::account::amount_optional_in;
use crate::loan_codes::{
    accrual_in, accrual_out, business_day_rule_in, business_day_rule_out, frequency_unit_in,
    frequency_unit_out, month_basis_in, month_basis_out, rounding_in, rounding_out, rounding_point_in,
    rounding_point_out, year_basis_in, year_basis_out,
};
use crate::money::money_out;
use crate::primitives::{at, count_in, date_in, date_out, list_in, ratio_in, ratio_out, reason, refuse};

/// Most units between instalments; the unit's own limit is the domain's.
const MAX_EVERY: u32 = 366;
/// Days of a week.
const DAYS_OF_WEEK: u32 = 7;

/// The conventions of a contract that lies at `field`; what isn't set has the default's meaning.
pub(crate) fn conventions_in(
    v: &mut Violations,
    field: &str,
    message: &v1::LoanContract,
    currency: Currency,
) -> Option<Conventions> {
    let frequency = frequency_in(v, &at(field, "frequency"), message.frequency.as_ref());
    let accrual = accrual_in(v, &at(field, "accrual"), message.accrual);
    let day_count = day_count_in(v, &at(field, "day_count"), message.day_count.as_ref());
    let rounding = rounding_in(v, &at(field, "rounding"), message.rounding);
    let rounding_point = rounding_point_in(v, &at(field, "rounding_point"), message.rounding_point);
    let grace = grace_in(v, &at(field, "grace"), message.grace.as_ref());
    let share = &message.down_payment_share;
    let down_payment = if share.is_empty() {
        Some(Ratio::ZERO)
    } else {
        ratio_in(v, &at(field, "down_payment_share"), share, Decimal::ZERO..=Decimal::ONE)
    };
    let fixed_field = at(field, "fixed_instalment");
    let fixed_instalment = amount_optional_in(v, &fixed_field, message.fixed_instalment.as_ref(), currency);
    let business_days = match &message.business_days {
        Some(days) => business_days_in(v, &at(field, "business_days"), days).map(Some),
        None => Some(None),
    };
    Some(Conventions {
        frequency: frequency?,
        accrual: accrual?,
        day_count: day_count?,
        rounding: rounding?,
        rounding_point: rounding_point?,
        grace: grace?,
        down_payment: down_payment?,
        fixed_instalment: fixed_instalment?,
        business_days: business_days?,
    })
}

/// The message with the conventions of `contract`.
pub(crate) fn conventions_into(message: v1::LoanContract, contract: &Contract) -> v1::LoanContract {
    let conventions = &contract.conventions;
    let share = conventions.down_payment;
    v1::LoanContract {
        frequency: Some(frequency_out(conventions.frequency)),
        accrual: accrual_out(conventions.accrual).into(),
        day_count: Some(v1::DayCount {
            month: month_basis_out(conventions.day_count.month).into(),
            year: year_basis_out(conventions.day_count.year).into(),
        }),
        rounding: rounding_out(conventions.rounding).into(),
        rounding_point: rounding_point_out(conventions.rounding_point).into(),
        grace: Some(v1::Grace {
            principal_instalments: conventions.grace.principal.into(),
            interest_instalments: conventions.grace.interest.into(),
            deferred_interest_instalments: conventions.grace.interest_deferred.into(),
        }),
        down_payment_share: if share == Ratio::ZERO { String::new() } else { ratio_out(share) },
        fixed_instalment: conventions.fixed_instalment.map(|amount| money_out(amount, contract.currency)),
        business_days: conventions.business_days.as_ref().map(business_days_out),
        ..message
    }
}

/// How far instalments are apart; not set: monthly.
pub(crate) fn frequency_in(
    v: &mut Violations,
    field: &str,
    frequency: Option<&v1::Frequency>,
) -> Option<Frequency> {
    let Some(message) = frequency else { return Some(Frequency::MONTHLY) };
    let every = count_in(v, &at(field, "every"), message.every, 1..=MAX_EVERY);
    let unit = frequency_unit_in(v, &at(field, "unit"), message.unit);
    let frequency = Frequency { every: u16::try_from(every?).ok()?, unit: unit? };
    if !frequency.is_believable() {
        return refuse(
            v,
            &at(field, "every"),
            reason::OUT_OF_RANGE,
            "must be at most 366 days, 52 weeks or 12 months",
        );
    }
    Some(frequency)
}

pub(crate) fn frequency_out(frequency: Frequency) -> v1::Frequency {
    v1::Frequency { every: frequency.every.into(), unit: frequency_unit_out(frequency.unit).into() }
}

fn day_count_in(v: &mut Violations, field: &str, count: Option<&v1::DayCount>) -> Option<DayCount> {
    let Some(message) = count else { return Some(DayCount::THIRTY_360) };
    let month = month_basis_in(v, &at(field, "month"), message.month);
    let year = year_basis_in(v, &at(field, "year"), message.year);
    Some(DayCount { month: month?, year: year? })
}

fn grace_in(v: &mut Violations, field: &str, grace: Option<&v1::Grace>) -> Option<Grace> {
    let Some(message) = grace else { return Some(Grace::default()) };
    let mut count = |name: &str, number: i32| {
        let read = count_in(v, &at(field, name), number, 0..=u32::from(MAX_INSTALMENTS));
        read.and_then(|count| u16::try_from(count).ok())
    };
    let principal = count("principal_instalments", message.principal_instalments);
    let interest = count("interest_instalments", message.interest_instalments);
    let deferred = count("deferred_interest_instalments", message.deferred_interest_instalments);
    Some(Grace { principal: principal?, interest: interest?, interest_deferred: deferred? })
}

fn business_days_in(v: &mut Violations, field: &str, days: &v1::BusinessDays) -> Option<BusinessDays> {
    let rule = business_day_rule_in(v, &at(field, "rule"), days.rule);
    let calendar_field = at(field, "calendar");
    let calendar = match &days.calendar {
        Some(calendar) => calendar_in(v, &calendar_field, calendar),
        None => {
            refuse(v, &calendar_field, reason::REQUIRED, "must be set where no pack is named to supply it")
        }
    };
    Some(BusinessDays { rule: rule?, calendar: calendar? })
}

/// Which days are business days.
pub fn calendar_in(
    v: &mut Violations,
    field: &str,
    calendar: &v1::BusinessCalendar,
) -> Option<BusinessCalendar> {
    let weekend_field = at(field, "weekend_days");
    let weekend = each_once_in(v, &weekend_field, &calendar.weekend_days, 7, |v, field, day| {
        count_in(v, field, *day, 1..=DAYS_OF_WEEK).and_then(|day| u8::try_from(day).ok())
    });
    let date = |v: &mut Violations, field: &str, date: &DateMessage| date_in(v, field, Some(date));
    let holidays_field = at(field, "holiday_dates");
    let holidays = each_once_in(v, &holidays_field, &calendar.holiday_dates, MAX_CALENDAR_DATES, date);
    let working_field = at(field, "working_dates");
    let working_days = each_once_in(v, &working_field, &calendar.working_dates, MAX_CALENDAR_DATES, date);
    let (weekend, holidays, working_days) = (weekend?, holidays?, working_days?);
    if let Some(both) = working_days.intersection(&holidays).next() {
        let description = format!("names {both}, which stands among the holidays");
        return refuse(v, &working_field, reason::CONTRADICTION, description);
    }
    Some(BusinessCalendar { weekend, holidays, working_days })
}

/// Entries that may stand in any order, each once.
fn each_once_in<M, T: Copy + Ord>(
    v: &mut Violations,
    field: &str,
    messages: &[M],
    most: usize,
    mut read: impl FnMut(&mut Violations, &str, &M) -> Option<T>,
) -> Option<BTreeSet<T>> {
    let mut found = BTreeSet::new();
    list_in(v, field, messages, most, |v, field, message| {
        let entry = read(v, field, message)?;
        if found.insert(entry) { Some(()) } else { refuse(v, field, reason::DUPLICATE, "stands twice") }
    })?;
    Some(found)
}

fn business_days_out(days: &BusinessDays) -> v1::BusinessDays {
    v1::BusinessDays {
        rule: business_day_rule_out(days.rule).into(),
        calendar: Some(calendar_out(&days.calendar)),
    }
}

/// Writes which days are business days.
pub fn calendar_out(calendar: &BusinessCalendar) -> v1::BusinessCalendar {
    let dates = |dates: &BTreeSet<Date>| dates.iter().map(|date| date_out(*date)).collect();
    v1::BusinessCalendar {
        weekend_days: calendar.weekend.iter().map(|day| i32::from(*day)).collect(),
        holiday_dates: dates(&calendar.holidays),
        working_dates: dates(&calendar.working_days),
    }
}
