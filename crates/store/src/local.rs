//! SQLite in this process: the engine itself, or in a simulation a replica's way to one.

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::watch;

use crate::error::StoreError;
use crate::options::Options;
use crate::schema::Schema;
use crate::sqlite::Sqlite;
use crate::work::{Answer, Work};

#[derive(Debug, Clone)]
pub(crate) enum Local {
    Real(Sqlite),
    #[cfg(feature = "simulation")]
    Simulated(crate::simulation::Replica),
}

impl Local {
    pub(crate) fn threaded(path: &Path, schema: &Schema, options: Options) -> Result<Self, StoreError> {
        Sqlite::threaded(path, schema, options).map(Self::Real)
    }

    pub(crate) fn read_only(path: &Path, options: Options) -> Result<Self, StoreError> {
        Sqlite::read_only(path, options).map(Self::Real)
    }

    pub(crate) fn inline(path: Option<&Path>, schema: &Schema) -> Result<Self, StoreError> {
        Sqlite::inline(path, schema).map(Self::Real)
    }

    pub(crate) async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        match self {
            Self::Real(sqlite) => sqlite.write(work).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(replica) => replica.write(work).await,
        }
    }

    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match self {
            Self::Real(sqlite) => sqlite.read(read).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(replica) => replica.read(read).await,
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Real(sqlite) => sqlite.ping().await,
            // What happens to it is drawn from a seed; a look at it must not change the draw.
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Ok(()),
        }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        match self {
            Self::Real(sqlite) => sqlite.changes(),
            #[cfg(feature = "simulation")]
            Self::Simulated(replica) => replica.changes(),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Real(sqlite) => sqlite.close().await,
            // Its database goes on for the other replicas.
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => {}
        }
    }
}
