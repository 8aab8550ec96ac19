//! The stored record of a decision: its facts, the pack by digest, and the decision itself.

use assessment::{Decision, Facts};
use chassis::{Principal, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{
    Column, ColumnType, Commit, Document, Entry, Kind, Outcome, Request, Schema, Store, StoreError, Value,
    Write,
};
use wire::StoredDecision;

const DECISION: &str = "decision";
/// Version of the record's body; older ones are upcast on read.
const BODY_VERSION: i32 = 1;
/// Method of the idempotency record.
const METHOD: &str = "leeway.policy.v1.PolicyService/Assess";

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

/// What makes two requests the same: caller, request id, and a digest of what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    principal: String,
    subject: String,
    request_id: String,
    payload_hash: String,
}

impl Asked {
    pub fn new(
        principal: &Principal,
        request_id: String,
        pack_name: &str,
        facts: &Facts,
    ) -> Result<Self, Problem> {
        let payload = json(&(pack_name, facts))?;
        Ok(Self {
            principal: principal.actor(),
            subject: principal.subject_key(),
            request_id,
            payload_hash: hash(&payload),
        })
    }

    pub fn actor(&self) -> &str {
        &self.principal
    }

    /// The decision that was stored under this request, if it was asked before. REQUEST_ID_REUSED: with other facts.
    pub async fn replay(&self, store: &Store) -> Result<Option<DecisionRecord>, Problem> {
        let Some(known) = store.find_request(&self.principal, &self.subject, &self.request_id).await? else {
            return Ok(None);
        };
        if known.method != METHOD || known.payload_hash != self.payload_hash {
            return Err(StoreError::RequestIdReused.into());
        }
        find(store, &known.response_ref).await?.map(Some).ok_or_else(|| missing(&known.response_ref))
    }

    fn into_request(self, decision_id: &str) -> Request {
        Request {
            principal: self.principal,
            subject: self.subject,
            request_id: self.request_id,
            method: METHOD.to_owned(),
            payload_hash: self.payload_hash,
            response_ref: decision_id.to_owned(),
        }
    }
}

/// Stores a decision with its journal entry and idempotency record. Where the same request was stored meanwhile, that one is
/// the answer.
pub(crate) async fn save(
    store: &Store,
    asked: Asked,
    record: DecisionRecord,
) -> Result<DecisionRecord, Problem> {
    let commit = commit_of(asked, &record)?;
    match store.commit(commit).await? {
        Outcome::Committed(_) => Ok(record),
        Outcome::Replayed { response_ref } => {
            find(store, &response_ref).await?.ok_or_else(|| missing(&response_ref))
        }
    }
}

fn commit_of(asked: Asked, record: &DecisionRecord) -> Result<Commit, Problem> {
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
            actor: asked.actor().to_owned(),
            body: trail.to_string(),
        }],
        request: Some(asked.into_request(&record.decision_id)),
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
        Problem::data_loss(format!("decision `{}` can't be read", document.id)).source(error)
    })
}

fn missing(decision_id: &str) -> Problem {
    Problem::data_loss(format!("decision `{decision_id}` of a request is gone"))
}

/// Canonical JSON: fields in the order of their declaration, maps in the order of their keys.
fn json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal("a record can't be written").source(error))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
