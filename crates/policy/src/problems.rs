//! What the domain refuses, as problems.

use api::leeway::common::v1::ErrorReason;
use assessment::AssessError;
use chassis::Problem;

use crate::activation::Refused;

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

/// FAILED_PRECONDITION: what forbids a step of an activation.
pub(crate) fn of_activation(activation_id: &str, refused: &Refused) -> Problem {
    let reason = match refused {
        Refused::SamePerson { .. } => ErrorReason::SamePerson,
        Refused::WrongState { .. } | Refused::ShadowOnly => ErrorReason::WrongState,
        Refused::Backdated { .. } | Refused::OutsidePack { .. } => ErrorReason::ActivationDateRefused,
        Refused::OverBudget { .. } => ErrorReason::FlipBudgetExceeded,
    };
    let problem = Problem::precondition(reason, format!("activation/{activation_id}"), refused.to_string());
    match refused {
        Refused::WrongState { state } => problem.with("state", *state),
        Refused::OverBudget { decisions, flips, budget } => problem
            .with("decisions", decisions.to_string())
            .with("flips", flips.to_string())
            .with("budget", budget.to_string()),
        Refused::SamePerson { .. }
        | Refused::ShadowOnly
        | Refused::Backdated { .. }
        | Refused::OutsidePack { .. } => problem,
    }
}

/// FAILED_PRECONDITION PACK_UNKNOWN.
pub(crate) fn pack_unknown(text: String) -> Problem {
    Problem::precondition(ErrorReason::PackUnknown, "pack_name", text)
}
