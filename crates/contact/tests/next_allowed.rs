//! When messages may go, row by row: hours, midnight, clock changes, caps and stops.

use contact::{
    About, Channel, ContactRules, Decision, Message, MessageClass, Recipient, Stop, is_open, next_allowed,
};
use given::{at, decide, message, rules, zone};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

#[cfg(test)]
mod given {
    use super::*;

    pub fn rules(first_hour: u8, last_hour: u8) -> ContactRules {
        ContactRules { first_hour, last_hour, max_attempts: 6, period_days: 1, reminder_days: vec![] }
    }

    pub fn message(class: MessageClass, channel: Channel) -> Message {
        Message { class, channel, about: About::Loan }
    }

    pub fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known zone")
    }

    pub fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    pub fn decide(message: Message, zone: &TimeZone, rules: &ContactRules, now: Timestamp) -> Decision {
        let recipient = Recipient { zone, stops: &[], attempts: &[] };
        next_allowed(&message, &recipient, rules, now).expect("inside the calendar")
    }
}

#[test]
fn outside_hours_a_reminder_waits_for_the_next_allowed_minute() {
    let cn = rules(8, 22);
    let us = rules(8, 21);
    // zone, rules, now, when it may go
    let rows = [
        ("Asia/Shanghai", &cn, "2026-07-20T10:15:30+08:00", "2026-07-20T10:15:30+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-20T08:00:00+08:00", "2026-07-20T08:00:00+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-20T07:59:59.999999+08:00", "2026-07-20T08:00:00+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-20T21:59:59+08:00", "2026-07-20T21:59:59+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-20T22:00:00+08:00", "2026-07-21T08:00:00+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-20T23:59:59+08:00", "2026-07-21T08:00:00+08:00"),
        ("Asia/Shanghai", &cn, "2026-07-21T00:00:00+08:00", "2026-07-21T08:00:00+08:00"),
        ("Asia/Shanghai", &cn, "2026-12-31T22:30:00+08:00", "2027-01-01T08:00:00+08:00"),
        // The same moment is day in one zone and night in the other.
        ("Europe/London", &us, "2026-07-20T10:00:00+08:00", "2026-07-20T08:00:00+01:00"),
        ("Asia/Kathmandu", &us, "2026-07-20T02:14:00Z", "2026-07-20T02:15:00Z"),
        // New York loses 02:00 to 03:00 on 8 March and repeats 01:00 to 02:00 on 1 November 2026.
        ("America/New_York", &us, "2026-03-07T21:00:00-05:00", "2026-03-08T08:00:00-04:00"),
        ("America/New_York", &us, "2026-10-31T21:00:00-04:00", "2026-11-01T08:00:00-05:00"),
    ];
    for (name, rules, now, expected) in rows {
        let (now, expected) = (at(now), at(expected));
        let wanted = if expected == now { Decision::Deliver } else { Decision::DeferUntil(expected) };
        for class in [MessageClass::Reminder, MessageClass::Collection] {
            assert_eq!(
                decide(message(class, Channel::InApp), &zone(name), rules, now),
                wanted,
                "{name} {now}"
            );
        }
        for class in [MessageClass::Statutory, MessageClass::Service] {
            assert_eq!(decide(message(class, Channel::Sms), &zone(name), rules, now), wanted, "{name} {now}");
        }
    }
}

#[test]
fn an_hour_that_is_lost_or_repeated_still_opens_the_window() {
    // zone, first hour, last hour, now, when
    let rows = [
        // 02:00 doesn't exist on that day; the window opens when the clock arrives at 03:00.
        ("America/New_York", 2, 6, "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"),
        // The whole window is lost that day.
        ("America/New_York", 2, 3, "2026-03-08T01:30:00-05:00", "2026-03-09T02:00:00-04:00"),
        // 01:00 comes twice; the first one opens, and in the second one the window is still open.
        ("America/New_York", 1, 2, "2026-11-01T00:30:00-04:00", "2026-11-01T01:00:00-04:00"),
        ("America/New_York", 1, 2, "2026-11-01T01:30:00-05:00", "2026-11-01T01:30:00-05:00"),
        ("America/New_York", 1, 2, "2026-11-01T02:00:00-05:00", "2026-11-02T01:00:00-05:00"),
        // Samoa had no 30 December 2011.
        ("Pacific/Apia", 8, 21, "2011-12-29T21:00:00-10:00", "2011-12-31T08:00:00+14:00"),
        // Midnight itself was lost in Beirut.
        ("Asia/Beirut", 0, 2, "2022-03-26T23:30:00+02:00", "2022-03-27T01:00:00+03:00"),
        ("Asia/Beirut", 0, 1, "2022-03-26T23:30:00+02:00", "2022-03-28T00:00:00+03:00"),
        // St John's used to go back at 00:01: midnight came twice, the second one an hour after the first.
        ("America/St_Johns", 0, 2, "2010-11-06T22:30:00-02:30", "2010-11-07T00:00:00-02:30"),
        ("America/St_Johns", 0, 2, "2010-11-06T23:30:00-03:30", "2010-11-07T00:00:00-03:30"),
        ("Asia/Shanghai", 0, 24, "2026-07-20T23:59:59+08:00", "2026-07-20T23:59:59+08:00"),
    ];
    for (name, first, last, now, expected) in rows {
        let (now, expected) = (at(now), at(expected));
        let wanted = if expected == now { Decision::Deliver } else { Decision::DeferUntil(expected) };
        let reminder = message(MessageClass::Reminder, Channel::InApp);
        assert_eq!(decide(reminder, &zone(name), &rules(first, last), now), wanted, "{name} {now}");
    }
}

#[test]
fn answers_and_what_law_requires_appear_in_the_inbox_at_any_hour() {
    for class in [MessageClass::Statutory, MessageClass::Service] {
        for now in ["2026-07-20T03:00:00+08:00", "2026-07-20T23:00:00+08:00"] {
            let decision =
                decide(message(class, Channel::InApp), &zone("Asia/Shanghai"), &rules(8, 22), at(now));
            assert_eq!(decision, Decision::Deliver, "{class:?} {now}");
        }
    }
}

#[test]
fn stops_hold_back_reminders_and_collection_only() {
    use About::{Loan, Plan};
    use MessageClass::{Collection, Reminder, Service, Statutory};
    use Stop::{Dispute, Moratorium, OpenApplication, OptedOut};
    let rows: [(MessageClass, About, &[Stop], Option<Stop>); 14] = [
        (Statutory, Loan, &[OpenApplication, Moratorium, Dispute, OptedOut], None),
        (Service, Loan, &[OpenApplication, Moratorium, Dispute, OptedOut], None),
        (Reminder, Loan, &[], None),
        (Reminder, Loan, &[OpenApplication], Some(OpenApplication)),
        (Reminder, Loan, &[Moratorium], Some(Moratorium)),
        (Reminder, Loan, &[Dispute], Some(Dispute)),
        (Reminder, Loan, &[OptedOut], Some(OptedOut)),
        (Reminder, Plan, &[OpenApplication, Dispute], None),
        (Reminder, Plan, &[OpenApplication, OptedOut], Some(OptedOut)),
        (Reminder, Plan, &[Moratorium], Some(Moratorium)),
        (Collection, Loan, &[OpenApplication], Some(OpenApplication)),
        (Collection, Plan, &[OpenApplication], Some(OpenApplication)),
        (Collection, Loan, &[Dispute, OptedOut], Some(Dispute)),
        (Collection, Loan, &[], None),
    ];
    let shanghai = zone("Asia/Shanghai");
    for (class, about, stops, expected) in rows {
        let message = Message { class, channel: Channel::InApp, about };
        let recipient = Recipient { zone: &shanghai, stops, attempts: &[] };
        let noon = at("2026-07-20T12:00:00+08:00");
        let decision = next_allowed(&message, &recipient, &rules(8, 22), noon).expect("a decision");
        let wanted = expected.map_or(Decision::Deliver, Decision::Suppressed);
        assert_eq!(decision, wanted, "{class:?} {about:?} {stops:?}");
    }
}

#[test]
fn the_cap_counts_calendar_days_of_the_borrower() {
    let day = |text: &str| at(&format!("{text}+08:00"));
    // attempts allowed, in days, attempts made, now, when
    let rows: [(u32, u32, &[&str], &str, &str); 8] = [
        (2, 1, &["2026-07-20T09:00:00"], "2026-07-20T10:00:00", "2026-07-20T10:00:00"),
        (2, 1, &["2026-07-20T09:00:00", "2026-07-20T09:30:00"], "2026-07-20T10:00:00", "2026-07-21T08:00:00"),
        // Yesterday's attempts are another day's, however late they were.
        (2, 1, &["2026-07-19T21:30:00", "2026-07-20T09:30:00"], "2026-07-20T10:00:00", "2026-07-20T10:00:00"),
        (1, 7, &["2026-07-20T21:00:00"], "2026-07-21T10:00:00", "2026-07-27T08:00:00"),
        (1, 7, &["2026-07-20T21:00:00"], "2026-07-26T23:00:00", "2026-07-27T08:00:00"),
        (1, 7, &["2026-07-20T21:00:00"], "2026-07-27T10:00:00", "2026-07-27T10:00:00"),
        // Three in seven days: the third newest decides, whatever the order they are given in.
        (
            3,
            7,
            &["2026-07-24T09:00:00", "2026-07-18T09:00:00", "2026-07-20T09:00:00", "2026-07-22T09:00:00"],
            "2026-07-24T10:00:00",
            "2026-07-27T08:00:00",
        ),
        // Free again on a day that has not opened yet.
        (1, 1, &["2026-07-20T09:00:00"], "2026-07-21T03:00:00", "2026-07-21T08:00:00"),
    ];
    let shanghai = zone("Asia/Shanghai");
    for (max_attempts, period_days, attempts, now, expected) in rows {
        let attempts: Vec<Timestamp> = attempts.iter().map(|text| day(text)).collect();
        let rules = ContactRules { max_attempts, period_days, ..rules(8, 22) };
        let recipient = Recipient { zone: &shanghai, stops: &[], attempts: &attempts };
        let ask = |class| {
            next_allowed(&message(class, Channel::InApp), &recipient, &rules, day(now)).expect("a decision")
        };
        let wanted = if expected == now { Decision::Deliver } else { Decision::DeferUntil(day(expected)) };
        assert_eq!(ask(MessageClass::Reminder), wanted, "{attempts:?} {now}");
        assert_eq!(ask(MessageClass::Collection), wanted, "{attempts:?} {now}");
        assert_eq!(ask(MessageClass::Service), Decision::Deliver, "{attempts:?} {now}");
        assert_eq!(ask(MessageClass::Statutory), Decision::Deliver, "{attempts:?} {now}");
    }
}

#[test]
fn a_day_free_of_the_cap_but_lost_by_the_zone_is_skipped() {
    // Samoa had no 30 December 2011, the day on which the cap would have room again.
    let apia = zone("Pacific/Apia");
    let attempts = [at("2011-12-29T09:00:00-10:00")];
    let rules = ContactRules { max_attempts: 1, ..rules(8, 21) };
    let recipient = Recipient { zone: &apia, stops: &[], attempts: &attempts };
    let reminder = message(MessageClass::Reminder, Channel::InApp);
    let decision = next_allowed(&reminder, &recipient, &rules, at("2011-12-29T10:00:00-10:00"));
    assert_eq!(decision, Ok(Decision::DeferUntil(at("2011-12-31T08:00:00+14:00"))));
}

#[test]
fn the_end_of_the_calendar_is_an_error() {
    let shanghai = zone("Asia/Shanghai");
    let recipient = Recipient { zone: &shanghai, stops: &[], attempts: &[] };
    let reminder = message(MessageClass::Reminder, Channel::InApp);
    assert!(next_allowed(&reminder, &recipient, &rules(8, 9), Timestamp::MAX).is_err());
    let unchecked = rules(9, 9);
    assert!(next_allowed(&reminder, &recipient, &unchecked, at("2026-07-20T10:00:00+08:00")).is_err());
}

const ZONES: [&str; 12] = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/St_Johns",
];

proptest! {
    /// The answer is never before now, always inside the window, under the cap, and stands when asked again then.
    #[test]
    fn an_answer_holds(
        seconds in 0_i64..2_200_000_000,
        zone_at in 0..ZONES.len(),
        first in 0_u8..24,
        length in 1_u8..=24,
        max_attempts in 1_u32..5,
        period_days in 1_u32..10,
        ages in proptest::collection::vec(0_i64..1_000_000, 0..8),
    ) {
        let zone = zone(ZONES[zone_at]);
        let now = Timestamp::from_second(seconds).expect("a time");
        let attempts: Vec<Timestamp> =
            ages.iter().map(|age| Timestamp::from_second(seconds - age).expect("a time")).collect();
        let rules = ContactRules {
            max_attempts,
            period_days,
            ..rules(first, first.saturating_add(length).min(24))
        };
        prop_assert!(rules.check().is_ok());
        let recipient = Recipient { zone: &zone, stops: &[], attempts: &attempts };
        let reminder = message(MessageClass::Reminder, Channel::InApp);
        let at = match next_allowed(&reminder, &recipient, &rules, now).expect("a decision") {
            Decision::Deliver => now,
            Decision::DeferUntil(at) => {
                prop_assert!(at > now);
                at
            }
            Decision::Suppressed(stop) => return Err(TestCaseError::fail(format!("stopped by {stop:?}"))),
        };
        prop_assert!(is_open(at, &zone, &rules));
        let day = |at: Timestamp| at.to_zoned_datetime(zone.clone()).date();
        let recent = attempts.iter().filter(|made| {
            let age = day(at).since(day(**made)).expect("days").get_days();
            age < i32::try_from(period_days).expect("small")
        });
        prop_assert!(recent.count() < max_attempts as usize);
        prop_assert_eq!(next_allowed(&reminder, &recipient, &rules, at), Ok(Decision::Deliver));
        // Nothing earlier was allowed: a minute before, the window was shut or the cap full.
        if at > now {
            let before = Timestamp::from_second(at.as_second() - 60).expect("a time").max(now);
            prop_assert_ne!(next_allowed(&reminder, &recipient, &rules, before), Ok(Decision::Deliver));
        }
    }
}
