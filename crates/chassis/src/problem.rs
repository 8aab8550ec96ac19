//! The one error that handlers return, and the one place that makes a `Status` of it.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use bytes::Bytes;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt as _};

use crate::violations::Violation;

/// `ErrorInfo.domain` of every error of ours.
pub const ERROR_DOMAIN: &str = "leeway";
/// What callers are told to wait when the store is busy or away.
pub(crate) const STORE_RETRY: Duration = Duration::from_millis(500);
/// Most violations in one answer: it has to fit into HTTP headers.
const MAX_VIOLATIONS: usize = 50;

type Source = Box<dyn Error + Send + Sync>;

/// A refusal or a fault. The client's text leaves the house, the operator's text and the source never do: they are
/// logged once, when the problem becomes a `Status`.
pub struct Problem(Box<Inner>);

struct Inner {
    kind: Kind,
    client: String,
    operator: Option<String>,
    source: Option<Source>,
    metadata: HashMap<String, String>,
}

/// What went wrong, with the facts that its details need.
enum Kind {
    Invalid {
        violations: Vec<Violation>,
        reason: ErrorReason,
    },
    Unauthenticated,
    Denied,
    NotFound,
    AlreadyExists,
    Precondition {
        reason: ErrorReason,
        subject: String,
    },
    Stale {
        subject: String,
    },
    Exhausted {
        reason: ErrorReason,
        retry_after: Option<Duration>,
    },
    Unavailable {
        reason: ErrorReason,
        retry_after: Duration,
    },
    Deadline,
    UnknownMethod,
    Internal,
    DataLoss,
    /// Said by a dependency, passed on as it came.
    Relayed {
        code: Code,
        details: Bytes,
    },
}

impl Problem {
    /// INVALID_ARGUMENT: these fields are wrong.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let fields = violations.iter().map(|v| format!("`{}`", v.field)).collect::<Vec<_>>().join(", ");
        let kind = Kind::Invalid { violations, reason: ErrorReason::ValidationFailed };
        Self::new(kind, format!("the request is not valid: {fields}"))
    }

    /// INVALID_ARGUMENT for a reason of its own, without naming fields.
    pub fn malformed(reason: ErrorReason, text: impl Into<String>) -> Self {
        Self::new(Kind::Invalid { violations: Vec::new(), reason }, text)
    }

    /// UNAUTHENTICATED: nobody we know. The text is for operators.
    pub fn unauthenticated(operator: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, "the caller is not known").operator(operator)
    }

    /// PERMISSION_DENIED, always in the same words: what is absent must look like what is somebody else's.
    pub fn denied() -> Self {
        Self::new(Kind::Denied, "the caller may not do this, or there is no such resource")
    }

    /// NOT_FOUND, for callers who may know, such as officers. `what` names it: `application `app-1``.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("no {what}"))
    }

    /// ALREADY_EXISTS: the id is taken by something else.
    pub fn already_exists(what: impl fmt::Display) -> Self {
        Self::new(Kind::AlreadyExists, format!("{what} exists already"))
    }

    /// FAILED_PRECONDITION: the resource's state forbids the step.
    pub fn precondition(
        reason: ErrorReason,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self::new(Kind::Precondition { reason, subject: subject.into() }, description)
    }

    /// ABORTED: the resource moved since it was read.
    pub fn stale(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        let text = format!("`{subject}` has changed since it was read");
        Self::new(Kind::Stale { subject }, text)
    }

    /// RESOURCE_EXHAUSTED; without a delay if waiting doesn't help.
    pub fn exhausted(reason: ErrorReason, text: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::new(Kind::Exhausted { reason, retry_after }, text)
    }

    /// UNAVAILABLE: the same call is safe to repeat after the delay.
    pub fn unavailable(reason: ErrorReason, text: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Kind::Unavailable { reason, retry_after }, text)
    }

    /// DEADLINE_EXCEEDED.
    pub fn deadline() -> Self {
        Self::new(Kind::Deadline, "the deadline has passed")
    }

    /// UNIMPLEMENTED: no such method.
    pub fn unknown_method() -> Self {
        Self::new(Kind::UnknownMethod, "there is no such method")
    }

    /// INTERNAL: a fault of ours. Callers learn nothing but that.
    pub fn internal(operator: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "internal error").operator(operator)
    }

    /// DATA_LOSS: stored data is damaged. Raises an alarm in the log.
    pub fn data_loss(operator: impl Into<String>) -> Self {
        Self::new(Kind::DataLoss, "stored data is damaged").operator(operator)
    }

    /// Passes on what a dependency answered if it explained itself in our terms; else says that it is away, late or,
    /// for everything else, that the fault is ours.
    pub fn from_status(status: &Status) -> Self {
        // What our own request did wrong there is not the caller's doing; what the facts forbid is.
        let theirs = matches!(
            status.code(),
            Code::FailedPrecondition | Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded
        );
        if theirs && status.get_details_error_info().is_some_and(|info| info.domain == ERROR_DOMAIN) {
            let details = Bytes::copy_from_slice(status.details());
            return Self::new(Kind::Relayed { code: status.code(), details }, status.message());
        }
        match status.code() {
            Code::DeadlineExceeded => Self::deadline(),
            Code::Unavailable | Code::Cancelled => Self::unavailable(
                ErrorReason::DependencyUnavailable,
                "a service this one needs does not answer",
                STORE_RETRY,
            )
            .operator(status.message()),
            code @ (Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated) => {
                Self::internal(format!("a dependency answered {code:?}: {}", status.message()))
            }
        }
    }

    /// Adds what operators should read in the log; it is never sent.
    pub fn operator(mut self, text: impl Into<String>) -> Self {
        self.0.operator = Some(text.into());
        self
    }

    /// Adds the cause; it is logged and never sent.
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a pair to `ErrorInfo.metadata`; it is sent.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// What the caller will see.
    pub fn code(&self) -> Code {
        self.shape().0
    }

    /// `ErrorInfo.reason`; `Unspecified` for a relayed answer, whose reason is in its details.
    /// Whether the caller is told when to come again.
    pub fn comes_again(&self) -> bool {
        if let Kind::Relayed { code, details } = &self.0.kind {
            let told = Status::with_details(*code, "", details.clone());
            return told.get_details_retry_info().is_some();
        }
        self.details().retry_info().is_some()
    }

    pub fn reason(&self) -> ErrorReason {
        self.shape().1
    }

    fn new(kind: Kind, client: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            client: client.into(),
            operator: None,
            source: None,
            metadata: HashMap::new(),
        }))
    }

    /// The one mapping from what went wrong to code and reason.
    fn shape(&self) -> (Code, ErrorReason) {
        match &self.0.kind {
            Kind::Invalid { reason, .. } => (Code::InvalidArgument, *reason),
            Kind::Unauthenticated => (Code::Unauthenticated, ErrorReason::PrincipalMissing),
            Kind::Denied => (Code::PermissionDenied, ErrorReason::AccessDenied),
            Kind::NotFound => (Code::NotFound, ErrorReason::NotFound),
            Kind::AlreadyExists => (Code::AlreadyExists, ErrorReason::AlreadyExists),
            Kind::Precondition { reason, .. } => (Code::FailedPrecondition, *reason),
            Kind::Stale { .. } => (Code::Aborted, ErrorReason::StaleEtag),
            Kind::Exhausted { reason, .. } => (Code::ResourceExhausted, *reason),
            Kind::Unavailable { reason, .. } => (Code::Unavailable, *reason),
            Kind::Deadline => (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
            Kind::UnknownMethod => (Code::Unimplemented, ErrorReason::UnknownMethod),
            Kind::Internal => (Code::Internal, ErrorReason::Internal),
            Kind::DataLoss => (Code::DataLoss, ErrorReason::DataLoss),
            Kind::Relayed { code, .. } => (*code, ErrorReason::Unspecified),
        }
    }

    fn details(&self) -> ErrorDetails {
        let (_, reason) = self.shape();
        let mut details = ErrorDetails::new();
        details.set_error_info(reason.as_str_name(), ERROR_DOMAIN, self.0.metadata.clone());
        match &self.0.kind {
            Kind::Invalid { violations, .. } if !violations.is_empty() => {
                let shown = violations.iter().take(MAX_VIOLATIONS).map(field_violation).collect::<Vec<_>>();
                details.set_bad_request(shown);
            }
            Kind::Precondition { reason, subject } => {
                let violation =
                    PreconditionViolation::new(reason.as_str_name(), subject.clone(), self.0.client.clone());
                details.set_precondition_failure(vec![violation]);
            }
            Kind::Exhausted { retry_after: Some(delay), .. }
            | Kind::Unavailable { retry_after: delay, .. } => {
                details.set_retry_info(Some(*delay));
            }
            Kind::Stale { subject } => {
                details.set_resource_info("", subject.clone(), "", "");
            }
            Kind::Invalid { .. }
            | Kind::Unauthenticated
            | Kind::Denied
            | Kind::NotFound
            | Kind::AlreadyExists
            | Kind::Exhausted { retry_after: None, .. }
            | Kind::Deadline
            | Kind::UnknownMethod
            | Kind::Internal
            | Kind::DataLoss
            | Kind::Relayed { .. } => {}
        }
        details
    }

    /// Logs, once, what callers don't see.
    fn log(&self) {
        let (code, reason) = self.shape();
        let reason = reason.as_str_name();
        let cause = self.0.source.as_deref().map(chain).unwrap_or_default();
        let operator = self.0.operator.as_deref().unwrap_or_default();
        match &self.0.kind {
            Kind::DataLoss => tracing::error!(alarm = true, ?code, reason, operator, cause, "call failed"),
            Kind::Internal => tracing::error!(?code, reason, operator, cause, "call failed"),
            Kind::Unavailable { .. } | Kind::Exhausted { .. } => {
                tracing::warn!(?code, reason, operator, cause, "call failed");
            }
            Kind::Invalid { .. }
            | Kind::Unauthenticated
            | Kind::Denied
            | Kind::NotFound
            | Kind::AlreadyExists
            | Kind::Precondition { .. }
            | Kind::Stale { .. }
            | Kind::Deadline
            | Kind::UnknownMethod
            | Kind::Relayed { .. } => tracing::debug!(?code, reason, operator, cause, "call refused"),
        }
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        problem.log();
        problem.into_status()
    }
}

impl Problem {
    /// The status alone, for an answer that is made before anything failed.
    pub(crate) fn into_status(self) -> Status {
        let (code, _) = self.shape();
        let details = self.details();
        let Inner { kind, client, .. } = *self.0;
        match kind {
            Kind::Relayed { code, details } => Status::with_details(code, client, details),
            Kind::Invalid { .. }
            | Kind::Unauthenticated
            | Kind::Denied
            | Kind::NotFound
            | Kind::AlreadyExists
            | Kind::Precondition { .. }
            | Kind::Stale { .. }
            | Kind::Exhausted { .. }
            | Kind::Unavailable { .. }
            | Kind::Deadline
            | Kind::UnknownMethod
            | Kind::Internal
            | Kind::DataLoss => Status::with_error_details(code, client, details),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.client)?;
        match &self.0.operator {
            Some(operator) => write!(f, " ({operator})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, reason) = self.shape();
        f.debug_struct("Problem")
            .field("code", &code)
            .field("reason", &reason.as_str_name())
            .field("client", &self.0.client)
            .field("operator", &self.0.operator)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

fn field_violation(violation: &Violation) -> FieldViolation {
    let mut shown = FieldViolation::new(violation.field.clone(), violation.description.clone());
    shown.reason.clone_from(&violation.reason);
    shown
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violations::Violations;
    use store::StoreError;

    fn status(problem: Problem) -> Status {
        problem.into()
    }

    #[test]
    fn every_problem_has_code_reason_and_domain() {
        let ms = Duration::from_millis(250);
        let rows: Vec<(Problem, Code, &str, bool)> = vec![
            (Problem::invalid(Vec::new()), Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED", false),
            (Problem::unauthenticated("x"), Code::Unauthenticated, "ERROR_REASON_PRINCIPAL_MISSING", false),
            (Problem::denied(), Code::PermissionDenied, "ERROR_REASON_ACCESS_DENIED", false),
            (Problem::not_found("loan `l-1`"), Code::NotFound, "ERROR_REASON_NOT_FOUND", false),
            (
                Problem::already_exists("loan `l-1`"),
                Code::AlreadyExists,
                "ERROR_REASON_ALREADY_EXISTS",
                false,
            ),
            (
                Problem::precondition(ErrorReason::OfferExpired, "offer-1", "the offer has expired"),
                Code::FailedPrecondition,
                "ERROR_REASON_OFFER_EXPIRED",
                false,
            ),
            (Problem::stale("app-1"), Code::Aborted, "ERROR_REASON_STALE_ETAG", false),
            (
                Problem::exhausted(ErrorReason::Overloaded, "busy", Some(ms)),
                Code::ResourceExhausted,
                "ERROR_REASON_OVERLOADED",
                true,
            ),
            (
                Problem::exhausted(ErrorReason::LimitReached, "full", None),
                Code::ResourceExhausted,
                "ERROR_REASON_LIMIT_REACHED",
                false,
            ),
            (
                Problem::unavailable(ErrorReason::Draining, "draining", ms),
                Code::Unavailable,
                "ERROR_REASON_DRAINING",
                true,
            ),
            (Problem::deadline(), Code::DeadlineExceeded, "ERROR_REASON_DEADLINE_EXCEEDED", false),
            (Problem::unknown_method(), Code::Unimplemented, "ERROR_REASON_UNKNOWN_METHOD", false),
            (Problem::internal("secret"), Code::Internal, "ERROR_REASON_INTERNAL", false),
            (Problem::data_loss("secret"), Code::DataLoss, "ERROR_REASON_DATA_LOSS", false),
        ];
        for (problem, code, reason, retry) in rows {
            assert_eq!((problem.code(), problem.reason().as_str_name()), (code, reason));
            let status = status(problem);
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str(), info.domain.as_str()), (code, reason, "leeway"));
            assert_eq!(status.get_details_retry_info().is_some(), retry, "{reason}");
            assert!(!status.message().contains("secret"));
        }
    }

    #[test]
    fn every_store_error_has_a_place() {
        let rows = [
            (StoreError::Conflict { kind: "case".into(), id: "1".into(), revision: 3 }, Code::Aborted),
            (StoreError::Fenced, Code::Aborted),
            (StoreError::RequestIdReused, Code::FailedPrecondition),
            (StoreError::Overloaded, Code::ResourceExhausted),
            (StoreError::DiskFull, Code::ResourceExhausted),
            (StoreError::Unavailable("gone".into()), Code::Unavailable),
            (StoreError::Corrupt("row".into()), Code::DataLoss),
            (StoreError::Invalid("column".into()), Code::Internal),
            (StoreError::NewerDatabase { found: 2, supported: 1 }, Code::Internal),
            (StoreError::FeedTrimmed { floor: 7 }, Code::FailedPrecondition),
        ];
        for (error, code) in rows {
            let shown = format!("{error:?}");
            assert_eq!(Problem::from(error).code(), code, "{shown}");
        }
    }

    #[test]
    fn all_violations_are_told_at_once() {
        let mut v = Violations::new();
        v.require("loan_id", false, "REQUIRED", "a loan is needed");
        v.require("reason", true, "REQUIRED", "a reason is needed");
        v.require("statement.dependants", false, "TOO_LARGE", "at most 20");
        let status = status(v.into_result().unwrap_err());
        let fields: Vec<(String, String)> = status
            .get_details_bad_request()
            .unwrap()
            .field_violations
            .into_iter()
            .map(|f| (f.field, f.reason))
            .collect();
        let expected = [("loan_id", "REQUIRED"), ("statement.dependants", "TOO_LARGE")];
        assert_eq!(fields, expected.map(|(f, r)| (f.to_owned(), r.to_owned())));
        assert!(Violations::new().into_result().is_ok());
    }

    #[test]
    fn what_a_dependency_said_passes_on_only_in_our_terms() {
        let ours = status(Problem::precondition(ErrorReason::PackUnknown, "pack", "no such pack"));
        let relayed = status(Problem::from_status(&ours));
        assert_eq!((relayed.code(), relayed.details()), (ours.code(), ours.details()));
        let rows = [
            (Status::unavailable("x"), Code::Unavailable),
            (Status::cancelled("operation was canceled"), Code::Unavailable),
            (Status::deadline_exceeded("x"), Code::DeadlineExceeded),
            (Status::not_found("x"), Code::Internal),
        ];
        for (foreign, code) in rows {
            assert_eq!(Problem::from_status(&foreign).code(), code, "{foreign:?}");
        }
    }
}
