//! What stands on a loan on one day.

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::error::ArithmeticError;
use crate::money::Amount;
use crate::parts::Parts;
use crate::schedule::Row;

/// Days past due. What is reported to a bureau is derived from these by the application's plan, not here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dpd {
    /// By the schedule in force.
    pub current: u32,
    /// By the original due dates; relief never resets it.
    pub contract: u32,
}

/// Delinquency bucket of `dpd.current`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bucket {
    M0,
    M1,
    M2,
    M3,
    M4Plus,
}

impl Bucket {
    /// M0 0, M1 1–30, M2 31–60, M3 61–90, M4+ beyond.
    pub fn of(dpd_current: u32) -> Self {
        match dpd_current {
            0 => Self::M0,
            1..=30 => Self::M1,
            31..=60 => Self::M2,
            61..=90 => Self::M3,
            _ => Self::M4Plus,
        }
    }
}

/// What one payment covered of one instalment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentShare {
    pub payment_id: String,
    pub date: Date,
    pub parts: Parts,
}

/// An instalment and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowState {
    /// The row in force, net of what was waived.
    pub row: Row,
    pub paid: Parts,
    /// Given up by relief in force; `principal` is what a settlement forgave.
    pub waived: Parts,
    /// Penalty accrued on the row so far, paid and waived included; rounded once, when read.
    pub penalty: Amount,
    /// The day on which a payment left nothing open but perhaps penalty.
    pub paid_on: Option<Date>,
    pub payments: Vec<PaymentShare>,
}

impl RowState {
    /// Unpaid by part, due or not.
    pub fn left(&self) -> Result<Parts, ArithmeticError> {
        Ok(Parts {
            penalty: self.penalty.sub(self.waived.penalty)?.sub_floor0(self.paid.penalty)?,
            fee: self.row.fee.sub(self.paid.fee)?,
            interest: self.row.interest.add(self.row.relief_interest)?.sub(self.paid.interest)?,
            principal: self.row.principal.sub(self.paid.principal)?,
        })
    }

    /// Whether fee, interest or principal is unpaid. Penalty alone doesn't keep an instalment open.
    pub fn is_open(&self) -> Result<bool, ArithmeticError> {
        Ok(!self.left()?.instalment()?.is_zero())
    }
}

/// Why a schedule version came into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionCause {
    Contract,
    /// The relief of this plan id.
    Relief(String),
    /// The end of the relief of this plan id: undone, or a settlement that lapsed.
    Undo(String),
}

/// A schedule as it stood from `effective` on; old ones stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleVersion {
    /// From 1, ascending.
    pub number: u32,
    pub effective: Date,
    pub cause: VersionCause,
    pub rows: Vec<Row>,
}

/// A maximal run of days with `dpd.current` ≥ 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// First day past due.
    pub from: Date,
    /// First day that was current again; `None` while it lasts.
    pub to: Option<Date>,
    /// Highest `dpd.current` of the run.
    pub longest: u32,
}

/// What stands at the end of `as_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub as_of: Date,
    pub interest_from: Date,
    pub rows: Vec<RowState>,
    pub versions: Vec<ScheduleVersion>,
    /// Unpaid principal, due or not, less what was forgiven.
    pub principal_left: Amount,
    /// Due and unpaid, penalty included.
    pub arrears: Parts,
    /// Everything unpaid, not yet due principal and interest included.
    pub owed: Parts,
    pub paid: Parts,
    /// Given up by relief in force.
    pub waived: Parts,
    pub forgiven_principal: Amount,
    /// Paid beyond everything owed.
    pub unallocated: Amount,
    pub dpd: Dpd,
    pub bucket: Bucket,
    pub oldest_unpaid_due: Option<Date>,
    /// The earliest unpaid due date after `as_of`.
    pub next_due: Option<Date>,
    /// Nothing is owed any more.
    pub closed: bool,
    /// Runs of arrears up to `as_of`, oldest first.
    pub spells: Vec<Spell>,
}
