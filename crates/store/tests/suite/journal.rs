//! The hash chain.

use store::{ChainFault, Commit};

use super::{Fixture, committed, entry};

async fn write_chain(f: &Fixture, stream: &str) {
    for n in 0..5 {
        let journal = vec![entry(stream, &format!("{{\"n\":{n}}}")), entry(&format!("{stream}-other"), "{}")];
        committed(&f.store, Commit { now: 100 + n, journal, ..Commit::default() }).await;
    }
}

pub async fn a_stream_is_a_chain(f: Fixture) {
    write_chain(&f, "s").await;
    committed(
        &f.store,
        Commit { now: 200, journal: vec![entry("s", "1"), entry("s", "2")], ..Commit::default() },
    )
    .await;
    let entries = f.store.read_stream("s", 0, 100).await.unwrap();
    assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(entries[0].prev_hash, "0".repeat(64));
    for pair in entries.windows(2) {
        assert_eq!(pair[0].hash, pair[1].prev_hash);
    }
    assert_eq!(
        (entries[6].time, entries[6].actor.as_str(), entries[6].body.as_str()),
        (200, "officer:1", "2")
    );
    assert_eq!(f.store.read_stream("s", 5, 1).await.unwrap(), entries[5..6]);
    let report = f.store.verify_stream("s").await.unwrap();
    assert_eq!((report.entries, report.fault), (7, None));
    assert_eq!(report.last_hash, entries[6].hash);
    let nothing = f.store.verify_stream("nothing").await.unwrap();
    assert_eq!((nothing.entries, nothing.fault), (0, None));
    assert_eq!(f.store.list_streams("", 10).await.unwrap(), ["s", "s-other"]);
    assert_eq!(f.store.list_streams("s", 10).await.unwrap(), ["s-other"]);
}

pub async fn tampering_is_found(f: Fixture) {
    let altered = |seq| ChainFault::Altered { seq };
    let rows: Vec<(&str, ChainFault)> = vec![
        ("UPDATE journal SET body = '{}' WHERE stream = ?1 AND seq = 3", altered(3)),
        ("UPDATE journal SET kind = 'other' WHERE stream = ?1 AND seq = 1", altered(1)),
        ("UPDATE journal SET actor = 'officer:2' WHERE stream = ?1 AND seq = 5", altered(5)),
        // Moves a byte from one field to the next.
        ("UPDATE journal SET kind = 'note', actor = 'dofficer:1' WHERE stream = ?1 AND seq = 2", altered(2)),
        ("UPDATE journal SET time = time + 1 WHERE stream = ?1 AND seq = 2", altered(2)),
        ("UPDATE journal SET hash = prev_hash WHERE stream = ?1 AND seq = 2", altered(2)),
        (
            "UPDATE journal SET prev_hash = hash WHERE stream = ?1 AND seq = 2",
            ChainFault::Unlinked { seq: 2 },
        ),
        ("DELETE FROM journal WHERE stream = ?1 AND seq = 1", ChainFault::Missing { seq: 1 }),
        ("DELETE FROM journal WHERE stream = ?1 AND seq = 3", ChainFault::Missing { seq: 3 }),
        (
            "DELETE FROM journal WHERE stream = ?1 AND seq >= 4",
            ChainFault::HeadDiffers { head_seq: 5, last_seq: 3 },
        ),
        ("DELETE FROM journal WHERE stream = ?1", ChainFault::HeadDiffers { head_seq: 5, last_seq: 0 }),
        (
            "UPDATE journal_head SET seq = 6 WHERE stream = ?1",
            ChainFault::HeadDiffers { head_seq: 6, last_seq: 5 },
        ),
        ("DELETE FROM journal_head WHERE stream = ?1", ChainFault::HeadDiffers { head_seq: 0, last_seq: 5 }),
        (
            "UPDATE journal_head SET hash = 'x' WHERE stream = ?1",
            ChainFault::HeadDiffers { head_seq: 5, last_seq: 5 },
        ),
        // Two entries change places.
        (
            "UPDATE journal SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE stream = ?1 AND seq IN (2, 3)",
            ChainFault::Missing { seq: 1 },
        ),
    ];
    for (at, (sql, expected)) in rows.into_iter().enumerate() {
        let stream = format!("s{at:02}");
        write_chain(&f, &stream).await;
        assert!(f.tamper(&sql.replace("?1", &format!("'{stream}'"))) > 0, "row {at}");
        assert_eq!(f.store.verify_stream(&stream).await.unwrap().fault, Some(expected), "row {at}");
        assert!(f.store.list_streams("", 100).await.unwrap().contains(&stream), "row {at}");
    }
    // Finish the exchange of the last row: positive again, but in the other's place.
    f.tamper("UPDATE journal SET seq = -seq WHERE seq < 0");
    let report = f.store.verify_stream("s14").await.unwrap();
    assert_eq!((report.entries, report.fault), (1, Some(ChainFault::Unlinked { seq: 2 })));
    // An entry of another stream doesn't pass here.
    write_chain(&f, "target").await;
    write_chain(&f, "source").await;
    for sql in [
        "DELETE FROM journal WHERE stream = 'target'",
        "UPDATE journal SET stream = 'target' WHERE stream = 'source'",
        "DELETE FROM journal_head WHERE stream = 'target'",
        "UPDATE journal_head SET stream = 'target' WHERE stream = 'source'",
    ] {
        assert!(f.tamper(sql) > 0);
    }
    assert_eq!(f.store.verify_stream("target").await.unwrap().fault, Some(ChainFault::Altered { seq: 1 }));
}
