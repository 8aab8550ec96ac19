//! The power goes: of what SQLite wrote after the last sync, any part may be on the disk, or none.
//!
//! A process commits through the store under strace, which writes down every write, sync and truncation of its files, and
//! between them the acknowledgements. From that, the disk is made again as it may have been at any moment: what was synced
//! is there; of the rest each sector is or isn't. The store opened on it must have every commit acknowledged before.

#[cfg(test)]
mod disk;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Command;
    use std::sync::Arc;

    use store::{
        Column, ColumnType, Commit, EffectChange, Entry, FeedEntry, Kind, MAX_PAGE_ROWS, Options, Outcome,
        Request, Schema, Store, Write,
    };
    use tokio::task::JoinSet;

    use super::disk::{Disk, Event, Seeded, read_trace};

    const SCHEMA: Schema = Schema {
        kinds: &[Kind {
            name: "case",
            columns: &[Column { name: "due", ty: ColumnType::BigInt }],
            indexes: &[&["due"]],
        }],
    };
    /// Where the child process works.
    const HOME: &str = "POWER_CUT_HOME";
    const COMMITTERS: usize = 8;
    const COMMITS: usize = 480;
    /// So few that the log is moved into the database more than once.
    const CHECKPOINT_PAGES: u32 = 1_000;
    const LEAST_BODY_BYTES: u64 = 8_000;
    const MORE_BODY_BYTES: u64 = 64_000;
    const CUTS: usize = 48;
    const SEED: u64 = 1;

    #[test]
    fn nothing_acknowledged_is_lost_when_the_power_goes() {
        let home = tempfile::tempdir().unwrap();
        let events = traced(home.path());
        let synced = |name: &str| {
            events.iter().filter(|e| matches!(e, Event::SyncEnds { file, .. } if file == name)).count()
        };
        println!("{} events, {} syncs of the log", events.len(), synced("store.db-wal"));
        // Else the log was never moved into the database, or nothing was synced at all.
        assert!(synced("store.db-wal") > 20 && synced("store.db") > 3);

        let seed = std::env::var("POWER_CUT_SEED").map_or(SEED, |seed| seed.parse().unwrap());
        println!("POWER_CUT_SEED={seed}");
        let (mut held, mut dropped) = (0, 0);
        cut_often(&events, seed, |at, disk, acknowledged, seeded| {
            dropped += disk.pending();
            let kept = verdict(disk, acknowledged, seeded);
            assert_eq!(kept, Ok(()), "cut after event {at} of {}", events.len());
            held += acknowledged.len();
        });
        println!("{CUTS} cuts, {dropped} writes not synced, {held} acknowledged commits looked for");
        assert!(dropped > CUTS && held > CUTS);
    }

    #[test]
    fn a_store_that_does_not_sync_is_caught() {
        let home = tempfile::tempdir().unwrap();
        // As with `synchronous=OFF`: the same writes, and nobody waits for the disk.
        let mut events = traced(home.path());
        let opened = events.iter().position(|e| matches!(e, Event::Opened)).unwrap();
        let setup = events.drain(..opened).collect::<Vec<_>>();
        events.retain(|event| !matches!(event, Event::SyncBegins { .. } | Event::SyncEnds { .. }));
        let events = setup.into_iter().chain(events).collect::<Vec<_>>();
        let mut lost = 0;
        cut_often(&events, SEED, |_, disk, acknowledged, seeded| {
            lost += usize::from(verdict(disk, acknowledged, seeded).is_err());
        });
        println!("{lost} of {CUTS} cuts lost something");
        assert!(lost > CUTS / 2, "only {lost} of {CUTS} cuts lost something: the cuts are too gentle");
    }

    /// Commits in a process of its own and returns what it did to its files.
    fn traced(home: &Path) -> Vec<Event> {
        let trace = home.join("trace");
        let data = home.join("data");
        fs::create_dir(&data).unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-xx", "-qq", "--seccomp-bpf", "-s", "16777216", "-o"]).arg(&trace);
        strace.args(["-e", "trace=write,pwrite64,lseek,fsync,fdatasync,ftruncate,unlink,openat"]);
        strace.arg(std::env::current_exe().unwrap());
        strace.args(["--ignored", "--exact", "tests::the_process_that_loses_power"]).env(HOME, &data);
        let output = strace.output().expect("no `strace` (Debian: strace); `cargo xtask test` installs it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        read_trace(&fs::read_to_string(&trace).unwrap(), &data)
    }

    /// Cuts at moments of the seed's, half of them right after an acknowledgement.
    fn cut_often(
        events: &[Event],
        seed: u64,
        mut look: impl FnMut(usize, &Disk, &BTreeSet<String>, &mut Seeded),
    ) {
        let mut seeded = Seeded(seed);
        let opened = events.iter().position(|event| matches!(event, Event::Opened)).unwrap() + 1;
        let after = |wanted: &dyn Fn(&Event) -> bool| {
            (opened..events.len()).filter(|at| wanted(&events[*at])).collect::<Vec<_>>()
        };
        let answers = after(&|event| matches!(event, Event::Acknowledged(_)));
        let any = after(&|_| true);
        let mut cuts = BTreeSet::new();
        while cuts.len() < CUTS {
            let moments = if cuts.len() % 2 == 0 { &answers } else { &any };
            cuts.insert(moments[seeded.below(moments.len() as u64) as usize]);
        }
        let (mut disk, mut acknowledged) = (Disk::default(), BTreeSet::new());
        for (at, event) in events.iter().enumerate() {
            if let Event::Acknowledged(id) = event {
                acknowledged.insert(id.clone());
            }
            disk.happens(event);
            if cuts.contains(&at) {
                look(at, &disk, &acknowledged, &mut seeded);
            }
        }
    }

    /// Opens the store on what the cut left; the error tells what is missing.
    fn verdict(disk: &Disk, acknowledged: &BTreeSet<String>, seeded: &mut Seeded) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        disk.after_the_cut(folder.path(), seeded);
        let path = folder.path().join("store.db");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(&path, &SCHEMA, Options::default()).map_err(|error| error.to_string())?;
            let sound = all_there(&store, acknowledged).await;
            store.close().await;
            sound?;
            let raw = rusqlite::Connection::open(&path).unwrap();
            let report: Result<String, _> = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0));
            if report == Ok("ok".to_owned()) { Ok(()) } else { Err(format!("integrity: {report:?}")) }
        })
    }

    /// Every acknowledged commit is there, no commit is there in part, every chain verifies.
    async fn all_there(store: &Store, acknowledged: &BTreeSet<String>) -> Result<(), String> {
        let told = |error: store::StoreError| error.to_string();
        let feed = store.read_feed(0, MAX_PAGE_ROWS).await.map_err(told)?;
        if feed.iter().zip(1..).any(|(row, position)| row.position != position) {
            return Err("the feed has gaps".to_owned());
        }
        let done = feed.into_iter().map(|row| row.case_key).collect::<BTreeSet<_>>();
        if let Some(lost) = acknowledged.difference(&done).next() {
            return Err(format!("`{lost}` was acknowledged and is lost"));
        }
        for id in (0..COMMITS).map(|nr| format!("c{nr}")) {
            let found = [
                store.get("case", &id).await.map_err(told)?.is_some(),
                store.find_request("borrower:1", "", &id).await.map_err(told)?.is_some(),
                store.read_stream(&id, 0, 2).await.map_err(told)?.len() == 1,
            ];
            if found != [done.contains(&id); 3] {
                return Err(format!("half of `{id}`: {found:?}"));
            }
        }
        for stream in store.list_streams("", MAX_PAGE_ROWS).await.map_err(told)? {
            let report = store.verify_stream(&stream).await.map_err(told)?;
            if report.fault.is_some() {
                return Err(format!("{report:?}"));
            }
        }
        Ok(())
    }

    #[test]
    #[ignore = "runs in a process of its own, under strace"]
    fn the_process_that_loses_power() {
        let data = std::env::var_os(HOME).expect("run by the tests of this file");
        let data = Path::new(&data);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let options = Options { checkpoint_pages: CHECKPOINT_PAGES, ..Options::default() };
            let store = Store::open(&data.join("store.db"), &SCHEMA, options).unwrap();
            let answers = Arc::new(fs::File::create(data.join("answers")).unwrap());
            (&*answers).write_all(b"opened").unwrap();
            let mut committers = JoinSet::new();
            for committer in 0..COMMITTERS {
                let (store, answers) = (store.clone(), Arc::clone(&answers));
                committers.spawn(async move {
                    for nr in (committer..COMMITS).step_by(COMMITTERS) {
                        let outcome = store.commit(commit(nr)).await.unwrap();
                        assert!(matches!(outcome, Outcome::Committed(_)));
                        // One write, so one event.
                        (&*answers).write_all(format!("c{nr}").as_bytes()).unwrap();
                    }
                });
            }
            committers.join_all().await;
            store.close().await;
        });
    }

    /// Everything that a commit can change, about a case of its own and one stream of all.
    fn commit(nr: usize) -> Commit {
        let id = format!("c{nr}");
        let bytes = LEAST_BODY_BYTES + Seeded(nr as u64).below(MORE_BODY_BYTES);
        let entry = |stream: &str| Entry {
            stream: stream.to_owned(),
            kind: "noted".to_owned(),
            actor: String::new(),
            body: "{}".to_owned(),
        };
        Commit {
            now: 1_000,
            writes: vec![Write::Put {
                kind: "case",
                id: id.clone(),
                expected_revision: 0,
                body_version: 1,
                body: format!("\"{}\"", "x".repeat(bytes as usize)),
                index: vec![("due", (nr as i64 % 17).into())],
            }],
            journal: vec![entry(&id), entry("all")],
            effects: vec![EffectChange::Put {
                topic: "notify",
                key: id.clone(),
                version: 1,
                not_before: 0,
                body: "{}".to_owned(),
                trace: None,
                lease: None,
            }],
            feed: vec![FeedEntry { case_key: id.clone(), kind: "noted".to_owned(), body: "{}".to_owned() }],
            request: Some(Request {
                principal: "borrower:1".to_owned(),
                subject: String::new(),
                request_id: id.clone(),
                method: "Note".to_owned(),
                payload_hash: "aa".to_owned(),
                response_ref: id,
            }),
            ..Commit::default()
        }
    }
}
