//! Calendars of packs, and contracts that leave theirs to the pack.

use api::google::r#type::Date as DateMessage;
use api::leeway::common::v1;
use api::leeway::policy::v1 as policy;
use assessment::{BusinessDaysSection, CalendarSource, PackCalendar};
use loan::{Account, BusinessCalendar, Origin};

use super::samples::{contract, day, product, rich_contract};
use super::{check, fine, violations};
use crate::*;

fn calendar() -> BusinessCalendar {
    BusinessCalendar {
        weekend: [6, 7].into(),
        holidays: [day("2026-10-01"), day("2026-10-02")].into(),
        working_days: [day("2026-10-10")].into(),
    }
}

fn known(first_year: i16, last_year: i16) -> PackCalendar {
    PackCalendar { business: calendar(), first_year, last_year }
}

fn section() -> BusinessDaysSection {
    let source = |source: &str| CalendarSource {
        first_year: 2024,
        last_year: 2026,
        source: source.into(),
        status: "law".into(),
    };
    BusinessDaysSection {
        calendar: known(2024, 2026),
        weekend_source: source("a regulation"),
        date_sources: vec![source("a notice")],
    }
}

/// A contract whose due dates move by a calendar that it doesn't state.
fn leaving() -> v1::LoanContract {
    let mut message = contract_out(&contract());
    let rule = v1::BusinessDayRule::ModifiedFollowing.into();
    message.business_days = Some(v1::BusinessDays { rule, calendar: None });
    message
}

#[test]
fn sections_pass_both_ways() {
    let message = calendar_section_out(&section());
    assert_eq!(fine(|v| calendar_section_in(v, "calendar", Some(&message))), known(2024, 2026));
    assert_eq!(message.weekend_source.unwrap().source, "a regulation");
    let [dates] = message.date_sources.as_slice() else { panic!("{:?}", message.date_sources) };
    let said = (dates.source.as_str(), dates.status.as_str(), dates.first_year, dates.last_year);
    assert_eq!(said, ("a notice", "law", 2024, 2026));
}

#[test]
fn sections_that_cant_be_read_are_refused() {
    let changed = |change: fn(&mut policy::CalendarSection)| {
        let mut message = calendar_section_out(&section());
        change(&mut message);
        Some(message)
    };
    type Row = (Option<policy::CalendarSection>, &'static [(&'static str, &'static str)]);
    let table: [Row; 4] = [
        (None, &[("calendar", "REQUIRED")]),
        (changed(|m| m.calendar = None), &[("calendar.calendar", "REQUIRED")]),
        (
            changed(|m| (m.first_year, m.last_year) = (0, 2_201)),
            &[("calendar.first_year", "OUT_OF_RANGE"), ("calendar.last_year", "OUT_OF_RANGE")],
        ),
        (
            changed(|m| m.calendar.as_mut().unwrap().weekend_days.push(8)),
            &[("calendar.calendar.weekend_days[2]", "OUT_OF_RANGE")],
        ),
    ];
    for (message, expected) in table {
        check(|v| calendar_section_in(v, "calendar", message.as_ref()), expected);
    }
}

#[test]
fn a_pack_fills_only_what_is_left_to_it() {
    let plain = contract_out(&contract());
    let rich = contract_out(&rich_contract());
    let table =
        [(None, false), (Some(plain.clone()), false), (Some(rich.clone()), false), (Some(leaving()), true)];
    for (message, leaves) in table {
        assert_eq!(leaves_calendar(message.as_ref()), leaves, "{message:?}");
    }
    for stated in [plain, rich] {
        let mut filled = stated.clone();
        fill_calendar(Some(&mut filled), &BusinessCalendar::default());
        assert_eq!(filled, stated, "what is stated stays");
    }
    let mut filled = leaving();
    fill_calendar(Some(&mut filled), &calendar());
    let read = fine(|v| contract_in(v, "c", Some(&filled)));
    assert_eq!(read.conventions.business_days.unwrap().calendar, calendar());
    fill_calendar(None, &calendar());
    check(|v| contract_in(v, "c", Some(&leaving())), &[("c.business_days.calendar", "REQUIRED")]);
}

#[test]
fn a_loan_beyond_the_years_is_refused_with_the_day_and_the_remedy() {
    let mut filled = leaving();
    fill_calendar(Some(&mut filled), &calendar());
    filled.first_due_date = Some(DateMessage { year: 2026, month: 2, day: 15 });
    let contract = fine(|v| contract_in(v, "c", Some(&filled)));
    let account = Account::open(Origin::Computed(contract), product()).unwrap();
    let judged = |known: &PackCalendar| {
        let mut v = Violations::new();
        check_covered(&mut v, "loan", &account, ("cn-instalment", known));
        v
    };
    // Twelve instalments, the last on 15 January 2027.
    assert!(judged(&known(2026, 2027)).is_empty());
    let refused = judged(&known(2024, 2026));
    let text = refused.describe();
    for part in ["2027-01-15", "`cn-instalment`", "2024 to 2026", "state the calendar with the contract"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let said = violations(|v| {
        check_covered(v, "loan", &account, ("cn-instalment", &known(2024, 2026)));
        None::<()>
    });
    assert_eq!(said, [("loan.contract.business_days.calendar".to_owned(), "NOT_COVERED".to_owned())]);
}
