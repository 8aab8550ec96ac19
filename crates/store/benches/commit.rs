//! Commits a second: 64 callers at once, one caller, and rusqlite by hand writing the same rows.
//!
//! `cargo bench -p store --bench commit [-- COMMITS [DIRECTORY]]`; the directory decides which disk is measured.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};
use store::{
    Column, ColumnType, Commit, EffectChange, Entry, FeedEntry, Kind, Options, Outcome, Request, Schema,
    Store, Write,
};

type Failure = Box<dyn Error + Send + Sync>;

const SCHEMA: Schema = Schema {
    kinds: &[Kind {
        name: "application",
        columns: &[
            Column { name: "borrower", ty: ColumnType::Text },
            Column { name: "due", ty: ColumnType::BigInt },
        ],
        indexes: &[&["due"], &["borrower", "due"]],
    }],
};
/// Callers at once, and commits of a batch made by hand.
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 3;
const COMMITS: usize = 20_000;
const BODY_BYTES: usize = 600;

fn main() -> Result<(), Failure> {
    // Cargo itself adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let commits = arguments.next().map_or(Ok(COMMITS), |text| text.parse())?;
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!(
        "{commits} commits of document, journal entry, effect, feed entry and request; {ROUNDS} rounds, per second"
    );
    println!("{:>14} {:>14} {:>14} {:>14}", "64 in flight", "one by one", "raw by 64", "raw one by one");
    for round in 0..ROUNDS {
        let few = commits / 10;
        let in_file =
            |name: &str| directory.join(format!("leeway-bench-{}-{round}-{name}.db", std::process::id()));
        let together = runtime.block_on(through_store(&in_file("together"), commits, IN_FLIGHT))?;
        let alone = runtime.block_on(through_store(&in_file("alone"), few, 1))?;
        let raw_together = by_hand(&in_file("raw"), commits, IN_FLIGHT)?;
        let raw_alone = by_hand(&in_file("raw-alone"), few, 1)?;
        println!("{together:>14.0} {alone:>14.0} {raw_together:>14.0} {raw_alone:>14.0}");
    }
    Ok(())
}

/// Commits a second by so many callers, each waiting for its answer before the next commit.
async fn through_store(path: &Path, commits: usize, callers: usize) -> Result<f64, Failure> {
    let store = Store::open(path, &SCHEMA, Options::default())?;
    let stopwatch = Stopwatch::start();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in (caller..commits).step_by(callers) {
                    let outcome = store.commit(commit(n)).await?;
                    if !matches!(outcome, Outcome::Committed(_)) {
                        return Err(format!("commit {n} was a replay").into());
                    }
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = stopwatch.rate(commits);
    let stored = store.feed_head().await?;
    store.close().await;
    remove(path)?;
    if usize::try_from(stored)? == commits {
        Ok(rate)
    } else {
        Err(format!("{stored} of {commits} stored").into())
    }
}

fn commit(n: usize) -> Commit {
    let id = format!("{:016x}", scatter(n));
    Commit {
        now: n as i64,
        writes: vec![Write::Put {
            kind: "application",
            id: id.clone(),
            expected_revision: 0,
            body_version: 1,
            body: "x".repeat(BODY_BYTES),
            index: vec![("borrower", format!("b{}", n % 1_000).into()), ("due", (n as i64).into())],
        }],
        journal: vec![Entry {
            stream: id.clone(),
            kind: "submitted".to_owned(),
            actor: "borrower:1".to_owned(),
            body: "x".repeat(BODY_BYTES / 4),
        }],
        effects: vec![EffectChange::Put {
            topic: "assess",
            key: id.clone(),
            version: 1,
            not_before: n as i64,
            body: "{}".to_owned(),
            trace: None,
            lease: None,
        }],
        feed: vec![FeedEntry { case_key: id.clone(), kind: "submitted".to_owned(), body: "{}".to_owned() }],
        request: Some(Request {
            principal: "borrower:1".to_owned(),
            subject: String::new(),
            request_id: id.clone(),
            method: "SubmitApplication".to_owned(),
            payload_hash: id.clone(),
            response_ref: id,
        }),
        ..Commit::default()
    }
}

/// The same rows by plain inserts in one transaction a batch: no checks, no savepoints, no hashing, nobody answered.
fn by_hand(path: &Path, commits: usize, batch: usize) -> Result<f64, Failure> {
    drop(Store::open(path, &SCHEMA, Options::default())?);
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    // As the store sets them.
    conn.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    conn.pragma_update(None, "cache_size", -65_536)?;
    let stopwatch = Stopwatch::start();
    for start in (0..commits).step_by(batch) {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for n in start..commits.min(start + batch) {
            insert(&conn, &commit(n), n as i64)?;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
    }
    let rate = stopwatch.rate(commits);
    drop(conn);
    remove(path)?;
    Ok(rate)
}

fn insert(conn: &Connection, commit: &Commit, n: i64) -> Result<(), Failure> {
    let (Some(Write::Put { id, body, .. }), Some(entry)) = (commit.writes.first(), commit.journal.first())
    else {
        return Err("the commit has no document or no entry".into());
    };
    let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    conn.prepare_cached("INSERT INTO doc_application (id, revision, body_version, body, borrower, due) VALUES (?1, 1, 1, ?2, ?3, ?4)")?
        .execute(params![id, body, format!("b{}", n % 1_000), n])?;
    conn.prepare_cached("INSERT INTO journal (stream, seq, time, kind, actor, body, prev_hash, hash) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?6)")?
        .execute(params![entry.stream, n, entry.kind, entry.actor, entry.body, hash])?;
    conn.prepare_cached("INSERT INTO journal_head (stream, seq, hash) VALUES (?1, 1, ?2)")?
        .execute(params![id, hash])?;
    conn.prepare_cached("INSERT INTO effects (topic, key, version, not_before, body, state, due_at) VALUES ('assess', ?1, 1, ?2, '{}', 'waiting', ?2)")?
        .execute(params![id, n])?;
    conn.prepare_cached(
        "INSERT INTO feed (position, time, case_key, kind, body) VALUES (?1, ?2, ?3, 'submitted', '{}')",
    )?
    .execute(params![n + 1, n, id])?;
    conn.prepare_cached("INSERT INTO requests (principal, subject, request_id, method, payload_hash, response_ref, time) VALUES ('borrower:1', '', ?1, 'SubmitApplication', ?1, ?1, ?2)")?
        .execute(params![id, n])?;
    Ok(())
}

/// Ids in no order, as random ones are; the same every run.
fn scatter(n: usize) -> u64 {
    (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn remove(path: &Path) -> Result<(), Failure> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        if std::fs::exists(&file)? {
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}

struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn rate(&self, count: usize) -> f64 {
        count as f64 / self.0.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
    }
}
