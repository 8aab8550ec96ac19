//! The promise: contract terms, or rows as stated by the core ledger, and the product's settings.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::money::{Amount, Currency, Rate, Ratio};
use crate::parts::Part;
use crate::schedule::{self, Row};

/// Most instalments that a schedule may have, relief included (monthly, so fifty years).
pub const MAX_INSTALMENTS: u16 = 600;
/// Highest yearly rate that is believed: 1,000 %.
pub const MAX_ANNUAL_RATE: Decimal = Decimal::TEN;
/// Highest principal, in minor units. Leaves room for penalties and sums over any term.
pub const MAX_PRINCIPAL_MINOR: i64 = 1_000_000_000_000_000;

/// How principal and interest fall on the instalments; periods are nominal months (30/360).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amortisation {
    /// 等额本息: level instalment, interest on the declining balance.
    EqualInstalments,
    /// 等额本金: equal principal, interest on the declining balance.
    EqualPrincipal,
    /// 分期手续费: principal/n plus rate/12 × original principal each month.
    Flat,
}

/// Terms of a loan with monthly instalments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contract {
    pub currency: Currency,
    pub principal: Amount,
    pub annual_rate: Rate,
    pub amortisation: Amortisation,
    pub instalments: u16,
    /// The day from which interest runs.
    pub interest_from: Date,
    pub first_due: Date,
    /// Day of month of every due date; `None` takes it from `first_due`. Needed where the first due date falls in a
    /// shorter month than the anchor (first due 28 February, then 31 March: 31).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor_day: Option<u8>,
    /// Level instalments are rounded to a multiple of this (100 = whole units); `None`: to the minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalment_multiple_of: Option<Amount>,
}

impl Contract {
    /// Day of month of the due dates.
    pub fn anchor_day(&self) -> u8 {
        self.anchor_day.unwrap_or_else(|| u8::try_from(self.first_due.day()).unwrap_or(1))
    }

    /// Refuses terms that no schedule can be computed from.
    pub fn check(&self) -> Result<(), LoanError> {
        let invalid = |field, reason| Err(LoanError::ContractInvalid { field, reason });
        if !(1..=MAX_PRINCIPAL_MINOR).contains(&self.principal.minor()) {
            return invalid("principal", "must be positive and at most 10^15 minor units");
        }
        if self.annual_rate.decimal().is_sign_negative() && !self.annual_rate.decimal().is_zero() {
            return invalid("annual_rate", "must not be negative");
        }
        if self.annual_rate.decimal() > MAX_ANNUAL_RATE {
            return invalid("annual_rate", "must be at most 10 (1,000 %)");
        }
        if !(1..=MAX_INSTALMENTS).contains(&self.instalments) {
            return invalid("instalments", "must be 1 to 600");
        }
        if self.first_due <= self.interest_from {
            return invalid("first_due", "must lie after interest_from");
        }
        if calendar::month_after(self.anchor_day(), self.first_due, 0)? != self.first_due {
            return invalid("anchor_day", "must agree with first_due");
        }
        if self.instalment_multiple_of.is_some_and(|step| step.minor() < 1) {
            return invalid("instalment_multiple_of", "must be positive");
        }
        Ok(())
    }
}

/// One row as the core ledger states it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatedRow {
    pub nr: u32,
    pub due: Date,
    pub principal: Amount,
    pub interest: Amount,
    pub fee: Amount,
}

/// Where the contract rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Rows are computed from the contract.
    Computed(Contract),
    /// Rows are authoritative as stated; the contract gives rate, dates and currency for penalty and relief.
    Stated { contract: Contract, rows: Vec<StatedRow> },
}

impl Origin {
    pub fn contract(&self) -> &Contract {
        match self {
            Self::Computed(contract) | Self::Stated { contract, .. } => contract,
        }
    }

    /// The contract rows. Stated rows are refused with the first one that doesn't add up.
    pub fn rows(&self) -> Result<Vec<Row>, LoanError> {
        match self {
            Self::Computed(contract) => schedule::build(contract),
            Self::Stated { contract, rows } => stated_rows(contract, rows),
        }
    }
}

fn stated_rows(contract: &Contract, stated: &[StatedRow]) -> Result<Vec<Row>, LoanError> {
    contract.check()?;
    let mut left = contract.principal;
    let mut previous: Option<&StatedRow> = None;
    let mut rows = Vec::with_capacity(stated.len());
    for (row, expected_nr) in stated.iter().zip(1_u32..) {
        let refuse = |reason| Err(LoanError::StatedRowInvalid { nr: row.nr, reason });
        if row.nr != expected_nr || expected_nr > u32::from(MAX_INSTALMENTS) {
            return refuse("numbers run from 1 without gaps, to 600 at most");
        }
        if row.due <= previous.map_or(contract.interest_from, |row| row.due) {
            return refuse("its due date does not lie after the one before");
        }
        if row.principal.is_negative() || row.interest.is_negative() || row.fee.is_negative() {
            return refuse("a part is negative");
        }
        if row.interest.minor() > MAX_PRINCIPAL_MINOR || row.fee.minor() > MAX_PRINCIPAL_MINOR {
            return refuse("a part is above 10^15 minor units");
        }
        left = left.sub(row.principal)?;
        if left.is_negative() {
            return refuse("principal up to here exceeds the loan's");
        }
        previous = Some(row);
        rows.push(Row {
            nr: row.nr,
            due: row.due,
            contract_due: row.due,
            principal: row.principal,
            interest: row.interest,
            fee: row.fee,
            relief_interest: Amount::ZERO,
            balance_after: left,
        });
    }
    match previous {
        None => Err(LoanError::StatedRowInvalid { nr: 1, reason: "there are no rows" }),
        Some(last) if !left.is_zero() => Err(LoanError::StatedRowInvalid {
            nr: last.nr,
            reason: "principal up to the last row falls short of the loan's",
        }),
        Some(_) => Ok(rows),
    }
}

/// What happens to money beyond the instalments that are due and the running one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overpayment {
    ReduceNext,
    ReduceLast,
}

/// Settings that loans of one product share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Product {
    /// Penalty rate = min(contract rate × this, `cost_cap`). It replaces contract interest on overdue principal.
    pub penalty_multiplier: Ratio,
    /// Highest yearly rate of anything charged.
    pub cost_cap: Rate,
    /// Order in which a payment covers the parts of an instalment; each part once.
    pub allocation: Vec<Part>,
    pub overpayment: Overpayment,
}

impl Product {
    /// Penalty, fee, interest, principal: the default order (domain section 3.6).
    pub fn default_allocation() -> Vec<Part> {
        vec![Part::Penalty, Part::Fee, Part::Interest, Part::Principal]
    }

    /// Yearly penalty rate for a contract rate.
    pub fn penalty_rate(&self, annual_rate: Rate) -> Result<Rate, LoanError> {
        let raised = annual_rate
            .decimal()
            .checked_mul(self.penalty_multiplier.decimal())
            .ok_or(crate::ArithmeticError::Overflow)?;
        Ok(Rate::from(raised.min(self.cost_cap.decimal())))
    }

    /// Refuses settings that would lose or charge money twice.
    pub fn check(&self) -> Result<(), LoanError> {
        let invalid = |field, reason| Err(LoanError::ProductInvalid { field, reason });
        if self.penalty_multiplier < Ratio::ZERO || self.penalty_multiplier.decimal() > Decimal::TEN {
            return invalid("penalty_multiplier", "must be 0 to 10");
        }
        if self.cost_cap < Rate::ZERO || self.cost_cap.decimal() > MAX_ANNUAL_RATE {
            return invalid("cost_cap", "must be 0 to 10 (1,000 %)");
        }
        let mut order = self.allocation.clone();
        order.sort();
        if order != Self::default_allocation() {
            return invalid("allocation", "must name each part once");
        }
        Ok(())
    }
}
