//! The cases, and what they share.

pub mod cancel;
pub mod documents;
pub mod effects;
pub mod feed;
pub mod journal;
pub mod requests;

use cluster::{Database, Pooler};
use store::{
    Claim, Column, ColumnType, Commit, Effect, EffectChange, Entry, FeedEntry, Kind, Migrate, Options,
    Outcome, PostgresOptions, Query, Receipt, Request, Schema, Store, StoreError, Write,
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

/// A store on a file or database of its own.
pub struct Fixture {
    pub store: Store,
    /// Whether a caller can go away between handing a commit over and its answer.
    pub waits: bool,
    /// Commits that are worth their time in a test of many.
    pub many: usize,
    home: Home,
}

enum Home {
    Threaded(tempfile::TempDir),
    Inline(tempfile::TempDir),
    Postgres(Database, Option<Pooler>),
}

impl Fixture {
    pub async fn threaded() -> Self {
        Self::on(Home::Threaded(tempfile::tempdir().unwrap()), 10_000).await
    }

    /// Its first poll is its last: there is less to meet, and each costs a sync of the disk.
    pub async fn inline() -> Self {
        Self::on(Home::Inline(tempfile::tempdir().unwrap()), 500).await
    }

    pub async fn postgres() -> Self {
        Self::on(Home::Postgres(Database::new().unwrap(), None), 10_000).await
    }

    /// Through a pooler that gives each transaction another connection.
    pub async fn pooled() -> Self {
        let database = Database::new().unwrap();
        let pooler = Pooler::start(database.port()).unwrap();
        Self::on(Home::Postgres(database, Some(pooler)), 2_000).await
    }

    async fn on(home: Home, many: usize) -> Self {
        let store = home.open(&SCHEMA).await.unwrap();
        Self { store, waits: !matches!(home, Home::Inline(_)), many, home }
    }

    /// Closes the store, which waits for what was handed over, and opens it anew.
    pub async fn reopen(self, schema: &Schema) -> Self {
        let Self { store, waits, many, home } = self;
        store.close().await;
        let store = home.open(schema).await.unwrap();
        Self { store, waits, many, home }
    }

    pub async fn try_open(&self, schema: &Schema) -> Result<Store, StoreError> {
        self.home.open(schema).await
    }

    /// Runs a statement behind the store's back, for whoever tampers. Yields how many rows it changed.
    pub fn tamper(&self, sql: &str) -> usize {
        match &self.home {
            Home::Threaded(dir) | Home::Inline(dir) => raw(dir).execute(sql, []).unwrap(),
            Home::Postgres(database, _) => {
                let changed = database
                    .ask(&format!("WITH changed AS ({sql} RETURNING 1) SELECT count(*) FROM changed"));
                changed.unwrap().parse().unwrap()
            }
        }
    }

    /// The one number that a statement yields.
    pub fn number(&self, sql: &str) -> i64 {
        match &self.home {
            Home::Threaded(dir) | Home::Inline(dir) => raw(dir).query_row(sql, [], |row| row.get(0)).unwrap(),
            Home::Postgres(database, _) => database.ask(sql).unwrap().parse().unwrap(),
        }
    }
}

fn raw(dir: &tempfile::TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.path().join("store.db")).unwrap()
}

impl Home {
    async fn open(&self, schema: &Schema) -> Result<Store, StoreError> {
        match self {
            Self::Threaded(dir) => Store::open(&dir.path().join("store.db"), schema, Options::default()),
            Self::Inline(dir) => Store::open_inline(Some(&dir.path().join("store.db")), schema),
            Self::Postgres(database, pooler) => {
                let options = match pooler {
                    None => PostgresOptions::new(&database.url()),
                    Some(pooler) => PostgresOptions {
                        pooler: true,
                        listen_url: Some(database.url()),
                        ..PostgresOptions::new(&database.url_at(pooler.port()))
                    },
                };
                Store::migrate(&options, schema, Migrate::Apply).await?;
                Store::connect(&options, schema).await
            }
        }
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
