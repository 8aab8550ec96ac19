//! Decimal fixed point with 18 places in 128 bits: the exact arithmetic of values and ratios.
//!
//! Every product and quotient is rounded HALF_EVEN to 18 places, so a result never depends on the order in
//! which a machine evaluates it. Overflow is an error.

use rust_decimal::Decimal;

use crate::error::AssessError;

/// One, as a fixed-point number.
const SCALE: i128 = 1_000_000_000_000_000_000;
const PLACES: u32 = 18;

/// A number with 18 decimal places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fixed(i128);

const OVERFLOW: AssessError = AssessError::Arithmetic { at: "fixed point" };

impl Fixed {
    pub const ZERO: Self = Self(0);
    pub const ONE: Self = Self(SCALE);

    /// A whole number, for example minor units.
    pub fn from_int(value: i64) -> Self {
        // INVARIANT: |i64| × 10^18 < 2^127.
        Self(i128::from(value) * SCALE)
    }

    /// A decimal, rounded HALF_EVEN to 18 places.
    pub fn from_decimal(value: Decimal) -> Result<Self, AssessError> {
        let rounded = value.round_dp(PLACES);
        let missing = PLACES.saturating_sub(rounded.scale());
        let factor = 10_i128.checked_pow(missing).ok_or(OVERFLOW)?;
        rounded.mantissa().checked_mul(factor).map(Self).ok_or(OVERFLOW)
    }

    /// Units of 10^-18.
    pub const fn raw(self) -> i128 {
        self.0
    }

    pub fn add(self, other: Self) -> Result<Self, AssessError> {
        self.0.checked_add(other.0).map(Self).ok_or(OVERFLOW)
    }

    pub fn sub(self, other: Self) -> Result<Self, AssessError> {
        self.0.checked_sub(other.0).map(Self).ok_or(OVERFLOW)
    }

    /// This times a whole number, exactly.
    pub fn times(self, factor: i64) -> Result<Self, AssessError> {
        self.0.checked_mul(i128::from(factor)).map(Self).ok_or(OVERFLOW)
    }

    /// Product, HALF_EVEN at 18 places. The whole part of `other` is taken out first, so that money (up to
    /// 10^13) times a factor below one stays inside 128 bits.
    pub fn mul(self, other: Self) -> Result<Self, AssessError> {
        if let Some(product) = self.0.checked_mul(other.0) {
            return Ok(Self(div_half_even(product, SCALE)));
        }
        let (whole, part) = (self.0.div_euclid(SCALE), self.0.rem_euclid(SCALE));
        let high = whole.checked_mul(other.0).ok_or(OVERFLOW)?;
        let low = part.checked_mul(other.0).ok_or(OVERFLOW)?;
        high.checked_add(div_half_even(low, SCALE)).map(Self).ok_or(OVERFLOW)
    }

    /// The nearest binary float: only for searching, never for an answer.
    pub fn approximate(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a search prunes with a margin far above it")]
        let units = self.0 as f64;
        units / 1e18
    }

    /// The largest whole number of minor units that isn't above this times `amount`; the amount isn't negative.
    pub fn floor_of(self, amount: i64) -> Result<i64, AssessError> {
        let product = self.0.checked_mul(i128::from(amount)).ok_or(OVERFLOW)?;
        i64::try_from(product.div_euclid(SCALE)).map_err(|_| OVERFLOW)
    }

    /// Quotient of two whole numbers, HALF_EVEN at 18 places.
    pub fn ratio(numerator: i64, denominator: i64) -> Result<Self, AssessError> {
        if denominator == 0 {
            return Err(AssessError::Arithmetic { at: "division by zero" });
        }
        Ok(Self(div_half_even(i128::from(numerator) * SCALE, i128::from(denominator))))
    }

    /// Reciprocal, HALF_EVEN at 18 places.
    pub fn recip(self) -> Result<Self, AssessError> {
        if self.0 == 0 {
            return Err(AssessError::Arithmetic { at: "division by zero" });
        }
        Ok(Self(div_half_even(SCALE * SCALE, self.0)))
    }

    /// Whole number, HALF_EVEN.
    pub fn round_to_int(self) -> Result<i64, AssessError> {
        i64::try_from(div_half_even(self.0, SCALE)).map_err(|_| OVERFLOW)
    }

    /// As a decimal with `places` places, HALF_EVEN.
    pub fn to_decimal(self, places: u32) -> Result<Decimal, AssessError> {
        let dropped = 10_i128.checked_pow(PLACES.saturating_sub(places)).ok_or(OVERFLOW)?;
        Decimal::try_from_i128_with_scale(div_half_even(self.0, dropped), places).map_err(|_| OVERFLOW)
    }
}

/// Integer quotient rounded HALF_EVEN; `divisor` isn't zero.
fn div_half_even(value: i128, divisor: i128) -> i128 {
    let (size, by) = (value.unsigned_abs(), divisor.unsigned_abs());
    // One division: the machine's own where the divisor has 64 bits.
    let quotient = size / by;
    let rest = size - quotient * by;
    // INVARIANT: 0 ≤ rest < by; comparing rest with what is left of the divisor avoids doubling it.
    let up = match rest.cmp(&(by - rest)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Less => false,
    };
    let rounded = i128::try_from(if up { quotient + 1 } else { quotient }).unwrap_or(i128::MAX);
    if (value < 0) == (divisor < 0) { rounded } else { -rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_even() {
        for (value, divisor, expected) in [
            (5, 2, 2),
            (7, 2, 4),
            (-5, 2, -2),
            (-7, 2, -4),
            (1, 3, 0),
            (2, 3, 1),
            (-1, 3, 0),
            (-2, 3, -1),
            (6, 4, 2),
            (10, 4, 2),
        ] {
            assert_eq!(div_half_even(value, divisor), expected, "{value}/{divisor}");
        }
    }

    #[test]
    fn products_agree_with_decimals() {
        for (left, right) in
            [("0.985", "0.999"), ("123456.78", "0.987654321987654321"), ("-3.5", "0.142857142857142857")]
        {
            let (left, right) =
                (Decimal::from_str_exact(left).unwrap(), Decimal::from_str_exact(right).unwrap());
            let product =
                Fixed::from_decimal(left).unwrap().mul(Fixed::from_decimal(right).unwrap()).unwrap();
            assert_eq!(product, Fixed::from_decimal(left * right).unwrap());
        }
    }

    #[test]
    fn large_money_times_a_factor_does_not_overflow() {
        let money = Fixed::from_int(9_000_000_000_000);
        let half = Fixed::ratio(1, 2).unwrap();
        assert_eq!(money.mul(half).unwrap(), Fixed::from_int(4_500_000_000_000));
    }
}
