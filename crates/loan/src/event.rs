//! What can happen to a loan.

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::conventions::Frequency;
use crate::money::{Amount, Rate};
use crate::terms::Terms;

/// What happened to a loan. An `id` is unique on its loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Payment {
        id: String,
        amount: Amount,
    },
    /// From the event's date on, the payment never was.
    PaymentReversed {
        payment_id: String,
    },
    /// A payment of everything that ends the loan; refused where it isn't the pay-off sum of its day.
    PayOff {
        id: String,
        amount: Amount,
    },
    /// A paid amount is taken back and owed again as principal of the instalment that its day falls in.
    Chargeback {
        id: String,
        amount: Amount,
    },
    /// A fee or a penalty of a fixed amount on a day; due with the instalment that `due` falls in, or in a row of its own
    /// after the last one.
    Charge {
        id: String,
        part: ChargePart,
        due: Date,
        amount: Amount,
    },
    Reschedule {
        id: String,
        change: Reschedule,
    },
    ReAge {
        id: String,
        re_age: ReAge,
    },
    ReAmortise {
        id: String,
        interest: ReAmortiseInterest,
    },
    /// No interest for the nights that days `from` to `to`, both included, carry.
    InterestPaused {
        id: String,
        from: Date,
        to: Date,
    },
    /// The contract is ended: everything is due on the event's day, with interest up to it.
    Terminated {
        id: String,
    },
    /// A pay-off, chargeback, charge, reschedule, re-age, re-amortisation, pause or termination never was: what stands
    /// then is what would stand today without it.
    Undone {
        id: String,
    },
    /// Accepted terms come into force; `id` is the plan's.
    Relief {
        id: String,
        terms: Terms,
    },
    /// The plan is broken or cancelled: what would stand today without it. No penalty is charged for the days after
    /// acceptance up to and including `kept_to`, and penalties stay waived in proportion to what was paid.
    ReliefUndone {
        id: String,
        kept_to: Option<Date>,
    },
    /// No penalty for the days `from` to `to`, both included: the platform's answer was late.
    PenaltySuspended {
        from: Date,
        to: Date,
    },
}

impl EventKind {
    /// The id that this event brings into being; `None` for those that speak of another's or of none.
    pub fn new_id(&self) -> Option<&str> {
        match self {
            Self::Payment { id, .. }
            | Self::PayOff { id, .. }
            | Self::Chargeback { id, .. }
            | Self::Charge { id, .. }
            | Self::Reschedule { id, .. }
            | Self::ReAge { id, .. }
            | Self::ReAmortise { id, .. }
            | Self::InterestPaused { id, .. }
            | Self::Terminated { id }
            | Self::Relief { id, .. } => Some(id),
            Self::PaymentReversed { .. }
            | Self::Undone { .. }
            | Self::ReliefUndone { .. }
            | Self::PenaltySuspended { .. } => None,
        }
    }
}

impl EventKind {
    /// Changes what is owed by rules of its own; money that comes or goes, charges and suspensions only add up.
    pub fn is_change(&self) -> bool {
        match self {
            Self::PayOff { .. }
            | Self::Chargeback { .. }
            | Self::Reschedule { .. }
            | Self::ReAge { .. }
            | Self::ReAmortise { .. }
            | Self::InterestPaused { .. }
            | Self::Terminated { .. }
            | Self::Undone { .. }
            | Self::Relief { .. }
            | Self::ReliefUndone { .. } => true,
            Self::Payment { .. }
            | Self::PaymentReversed { .. }
            | Self::Charge { .. }
            | Self::PenaltySuspended { .. } => false,
        }
    }
}

/// What a charge adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargePart {
    Penalty,
    Fee,
}

/// A change of the instalments from a day on; what isn't set stays.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reschedule {
    /// The first instalment due on or after this day is the first that changes. A new rate holds from the night that this
    /// day carries (the one before it).
    pub from: Date,
    /// New due date of that instalment. Later ones keep their interval; the instalment stays, and the last absorbs.
    pub new_due: Option<Date>,
    /// Instalments added at the end; the level instalment is solved anew.
    pub extra_instalments: u16,
    /// Instalments from there on that repay no principal; the term grows by as many.
    pub grace_on_principal: u16,
    /// Instalments from there on whose interest runs and is collected with the instalment after them.
    #[serde(default)]
    pub grace_on_interest: u16,
    /// New yearly rate; the level instalment is solved anew.
    pub annual_rate: Option<Rate>,
}

/// All that is unpaid, due or not, over new instalments; old ones stay as rows of what was paid in them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReAge {
    pub first_due: Date,
    pub instalments: u16,
    pub frequency: Frequency,
    pub interest: ReAgeInterest,
}

/// What becomes of unpaid interest. Nothing is ever capitalised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReAgeInterest {
    /// Collected in the first new instalment; interest runs on.
    #[default]
    Default,
    /// What is payable on the day (due and unpaid, and accrued since the last due date) in equal shares; none accrues on.
    EqualPayable,
    /// All that is outstanding on the old schedule, future rows included, in equal shares; none accrues on.
    EqualFull,
}

/// What becomes of overdue interest when arrears are folded into the instalments to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReAmortiseInterest {
    /// Collected in the next instalment; level instalments are solved anew.
    #[default]
    Default,
    /// Given up.
    Waived,
    /// In equal shares over the instalments to come.
    EqualShares,
}

/// A dated entry on a loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The day from which it counts; may lie before other events.
    pub effective: Date,
    /// When it was entered; orders events of one day.
    pub entered: jiff::Timestamp,
    pub kind: EventKind,
}
