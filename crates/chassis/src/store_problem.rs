//! What the store reports, as a problem for callers.

use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use store::StoreError;

use crate::problem::{Problem, STORE_RETRY};

/// What callers are told to wait when the disk is full.
const STORAGE_FULL_RETRY: Duration = Duration::from_secs(60);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { ref kind, ref id, .. } => {
                Self::stale(format!("{kind}/{id}")).source(error)
            }
            StoreError::Fenced => Self::stale("effect").source(error),
            StoreError::RequestIdReused => Self::precondition(
                ErrorReason::RequestIdReused,
                "request_id",
                "the request id was used for another request",
            ),
            StoreError::Overloaded => {
                Self::exhausted(ErrorReason::Overloaded, "too much is waiting", Some(STORE_RETRY))
                    .source(error)
            }
            StoreError::DiskFull => {
                Self::exhausted(ErrorReason::StorageFull, "the storage is full", Some(STORAGE_FULL_RETRY))
                    .source(error)
            }
            // Safe to repeat: every mutation carries its request id.
            StoreError::Unavailable(_) => Self::unavailable(
                ErrorReason::DependencyUnavailable,
                "the storage does not answer",
                STORE_RETRY,
            )
            .source(error),
            StoreError::Corrupt(_) => Self::data_loss("the store found damaged data").source(error),
            StoreError::Invalid(_) => Self::internal("the store refused a call").source(error),
            StoreError::NewerDatabase { .. } => {
                Self::internal("the database is newer than we are").source(error)
            }
            StoreError::Outdated(_) => Self::internal("the database is older than we are").source(error),
            StoreError::FeedTrimmed { floor } => Self::precondition(
                ErrorReason::LimitReached,
                "cursor",
                format!(
                    "the feed is kept from position {floor} on; read the resources anew and go on from there"
                ),
            ),
        }
    }
}
