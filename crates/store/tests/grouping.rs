//! What holds of a writer that commits many callers' work at once.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use store::{Commit, Kind, Options, Outcome, Request, Schema, Store, StoreError, Write};
    use tokio::task::JoinHandle;

    const SCHEMA: Schema = Schema { kinds: &[Kind { name: "slot", columns: &[], indexes: &[] }] };
    /// Long enough for the writer to take what waits, far below its patience with a lock.
    const SETTLE: Duration = Duration::from_millis(200);

    fn put(id: &str) -> Commit {
        let write = Write::Put {
            kind: "slot",
            id: id.to_owned(),
            expected_revision: 0,
            body_version: 1,
            body: "{}".to_owned(),
            index: vec![],
        };
        Commit { writes: vec![write], ..Commit::default() }
    }

    fn requested(id: &str) -> Commit {
        let request = Request {
            principal: "service:a".to_owned(),
            subject: String::new(),
            request_id: "r".to_owned(),
            method: "M".to_owned(),
            payload_hash: "h".to_owned(),
            response_ref: id.to_owned(),
        };
        Commit { request: Some(request), ..put(id) }
    }

    fn send(store: &Store, commit: Commit) -> JoinHandle<Result<Outcome, StoreError>> {
        let store = store.clone();
        tokio::spawn(async move { store.commit(commit).await })
    }

    /// Holds the write lock from outside, as a backup would.
    fn hold(path: &Path) -> rusqlite::Connection {
        let holder = rusqlite::Connection::open(path).unwrap();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        holder
    }

    fn open(options: Options) -> (tempfile::TempDir, PathBuf, Store) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = Store::open(&path, &SCHEMA, options).unwrap();
        (dir, path, store)
    }

    /// The batch's COMMIT fails: had any answer left before it, that caller would have been told something untrue.
    #[tokio::test]
    async fn no_answer_leaves_before_the_commit() {
        let (_dir, path, store) = open(Options::default());
        store.commit(put("taken")).await.unwrap();
        let holder = rusqlite::Connection::open(&path).unwrap();
        holder
            .execute_batch(
                "CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER fail_at_commit AFTER INSERT ON doc_slot WHEN NEW.id = 'poison'
                 BEGIN INSERT INTO child VALUES (1); END;
                 BEGIN IMMEDIATE",
            )
            .unwrap();
        let first = send(&store, put("first"));
        tokio::time::sleep(SETTLE).await;
        let bell = store.changes();
        let commits = [put("a"), requested("b"), requested("b"), put("taken"), put("poison"), put("c")];
        let batch: Vec<_> = commits.into_iter().map(|commit| send(&store, commit)).collect();
        tokio::time::sleep(SETTLE).await;
        assert!(!first.is_finished() && batch.iter().all(|answer| !answer.is_finished()));
        holder.execute_batch("ROLLBACK").unwrap();
        assert!(matches!(first.await.unwrap(), Ok(Outcome::Committed(_))));
        for (at, answer) in batch.into_iter().enumerate() {
            let error = answer.await.unwrap().unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{at}: {error:?}");
        }
        assert_eq!(*bell.borrow(), 2);
        assert_eq!(store.count("slot", vec![]).await.unwrap(), 2);
        assert_eq!(store.find_request("service:a", "", "r").await.unwrap(), None);
        // The next batch starts anew.
        assert!(matches!(store.commit(requested("b")).await, Ok(Outcome::Committed(_))));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (_dir, path, store) = open(Options { max_waiting: 2, ..Options::default() });
        let holder = hold(&path);
        let running = send(&store, put("running"));
        tokio::time::sleep(SETTLE).await;
        let waiting = [send(&store, put("a")), send(&store, put("b"))];
        tokio::time::sleep(SETTLE).await;
        assert_eq!(store.commit(put("refused")).await, Err(StoreError::Overloaded));
        holder.execute_batch("ROLLBACK").unwrap();
        for answer in waiting.into_iter().chain([running]) {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(store.get("slot", "refused").await.unwrap(), None);
        store.commit(put("refused")).await.unwrap();
    }

    #[tokio::test]
    async fn the_byte_limit_counts_but_lets_one_pass() {
        let (_dir, path, store) = open(Options { max_waiting_bytes: 100, ..Options::default() });
        let large = |id: &str| {
            let mut commit = put(id);
            if let Some(Write::Put { body, .. }) = commit.writes.first_mut() {
                *body = "x".repeat(1_000);
            }
            commit
        };
        let holder = hold(&path);
        let running = send(&store, large("running"));
        tokio::time::sleep(SETTLE).await;
        let waiting = send(&store, large("waiting"));
        tokio::time::sleep(SETTLE).await;
        assert_eq!(store.commit(large("refused")).await, Err(StoreError::Overloaded));
        holder.execute_batch("ROLLBACK").unwrap();
        running.await.unwrap().unwrap();
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn close_and_drop_finish_what_was_handed_over() {
        for closing in [true, false] {
            let (_dir, path, store) = open(Options::default());
            let holder = hold(&path);
            let mut handed_over = Vec::new();
            for n in 0..600 {
                let mut future = Box::pin(store.commit(put(&format!("n{n}"))));
                std::future::poll_fn(|context| {
                    assert!(future.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                handed_over.push(future);
            }
            drop(handed_over);
            holder.execute_batch("ROLLBACK").unwrap();
            if closing {
                store.close().await;
            } else {
                drop(store);
            }
            let store = Store::open(&path, &SCHEMA, Options::default()).unwrap();
            assert_eq!(store.count("slot", vec![]).await.unwrap(), 600, "closing: {closing}");
        }
    }
}
