//! What must be true after a run, read from the databases.

mod cases;
mod chains;
mod documents;
mod feed;
mod messages;
mod money;

use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;
use store::{Document, Query, Store, StoreError};

use crate::hosts::Role;
use crate::record::Record;
use crate::town::Town;

/// More than a run ever makes of a kind.
const ALL: u32 = 10_000;

/// Everything that a check looks at.
pub struct Evidence<'a> {
    pub town: &'a Town,
    pub record: &'a Record,
}

/// Holds the run against everything that must be true.
pub fn run(town: &Town, record: &Record) -> anyhow::Result<()> {
    let evidence = Evidence { town, record };
    for (role, database) in &town.databases {
        for breach in database.breaches() {
            record.breach(format!("{}: {breach:?}", role.name()));
        }
    }
    chains::sound(&evidence)?;
    chains::at_rest(&evidence)?;
    cases::follow_their_journal(&evidence)?;
    cases::one_open_a_loan(&evidence)?;
    cases::rest(&evidence)?;
    cases::have_their_plans(&evidence)?;
    money::is_conserved(&evidence)?;
    messages::arrived_once(&evidence)?;
    feed::is_dense_and_was_seen_whole(&evidence)?;
    documents::are_there(&evidence)
}

impl Evidence<'_> {
    fn store(&self, role: Role) -> Store {
        self.town.store(role, 0)
    }

    fn breach(&self, what: String) {
        self.record.breach(what);
    }

    /// All documents of a kind, as what they hold.
    fn all<T: DeserializeOwned>(&self, role: Role, kind: &'static str) -> anyhow::Result<Vec<(String, T)>> {
        let documents = self.documents(role, kind)?;
        documents
            .into_iter()
            .map(|document| Ok((document.id, serde_json::from_str(&document.body)?)))
            .collect()
    }

    fn documents(&self, role: Role, kind: &'static str) -> anyhow::Result<Vec<Document>> {
        let query =
            Query { kind, filters: Vec::new(), order_by: "id", descending: false, after: None, limit: ALL };
        at_once(self.store(role).list(query))
    }
}

/// A call of a database that nothing befalls any more: it answers in its first poll.
fn at_once<T>(call: impl Future<Output = Result<T, StoreError>>) -> anyhow::Result<T> {
    let answered = call.now_or_never();
    Ok(answered.ok_or_else(|| anyhow::anyhow!("a database made its reader wait"))??)
}
