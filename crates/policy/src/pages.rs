//! Page sizes and tokens. A token is the place behind which the next page begins, opaque to clients.

use chassis::Violations;
use store::Value;

/// Reads a page size: 0 means `default`, above `most` is refused.
pub(crate) fn size_in(v: &mut Violations, size: i32, default: u32, most: u32) -> u32 {
    match u32::try_from(size) {
        Ok(0) => default,
        Ok(size) if size <= most => size,
        _ => {
            v.add("page_size", wire::reason::OUT_OF_RANGE, format!("give 0 to {most}"));
            default
        }
    }
}

/// Writes the token of a place in a list that is sorted by a number.
pub(crate) fn token_out(number: i64, id: &str) -> String {
    hex::encode(format!("{number}\n{id}"))
}

/// Reads the token of a place; empty is the beginning.
pub(crate) fn token_in(v: &mut Violations, token: &str) -> Option<(Value, String)> {
    if token.is_empty() {
        return None;
    }
    let text = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.split_once('\n'));
    let place = place.and_then(|(number, id)| Some((Value::Int(number.parse().ok()?), id.to_owned())));
    if place.is_none() {
        let advice = "give the `next_page_token` of the page before, unchanged";
        v.add("page_token", wire::reason::MALFORMED, advice);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_others_are_refused() {
        let mut v = Violations::new();
        let place = token_in(&mut v, &token_out(-7, "a\nb"));
        assert_eq!(place, Some((Value::Int(-7), "a\nb".to_owned())));
        assert!(v.is_empty() && token_in(&mut v, "").is_none() && v.is_empty());
        for foreign in ["zz", "00", "6a0a6a"] {
            let mut v = Violations::new();
            assert_eq!(token_in(&mut v, foreign), None);
            assert!(!v.is_empty(), "{foreign}");
        }
    }
}
