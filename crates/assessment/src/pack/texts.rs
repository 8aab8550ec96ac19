//! Sentences of the decline codes and the rules of contact.

use std::collections::BTreeMap;

use super::reader::{Node, Problems, Value};
use super::section::{Section, mismatch, suggest};
use crate::codes::DeclineCode;
use crate::decision::{DeclineReason, LocalizedText};

/// Rules of contact in the borrower's own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// First hour of the day in which a message may be sent, 0 to 23.
    pub first_hour: u8,
    /// Hour from which none may be sent, 1 to 24.
    pub last_hour: u8,
    /// At most this many attempts in the period.
    pub max_attempts: u32,
    /// Length of the period in days.
    pub period_days: u32,
    /// Reminder days relative to the due date, negative is before.
    pub reminder_days: Vec<i32>,
}

/// Reads `contact.toml`.
pub(crate) fn contact(root: &BTreeMap<String, Node>, problems: &mut Problems) -> Option<Contact> {
    let mut section = Section::new(root, 1);
    let first_hour = within(&mut section, ("first_hour", 0..=23), problems);
    let last_hour = within(&mut section, ("last_hour", 1..=24), problems);
    let max_attempts = within(&mut section, ("max_attempts", 1..=1000), problems);
    let period_days = within(&mut section, ("period_days", 1..=366), problems);
    let node = section.required("reminder_days", problems);
    section.finish(problems);
    let (first_hour, last_hour) = (u8::try_from(first_hour?).ok()?, u8::try_from(last_hour?).ok()?);
    if first_hour >= last_hour {
        problems.add(1, "the window of contact is empty", "let `first_hour` lie before `last_hour`");
    }
    Some(Contact {
        first_hour,
        last_hour,
        max_attempts: u32::try_from(max_attempts?).ok()?,
        period_days: u32::try_from(period_days?).ok()?,
        reminder_days: reminder_days(node?, problems),
    })
}

fn reminder_days(node: &Node, problems: &mut Problems) -> Vec<i32> {
    let Value::List(items) = &node.value else {
        mismatch(node.line, "reminder_days", ("a list of days", node.value.kind()), problems);
        return Vec::new();
    };
    let mut days = Vec::new();
    for item in items {
        match &item.value {
            Value::Integer(day) if (-60..=60).contains(day) => {
                let day = i32::try_from(*day).unwrap_or(0);
                if days.contains(&day) {
                    problems.add(item.line, format!("reminder day {day} stands twice"), "name each day once");
                } else {
                    days.push(day);
                }
            }
            other => mismatch(item.line, "reminder_days", ("days from -60 to 60", other.kind()), problems),
        }
    }
    days
}

fn within(
    section: &mut Section<'_>,
    (key, range): (&'static str, std::ops::RangeInclusive<i64>),
    problems: &mut Problems,
) -> Option<i64> {
    let value = section.integer(key, problems)?;
    if range.contains(&value) {
        return Some(value);
    }
    let what = format!("`{key}` must be {} to {}, found {value}", range.start(), range.end());
    problems.add(1, what, "write a number inside the range");
    None
}

/// Reads one language: a table of `reason` and `remedy` for every code.
pub(crate) fn reasons(
    root: &BTreeMap<String, Node>,
    problems: &mut Problems,
) -> BTreeMap<DeclineCode, (String, String)> {
    let mut found = BTreeMap::new();
    for (key, node) in root {
        if problems.is_full() {
            break;
        }
        let Some(code) = DeclineCode::parse(key) else {
            let mend = suggest(key, DeclineCode::ALL.iter().map(|code| code.as_str()));
            problems.add(node.line, format!("unknown decline code `{key}`"), mend);
            continue;
        };
        let Value::Table(table) = &node.value else {
            mismatch(node.line, key, ("a table", node.value.kind()), problems);
            continue;
        };
        let mut section = Section::new(table, node.line);
        let reason = section.text("reason", problems);
        let remedy = section.text("remedy", problems);
        section.finish(problems);
        if let (Some((reason, _)), Some((remedy, _))) = (reason, remedy) {
            if reason.is_empty() || remedy.is_empty() {
                problems.add(node.line, format!("sentence of `{key}` is empty"), "write the sentence");
            }
            found.insert(code, (reason.to_owned(), remedy.to_owned()));
        }
    }
    for code in DeclineCode::ALL {
        if !root.contains_key(code.as_str()) {
            let what = format!("code `{}` has no sentence in this language", code.as_str());
            problems.add(0, what, format!("add [{}] with reason and remedy", code.as_str()));
        }
    }
    found
}

/// Joins both languages; a code without both was refused before.
pub(crate) fn join(
    chinese: &BTreeMap<DeclineCode, (String, String)>,
    english: &BTreeMap<DeclineCode, (String, String)>,
) -> Vec<DeclineReason> {
    DeclineCode::ALL
        .iter()
        .filter_map(|code| {
            let ((zh_reason, zh_remedy), (en_reason, en_remedy)) = (chinese.get(code)?, english.get(code)?);
            Some(DeclineReason {
                code: *code,
                reason: LocalizedText { zh_cn: zh_reason.clone(), en: en_reason.clone() },
                remedy: LocalizedText { zh_cn: zh_remedy.clone(), en: en_remedy.clone() },
            })
        })
        .collect()
}
