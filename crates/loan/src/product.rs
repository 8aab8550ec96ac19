//! Settings that loans of one product share.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::contract::MAX_ANNUAL_RATE;
use crate::error::LoanError;
use crate::money::{Rate, Ratio};
use crate::parts::Part;

/// What happens to money beyond the instalments that are due. Rows whose amounts are stated or agreed have no balance to
/// recompute: there the last two work like the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overpayment {
    /// It pays the next instalments ahead of their time.
    ReduceNext,
    /// It pays the last instalments.
    ReduceLast,
    /// It repays principal at once; instalments stay and the term gets shorter (缩短期限).
    ReduceTerm,
    /// It repays principal at once; the term stays and the instalments to come get smaller (减少月供).
    ReduceInstalment,
}

/// Whether overdue principal keeps bearing contract interest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverdueInterest {
    /// It doesn't: the penalty replaces it.
    #[default]
    None,
    /// It does, night by night until it is paid or the last instalment is due; only the excess of the penalty rate is
    /// penalty. After the last instalment the penalty rate replaces it whole. Unpaid interest bears none.
    ContractRate,
}

/// How much interest of the running period a pay-off owes. Later periods' interest is never earned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayOffInterest {
    /// Up to the pay-off day.
    #[default]
    ToDate,
    /// The whole period's.
    ToPeriodEnd,
}

/// Another order of allocation for a loan that is far behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LateAllocation {
    /// Holds where `dpd.current` is more than this when the payment comes.
    pub beyond_dpd: u32,
    pub order: Vec<Part>,
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
    #[serde(default)]
    pub late_allocation: Option<LateAllocation>,
    #[serde(default)]
    pub overdue_interest: OverdueInterest,
    #[serde(default)]
    pub pay_off_interest: PayOffInterest,
}

impl Product {
    /// Penalty, fee, interest, principal: the default order (domain section 3.6).
    pub fn default_allocation() -> Vec<Part> {
        vec![Part::Penalty, Part::Fee, Part::Interest, Part::Principal]
    }

    /// Yearly penalty rate for a contract rate: min(rate × multiplier, cost cap).
    pub fn penalty_rate(&self, annual_rate: Rate) -> Result<Rate, LoanError> {
        let raised = annual_rate
            .decimal()
            .checked_mul(self.penalty_multiplier.decimal())
            .ok_or(crate::ArithmeticError::Overflow)?;
        Ok(Rate::from(raised.min(self.cost_cap.decimal())))
    }

    /// The same while instalments run: where overdue principal bears contract interest too, only the excess is penalty.
    pub fn penalty_rate_beside_interest(&self, annual_rate: Rate) -> Result<Rate, LoanError> {
        let penalty = self.penalty_rate(annual_rate)?;
        Ok(match self.overdue_interest {
            OverdueInterest::None => penalty,
            OverdueInterest::ContractRate => {
                Rate::from((penalty.decimal() - annual_rate.decimal()).max(Decimal::ZERO))
            }
        })
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
        if !names_each_part_once(&self.allocation) {
            return invalid("allocation", "must name each part once");
        }
        if self.late_allocation.as_ref().is_some_and(|late| !names_each_part_once(&late.order)) {
            return invalid("late_allocation", "must name each part once");
        }
        Ok(())
    }

    /// The order for a payment that comes when the loan is so many days behind.
    pub fn allocation_at(&self, dpd_current: u32) -> &[Part] {
        match &self.late_allocation {
            Some(late) if dpd_current > late.beyond_dpd => &late.order,
            _ => &self.allocation,
        }
    }
}

fn names_each_part_once(order: &[Part]) -> bool {
    let mut sorted = order.to_vec();
    sorted.sort();
    sorted == Product::default_allocation()
}
