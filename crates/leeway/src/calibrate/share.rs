//! A share of rows, exact until it is printed.

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Serialize, Serializer};

/// Places of a share as JSON.
const PLACES: u32 = 6;

/// A share of rows or another figure between 0 and 1; `None` where no row says anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub Option<Decimal>);

impl Share {
    /// So many of so many.
    pub fn of(part: u64, whole: u64) -> Self {
        Self(Decimal::from(part).checked_div(Decimal::from(whole)))
    }
}

/// A number with 6 places, or null. The only float, made where it is printed.
impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.and_then(|share| share.round_dp(PLACES).to_f64()).serialize(serializer)
    }
}

/// In per cent with one place.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            Some(share) => format!("{:.1} %", share.saturating_mul(Decimal::ONE_HUNDRED).round_dp(1)),
            None => "–".to_owned(),
        };
        f.pad(&text)
    }
}
