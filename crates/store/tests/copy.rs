//! From SQLite to PostgreSQL.

#[cfg(test)]
mod copying {
    use std::path::Path;

    use cluster::Database;
    use store::{
        Claim, Column, ColumnType, Commit, Done, EffectChange, Entry, FeedEntry, Kind, Migrate, Options,
        Outcome, PostgresOptions, Query, Request, Schema, Store, StoreError, Write,
    };

    const SCHEMA: Schema = Schema {
        kinds: &[Kind {
            name: "case",
            columns: &[
                Column { name: "borrower", ty: ColumnType::Text },
                Column { name: "due", ty: ColumnType::BigInt },
            ],
            indexes: &[&["due"]],
        }],
    };
    /// More than are sent at once.
    const CASES: i64 = 2_345;

    fn commit(n: i64) -> Commit {
        let id = format!("c{n}");
        Commit {
            now: n,
            writes: vec![Write::Put {
                kind: "case",
                id: id.clone(),
                expected_revision: 0,
                body_version: 1,
                body: format!("{{\"said\":\"第{n} — “quoted”\\\\n\"}}"),
                index: vec![("borrower", format!("b{n}").into()), ("due", (n - 7).into())],
            }],
            journal: vec![Entry {
                stream: id.clone(),
                kind: "noted".into(),
                actor: String::new(),
                body: "{}".into(),
            }],
            effects: vec![EffectChange::Put {
                topic: "notify",
                key: id.clone(),
                version: 1,
                not_before: n,
                body: "{}".into(),
                trace: None,
                lease: None,
            }],
            feed: vec![FeedEntry { case_key: id.clone(), kind: "noted".into(), body: "{}".into() }],
            request: Some(Request {
                principal: "service:core".into(),
                subject: String::new(),
                request_id: id.clone(),
                method: "Put".into(),
                payload_hash: "aa".into(),
                response_ref: id,
            }),
            ..Commit::default()
        }
    }

    fn claim() -> Claim {
        Claim {
            topics: vec![("notify", 1)],
            now: 10,
            lease_until: 50,
            worker: "w".into(),
            token_seed: "t".into(),
            limit: 3,
        }
    }

    async fn filled(path: &Path) -> Store {
        let store = Store::open(path, &SCHEMA, Options::default()).unwrap();
        for n in 0..CASES {
            store.commit(commit(n)).await.unwrap();
        }
        // A deleted document, a finished effect and two leased ones.
        let gone = Write::Delete { kind: "case", id: "c1".into(), expected_revision: 1 };
        store.commit(Commit { writes: vec![gone], ..Commit::default() }).await.unwrap();
        let held = store.claim(claim()).await.unwrap();
        let done = Some(Done { effect_id: held[0].id, token: held[0].token.clone() });
        store.commit(Commit { now: 20, done, ..Commit::default() }).await.unwrap();
        store
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everything_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("application.db");
        let old = filled(&path).await;
        let database = Database::new().unwrap();
        let options = PostgresOptions::new(&database.url());
        Store::migrate(&options, &SCHEMA, Migrate::Apply).await.unwrap();
        let copied = Store::copy(&path, &options, &SCHEMA).await.unwrap();
        let rows = |table: &str| copied.iter().find(|one| one.table == table).unwrap().rows;
        assert_eq!(rows("doc_case"), CASES as u64 - 1);
        assert_eq!(
            (rows("journal"), rows("effects"), rows("feed")),
            (CASES as u64, CASES as u64, CASES as u64)
        );
        assert_eq!((rows("requests"), rows("tombstones"), rows("feed_head")), (CASES as u64, 1, 1));

        let new = Store::connect(&options, &SCHEMA).await.unwrap();
        let all = || Query {
            kind: "case",
            filters: vec![],
            order_by: "due",
            descending: false,
            after: None,
            limit: 10_000,
        };
        assert_eq!(new.list(all()).await.unwrap(), old.list(all()).await.unwrap());
        assert_eq!(new.read_feed(0, 10_000).await.unwrap(), old.read_feed(0, 10_000).await.unwrap());
        // A replay is a replay, a chain goes on, a lease is still held, an id isn't given twice, a revision goes on.
        assert!(matches!(new.commit(commit(5)).await.unwrap(), Outcome::Replayed { .. }));
        let mut later = commit(CASES);
        later.journal[0].stream = "c7".into();
        let Outcome::Committed(receipt) = new.commit(later).await.unwrap() else { panic!("a replay") };
        assert_eq!(receipt.effect_ids, [CASES + 1]);
        let report = new.verify_stream("c7").await.unwrap();
        assert_eq!((report.entries, report.fault), (2, None));
        assert_eq!(new.feed_head().await.unwrap(), CASES + 1);
        assert_eq!(new.claim(claim()).await.unwrap().len(), 3);
        let again = Commit { request: None, ..commit(1) };
        let Outcome::Committed(receipt) = new.commit(again).await.unwrap() else { panic!("a replay") };
        assert_eq!(receipt.revisions, [2]);
        // Never into a database that holds something.
        let refused = Store::copy(&path, &options, &SCHEMA).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid(_)), "{refused:?}");
        let absent = Store::copy(&dir.path().join("none.db"), &options, &SCHEMA).await.unwrap_err();
        assert!(matches!(absent, StoreError::Invalid(_)), "{absent:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_copy_that_breaks_off_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("application.db");
        filled(&path).await.close().await;
        let database = Database::new().unwrap();
        let options = PostgresOptions::new(&database.url());
        Store::migrate(&options, &SCHEMA, Migrate::Apply).await.unwrap();
        // The target alters what it gets: the comparison must notice.
        database
        .ask("CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.body := NEW.body || '' ''; RETURN NEW; END'")
        .unwrap();
        database.ask("CREATE TRIGGER bend BEFORE INSERT ON doc_case FOR EACH ROW WHEN (NEW.id = 'c77') EXECUTE FUNCTION bend()").unwrap();
        let refused = Store::copy(&path, &options, &SCHEMA).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Corrupt(text) if text.contains("doc_case")), "{refused:?}");
        assert_eq!(database.ask("SELECT count(*) FROM journal").unwrap(), "0");
        database.ask("DROP TRIGGER bend ON doc_case").unwrap();
        Store::copy(&path, &options, &SCHEMA).await.unwrap();
    }
}
