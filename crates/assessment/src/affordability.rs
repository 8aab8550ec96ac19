//! What a borrower can spare for this loan, month by month (`domain.md` section 5).
//!
//! Months are calendar months counted from the assessment's own, so that a payment at the end of a month and
//! one in the middle of the next fall on different incomes.

use loan::{Amount, Date, Ratio};

use crate::decision::AffordabilityMonth;
use crate::error::AssessError;
use crate::facts::{Facts, MonthlyAmount};
use crate::pack::Settings;

/// Affordability of a case, long enough that nothing changes after its last month.
#[derive(Debug, Clone)]
pub(crate) struct Affordability {
    pub months: Vec<AffordabilityMonth>,
    /// Months of the hardship, at least 1, within the contract's own term.
    pub hardship_months: usize,
    /// Share of every month; the last holds for good.
    shares: Vec<Amount>,
    /// First month from which verified income counts for good; `None`: never.
    pub benchmark: Amount,
}

/// Balances that the share is divided by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Balances {
    /// Principal left on this loan.
    pub this_loan: Amount,
    /// Other loans with us and other non-priority debts.
    pub others: Amount,
}

impl Affordability {
    /// `dues` is what the contract asks, a pair of month and amount.
    pub fn compute(
        facts: &Facts,
        settings: &Settings,
        balances: Balances,
        dues: &[(usize, Amount)],
    ) -> Result<Self, AssessError> {
        let benchmark = benchmark(facts, settings)?;
        let last_due = dues.iter().map(|(month, _)| *month).max().unwrap_or(0);
        let length = last_due.max(last_change(facts)).saturating_add(1);
        let mut months = Vec::with_capacity(length);
        for month in 0..length {
            months.push(one_month(facts, settings, (month, benchmark), balances)?);
        }
        for (month, amount) in dues {
            if let Some(row) = months.get_mut(*month) {
                row.contract_due = row.contract_due.add(*amount)?;
            }
        }
        let until = facts.hardship_end.map_or(last_due, |end| month_of(facts.as_of, end).min(last_due));
        let shares = months.iter().map(|row| row.share).collect();
        Ok(Self { months, hardship_months: until.saturating_add(1), shares, benchmark })
    }

    /// Share of a month; after the last computed month nothing changes.
    pub fn share(&self, month: usize) -> Amount {
        self.shares.get(month).or_else(|| self.shares.last()).copied().unwrap_or(Amount::ZERO)
    }

    /// The months of the hardship.
    pub fn hardship(&self) -> impl Iterator<Item = &AffordabilityMonth> {
        self.months.iter().take(self.hardship_months)
    }
}

/// Calendar months from `as_of` to `date`, 0 where it lies before.
pub(crate) fn month_of(as_of: Date, date: Date) -> usize {
    let months = (i32::from(date.year()) - i32::from(as_of.year())) * 12 + i32::from(date.month())
        - i32::from(as_of.month());
    usize::try_from(months).unwrap_or(0)
}

/// benchmark = adult × (1 + 0.5 × further adults + 0.3 × dependants), weights of the pack.
fn benchmark(facts: &Facts, settings: &Settings) -> Result<Amount, AssessError> {
    let further = i64::from(facts.statement.adults.max(1)) - 1;
    let dependants = i64::from(facts.statement.dependants);
    let weight = rust_decimal::Decimal::ONE
        + settings.benchmark_further_adult.decimal() * rust_decimal::Decimal::from(further)
        + settings.benchmark_dependant.decimal() * rust_decimal::Decimal::from(dependants);
    Ok(settings.benchmark_adult.mul_ratio(Ratio::from(weight))?)
}

fn one_month(
    facts: &Facts,
    settings: &Settings,
    (month, benchmark): (usize, Amount),
    balances: Balances,
) -> Result<AffordabilityMonth, AssessError> {
    let statement = &facts.statement;
    let income = income(facts, month);
    let essentials = declared_essentials(facts, month)?.max(benchmark);
    let surplus = income.sub(essentials)?.sub(statement.priority_debt_payments)?;
    let positive = surplus.max(Amount::ZERO);
    let buffer = positive.mul_ratio(settings.buffer_share)?.min(settings.buffer_cap);
    let available = positive.sub_floor0(buffer)?;
    let share = allot(available, balances)?;
    let month = u32::try_from(month).unwrap_or(u32::MAX);
    Ok(AffordabilityMonth {
        month,
        income,
        essentials,
        surplus,
        available,
        share,
        contract_due: Amount::ZERO,
    })
}

/// available × this loan / (all our loans + other non-priority debts), HALF_EVEN.
fn allot(available: Amount, balances: Balances) -> Result<Amount, AssessError> {
    if balances.others.is_zero() || available.is_zero() {
        return Ok(available);
    }
    let all = balances.this_loan.add(balances.others)?;
    let exact = available
        .exact()
        .checked_mul(balances.this_loan.exact())
        .and_then(|product| product.checked_div(all.exact()))
        .ok_or(AssessError::Arithmetic { at: "share of available income" })?;
    Ok(Amount::round(exact)?)
}

/// Verified income where it covers the month, else declared.
pub(crate) fn income(facts: &Facts, month: usize) -> Amount {
    let statement = &facts.statement;
    current(&statement.verified_income, month)
        .or_else(|| current(&statement.declared_income, month))
        .unwrap_or(Amount::ZERO)
}

/// Declared essentials of a month; entries that overlap add up.
pub(crate) fn declared_essentials(facts: &Facts, month: usize) -> Result<Amount, AssessError> {
    let covering = facts.statement.essentials.iter().filter(|entry| covers(entry, month));
    Ok(Amount::try_sum(covering.map(|entry| entry.amount))?)
}

/// The last entry that has begun and not ended, by its first month, then by its place in the list.
pub(crate) fn current(entries: &[MonthlyAmount], month: usize) -> Option<Amount> {
    entries
        .iter()
        .filter(|entry| covers(entry, month))
        .max_by_key(|entry| entry.from_month)
        .map(|entry| entry.amount)
}

fn covers(entry: &MonthlyAmount, month: usize) -> bool {
    let month = u64::try_from(month).unwrap_or(u64::MAX);
    let from = u64::from(entry.from_month);
    from <= month && (entry.months == 0 || month < from + u64::from(entry.months))
}

/// The last month in which any entry begins or ends.
fn last_change(facts: &Facts) -> usize {
    let statement = &facts.statement;
    statement
        .declared_income
        .iter()
        .chain(&statement.verified_income)
        .chain(&statement.essentials)
        .map(|entry| entry.from_month.saturating_add(entry.months))
        .max()
        .and_then(|month| usize::try_from(month).ok())
        .unwrap_or(0)
}
