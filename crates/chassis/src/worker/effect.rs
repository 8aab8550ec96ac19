//! What a worker runs, and how that ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use store::{Commit, Effect, EffectChange, StoreError};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::problem::{Problem, chain};

pub(super) type Handler = Arc<dyn Fn(Effect) -> BoxFuture<'static, Result<Commit, Failure>> + Send + Sync>;

/// What this worker knows to do.
#[derive(Clone)]
pub struct Topic {
    pub(super) name: &'static str,
    pub(super) version: i32,
    pub(super) handler: Handler,
}

impl Topic {
    /// `version` is the newest body that the handler reads; newer ones are left to newer software.
    pub fn new<F, Fut>(name: &'static str, version: i32, handler: F) -> Self
    where
        F: Fn(Effect) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Commit, Failure>> + Send + 'static,
    {
        Self { name, version, handler: Arc::new(move |effect| Box::pin(handler(effect))) }
    }
}

/// Why a run failed. Texts are for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Worth another attempt, not before `after`; parked after [`super::MAX_ATTEMPTS`].
    Retry { reason: String, after: Option<Duration> },
    /// A dependency is away: tried again for as long as that lasts.
    Unavailable { reason: String, after: Option<Duration> },
    /// No attempt will succeed: parked at once.
    Permanent { reason: String },
}

impl Failure {
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into() }
    }

    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    fn of(code: Code, comes_again: bool, reason: String) -> Self {
        match code {
            // Said with a time to come again, it is load; without one it is a limit that stays.
            Code::ResourceExhausted if !comes_again => Self::Permanent { reason },
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
                Self::Unavailable { reason, after: None }
            }
            Code::Aborted | Code::Internal | Code::Unknown => Self::Retry { reason, after: None },
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => Self::Permanent { reason },
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::of(problem.code(), problem.comes_again(), chain(&problem))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let comes_again = status.get_details_retry_info().is_some();
        Self::of(status.code(), comes_again, format!("{:?}: {}", status.code(), status.message()))
    }
}

/// How a run of an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its result and its end are committed.
    Done,
    /// It will be tried again later.
    Postponed,
    /// It waits for an operator.
    Parked,
    /// It isn't ours any more: replaced, dropped, or leased to somebody else.
    Fenced,
}

/// The effect of a committed `Put` that carried a lease, to be run at once; `None` for every other change.
pub fn leased_effect(change: &EffectChange, id: i64) -> Option<Effect> {
    match change {
        EffectChange::Put { topic, key, version, not_before, body, trace, lease: Some(lease) } => {
            Some(Effect {
                id,
                topic: (*topic).to_owned(),
                key: key.clone(),
                version: *version,
                not_before: *not_before,
                body: body.clone(),
                trace: trace.clone(),
                attempts: 1,
                token: lease.token.clone(),
            })
        }
        EffectChange::Put { lease: None, .. } | EffectChange::Drop { .. } => None,
    }
}
