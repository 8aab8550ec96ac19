//! Interest in exact integers: balance × rate × part of a year, rounded at the named point only.

use crate::conventions::{Rounding, YearBasis};
use crate::error::ArithmeticError;
use crate::money::{Amount, Rate};

/// Simple interest for whole days of a year of fixed length (365 where the basis is actual), rounded once.
///
/// 1,000.00 at 12 % for 23 days, actual/365F: 7.5616… → 7.56 HALF_EVEN, 7.57 where the contract rounds up.
pub fn simple(
    principal: Amount,
    annual_rate: Rate,
    days: u32,
    year: YearBasis,
    rounding: Rounding,
) -> Result<Amount, ArithmeticError> {
    let unit = match year {
        YearBasis::Days360 => 360,
        YearBasis::Days364 => 364,
        YearBasis::Days365 | YearBasis::Actual => 365,
    };
    let rates = Scaled::of(&[annual_rate]);
    let factor = rates.factor(annual_rate, i64::from(days))?;
    let product = i128::from(principal.minor()).checked_mul(factor).ok_or(ArithmeticError::Overflow)?;
    round(product, rates.denominator(unit)?, rounding)
}

/// The scale on which several rates are whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scaled {
    places: u32,
}

impl Scaled {
    pub fn of(rates: &[Rate]) -> Self {
        Self { places: rates.iter().map(|rate| rate.decimal().scale()).max().unwrap_or(0) }
    }

    /// The rate for `part` of a year, over [`Scaled::denominator`].
    pub fn factor(self, rate: Rate, part: i64) -> Result<i128, ArithmeticError> {
        let missing = self.places.saturating_sub(rate.decimal().scale());
        10_i128
            .checked_pow(missing)
            .and_then(|raised| rate.decimal().mantissa().checked_mul(raised))
            .and_then(|mantissa| mantissa.checked_mul(i128::from(part)))
            .ok_or(ArithmeticError::Overflow)
    }

    pub fn denominator(self, unit: i64) -> Result<i128, ArithmeticError> {
        10_i128
            .checked_pow(self.places)
            .and_then(|raised| raised.checked_mul(i128::from(unit)))
            .ok_or(ArithmeticError::Overflow)
    }
}

/// The rate as a whole number of 10^−`places`; what is finer is rounded HALF_EVEN.
pub(crate) fn scaled(rate: Rate, places: u32) -> Result<i128, ArithmeticError> {
    let rate = rate.decimal().round_dp(places);
    10_i128
        .checked_pow(places.saturating_sub(rate.scale()))
        .and_then(|factor| rate.mantissa().checked_mul(factor))
        .ok_or(ArithmeticError::Overflow)
}

/// `numerator` / `denominator` (positive) to a whole number of minor units.
pub(crate) fn round(
    numerator: i128,
    denominator: i128,
    rounding: Rounding,
) -> Result<Amount, ArithmeticError> {
    let (quotient, remainder) = match (i64::try_from(numerator), i64::try_from(denominator)) {
        // Most contracts fit here, and the machine divides 64 bits several times faster.
        (Ok(n), Ok(d)) => {
            let quotient = n.checked_div(d).ok_or(ArithmeticError::DivisionByZero)?;
            (i128::from(quotient), i128::from(n - quotient * d))
        }
        _ => {
            let quotient = numerator.checked_div(denominator).ok_or(ArithmeticError::DivisionByZero)?;
            (quotient, numerator - quotient * denominator)
        }
    };
    let away = match rounding {
        Rounding::Down => false,
        Rounding::Up => remainder != 0,
        Rounding::HalfUp => remainder.unsigned_abs() >= denominator.unsigned_abs().div_ceil(2),
        Rounding::HalfEven => {
            let rest = denominator.unsigned_abs() - remainder.unsigned_abs();
            match remainder.unsigned_abs().cmp(&rest) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => quotient % 2 != 0,
                std::cmp::Ordering::Greater => true,
            }
        }
    };
    let step = if numerator < 0 { -1 } else { 1 };
    i64::try_from(if away { quotient + step } else { quotient })
        .map(Amount::new)
        .map_err(|_| ArithmeticError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_interest_rounds_as_the_contract_says() {
        let twelve = Rate::parse("0.12").unwrap();
        let table = [
            (10_000, 365, YearBasis::Days365, Rounding::Up, 1_200),
            (100_000, 23, YearBasis::Days365, Rounding::Up, 757),
            (100_000, 23, YearBasis::Days365, Rounding::HalfEven, 756),
            (100_000, 23, YearBasis::Days365, Rounding::Down, 756),
            (100_000, 23, YearBasis::Days360, Rounding::HalfEven, 767),
            (100_000, 0, YearBasis::Days360, Rounding::Up, 0),
        ];
        for (minor, days, year, rounding, expected) in table {
            let interest = simple(Amount::new(minor), twelve, days, year, rounding).unwrap();
            assert_eq!(interest, Amount::new(expected), "{minor} {days} {year:?} {rounding:?}");
        }
    }

    #[test]
    fn halves_go_where_the_mode_says() {
        use Rounding::{Down, HalfEven, HalfUp, Up};
        let table = [
            (5, 2, HalfEven, 2),
            (7, 2, HalfEven, 4),
            (-5, 2, HalfEven, -2),
            (-7, 2, HalfEven, -4),
            (5, 2, HalfUp, 3),
            (-5, 2, HalfUp, -3),
            (7, 3, HalfUp, 2),
            (8, 3, HalfUp, 3),
            (4, 3, HalfUp, 1),
            (1, 3, Up, 1),
            (-1, 3, Up, -1),
            (2, 3, Down, 0),
            (3, 3, Up, 1),
            (i128::from(i64::MAX) * 3, 2, Down, 0),
        ];
        for (numerator, denominator, rounding, expected) in table {
            let rounded = round(numerator, denominator, rounding);
            if numerator > i128::from(i64::MAX) {
                assert_eq!(rounded, Err(ArithmeticError::Overflow));
            } else {
                assert_eq!(rounded, Ok(Amount::new(expected)), "{numerator}/{denominator} {rounding:?}");
            }
        }
        assert_eq!(round(1, 0, HalfEven), Err(ArithmeticError::DivisionByZero));
    }
}
