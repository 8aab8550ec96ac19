//! Parameters of templates: senders state facts, not words, so that each is written in the borrower's language.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use minijinja::Value;
use serde::Deserialize;

use crate::documents::Language;
use crate::limits::{MAX_CODES, MAX_PARAMETER_BYTES};
use crate::wording::{self, Names};

/// Length of a day such as `2026-07-21`, bytes.
const DAY_BYTES: usize = 10;
/// Most digits of a sum's whole part; 10^15 is beyond any loan.
const MAX_WHOLE_DIGITS: usize = 15;

/// What a template expects under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// Taken as it is, such as a loan id.
    Text,
    /// A moment (`2026-07-21T10:00:00+08:00`) or a day (`2026-07-21`).
    When,
    /// Currency and major units: `CNY 1198.18`.
    Money,
    /// A whole number.
    Count,
    /// Evidence types, separated by commas: `BANK_STATEMENT, PAYSLIPS`.
    Documents,
    /// Decline codes, separated by commas: `CAN_AFFORD_CURRENT`.
    Reasons,
}

/// A parameter that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    Text(String),
    Moment(Timestamp),
    Day(Date),
    Money { currency: String, whole: String, fraction: Option<String> },
    Count(u32),
    Documents(Vec<String>),
    Reasons(Vec<String>),
}

/// Why a parameter was not understood: a code for programs and a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misread {
    pub reason: &'static str,
    pub description: &'static str,
}

const fn misread(reason: &'static str, description: &'static str) -> Misread {
    Misread { reason, description }
}

impl Parameter {
    /// Reads a parameter's text as what its template expects.
    pub fn read(kind: ParameterKind, text: &str, names: &Names) -> Result<Self, Misread> {
        if text.trim().is_empty() {
            return Err(misread("REQUIRED", "must not be empty"));
        }
        if text.len() > MAX_PARAMETER_BYTES {
            return Err(misread("TOO_LONG", "at most 500 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(misread("UNREADABLE", "must be one line of plain text"));
        }
        match kind {
            ParameterKind::Text => Ok(Self::Text(text.to_owned())),
            ParameterKind::When => when(text),
            ParameterKind::Money => money(text),
            ParameterKind::Count => {
                text.parse().map(Self::Count).map_err(|_| misread("UNREADABLE", "a whole number such as `3`"))
            }
            ParameterKind::Documents => {
                codes(text, "EVIDENCE_TYPE_", |code| names.documents.contains_key(code)).map(Self::Documents)
            }
            ParameterKind::Reasons => {
                codes(text, "DECLINE_CODE_", |code| names.reasons.contains_key(code)).map(Self::Reasons)
            }
        }
    }

    /// What a template shows for it.
    pub fn shown(&self, names: &Names, language: Language, zone: &TimeZone) -> Value {
        let named = |codes: &[String], names: &std::collections::BTreeMap<String, wording::Localised>| {
            let words = codes.iter().filter_map(|code| names.get(code));
            Value::from(words.map(|words| words.in_language(language).to_owned()).collect::<Vec<String>>())
        };
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Moment(at) => Value::from(wording::moment(*at, zone, language)),
            Self::Day(day) => Value::from(wording::day(*day, language)),
            Self::Money { currency, whole, fraction } => {
                Value::from(wording::money(currency, whole, fraction.as_deref(), language))
            }
            Self::Count(count) => Value::from(*count),
            Self::Documents(codes) => named(codes, &names.documents),
            Self::Reasons(codes) => named(codes, &names.reasons),
        }
    }
}

fn when(text: &str) -> Result<Parameter, Misread> {
    if let Ok(at) = text.parse() {
        return Ok(Parameter::Moment(at));
    }
    match text.parse() {
        Ok(day) if text.len() == DAY_BYTES => Ok(Parameter::Day(day)),
        Ok(_) | Err(_) => Err(misread(
            "UNREADABLE",
            "a moment such as `2026-07-21T10:00:00+08:00` or a day such as `2026-07-21`",
        )),
    }
}

fn money(text: &str) -> Result<Parameter, Misread> {
    let wrong = misread("UNREADABLE", "currency and major units such as `CNY 1198.18`");
    let (currency, sum) = text.split_once(' ').ok_or(wrong)?;
    let sum = sum.replace(',', "");
    let (whole, fraction) = sum.split_once('.').map_or((sum.as_str(), None), |(w, f)| (w, Some(f)));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let sound = currency.len() == 3
        && currency.bytes().all(|b| b.is_ascii_uppercase())
        && digits(whole, MAX_WHOLE_DIGITS)
        && fraction.is_none_or(|fraction| digits(fraction, 3));
    if !sound {
        return Err(wrong);
    }
    Ok(Parameter::Money {
        currency: currency.to_owned(),
        whole: whole.to_owned(),
        fraction: fraction.map(str::to_owned),
    })
}

/// Codes without their proto prefix, doubles dropped.
fn codes(text: &str, prefix: &str, known: impl Fn(&str) -> bool) -> Result<Vec<String>, Misread> {
    let mut codes: Vec<String> = Vec::new();
    for part in text.split(',') {
        let part = part.trim();
        let code = part.strip_prefix(prefix).unwrap_or(part);
        if !known(code) {
            return Err(misread("CODE_UNKNOWN", "codes of the API, separated by commas"));
        }
        if !codes.iter().any(|seen| seen == code) {
            codes.push(code.to_owned());
        }
    }
    if codes.len() > MAX_CODES {
        return Err(misread("TOO_MANY", "at most 10 codes"));
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_their_template_expects() {
        use ParameterKind::{Count, Documents, Money, Reasons, Text, When};
        let names = Names::embedded().unwrap();
        let many = "BANK_STATEMENT, ".repeat(20) + "PAYSLIPS";
        let all = names.documents.keys().cloned().collect::<Vec<_>>().join(",");
        let long = "x".repeat(MAX_PARAMETER_BYTES + 1);
        // kind, text, shown in English or the reason why not
        let rows: [(ParameterKind, &str, Result<&str, &str>); 31] = [
            (Text, "loan-1", Ok("loan-1")),
            (Text, " ", Err("REQUIRED")),
            (Text, "a\nb", Err("UNREADABLE")),
            (Text, &long, Err("TOO_LONG")),
            (When, "2026-07-21T02:00:00Z", Ok("21 July 2026, 10:00")),
            (When, "2026-07-21T10:00+08:00", Ok("21 July 2026, 10:00")),
            (When, "2026-07-21", Ok("21 July 2026")),
            (When, "2026-07-21T10:00", Err("UNREADABLE")),
            (When, "2026-02-30", Err("UNREADABLE")),
            (When, "soon", Err("UNREADABLE")),
            (Money, "CNY 1198.18", Ok("CNY 1,198.18")),
            (Money, "CNY 1,198.18", Ok("CNY 1,198.18")),
            (Money, "CNY 599", Ok("CNY 599")),
            (Money, "CNY", Err("UNREADABLE")),
            (Money, "1198.18", Err("UNREADABLE")),
            (Money, "cny 1", Err("UNREADABLE")),
            (Money, "CNY -1", Err("UNREADABLE")),
            (Money, "CNY 1.", Err("UNREADABLE")),
            (Money, "CNY .5", Err("UNREADABLE")),
            (Money, "CNY 1e9", Err("UNREADABLE")),
            (Count, "3", Ok("3")),
            (Count, "-1", Err("UNREADABLE")),
            (Count, "3.5", Err("UNREADABLE")),
            (Documents, "BANK_STATEMENT", Ok("['bank statement']")),
            (Documents, "EVIDENCE_TYPE_PAYSLIPS,BANK_STATEMENT", Ok("['payslips', 'bank statement']")),
            (Documents, &many, Ok("['bank statement', 'payslips']")),
            (Documents, &all, Err("TOO_MANY")),
            (Documents, "PASSPORT", Err("CODE_UNKNOWN")),
            (Documents, "BANK_STATEMENT,", Err("CODE_UNKNOWN")),
            (Reasons, "DECLINE_CODE_UNSPECIFIED", Err("CODE_UNKNOWN")),
            (Reasons, "BANK_STATEMENT", Err("CODE_UNKNOWN")),
        ];
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        for (kind, text, expected) in rows {
            let read = Parameter::read(kind, text, &names);
            let shown = read.map(|p| p.shown(&names, Language::En, &zone).to_string()).map_err(|m| m.reason);
            assert_eq!(shown, expected.map(str::to_owned), "{kind:?} `{text}`");
        }
    }
}
