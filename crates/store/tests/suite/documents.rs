//! Documents, revisions, lists, declarations.

use store::{
    Check, Column, ColumnType, Commit, Filter, Kind, Op, Query, Schema, Store, StoreError, Value, Write,
};

use super::{Fixture, SCHEMA, by, committed, effect, entry, event, put, request, slot, writes};

fn conflict(id: &str, revision: i64) -> StoreError {
    StoreError::Conflict { kind: "case".to_owned(), id: id.to_owned(), revision }
}

fn delete(id: &str, expected_revision: i64) -> Write {
    Write::Delete { kind: "case", id: id.to_owned(), expected_revision }
}

fn checking(id: &str, revision: i64) -> Commit {
    let check = Check { kind: "case", id: id.to_owned(), revision };
    Commit { checks: vec![check], ..writes(vec![slot(&format!("{id}-{revision}"))]) }
}

pub async fn revisions_guard_every_write(f: Fixture) {
    let store = &f.store;
    // Steps of one history: the commit, and the revision or the conflict it must give.
    let steps: Vec<(Commit, Result<Vec<i64>, StoreError>)> = vec![
        (writes(vec![put("a", 1, 5)]), Err(conflict("a", 0))),
        (writes(vec![delete("a", 1)]), Err(conflict("a", 0))),
        (checking("a", 1), Err(conflict("a", 0))),
        (checking("a", 0), Ok(vec![1])),
        (writes(vec![put("a", 0, 5)]), Ok(vec![1])),
        (writes(vec![put("a", 0, 6)]), Err(conflict("a", 1))),
        (checking("a", 0), Err(conflict("a", 1))),
        (writes(vec![put("a", 2, 6)]), Err(conflict("a", 1))),
        (writes(vec![put("a", 1, 6)]), Ok(vec![2])),
        (checking("a", 1), Err(conflict("a", 2))),
        (checking("a", 2), Ok(vec![1])),
        (writes(vec![delete("a", 1)]), Err(conflict("a", 2))),
        (writes(vec![put("b", 0, 1), put("b", 1, 2), delete("b", 2)]), Ok(vec![1, 2, 0])),
        (writes(vec![delete("a", 2)]), Ok(vec![0])),
    ];
    for (at, (commit, expected)) in steps.into_iter().enumerate() {
        let found = match store.commit(commit).await {
            Ok(store::Outcome::Committed(receipt)) => Ok(receipt.revisions),
            Ok(other) => panic!("step {at}: {other:?}"),
            Err(error) => Err(error),
        };
        assert_eq!(found, expected, "step {at}");
    }
    assert_eq!(store.get("case", "a").await.unwrap(), None);
    assert_eq!(store.count("case", vec![]).await.unwrap(), 0);
}

pub async fn a_conflict_leaves_nothing_of_its_commit(f: Fixture) {
    let store = &f.store;
    committed(store, writes(vec![put("taken", 0, 1)])).await;
    let commit = Commit {
        journal: vec![entry("s", "{}")],
        effects: vec![effect("notify", "k", 0)],
        feed: vec![event("c")],
        request: Some(request("r")),
        ..writes(vec![put("new", 0, 1), put("taken", 7, 1)])
    };
    assert_eq!(store.commit(commit).await.unwrap_err(), conflict("taken", 1));
    assert_eq!(store.get("case", "new").await.unwrap(), None);
    assert_eq!(store.read_stream("s", 0, 10).await.unwrap(), vec![]);
    assert_eq!(store.next_due(&[("notify", 9)]).await.unwrap(), None);
    assert_eq!(store.feed_head().await.unwrap(), 0);
    assert_eq!(store.find_request("borrower:1", "", "r").await.unwrap(), None);
    assert_eq!(store.verify_stream("s").await.unwrap().fault, None);
}

pub async fn a_revision_never_names_two_contents(f: Fixture) {
    let store = &f.store;
    committed(store, writes(vec![put("a", 0, 1)])).await;
    committed(store, writes(vec![delete("a", 1)])).await;
    assert_eq!(committed(store, writes(vec![put("a", 0, 2)])).await.revisions, [2]);
    // Somebody who read revision 1 before must not pass.
    assert_eq!(store.commit(checking("a", 1)).await.unwrap_err(), conflict("a", 2));
}

pub async fn refuses_what_the_schema_forbids(f: Fixture) {
    let base = |index: Vec<(&'static str, Value)>| Write::Put {
        kind: "case",
        id: "a".to_owned(),
        expected_revision: 0,
        body_version: 1,
        body: "{}".to_owned(),
        index,
    };
    let commits = [
        writes(vec![Write::Delete { kind: "nothing", id: "a".to_owned(), expected_revision: 1 }]),
        writes(vec![delete("a", 0)]),
        writes(vec![put("a", -1, 1)]),
        writes(vec![base(vec![])]),
        writes(vec![base(vec![("due", 1.into())])]),
        writes(vec![base(vec![("due", 1.into()), ("due", 1.into())])]),
        writes(vec![base(vec![("due", 1.into()), ("borrower", 1.into())])]),
        writes(vec![base(vec![("due", 1.into()), ("borrower", "b".into()), ("other", 1.into())])]),
        Commit { checks: vec![Check { kind: "nothing", id: "a".to_owned(), revision: 0 }], ..writes(vec![]) },
        writes(vec![Write::Put {
            kind: "slot",
            id: "big".to_owned(),
            expected_revision: 0,
            body_version: 1,
            body: "x".repeat(store::MAX_COMMIT_BYTES),
            index: vec![],
        }]),
    ];
    for (at, commit) in commits.into_iter().enumerate() {
        let error = f.store.commit(commit).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "commit {at}: {error:?}");
    }
    let queries = [
        Query { kind: "nothing", ..by("id", 1) },
        by("other", 1),
        by("id", 0),
        by("id", store::MAX_PAGE_ROWS + 1),
        Query { filters: vec![("due", Op::Eq, "text".into())], ..by("id", 1) },
        Query { filters: vec![("other\" OR 1", Op::Eq, 1.into())], ..by("id", 1) },
        Query { after: Some(("text".into(), "a".to_owned())), ..by("due", 1) },
    ];
    for (at, query) in queries.into_iter().enumerate() {
        let error = f.store.list(query).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "query {at}: {error:?}");
    }
    const KIND: Kind = Kind { name: "k", columns: &[], indexes: &[] };
    let schemas = [
        Schema { kinds: &[Kind { name: "Bad", ..KIND }] },
        Schema { kinds: &[KIND, KIND] },
        Schema { kinds: &[Kind { columns: &[Column { name: "id", ty: ColumnType::Text }], ..KIND }] },
        Schema { kinds: &[Kind { indexes: &[&["nothing"]], ..KIND }] },
    ];
    for schema in schemas {
        assert!(matches!(Store::open_inline(None, &schema), Err(StoreError::Invalid(_))), "{schema:?}");
    }
}

pub async fn filters_and_orders(f: Fixture) {
    let store = &f.store;
    // due 10..15, borrower b{due % 3}
    let all = ["e", "d", "c", "b", "a"].iter().zip(10..).map(|(id, due)| put(id, 0, due)).collect();
    committed(store, writes(all)).await;
    let due = |op, value: i64| -> Filter { ("due", op, value.into()) };
    let rows: Vec<(Query, &str)> = vec![
        (by("id", 10), "abcde"),
        (by("due", 10), "edcba"),
        (Query { descending: true, ..by("due", 2) }, "ab"),
        (Query { filters: vec![due(Op::Eq, 12)], ..by("id", 10) }, "c"),
        (Query { filters: vec![due(Op::Ne, 12)], ..by("id", 10) }, "abde"),
        (Query { filters: vec![due(Op::Lt, 12)], ..by("id", 10) }, "de"),
        (Query { filters: vec![due(Op::Le, 12)], ..by("id", 10) }, "cde"),
        (Query { filters: vec![due(Op::Gt, 12)], ..by("id", 10) }, "ab"),
        (Query { filters: vec![due(Op::Ge, 12)], ..by("id", 10) }, "abc"),
        (Query { filters: vec![("borrower", Op::Eq, "b1".into()), due(Op::Gt, 10)], ..by("due", 10) }, "b"),
        (Query { filters: vec![("id", Op::Ge, "d".into())], ..by("id", 10) }, "de"),
        (Query { after: Some((12.into(), "c".to_owned())), ..by("due", 10) }, "ba"),
        (Query { after: Some((0.into(), "c".to_owned())), descending: true, ..by("id", 10) }, "ba"),
    ];
    for (at, (query, expected)) in rows.into_iter().enumerate() {
        let found: String = store.list(query).await.unwrap().into_iter().map(|d| d.id).collect();
        assert_eq!(found, expected, "row {at}");
    }
    assert_eq!(store.count("case", vec![due(Op::Ge, 12)]).await.unwrap(), 3);
}

pub async fn pages_meet_every_document_once_under_writes(f: Fixture) {
    let store = &f.store;
    // Every tenth has the same due, so that pages end within equal keys.
    let due = |n: i64| n / 10;
    committed(store, writes((0..200).map(|n| put(&format!("d{n:03}"), 0, due(n))).collect())).await;
    let mut seen = Vec::new();
    let mut after = None;
    for page in 0.. {
        let documents = store.list(Query { after: after.clone(), ..by("due", 7) }).await.unwrap();
        let Some(last) = documents.last() else { break };
        let number: i64 = last.id[1..].parse().unwrap_or(0);
        after = Some((due(number).into(), last.id.clone()));
        seen.extend(documents.into_iter().map(|d| d.id).filter(|id| id.starts_with('d')));
        // Others write before and behind the cursor meanwhile.
        committed(store, writes(vec![put(&format!("a{page:03}"), 0, 0)])).await;
    }
    assert_eq!(seen, (0..200).map(|n| format!("d{n:03}")).collect::<Vec<_>>());
}

pub async fn survives_reopening(f: Fixture) {
    let commit = Commit {
        journal: vec![entry("s", "{}")],
        effects: vec![effect("notify", "k", 0)],
        feed: vec![event("c")],
        request: Some(request("r")),
        ..writes(vec![put("a", 0, 1)])
    };
    committed(&f.store, commit).await;
    let before = f.store.get("case", "a").await.unwrap();
    let f = f.reopen(&SCHEMA).await;
    assert!(before.is_some());
    assert_eq!(f.store.get("case", "a").await.unwrap(), before);
    assert_eq!(f.store.read_stream("s", 0, 10).await.unwrap().len(), 1);
    assert_eq!(f.store.next_due(&[("notify", 1)]).await.unwrap(), Some(0));
    assert_eq!(f.store.feed_head().await.unwrap(), 1);
    assert!(f.store.find_request("borrower:1", "", "r").await.unwrap().is_some());
    let other = f.store.clone();
    f.store.close().await;
    let error = other.commit(writes(vec![put("b", 0, 1)])).await.unwrap_err();
    assert!(error.retryable(), "{error:?}");
}

pub async fn declarations_grow(f: Fixture) {
    const WIDER: Schema = Schema {
        kinds: &[Kind {
            name: "case",
            columns: &[
                Column { name: "borrower", ty: ColumnType::Text },
                Column { name: "due", ty: ColumnType::BigInt },
                Column { name: "state", ty: ColumnType::Text },
            ],
            indexes: &[&["state"]],
        }],
    };
    const OTHER: Schema = Schema {
        kinds: &[Kind {
            name: "case",
            columns: &[Column { name: "due", ty: ColumnType::Text }],
            indexes: &[],
        }],
    };
    committed(&f.store, writes(vec![put("a", 0, 1)])).await;
    let f = f.reopen(&WIDER).await;
    let open = vec![("state", Op::Eq, Value::from(""))];
    assert_eq!(f.store.count("case", open).await.unwrap(), 1);
    // The version before still works on the wider table.
    let f = f.reopen(&SCHEMA).await;
    committed(&f.store, writes(vec![put("b", 0, 1)])).await;
    let error = f.try_open(&OTHER).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error:?}");
}

pub async fn opens_what_is_still_for_it(f: Fixture) {
    let say = |key: &str, value: i64| {
        let sql = format!("UPDATE meta SET value = {value} WHERE key = '{key}'");
        assert_eq!(f.tamper(&sql), 1);
    };
    // A later version that only added something.
    say("schema_version", 3);
    say("compatible_from", 2);
    let store = f.try_open(&SCHEMA).await.unwrap();
    committed(&store, writes(vec![put("a", 0, 1)])).await;
    store.close().await;
    assert_eq!(f.number("SELECT value FROM meta WHERE key = 'schema_version'"), 3);
    // One that took something away.
    say("compatible_from", 3);
    let refused = StoreError::NewerDatabase { found: 3, supported: 2 };
    assert_eq!(f.try_open(&SCHEMA).await.unwrap_err(), refused);
}
