//! What is acknowledged about a document survives the loss of power: its bytes are synced, and so is its name.

use std::fs;
use std::process::Command;

use crate::clients::{channel, prepare};
use crate::programs::{CLOCK, Site, eventually};

#[tokio::test]
async fn a_document_is_on_the_disk_before_that_is_said() -> anyhow::Result<()> {
    let site = Site::new()?;
    let service = site.serve("application", Some(CLOCK), &[]).await?;
    let trace = site.path("syscalls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=openat,fsync,fdatasync", "-o"]).arg(&trace);
    strace.args(["-p", &service.process.id().to_string()]);
    let mut watcher = site.start("strace", &mut strace)?;
    eventually("strace", || async { Ok(watcher.stderr()?.contains("attached").then_some(())) }).await?;

    let documents = prepare(&channel(service.grpc)?, "loan-li", "li").await?;
    // What was called before the answer is written down before it arrives.
    let calls = fs::read_to_string(&trace)?;
    watcher.terminate()?;
    watcher.ended().await?;
    service.process.stop().await?;

    let evidence = site.path("application").join("evidence");
    let synced = |path: &str| {
        let whole = format!("<{path}>");
        calls.lines().filter(|call| call.contains("sync(") && call.contains(&whole)).count()
    };
    let files =
        fs::read_dir(&evidence)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    assert_eq!(files.len(), documents.len());
    for file in files {
        assert_eq!(synced(&file.to_string_lossy()), 1, "{}\n{calls}", file.display());
    }
    assert_eq!(synced(&evidence.to_string_lossy()), documents.len(), "{calls}");
    Ok(())
}
