//! The cases, and what they share.

pub mod cancel;
pub mod documents;
pub mod effects;
pub mod feed;
pub mod journal;
pub mod requests;

use std::path::PathBuf;

use store::{
    Claim, Column, ColumnType, Commit, Effect, EffectChange, Entry, FeedEntry, Kind, Options, Outcome, Query,
    Receipt, Request, Schema, Store, Write,
};

pub const SCHEMA: Schema = Schema {
    kinds: &[
        Kind {
            name: "case",
            columns: &[
                Column { name: "borrower", ty: ColumnType::Text },
                Column { name: "due", ty: ColumnType::BigInt },
            ],
            indexes: &[&["due"], &["borrower", "due"]],
        },
        Kind { name: "slot", columns: &[], indexes: &[] },
    ],
};

/// A store on a file of its own.
pub struct Fixture {
    pub store: Store,
    pub dir: tempfile::TempDir,
    pub threaded: bool,
    open: fn(PathBuf, &Schema) -> Result<Store, store::StoreError>,
}

impl Fixture {
    pub fn threaded() -> Self {
        Self::new(true, |path, schema| Store::open(&path, schema, Options::default()))
    }

    pub fn inline() -> Self {
        Self::new(false, |path, schema| Store::open_inline(Some(&path), schema))
    }

    fn new(threaded: bool, open: fn(PathBuf, &Schema) -> Result<Store, store::StoreError>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path().join("store.db"), &SCHEMA).unwrap();
        Self { store, dir, threaded, open }
    }

    /// The same file by another path into it, for whoever tampers.
    pub fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("store.db")).unwrap()
    }

    pub fn reopen(self, schema: &Schema) -> Self {
        let Self { store, dir, threaded, open } = self;
        drop(store);
        let store = open(dir.path().join("store.db"), schema).unwrap();
        Self { store, dir, threaded, open }
    }

    pub fn try_open(&self) -> Result<Store, store::StoreError> {
        (self.open)(self.dir.path().join("store.db"), &SCHEMA)
    }
}

pub fn put(id: &str, expected_revision: i64, due: i64) -> Write {
    Write::Put {
        kind: "case",
        id: id.to_owned(),
        expected_revision,
        body_version: 1,
        body: format!("{{\"due\":{due}}}"),
        index: vec![("borrower", format!("b{}", due % 3).into()), ("due", due.into())],
    }
}

pub fn slot(id: &str) -> Write {
    Write::Put {
        kind: "slot",
        id: id.to_owned(),
        expected_revision: 0,
        body_version: 1,
        body: "{}".to_owned(),
        index: vec![],
    }
}

pub fn entry(stream: &str, body: &str) -> Entry {
    Entry {
        stream: stream.to_owned(),
        kind: "noted".to_owned(),
        actor: "officer:1".to_owned(),
        body: body.to_owned(),
    }
}

pub fn effect(topic: &'static str, key: &str, not_before: i64) -> EffectChange {
    EffectChange::Put {
        topic,
        key: key.to_owned(),
        version: 1,
        not_before,
        body: format!("{{\"at\":{not_before}}}"),
        trace: Some("00-1-2-01".to_owned()),
        lease: None,
    }
}

pub fn event(case: &str) -> FeedEntry {
    FeedEntry { case_key: case.to_owned(), kind: "submitted".to_owned(), body: "{}".to_owned() }
}

pub fn request(id: &str) -> Request {
    Request {
        principal: "borrower:1".to_owned(),
        subject: String::new(),
        request_id: id.to_owned(),
        method: "SubmitApplication".to_owned(),
        payload_hash: "aa".to_owned(),
        response_ref: format!("ref-{id}"),
    }
}

pub fn writes(writes: Vec<Write>) -> Commit {
    Commit { now: 1_000, writes, ..Commit::default() }
}

pub fn changes(effects: Vec<EffectChange>) -> Commit {
    Commit { now: 1_000, effects, ..Commit::default() }
}

/// Commits what must not be a replay.
pub async fn committed(store: &Store, commit: Commit) -> Receipt {
    match store.commit(commit).await.unwrap() {
        Outcome::Committed(receipt) => receipt,
        Outcome::Replayed { .. } => panic!("a replay"),
    }
}

/// Claims from topic `notify`, version 1, with a lease of 100.
pub async fn claim(store: &Store, now: i64, seed: &str) -> Vec<Effect> {
    claim_of(store, &[("notify", 1)], (now, seed)).await
}

pub async fn claim_of(
    store: &Store,
    topics: &[(&'static str, i32)],
    (now, seed): (i64, &str),
) -> Vec<Effect> {
    let claim = Claim {
        topics: topics.to_vec(),
        now,
        lease_until: now + 100,
        worker: "w1".to_owned(),
        token_seed: seed.to_owned(),
        limit: 10,
    };
    store.claim(claim).await.unwrap()
}

pub fn by(order_by: &'static str, limit: u32) -> Query {
    Query { kind: "case", filters: vec![], order_by, descending: false, after: None, limit }
}
