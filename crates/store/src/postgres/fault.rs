//! PostgreSQL's errors in the store's words.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use crate::error::StoreError;

/// Codes that the commit function raises.
pub(super) const CONFLICT: &str = "LW001";
pub(super) const FENCED: &str = "LW002";
pub(super) const REUSED: &str = "LW003";

/// What an error says about the connection, and about trying again.
#[derive(Debug)]
pub(super) enum Fault {
    /// Lost against others; the whole transaction may run again.
    Contended(StoreError),
    /// The statement was refused and left nothing; the connection is sound.
    Refused(StoreError),
    /// The connection is gone, and whether the statement ran is unknown.
    Lost(StoreError),
}

impl Fault {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Contended(error) | Self::Refused(error) | Self::Lost(error) => error,
        }
    }
}

pub(super) fn of(error: &Error) -> Fault {
    match error {
        Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(refusal) => of_server(refusal),
            None => Fault::Refused(StoreError::Invalid("refused by another database".to_owned())),
        },
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnNotFound(_) | Error::RowNotFound => {
            Fault::Refused(StoreError::Corrupt(error.to_string()))
        }
        Error::Encode(_) | Error::Configuration(_) | Error::InvalidArgument(_) => {
            Fault::Refused(StoreError::Invalid(error.to_string()))
        }
        other => Fault::Lost(StoreError::Unavailable(other.to_string())),
    }
}

/// By SQLSTATE. The server's text is left out where it may quote a value.
fn of_server(refusal: &PgDatabaseError) -> Fault {
    let code = refusal.code();
    let told = || format!("{} (SQLSTATE {code})", refusal.message());
    match code {
        CONFLICT => Fault::Refused(conflict(refusal)),
        FENCED => Fault::Refused(StoreError::Fenced),
        REUSED => Fault::Refused(StoreError::RequestIdReused),
        "40001" | "40P01" => Fault::Contended(StoreError::Unavailable(told())),
        "53100" => Fault::Refused(StoreError::DiskFull),
        // A standby that took over from us, or we from it: another connection finds the primary.
        "25006" => Fault::Lost(StoreError::Unavailable(told())),
        "42883" | "42P01" | "42703" => Fault::Refused(StoreError::Unavailable(format!(
            "the database lacks what this software needs, run `leeway migrate`: {}",
            told()
        ))),
        "XX001" | "XX002" => Fault::Refused(StoreError::Corrupt(told())),
        _ if code.starts_with("08") || code.starts_with("57P") => {
            Fault::Lost(StoreError::Unavailable(told()))
        }
        // Cancelled by a time-out, locks not to be had, resources short: something around the statement.
        _ if code.starts_with("57") || code.starts_with("55") || code.starts_with("53") => {
            Fault::Refused(StoreError::Unavailable(told()))
        }
        _ if code.starts_with("22") || code.starts_with("23") => {
            Fault::Refused(StoreError::Invalid(format!("a value was refused (SQLSTATE {code})")))
        }
        _ if code.starts_with("28") || code.starts_with("3D") => {
            Fault::Refused(StoreError::Unavailable(told()))
        }
        _ => Fault::Refused(StoreError::Unavailable(told())),
    }
}

/// The commit function tells the document in the error's own fields.
fn conflict(refusal: &PgDatabaseError) -> StoreError {
    let revision = refusal.hint().and_then(|hint| hint.parse().ok());
    match (refusal.table(), refusal.detail(), revision) {
        (Some(kind), Some(id), Some(revision)) => {
            StoreError::Conflict { kind: kind.to_owned(), id: id.to_owned(), revision }
        }
        _ => StoreError::Corrupt("a conflict that names no document".to_owned()),
    }
}
