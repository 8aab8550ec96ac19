//! Clients that share no code with the servers: Python's grpcio and grpcurl, by reflection alone.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::programs::{CLOCK, Process, Site, eventually, python, tool};

/// An empty stack on a pinned clock; its data lies in the site.
const NO_STORIES: [&str; 3] = ["--no-demo", "--clock", CLOCK];

#[tokio::test]
async fn python_plays_a_story_by_reflection() -> anyhow::Result<()> {
    let site = Site::new()?;
    let up = site.up(&site.path("data"), &NO_STORIES).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("processes/li.py");
    let mut command = Command::new(python()?);
    command
        .arg("-B")
        .arg(script)
        .args([up.application.to_string(), up.notification.to_string()])
        .arg("li-py");
    let mut story = site.start("python", &mut command)?;
    let status = story.ended().await?;
    let (said, complained) = (story.stdout()?, story.stderr()?);
    assert!(status.success() && said.ends_with("done\n"), "{status}\n{said}\n{complained}");
    up.process.stop().await
}

#[tokio::test]
async fn the_printed_grpcurl_lines_work_as_pasted() -> anyhow::Result<()> {
    let site = Site::new()?;
    let up = site.up(&site.path("data"), &[]).await?;
    let said = up.process.stdout()?;
    let lines = said.lines().map(str::trim).filter(|line| line.starts_with("grpcurl ")).collect::<Vec<_>>();
    // What each line must show; a line that is printed and not listed here fails.
    let shown: [(&str, &[&str]); 7] = [
        (" list", &["leeway.application.v1.ApplicationService", "leeway.application.v1.LoanService"]),
        ("/ListQueue", &["{"]),
        ("/ListLoans", &["\"loanId\": \"loan-li\"", "\"month\": 10"]),
        ("/ListApplications", &["\"loanId\": \"loan-zhang\"", "APPLICATION_STATE_ACCEPTED"]),
        ("/ListInbox", &["\"template\": \"plan-active\"", "\"template\": \"offer-made\""]),
        ("/GetPack", &["cn-instalment"]),
        ("/Subscribe", &["\"position\": \"1\"", "application.accepted"]),
    ];
    assert_eq!(lines.len(), shown.len(), "{said}");
    for line in lines {
        let row = shown.iter().find(|(ending, _)| line.ends_with(ending));
        let (_, expected) = row.with_context(|| format!("a line that this test does not know: {line}"))?;
        pasted(&site, line, expected).await?;
    }
    up.process.stop().await
}

/// Runs a line in a shell that has grpcurl on its path, until everything expected was printed and, unless it is an
/// endless stream, the program ended well.
async fn pasted(site: &Site, line: &str, expected: &[&str]) -> anyhow::Result<()> {
    let mut process = shell(site, line)?;
    let endless = line.ends_with("/Subscribe");
    if endless {
        eventually(&format!("{expected:?} of `{line}`"), || async {
            let said = process.stdout()?;
            Ok(expected.iter().all(|part| said.contains(part)).then_some(()))
        })
        .await?;
        return process.kill();
    }
    let status = process.ended().await?;
    let said = process.stdout()?;
    ensure!(status.success(), "`{line}` ended with {status}:\n{said}\n{}", process.stderr()?);
    for part in expected {
        ensure!(said.contains(part), "`{line}` did not show `{part}`:\n{said}");
    }
    Ok(())
}

/// A shell that has grpcurl on its path.
fn shell(site: &Site, line: &str) -> anyhow::Result<Process> {
    let grpcurl = tool("XTASK_GRPCURL", "grpcurl")?;
    let folder = grpcurl.parent().context("grpcurl lies in no folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    site.start("grpcurl", Command::new("sh").args(["-c", &format!("exec {line}")]).env("PATH", path))
}

#[tokio::test]
async fn grpcurl_lists_describes_calls_and_reads_errors() -> anyhow::Result<()> {
    let site = Site::new()?;
    let up = site.up(&site.path("data"), &NO_STORIES).await?;
    let address = up.application;
    let service = "leeway.application.v1.LoanService";
    let borrower = "-H 'x-leeway-principal: borrower:li'";
    let platform = "-H 'x-leeway-principal: service:platform'";
    let loan = r#"{"request_id":"0f6a3c52-6d0e-4b0e-9f2e-3c1d1f1b7a10","loan":{"loan_id":"loan-g","borrower_id":"li",
        "contract":{"principal":{"currency_code":"CNY","minor_units":1200000},"annual_rate":"0.144","instalments":12,
        "amortisation":"AMORTISATION_EQUAL_INSTALMENTS","interest_from_date":{"year":2026,"month":6,"day":15},
        "first_due_date":{"year":2026,"month":7,"day":15}}}}"#;
    let rows: [(String, i32, &[&str]); 7] = [
        (
            format!("{address} list"),
            0,
            &[service, "grpc.health.v1.Health", "leeway.application.v1.FeedService"],
        ),
        (format!("{address} list {service}"), 0, &["leeway.application.v1.LoanService.RecordPayment"]),
        (
            format!("{address} describe {service}.GetLoan"),
            0,
            &["rpc GetLoan ( .leeway.application.v1.GetLoanRequest )"],
        ),
        (format!("{address} grpc.health.v1.Health/Check"), 0, &["\"status\": \"SERVING\""]),
        (
            format!("{platform} -d '{loan}' {address} {service}/RegisterLoan"),
            0,
            &["\"bucket\": \"BUCKET_M1\"", "\"107970\""],
        ),
        // grpcurl adds 64 to the code of the status: 7 is PERMISSION_DENIED, 3 is INVALID_ARGUMENT.
        (
            format!("{borrower} -d '{{\"loan_id\":\"loan-404\"}}' {address} {service}/GetLoan"),
            64 + 7,
            &["PermissionDenied", "google.rpc.ErrorInfo", "ERROR_REASON_ACCESS_DENIED", "\"leeway\""],
        ),
        (
            format!("{platform} -d '{{\"loan_id\":\"a/b\"}}' {address} {service}/RecordPayment"),
            64 + 3,
            &[
                "InvalidArgument",
                "google.rpc.BadRequest",
                "\"loan_id\"",
                "\"request_id\"",
                "ERROR_REASON_VALIDATION_FAILED",
            ],
        ),
    ];
    for (arguments, code, expected) in rows {
        let mut process = shell(&site, &format!("grpcurl -plaintext {arguments}"))?;
        let status = process.ended().await?;
        let said = format!("{}{}", process.stdout()?, process.stderr()?);
        assert_eq!(status.code(), Some(code), "{arguments}\n{said}");
        for part in expected {
            assert!(said.contains(part), "{arguments}: no `{part}` in\n{said}");
        }
    }
    up.process.stop().await
}
