//! A backup while borrowers go on applying, restored and proved; journals that somebody changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, ensure};
use api::leeway::application::v1 as pb;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::clients::{
    Caller, affordable, applications, cases_of, channel, delivered, import, in_state, prepare,
};
use crate::programs::{CLOCK, Site, eventually, leeway, python};
use crate::records::{Records, text};

const CLIENTS: usize = 6;
const LOANS: usize = 400;
/// Answers that came before the backup begins, and that must come after it ended.
const BEFORE: usize = 40;
const AFTER: usize = 20;
/// Later than the leases of whatever ran at the moment of the backup.
pub const AFTER_THE_LEASES: &str = "2026-07-20T11:00+08:00";
const DATABASES: [&str; 3] = ["application", "policy", "notification"];
/// What each borrower is told.
pub const TEMPLATES: [&str; 2] = ["application-received", "in-review"];

/// A submission that was answered.
#[derive(Clone)]
pub struct Answered {
    pub borrower: String,
    pub request: pb::SubmitApplicationRequest,
    pub case: String,
}

/// Clients that submit one loan after the other until they are told to stop.
struct Load {
    answered: Arc<Mutex<Vec<Answered>>>,
    documents: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<anyhow::Result<()>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_everything_acknowledged_before_it() -> anyhow::Result<()> {
    let site = Site::new()?;
    let data = site.path("data");
    let up = site.up(&data, &["--no-demo", "--clock", CLOCK]).await?;
    let app = channel(up.application)?;
    let mut load = Load::start(&app).await?;
    load.has_answered(BEFORE).await?;

    let (before, documents) = (load.so_far(), load.documents.load(Ordering::SeqCst));
    let said =
        run(&["backup", "--data-dir", &shown(&data), "--to", &shown(&site.path("copy")), "--json"]).await?;
    ensure!(said.status.success(), "{said:?}");
    let during = load.so_far().len();
    load.has_answered(during + AFTER).await?;
    load.end().await?;
    up.process.stop().await?;

    let report: Value = serde_json::from_slice(&said.stdout)?;
    assert_eq!(report["databases"].as_array().map(Vec::len), Some(DATABASES.len()), "{report}");
    assert!(report["documents"].as_u64() >= Some(documents as u64), "{documents} were received: {report}");
    digests_are_right(&site.path("copy"))?;
    assert!(!site.path("copy.partial").exists());

    // The copy becomes the data directory of another installation.
    let restored = site.path("restored");
    ensure!(Command::new("cp").arg("-a").arg(site.path("copy")).arg(&restored).status()?.success());
    let audit = verify(&restored).await?;
    assert_eq!(audit["faults"], 0);
    documents_are_whole(&restored).await?;
    goes_on(&site, &restored, &before).await
}

/// Every submission is there under its own id, is finished, and was told of once.
async fn goes_on(site: &Site, restored: &Path, before: &[Answered]) -> anyhow::Result<()> {
    let up = site.up(restored, &["--no-demo", "--clock", AFTER_THE_LEASES]).await?;
    let (app, inbox) = (channel(up.application)?, channel(up.notification)?);
    for known in before {
        assert_eq!(cases_of(&app, &known.borrower).await?, std::slice::from_ref(&known.case));
        assert_eq!(submit(&app, &known.borrower, &known.request).await?, known.case);
        in_state(&app, &known.borrower, &known.case, pb::ApplicationState::InReview).await?;
        delivered(&inbox, &known.borrower, &TEMPLATES).await?;
    }
    up.process.stop().await?;
    let notification = Records::open(&restored.join("notification.db"), &notification::SCHEMA)?;
    let counts = crate::records::sent(&notification).await?;
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    notification.close().await;
    Ok(())
}

impl Load {
    async fn start(app: &Channel) -> anyhow::Result<Self> {
        let names = (0..LOANS).map(|n| (format!("loan-{n}"), format!("b-{n}"))).collect::<Vec<_>>();
        import(app, &names).await?;
        let (names, next) = (Arc::new(names), Arc::new(AtomicUsize::new(0)));
        let mut load = Self {
            answered: Arc::default(),
            documents: Arc::default(),
            stop: Arc::default(),
            clients: JoinSet::new(),
        };
        for _ in 0..CLIENTS {
            let (app, names, next) = (app.clone(), Arc::clone(&names), Arc::clone(&next));
            let (answered, stop) = (Arc::clone(&load.answered), Arc::clone(&load.stop));
            load.clients.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let place = next.fetch_add(1, Ordering::SeqCst);
                    let (loan_id, borrower) = names.get(place).context("the loans ran out")?;
                    let request = affordable(loan_id);
                    let case = submit(&app, borrower, &request).await?;
                    let borrower = borrower.clone();
                    lock(&answered).push(Answered { borrower, request, case });
                }
                Ok(())
            });
        }
        let (app, documents, stop) = (app.clone(), Arc::clone(&load.documents), Arc::clone(&load.stop));
        load.clients.spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::SeqCst) {
                let sent = prepare(&app, &format!("loan-d{n}"), &format!("d-{n}")).await?;
                documents.fetch_add(sent.len(), Ordering::SeqCst);
                n += 1;
            }
            Ok(())
        });
        Ok(load)
    }

    fn so_far(&self) -> Vec<Answered> {
        lock(&self.answered).clone()
    }

    async fn has_answered(&mut self, count: usize) -> anyhow::Result<()> {
        eventually(&format!("{count} answers"), || async {
            ensure!(!self.stop.load(Ordering::SeqCst));
            Ok((self.so_far().len() >= count).then_some(()))
        })
        .await
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await.into_iter().collect()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub async fn submit(
    app: &Channel,
    borrower: &str,
    request: &pb::SubmitApplicationRequest,
) -> anyhow::Result<String> {
    let mut client = applications(app, Caller::platform_for(borrower)?);
    let answer = client.submit_application(request.clone()).await?.into_inner();
    Ok(answer.application.context("an answer without the case")?.application_id)
}

/// Runs `leeway` to its end, without holding up the test's own clients.
pub async fn run(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = leeway()?;
    command.args(arguments);
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

/// The audit's report of a sound folder.
async fn verify(folder: &Path) -> anyhow::Result<Value> {
    let said = run(&["audit", "verify", "--data-dir", &shown(folder), "--json"]).await?;
    ensure!(said.status.success(), "{said:?}");
    Ok(serde_json::from_slice(&said.stdout)?)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What an operator would run, and a digest of every file.
fn digests_are_right(copy: &Path) -> anyhow::Result<()> {
    let checked =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(copy).output()?;
    ensure!(checked.status.success(), "{checked:?}");
    let named = fs::read_to_string(copy.join("SHA256SUMS"))?.lines().count();
    let files = fs::read_dir(copy)?.count() + fs::read_dir(copy.join("evidence"))?.count();
    // The list itself and the folder of documents have none.
    assert_eq!(named, files - 2);
    Ok(())
}

/// Each document that the database calls received has its bytes.
async fn documents_are_whole(folder: &Path) -> anyhow::Result<()> {
    let records = Records::open(&folder.join("application.db"), &application::SCHEMA)?;
    let mut whole = 0;
    for record in records.all("evidence").await? {
        if record.get("received_at").is_some_and(Value::is_string) {
            // Names are hashes of keys.
            let name = hex::encode(Sha256::digest(text(&record, "/key")?));
            let found = hex::encode(Sha256::digest(fs::read(folder.join("evidence").join(name))?));
            assert_eq!(found, text(&record, "/sha256")?, "{record}");
            whole += 1;
        }
    }
    assert!(whole > 0, "no document was received before the backup, so this says nothing");
    records.close().await;
    Ok(())
}

#[tokio::test]
async fn journals_that_were_changed_are_found() -> anyhow::Result<()> {
    let site = Site::new()?;
    let data = site.path("data");
    let mut up = site.up(&data, &[]).await?;
    let in_use = verify(&data).await?;
    let copied = run(&["backup", "--data-dir", &shown(&data), "--to", &shown(&site.path("copy"))]).await?;
    ensure!(copied.status.success(), "{copied:?}");
    // What a killed service left in its log is read there, and stays there.
    up.process.kill()?;
    let files = || ["application.db", "application.db-wal"].map(|name| fs::read(data.join(name)));
    let [database, log] = files();
    assert!(!log.as_ref().is_ok_and(Vec::is_empty), "the log is empty, so this says nothing");
    assert_eq!(verify(&data).await?["services"], in_use["services"]);
    let [database_after, log_after] = files();
    assert!(database? == database_after? && log? == log_after?, "the audit wrote");
    let sound = verify(&site.path("copy")).await?;
    assert_eq!(sound["services"], in_use["services"]);
    let services = sound["services"].as_array().context("no services")?;
    let named = services.iter().filter_map(|service| service["service"].as_str()).collect::<BTreeSet<_>>();
    assert_eq!(named, BTreeSet::from(DATABASES));
    assert!(services.iter().all(|service| service["entries"].as_i64() > Some(2)), "{sound}");

    let longest = "(SELECT stream FROM journal GROUP BY stream ORDER BY count(*) DESC, stream LIMIT 1)";
    let last = format!("(SELECT max(seq) FROM journal WHERE stream = {longest})");
    let rows = [
        (
            format!("UPDATE journal SET body = body || ' ' WHERE stream = {longest} AND seq = 2"),
            "entry 2 is not",
        ),
        (
            format!("UPDATE journal SET time = time + 1 WHERE stream = {longest} AND seq = 1"),
            "entry 1 is not",
        ),
        (format!("DELETE FROM journal WHERE stream = {longest} AND seq = 1"), "entry 1 is missing"),
        (format!("DELETE FROM journal WHERE stream = {longest} AND seq = {last}"), "its head names"),
        (format!("DELETE FROM journal WHERE stream = {longest}"), "its head names"),
        (format!("DELETE FROM journal_head WHERE stream = {longest}"), "its head names 0"),
        (
            format!("UPDATE journal SET prev_hash = hash WHERE stream = {longest} AND seq = 2"),
            "entry 2 doesn't follow",
        ),
    ];
    for (service, (change, expected)) in DATABASES.iter().cycle().zip(&rows) {
        let folder = site.path("tampered");
        ensure!(Command::new("cp").arg("-a").arg(site.path("copy")).arg(&folder).status()?.success());
        alter(&folder.join(format!("{service}.db")), change)?;
        let said = run(&["audit", "verify", "--data-dir", &shown(&folder)]).await?;
        let (told, complained) = (String::from_utf8(said.stdout)?, String::from_utf8(said.stderr)?);
        assert_eq!(said.status.code(), Some(3), "{service}: {change}\n{told}{complained}");
        assert!(told.contains(expected) && told.contains("1 faults"), "{service}: {change}\n{told}");
        assert!(complained.contains("1 of the chains"), "{complained}");
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

fn alter(database: &Path, change: &str) -> anyhow::Result<()> {
    const SCRIPT: &str = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as c: c.execute('PRAGMA journal_mode').fetchone(); \
        n = c.execute(sys.argv[2]).rowcount\nassert n > 0, 'nothing was changed'";
    let done = Command::new(python()?).args(["-c", SCRIPT]).arg(database).arg(change).output()?;
    ensure!(done.status.success(), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_can_not_be_made_leaves_what_is_there() -> anyhow::Result<()> {
    let site = Site::new()?;
    let policy = site.serve("policy", Some(CLOCK), &[]).await?;
    policy.process.stop().await?;
    let (data, empty, taken) = (site.path("policy"), site.path("empty"), site.path("taken"));
    fs::create_dir(&empty)?;
    fs::create_dir(&taken)?;
    fs::create_dir(site.path("begun.partial"))?;
    // A database that isn't one: the copy breaks off, and nothing of it stays.
    let broken = site.path("broken");
    ensure!(Command::new("cp").arg("-a").arg(&data).arg(&broken).status()?.success());
    fs::write(broken.join("notification.db"), [7_u8; 8192])?;
    let rows = [
        (&empty, "new", 2, "holds no database"),
        (&data, "taken", 2, "overwrites nothing"),
        (&data, "begun", 2, "another backup is being written"),
        (&data, "absent/new", 1, "can't be made"),
        (&broken, "new", 1, "notification.db"),
    ];
    for (from, to, code, expected) in rows {
        let said = run(&["backup", "--data-dir", &shown(from), "--to", &shown(&site.path(to))]).await?;
        let complained = String::from_utf8(said.stderr)?;
        assert_eq!(said.status.code(), Some(code), "{to}: {complained}");
        assert!(complained.contains(expected), "{to}: {complained}");
    }
    assert!(!site.path("new").exists() && !site.path("new.partial").exists());
    assert_eq!(fs::read_dir(&taken)?.count(), 0);
    let elsewhere = site.path("elsewhere.toml");
    fs::write(&elsewhere, "[databases.policy]\nurl = \"postgres://127.0.0.1/leeway\"\n")?;
    let to = shown(&site.path("new"));
    let refused = run(&["backup", "--config", &shown(&elsewhere), "--to", &to]).await?;
    let complained = String::from_utf8(refused.stderr)?;
    assert!(
        refused.status.code() == Some(2) && complained.contains("`policy` keeps its data in PostgreSQL"),
        "{complained}"
    );
    let nothing = run(&["audit", "verify", "--data-dir", &shown(&empty)]).await?;
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    // One service's folder is enough, as where each has its own.
    let said = run(&["backup", "--data-dir", &shown(&data), "--to", &shown(&site.path("new"))]).await?;
    assert!(said.status.success(), "{said:?}");
    verify(&site.path("new")).await?;
    Ok(())
}
