//! Calendars: what the packs that ship say, what is refused, and which loans they can't date.

use assessment::{PackCalendar, load_pack};
use loan::{
    Account, BusinessDayRule, BusinessDays, Contract, Event, EventKind, Frequency, FrequencyUnit, Measure,
    Origin, Ratio, StatedRow, Terms,
};

use crate::support::{contract, date, files, money, pack, product};

#[test]
fn the_packs_that_ship_know_their_years() {
    let table = [
        // (pack, years, holidays, working days, sources)
        ("cn-instalment", (2024, 2026), 28 + 28 + 33, 8 + 5 + 6, 3),
        // Eight a year.
        ("uk-consumer", (2024, 2028), 5 * 8, 0, 2),
        // Eleven a year, and the Mondays after 4 July 2027 and 11 November 2029.
        ("us-consumer", (2024, 2030), 7 * 11 + 2, 0, 2),
    ];
    for (name, years, holidays, working_days, sources) in table {
        let pack = pack(name);
        let section = &pack.business_days;
        assert_eq!((section.calendar.first_year, section.calendar.last_year), years, "{name}");
        assert_eq!(pack.calendar().weekend, [6, 7].into(), "{name}");
        assert_eq!(pack.calendar().holidays.len(), holidays, "{name}");
        assert_eq!(pack.calendar().working_days.len(), working_days, "{name}");
        assert_eq!(section.date_sources.len(), sources, "{name}");
        let weekend = &section.weekend_source;
        assert_eq!((weekend.first_year, weekend.last_year), years, "{name}");
    }
}

#[test]
fn single_days_are_as_published() {
    // (pack, day, business day?)
    let table = [
        ("cn-instalment", "2024-02-09", true), // New Year's Eve was left to employers.
        ("cn-instalment", "2024-02-10", false),
        ("cn-instalment", "2024-02-18", true),
        ("cn-instalment", "2024-06-10", false),
        ("cn-instalment", "2024-10-12", true),
        ("cn-instalment", "2025-01-26", true),
        ("cn-instalment", "2025-01-28", false),
        ("cn-instalment", "2025-02-04", false),
        ("cn-instalment", "2025-02-05", true),
        ("cn-instalment", "2025-10-08", false),
        ("cn-instalment", "2025-10-09", true),
        ("cn-instalment", "2026-01-02", false),
        ("cn-instalment", "2026-01-04", true),
        ("cn-instalment", "2026-02-14", true),
        ("cn-instalment", "2026-02-23", false),
        ("cn-instalment", "2026-02-24", true),
        ("cn-instalment", "2026-06-19", false),
        ("cn-instalment", "2026-09-25", false),
        ("cn-instalment", "2026-09-20", true),
        ("cn-instalment", "2026-10-07", false),
        ("cn-instalment", "2026-10-08", true),
        ("uk-consumer", "2026-04-03", false), // Good Friday.
        ("uk-consumer", "2026-12-28", false), // Boxing Day on a Saturday is kept on the Monday.
        ("uk-consumer", "2027-12-27", false), // So is Christmas Day, and Boxing Day on the Tuesday.
        ("uk-consumer", "2027-12-28", false),
        ("uk-consumer", "2027-12-29", true),
        ("uk-consumer", "2028-01-03", false),
        ("uk-consumer", "2028-05-01", false),
        ("us-consumer", "2024-06-19", false),
        ("us-consumer", "2025-01-20", false),
        ("us-consumer", "2026-07-03", true), // A holiday on a Saturday leaves the Friday open.
        ("us-consumer", "2026-11-26", false),
        ("us-consumer", "2026-11-27", true),
        ("us-consumer", "2027-07-05", false), // A holiday on a Sunday closes the Monday.
        ("us-consumer", "2027-12-24", true),
        ("us-consumer", "2029-11-12", false),
        ("us-consumer", "2030-10-14", false),
    ];
    for (name, day, expected) in table {
        assert_eq!(pack(name).calendar().is_business_day(date(day)), expected, "{name} {day}");
    }
}

/// What is changed, into what, text of the line it is found on, part of what is wrong, part of how to mend it.
type Wrong = (&'static str, &'static str, &'static str, &'static str, &'static str);

const WRONG: [Wrong; 26] = [
    ("days = [6, 7]", "days = [6, 8]", "days = [6, 8]", "must be days of the week", "1 for Monday"),
    ("days = [6, 7]", "days = [0, 7]", "days = [0, 7]", "must be days of the week", "1 for Monday"),
    ("days = [6, 7]", "days = [\"SAT\"]", "days = [\"SAT\"]", "must be days of the week", "1 for Monday"),
    ("days = [6, 7]", "days = [6, 7, 6]", "days = [6, 7, 6]", "day 6 of the week stands twice", "remove"),
    ("days = [6, 7]", "days = [1, 2, 3, 4, 5, 6, 7]", "days = [1", "no day of the week", "leave one out"),
    ("days = [6, 7]", "days = 6", "days = 6", "must be a list of days", "list"),
    ("days = [6, 7]", "day = [6, 7]", "day = [6, 7]", "unknown key `day`", "did you mean `days`"),
    (
        "\"2026-10-01..2026-10-07\"",
        "\"2026-09-27..2026-10-07\"",
        "\"2026-09-27..2026-10-07\"",
        "holiday 2026-09-27 stands twice",
        "remove one",
    ),
    (
        "\"2026-10-10\"",
        "\"2026-10-03\"",
        "    \"2026-10-03\"",
        "2026-10-03 is both holiday and working day",
        "from one list",
    ),
    (
        "\"2026-10-10\"",
        "\"2026-10-09\"",
        "    \"2026-10-09\"",
        "working day 2026-10-09 is not on a weekend",
        "only days of the weekend",
    ),
    (
        "\"2026-10-10\"",
        "\"2026-10-10\", \"2026-10-10\"",
        "\"2026-10-10\", \"2026-10-10\"",
        "working day 2026-10-10 stands twice",
        "remove one",
    ),
    (
        "\"2026-10-10\"",
        "\"2027-10-10\"",
        "\"2027-10-10\"",
        "2027-10-10 lies outside the years 2026 to 2026",
        "section of its year",
    ),
    (
        "\"2026-01-01..2026-01-03\"",
        "\"2025-12-31..2026-01-03\"",
        "\"2025-12-31..2026-01-03\"",
        "2025-12-31 lies outside the years",
        "section of its year",
    ),
    ("2026-10-10", "2026-10-32", "2026-10-32", "not a date or run of dates", "2026-01-31"),
    ("2026-10-01..2026-10-07", "2026-10-01-07", "2026-10-01-07", "not a date or run of dates", ".."),
    (
        "2026-10-01..2026-10-07",
        "2026-10-07..2026-10-01",
        "2026-10-07..2026-10-01",
        "ends before it starts",
        "earlier day first",
    ),
    (
        "2026-10-01..2026-10-07",
        "2026-10-01..2026-11-07",
        "2026-10-01..2026-11-07",
        "longer than 31 days",
        "two runs",
    ),
    ("last_year = 2025", "last_year = 2024", "first_year = 2025", "end before they start", "`last_year`"),
    ("first_year = 2026", "first_year = 2027", "first_year = 2027", "2027 comes after 2025", "with 2026"),
    (
        "first_year = 2026",
        "first_year = 2025",
        "first_year = 2025\nlast_year = 2026",
        "2025 comes after 2025",
        "with 2026",
    ),
    ("first_year = 2024", "first_year = 24", "first_year = 24", "must be 1900 to 2200", "inside the range"),
    ("first_year = 2024", "first_year = \"2024\"", "first_year = \"2024\"", "must be an integer", "integer"),
    (
        "status = \"law\"",
        "status = \"laws\"",
        "status = \"laws\"",
        "unknown status `laws`",
        "did you mean `law`",
    ),
    ("[weekend]", "[weekends]", "[weekends]", "unknown key `weekends`", "did you mean `weekend`"),
    ("holidays = [", "holidys = [", "holidys = [", "unknown key `holidys`", "did you mean `holidays`"),
    (
        "source = \"国务院关于职工工作时间的规定 第七条\"",
        "source = \"\"",
        "source = \"\"",
        "`source` is empty",
        "where the days come from",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (from, to, place, what, mend) in WRONG {
        let mut files = files("cn-instalment");
        let text = String::from_utf8(files.0["calendar.toml"].clone()).unwrap();
        assert!(text.contains(from), "calendar.toml has no `{from}`");
        let changed = text.replacen(from, to, 1);
        let at = changed.find(place).unwrap_or_else(|| panic!("`{place}` is not in the changed file"));
        let line = changed[..at].lines().count() + usize::from(changed[..at].ends_with('\n'));
        files.0.insert("calendar.toml".to_owned(), changed.clone().into_bytes());
        let errors = load_pack(&files).err().unwrap_or_else(|| panic!("`{to}` was accepted"));
        let named = errors.0.iter().any(|problem| {
            // Sections are named by their heading, which stands a line above their first key.
            let near = (problem.line as usize) == line || (problem.line as usize) + 1 == line;
            problem.file == "calendar.toml"
                && near
                && problem.what.contains(what)
                && problem.mend.contains(mend)
        });
        assert!(named, "`{from}` → `{to}` (line {line}) gave\n{errors}");
    }
}

#[test]
fn a_pack_without_years_or_calendar_is_refused() {
    let weekend = "[weekend]\ndays = [6, 7]\nsource = \"house\"\nstatus = \"house\"\n";
    let table = [
        (Some(format!("years = []\n{weekend}")), "no year is covered"),
        (Some(format!("years = 2026\n{weekend}")), "`years` must be sections [[years]]"),
        (Some(format!("years = [2026]\n{weekend}")), "`years` must be a table"),
        (Some(weekend.to_owned()), "key `years` is missing"),
        (None, "file is missing"),
    ];
    for (text, what) in table {
        let mut files = files("us-consumer");
        match &text {
            Some(text) => files.0.insert("calendar.toml".to_owned(), text.clone().into_bytes()),
            None => files.0.remove("calendar.toml"),
        };
        let errors = load_pack(&files).unwrap_err();
        let found = errors.0.iter().any(|p| p.file == "calendar.toml" && p.what.contains(what));
        assert!(found, "{text:?} gave\n{errors}");
    }
}

#[test]
fn the_digest_follows_the_calendar() {
    let mut changed = files("cn-instalment");
    let text = String::from_utf8(changed.0["calendar.toml"].clone()).unwrap();
    let fewer = text.replacen("    \"2026-10-10\",\n", "", 1);
    assert_ne!(fewer, text);
    changed.0.insert("calendar.toml".to_owned(), fewer.into_bytes());
    let changed = load_pack(&changed).unwrap();
    assert_ne!(changed.digest, pack("cn-instalment").digest);
    assert!(!changed.calendar().is_business_day(date("2026-10-10")));
}

/// A monthly loan under the calendar of `cn-instalment`.
fn moved(rule: BusinessDayRule, instalments: u16, (interest_from, first_due): (&str, &str)) -> Contract {
    let mut contract = contract("12000.00", "0.144", instalments, interest_from);
    contract.first_due = date(first_due);
    let calendar = pack("cn-instalment").calendar().clone();
    contract.conventions.business_days = Some(BusinessDays { rule, calendar });
    contract
}

fn known() -> PackCalendar {
    pack("cn-instalment").business_days.calendar
}

fn opened(contract: Contract) -> Account {
    Account::open(Origin::Computed(contract), product()).unwrap()
}

#[test]
fn due_dates_outside_the_years_are_unknown() {
    use BusinessDayRule::{Following, ModifiedFollowing, Preceding};
    // (rule, instalments, interest from, first due, the first date that isn't known)
    let table = [
        (ModifiedFollowing, 12, ("2025-12-31", "2026-01-31"), None),
        (ModifiedFollowing, 13, ("2025-12-31", "2026-01-31"), Some("2027-01-31")),
        (Following, 24, ("2024-01-15", "2024-02-15"), None),
        (Following, 1, ("2023-11-15", "2023-12-15"), Some("2023-12-15")),
        (Preceding, 12, ("2025-12-20", "2026-01-20"), None),
        // 1 January 2024 is a holiday; the business day before it lies in an unknown year.
        (Preceding, 3, ("2023-12-01", "2024-01-01"), Some("2023-12-29")),
        // Sunday, 3 January 2027 moves back to Friday, 1 January, of which nothing is known.
        (Preceding, 2, ("2026-11-03", "2026-12-03"), Some("2027-01-03")),
    ];
    for (rule, instalments, dates, expected) in table {
        let account = opened(moved(rule, instalments, dates));
        let unknown = known().first_unknown(&account).unwrap();
        assert_eq!(unknown, expected.map(date), "{rule:?} {instalments} {dates:?}");
    }
    let days = Frequency { every: 7, unit: FrequencyUnit::Days };
    let mut weekly = moved(Following, 10, ("2026-10-01", "2026-10-08"));
    weekly.conventions.frequency = days;
    weekly.conventions.down_payment = Ratio::parse("0.2").unwrap();
    assert_eq!(
        known().first_unknown(&opened(weekly.clone())).unwrap(),
        None,
        "eleven rows until 10 December"
    );
    weekly.instalments = 14;
    assert_eq!(known().first_unknown(&opened(weekly)).unwrap(), Some(date("2027-01-07")));
}

#[test]
fn only_the_rows_of_a_fixed_instalment_count() {
    let mut contract = moved(BusinessDayRule::Following, 60, ("2025-12-15", "2026-01-15"));
    contract.conventions.fixed_instalment = Some(money("2000.00"));
    assert_eq!(known().first_unknown(&opened(contract.clone())).unwrap(), None, "seven rows");
    contract.conventions.fixed_instalment = Some(money("500.00"));
    assert_eq!(known().first_unknown(&opened(contract)).unwrap(), Some(date("2027-01-15")));
}

#[test]
fn stated_rows_stand_and_what_events_compute_counts() {
    let contract = moved(BusinessDayRule::Following, 2, ("2026-11-15", "2026-12-15"));
    let row = |nr, due: &str, principal: &str| StatedRow {
        nr,
        due: date(due),
        principal: money(principal),
        interest: money("100.00"),
        fee: money("0.00"),
    };
    let rows = vec![row(1, "2026-12-15", "6000.00"), row(2, "2027-01-15", "6000.00")];
    let stated = Account::open(Origin::Stated { contract, rows }, product()).unwrap();
    assert_eq!(known().first_unknown(&stated).unwrap(), None, "the core system states its dates");

    let entered = jiff::Timestamp::UNIX_EPOCH;
    let charge = EventKind::Charge {
        id: "fee-1".to_owned(),
        part: loan::ChargePart::Fee,
        amount: money("20.00"),
        due: date("2027-02-01"),
    };
    let charged = stated.record(Event { effective: date("2026-12-01"), entered, kind: charge }).unwrap();
    assert_eq!(known().first_unknown(&charged).unwrap(), None, "so does a charge");

    let terms = Terms {
        measures: vec![Measure::Deferral { months: 2, interest: loan::DeferralInterest::None }],
        first_payment: None,
    };
    let relief = EventKind::Relief { id: "plan-1".to_owned(), terms };
    let within = opened(moved(BusinessDayRule::Following, 10, ("2025-12-15", "2026-01-15")));
    let event = Event { effective: date("2026-03-20"), entered, kind: relief };
    let deferred = within.record(event.clone()).unwrap();
    assert_eq!(known().first_unknown(&deferred).unwrap(), None, "until 15 December");
    let beyond = opened(moved(BusinessDayRule::Following, 12, ("2025-12-15", "2026-01-15")));
    let beyond = beyond.record(event).unwrap();
    assert_eq!(known().first_unknown(&beyond).unwrap(), Some(date("2027-01-15")));
}
