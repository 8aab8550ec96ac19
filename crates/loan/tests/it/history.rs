//! Days past due over time and payment history, from events and from dates alone.

use loan::history::from_dates;
use loan::{
    Account, Amount, Bucket, Date, DeferralInterest, DpdRun, DuePaid, Event, EventKind, History, Measure,
    MonthsInBucket, Origin, Product, Ratio, ReAgeOver, Standing, calendar,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::common::*;

/// 100.00 a month without interest from 2026-01-31; row 1 paid 3 days late, row 2 5 days late, then nothing.
fn late() -> Account {
    let free = account(contract("1,200.00", 12, "0", "2026-01-31"));
    record(&free, [payment("2026-03-03", "a", "100.00"), payment("2026-04-05", "b", "100.00")])
}

fn due_paid(due: &str, paid_on: Option<&str>) -> DuePaid {
    DuePaid { due: date(due), paid_on: paid_on.map(date) }
}

fn run(from: &str, to: &str, dpd: u32) -> DpdRun {
    DpdRun { from: date(from), to: date(to), dpd }
}

fn after(day: Date, days: i32) -> Date {
    calendar::days_after(day, days).unwrap()
}

#[test]
fn standings_note_only_changes() {
    let state = state(&late(), "2026-06-01");
    let standing = |from: &str, due: &str| Standing { from: date(from), oldest_unpaid_due: Some(date(due)) };
    let expected = [
        standing("2026-01-31", "2026-02-28"),
        standing("2026-03-03", "2026-03-31"),
        standing("2026-04-05", "2026-04-30"),
    ];
    assert_eq!(state.standings, expected);

    let done = record(&late(), [payment("2026-04-30", "rest", "1,000.00")]);
    let last = done.state(date("2027-01-01")).unwrap().standings.pop();
    assert_eq!(last, Some(Standing { from: date("2026-04-30"), oldest_unpaid_due: None }));
}

#[test]
fn days_past_due_are_known_for_each_day() {
    let state = state(&late(), "2026-06-01");
    let table = [
        ("2025-01-01", 0),
        ("2026-02-28", 0),
        ("2026-03-01", 1),
        ("2026-03-02", 2),
        ("2026-03-03", 0),
        ("2026-04-04", 4),
        ("2026-04-05", 0),
        ("2026-06-01", 32),
        ("2026-06-11", 42),
    ];
    for (day, dpd) in table {
        assert_eq!(state.dpd_on(date(day)), dpd, "{day}");
    }
    let runs = state.dpd_days(date("2026-01-01"), date("2026-06-01"));
    let expected = [
        run("2026-01-01", "2026-02-28", 0),
        run("2026-03-01", "2026-03-02", 1),
        run("2026-03-03", "2026-03-31", 0),
        run("2026-04-01", "2026-04-04", 1),
        run("2026-04-05", "2026-04-30", 0),
        run("2026-05-01", "2026-06-01", 1),
    ];
    assert_eq!(runs, expected);
    assert_eq!((runs[1].worst(), runs[5].worst(), runs[0].worst()), (2, 32, 0));
    assert_eq!((runs[1].on(date("2026-03-02")), runs[1].on(date("2026-03-03"))), (Some(2), None));
    // Cut anywhere, each day keeps its figure; the wrong way round there are no days.
    assert_eq!(state.dpd_days(date("2026-05-11"), date("2026-05-12")), [run("2026-05-11", "2026-05-12", 11)]);
    assert_eq!(state.dpd_days(date("2026-05-12"), date("2026-05-11")), []);
    let spells: Vec<(String, Option<String>, u32)> = state
        .spells()
        .iter()
        .map(|spell| (spell.from.to_string(), spell.to.map(|to| to.to_string()), spell.longest))
        .collect();
    let spell = |from: &str, to: Option<&str>, longest| (from.to_owned(), to.map(str::to_owned), longest);
    let expected = [
        spell("2026-03-01", Some("2026-03-03"), 2),
        spell("2026-04-01", Some("2026-04-05"), 4),
        spell("2026-05-01", None, 32),
    ];
    assert_eq!(spells, expected);
}

#[test]
fn a_run_falls_back_where_the_oldest_instalment_is_paid() {
    let paid = record(&late(), [payment("2026-06-10", "c", "100.00")]);
    let state = state(&paid, "2026-06-20");
    let runs = state.dpd_days(date("2026-06-09"), date("2026-06-20"));
    assert_eq!(runs, [run("2026-06-09", "2026-06-09", 40), run("2026-06-10", "2026-06-20", 10)]);
    // Still one run of arrears and one episode: the loan was never current in between.
    assert_eq!(state.spells().len(), 3);
    assert_eq!(state.history(date("2026-06-20")).unwrap().episodes_24m, 2);
}

#[test]
fn months_are_counted_by_their_worst_day() {
    let counts = |on: &str| {
        let months = state(&late(), on).history(date(on)).unwrap().months_in_bucket;
        [Bucket::M0, Bucket::M1, Bucket::M2, Bucket::M3, Bucket::M4Plus].map(|bucket| months.get(bucket))
    };
    let table = [
        ("2026-02-27", [0, 0, 0, 0, 0]),
        ("2026-02-28", [1, 0, 0, 0, 0]),
        ("2026-03-31", [1, 1, 0, 0, 0]),
        // 04-02 to 05-01, 03-02 to 04-01, and 01-31 to 03-01.
        ("2026-05-01", [0, 3, 0, 0, 0]),
        // 05-02 to 06-01 ends at 32 days.
        ("2026-06-01", [0, 3, 1, 0, 0]),
        ("2026-09-01", [0, 3, 1, 1, 2]),
    ];
    for (on, expected) in table {
        assert_eq!(counts(on), expected, "{on}");
    }
}

#[test]
fn late_months_are_counted_over_six_months() {
    // Due on the 15th from 2026-02-15; (paid days after the due date, `None` never; as of; late months).
    let table: &[(&[Option<i32>], &str, u32)] = &[
        (&[], "2026-01-31", 0),
        (&[], "2026-02-15", 0),
        // Three days past due don't make a month late, four do.
        (&[], "2026-02-18", 0),
        (&[], "2026-02-19", 1),
        (&[Some(4)], "2026-03-10", 0),
        (&[Some(5)], "2026-03-10", 1),
        // 02-16 to 03-15 has 4 days past due (02-19) and is whole within the newest month.
        (&[Some(5), Some(0)], "2026-03-15", 1),
        // Paid on 03-27: 01-15 to 02-20, 02-21 to 03-20 and 03-21 to 04-20 all saw it.
        (&[Some(40), Some(20)], "2026-04-20", 3),
        // Late by five days each month, and the seventh month back no longer counts.
        (&[Some(5), Some(5), Some(5), Some(5), Some(5)], "2026-06-30", 5),
        (&[Some(5), Some(5), Some(5), Some(5), Some(5), Some(5)], "2026-07-20", 6),
        (&[Some(5), Some(5), Some(5), Some(5), Some(5), Some(5), Some(5)], "2026-08-20", 6),
        (&[Some(5), Some(0), Some(0), Some(0), Some(0), Some(0), Some(0)], "2026-08-20", 0),
        (&[None], "2026-08-20", 6),
    ];
    for (paid, on, expected) in table {
        let rows: Vec<DuePaid> = paid
            .iter()
            .chain(std::iter::repeat_n(&None, 11 - paid.len()))
            .enumerate()
            .map(|(index, late)| {
                let due = date(&format!("2026-{:02}-15", index + 2));
                DuePaid { due, paid_on: late.map(|days| after(due, days)) }
            })
            .collect();
        let history = from_dates(date("2026-01-15"), &rows, date(on)).unwrap();
        assert_eq!(history.late_months_6m, *expected, "{paid:?} on {on}");
    }
}

#[test]
fn dates_alone_give_the_same_history() {
    let as_of = date("2026-06-01");
    let rows = [
        due_paid("2026-05-31", None),
        due_paid("2026-02-28", Some("2026-03-03")),
        due_paid("2026-03-31", Some("2026-04-05")),
        due_paid("2026-04-30", Some("2026-06-02")),
    ];
    let history = from_dates(date("2026-01-31"), &rows, as_of).unwrap();
    let expected = History {
        months_on_book: 4,
        episodes_24m: 2,
        worst_bucket_12m: Bucket::M2,
        first_payment_default: false,
        on_time_share: Some(Ratio::ZERO),
        longest_dpd: 32,
        months_in_bucket: MonthsInBucket { m1: 3, m2: 1, ..MonthsInBucket::default() },
        late_months_6m: 2,
    };
    assert_eq!(history, expected);
    assert_eq!(history, state(&late(), "2026-06-01").history(as_of).unwrap());
}

#[test]
fn histories_of_few_dates() {
    let from = date("2026-01-15");
    let none = from_dates(from, &[], date("2026-04-15")).unwrap();
    assert_eq!((none.months_on_book, none.longest_dpd, none.on_time_share), (3, 0, None));
    assert_eq!(none.months_in_bucket, MonthsInBucket { m0: 3, ..MonthsInBucket::default() });

    // Four days late is a default at the first payment, three aren't; paid on its day is on time.
    for (paid_on, default) in [("2026-02-18", false), ("2026-02-19", true)] {
        let history = from_dates(from, &[due_paid("2026-02-15", Some(paid_on))], date("2026-06-01")).unwrap();
        assert_eq!(history.first_payment_default, default, "{paid_on}");
        assert_eq!(history.on_time_share, Some(Ratio::ZERO));
    }
    let prompt = [due_paid("2026-02-15", Some("2026-02-15")), due_paid("2026-03-15", Some("2026-01-20"))];
    let history = from_dates(from, &prompt, date("2026-03-15")).unwrap();
    assert_eq!((history.on_time_share, history.longest_dpd), (Some(Ratio::ONE), 0));

    for early in [due_paid("2026-01-14", None), due_paid("2026-02-15", Some("2026-01-14"))] {
        assert_eq!(from_dates(from, &[early], from).unwrap_err().code(), "EVENT_BEFORE_LOAN");
    }
    let before = from_dates(from, &[due_paid("2026-02-15", None)], date("2026-01-01")).unwrap();
    assert_eq!((before.months_on_book, before.longest_dpd, before.on_time_share), (0, 0, None));
}

/// The same figures from the definitions, day by day.
fn plain_history(interest_from: Date, rows: &[DuePaid], as_of: Date) -> History {
    let unpaid = |row: &&DuePaid, day: Date| row.paid_on.is_none_or(|paid_on| paid_on > day);
    let dpd = |day: Date| {
        let oldest = rows.iter().filter(|row| unpaid(row, day)).map(|row| row.due).min();
        oldest.map_or(0, |due| calendar::days_between(due, day).max(0))
    };
    let days: Vec<(Date, i64)> = (0..)
        .map(|days| after(interest_from, days))
        .take_while(|day| *day <= as_of)
        .map(|d| (d, dpd(d)))
        .collect();
    let back =
        |months: i32| calendar::month_after(u8::try_from(as_of.day()).unwrap(), as_of, -months).unwrap();
    let spells: Vec<&[(Date, i64)]> =
        days.split(|(_, dpd)| *dpd == 0).filter(|spell| !spell.is_empty()).collect();
    let worst = |days: &[(Date, i64)]| days.iter().map(|(_, dpd)| *dpd).max().unwrap_or(0);
    let touching = |months| {
        let since = back(months);
        spells.iter().filter(move |spell| spell.last().is_some_and(|(day, _)| *day >= since))
    };
    let bucket = |dpd: i64| Bucket::of(u32::try_from(dpd).unwrap());
    let months_on_book = calendar::months_on_book(interest_from, as_of);
    let mut months = MonthsInBucket::default();
    let mut late_months_6m = 0;
    for month in 1..=i32::try_from(months_on_book).unwrap() {
        let oldest = u32::try_from(month).unwrap() == months_on_book;
        let in_month = |day: Date| (oldest || day > back(month)) && day <= back(month - 1);
        let of_month: Vec<(Date, i64)> = days.iter().copied().filter(|(day, _)| in_month(*day)).collect();
        *match bucket(worst(&of_month)) {
            Bucket::M0 => &mut months.m0,
            Bucket::M1 => &mut months.m1,
            Bucket::M2 => &mut months.m2,
            Bucket::M3 => &mut months.m3,
            Bucket::M4Plus => &mut months.m4_plus,
        } += 1;
        late_months_6m += u32::from(month <= 6 && worst(&of_month) > 3);
    }
    let first = rows.iter().min_by_key(|row| row.due);
    let known: Vec<&DuePaid> =
        rows.iter().filter(|row| row.due < as_of || (row.due == as_of && !unpaid(row, as_of))).collect();
    let on_time = known.iter().filter(|row| row.paid_on.is_some_and(|paid_on| paid_on <= row.due)).count();
    History {
        months_on_book,
        episodes_24m: u32::try_from(touching(24).filter(|spell| spell.len() > 3).count()).unwrap(),
        worst_bucket_12m: bucket(touching(12).map(|spell| worst(spell)).max().unwrap_or(0)),
        first_payment_default: first.is_some_and(|row| {
            let until = row.paid_on.filter(|paid_on| *paid_on <= as_of).unwrap_or(as_of);
            calendar::days_between(row.due, until) > 3
        }),
        on_time_share: (!known.is_empty())
            .then(|| Ratio::from((Decimal::from(on_time) / Decimal::from(known.len())).round_dp(6))),
        longest_dpd: u32::try_from(worst(&days)).unwrap(),
        months_in_bucket: months,
        late_months_6m,
    }
}

/// Without interest and penalty, so that a payment of an instalment's amount pays just that instalment.
fn plain_loan(instalments: u16, day: i8) -> Account {
    let contract = contract("12,345.67", instalments, "0", &format!("2026-01-{day:02}"));
    let product = Product { penalty_multiplier: ratio("0"), ..product() };
    Account::open(Origin::Computed(contract), product).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whole instalments paid in order, early, late or never.
    #[test]
    fn events_and_dates_agree(
        instalments in 1_u16..30,
        day in 1_i8..=31,
        gaps in proptest::collection::vec((-20_i32..60, 0_i32..3), 0..30),
        until in 0_i32..1200,
    ) {
        let loan = plain_loan(instalments, day);
        let interest_from = loan.contract().interest_from;
        let as_of = after(interest_from, until);
        let mut earlier = interest_from;
        let mut loan_paid = loan.clone();
        let mut rows = Vec::new();
        for (index, row) in loan.origin.rows().unwrap().iter().enumerate() {
            let paid_on = gaps.get(index).map(|(late, gap)| after(row.due, *late).max(after(earlier, *gap)));
            if let Some(paid_on) = paid_on {
                earlier = paid_on;
                let kind = EventKind::Payment { id: format!("p{index}"), amount: row.total().unwrap() };
                loan_paid = loan_paid.record(event(&paid_on.to_string(), kind)).unwrap();
            }
            rows.push(DuePaid { due: row.due, paid_on });
        }
        let from_events = loan_paid.state(as_of).unwrap().history(as_of).unwrap();
        prop_assert_eq!(&from_dates(interest_from, &rows, as_of).unwrap(), &from_events);
        prop_assert_eq!(&plain_history(interest_from, &rows, as_of), &from_events);
    }

    /// In any order, several a day, later ones before earlier ones.
    #[test]
    fn dates_follow_the_definitions(
        rows in proptest::collection::vec((0_i32..1500, proptest::option::of(0_i32..1500)), 0..40),
        day in 1_i8..=31,
        until in 0_i32..1600,
    ) {
        let interest_from = date(&format!("2026-01-{day:02}"));
        let rows: Vec<DuePaid> = rows
            .iter()
            .map(|(due, paid)| DuePaid {
                due: after(interest_from, *due),
                paid_on: paid.map(|days| after(interest_from, days)),
            })
            .collect();
        let as_of = after(interest_from, until);
        let history = from_dates(interest_from, &rows, as_of).unwrap();
        prop_assert_eq!(&history, &plain_history(interest_from, &rows, as_of));
        let months = history.months_in_bucket;
        let all = [Bucket::M0, Bucket::M1, Bucket::M2, Bucket::M3, Bucket::M4Plus];
        prop_assert_eq!(all.iter().map(|bucket| months.get(*bucket)).sum::<u32>(), history.months_on_book);
        if history.months_on_book > 0 {
            prop_assert!(months.get(Bucket::of(history.longest_dpd)) > 0);
        }
    }

    /// The record of one state gives for each earlier day what a replay up to that day gives.
    #[test]
    fn the_record_agrees_with_replays(
        payments in proptest::collection::vec((0_i32..420, 1_i64..200_000), 0..8),
        relief_day in 40_i32..300,
        measure in prop_oneof![
            Just(Measure::Deferral { months: 2, interest: DeferralInterest::None }),
            Just(Measure::ReAge { over: ReAgeOver::Remaining }),
        ],
    ) {
        let loan = account(contract("12,000.00", 12, "0.12", "2026-01-15"));
        let from = loan.contract().interest_from;
        let mut events: Vec<Event> = payments
            .iter()
            .enumerate()
            .map(|(index, (days, minor))| {
                let kind = EventKind::Payment { id: format!("p{index}"), amount: Amount::new(*minor) };
                event(&after(from, *days).to_string(), kind)
            })
            .collect();
        events.sort_by_key(|event| event.effective);
        let mut loan = record(&loan, events);
        let plan = relief(&after(from, relief_day).to_string(), "plan", &terms(vec![measure], None));
        if let Ok(relieved) = loan.record(plan) {
            loan = relieved;
        }
        let last = after(from, 450);
        let state = loan.state(last).unwrap();
        let mut listed = state.dpd_days(from, last).into_iter().flat_map(|run| run.days());
        for days in 0..=450 {
            let day = after(from, days);
            let dpd = state.dpd_on(day);
            prop_assert_eq!(listed.next(), Some((day, dpd)));
            if days % 7 == 0 {
                prop_assert_eq!(loan.state(day).unwrap().dpd.current, dpd, "{}", day);
            }
        }
        prop_assert_eq!(listed.next(), None);
        prop_assert_eq!(state.dpd.current, state.dpd_on(last));
    }
}
