//! Idempotency.

use store::{Commit, MAX_SWEEP_ROWS, Outcome, Request, Retention, StoreError, StoredRequest, Swept};

use super::{Fixture, committed, effect, entry, event, put, request, writes};

fn submit(id: &str) -> Commit {
    Commit {
        journal: vec![entry("s", "{}")],
        effects: vec![effect("notify", id, 0)],
        feed: vec![event("c")],
        request: Some(request(id)),
        ..writes(vec![put(id, 0, 1)])
    }
}

pub async fn replays_answer_as_before(f: Fixture) {
    let store = &f.store;
    committed(store, submit("r")).await;
    for _ in 0..3 {
        let outcome = store.commit(submit("r")).await.unwrap();
        assert_eq!(outcome, Outcome::Replayed { response_ref: "ref-r".to_owned() });
    }
    assert_eq!(store.read_stream("s", 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.feed_head().await.unwrap(), 1);
    let stored = StoredRequest {
        method: "SubmitApplication".to_owned(),
        payload_hash: "aa".to_owned(),
        response_ref: "ref-r".to_owned(),
    };
    assert_eq!(store.find_request("borrower:1", "", "r").await.unwrap(), Some(stored));
    assert_eq!(store.find_request("borrower:2", "", "r").await.unwrap(), None);
}

pub async fn a_concurrent_request_happens_once(f: Fixture) {
    for round in 0..20 {
        let id = format!("r{round}");
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (store, commit) = (f.store.clone(), submit(&id));
                tokio::spawn(async move { store.commit(commit).await.unwrap() })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            match task.await.unwrap() {
                Outcome::Committed(_) => done += 1,
                Outcome::Replayed { response_ref } => assert_eq!(response_ref, format!("ref-{id}")),
            }
        }
        assert_eq!(done, 1, "round {round}");
    }
    assert_eq!(f.store.feed_head().await.unwrap(), 20);
}

pub async fn a_request_id_belongs_to_one_payload(f: Fixture) {
    let store = &f.store;
    committed(store, submit("r")).await;
    let same = || request("r");
    let reused = Err(StoreError::RequestIdReused);
    let new = Ok(true);
    let rows: Vec<(Request, Result<bool, StoreError>)> = vec![
        (Request { payload_hash: "bb".to_owned(), ..same() }, reused.clone()),
        (Request { method: "Other".to_owned(), ..same() }, reused),
        (Request { response_ref: "other".to_owned(), ..same() }, Ok(false)),
        (Request { principal: "borrower:2".to_owned(), ..same() }, new.clone()),
        (Request { subject: "borrower:3".to_owned(), ..same() }, new),
    ];
    for (at, (request, expected)) in rows.into_iter().enumerate() {
        let commit = Commit { request: Some(request), ..writes(vec![put(&format!("d{at}"), 0, 1)]) };
        let found = store.commit(commit).await.map(|outcome| matches!(outcome, Outcome::Committed(_)));
        assert_eq!(found, expected, "row {at}");
        let written = store.get("case", &format!("d{at}")).await.unwrap().is_some();
        assert_eq!(written, expected == Ok(true), "row {at}");
    }
}

pub async fn retention_forgets(f: Fixture) {
    let store = &f.store;
    for (id, now) in [("old", 10), ("young", 20)] {
        committed(store, Commit { now, ..submit(id) }).await;
    }
    let retention = Retention { requests_before: Some(20), ..Retention::default() };
    assert_eq!(store.sweep(retention.clone()).await.unwrap(), Swept { requests: 1, ..Swept::default() });
    assert_eq!(store.find_request("borrower:1", "", "old").await.unwrap(), None);
    assert!(store.find_request("borrower:1", "", "young").await.unwrap().is_some());
    // Never more than its bound at once.
    let many: Vec<_> = (0..MAX_SWEEP_ROWS + 5)
        .map(|n| {
            let (store, request) = (store.clone(), Some(request(&format!("n{n}"))));
            tokio::spawn(
                async move { committed(&store, Commit { now: 1, request, ..Commit::default() }).await },
            )
        })
        .collect();
    for commit in many {
        commit.await.unwrap();
    }
    assert_eq!(store.sweep(retention.clone()).await.unwrap().requests, u64::from(MAX_SWEEP_ROWS));
    assert_eq!(store.sweep(retention).await.unwrap().requests, 5);
}
