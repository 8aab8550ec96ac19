//! SQLite's errors in the store's words.

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let Error::SqliteFailure(failure, _) = error else {
            return of_driver(&error, text);
        };
        match failure.code {
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::Unknown => Self::Invalid(text),
            // Locks, permissions, i/o, memory: something around the database, not the request.
            _ => Self::Unavailable(text),
        }
    }
}

/// Errors of the driver itself: a stored value that doesn't fit, or a statement that is wrong.
fn of_driver(error: &Error, text: String) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows
        | Error::Utf8Error(..) => StoreError::Corrupt(text),
        _ => StoreError::Invalid(text),
    }
}

/// Whether the engine itself failed, so that a batch can't go on after it.
pub(super) fn loses_batch(error: &StoreError) -> bool {
    match error {
        StoreError::DiskFull | StoreError::Unavailable(_) => true,
        StoreError::Conflict { .. }
        | StoreError::Fenced
        | StoreError::RequestIdReused
        | StoreError::Overloaded
        | StoreError::Corrupt(_)
        | StoreError::Invalid(_)
        | StoreError::NewerDatabase { .. }
        | StoreError::Outdated(_)
        | StoreError::FeedTrimmed { .. } => false,
    }
}
