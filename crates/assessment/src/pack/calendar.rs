//! `calendar.toml`: which days are business days under a pack, and for which years that is known.

use std::collections::{BTreeMap, BTreeSet};

use loan::{Account, BusinessCalendar, Date, EventKind, LoanError, Origin};
use serde::{Deserialize, Serialize};

use super::parameters::STATUSES;
use super::reader::{Node, Problems, Value};
use super::section::{Section, mismatch, suggest};

/// Most holidays, and most working days, of a calendar.
pub const MAX_CALENDAR_DATES: usize = 3_000;
/// Years that a calendar may cover.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2200;
/// Days from the first to the last of one holiday.
const LONGEST_HOLIDAY: usize = 31;
const DAYS_OF_WEEK: usize = 7;

/// Which days are business days, and the years for which holidays and working days are known. A loan that comes in must
/// fall due inside them. Relief that is granted later may end after them, lest the calendar decide who is helped: those
/// dates move off weekends only, and the borrower sees them in the offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackCalendar {
    /// Weekend, holidays and working days.
    pub business: BusinessCalendar,
    /// First year that is covered.
    pub first_year: i16,
    /// Last year that is covered.
    pub last_year: i16,
}

/// Where a part of a calendar comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarSource {
    /// First year that the part is about.
    pub first_year: i16,
    /// Last year that the part is about.
    pub last_year: i16,
    /// Source, e.g. a notice.
    pub source: String,
    /// `law`, `guidance` or `house`.
    pub status: String,
}

/// The calendar of a pack with its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessDaysSection {
    /// The calendar.
    pub calendar: PackCalendar,
    /// Where the weekend comes from, for all years.
    pub weekend_source: CalendarSource,
    /// Where holidays and working days come from, by year without gaps.
    pub date_sources: Vec<CalendarSource>,
}

impl PackCalendar {
    /// Whether the holidays of the year are known.
    pub fn covers(&self, date: Date) -> bool {
        (self.first_year..=self.last_year).contains(&date.year())
    }

    /// The first due date of a loan that comes in and can't be known: it, or the day it moved from, lies outside the
    /// covered years. Dates that the core system states stand as they are, so only computed ones count.
    pub fn first_unknown(&self, account: &Account) -> Result<Option<Date>, LoanError> {
        let contract = account.contract();
        let rows = account.origin.rows()?;
        if matches!(account.origin, Origin::Computed(_)) {
            // A down payment is due on the day interest starts, whatever day that is.
            let instalments = rows.iter().filter(|row| row.due > contract.interest_from);
            for (row, steps) in instalments.zip(0..) {
                let unmoved = contract.unmoved_due(steps)?;
                if let Some(unknown) = [unmoved, row.due].into_iter().find(|date| !self.covers(*date)) {
                    return Ok(Some(unknown));
                }
            }
        }
        let Some(last) = account.events.iter().map(|event| event.effective).max() else { return Ok(None) };
        let stated = rows.iter().map(|row| row.due).chain(account.events.iter().filter_map(charged));
        let stated: BTreeSet<Date> = stated.collect();
        let versions = account.state(last)?.versions;
        let mut moved = versions.iter().flat_map(|version| &version.rows).map(|row| row.due);
        Ok(moved.find(|due| !stated.contains(due) && !self.covers(*due)))
    }
}

/// The due date that a charge states.
fn charged(event: &loan::Event) -> Option<Date> {
    match event.kind {
        EventKind::Charge { due, .. } => Some(due),
        _ => None,
    }
}

/// Reads `calendar.toml`.
pub(crate) fn read(root: &BTreeMap<String, Node>, problems: &mut Problems) -> Option<BusinessDaysSection> {
    let mut section = Section::new(root, 1);
    let weekend_node = section.required("weekend", problems);
    let years_node = section.required("years", problems);
    section.finish(problems);
    let weekend = weekend_node.and_then(|node| read_weekend(node, problems));
    let blocks = read_blocks(years_node?, problems);
    check_years(&blocks, problems);
    let (weekend, source, status) = weekend?;
    let mut calendar = BusinessCalendar { weekend, ..BusinessCalendar::default() };
    for block in &blocks {
        for (date, line) in &block.holidays {
            if !calendar.holidays.insert(*date) {
                problems.add(*line, format!("holiday {date} stands twice"), "remove one");
            }
        }
    }
    for (date, line) in blocks.iter().flat_map(|block| &block.working_days) {
        check_working_day(&calendar, (*date, *line), problems);
        calendar.working_days.insert(*date);
    }
    if calendar.holidays.len().max(calendar.working_days.len()) > MAX_CALENDAR_DATES {
        let mend = format!("keep at most {MAX_CALENDAR_DATES} holidays and as many working days");
        problems.add(0, "too many dates", mend);
    }
    let (first_year, last_year) = (blocks.first()?.source.first_year, blocks.last()?.source.last_year);
    Some(BusinessDaysSection {
        calendar: PackCalendar { business: calendar, first_year, last_year },
        weekend_source: CalendarSource { first_year, last_year, source, status },
        date_sources: blocks.into_iter().map(|block| block.source).collect(),
    })
}

fn check_working_day(calendar: &BusinessCalendar, (date, line): (Date, u32), problems: &mut Problems) {
    let weekday = u8::try_from(date.weekday().to_monday_one_offset()).unwrap_or(0);
    if calendar.holidays.contains(&date) {
        problems.add(line, format!("{date} is both holiday and working day"), "remove it from one list");
    } else if !calendar.weekend.contains(&weekday) {
        let mend = "remove it: only days of the weekend are listed as working days";
        problems.add(line, format!("working day {date} is not on a weekend"), mend);
    } else if calendar.working_days.contains(&date) {
        problems.add(line, format!("working day {date} stands twice"), "remove one");
    }
}

/// Days of the week with source and status.
fn read_weekend(node: &Node, problems: &mut Problems) -> Option<(BTreeSet<u8>, String, String)> {
    let mut section = open(node, "weekend", problems)?;
    let days = section.required("days", problems);
    let (source, status) = provenance(&mut section, problems);
    section.finish(problems);
    let days = days?;
    let Value::List(items) = &days.value else {
        mismatch(days.line, "days", ("a list of days of the week", days.value.kind()), problems);
        return None;
    };
    let mut weekend = BTreeSet::new();
    for item in items {
        let day = match item.value {
            Value::Integer(day) => u8::try_from(day).ok().filter(|day| (1..=7).contains(day)),
            _ => None,
        };
        match day {
            None => problems.add(
                item.line,
                "`days` must be days of the week, 1 to 7",
                "write 1 for Monday to 7 for Sunday",
            ),
            Some(day) if !weekend.insert(day) => {
                problems.add(item.line, format!("day {day} of the week stands twice"), "remove one");
            }
            Some(_) => {}
        }
    }
    if weekend.len() == DAYS_OF_WEEK {
        problems.add(days.line, "no day of the week is a business day", "leave one out");
    }
    Some((weekend, source?, status?))
}

/// One `[[years]]`.
struct Block {
    line: u32,
    source: CalendarSource,
    holidays: Vec<(Date, u32)>,
    working_days: Vec<(Date, u32)>,
}

fn read_blocks(node: &Node, problems: &mut Problems) -> Vec<Block> {
    let Value::List(items) = &node.value else {
        mismatch(node.line, "years", ("sections [[years]]", node.value.kind()), problems);
        return Vec::new();
    };
    if items.is_empty() {
        problems.add(node.line, "no year is covered", "add a section [[years]]");
    }
    items.iter().filter_map(|item| read_block(item, problems)).collect()
}

fn read_block(node: &Node, problems: &mut Problems) -> Option<Block> {
    let mut section = open(node, "years", problems)?;
    let first_year = year(&mut section, (node.line, "first_year"), problems);
    let last_year = year(&mut section, (node.line, "last_year"), problems);
    let (source, status) = provenance(&mut section, problems);
    let holidays = section.texts("holidays", problems);
    let working_days = section.texts("working_days", problems);
    section.finish(problems);
    let holidays = dates(&holidays, problems);
    let working_days = dates(&working_days, problems);
    let (first_year, last_year) = (first_year?, last_year?);
    for (date, line) in holidays.iter().chain(&working_days) {
        if !(first_year..=last_year).contains(&date.year()) {
            let what = format!("{date} lies outside the years {first_year} to {last_year} of its section");
            problems.add(*line, what, "move it to the section of its year, or correct it");
        }
    }
    let source = CalendarSource { first_year, last_year, source: source?, status: status? };
    Some(Block { line: node.line, source, holidays, working_days })
}

/// The sections follow each other without gap or overlap.
fn check_years(blocks: &[Block], problems: &mut Problems) {
    let mut previous: Option<i16> = None;
    for Block { line, source: CalendarSource { first_year, last_year, .. }, .. } in blocks {
        if last_year < first_year {
            problems.add(
                *line,
                format!("years {first_year} to {last_year} end before they start"),
                "let `last_year` be `first_year` or later",
            );
        }
        if let Some(before) = previous
            && i32::from(*first_year) != i32::from(before) + 1
        {
            problems.add(
                *line,
                format!("years are not contiguous: {first_year} comes after {before}"),
                format!("let the section begin with {}", i32::from(before) + 1),
            );
        }
        previous = Some(*last_year);
    }
}

fn year(section: &mut Section<'_>, (line, key): (u32, &'static str), problems: &mut Problems) -> Option<i16> {
    let year = section.integer(key, problems)?;
    if YEARS.contains(&year) {
        return i16::try_from(year).ok();
    }
    let what = format!("`{key}` must be {} to {}, found {year}", YEARS.start(), YEARS.end());
    problems.add(line, what, "write a year inside the range");
    None
}

fn provenance(section: &mut Section<'_>, problems: &mut Problems) -> (Option<String>, Option<String>) {
    let source = section.text("source", problems);
    let status = section.text("status", problems);
    if let Some(("", line)) = source {
        problems.add(line, "`source` is empty", "name where the days come from");
    }
    if let Some((status, line)) = status
        && !STATUSES.contains(&status)
    {
        problems.add(line, format!("unknown status `{status}`"), suggest(status, STATUSES.into_iter()));
    }
    (source.map(|(text, _)| text.to_owned()), status.map(|(text, _)| text.to_owned()))
}

/// Dates such as `2026-10-01`, and runs of them such as `2026-10-01..2026-10-07`, ends included.
fn dates(texts: &[(&str, u32)], problems: &mut Problems) -> Vec<(Date, u32)> {
    let mut found = Vec::new();
    for (text, line) in texts {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        match (first.parse::<Date>(), last.parse::<Date>()) {
            (Ok(first), Ok(last)) if first <= last => {
                let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
                let before = found.len();
                found.extend(days.take(LONGEST_HOLIDAY + 1).map(|day| (day, *line)));
                if found.len() - before > LONGEST_HOLIDAY {
                    let what = format!("`{text}` is longer than {LONGEST_HOLIDAY} days");
                    problems.add(*line, what, "correct the last day, or write two runs");
                }
            }
            (Ok(_), Ok(_)) => {
                problems.add(*line, format!("`{text}` ends before it starts"), "write the earlier day first");
            }
            _ => problems.add(
                *line,
                format!("not a date or run of dates: `{text}`"),
                "write it as 2026-01-31 or 2026-10-01..2026-10-07",
            ),
        }
    }
    found
}

fn open<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<Section<'a>> {
    let Value::Table(table) = &node.value else {
        mismatch(node.line, key, ("a table", node.value.kind()), problems);
        return None;
    };
    Some(Section::new(table, node.line))
}
