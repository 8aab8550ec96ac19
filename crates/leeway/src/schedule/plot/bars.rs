//! What falls due day by day, and labels that don't lie over each other.

use std::collections::BTreeMap;

use jiff::civil::Date;
use loan::cases::CaseRow;
use loan::{Amount, ArithmeticError};

use super::svg::width_of;

/// Everything that falls due on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bar {
    pub numbers: Vec<u32>,
    pub principal: Amount,
    pub interest: Amount,
    pub charges: Amount,
}

impl Bar {
    pub fn total(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum([self.principal, self.interest, self.charges])
    }

    /// `2` or `2, 3`.
    pub fn numbers(&self) -> String {
        self.numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Rows by the day they are due; an emptied row stays as a bar of nothing.
pub fn by_day(rows: &[CaseRow]) -> Result<BTreeMap<Date, Bar>, ArithmeticError> {
    let mut bars: BTreeMap<Date, Bar> = BTreeMap::new();
    for row in rows {
        let bar = bars.entry(row.due).or_default();
        bar.numbers.push(row.nr);
        bar.principal = bar.principal.add(row.principal)?;
        bar.interest = bar.interest.add(row.interest)?;
        bar.charges = Amount::try_sum([bar.charges, row.fees, row.penalties])?;
    }
    Ok(bars)
}

/// Places that are taken.
#[derive(Default)]
pub struct Places {
    taken: Vec<Place>,
}

struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Places {
    /// Takes the place of a text that is centred at `x` with its foot at the first free one of `feet`; `None` where none
    /// of them is free.
    pub fn take(&mut self, text: &str, font_size: f64, x: f64, feet: &[f64]) -> Option<f64> {
        let half = width_of(text, font_size) / 2.0 + 1.0;
        let foot = feet.iter().copied().find(|foot| {
            let place = Place { left: x - half, right: x + half, top: foot - font_size, bottom: *foot };
            !self.taken.iter().any(|taken| taken.meets(&place))
        })?;
        self.block((x - half, x + half), (foot - font_size, foot));
        Some(foot)
    }

    /// Keeps a place free of texts.
    pub fn block(&mut self, (left, right): (f64, f64), (top, bottom): (f64, f64)) {
        self.taken.push(Place { left, right, top, bottom });
    }
}

impl Place {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_way() {
        let mut places = Places::default();
        assert_eq!(places.take("100.00", 10.0, 50.0, &[20.0, 8.0]), Some(20.0));
        assert_eq!(places.take("100.00", 10.0, 60.0, &[20.0, 8.0]), Some(8.0));
        assert_eq!(places.take("100.00", 10.0, 55.0, &[20.0, 8.0]), None);
        assert_eq!(places.take("100.00", 10.0, 200.0, &[20.0]), Some(20.0));
    }
}
