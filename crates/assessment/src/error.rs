//! Why a case can't be assessed.

use loan::{ArithmeticError, LoanError};
use thiserror::Error;

/// Why a case can't be assessed; none of these is a decision about the borrower.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssessError {
    /// Pack and loan are of different currencies.
    #[error("pack is for `{pack}`, loan is in `{loan}`")]
    CurrencyMismatch { pack: String, loan: String },
    /// There is nothing to assess.
    #[error("case cannot be assessed: {reason}")]
    NotAssessable { reason: &'static str },
    /// The loan is closed: nothing can be derived about it. [`crate::assess`] answers this itself.
    #[error("case cannot be assessed: nothing is owed on the loan")]
    Closed,
    /// A fact is out of its range.
    #[error("fact `{field}` is invalid: {reason}")]
    InvalidFacts { field: &'static str, reason: String },
    /// The loan's own arithmetic refuses.
    #[error("loan arithmetic refuses")]
    Loan(#[from] LoanError),
    /// A sum left the range of exact numbers.
    #[error("value leaves the range of exact numbers in {at}")]
    Arithmetic { at: &'static str },
}

impl AssessError {
    /// Stable SCREAMING_SNAKE name, for callers that map errors to statuses.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
            Self::NotAssessable { .. } | Self::Closed => "NOT_ASSESSABLE",
            Self::InvalidFacts { .. } => "INVALID_FACTS",
            Self::Loan(error) => error.code(),
            Self::Arithmetic { .. } => "ARITHMETIC_OVERFLOW",
        }
    }
}

impl From<ArithmeticError> for AssessError {
    fn from(error: ArithmeticError) -> Self {
        Self::Loan(LoanError::Arithmetic(error))
    }
}
