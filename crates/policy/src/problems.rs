//! What the domain refuses, as problems.

use api::leeway::common::v1::ErrorReason;
use assessment::AssessError;
use chassis::Problem;

/// FAILED_PRECONDITION with the reason that the API documents.
pub(crate) fn of_assessment(error: AssessError) -> Problem {
    let (reason, subject) = match &error {
        AssessError::CurrencyMismatch { .. } => {
            (ErrorReason::CurrencyMismatch, "facts.loan.contract.principal")
        }
        AssessError::NotAssessable { .. } | AssessError::Closed | AssessError::Loan(_) => {
            (ErrorReason::NotAssessable, "facts.loan")
        }
        AssessError::InvalidFacts { .. } | AssessError::Arithmetic { .. } => {
            (ErrorReason::NotAssessable, "facts")
        }
    };
    let text = match &error {
        AssessError::Loan(cause) => cause.to_string(),
        AssessError::CurrencyMismatch { .. }
        | AssessError::NotAssessable { .. }
        | AssessError::Closed
        | AssessError::InvalidFacts { .. }
        | AssessError::Arithmetic { .. } => error.to_string(),
    };
    Problem::precondition(reason, subject, text).with("code", error.code()).source(error)
}

/// FAILED_PRECONDITION PACK_UNKNOWN.
pub(crate) fn pack_unknown(text: String) -> Problem {
    Problem::precondition(ErrorReason::PackUnknown, "pack_name", text)
}
