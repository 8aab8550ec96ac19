//! The public feed and the bell that announces changes.

use store::{Commit, Retention, StoreError, Swept};

use super::{Fixture, changes, claim, committed, effect, event, put, request, writes};

pub async fn positions_are_dense_under_concurrent_commits(f: Fixture) {
    committed(&f.store, writes(vec![put("taken", 0, 1)])).await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = f.store.clone();
            // Every third fails after it had its positions.
            let id = if n % 3 == 0 { "taken".to_owned() } else { format!("n{n}") };
            let feed = vec![event(&format!("{n}-first")), event(&format!("{n}-second"))];
            let commit = Commit { feed, now: n, ..writes(vec![put(&id, 0, 1)]) };
            tokio::spawn(async move { store.commit(commit).await.is_ok() })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += i64::from(task.await.unwrap());
    }
    let rows = f.store.read_feed(0, 1_000).await.unwrap();
    assert_eq!(done, 133);
    assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), (1..=2 * done).collect::<Vec<_>>());
    for pair in rows.chunks(2) {
        // A commit's entries stay together, in its order.
        assert_eq!(pair[0].case_key.replace("first", "second"), pair[1].case_key);
    }
    assert_eq!(f.store.read_feed(260, 3).await.unwrap(), rows[260..263]);
    assert_eq!(f.store.feed_head().await.unwrap(), 266);
    assert_eq!(f.store.read_feed(266, 3).await.unwrap(), vec![]);
}

pub async fn retention_says_so_to_old_cursors(f: Fixture) {
    let store = &f.store;
    // The clock went back once: row 3 is older than row 2, but comes later.
    for now in [10, 20, 5, 40] {
        committed(store, Commit { now, feed: vec![event("c")], ..Commit::default() }).await;
    }
    let before = |time| Retention { feed_before: Some(time), ..Retention::default() };
    assert_eq!(store.sweep(before(20)).await.unwrap(), Swept { feed: 1, ..Swept::default() });
    assert_eq!(store.read_feed(0, 10).await.unwrap_err(), StoreError::FeedTrimmed { floor: 1 });
    assert_eq!(store.read_feed(1, 10).await.unwrap().len(), 3);
    assert_eq!(store.sweep(before(100)).await.unwrap().feed, 3);
    // An emptied feed goes on where it was.
    committed(store, Commit { feed: vec![event("c")], ..Commit::default() }).await;
    assert_eq!(store.feed_head().await.unwrap(), 5);
    assert_eq!(store.read_feed(4, 10).await.unwrap()[0].position, 5);
}

pub async fn changes_ring_for_what_changed(f: Fixture) {
    let store = &f.store;
    let mut bell = store.changes();
    let commit = Commit { request: Some(request("r")), ..changes(vec![effect("notify", "k", 0)]) };
    committed(store, commit.clone()).await;
    bell.changed().await.unwrap();
    bell.mark_unchanged();
    // Nothing new for anybody: a replay, a conflict, a claim.
    store.commit(commit).await.unwrap();
    store.commit(writes(vec![put("a", 9, 1)])).await.unwrap_err();
    assert_eq!(claim(store, 0, "t").await.len(), 1);
    assert!(!bell.has_changed().unwrap());
}
