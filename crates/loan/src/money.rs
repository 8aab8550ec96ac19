//! Amounts in minor units, currencies, exact shares and rates.

use std::fmt;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::conventions::Rounding;
use crate::error::{ArithmeticError, LoanError};
use crate::interest;

/// Money in integer minor units (fen, cents) of the loan's one currency. May be negative where a difference is meant.
///
/// `From<f64>` is deliberately missing, and so are the operators `+` and `-`, which could only wrap or panic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Self = Self(0);

    pub const fn new(minor: i64) -> Self {
        Self(minor)
    }

    /// Minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Checked sum.
    #[expect(clippy::should_implement_trait, reason = "the operator can't return an error")]
    pub fn add(self, other: Self) -> Result<Self, ArithmeticError> {
        self.0.checked_add(other.0).map(Self).ok_or(ArithmeticError::Overflow)
    }

    /// Checked difference.
    #[expect(clippy::should_implement_trait, reason = "the operator can't return an error")]
    pub fn sub(self, other: Self) -> Result<Self, ArithmeticError> {
        self.0.checked_sub(other.0).map(Self).ok_or(ArithmeticError::Overflow)
    }

    /// Checked difference, zero where it would be negative.
    pub fn sub_floor0(self, other: Self) -> Result<Self, ArithmeticError> {
        self.sub(other).map(|difference| difference.max(Self::ZERO))
    }

    /// Checked sum of many.
    pub fn try_sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, ArithmeticError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::add)
    }

    /// `self` × `ratio`, rounded HALF_EVEN to the minor unit.
    pub fn mul_ratio(self, ratio: Ratio) -> Result<Self, ArithmeticError> {
        let product = self.exact().checked_mul(ratio.0).ok_or(ArithmeticError::Overflow)?;
        Self::round(product)
    }

    /// Minor units as an exact decimal.
    pub fn exact(self) -> Decimal {
        Decimal::from(self.0)
    }

    /// Exact minor units rounded HALF_EVEN: the one place where money is rounded.
    pub fn round(minor: Decimal) -> Result<Self, ArithmeticError> {
        minor
            .round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven)
            .to_i64()
            .map(Self)
            .ok_or(ArithmeticError::Overflow)
    }

    /// Major units, for example 1079.70 for 107970 fen.
    pub fn to_decimal(self, currency: Currency) -> Decimal {
        Decimal::new(self.0, currency.minor_digits())
    }

    /// Plain text in major units, for example `1079.70`.
    pub fn plain(self, currency: Currency) -> String {
        self.to_decimal(currency).to_string()
    }

    /// Text for people, with thousands separators, for example `1,079.70`.
    pub fn format(self, currency: Currency) -> String {
        let plain = self.plain(currency);
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        match fraction {
            Some(fraction) => format!("{sign}{grouped}.{fraction}"),
            None => format!("{sign}{grouped}"),
        }
    }

    /// Reads major units such as `1079.70`; refuses more decimal places than the currency has.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, LoanError> {
        let unreadable = || LoanError::Unreadable { what: "money amount", text: text.to_owned() };
        let major = Decimal::from_str_exact(text).map_err(|_| unreadable())?;
        let scale = Decimal::from(10_i64.pow(currency.minor_digits()));
        let minor = major.checked_mul(scale).ok_or(ArithmeticError::Overflow)?;
        if !minor.fract().is_zero() {
            return Err(unreadable());
        }
        Ok(Self::round(minor)?)
    }

    /// Splits a non-negative amount into `parts` equal shares, HALF_EVEN, the remainder in the last. No share is
    /// negative: where rounding up would take more than there is, shares are rounded down.
    pub fn equal_shares(self, parts: usize) -> Result<Vec<Self>, ArithmeticError> {
        let (share, last) = self.equal_share(parts)?;
        let mut shares = vec![share; parts.saturating_sub(1)];
        shares.push(last);
        Ok(shares)
    }

    /// Every share but the last, and the last.
    pub(crate) fn equal_share(self, parts: usize) -> Result<(Self, Self), ArithmeticError> {
        let count = i64::try_from(parts).map_err(|_| ArithmeticError::Overflow)?;
        let before_last = count.checked_sub(1).ok_or(ArithmeticError::DivisionByZero)?;
        let rounded = interest::round(self.0.into(), count.into(), Rounding::HalfEven)?.0;
        let taken = rounded.checked_mul(before_last).ok_or(ArithmeticError::Overflow)?;
        let share = if taken > self.0 { self.0 / count } else { rounded };
        Ok((Self(share), Self(self.0 - share * before_last)))
    }
}

/// Minor units: the amount doesn't know its currency.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// ISO 4217 code; says how many decimal places the minor unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Three capital letters, for example `CNY`.
    pub fn parse(text: &str) -> Result<Self, LoanError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(LoanError::Unreadable { what: "currency code", text: text.to_owned() }),
        }
    }

    pub fn code(&self) -> &str {
        // INVARIANT: `parse` admits ASCII capitals only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Decimal places of the minor unit (ISO 4217, table A.1).
    pub fn minor_digits(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF"
            | b"UGX" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = LoanError;
    fn try_from(text: String) -> Result<Self, LoanError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// Exact decimal share or factor, for example 0.5. Kept without trailing zeros, so that equal values have equal texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Decimal", into = "Decimal")]
pub struct Ratio(Decimal);

impl Ratio {
    pub const ZERO: Self = Self(Decimal::ZERO);
    pub const ONE: Self = Self(Decimal::ONE);

    /// Reads plain decimal text such as `0.95`.
    pub fn parse(text: &str) -> Result<Self, LoanError> {
        exact_decimal("ratio", text).map(Self)
    }

    pub fn decimal(self) -> Decimal {
        self.0
    }
}

impl From<Decimal> for Ratio {
    fn from(decimal: Decimal) -> Self {
        Self(decimal.normalize())
    }
}

impl From<Ratio> for Decimal {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nominal yearly rate as a fraction: 0.144 is 14.4 % a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Decimal", into = "Decimal")]
pub struct Rate(Decimal);

impl Rate {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads plain decimal text such as `0.144`.
    pub fn parse(text: &str) -> Result<Self, LoanError> {
        exact_decimal("rate", text).map(Self)
    }

    pub fn decimal(self) -> Decimal {
        self.0
    }
}

impl From<Decimal> for Rate {
    fn from(decimal: Decimal) -> Self {
        Self(decimal.normalize())
    }
}

impl From<Rate> for Decimal {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn exact_decimal(what: &'static str, text: &str) -> Result<Decimal, LoanError> {
    Decimal::from_str_exact(text)
        .map(|decimal| decimal.normalize())
        .map_err(|_| LoanError::Unreadable { what, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print_in_the_currency() {
        let table = [
            ("CNY", "1079.70", 107_970, "1,079.70"),
            ("CNY", "-1234567.05", -123_456_705, "-1,234,567.05"),
            ("JPY", "1000", 1_000, "1,000"),
            ("KWD", "0.005", 5, "0.005"),
            ("CNY", "999.99", 99_999, "999.99"),
        ];
        for (code, plain, minor, formatted) in table {
            let currency = Currency::parse(code).unwrap();
            let amount = Amount::parse(plain, currency).unwrap();
            assert_eq!(amount, Amount::new(minor));
            assert_eq!(amount.plain(currency), plain);
            assert_eq!(amount.format(currency), formatted);
        }
        let cny = Currency::parse("CNY").unwrap();
        for refused in ["1.005", "", "1,000.00", "1e3", "92233720368547758.08"] {
            assert!(Amount::parse(refused, cny).is_err(), "{refused}");
        }
        for refused in ["cny", "CN", "CNYY", "C1Y"] {
            assert!(Currency::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn rounding_is_half_even_and_overflow_an_error() {
        let half = Ratio::parse("0.5").unwrap();
        for (minor, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)] {
            assert_eq!(Amount::new(minor).mul_ratio(half).unwrap(), Amount::new(expected));
        }
        let most = Amount::new(i64::MAX);
        assert_eq!(most.add(Amount::new(1)), Err(ArithmeticError::Overflow));
        assert_eq!(Amount::new(i64::MIN).sub(Amount::new(1)), Err(ArithmeticError::Overflow));
        assert_eq!(most.mul_ratio(Ratio::parse("1.5").unwrap()), Err(ArithmeticError::Overflow));
        assert_eq!(Amount::new(3).sub_floor0(Amount::new(5)), Ok(Amount::ZERO));
    }

    #[test]
    fn equal_shares_put_the_remainder_last_and_none_is_negative() {
        let table: [(i64, usize, &[i64]); 6] = [
            (179_727, 6, &[29_954, 29_954, 29_954, 29_954, 29_954, 29_957]),
            (10, 3, &[3, 3, 4]),
            (5, 3, &[2, 2, 1]),
            (5, 8, &[0, 0, 0, 0, 0, 0, 0, 5]),
            (0, 2, &[0, 0]),
            (7, 1, &[7]),
        ];
        for (minor, parts, expected) in table {
            let shares: Vec<i64> =
                Amount::new(minor).equal_shares(parts).unwrap().iter().map(|share| share.minor()).collect();
            assert_eq!(shares, expected);
        }
        assert!(Amount::new(1).equal_shares(0).is_err());
    }

    #[test]
    fn equal_ratios_have_equal_texts() {
        let ratio = Ratio::parse("0.50").unwrap();
        assert_eq!(ratio, Ratio::parse("0.5").unwrap());
        assert_eq!(serde_json::to_string(&ratio).unwrap(), "\"0.5\"");
        assert_eq!(serde_json::from_str::<Ratio>("\"0.500\"").unwrap().to_string(), "0.5");
        assert_eq!(serde_json::to_string(&Rate::parse("0.144").unwrap()).unwrap(), "\"0.144\"");
        assert_eq!(serde_json::to_string(&Amount::new(-5)).unwrap(), "-5");
        assert_eq!(serde_json::to_string(&Currency::parse("CNY").unwrap()).unwrap(), "\"CNY\"");
        assert!(serde_json::from_str::<Currency>("\"yuan\"").is_err());
    }
}
