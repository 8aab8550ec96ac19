//! One commit: documents, journal, outbox, feed and idempotency record of a use case change together or not at all.
//!
//! Knows no business word, no clock and no randomness: times are epoch microseconds that callers pass in, tokens are theirs.

mod chain;
mod commit;
mod copy;
mod error;
mod local;
mod migration;
mod options;
mod postgres;
mod records;
mod schema;
#[cfg(feature = "simulation")]
pub mod simulation;
mod sqlite;
mod store;
mod work;

pub use commit::{
    Check, Commit, Done, EffectChange, Entry, FeedEntry, MAX_COMMIT_BYTES, NewLease, Outcome, Receipt,
    Request, Write,
};
pub use copy::CopiedTable;
pub use error::StoreError;
pub use options::{Options, PostgresOptions};
pub use postgres::Migrate;
pub use records::{
    ChainFault, ChainReport, Claim, Document, Effect, Failure, FeedRow, Filter, JournalEntry, MAX_CLAIM_ROWS,
    MAX_PAGE_ROWS, MAX_SWEEP_ROWS, Op, ParkedEffect, Query, Retention, StoredRequest, Swept,
};
pub use schema::{Column, ColumnType, Kind, Schema, Value};
pub use sqlite::Snapshot;
pub use store::Store;
