//! Outbox and timers.

use std::collections::HashSet;

use store::{
    Claim, Commit, Done, Effect, EffectChange, Failure, NewLease, Retention, Store, StoreError, Swept,
};

use super::{Fixture, changes, claim, claim_of, committed, effect, entry, event, put, writes};

fn done(effect_id: i64, token: &str) -> Commit {
    Commit { done: Some(Done { effect_id, token: token.to_owned() }), ..writes(vec![put("result", 0, 1)]) }
}

fn failure(effect: &Effect, error: &str) -> Failure {
    Failure { effect_id: effect.id, token: effect.token.clone(), now: 60, error: error.to_owned() }
}

fn keys(effects: &[Effect]) -> Vec<&str> {
    effects.iter().map(|effect| effect.key.as_str()).collect()
}

async fn is_fenced(store: &Store, effect: &Effect) {
    let id = effect.id;
    assert_eq!(store.commit(done(id, &effect.token)).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(store.retry(failure(effect, "late"), 1).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(store.park(failure(effect, "late")).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(store.get("case", "result").await.unwrap(), None);
}

pub async fn claims_what_is_due_oldest_first(f: Fixture) {
    let store = &f.store;
    let put = vec![effect("notify", "c", 30), effect("remind", "a", 10), effect("notify", "b", 20)];
    let ids = committed(store, changes(put)).await.effect_ids;
    let topics = [("notify", 1), ("remind", 1)];
    assert_eq!(store.next_due(&topics).await.unwrap(), Some(10));
    assert_eq!(store.next_due(&[("notify", 1)]).await.unwrap(), Some(20));
    assert_eq!(claim_of(store, &topics, (9, "t0")).await, vec![]);
    let due = claim_of(store, &topics, (29, "t1")).await;
    assert_eq!(keys(&due), ["a", "b"]);
    let expected = Effect {
        id: ids[1],
        topic: "remind".to_owned(),
        key: "a".to_owned(),
        version: 1,
        not_before: 10,
        body: "{\"at\":10}".to_owned(),
        trace: Some("00-1-2-01".to_owned()),
        attempts: 1,
        token: due[0].token.clone(),
    };
    assert_eq!(due[0], expected);
    assert_ne!(due[0].token, due[1].token);
    assert_eq!(keys(&claim_of(store, &topics, (30, "t2")).await), ["c"]);
    assert_eq!(store.next_due(&topics).await.unwrap(), Some(129));
    let wrong = Claim {
        topics: vec![("notify", 1)],
        now: 5,
        lease_until: 5,
        worker: "w".to_owned(),
        token_seed: "t".to_owned(),
        limit: 1,
    };
    assert!(matches!(store.claim(wrong).await, Err(StoreError::Invalid(_))));
}

pub async fn put_replaces_and_fences(f: Fixture) {
    let store = &f.store;
    let first = committed(store, changes(vec![effect("notify", "k", 10)])).await.effect_ids[0];
    let held = claim(store, 10, "t").await;
    let second = committed(store, changes(vec![effect("notify", "k", 50)])).await.effect_ids[0];
    assert_ne!(first, second);
    is_fenced(store, &held[0]).await;
    assert_eq!(claim(store, 49, "t").await, vec![]);
    let now = claim(store, 50, "t").await;
    assert_eq!((now.len(), now[0].id, now[0].attempts), (1, second, 1));
    // Another topic's key is another effect.
    committed(store, changes(vec![effect("remind", "k", 0)])).await;
    committed(store, done(second, &now[0].token)).await;
}

pub async fn drop_removes_and_fences(f: Fixture) {
    let store = &f.store;
    committed(store, changes(vec![effect("notify", "k", 10), effect("notify", "other", 500)])).await;
    let held = claim(store, 10, "t").await;
    let drop = || EffectChange::Drop { topic: "notify", key: "k".to_owned() };
    committed(store, changes(vec![drop()])).await;
    is_fenced(store, &held[0]).await;
    committed(store, changes(vec![drop()])).await;
    assert_eq!(store.next_due(&[("notify", 1)]).await.unwrap(), Some(500));
}

pub async fn a_lease_ends(f: Fixture) {
    let store = &f.store;
    committed(store, changes(vec![effect("notify", "k", 0)])).await;
    let first = claim(store, 10, "t").await;
    assert_eq!(claim(store, 109, "t").await, vec![]);
    // The same seed again, as after a restart from one snapshot: still another token.
    let second = claim(store, 110, "t").await;
    assert_eq!((second[0].id, second[0].attempts), (first[0].id, 2));
    is_fenced(store, &first[0]).await;
    committed(store, done(second[0].id, &second[0].token)).await;
    assert_eq!(claim(store, 10_000, "t").await, vec![]);
}

pub async fn a_lease_taken_in_the_commit_holds(f: Fixture) {
    let store = &f.store;
    let lease = NewLease { worker: "w".to_owned(), until: 100, token: "mine".to_owned() };
    let leased = |lease: NewLease| EffectChange::Put {
        topic: "notify",
        key: "k".to_owned(),
        version: 1,
        not_before: 0,
        body: "{}".to_owned(),
        trace: None,
        lease: Some(lease),
    };
    let id = committed(store, changes(vec![leased(lease.clone())])).await.effect_ids[0];
    assert_eq!(claim(store, 99, "t").await, vec![]);
    let taken = claim(store, 100, "t").await;
    assert_eq!((taken[0].id, taken[0].attempts, &taken[0].trace), (id, 2, &None));
    assert_eq!(store.commit(done(id, "mine")).await.unwrap_err(), StoreError::Fenced);
    let again = committed(store, changes(vec![leased(lease.clone())])).await.effect_ids[0];
    committed(store, done(again, "mine")).await;
    let empty = leased(NewLease { token: String::new(), ..lease });
    assert!(matches!(store.commit(changes(vec![empty])).await, Err(StoreError::Invalid(_))));
}

pub async fn done_and_result_are_one(f: Fixture) {
    let store = &f.store;
    committed(store, changes(vec![effect("notify", "k", 0)])).await;
    let held = claim(store, 0, "t").await;
    let finish = done(held[0].id, &held[0].token);
    // A result that conflicts leaves the effect leased.
    let clash = Commit { writes: vec![put("result", 3, 1)], ..finish.clone() };
    assert!(matches!(store.commit(clash).await, Err(StoreError::Conflict { .. })));
    // A timer puts itself again in the commit that ends it.
    committed(store, Commit { effects: vec![effect("notify", "k", 70)], ..finish.clone() }).await;
    assert!(store.get("case", "result").await.unwrap().is_some());
    assert_eq!(store.commit(finish).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(store.commit(done(held[0].id, "")).await.map_err(|e| e.retryable()), Err(false));
    assert_eq!(claim(store, 70, "u").await.len(), 1);
    let retention = Retention { effects_before: Some(2_000), ..Retention::default() };
    assert_eq!(store.sweep(retention).await.unwrap(), Swept { effects: 1, ..Swept::default() });
}

pub async fn a_failed_attempt_comes_again(f: Fixture) {
    let store = &f.store;
    committed(store, changes(vec![effect("notify", "k", 0)])).await;
    let first = claim(store, 0, "t").await;
    store.retry(failure(&first[0], "down"), 70).await.unwrap();
    is_fenced(store, &first[0]).await;
    assert_eq!(store.next_due(&[("notify", 1)]).await.unwrap(), Some(70));
    assert_eq!(claim(store, 69, "t").await, vec![]);
    let second = claim(store, 70, "t").await;
    assert_eq!((second[0].attempts, second[0].not_before), (2, 70));
    let unleased = Failure { effect_id: first[0].id, token: String::new(), now: 0, error: String::new() };
    store.retry(failure(&second[0], "down"), 80).await.unwrap();
    assert_eq!(store.retry(unleased.clone(), 1).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(store.park(unleased).await.unwrap_err(), StoreError::Fenced);
}

pub async fn parks_and_redrives(f: Fixture) {
    let store = &f.store;
    let ids =
        committed(store, changes(vec![effect("notify", "k", 0), effect("notify", "l", 0)])).await.effect_ids;
    let held = claim(store, 0, "t").await;
    store.park(failure(&held[0], &"é".repeat(2_000))).await.unwrap();
    store.park(failure(&held[1], "refused")).await.unwrap();
    is_fenced(store, &held[0]).await;
    assert_eq!(claim(store, 1_000, "t").await, vec![]);
    let parked = store.list_parked(0, 10).await.unwrap();
    assert_eq!(parked.iter().map(|p| p.id).collect::<Vec<_>>(), ids);
    assert_eq!((parked[0].error.len(), parked[1].error.as_str()), (2_000, "refused"));
    assert_eq!((parked[1].attempts, parked[1].parked_at, parked[1].key.as_str()), (1, 60, "l"));
    assert_eq!(store.list_parked(ids[0], 10).await.unwrap().len(), 1);
    assert!(store.redrive(ids[0], 500).await.unwrap());
    assert!(!store.redrive(ids[0], 500).await.unwrap());
    assert!(!store.redrive(12_345, 500).await.unwrap());
    let again = claim(store, 500, "u").await;
    assert_eq!((again[0].id, again[0].attempts), (ids[0], 1));
    // A put replaces a parked effect too.
    committed(store, changes(vec![effect("notify", "l", 600)])).await;
    assert_eq!(store.list_parked(0, 10).await.unwrap(), vec![]);
    assert_eq!(keys(&claim(store, 600, "v").await), ["k", "l"]);
}

pub async fn unknown_topics_and_newer_versions_stay(f: Fixture) {
    let store = &f.store;
    let newer = EffectChange::Put {
        topic: "notify",
        key: "newer".to_owned(),
        version: 2,
        not_before: 0,
        body: "{}".to_owned(),
        trace: None,
        lease: None,
    };
    committed(store, changes(vec![effect("unheard", "k", 0), newer, effect("notify", "known", 5)])).await;
    assert_eq!(store.next_due(&[("notify", 1)]).await.unwrap(), Some(5));
    assert_eq!(keys(&claim(store, 10, "t").await), ["known"]);
    assert_eq!(store.next_due(&[]).await.unwrap(), None);
    let rest = claim_of(store, &[("notify", 2), ("unheard", 1), ("notify", 2)], (10, "u")).await;
    assert_eq!(
        rest.iter().map(|e| (e.key.as_str(), e.attempts)).collect::<Vec<_>>(),
        [("k", 1), ("newer", 1)]
    );
}

pub async fn concurrent_workers_never_share(f: Fixture) {
    let put = (0..300).map(|n| effect("notify", &format!("k{n}"), 0)).collect();
    committed(&f.store, changes(put)).await;
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = f.store.clone();
            tokio::spawn(async move {
                let mut ended = Vec::new();
                loop {
                    let held = claim(&store, 0, &format!("t{worker}")).await;
                    if held.is_empty() {
                        return ended;
                    }
                    for effect in held {
                        let end = Done { effect_id: effect.id, token: effect.token };
                        committed(&store, Commit { done: Some(end), ..Commit::default() }).await;
                        ended.push(effect.id);
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!((all.len(), all.into_iter().collect::<HashSet<_>>().len()), (300, 300));
}

/// The platform's clock is moved, or two machines differ: effects are neither lost nor run under two leases that hold.
pub async fn a_clock_that_jumps_harms_nothing(f: Fixture) {
    let store = &f.store;
    committed(store, changes(vec![effect("notify", "k", 1_000)])).await;
    let ahead = claim(store, 5_000, "t").await;
    assert_eq!(ahead.len(), 1);
    // Back again: the lease holds until a time that comes later than it seemed.
    assert_eq!(claim(store, 1_000, "u").await, vec![]);
    assert_eq!(store.next_due(&[("notify", 1)]).await.unwrap(), Some(5_100));
    // Far ahead: it counts as over, and whoever held it is fenced.
    let later = claim(store, 1_000_000, "v").await;
    assert_eq!((later.len(), later[0].id), (1, ahead[0].id));
    is_fenced(store, &ahead[0]).await;
    // Times that go back are kept as they were given, in the order in which they came.
    for now in [900, 100, 500] {
        let commit =
            Commit { now, journal: vec![entry("s", "{}")], feed: vec![event("c")], ..Commit::default() };
        committed(store, commit).await;
    }
    let journal = store.read_stream("s", 0, 10).await.unwrap();
    assert_eq!(
        journal.iter().map(|entry| (entry.seq, entry.time)).collect::<Vec<_>>(),
        [(1, 900), (2, 100), (3, 500)]
    );
    assert_eq!(store.verify_stream("s").await.unwrap().fault, None);
    let feed = store.read_feed(0, 10).await.unwrap();
    assert_eq!(feed.iter().map(|row| row.time).collect::<Vec<_>>(), [900, 100, 500]);
    committed(store, done(later[0].id, &later[0].token)).await;
}
