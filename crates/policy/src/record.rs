//! The stored record of a decision: its facts, the pack by digest, and the decision itself.

use assessment::{Decision, Facts};
use chassis::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Column, ColumnType, Commit, Document, Entry, Kind, Schema, Store, Value, Write};
use wire::StoredDecision;

const DECISION: &str = "decision";
/// Version of the record's body; older ones are upcast on read.
const BODY_VERSION: i32 = 1;

/// The documents of this service.
pub static SCHEMA: Schema = Schema {
    kinds: &[Kind {
        name: DECISION,
        columns: &[
            Column { name: "case_id", ty: ColumnType::Text },
            Column { name: "borrower_id", ty: ColumnType::Text },
            Column { name: "pack_name", ty: ColumnType::Text },
            Column { name: "pack_digest", ty: ColumnType::Text },
            Column { name: "outcome", ty: ColumnType::Text },
            Column { name: "created_us", ty: ColumnType::BigInt },
        ],
        indexes: &[&["case_id"], &["borrower_id"], &["pack_digest"], &["created_us"]],
    }],
};

/// Everything that is needed to explain the decision later, and to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DecisionRecord {
    pub decision_id: String,
    /// `role:id` of whoever asked.
    pub asked_by: String,
    pub create_time: Timestamp,
    pub facts: Facts,
    pub decision: Decision,
}

impl DecisionRecord {
    pub fn stored_decision(self) -> StoredDecision {
        StoredDecision {
            decision_id: self.decision_id,
            create_time: Some(self.create_time),
            decision: self.decision,
        }
    }
}

/// The commit that stores a decision with its journal entry.
pub(crate) fn commit_of(record: &DecisionRecord) -> Result<Commit, Problem> {
    let body = json(record)?;
    let decision = &record.decision;
    let created = record.create_time.as_microsecond();
    let trail = serde_json::json!({
        "decision_id": record.decision_id,
        "pack_name": decision.pack_name,
        "pack_digest": decision.pack_digest,
        "outcome": decision.outcome,
        // Ties the record itself to the chain of hashes.
        "record_sha256": hash(&body),
    });
    Ok(Commit {
        now: created,
        writes: vec![Write::Put {
            kind: DECISION,
            id: record.decision_id.clone(),
            expected_revision: 0,
            body_version: BODY_VERSION,
            body,
            index: vec![
                ("case_id", Value::from(decision.case_id.as_str())),
                ("borrower_id", Value::from(record.facts.borrower_id.as_str())),
                ("pack_name", Value::from(decision.pack_name.as_str())),
                ("pack_digest", Value::from(decision.pack_digest.as_str())),
                ("outcome", Value::from(decision.outcome.as_str())),
                ("created_us", Value::from(created)),
            ],
        }],
        journal: vec![Entry {
            stream: format!("decisions/{}", decision.case_id),
            kind: "decision_made".to_owned(),
            actor: record.asked_by.clone(),
            body: trail.to_string(),
        }],
        ..Commit::default()
    })
}

/// A stored decision; `None` if there is none of that id.
pub(crate) async fn find(store: &Store, decision_id: &str) -> Result<Option<DecisionRecord>, Problem> {
    store.get(DECISION, decision_id).await?.map(|document| read(&document)).transpose()
}

fn read(document: &Document) -> Result<DecisionRecord, Problem> {
    if document.body_version != BODY_VERSION {
        let text = format!("decision `{}` has body version {}", document.id, document.body_version);
        return Err(Problem::internal(text));
    }
    serde_json::from_str(&document.body).map_err(|error| {
        // Only where it broke: the parser's own text may quote the body.
        let place = format!("{:?} at line {} column {}", error.classify(), error.line(), error.column());
        Problem::data_loss(format!("decision `{}` can't be read, {place}", document.id))
    })
}

/// Canonical JSON: fields in the order of their declaration, maps in the order of their keys.
fn json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal("a record can't be written").source(error))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
