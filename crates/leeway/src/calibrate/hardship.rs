//! Three months of interest only against hardship plans, on LendingClub's.
//!
//! Two figures check that the file is understood: a plan's amount is a month's interest on the balance, and the interest that
//! it was projected to add is three times that. The third is the pack's: during the hardship, could such a household have
//! paid a month's interest for three months? Income and debts are those before the hardship, so the pack's shock table says
//! what is left; R6, which would refuse relief to who can pay the instalment, is off.

use std::fmt::Write as _;

use assessment::calibration::{Household, share_under_hardship};
use assessment::{AssessError, HardshipReason, Pack};
use loan::{Amount, Currency, Ratio};
use rust_decimal::Decimal;
use serde::Serialize;

use super::columns::{Row, Table};
use super::settlements::{MAX_RATE, minor};
use super::{Share, Unusable, dollars};

/// What is read.
pub const COLUMNS: [&str; 7] = [
    "annual_inc",
    "dti",
    "int_rate",
    "hardship_reason",
    "hardship_amount",
    "hardship_payoff_balance_amount",
    "orig_projected_additional_accrued_interest",
];

/// Months of a plan.
const MONTHS: u32 = 3;

/// What the file and the pack say about each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Share of plans whose amount is within 4 % of balance × rate / 1200, where both are stated.
    pub amount_within_4pct_share: Share,
    /// Share of plans whose projected interest is exactly three times their amount, where both are stated.
    pub interest_exact_share: Share,
    /// Share of plans that the pack finds feasible, where income, debts, balance and rate are stated.
    pub feasible_share: Share,
    /// Plans in the file.
    pub rows: u64,
}

/// So many of so many.
#[derive(Default)]
struct Count {
    held: u64,
    of: u64,
}

impl Count {
    fn add(&mut self, holds: Option<bool>) {
        self.of += u64::from(holds.is_some());
        self.held += u64::from(holds == Some(true));
    }

    fn share(&self) -> Share {
        Share::of(self.held, self.of)
    }
}

/// Looks at every row.
pub fn figures(pack: &Pack, table: &Table) -> Result<Figures, Unusable> {
    let currency = dollars(pack)?;
    let (mut amounts, mut interests, mut feasible) = (Count::default(), Count::default(), Count::default());
    let mut rows = 0;
    for row in table.rows() {
        rows += 1;
        let plan = read(&row, currency)?;
        amounts.add(plan.amount_is_interest());
        interests.add(plan.projection_is_exact());
        feasible.add(plan.is_feasible(pack).map_err(|error| row.failed(error))?);
    }
    Ok(Figures {
        amount_within_4pct_share: amounts.share(),
        interest_exact_share: interests.share(),
        feasible_share: feasible.share(),
        rows,
    })
}

/// A plan as far as its row states it.
struct Plan {
    reason: HardshipReason,
    monthly_income: Option<Amount>,
    /// Share of the income.
    debts: Option<Decimal>,
    /// What is paid a month.
    amount: Option<Decimal>,
    projected: Option<Decimal>,
    /// A month's interest: balance × rate / 1200.
    interest: Option<Decimal>,
    monthly_interest: Option<Amount>,
}

fn read(row: &Row<'_>, currency: Currency) -> Result<Plan, Unusable> {
    let income = row.number("annual_inc")?;
    let monthly_income = match income {
        None => None,
        Some(income) => Some(
            minor(income / Decimal::from(12), currency)
                .filter(|income| !income.is_negative())
                .ok_or_else(|| row.refuse("annual_inc", "an income of at least 0"))?,
        ),
    };
    let rate = row.number("int_rate")?;
    if rate.is_some_and(|rate| !(Decimal::ZERO..=MAX_RATE).contains(&rate)) {
        return Err(row.refuse("int_rate", "per cent a year, 0 to 1000"));
    }
    let balance = row.number("hardship_payoff_balance_amount")?;
    let interest =
        balance.zip(rate).and_then(|(balance, rate)| balance.checked_mul(rate / Decimal::from(1200)));
    Ok(Plan {
        reason: reason(row.text("hardship_reason").unwrap_or_default()),
        monthly_income,
        debts: row.number("dti")?.map(|percent| percent / Decimal::ONE_HUNDRED),
        amount: row.number("hardship_amount")?,
        projected: row.number("orig_projected_additional_accrued_interest")?,
        interest,
        monthly_interest: interest.and_then(|interest| minor(interest, currency)),
    })
}

/// LendingClub's words as ours.
fn reason(word: &str) -> HardshipReason {
    match word {
        "UNEMPLOYMENT" => HardshipReason::Unemployment,
        "INCOME_CURTAILMENT" | "REDUCED_HOURS" => HardshipReason::IncomeReduction,
        "MEDICAL" | "DISABILITY" => HardshipReason::IllnessDisability,
        "FAMILY_DEATH" => HardshipReason::Bereavement,
        "DIVORCE" => HardshipReason::Separation,
        "NATURAL_DISASTER" => HardshipReason::Disaster,
        "EXCESSIVE_OBLIGATIONS" => HardshipReason::OverIndebtedness,
        _ => HardshipReason::Other,
    }
}

impl Plan {
    /// |amount − interest| ≤ 4 % of the interest.
    fn amount_is_interest(&self) -> Option<bool> {
        let (amount, interest) = self.amount.zip(self.interest.filter(|interest| !interest.is_zero()))?;
        Some((amount - interest).abs() <= interest * Decimal::new(4, 2))
    }

    fn projection_is_exact(&self) -> Option<bool> {
        let (amount, projected) = self.amount.zip(self.projected)?;
        Some(projected == amount * Decimal::from(MONTHS))
    }

    /// The share covers the interest in each month of the plan.
    fn is_feasible(&self, pack: &Pack) -> Result<Option<bool>, AssessError> {
        let (Some(monthly_income), Some(debts), Some(interest)) =
            (self.monthly_income, self.debts, self.monthly_interest)
        else {
            return Ok(None);
        };
        let household = Household { monthly_income, debt_to_income: Ratio::from(debts), reason: self.reason };
        let share = share_under_hardship(pack, &household)?;
        // The shock lasts as long as the plan: what holds in the first month holds in all three.
        Ok(Some(interest <= share))
    }
}

impl Figures {
    /// As a person reads it.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // INVARIANT: writing to a string can't fail.
        let _ = write!(
            text,
            "\n{} plans\n\n\
             amount within 4 % of a month's interest      {:>10}\n\
             projected interest exactly three times it    {:>10}\n\
             three months of interest only feasible       {:>10}\n",
            self.rows, self.amount_within_4pct_share, self.interest_exact_share, self.feasible_share
        );
        text
    }
}
