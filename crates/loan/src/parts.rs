//! The four parts of what is owed.

use serde::{Deserialize, Serialize};

use crate::error::ArithmeticError;
use crate::money::Amount;

/// A part of an instalment, as payments are allocated to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Penalty,
    Fee,
    Interest,
    Principal,
}

/// Sums by part. `interest` includes interest that relief put off or added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Parts {
    pub penalty: Amount,
    pub fee: Amount,
    pub interest: Amount,
    pub principal: Amount,
}

impl Parts {
    pub fn total(&self) -> Result<Amount, ArithmeticError> {
        self.penalty.add(self.instalment()?)
    }

    /// Everything but the penalty.
    pub fn instalment(&self) -> Result<Amount, ArithmeticError> {
        self.fee.add(self.interest)?.add(self.principal)
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    pub fn get(&self, part: Part) -> Amount {
        match part {
            Part::Penalty => self.penalty,
            Part::Fee => self.fee,
            Part::Interest => self.interest,
            Part::Principal => self.principal,
        }
    }

    pub fn plus(&self, other: &Self) -> Result<Self, ArithmeticError> {
        Ok(Self {
            penalty: self.penalty.add(other.penalty)?,
            fee: self.fee.add(other.fee)?,
            interest: self.interest.add(other.interest)?,
            principal: self.principal.add(other.principal)?,
        })
    }

    /// This with `amount` more in `part`.
    pub fn with(&self, part: Part, amount: Amount) -> Result<Self, ArithmeticError> {
        let mut parts = *self;
        let cell = match part {
            Part::Penalty => &mut parts.penalty,
            Part::Fee => &mut parts.fee,
            Part::Interest => &mut parts.interest,
            Part::Principal => &mut parts.principal,
        };
        *cell = cell.add(amount)?;
        Ok(parts)
    }
}
