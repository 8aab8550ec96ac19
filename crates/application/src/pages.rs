//! Lists: page tokens (the place after which the next page begins, opaque to clients), sizes, repeats.

use chassis::Violations;
use store::Value;

/// Reads a page size: 0 means `default`, above `most` is refused.
pub fn size_in(v: &mut Violations, size: i32, default: u32, most: u32) -> u32 {
    match u32::try_from(size) {
        Ok(0) => default,
        Ok(size) if size <= most => size,
        _ => {
            v.add("page_size", "OUT_OF_RANGE", format!("give 0 to {most}"));
            default
        }
    }
}

/// Writes the token of a place.
pub fn token_out(value: &Value, id: &str) -> String {
    let value = match value {
        Value::Int(number) => format!("i{number}"),
        Value::Text(text) => format!("t{text}"),
    };
    hex::encode(format!("{value}\n{id}"))
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortedBy {
    Number,
    Text,
}

/// Reads the token of a place; empty is the beginning. A token of a list that is sorted otherwise is refused.
pub fn token_in(v: &mut Violations, token: &str, sorted_by: SortedBy) -> Option<(Value, String)> {
    if token.is_empty() {
        return None;
    }
    let place = decode(token).filter(|(value, _)| match value {
        Value::Int(_) => sorted_by == SortedBy::Number,
        Value::Text(_) => sorted_by == SortedBy::Text,
    });
    if place.is_none() {
        v.add("page_token", "UNREADABLE", "give the `next_page_token` of the page before, unchanged");
    }
    place
}

fn decode(token: &str) -> Option<(Value, String)> {
    let text = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let (value, id) = text.split_once('\n')?;
    let value = match value.split_at_checked(1)? {
        ("i", number) => Value::Int(number.parse().ok()?),
        ("t", text) => Value::Text(text.to_owned()),
        _ => return None,
    };
    Some((value, id.to_owned()))
}

/// Whether no entry of a list stands in it twice.
pub fn distinct<T: Ord>(list: &[T]) -> bool {
    list.iter().collect::<std::collections::BTreeSet<_>>().len() == list.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_foreign_ones_are_refused() {
        use SortedBy::{Number, Text};
        for (value, id, sorted_by) in [
            (Value::Int(-7), "a\nb", Number),
            (Value::Text("x\u{e9}".into()), "", Text),
            (Value::Int(i64::MAX), "loan-1", Number),
        ] {
            let mut v = Violations::new();
            let read = token_in(&mut v, &token_out(&value, id), sorted_by);
            assert_eq!(read, Some((value, id.to_owned())));
            assert!(v.is_empty());
        }
        let text = token_out(&Value::Text("loan-1".into()), "loan-1");
        for foreign in ["zz", "00", "hello", "69", &text] {
            let mut v = Violations::new();
            assert_eq!(token_in(&mut v, foreign, Number), None);
            assert!(!v.is_empty(), "{foreign}");
        }
    }
}
