//! What relief measures are parametrised by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Ratio};

/// Which unpaid interest is waived, seen from the acceptance day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterestScope {
    Overdue,
    Future,
    All,
}

/// Where arrears are re-aged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReAgeOver {
    /// Equal shares over the next so many instalments.
    NextRows(u16),
    /// Equal shares over all instalments not yet due.
    Remaining,
    /// Into the last instalment.
    End,
}

/// What becomes of interest while a deferral runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferralInterest {
    None,
    /// Interest-only instalments meanwhile; principal rows shift.
    Paid,
    /// Equal shares over the deferred instalments.
    Spread,
    /// With the last instalment.
    AtEnd,
}

/// What a reduced instalment pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReducedPayment {
    /// Share of each instalment.
    Factor(Ratio),
    /// The same amount for each; never more than the instalment.
    Amount(Amount),
}

/// Where the put-off part of reduced instalments goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortfallOver {
    /// Equal shares over the next so many instalments after the reduced ones.
    Rows(u16),
    /// Into the last instalment.
    ToEnd,
}

/// Whether put-off principal bears interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReductionInterest {
    None,
    /// The contract rate, shown apart and spread with the shortfall.
    Contract,
}

/// How far a term is extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    Instalments(u16),
    /// The shortest extension whose level instalment is at most this.
    TargetPayment(Amount),
}

/// How much is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiver {
    /// Share of what is unpaid.
    Share(Ratio),
    /// At most this much, oldest instalment first.
    Amount(Amount),
}

impl Waiver {
    pub const ALL: Self = Self::Share(Ratio::ONE);

    pub(super) fn out_of_range(&self) -> Option<&'static str> {
        match self {
            Self::Share(share) if !is_share(share) => Some("share must be 0 to 1"),
            Self::Amount(amount) if amount.is_negative() => Some("amount must not be negative"),
            Self::Share(_) | Self::Amount(_) => None,
        }
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Amount(amount) => write!(f, "amount {amount}"),
        }
    }
}

/// What a settlement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettlementSum {
    /// Share of the principal left.
    PrincipalShare(Ratio),
    /// So much of the principal left.
    Sum(Amount),
}

impl fmt::Display for SettlementSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrincipalShare(share) => share.fmt(f),
            Self::Sum(amount) => write!(f, "sum {amount}"),
        }
    }
}

pub(super) fn is_share(share: &Ratio) -> bool {
    (Ratio::ZERO..=Ratio::ONE).contains(share)
}
