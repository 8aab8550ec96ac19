//! Calendars of packs, and contracts that leave theirs to the pack.

use api::leeway::common::v1;
use api::leeway::policy::v1 as policy;
use assessment::{BusinessDaysSection, CalendarSource, PackCalendar};
use chassis::Violations;
use loan::{Account, BusinessCalendar};

use crate::conventions::{calendar_in, calendar_out};
use crate::primitives::{MAX_YEAR, MIN_YEAR, at, missing, reason, refuse};

/// Whether a contract moves due dates and leaves it to its pack which days are business days.
pub fn leaves_calendar(contract: Option<&v1::LoanContract>) -> bool {
    let days = contract.and_then(|contract| contract.business_days.as_ref());
    days.is_some_and(|days| days.calendar.is_none())
}

/// Writes a pack's calendar into a contract that leaves it to the pack.
pub fn fill_calendar(contract: Option<&mut v1::LoanContract>, calendar: &BusinessCalendar) {
    if let Some(days) = contract.and_then(|contract| contract.business_days.as_mut()) {
        days.calendar.get_or_insert_with(|| calendar_out(calendar));
    }
}

/// Refuses a loan under a pack's calendar with a due date of which that calendar knows nothing. What can't be replayed is
/// refused by whoever computes it.
pub fn check_covered(
    v: &mut Violations,
    field: &str,
    account: &Account,
    (pack_name, calendar): (&str, &PackCalendar),
) {
    if let Ok(Some(unknown)) = calendar.first_unknown(account) {
        let PackCalendar { first_year, last_year, .. } = calendar;
        let description = format!(
            "an instalment falls due around {unknown}, and pack `{pack_name}` knows the holidays of {first_year} to \
             {last_year} only; state the calendar with the contract"
        );
        v.add(&at(field, "contract.business_days.calendar"), reason::NOT_COVERED, description);
    }
}

/// A pack's calendar, without its sources.
pub fn calendar_section_in(
    v: &mut Violations,
    field: &str,
    section: Option<&policy::CalendarSection>,
) -> Option<PackCalendar> {
    let Some(message) = section else { return missing(v, field) };
    let calendar_field = at(field, "calendar");
    let business = match &message.calendar {
        Some(calendar) => calendar_in(v, &calendar_field, calendar),
        None => missing(v, &calendar_field),
    };
    let mut year = |name: &str, year: i32| match i16::try_from(year) {
        Ok(read) if (MIN_YEAR..=MAX_YEAR).contains(&year) => Some(read),
        _ => {
            let description = format!("the year must be {MIN_YEAR} to {MAX_YEAR}");
            refuse(v, &at(field, name), reason::OUT_OF_RANGE, description)
        }
    };
    let first_year = year("first_year", message.first_year);
    let last_year = year("last_year", message.last_year);
    Some(PackCalendar { business: business?, first_year: first_year?, last_year: last_year? })
}

/// Writes a pack's calendar with its sources.
pub fn calendar_section_out(section: &BusinessDaysSection) -> policy::CalendarSection {
    policy::CalendarSection {
        calendar: Some(calendar_out(&section.calendar.business)),
        first_year: section.calendar.first_year.into(),
        last_year: section.calendar.last_year.into(),
        weekend_source: Some(source_out(&section.weekend_source)),
        date_sources: section.date_sources.iter().map(source_out).collect(),
    }
}

fn source_out(source: &CalendarSource) -> policy::CalendarSource {
    policy::CalendarSource {
        first_year: source.first_year.into(),
        last_year: source.last_year.into(),
        source: source.source.clone(),
        status: source.status.clone(),
    }
}
