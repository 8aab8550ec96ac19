//! What a refused call said, in the terms of design section 7.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The parts of an error that callers may rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// `ErrorInfo.reason` without its prefix; empty without an `ErrorInfo` of domain `leeway`.
    pub reason: String,
    /// Fields of the `BadRequest`, in order; else subjects of the `PreconditionFailure`.
    pub about: Vec<String>,
    /// Whether a `RetryInfo` says when to come again.
    pub retry: bool,
}

impl Refusal {
    /// Reads a status.
    pub fn of(status: &Status) -> Self {
        let info = status.get_details_error_info().filter(|info| info.domain == "leeway");
        let reason = info.map(|info| info.reason).unwrap_or_default();
        let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        let failures = status.get_details_precondition_failure().map(|p| p.violations).unwrap_or_default();
        let about = fields.into_iter().map(|f| f.field).chain(failures.into_iter().map(|v| v.subject));
        Self {
            code: status.code(),
            reason: reason.trim_start_matches("ERROR_REASON_").to_owned(),
            about: about.collect(),
            retry: status.get_details_retry_info().is_some(),
        }
    }

    /// The refusal of a call that must not succeed.
    pub fn expected<T>(answer: Result<T, Status>) -> anyhow::Result<Self> {
        match answer {
            Ok(_) => anyhow::bail!("the call succeeded"),
            Err(status) => Ok(Self::of(&status)),
        }
    }

    /// Code and reason, for short comparisons.
    pub fn short(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }
}

/// Code and reason of a call that must not succeed.
pub fn refused<T>(answer: Result<T, Status>) -> anyhow::Result<(Code, String)> {
    let refusal = Refusal::expected(answer)?;
    Ok((refusal.code, refusal.reason))
}
