//! Positive numbers of any size with 64 exact bits, in integers, for solving rates.
//!
//! Discount factors over 50 years at a rate under −99 % span hundreds of decimal places, which no fixed point holds.
//! Every operation drops less than one part in 2^63 and gives the same bits on every machine; money is never kept in this
//! form, only a rate is read from it.

use rust_decimal::Decimal;

use crate::money::Amount;

const BITS: u32 = u64::BITS;

/// `mantissa` × 2^`exponent`. INVARIANT: the mantissa's first bit is set, or both are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scaled {
    mantissa: u64,
    exponent: i32,
}

impl Scaled {
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };
    pub const ONE: Self = Self { mantissa: 1 << 63, exponent: -63 };

    /// `value` × 2^`exponent`, bits beyond the first 64 dropped.
    pub fn new(value: u128, exponent: i32) -> Self {
        if value == 0 {
            return Self::ZERO;
        }
        let shift = value.leading_zeros();
        let exponent = exponent.saturating_add_unsigned(BITS).saturating_sub_unsigned(shift);
        Self { mantissa: high_half(value << shift), exponent }
    }

    /// Minor units, the sign dropped.
    pub fn of(amount: Amount) -> Self {
        Self::new(u128::from(amount.minor().unsigned_abs()), 0)
    }

    pub fn times(self, other: Self) -> Self {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa);
        // The product of two mantissas has 127 or 128 bits.
        let half = high_half(product);
        let exponent = self.exponent.saturating_add(other.exponent);
        if half >> 63 == 1 {
            Self { mantissa: half, exponent: exponent.saturating_add_unsigned(BITS) }
        } else if half == 0 {
            Self::ZERO
        } else {
            Self { mantissa: high_half(product << 1), exponent: exponent.saturating_add_unsigned(BITS - 1) }
        }
    }

    pub fn plus(self, other: Self) -> Self {
        if other.mantissa == 0 {
            return self;
        }
        if self.mantissa == 0 {
            return other;
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let shift = high.exponent.abs_diff(low.exponent);
        match high.mantissa.overflowing_add(low.mantissa.checked_shr(shift).unwrap_or(0)) {
            (mantissa, false) => Self { mantissa, exponent: high.exponent },
            (rest, true) => Self { mantissa: rest >> 1 | 1 << 63, exponent: high.exponent.saturating_add(1) },
        }
    }

    /// 1 / self; zero stays zero.
    pub fn inverse(self) -> Self {
        match (1_u128 << 127).checked_div(u128::from(self.mantissa)) {
            Some(quotient) => Self::new(quotient, (-127_i32).saturating_sub(self.exponent)),
            None => Self::ZERO,
        }
    }

    /// By squaring, at most 64 products.
    pub fn power(self, exponent: u32) -> Self {
        let (mut base, mut left, mut power) = (self, exponent, Self::ONE);
        while left > 0 {
            if left & 1 == 1 {
                power = power.times(base);
            }
            left >>= 1;
            if left > 0 {
                base = base.times(base);
            }
        }
        power
    }

    pub fn exceeds(self, other: Self) -> bool {
        match (self.mantissa, other.mantissa) {
            (0, _) => false,
            (_, 0) => true,
            _ => (self.exponent, self.mantissa) > (other.exponent, other.mantissa),
        }
    }

    /// With 12 decimal places, further ones dropped; `None` from 2^75 on, where that isn't exact in 128 bits.
    pub fn to_decimal(self) -> Option<Decimal> {
        const PLACES: u32 = 12;
        let scaled = self.times(Self::new(10_u128.pow(PLACES), 0));
        let whole = match u32::try_from(scaled.exponent) {
            Ok(up) if up < BITS => u128::from(scaled.mantissa) << up,
            Ok(_) => return None,
            Err(_) => u128::from(scaled.mantissa) >> scaled.exponent.unsigned_abs().min(BITS),
        };
        Decimal::try_from_i128_with_scale(i128::try_from(whole).ok()?, PLACES).ok()
    }
}

/// The first 64 of 128 bits.
fn high_half(value: u128) -> u64 {
    // INVARIANT: 64 bits are left, so that nothing is cut.
    u64::try_from(value >> BITS).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(value: u128) -> Scaled {
        Scaled::new(value, 0)
    }

    #[test]
    fn whole_numbers_of_64_bits_are_exact() {
        let table = [(0, 7), (1, 1), (3, 5), (1 << 40, (1 << 20) + 1), (u128::from(u64::MAX), 1)];
        for (a, b) in table {
            assert_eq!(whole(a).times(whole(b)), whole(a * b));
            assert_eq!(whole(a).plus(whole(b)), whole(a + b));
            assert_eq!(whole(a).exceeds(whole(b)), a > b, "{a} {b}");
            assert_eq!(whole(b).exceeds(whole(a)), b > a, "{a} {b}");
        }
        assert_eq!(whole(3).power(40), whole(3_u128.pow(40)));
        assert_eq!(whole(7).power(0), whole(1));
        assert_eq!(Scaled::ZERO.inverse(), Scaled::ZERO);
    }

    #[test]
    fn decimals_come_out_to_12_places() {
        let text = |value: Scaled| value.to_decimal().map(|decimal| decimal.normalize().to_string());
        assert_eq!(text(whole(8).inverse()).unwrap(), "0.125");
        assert_eq!(text(whole(3).inverse()).unwrap(), "0.333333333333");
        assert_eq!(text(whole(3).inverse().times(whole(6))).unwrap(), "1.999999999999");
        assert_eq!(text(Scaled::ZERO).unwrap(), "0");
        assert_eq!(text(Scaled::new(1, -600)).unwrap(), "0");
        assert_eq!(text(Scaled::new(1, 40)).unwrap(), (1_u64 << 40).to_string());
        assert_eq!(text(Scaled::new(1, 600)), None);
    }

    #[test]
    fn far_powers_keep_their_size() {
        let tiny = whole(2).inverse().power(18_250);
        assert_eq!(tiny, Scaled::new(1, -18_250));
        assert_eq!(tiny.times(whole(2).power(18_250)), whole(1));
        assert_eq!(whole(5).plus(tiny), whole(5));
        assert!(whole(1).exceeds(tiny));
    }
}
