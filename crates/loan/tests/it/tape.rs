//! Choices read from bytes, so that one decoder serves random laws and fuzzing, and a failure is a row of hex.

use loan::{Amount, Date, Rate, Ratio};
use rust_decimal::Decimal;

/// How far from everyday values a tape goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What a platform's books hold.
    Believable,
    /// Up to a sixth of all values are anything that their type can hold; the first byte says how many.
    Extreme,
}

/// Bytes read from the front. Past the end come zeros, which stand for the plainest choice, so that a shorter or smaller
/// tape tells a plainer story.
pub struct Tape<'a> {
    rest: &'a [u8],
    /// How many of 32 values may be anything.
    wild_of_32: u8,
}

impl<'a> Tape<'a> {
    pub fn new(bytes: &'a [u8], reach: Reach) -> Self {
        let mut tape = Self { rest: bytes, wild_of_32: 0 };
        if reach == Reach::Extreme {
            tape.wild_of_32 = tape.byte() % 6;
        }
        tape
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// `bytes` of them as one number.
    pub fn number(&mut self, bytes: u32) -> u64 {
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// Below `bound`, which is positive.
    pub fn below(&mut self, bound: u32) -> u32 {
        let bytes = if bound > 65_536 {
            4
        } else if bound > 256 {
            2
        } else {
            1
        };
        u32::try_from(self.number(bytes) % u64::from(bound)).unwrap()
    }

    /// In so many of 16 cases; never where the tape has ended.
    pub fn chance(&mut self, of_16: u8) -> bool {
        self.byte() / 16 >= 16 - of_16
    }

    /// The first choice is the plainest.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.below(u32::try_from(choices.len()).unwrap());
        choices[usize::try_from(index).unwrap()].clone()
    }

    /// Whether the next value may be anything that its type can hold.
    pub fn is_wild(&mut self) -> bool {
        self.wild_of_32 > 0 && self.byte() / 8 >= 32 - self.wild_of_32
    }

    /// 1 to `most` minor units, small ones often.
    pub fn amount(&mut self, most: i64) -> Amount {
        if self.is_wild() {
            let raw = i64::from_be_bytes(self.number(8).to_be_bytes());
            let limit = loan::contract::MAX_PRINCIPAL_MINOR;
            return Amount::new(self.pick(&[raw, 0, -1, limit, limit + 1, i64::MAX, i64::MIN]));
        }
        let bound = match self.pick(&[most, most, most / 10, 1_000, 20]) {
            bound if bound < 1 => 1,
            bound => bound.min(most.max(1)),
        };
        Amount::new(1 + i64::try_from(self.number(5) % u64::try_from(bound).unwrap()).unwrap())
    }

    /// Up to `days` after `from`.
    pub fn day(&mut self, from: Date, days: u32) -> Date {
        if self.is_wild() {
            let any = Date::new(
                i16::try_from(self.below(19_999)).unwrap() - 9_999,
                i8::try_from(self.below(12) + 1).unwrap(),
                i8::try_from(self.below(28) + 1).unwrap(),
            );
            let edges = ["0001-01-01", "9999-12-31", "9999-01-31", "0000-02-29", "-009999-01-01"];
            let edge = self.pick(&edges).parse().unwrap();
            return self.pick(&[any.unwrap(), edge, Date::MIN, Date::MAX]);
        }
        let ahead = i32::try_from(self.below(days.max(1))).unwrap();
        loan::calendar::days_after(from, ahead).unwrap_or(from)
    }

    /// 0 to 36 %, sometimes with all decimal places that a rate may have.
    pub fn rate(&mut self) -> Rate {
        if self.is_wild() {
            return Rate::from(self.decimal());
        }
        let plain = Decimal::new(i64::from(self.below(3_601)), 4);
        let fine =
            if self.chance(2) { Decimal::new(i64::from(self.below(100_000_000)), 12) } else { Decimal::ZERO };
        Rate::from(plain + fine)
    }

    /// 0 to 1 in hundredths.
    pub fn share(&mut self) -> Ratio {
        if self.is_wild() {
            return Ratio::from(self.decimal());
        }
        Ratio::from(Decimal::new(i64::from(self.below(101)), 2))
    }

    fn decimal(&mut self) -> Decimal {
        let mantissa = i64::from_be_bytes(self.number(8).to_be_bytes());
        self.pick(&[Decimal::new(mantissa, 12), Decimal::new(mantissa, 28), Decimal::MAX, Decimal::MIN])
    }

    /// Up to `most`; anything where wild.
    pub fn count(&mut self, most: u16) -> u16 {
        if self.is_wild() {
            return u16::try_from(self.number(2)).unwrap();
        }
        u16::try_from(self.below(u32::from(most) + 1)).unwrap()
    }
}
