//! The commits that are measured, and running them through a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::{Column, ColumnType, Commit, EffectChange, Entry, Kind, Outcome, Request, Schema, Store, Write};
use tokio::time::Instant;

/// One kind, as wide as that of a case.
pub const SCHEMA: Schema = Schema {
    kinds: &[Kind {
        name: "application",
        columns: &[
            Column { name: "borrower", ty: ColumnType::Text },
            Column { name: "due", ty: ColumnType::BigInt },
        ],
        indexes: &[&["due"], &["borrower", "due"]],
    }],
};
pub const BODY_BYTES: usize = 600;
pub const ENTRY_BYTES: usize = 150;

/// A body that JSON has nothing to escape in, as canonical JSON has little.
pub fn body() -> String {
    "x".repeat(BODY_BYTES)
}

/// What a journal entry says.
pub fn entry() -> String {
    "x".repeat(ENTRY_BYTES)
}

/// Spreads numbers over all keys, each to another one: cases come in no order.
pub fn scattered(n: u64) -> String {
    format!("{:016x}", n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A case with its journal entry, effect and idempotency record.
pub fn commit(n: u64) -> Commit {
    let id = scattered(n);
    let due = i64::try_from(n % 1_000_000).unwrap_or(0);
    Commit {
        now: due,
        writes: vec![Write::Put {
            kind: "application",
            id: id.clone(),
            expected_revision: 0,
            body_version: 1,
            body: body(),
            index: vec![("borrower", format!("b{}", n % 1_000).into()), ("due", due.into())],
        }],
        journal: vec![Entry {
            stream: id.clone(),
            kind: "submitted".to_owned(),
            actor: "borrower:1".to_owned(),
            body: entry(),
        }],
        effects: vec![EffectChange::Put {
            topic: "assess",
            key: id.clone(),
            version: 1,
            not_before: due,
            body: "{}".to_owned(),
            trace: None,
            lease: None,
        }],
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

/// Commits from `first` on by so many callers, each waiting for its answer, until `enough` says so of the count and the
/// time. Returns how many there were, and how many a second.
pub async fn run(
    store: &Store,
    (first, callers): (u64, u32),
    enough: impl Fn(u64, Duration) -> bool + Send + Sync + 'static,
) -> anyhow::Result<(u64, f64)> {
    let next = Arc::new(AtomicU64::new(0));
    let enough = Arc::new(enough);
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let (store, next, enough) = (store.clone(), Arc::clone(&next), Arc::clone(&enough));
        tasks.push(tokio::spawn(async move {
            let mut done: u64 = 0;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if enough(n, begin.elapsed()) {
                    return anyhow::Ok(done);
                }
                let outcome = store.commit(commit(first + n)).await?;
                anyhow::ensure!(matches!(outcome, Outcome::Committed(_)), "commit {n} was a replay");
                done += 1;
            }
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let rate = f64::from(u32::try_from(done)?) / begin.elapsed().as_secs_f64();
    Ok((done, rate))
}

/// How long a commit takes one at a time, and how long the answer to its repetition, seconds each.
pub async fn first_and_replay(store: &Store, first: u64, count: u32) -> anyhow::Result<(f64, f64)> {
    let (_, rate) = run(store, (first, 1), move |n, _| n >= u64::from(count)).await?;
    let begin = Instant::now();
    for n in 0..u64::from(count) {
        // What a repeated request comes to: its record is read, and nothing else happens.
        let found = store.find_request("borrower:1", "", &scattered(first + n)).await?;
        anyhow::ensure!(found.is_some(), "the record of commit {n} is missing");
    }
    Ok((1.0 / rate, begin.elapsed().as_secs_f64() / f64::from(count)))
}
