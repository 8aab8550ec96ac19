//! The effects loop on an inline store and a clock that stands still.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::worker::{MAX_ATTEMPTS, leased_effect};
use chassis::{Clock, Ended, Failure, Ids, Topic, Worker, clock};
use jiff::SignedDuration;
use store::{Commit, EffectChange, Kind, Outcome, Schema, Store, Write};
use tokio_util::sync::CancellationToken;

static SCHEMA: Schema = Schema { kinds: &[Kind { name: "note", columns: &[], indexes: &[] }] };

type Log = Arc<Mutex<Vec<String>>>;

#[cfg(test)]
mod bench {
    use super::*;

    pub struct Bench {
        pub store: Store,
        pub clock: Clock,
        pub log: Log,
    }

    impl Bench {
        pub fn new() -> Self {
            let clock = Clock::manual(clock::parse_time("2026-07-20T10:00+08:00").unwrap());
            Self { store: Store::open_inline(None, &SCHEMA).unwrap(), clock, log: Log::default() }
        }

        pub fn worker(&self, topics: Vec<Topic>) -> Worker {
            Worker::new("test", self.store.clone(), self.clock.clone(), Ids::seeded(1), topics)
        }

        pub async fn put(&self, topic: &'static str, key: &str, in_seconds: i64) -> i64 {
            let not_before = self.clock.now_micros() + in_seconds * 1_000_000;
            let change = EffectChange::Put {
                topic,
                key: key.to_owned(),
                version: 1,
                not_before,
                body: "{}".to_owned(),
                trace: None,
                lease: None,
            };
            self.commit(Commit { effects: vec![change], ..Commit::default() }).await
        }

        pub async fn commit(&self, commit: Commit) -> i64 {
            let commit = Commit { now: self.clock.now_micros(), ..commit };
            match self.store.commit(commit).await.unwrap() {
                Outcome::Committed(receipt) => receipt.effect_ids.first().copied().unwrap_or_default(),
                Outcome::Replayed { .. } => panic!("replayed"),
            }
        }

        /// A topic that writes down its keys.
        pub fn logging(&self, name: &'static str) -> Topic {
            let log = Arc::clone(&self.log);
            Topic::new(name, 1, move |effect| {
                log.lock().unwrap().push(effect.key.clone());
                async { Ok(Commit::default()) }
            })
        }

        pub fn log(&self) -> Vec<String> {
            self.log.lock().unwrap().clone()
        }

        pub fn advance(&self, seconds: i64) {
            self.clock.advance(SignedDuration::from_secs(seconds)).unwrap();
        }
    }

    pub fn note(id: &str, expected_revision: i64) -> Commit {
        let write = Write::Put {
            kind: "note",
            id: id.to_owned(),
            expected_revision,
            body_version: 1,
            body: "{}".to_owned(),
            index: Vec::new(),
        };
        Commit { writes: vec![write], ..Commit::default() }
    }

    /// Waits, in machine time, for something another task does.
    pub async fn eventually(condition: impl Fn() -> bool) {
        for _ in 0..500 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never happened");
    }
}

#[cfg(test)]
use bench::{Bench, eventually, note};

#[tokio::test]
async fn runs_what_is_due_in_order_and_once() {
    let bench = Bench::new();
    let worker = bench.worker(vec![bench.logging("a")]);
    for (key, seconds) in [("one", 0), ("later", 60), ("two", 0)] {
        bench.put("a", key, seconds).await;
    }
    bench.put("unknown", "three", 0).await;
    assert_eq!(worker.run_due_once().await.unwrap(), 2);
    assert_eq!(worker.run_until_idle().await.unwrap(), 0);
    let mut log = bench.log();
    log.sort();
    assert_eq!(log, ["one", "two"]);
    bench.advance(60);
    assert_eq!(worker.run_until_idle().await.unwrap(), 1);
    assert_eq!(bench.log().last().unwrap(), "later");
}

#[tokio::test]
async fn a_failing_effect_backs_off_parks_and_stops_nobody() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicI32::new(0));
    let count = Arc::clone(&runs);
    let failing = Topic::new("bad", 1, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err(Failure::retry("no luck")) }
    });
    let hopeless = Topic::new("hopeless", 1, |_| async { Err(Failure::permanent("never")) });
    let worker = bench.worker(vec![failing, hopeless, bench.logging("good")]);
    bench.put("bad", "b", 0).await;
    bench.put("hopeless", "h", 0).await;
    for round in 0..MAX_ATTEMPTS + 3 {
        bench.put("good", &round.to_string(), 0).await;
        worker.run_until_idle().await.unwrap();
        bench.advance(601);
    }
    assert_eq!(runs.load(Ordering::SeqCst), MAX_ATTEMPTS);
    assert_eq!(bench.log().len(), usize::try_from(MAX_ATTEMPTS + 3).unwrap());
    let parked = bench.store.list_parked(0, 10).await.unwrap();
    let mut parked: Vec<_> = parked.iter().map(|p| (p.topic.as_str(), p.error.as_str())).collect();
    parked.sort_unstable();
    assert_eq!(parked, [("bad", "no luck"), ("hopeless", "never")]);
}

#[tokio::test]
async fn an_absent_dependency_never_parks() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicI32::new(0));
    let count = Arc::clone(&runs);
    let topic = Topic::new("call", 1, move |_| {
        let run = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if run < MAX_ATTEMPTS * 2 {
                return Err(Failure::from(tonic::Status::unavailable("down")));
            }
            Ok(Commit::default())
        }
    });
    let worker = bench.worker(vec![topic]);
    bench.put("call", "c", 0).await;
    for _ in 0..MAX_ATTEMPTS * 2 + 2 {
        worker.run_until_idle().await.unwrap();
        bench.advance(601);
    }
    assert_eq!(runs.load(Ordering::SeqCst), MAX_ATTEMPTS * 2 + 1);
    assert!(bench.store.list_parked(0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_race_runs_the_handler_again_on_fresh_state() {
    let bench = Bench::new();
    let store = bench.store.clone();
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let topic = Topic::new("edit", 1, move |_| {
        let (store, run) = (store.clone(), count.fetch_add(1, Ordering::SeqCst));
        async move {
            let seen = store.get("note", "n").await?.map_or(0, |document| document.revision);
            if run < 2 {
                // Somebody else is faster.
                store.commit(note("n", seen)).await?;
            }
            Ok(note("n", seen))
        }
    });
    let worker = bench.worker(vec![topic]);
    bench.put("edit", "n", 0).await;
    assert_eq!(worker.run_until_idle().await.unwrap(), 1);
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(bench.store.get("note", "n").await.unwrap().unwrap().revision, 3);
}

#[tokio::test]
async fn a_result_and_its_end_are_one_commit() {
    let bench = Bench::new();
    let store = bench.store.clone();
    let clock = bench.clock.clone();
    // While the handler runs, the effect is replaced: its result must not count.
    let replace = EffectChange::Put {
        topic: "edit",
        key: "n".to_owned(),
        version: 1,
        not_before: clock.now_micros() + 3_600_000_000,
        body: "{}".to_owned(),
        trace: None,
        lease: None,
    };
    let topic = Topic::new("edit", 1, move |_| {
        let (store, replace) = (store.clone(), replace.clone());
        async move {
            store.commit(Commit { effects: vec![replace], ..Commit::default() }).await?;
            Ok(note("n", 0))
        }
    });
    let worker = bench.worker(vec![topic]);
    bench.put("edit", "n", 0).await;
    worker.run_until_idle().await.unwrap();
    assert!(bench.store.get("note", "n").await.unwrap().is_none());
}

#[tokio::test]
async fn panics_are_failures() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let topic = Topic::new("wild", 1, move |_| {
        let run = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(run > 0, "the first time");
            Ok(note("n", 0))
        }
    });
    let worker = bench.worker(vec![topic]);
    bench.put("wild", "w", 0).await;
    worker.run_until_idle().await.unwrap();
    bench.advance(2);
    worker.run_until_idle().await.unwrap();
    assert!(bench.store.get("note", "n").await.unwrap().is_some());
}

#[tokio::test]
async fn two_effects_of_one_key_never_run_at_once_others_do() {
    let bench = Bench::new();
    let (running, most) = (Arc::new(Mutex::new(Vec::<String>::new())), Arc::new(AtomicU32::new(0)));
    let topics = ["a", "b", "c"].map(|name| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        Topic::new(name, 1, move |effect| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                {
                    let mut now = running.lock().unwrap();
                    assert!(!now.contains(&effect.key), "{} runs twice", effect.key);
                    now.push(effect.key.clone());
                    most.fetch_max(u32::try_from(now.len()).unwrap(), Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                running.lock().unwrap().retain(|key| *key != effect.key);
                Ok(Commit::default())
            }
        })
    });
    let worker = bench.worker(topics.to_vec());
    for topic in ["a", "b", "c"] {
        for key in ["li", "wang", "zhao"] {
            bench.put(topic, key, 0).await;
        }
    }
    assert_eq!(worker.run_until_idle().await.unwrap(), 9);
    assert!(bench.store.list_parked(0, 10).await.unwrap().is_empty());
    bench.advance(3_600);
    assert_eq!(worker.run_until_idle().await.unwrap(), 0, "none of them failed");
    assert!(most.load(Ordering::SeqCst) > 1, "different keys run side by side");
}

#[tokio::test]
async fn an_rpc_runs_the_effect_it_has_put_even_if_it_leaves() {
    let bench = Bench::new();
    let worker = bench.worker(vec![Topic::new("assess", 1, |effect| async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(note(&effect.key, 0))
    })]);
    for (key, stays) in [("stays", true), ("leaves", false)] {
        let change = EffectChange::Put {
            topic: "assess",
            key: key.to_owned(),
            version: 1,
            not_before: bench.clock.now_micros(),
            body: "{}".to_owned(),
            trace: None,
            lease: Some(worker.lease()),
        };
        let id = bench.commit(Commit { effects: vec![change.clone()], ..Commit::default() }).await;
        assert_eq!(worker.run_due_once().await.unwrap(), 0, "it is leased already");
        let run = worker.run_effect_now(leased_effect(&change, id).unwrap());
        if stays {
            assert_eq!(run.await.unwrap(), Ended::Done);
        } else {
            assert!(tokio::time::timeout(Duration::from_millis(1), run).await.is_err());
        }
        for _ in 0..100 {
            if bench.store.get("note", key).await.unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(bench.store.get("note", key).await.unwrap().is_some(), "{key}");
    }
}

#[tokio::test]
async fn the_loop_wakes_for_commits_and_for_the_clock_and_stops() {
    let bench = Bench::new();
    let worker = bench.worker(vec![bench.logging("a")]);
    let shutdown = CancellationToken::new();
    let running = worker.spawn(shutdown.clone());
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Both well within the poll interval of five seconds.
    let started = std::time::Duration::from_secs(3);
    bench.put("a", "now", 0).await;
    tokio::time::timeout(started, eventually(|| bench.log() == ["now"])).await.unwrap();
    bench.put("a", "tomorrow", 86_400).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.log(), ["now"]);
    bench.advance(86_400);
    tokio::time::timeout(started, eventually(|| bench.log() == ["now", "tomorrow"])).await.unwrap();
    for key in 0..200 {
        bench.put("a", &key.to_string(), 0).await;
    }
    eventually(|| bench.log().len() == 202).await;
    shutdown.cancel();
    running.await.unwrap();
}
