//! The derived facts of a case as one dense vector of numbers: what rules are evaluated over.
//!
//! Money is minor units; days and counts are themselves; a flag is 0 or 1; a ratio has 18 decimal places; a code is
//! its place in its list; a set of codes is a bit a place. Ratios of amounts up to 10^12 differ from a threshold of at
//! most [`MAX_RATIO_PLACES`] places by at least 10^-18 or not at all, so that comparing them here is comparing them exactly.

use std::fmt::Write as _;

use loan::{Amount, Currency};
use rust_decimal::Decimal;

use crate::catalogue::{CodeList, Fact, FactType, FactValue};
use crate::error::AssessError;
use crate::facts::FACTS_VERSION;
use crate::fixed::Fixed;

/// Most decimal places of a ratio that a rule compares with.
pub(crate) const MAX_RATIO_PLACES: u32 = 6;
/// Smallest step of a ratio that a flip is told in: 0.0001.
const RATIO_STEP: i128 = 100_000_000_000_000;

/// Every derived fact of one case. The same facts under packs of the same [`crate::Pack::derivation_digest`] give the same sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactSheet([i128; Fact::ALL.len()]);

impl FactSheet {
    /// Every fact at zero: no flag set, nothing owed, the first code of every list.
    pub(crate) fn empty() -> Self {
        Self([0; Fact::ALL.len()])
    }

    pub(crate) fn set(&mut self, fact: Fact, value: &FactValue) -> Result<(), AssessError> {
        if let Some(cell) = self.0.get_mut(fact.place()) {
            *cell = number(fact, value)?;
        }
        Ok(())
    }

    pub(crate) fn number(&self, fact: Fact) -> i128 {
        // INVARIANT: a place is below the number of facts.
        self.0.get(fact.place()).copied().unwrap_or_default()
    }

    pub(crate) fn value(&self, fact: Fact) -> FactValue {
        value(fact, self.number(fact))
    }

    /// Names and values, as text with their units, in the order of the catalogue.
    pub fn shown(&self, currency: Currency) -> impl Iterator<Item = (&'static str, String)> {
        Fact::ALL.iter().map(move |fact| (fact.name(), self.value(*fact).show(currency)))
    }

    /// Compact text: the version of the fact definitions and every number in the order of the catalogue.
    pub fn encode(&self) -> String {
        let mut text = FACTS_VERSION.to_string();
        for number in &self.0 {
            // INVARIANT: writing to a string can't fail.
            let _ = write!(text, " {number}");
        }
        text
    }

    /// Reads what [`FactSheet::encode`] wrote; `None` for another version or an unreadable text.
    pub fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != FACTS_VERSION.to_string() {
            return None;
        }
        let mut sheet = Self::empty();
        for cell in &mut sheet.0 {
            *cell = words.next()?.parse().ok()?;
        }
        words.next().is_none().then_some(sheet)
    }
}

/// A value as the number that stands for it.
pub(crate) fn number(fact: Fact, value: &FactValue) -> Result<i128, AssessError> {
    Ok(match value {
        FactValue::Money(amount) => i128::from(amount.minor()),
        FactValue::Days(count) | FactValue::Count(count) => i128::from(*count),
        FactValue::Ratio(ratio) => Fixed::from_decimal(*ratio)?.raw(),
        FactValue::Flag(flag) => i128::from(*flag),
        FactValue::Code(code) => place(fact, code).map_or(-1, i128::from),
        FactValue::Codes(codes) => {
            codes.iter().filter_map(|code| place(fact, code)).fold(0, |bits, place| bits | bit(place))
        }
    })
}

/// Bits of codes, for conditions that ask whether a code is among them.
pub(crate) fn bits(fact: Fact, codes: &[&'static str]) -> i128 {
    codes.iter().filter_map(|code| place(fact, code)).fold(0, |bits, place| bits | bit(place))
}

/// The bit of a place; 0 beyond the range, where no list reaches.
pub(crate) fn bit(place: u32) -> i128 {
    1_i128.checked_shl(place).unwrap_or_default()
}

/// The value that a number stands for.
pub(crate) fn value(fact: Fact, number: i128) -> FactValue {
    let whole = i64::try_from(number).unwrap_or(i64::MAX);
    match fact.kind() {
        FactType::Money => FactValue::Money(Amount::new(whole)),
        FactType::Days => FactValue::Days(whole),
        FactType::Count => FactValue::Count(whole),
        FactType::Ratio => {
            let exact = Decimal::try_from_i128_with_scale(number, 18).map(|ratio| ratio.normalize());
            FactValue::Ratio(exact.unwrap_or(Decimal::MAX))
        }
        FactType::Flag => FactValue::Flag(number != 0),
        FactType::Code(list) => FactValue::Code(word(list, number).unwrap_or("")),
        FactType::Codes(list) => {
            let held = |(place, word): (u32, &'static str)| (number & bit(place) != 0).then_some(word);
            FactValue::Codes((0_u32..).zip(list.words()).filter_map(held).collect())
        }
    }
}

/// The smallest change of a numeric fact, as its number.
pub(crate) fn step(fact: Fact) -> i128 {
    if fact.kind() == FactType::Ratio { RATIO_STEP } else { 1 }
}

fn place(fact: Fact, code: &str) -> Option<u32> {
    let (FactType::Code(list) | FactType::Codes(list)) = fact.kind() else { return None };
    let place = list.words().iter().position(|word| *word == code)?;
    u32::try_from(place).ok()
}

fn word(list: CodeList, place: i128) -> Option<&'static str> {
    list.words().get(usize::try_from(place).ok()?).copied()
}
