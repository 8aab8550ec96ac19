//! Page tokens: the place after which the next page begins, opaque to clients.

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

/// Reads the token of a place; empty is the beginning.
pub fn token_in(v: &mut Violations, token: &str) -> Option<(Value, String)> {
    if token.is_empty() {
        return None;
    }
    let place = decode(token);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_foreign_ones_are_refused() {
        for place in
            [(Value::Int(-7), "a\nb"), (Value::Text("x\u{e9}".into()), ""), (Value::Int(i64::MAX), "loan-1")]
        {
            let mut v = Violations::new();
            let read = token_in(&mut v, &token_out(&place.0, place.1));
            assert_eq!(read, Some((place.0, place.1.to_owned())));
            assert!(v.is_empty());
        }
        for foreign in ["zz", "00", "hello", "69"] {
            let mut v = Violations::new();
            assert_eq!(token_in(&mut v, foreign), None);
            assert!(!v.is_empty(), "{foreign}");
        }
    }
}
