//! SQLite: one synchronous core behind a writer thread and readers, or inline.
//!
//! - `batch` runs waiting work as one transaction; `apply`, `effects`, `journal` and `sweep` are what work does in it;
//! - `setup` opens connections and brings the tables up to date; `documents` and `read` answer reads;
//! - `snapshot` copies a database that is in use;
//! - `engine` holds the queue, the writer and the readers.

mod apply;
mod batch;
mod documents;
mod effects;
mod engine;
mod fault;
mod journal;
mod queue;
mod read;
mod setup;
mod snapshot;
mod sweep;

#[cfg(feature = "simulation")]
pub(crate) use apply::append_feed_at;
#[cfg(feature = "simulation")]
pub(crate) use batch::run;
#[cfg(feature = "simulation")]
pub(crate) use documents::revision_of;
pub(crate) use documents::{count_documents, get_document, list_documents};
pub(crate) use effects::{list_parked, next_due};
pub(crate) use engine::Sqlite;
pub(crate) use journal::{list_streams, read_stream, verify_stream};
pub(crate) use read::{feed_head, find_request, read_feed};
pub(crate) use setup::open_current;
pub use snapshot::Snapshot;
