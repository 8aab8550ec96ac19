//! What can be wrong with a loan, its events or proposed terms.

use thiserror::Error;

use crate::{Amount, Date};

/// A sum that leaves the range of exact numbers. Nothing ever wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ArithmeticError {
    #[error("amount leaves the range of 64-bit minor units")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
}

/// Why a loan, an event or terms are refused. Each variant carries the offending row, date or amount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoanError {
    #[error(transparent)]
    Arithmetic(#[from] ArithmeticError),
    #[error("`{text}` is not a {what}")]
    Unreadable { what: &'static str, text: String },
    #[error("{field} of the contract is out of range: {reason}")]
    ContractInvalid { field: &'static str, reason: &'static str },
    #[error("{field} of the product is out of range: {reason}")]
    ProductInvalid { field: &'static str, reason: &'static str },
    #[error("stated row `{nr}` does not add up: {reason}")]
    StatedRowInvalid { nr: u32, reason: &'static str },
    #[error("`{date}` is outside the calendar that can be computed with")]
    DateOutOfRange { date: Date },
    #[error("no business day within a month of `{near}`")]
    NoBusinessDay { near: Date },
    #[error("event of `{date}` lies before interest runs from `{interest_from}`")]
    EventBeforeLoan { date: Date, interest_from: Date },
    #[error("`{id}` of `{amount}` minor units is not within 1 to 10^15")]
    PaymentNotPositive { id: String, amount: Amount },
    #[error("id `{id}` was already used")]
    DuplicateId { id: String },
    #[error("payment `{id}` is unknown on `{date}` or was already reversed")]
    PaymentUnknown { id: String, date: Date },
    #[error("relief `{id}` is unknown on `{date}` or was already undone")]
    ReliefUnknown { id: String, date: Date },
    #[error("period from `{from}` to `{to}` ends before it starts")]
    PeriodReversed { from: Date, to: Date },
    #[error("nothing is left to pay on `{date}`")]
    NothingOpen { date: Date },
    #[error("state of `{state}` was given for terms that start on `{on}`")]
    StateOfOtherDay { state: Date, on: Date },
    #[error("`{amount}` minor units don't pay off the loan on `{date}`: `{needed}` do")]
    PayOffDiffers { date: Date, amount: Amount, needed: Amount },
    #[error("{change} of `{date}`: {reason}")]
    ChangeInvalid { change: &'static str, date: Date, reason: &'static str },
    #[error("change `{id}` is unknown on `{date}` or was already undone")]
    ChangeUnknown { id: String, date: Date },
    #[error("row `{nr}` would be one more than the 600 that a loan may have")]
    TooManyRows { nr: u32 },
    #[error("terms: {measure}: {reason}")]
    TermsInvalid { measure: &'static str, reason: &'static str },
    #[error("terms need `{needed}` open instalments where there are `{open}`")]
    NotEnoughInstalments { needed: u32, open: u32 },
    #[error("`{target}` minor units a period never repay the loan")]
    TargetTooLow { target: Amount },
    #[error("row `{nr}` would have a negative part: `{amount}`")]
    NegativePart { nr: u32, amount: Amount },
    #[error("{what}: `{left}` on one side, `{right}` on the other")]
    NotConserved { what: &'static str, left: Amount, right: Amount },
}

impl LoanError {
    /// Terms or a change that don't fit the loan as it stands; on replay they then have nothing to change.
    pub(crate) fn is_misfit(&self) -> bool {
        matches!(
            self,
            Self::TermsInvalid { .. }
                | Self::TargetTooLow { .. }
                | Self::NotEnoughInstalments { .. }
                | Self::NothingOpen { .. }
                | Self::ChangeInvalid { .. }
                | Self::TooManyRows { .. }
        )
    }

    /// Stable SCREAMING_SNAKE name of the variant, for callers that map errors to statuses.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Arithmetic(ArithmeticError::Overflow) => "ARITHMETIC_OVERFLOW",
            Self::Arithmetic(ArithmeticError::DivisionByZero) => "DIVISION_BY_ZERO",
            Self::Unreadable { .. } => "UNREADABLE",
            Self::ContractInvalid { .. } => "CONTRACT_INVALID",
            Self::ProductInvalid { .. } => "PRODUCT_INVALID",
            Self::StatedRowInvalid { .. } => "STATED_ROW_INVALID",
            Self::DateOutOfRange { .. } => "DATE_OUT_OF_RANGE",
            Self::NoBusinessDay { .. } => "NO_BUSINESS_DAY",
            Self::EventBeforeLoan { .. } => "EVENT_BEFORE_LOAN",
            Self::PaymentNotPositive { .. } => "PAYMENT_NOT_POSITIVE",
            Self::DuplicateId { .. } => "DUPLICATE_ID",
            Self::PaymentUnknown { .. } => "PAYMENT_UNKNOWN",
            Self::ReliefUnknown { .. } => "RELIEF_UNKNOWN",
            Self::PeriodReversed { .. } => "PERIOD_REVERSED",
            Self::NothingOpen { .. } => "NOTHING_OPEN",
            Self::StateOfOtherDay { .. } => "STATE_OF_OTHER_DAY",
            Self::PayOffDiffers { .. } => "PAY_OFF_DIFFERS",
            Self::ChangeInvalid { .. } => "CHANGE_INVALID",
            Self::ChangeUnknown { .. } => "CHANGE_UNKNOWN",
            Self::TooManyRows { .. } => "TOO_MANY_ROWS",
            Self::TermsInvalid { .. } => "TERMS_INVALID",
            Self::NotEnoughInstalments { .. } => "NOT_ENOUGH_INSTALMENTS",
            Self::TargetTooLow { .. } => "TARGET_TOO_LOW",
            Self::NegativePart { .. } => "NEGATIVE_PART",
            Self::NotConserved { .. } => "NOT_CONSERVED",
        }
    }
}
