//! From dates and money to places, and the marks along an axis.

use jiff::civil::Date;
use loan::{Amount, Currency, calendar};

/// Marks of money on one axis.
const MONEY_MARKS: i64 = 4;

/// A stretch of pixels.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: f64,
    pub to: f64,
}

impl Span {
    pub fn length(self) -> f64 {
        (self.to - self.from).max(0.0)
    }
}

/// Days laid over pixels.
#[derive(Debug, Clone, Copy)]
pub struct Days {
    pub first: Date,
    pub last: Date,
    pub over: Span,
}

impl Days {
    pub fn x(self, date: Date) -> f64 {
        let whole = days(self.first, self.last).max(1.0);
        self.over.from + self.over.length() * days(self.first, date) / whole
    }

    /// At most `most` days to write below the axis, with their texts.
    pub fn marks(self, most: i64) -> Vec<(Date, String)> {
        let count = calendar::days_between(self.first, self.last);
        if count <= most * 14 {
            let step = if count <= most * 7 { 7 } else { 14 };
            return every(|nr| calendar::days_after(self.first, nr * step).ok())
                .take_while(|date| *date <= self.last)
                .map(|date| (date, date.to_string()))
                .collect();
        }
        let months = count / 30 + 1;
        let step = [1, 2, 3, 6, 12, 24, 60, 120, 240].into_iter().find(|step| months / step <= most);
        let step = step.unwrap_or(600);
        let begins = i32::from(self.first.month() - 1) % i32::try_from(step).unwrap_or(1);
        every(|nr| calendar::month_after(1, self.first, nr * i32::try_from(step).unwrap_or(1) - begins).ok())
            .take_while(|date| *date <= self.last)
            .filter(|date| *date >= self.first)
            .map(|date| (date, date.strftime(if step < 12 { "%Y-%m" } else { "%Y" }).to_string()))
            .collect()
    }
}

fn every(date: impl Fn(i32) -> Option<Date>) -> impl Iterator<Item = Date> {
    (0..1_000).map_while(date)
}

fn days(from: Date, to: Date) -> f64 {
    i32::try_from(calendar::days_between(from, to)).map_or(f64::MAX, f64::from)
}

/// Money laid over pixels; zero lies at the lower end.
#[derive(Debug, Clone, Copy)]
pub struct Money {
    top: Amount,
    step: i64,
    over: Span,
}

impl Money {
    /// A scale that reaches `most`, and up to the next mark.
    pub fn new(most: Amount, over: Span) -> Self {
        let most = most.minor().max(1);
        let mut step = 1_i64;
        for factor in [2, 5, 10].into_iter().cycle() {
            if most / step < MONEY_MARKS {
                break;
            }
            let decade = 10_i64.saturating_pow(step.ilog10());
            step = decade.saturating_mul(factor);
        }
        let top = (most - 1) / step + 1;
        Self { top: Amount::new(top.saturating_mul(step)), step, over }
    }

    pub fn y(self, amount: Amount) -> f64 {
        // A picture needs no more digits than a float has.
        let share = amount.minor().max(0) as f64 / self.top.minor().max(1) as f64;
        self.over.to - self.over.length() * share.min(1.0)
    }

    pub fn base(self) -> f64 {
        self.over.to
    }

    pub fn marks(self) -> Vec<Amount> {
        (0..=self.top.minor() / self.step).map(|nr| Amount::new(nr * self.step)).collect()
    }
}

/// An amount as short as it can be written: whole units without decimal places.
pub fn short(amount: Amount, currency: Currency) -> String {
    let text = amount.format(currency);
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_money_are_round_and_few() {
        let over = Span { from: 0.0, to: 100.0 };
        for (most, top, step) in
            [(1_701, 2_000, 500), (100, 100, 50), (1, 1, 1), (328, 400, 100), (99_999, 100_000, 50_000)]
        {
            let scale = Money::new(Amount::new(most), over);
            assert_eq!((scale.top.minor(), scale.step), (top, step), "{most}");
            assert!(scale.marks().len() <= 5, "{most}");
            assert!((scale.y(Amount::new(top)) - 0.0).abs() < 1e-9);
        }
    }

    #[test]
    fn marks_of_days_suit_the_stretch() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let marks = |first: &str, last: &str| -> Vec<String> {
            let days = Days { first: date(first), last: date(last), over: Span { from: 0.0, to: 1.0 } };
            days.marks(8).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(marks("2026-01-05", "2026-01-20"), ["2026-01-05", "2026-01-12", "2026-01-19"]);
        assert_eq!(
            marks("2026-01-05", "2026-06-20"),
            ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06"]
        );
        assert_eq!(
            marks("2026-01-05", "2028-01-20"),
            ["2026-04", "2026-07", "2026-10", "2027-01", "2027-04", "2027-07", "2027-10", "2028-01"]
        );
        assert_eq!(marks("2026-05-05", "2032-01-20"), ["2027", "2028", "2029", "2030", "2031", "2032"]);
    }
}
