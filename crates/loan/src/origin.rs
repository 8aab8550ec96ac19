//! Where a loan's rows come from: computed, or as the core ledger states them.

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::{Contract, MAX_INSTALMENTS, MAX_PRINCIPAL_MINOR};
use crate::error::LoanError;
use crate::money::Amount;
use crate::schedule::{self, Row};

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
        let has_down_payment = !contract.conventions.down_payment.decimal().is_zero();
        let is_down_payment = has_down_payment
            && previous.is_none()
            && row.due == contract.interest_from
            && row.interest.is_zero();
        if row.due <= previous.map_or(contract.interest_from, |row| row.due) && !is_down_payment {
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
