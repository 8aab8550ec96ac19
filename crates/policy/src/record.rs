//! The stored record of a decision: its facts, the pack by digest, and the decision itself.

use assessment::{Decision, Facts};
use chassis::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Commit, Entry, Store, Value, Write};
use wire::StoredDecision;

use crate::documents::{Record, put};

/// Entries of a case's journal that are read at a time.
const JOURNAL_ROWS: u32 = 200;

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

/// What a journal entry says of a decision: ids and hashes.
#[derive(Debug, Serialize, Deserialize)]
struct Trail {
    decision_id: String,
    outcome: String,
    pack_digest: String,
    pack_name: String,
    /// Ties the record itself to the chain of hashes.
    record_sha256: String,
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

impl Record for DecisionRecord {
    const KIND: &'static str = "decision";

    fn id(&self) -> String {
        self.decision_id.clone()
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        let decision = &self.decision;
        vec![
            ("case_id", Value::from(decision.case_id.as_str())),
            ("borrower_id", Value::from(self.facts.borrower_id.as_str())),
            ("pack_name", Value::from(decision.pack_name.as_str())),
            ("pack_digest", Value::from(decision.pack_digest.as_str())),
            ("outcome", Value::from(decision.outcome.as_str())),
            ("created_us", Value::from(self.create_time.as_microsecond())),
        ]
    }
}

/// The commit that stores a decision with its journal entry.
pub(crate) fn commit_of(record: &DecisionRecord) -> Result<Commit, Problem> {
    let write = put(record, 0)?;
    let decision = &record.decision;
    let trail = Trail {
        decision_id: record.decision_id.clone(),
        outcome: decision.outcome.as_str().to_owned(),
        pack_digest: decision.pack_digest.clone(),
        pack_name: decision.pack_name.clone(),
        record_sha256: match &write {
            Write::Put { body, .. } => hash(body),
            Write::Delete { .. } => String::new(),
        },
    };
    Ok(Commit {
        now: record.create_time.as_microsecond(),
        writes: vec![write],
        journal: vec![Entry {
            stream: stream(&decision.case_id),
            kind: "decision_made".to_owned(),
            actor: record.asked_by.clone(),
            body: crate::documents::json(&trail)?,
        }],
        ..Commit::default()
    })
}

/// Whether the case's journal knows a decision's record by this body.
pub(crate) async fn journal_knows(
    store: &Store,
    case_id: &str,
    decision_id: &str,
    body: &str,
) -> Result<bool, Problem> {
    let sha256 = hash(body);
    let mut after = 0;
    loop {
        let entries = store.read_stream(&stream(case_id), after, JOURNAL_ROWS).await?;
        let Some(last) = entries.last() else { return Ok(false) };
        after = last.seq;
        let mut trails = entries.iter().filter_map(|entry| serde_json::from_str::<Trail>(&entry.body).ok());
        if let Some(trail) = trails.find(|trail| trail.decision_id == decision_id) {
            return Ok(trail.record_sha256 == sha256);
        }
    }
}

fn stream(case_id: &str) -> String {
    format!("decisions/{case_id}")
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
