//! PostgreSQL brought back as it was at a moment, from a base backup and the archived log, as deploy/backup.md says.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::ensure;
use api::leeway::application::v1 as pb;
use cluster::{Cluster, Database, End, program};
use serde_json::Value;
use tonic::transport::Channel;

use crate::backups::{AFTER_THE_LEASES, Answered, TEMPLATES, run, submit};
use crate::clients::{affordable, cases_of, channel, delivered, import, in_state};
use crate::programs::{CLOCK, Site, eventually};

/// Submissions before the base backup, after it, and after the moment that is restored.
const STAGES: [usize; 3] = [3, 3, 2];

#[tokio::test]
async fn postgresql_comes_back_as_it_was_at_a_moment() -> anyhow::Result<()> {
    let site = Site::new()?;
    let archive = site.path("archive");
    fs::create_dir(&archive)?;
    // The server runs as somebody else where the tests run as root.
    fs::set_permissions(&archive, Permissions::from_mode(0o777))?;
    fs::set_permissions(site.path(""), Permissions::from_mode(0o755))?;
    let at = archive.display();
    let archiving =
        format!("archive_command=test ! -f {at}/%f && cp %p {at}/%f.part && mv {at}/%f.part {at}/%f");
    let cluster = Arc::new(Cluster::start_with(&["wal_level=replica", "archive_mode=on", &archiving])?);
    let databases = [cluster.database()?, cluster.database()?, cluster.database()?];
    let original = settings(&databases, cluster.port());
    succeeds(&[&["migrate"], &slices(&original)[..]].concat()).await?;

    let arguments = [&["--no-demo", "--clock", CLOCK], &slices(&original)[..]].concat();
    let up = site.up(&site.path("data"), &arguments).await?;
    let app = channel(up.application)?;
    let names = (0..STAGES.iter().sum()).map(|n| (format!("loan-{n}"), format!("b-{n}"))).collect::<Vec<_>>();
    import(&app, &names).await?;
    let mut names = names.into_iter();
    let mut kept = submit_all(&app, names.by_ref().take(STAGES[0])).await?;
    base_backup(&cluster, &site.path("base"))?;
    kept.extend(submit_all(&app, names.by_ref().take(STAGES[1])).await?);
    let moment = databases[0].ask("SELECT clock_timestamp()")?;
    let lost = submit_all(&app, names).await?;
    up.process.stop().await?;
    // A clean end archives the rest of the log.
    cluster.end(End::Fast)?;

    let restored = restore(&cluster, &site.path("base"), &archive, &moment)?;
    let settings = settings(&databases, restored.port());
    promoted(&databases[0], restored.port()).await?;
    let said = succeeds(&[&["audit", "verify", "--json"], &slices(&settings)[..]].concat()).await?;
    let audit: Value = serde_json::from_str(&said)?;
    assert_eq!(audit["faults"], 0, "{audit}");
    assert_eq!(audit["services"].as_array().map(Vec::len), Some(databases.len()), "{audit}");

    let arguments = [&["--no-demo", "--clock", AFTER_THE_LEASES], &slices(&settings)[..]].concat();
    let up = site.up(&site.path("restored"), &arguments).await?;
    let (app, inbox) = (channel(up.application)?, channel(up.notification)?);
    for known in &kept {
        assert_eq!(cases_of(&app, &known.borrower).await?, std::slice::from_ref(&known.case));
        assert_eq!(submit(&app, &known.borrower, &known.request).await?, known.case);
        in_state(&app, &known.borrower, &known.case, pb::ApplicationState::InReview).await?;
        delivered(&inbox, &known.borrower, &TEMPLATES).await?;
    }
    for later in &lost {
        assert_eq!(cases_of(&app, &later.borrower).await?, Vec::<String>::new(), "the log was read on");
    }
    up.process.stop().await?;
    altered_entries_are_found(&databases, restored.port(), &settings).await
}

/// The same audit on a journal that somebody changed.
async fn altered_entries_are_found(
    databases: &[Database],
    port: u16,
    settings: &[String],
) -> anyhow::Result<()> {
    for database in databases {
        psql(&database.url_at(port), "UPDATE journal SET time = time + 1 WHERE seq = 1")?;
    }
    let said = run(&[&["audit", "verify"], &slices(settings)[..]].concat()).await?;
    let told = String::from_utf8(said.stdout)?;
    assert_eq!(said.status.code(), Some(3), "{told}");
    assert_eq!(
        told.lines().filter(|line| line.contains("chains") && !line.contains(" 0 faults")).count(),
        3,
        "{told}"
    );
    assert!(told.contains("entry 1 is not what its hash was made of"), "{told}");
    Ok(())
}

async fn submit_all(
    app: &Channel,
    names: impl Iterator<Item = (String, String)>,
) -> anyhow::Result<Vec<Answered>> {
    let mut answered = Vec::new();
    for (loan_id, borrower) in names {
        let request = affordable(&loan_id);
        let case = submit(app, &borrower, &request).await?;
        answered.push(Answered { borrower, request, case });
    }
    Ok(answered)
}

/// Where the services find their databases, as arguments.
fn settings(databases: &[Database], port: u16) -> Vec<String> {
    let services = ["application", "policy", "notification"];
    let urls = services.iter().zip(databases).map(|(service, database)| {
        ["--set".to_owned(), format!("databases.{service}.url={}", database.url_at(port))]
    });
    urls.flatten().collect()
}

fn slices(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

async fn succeeds(arguments: &[&str]) -> anyhow::Result<String> {
    let said = run(arguments).await?;
    ensure!(said.status.success(), "{arguments:?}: {said:?}");
    Ok(String::from_utf8(said.stdout)?)
}

fn base_backup(cluster: &Cluster, to: &Path) -> anyhow::Result<()> {
    let mut backup = Command::new(program("pg_basebackup")?);
    backup.args(["--host=127.0.0.1", "--username=postgres", "--no-password", "--wal-method=stream"]);
    backup.args(["--checkpoint=fast", "--manifest-checksums=SHA256"]);
    backup.arg(format!("--port={}", cluster.port())).arg("--pgdata").arg(to);
    done(&mut backup)?;
    done(Command::new(program("pg_verifybackup")?).arg(to))
}

fn restore(old: &Cluster, base: &Path, archive: &Path, moment: &str) -> anyhow::Result<Cluster> {
    let folder = tempfile::Builder::new().prefix("leeway-pg-").tempdir()?;
    let data = folder.path().join("data");
    done(Command::new("cp").arg("-a").arg(base).arg(&data))?;
    fs::write(data.join("recovery.signal"), "")?;
    let owner = format!("--reference={}", old.data().display());
    done(Command::new("chown").args(["-R", &owner]).arg(folder.path()))?;
    Cluster::of(
        folder,
        &[
            "archive_mode=off",
            &format!("restore_command=cp {}/%f %p", archive.display()),
            &format!("recovery_target_time={moment}"),
            "recovery_target_action=promote",
        ],
    )
}

/// Waits until the server takes writes.
async fn promoted(database: &Database, port: u16) -> anyhow::Result<()> {
    let url = database.url_at(port);
    eventually("the end of the recovery", || async {
        Ok((psql(&url, "SELECT pg_is_in_recovery()")? == "f").then_some(()))
    })
    .await
}

fn psql(url: &str, sql: &str) -> anyhow::Result<String> {
    let asked = Command::new(program("psql")?).args(["-X", "-q", "-A", "-t", "-c", sql, url]).output()?;
    ensure!(asked.status.success(), "{asked:?}");
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {output:?}");
    Ok(())
}
