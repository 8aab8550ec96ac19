//! What stands on a loan on one day.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::error::ArithmeticError;
use crate::model::Model;
use crate::money::{Amount, Rate};
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
    /// Penalty on the row so far, paid and waived included: accrued, rounded once when read, and charged.
    pub penalty: Amount,
    /// The part of `penalty` that was charged as a fixed amount.
    pub charged: Amount,
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
    /// The event of this id: a reschedule, re-age, re-amortisation, pause, pay-off, chargeback, charge or termination.
    Change(String),
    /// The end of the relief or change of this id: undone, or a settlement that lapsed.
    Undo(String),
}

/// A yearly rate from a day on: it holds for the nights that this day and later ones carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RateStep {
    pub from: Date,
    pub annual_rate: Rate,
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

/// Piecewise record of arrears: what was the oldest unpaid due date from the end of day `from` until the next record.
///
/// Days past due on a day are the days from that date to it, 0 where it doesn't lie before. For example due 2026-02-15 and
/// unpaid: 0 on 02-15, 1 on 02-16, 28 on 03-15; paid on 03-15 with the next instalment due that day: 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    pub from: Date,
    /// Earliest due date in force with fee, interest or principal unpaid, past or not; `None` while nothing is.
    pub oldest_unpaid_due: Option<Date>,
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

/// How the rows came about, for terms that work them out anew. Two states of the same rows are equal whatever it is; one
/// that was read from JSON has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan(Option<Arc<Model>>);

impl Plan {
    pub fn of(model: &Model) -> Self {
        Self(Some(Arc::new(model.clone())))
    }

    pub fn model(&self) -> Option<&Model> {
        self.0.as_deref()
    }
}

impl PartialEq for Plan {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Plan {}

/// What stands at the end of `as_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub as_of: Date,
    pub interest_from: Date,
    /// Contract rates in force, oldest first; the first one holds from `interest_from`.
    pub rates: Vec<RateStep>,
    pub rows: Vec<RowState>,
    #[serde(skip)]
    pub(crate) plan: Plan,
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
    /// Principal that chargebacks added.
    pub charged_back: Amount,
    /// Paid beyond everything owed.
    pub unallocated: Amount,
    pub dpd: Dpd,
    pub bucket: Bucket,
    pub oldest_unpaid_due: Option<Date>,
    /// The earliest unpaid due date after `as_of`.
    pub next_due: Option<Date>,
    /// Nothing is owed any more.
    pub closed: bool,
    /// Oldest unpaid due date over time, ascending by `from`; neighbours differ. Days past due, runs of arrears and the
    /// payment history follow from it.
    pub standings: Vec<Standing>,
}

impl State {
    /// The day at which present values are taken: the last contract due date on or before `as_of`, else that day itself.
    pub fn value_date(&self) -> Date {
        let due = self.rows.iter().map(|row| row.row.contract_due);
        due.filter(|due| *due <= self.as_of).max().unwrap_or(self.as_of)
    }
}
