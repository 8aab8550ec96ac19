//! Paths, ids, texts, counts, dates, moments and decimals.

use std::ops::RangeInclusive;
use std::str::FromStr as _;

use api::google::r#type::Date as DateMessage;
use chassis::Violations;
use jiff::Timestamp;
use loan::{Date, Rate, Ratio};
use rust_decimal::Decimal;

/// Longest id, bytes.
pub const MAX_ID_BYTES: usize = 128;
/// First year of a date that is believed.
pub const MIN_YEAR: i32 = 1900;
/// Last year of a date that is believed; longer computations than this aren't started.
pub const MAX_YEAR: i32 = 2200;
/// Longest decimal, characters.
const MAX_DECIMAL_CHARS: usize = 30;
/// Most decimal places of a rate or share.
const MAX_DECIMAL_PLACES: u32 = 12;

/// Codes of `BadRequest.FieldViolation.reason`.
pub mod reason {
    /// Nothing is stated where something must be.
    pub const REQUIRED: &str = "REQUIRED";
    /// It can't be read.
    pub const MALFORMED: &str = "MALFORMED";
    /// It can be read and lies outside its bounds.
    pub const OUT_OF_RANGE: &str = "OUT_OF_RANGE";
    /// More entries or characters than allowed.
    pub const TOO_LONG: &str = "TOO_LONG";
    /// An enum number that isn't in the list.
    pub const UNKNOWN_VALUE: &str = "UNKNOWN_VALUE";
    /// Money in another currency than the loan's.
    pub const OTHER_CURRENCY: &str = "OTHER_CURRENCY";
    /// What may stand once stands twice.
    pub const DUPLICATE: &str = "DUPLICATE";
    /// The pack's calendar doesn't know the year of a date.
    pub const NOT_COVERED: &str = "NOT_COVERED";
    /// It contradicts another field.
    pub const CONTRADICTION: &str = "CONTRADICTION";
}

/// Path of a field inside a message; an empty path is the request itself.
pub fn at(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// Path of an entry of a list.
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Adds a violation; the value of a refused field is always `None`.
pub(crate) fn refuse<T>(
    v: &mut Violations,
    field: &str,
    reason: &str,
    description: impl Into<String>,
) -> Option<T> {
    v.add(field, reason, description);
    None
}

pub(crate) fn missing<T>(v: &mut Violations, field: &str) -> Option<T> {
    refuse(v, field, reason::REQUIRED, "must be set")
}

/// An id: 1 to [`MAX_ID_BYTES`] of `A-Z a-z 0-9 - _ . :`. Never a `/`: it separates ids in the names of journal streams,
/// effects and messages.
pub fn id_in(v: &mut Violations, field: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return missing(v, field);
    }
    if text.len() > MAX_ID_BYTES {
        return refuse(v, field, reason::TOO_LONG, format!("at most {MAX_ID_BYTES} bytes"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) {
        return refuse(
            v,
            field,
            reason::MALFORMED,
            "letters and digits of ASCII, `-`, `_`, `.` and `:` only",
        );
    }
    Some(text.to_owned())
}

/// A request id: a UUID with hyphens; in lower case from here on, so that spelling makes no second request.
pub fn request_id_in(v: &mut Violations, field: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return missing(v, field);
    }
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    let is_uuid = groups.len() == lengths.len()
        && groups
            .iter()
            .zip(lengths)
            .all(|(group, length)| group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_uuid {
        Some(text.to_ascii_lowercase())
    } else {
        refuse(v, field, reason::MALFORMED, "a UUID such as 0b1f6c1e-4c43-4a52-9a5f-0d6a5e0f7a11")
    }
}

/// Free text of at most `max_chars` characters without control characters other than line breaks and tabs; may be empty.
pub fn text_in(v: &mut Violations, field: &str, text: &str, max_chars: usize) -> Option<String> {
    if text.chars().count() > max_chars {
        return refuse(v, field, reason::TOO_LONG, format!("at most {max_chars} characters"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return refuse(v, field, reason::MALFORMED, "no control characters");
    }
    Some(text.to_owned())
}

/// A count within bounds.
pub fn count_in(v: &mut Violations, field: &str, number: i32, bounds: RangeInclusive<u32>) -> Option<u32> {
    match u32::try_from(number) {
        Ok(count) if bounds.contains(&count) => Some(count),
        _ => {
            refuse(v, field, reason::OUT_OF_RANGE, format!("must be {} to {}", bounds.start(), bounds.end()))
        }
    }
}

/// A count as the messages have it; the domain's bounds keep it far below the limit.
pub fn number_out(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A date that must be set.
pub fn date_in(v: &mut Violations, field: &str, date: Option<&DateMessage>) -> Option<Date> {
    match date {
        Some(date) => whole_date(v, field, date),
        None => missing(v, field),
    }
}

/// A date that may be left out: `Some(None)`.
pub fn date_optional_in(v: &mut Violations, field: &str, date: Option<&DateMessage>) -> Option<Option<Date>> {
    match date {
        Some(date) => whole_date(v, field, date).map(Some),
        None => Some(None),
    }
}

fn whole_date(v: &mut Violations, field: &str, date: &DateMessage) -> Option<Date> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&date.year) {
        return refuse(v, field, reason::OUT_OF_RANGE, format!("the year must be {MIN_YEAR} to {MAX_YEAR}"));
    }
    let civil = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
    match civil {
        (Ok(year), Ok(month), Ok(day)) => match Date::new(year, month, day) {
            Ok(date) => Some(date),
            Err(_) => refuse(v, field, reason::MALFORMED, "not a whole date of the calendar"),
        },
        _ => refuse(v, field, reason::MALFORMED, "not a whole date of the calendar"),
    }
}

/// Writes a date.
pub fn date_out(date: Date) -> DateMessage {
    DateMessage { year: date.year().into(), month: date.month().into(), day: date.day().into() }
}

/// A moment that must be set; kept to the microsecond, as it is stored.
pub fn timestamp_in(
    v: &mut Violations,
    field: &str,
    moment: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let Some(moment) = moment else { return missing(v, field) };
    let exact = Timestamp::new(moment.seconds, moment.nanos).ok();
    match exact.and_then(|exact| Timestamp::from_microsecond(exact.as_microsecond()).ok()) {
        Some(moment) if moment.as_second() >= 0 => Some(moment),
        _ => refuse(v, field, reason::OUT_OF_RANGE, "not a moment since 1970"),
    }
}

/// Writes a moment.
pub fn timestamp_out(moment: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }
}

/// A plain decimal such as `0.144` within bounds; at most 12 places, no exponent.
pub fn decimal_in(
    v: &mut Violations,
    field: &str,
    text: &str,
    bounds: RangeInclusive<Decimal>,
) -> Option<Decimal> {
    if text.is_empty() {
        return missing(v, field);
    }
    let plain = text.len() <= MAX_DECIMAL_CHARS
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    let read = if plain { Decimal::from_str(text).ok().map(|decimal| decimal.normalize()) } else { None };
    match read {
        Some(decimal) if decimal.scale() > MAX_DECIMAL_PLACES => {
            refuse(v, field, reason::MALFORMED, format!("at most {MAX_DECIMAL_PLACES} decimal places"))
        }
        Some(decimal) if bounds.contains(&decimal) => Some(decimal),
        Some(_) => {
            refuse(v, field, reason::OUT_OF_RANGE, format!("must be {} to {}", bounds.start(), bounds.end()))
        }
        None => refuse(v, field, reason::MALFORMED, "a plain decimal such as 0.144"),
    }
}

/// A nominal yearly rate of 0 to 10 (1,000 %).
pub fn rate_in(v: &mut Violations, field: &str, text: &str) -> Option<Rate> {
    decimal_in(v, field, text, Decimal::ZERO..=loan::contract::MAX_ANNUAL_RATE).map(Rate::from)
}

/// Writes a rate.
pub fn rate_out(rate: Rate) -> String {
    rate.to_string()
}

/// A share or factor within bounds.
pub fn ratio_in(
    v: &mut Violations,
    field: &str,
    text: &str,
    bounds: RangeInclusive<Decimal>,
) -> Option<Ratio> {
    decimal_in(v, field, text, bounds).map(Ratio::from)
}

/// Writes a share or factor.
pub fn ratio_out(ratio: Ratio) -> String {
    ratio.to_string()
}

/// The entries of a list, each read under its own path; refused where there are more than `most`.
pub(crate) fn list_in<M, T>(
    v: &mut Violations,
    field: &str,
    messages: &[M],
    most: usize,
    mut read: impl FnMut(&mut Violations, &str, &M) -> Option<T>,
) -> Option<Vec<T>> {
    if messages.len() > most {
        return refuse(v, field, reason::TOO_LONG, format!("at most {most} entries"));
    }
    // Every entry is read, also behind a wrong one.
    let read: Vec<Option<T>> =
        messages.iter().enumerate().map(|(index, message)| read(v, &item(field, index), message)).collect();
    read.into_iter().collect()
}
