//! SQLite: many callers, one caller, and rusqlite by hand writing the same rows in batches of as many.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use store::{Commit, Options, Store, Write};
use tokio::time::Instant;

use super::{Args, commits, figures};
use crate::bench::Figure;

/// Callers at once, and commits of a batch made by hand.
const IN_FLIGHT: u32 = 64;
/// Requests whose first call and repetition are compared.
const REPLAYS: u32 = 2_000;

pub async fn measure(args: &Args) -> anyhow::Result<Vec<Figure>> {
    let folder = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let few = args.commits / 10;
    let mut rounds = Vec::new();
    for round in 0..args.options.rounds {
        let file =
            |name: &str| File(folder.join(format!("leeway-bench-{}-{round}-{name}.db", std::process::id())));
        let together = through_store(&file("together"), args.commits, IN_FLIGHT).await?;
        let alone = through_store(&file("alone"), few, 1).await?;
        let raw = by_hand(&file("raw"), args.commits)?;
        let (first, replay) = replays(&file("replay")).await?;
        rounds.push([
            together,
            alone,
            raw,
            together / alone,
            together / raw,
            first * 1_000_000.0,
            replay * 1_000_000.0,
            first / replay,
        ]);
    }
    let told = [
        ("SQLite, 64 in flight", "per second"),
        ("SQLite, one at a time", "per second"),
        ("SQLite by hand, batches of 64", "per second"),
        ("SQLite, 64 in flight of one at a time", "ratio"),
        ("SQLite, 64 in flight of by hand", "ratio"),
        ("SQLite, first call", "us"),
        ("SQLite, its replay", "us"),
        ("SQLite, first call of its replay", "ratio"),
    ];
    Ok(figures(told, &rounds, "synchronous=FULL"))
}

/// A database file that goes with its companions.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            // One that isn't there needn't go.
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn through_store(file: &File, count: u32, callers: u32) -> anyhow::Result<f64> {
    let store = Store::open(&file.0, &commits::SCHEMA, Options::default())?;
    let (done, rate) = commits::run(&store, (0, callers), move |n, _| n >= u64::from(count)).await?;
    let stored = store.count("application", Vec::new()).await?;
    store.close().await;
    anyhow::ensure!(u64::try_from(stored)? == done, "{stored} of {done} commits are stored");
    Ok(rate)
}

async fn replays(file: &File) -> anyhow::Result<(f64, f64)> {
    let store = Store::open(&file.0, &commits::SCHEMA, Options::default())?;
    let both = commits::first_and_replay(&store, 0, REPLAYS).await?;
    store.close().await;
    Ok(both)
}

/// The same rows by plain inserts, one transaction a batch: no checks, no savepoints, no hashing, nobody answered.
fn by_hand(file: &File, count: u32) -> anyhow::Result<f64> {
    drop(Store::open(&file.0, &commits::SCHEMA, Options::default())?);
    let conn = opened(&file.0)?;
    let begin = Instant::now();
    let mut n = 0;
    while n < count {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let end = count.min(n + IN_FLIGHT);
        while n < end {
            insert(&conn, &commits::commit(u64::from(n)))?;
            n += 1;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
    }
    Ok(f64::from(count) / begin.elapsed().as_secs_f64())
}

/// As the store sets them.
fn opened(path: &Path) -> anyhow::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", Options::default().checkpoint_pages)?;
    conn.pragma_update(None, "cache_size", -65_536)?;
    Ok(conn)
}

fn insert(conn: &Connection, commit: &Commit) -> anyhow::Result<()> {
    let (Some(Write::Put { id, body, .. }), Some(entry)) = (commit.writes.first(), commit.journal.first())
    else {
        anyhow::bail!("the commit has no document or no entry");
    };
    let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let now = commit.now;
    conn.prepare_cached(
        "INSERT INTO doc_application (id, revision, body_version, body, borrower, due) VALUES (?1, 1, 1, ?2, ?3, ?4)",
    )?
    .execute(params![id, body, format!("b{}", now % 1_000), now])?;
    conn.prepare_cached(
        "INSERT INTO journal (stream, seq, time, kind, actor, body, prev_hash, hash) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![entry.stream, now, entry.kind, entry.actor, entry.body, hash])?;
    conn.prepare_cached("INSERT INTO journal_head (stream, seq, hash) VALUES (?1, 1, ?2)")?
        .execute(params![id, hash])?;
    conn.prepare_cached(
        "INSERT INTO effects (topic, key, version, not_before, body, state, due_at) \
         VALUES ('assess', ?1, 1, ?2, '{}', 'waiting', ?2)",
    )?
    .execute(params![id, now])?;
    conn.prepare_cached(
        "INSERT INTO requests (principal, subject, request_id, method, payload_hash, response_ref, time) \
         VALUES ('borrower:1', '', ?1, 'SubmitApplication', ?1, ?1, ?2)",
    )?
    .execute(params![id, now])?;
    Ok(())
}
