//! The level instalment that repays a balance over periods of interest.

use rust_decimal::Decimal;

use crate::conventions::Rounding;
use crate::error::ArithmeticError;
use crate::interest;
use crate::money::Amount;

/// Bits that products with a 128-bit unsigned number may use.
const WORD: u32 = 126;
/// Most binary places that discount factors are kept with.
const PLACES: u32 = 80;

/// How a level instalment is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub rounding: Rounding,
    /// Whole multiples of this; `None`: of the minor unit.
    pub multiple_of: Option<Amount>,
}

impl Step {
    /// `numerator` / `denominator` minor units, rounded once.
    pub fn round(&self, numerator: i128, denominator: i128) -> Result<Amount, ArithmeticError> {
        let Some(multiple) = self.multiple_of else {
            return interest::round(numerator, denominator, self.rounding);
        };
        let wide = denominator.checked_mul(i128::from(multiple.minor())).ok_or(ArithmeticError::Overflow)?;
        let units = interest::round(numerator, wide, self.rounding)?;
        if units.is_zero() {
            // Less than half a unit: whole units would repay nothing until the last instalment.
            return interest::round(numerator, denominator, self.rounding);
        }
        units.minor().checked_mul(multiple.minor()).map(Amount::new).ok_or(ArithmeticError::Overflow)
    }
}

/// Level = balance / Σ discount factors, where period i discounts by 1/(1 + factors[i]/denominator).
///
/// 1,250.00 over four months at 15 %: 1,250 / (1/1.0125 + … + 1/1.0125⁴) = 322.327… → 322.33, or 322 in whole units.
/// Discount factors are cut off below, so the true value lies between two bounds. Where both round alike the result is
/// exact; where they don't, 28 decimal digits decide.
pub(crate) fn solve(
    balance: Amount,
    factors: &[i128],
    denominator: i128,
    step: &Step,
) -> Result<Amount, ArithmeticError> {
    let largest = factors.iter().copied().max().unwrap_or(0);
    let growth = denominator.checked_add(largest).ok_or(ArithmeticError::Overflow)?;
    let places = (WORD.saturating_sub(bits(growth)))
        .min(PLACES)
        .min(WORD.saturating_sub(bits(i128::from(balance.minor()))));
    let one = 1_u128 << places;
    let base = u128::try_from(denominator).map_err(|_| ArithmeticError::Overflow)?;
    let (mut discount, mut sum, mut error) = (one, 0_u128, 0_u128);
    for (factor, lost) in factors.iter().zip(1_u128..) {
        let growth = u128::try_from(denominator + factor).map_err(|_| ArithmeticError::Overflow)?;
        discount = (discount * base).checked_div(growth).ok_or(ArithmeticError::DivisionByZero)?;
        sum += discount;
        error += lost;
    }
    let scaled =
        i128::from(balance.minor()).checked_mul(1_i128 << places).ok_or(ArithmeticError::Overflow)?;
    let bound = |sum: u128| {
        let divisor = i128::try_from(sum).map_err(|_| ArithmeticError::Overflow)?;
        step.round(scaled, divisor)
    };
    let (most, least) = (bound(sum)?, bound(sum.checked_add(error).ok_or(ArithmeticError::Overflow)?)?);
    if most == least { Ok(most) } else { decide(balance, factors, denominator, step) }
}

/// The same in decimals, to 9 places of the minor unit before it is rounded, so that an exact half is seen as one.
fn decide(
    balance: Amount,
    factors: &[i128],
    denominator: i128,
    step: &Step,
) -> Result<Amount, ArithmeticError> {
    let overflow = || ArithmeticError::Overflow;
    let decimal = |number| Decimal::try_from_i128_with_scale(number, 0).map_err(|_| overflow());
    let base = decimal(denominator)?;
    let (mut discount, mut sum) = (Decimal::ONE, Decimal::ZERO);
    for factor in factors {
        let growth = Decimal::ONE
            .checked_add(decimal(*factor)?.checked_div(base).ok_or(ArithmeticError::DivisionByZero)?)
            .ok_or_else(overflow)?;
        discount = discount.checked_div(growth).ok_or(ArithmeticError::DivisionByZero)?;
        sum = sum.checked_add(discount).ok_or_else(overflow)?;
    }
    let exact = balance.exact().checked_div(sum).ok_or(ArithmeticError::DivisionByZero)?.round_dp(9);
    let scale = 10_i128.pow(9);
    let ninths = exact.checked_mul(Decimal::from(1_000_000_000)).ok_or_else(overflow)?;
    step.round(ninths.trunc().mantissa(), scale)
}

fn bits(number: i128) -> u32 {
    128 - number.unsigned_abs().leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: Step = Step { rounding: Rounding::HalfEven, multiple_of: None };

    #[test]
    fn levels_of_known_loans() {
        let table = [
            // 12,000.00 over 12 months at 14.4 %: 1,079.7052…, before the last row's gap is looked at.
            (1_200_000, 12, (12, 1000), 107_971),
            (2_400_000, 24, (15, 1000), 119_818),
            (125_000, 4, (125, 10_000), 32_233),
            // Without interest, halves to even.
            (10_001, 2, (0, 1), 5_000),
            (10_003, 2, (0, 1), 5_002),
            (100, 3, (0, 1), 33),
        ];
        for (balance, count, (factor, denominator), expected) in table {
            let level = solve(Amount::new(balance), &vec![factor; count], denominator, &CENTS).unwrap();
            assert_eq!(level, Amount::new(expected), "{balance} over {count}");
        }
        let units = Step { multiple_of: Some(Amount::new(100)), ..CENTS };
        assert_eq!(solve(Amount::new(125_000), &[125; 4], 10_000, &units), Ok(Amount::new(32_200)));
    }

    #[test]
    fn extremes_are_solved_or_refused() {
        let most = Amount::new(crate::contract::MAX_PRINCIPAL_MINOR);
        assert!(solve(most, &[833_333_333_333; 600], 1_000_000_000_000, &CENTS).unwrap() < most);
        assert_eq!(solve(most, &[], 1, &CENTS), Err(ArithmeticError::DivisionByZero));
        assert_eq!(solve(most, &[i128::MAX], 1, &CENTS), Err(ArithmeticError::Overflow));
    }
}
