//! What only a server can do to the store: crash, hold locks, let two wait for each other, lag behind; and callers that
//! go away while a small pool works for them.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cluster::{Cluster, Database, End, Pooler};
use sqlx::{Connection as _, Executor as _, PgConnection};
use store::{Commit, Done, Migrate, Outcome, PostgresOptions, Retention, Store, StoreError};

use crate::suite::{SCHEMA, by, claim_of, committed, effect, entry, event, put, request, writes};

/// Ends a broken test; a sound one never comes near it.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

async fn open(options: &PostgresOptions) -> Store {
    Store::migrate(options, &SCHEMA, Migrate::Apply).await.unwrap();
    Store::connect(options, &SCHEMA).await.unwrap()
}

/// A case with everything that a commit can bring.
fn whole(id: &str) -> Commit {
    Commit {
        journal: vec![entry(id, "{}")],
        effects: vec![effect("notify", id, 0)],
        feed: vec![event(id)],
        request: Some(request(id)),
        ..writes(vec![put(id, 0, 1)])
    }
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_handle_goes_on_after_a_crash() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let database = cluster.database().unwrap();
    let store = open(&PostgresOptions::new(&database.url())).await;
    for crash in 0..3 {
        let id = |nr: usize| format!("c{crash}-{nr}");
        // At once, so that many connections are open when the server goes.
        let many: Vec<_> = (0..16)
            .map(|nr| {
                let (store, commit) = (store.clone(), whole(&id(nr)));
                tokio::spawn(async move { committed(&store, commit).await })
            })
            .collect();
        for one in many {
            one.await.unwrap();
        }
        tokio::task::block_in_place(|| cluster.end(End::Kill)).unwrap();
        let lost = store.commit(whole(&id(16))).await.unwrap_err();
        assert!(matches!(lost, StoreError::Unavailable(_)) && lost.retryable(), "{lost:?}");
        assert!(store.ping().await.is_err());
        tokio::task::block_in_place(|| cluster.run()).unwrap();
        let mut failed = 0;
        for nr in 0..20 {
            while let Err(error) = store.commit(whole(&id(nr))).await {
                failed += 1;
                assert!(failed <= 1, "a second commit failed after the server was back: {error}");
            }
        }
        let replayed = store.commit(whole(&id(0))).await.unwrap();
        assert_eq!(replayed, Outcome::Replayed { response_ref: format!("ref-{}", id(0)) });
        assert_eq!(store.feed_head().await.unwrap(), (crash + 1) * 20);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_out_of_time_leaves_nothing() {
    let limits = [(100, 60_000), (60_000, 400)];
    for (lock_timeout, statement_timeout) in limits {
        let database = Database::new().unwrap();
        let store = open(&PostgresOptions {
            lock_timeout: Duration::from_millis(lock_timeout),
            statement_timeout: Duration::from_millis(statement_timeout),
            ..PostgresOptions::new(&database.url())
        })
        .await;
        committed(&store, writes(vec![put("held", 0, 1)])).await;
        let mut holder = PgConnection::connect(&database.url()).await.unwrap();
        holder.execute("BEGIN").await.unwrap();
        holder.execute("SELECT 1 FROM doc_case WHERE id = 'held' FOR UPDATE").await.unwrap();

        let change = Commit { writes: vec![put("new", 0, 1), put("held", 1, 2)], ..whole("new") };
        let error = store.commit(change.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)) && error.retryable(), "{error:?}");
        assert_eq!(store.get("case", "new").await.unwrap(), None);
        assert_eq!(store.get("case", "held").await.unwrap().unwrap().revision, 1);
        assert_eq!(store.find_request("borrower:1", "", "new").await.unwrap(), None);
        assert_eq!(store.read_stream("new", 0, 1).await.unwrap(), vec![]);
        assert_eq!((store.feed_head().await.unwrap(), open_transactions(&database)), (0, 1));

        holder.execute("ROLLBACK").await.unwrap();
        assert_eq!(committed(&store, change).await.revisions, [1, 2]);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_for_each_other_end_as_if_one_came_first() {
    const ROUNDS: i64 = 40;
    const RIVALS: usize = 4;
    let cluster = Arc::new(Cluster::start_with(&["deadlock_timeout=5ms"]).unwrap());
    let database = cluster.database().unwrap();
    let store = open(&PostgresOptions::new(&database.url())).await;
    committed(&store, writes(vec![put("a", 0, 1), put("b", 0, 1)])).await;
    // Whoever wrote one document takes a moment before the other, so that two meet crosswise.
    database
        .ask(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END'; \
             CREATE TRIGGER linger AFTER UPDATE ON doc_case FOR EACH ROW EXECUTE FUNCTION linger()",
        )
        .unwrap();
    for round in 1..=ROUNDS {
        let rivals: Vec<_> = (0..RIVALS)
            .map(|rival| {
                let mut both = vec![put("a", round, rival as i64), put("b", round, rival as i64)];
                if rival % 2 == 1 {
                    both.reverse();
                }
                let store = store.clone();
                tokio::spawn(async move { store.commit(writes(both)).await })
            })
            .collect();
        let mut winners = 0;
        for rival in rivals {
            match rival.await.unwrap() {
                Ok(Outcome::Committed(receipt)) => {
                    assert_eq!(receipt.revisions, [round + 1; 2]);
                    winners += 1;
                }
                Err(StoreError::Conflict { revision, .. }) => assert_eq!(revision, round + 1),
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
    }
    store.close().await;
    // Else nobody waited for anybody and the test says nothing. The server counts when a connection ends.
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    eventually("enough deadlocks", || async {
        let count: i64 = database.ask(deadlocks).unwrap().parse().unwrap();
        (count > ROUNDS / 4).then(|| println!("{count} deadlocks in {ROUNDS} rounds"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_answers_what_may_be_stale_and_nothing_else() {
    let primary = Arc::new(Cluster::start().unwrap());
    let replica = tokio::task::block_in_place(|| primary.replica()).unwrap();
    let database = primary.database().unwrap();
    let store = open(&PostgresOptions {
        replica_url: Some(database.url_at(replica.port())),
        ..PostgresOptions::new(&database.url())
    })
    .await;
    let revision = async |store: &Store| store.get("case", "a").await.unwrap().map(|found| found.revision);
    committed(&store, whole("a")).await;
    let url = database.url_at(replica.port());
    let asked_there = async |sql: &'static str| -> Result<String, sqlx::Error> {
        let mut direct = PgConnection::connect(&url).await?;
        sqlx::query_scalar(sql).fetch_one(&mut direct).await
    };
    eventually("the case on the replica", || async {
        // Until it has caught up it knows neither table nor database.
        asked_there("SELECT body FROM doc_case").await.ok()
    })
    .await;

    // From here on the replica stands still, which tells who answers.
    asked_there("SELECT pg_wal_replay_pause()::text").await.unwrap();
    eventually("the pause", || async {
        let state = asked_there("SELECT pg_get_wal_replay_pause_state()").await.unwrap();
        (state == "paused").then_some(())
    })
    .await;
    // A handle for stale reads writes where everybody writes.
    let change =
        Commit { journal: vec![entry("a", "{}")], feed: vec![event("a")], ..writes(vec![put("a", 1, 2)]) };
    assert_eq!(committed(&store.stale(), change).await.revisions, [2]);
    assert_eq!((revision(&store).await, revision(&store.stale()).await), (Some(2), Some(1)));
    let stale = store.stale();
    assert_eq!(stale.read_stream("a", 0, 10).await.unwrap().len(), 1);
    assert_eq!(stale.verify_stream("a").await.unwrap().entries, 1);
    assert_eq!(store.verify_stream("a").await.unwrap().entries, 2);
    // What decides something is never stale: feed positions, requests, effects.
    assert_eq!(stale.read_feed(0, 10).await.unwrap().len(), 2);
    assert!(stale.find_request("borrower:1", "", "a").await.unwrap().is_some());

    tokio::task::block_in_place(|| replica.end(End::Kill)).unwrap();
    assert_eq!(revision(&stale).await, Some(2), "the primary stands in");
    assert_eq!(stale.list(by("id", 10)).await.unwrap().len(), 1);
    assert_eq!(stale.count("case", vec![]).await.unwrap(), 1);
    tokio::task::block_in_place(|| replica.run()).unwrap();
    eventually("the replica", || async { (revision(&stale).await == Some(2)).then_some(()) }).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancels_leave_every_connection_sound() {
    let database = Database::new().unwrap();
    let options = PostgresOptions::new(&database.url());
    cancel(&database, options, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_through_a_pooler_leave_every_connection_sound() {
    let database = Database::new().unwrap();
    let pooler = Pooler::start(database.port()).unwrap();
    let options = PostgresOptions {
        pooler: true,
        listen_url: Some(database.url()),
        ..PostgresOptions::new(&database.url_at(pooler.port()))
    };
    cancel(&database, options, 3_000).await;
}

const CALLERS: usize = 24;
const CONNECTIONS: u32 = 4;

/// Callers of every kind of statement that go away at any moment.
async fn cancel(database: &Database, options: PostgresOptions, calls: usize) {
    let store = open(&PostgresOptions {
        max_connections: CONNECTIONS,
        max_waiting: 100_000,
        acquire_timeout: PATIENCE,
        // The server must not tidy up what we leave behind.
        idle_in_transaction_timeout: 10 * PATIENCE,
        ..options
    })
    .await;
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut begun = Vec::new();
                let mut choices = Choices(0x9E37_79B9_7F4A_7C15 ^ (caller as u64 + 1));
                for nr in (caller..calls).step_by(CALLERS) {
                    if one_call(&store, nr, &mut choices).await {
                        begun.push(format!("c{nr}"));
                    }
                }
                begun
            })
        })
        .collect();
    let mut begun = HashSet::new();
    for caller in callers {
        begun.extend(caller.await.unwrap());
    }
    let count = |sql: &str| database.ask(sql).unwrap().parse::<usize>().unwrap();
    eventually("the end of what was begun", || async {
        (count("SELECT count(*) FROM requests") == begun.len() && open_transactions(database) == 0)
            .then_some(())
    })
    .await;
    println!("{calls} calls, {} commits begun", begun.len());
    assert!(begun.len() > calls / 4 && begun.len() < calls / 2);

    // Each connection works, with no transaction open, and there are no more than allowed.
    let all_at_once = (0..CALLERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.ping().await })
    });
    for ping in all_at_once.collect::<Vec<_>>() {
        ping.await.unwrap().unwrap();
    }
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%' AND backend_type = 'client backend'";
    // The listener's last statement asks for its own number.
    assert!(count(ours) <= CONNECTIONS as usize + 1, "{} connections", count(ours));
    assert_eq!(open_transactions(database), 0);
    all_done_once(&store, &begun).await;
    assert_eq!(count("SELECT count(*) FROM effects"), begun.len());
    store.close().await;
}

/// Begins one call and goes away after a poll or two, a moment, or the answer. Whether it began a commit that must be
/// done in the end.
async fn one_call(store: &Store, nr: usize, choices: &mut Choices) -> bool {
    let leave = choices.below(4);
    let moment = Duration::from_micros(1 << choices.below(13));
    let patience = async |call: &mut (dyn Future<Output = ()> + Send + Unpin)| match leave {
        0 => {
            let polled = poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *call).poll(context)));
            let _ = polled.await;
        }
        3 => call.await,
        _ => {
            let _ = tokio::time::timeout(moment, call).await;
        }
    };
    let seed = format!("t{nr}");
    match choices.below(10) {
        0..=3 => {
            let mut call = pin!(async { drop(store.commit(whole(&format!("c{nr}"))).await.unwrap()) });
            patience(&mut call).await;
            return true;
        }
        // Refused in the middle of its transaction.
        4 => {
            let refused = writes(vec![put(&format!("never{nr}"), 0, 1), put("absent", 7, 1)]);
            let mut call = pin!(async { drop(store.commit(refused).await.unwrap_err()) });
            patience(&mut call).await;
        }
        5 => {
            let mut call = pin!(async { drop(claim_of(store, &[("notify", 1)], (nr as i64, &seed)).await) });
            patience(&mut call).await;
        }
        6 => {
            let mut call = pin!(async { drop(store.read_feed(0, 50).await.unwrap()) });
            patience(&mut call).await;
        }
        7 => {
            let retention =
                Retention { effects_before: Some(0), requests_before: Some(0), ..Retention::default() };
            let mut call = pin!(async {
                let _ = store.sweep(retention).await.unwrap();
            });
            patience(&mut call).await;
        }
        8 => {
            let mut call = pin!(async { drop(store.list(by("due", 20)).await.unwrap()) });
            patience(&mut call).await;
        }
        _ => {
            let mut call = pin!(async { drop(store.get("case", &seed).await.unwrap()) });
            patience(&mut call).await;
        }
    }
    false
}

/// No commit is lost, doubled or halved; every effect can be finished once.
async fn all_done_once(store: &Store, begun: &HashSet<String>) {
    let feed = store.read_feed(0, 10_000).await.unwrap();
    assert!(feed.iter().zip(1..).all(|(row, position)| row.position == position));
    assert_eq!(feed.len(), begun.len());
    let told: HashSet<_> = feed.into_iter().map(|row| row.case_key).collect();
    assert_eq!(&told, begun);
    assert_eq!(store.count("case", vec![]).await.unwrap(), begun.len() as i64);
    for id in begun {
        assert_eq!(store.read_stream(id, 0, 2).await.unwrap().len(), 1);
    }
    let (mut finished, mut now) = (HashSet::new(), 1_000_000);
    loop {
        // Later than every lease, so that whatever a cancelled claim took comes back.
        now += 1_000;
        let held = claim_of(store, &[("notify", 1)], (now, "last")).await;
        if held.is_empty() {
            break;
        }
        for effect in held {
            assert!(finished.insert(effect.key));
            let done = Some(Done { effect_id: effect.id, token: effect.token });
            committed(store, Commit { done, ..Commit::default() }).await;
        }
    }
    assert_eq!(&finished, begun);
}

/// Connections with a transaction open that nobody works in.
fn open_transactions(database: &Database) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND state LIKE 'idle in transaction%'";
    database.ask(sql).unwrap().parse().unwrap()
}

/// xorshift64: the same choices every run.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
