//! What can go wrong in the store, said once for every engine.

/// An answer other than success. Cloneable because a lost batch answers every commit in it alike.
///
/// The texts are for operators: they never hold a document's body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A document moved since it was read. `revision` is what it has now, 0 if it is absent.
    #[error("`{kind}/{id}` is at revision `{revision}`")]
    Conflict { kind: String, id: String, revision: i64 },
    /// The effect's lease went to somebody else, or the effect was replaced, dropped or finished.
    #[error("the lease on the effect is no longer held")]
    Fenced,
    /// The request id was used before for another method or another payload.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// Too much is waiting already; nothing was taken over.
    #[error("too much is waiting for the store")]
    Overloaded,
    /// No room on the disk; nothing was written.
    #[error("the disk is full")]
    DiskFull,
    /// The engine didn't answer. After a commit the outcome is unknown: repeat it with its request id.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Stored data contradicts itself; somebody has to look.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// The caller asks for something that the declared schema or a limit forbids.
    #[error("not a valid request to the store: {0}")]
    Invalid(String),
    /// The database was written by a newer version of the software.
    #[error("the database has version `{found}`, this software knows up to `{supported}`")]
    NewerDatabase { found: i64, supported: i64 },
    /// The database wasn't brought up to date for this software.
    #[error("the database lacks {0}: run `leeway migrate`")]
    Outdated(String),
    /// The cursor is older than what retention kept; `floor` is the oldest cursor that still works.
    #[error("feed positions up to `{floor}` were removed by retention")]
    FeedTrimmed { floor: i64 },
}

impl StoreError {
    /// Whether the same call may succeed later without anything being read anew.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Overloaded | Self::DiskFull | Self::Unavailable(_) => true,
            Self::Conflict { .. }
            | Self::Fenced
            | Self::RequestIdReused
            | Self::Corrupt(_)
            | Self::Invalid(_)
            | Self::NewerDatabase { .. }
            | Self::Outdated(_)
            | Self::FeedTrimmed { .. } => false,
        }
    }
}
