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
    let synced = |start: &str| {
        let calls =
            calls.lines().enumerate().filter(|(_, call)| call.contains("sync(") && !call.contains(".part>"));
        calls.filter(|(_, call)| call.contains(&format!("<{start}"))).map(|(at, _)| at).collect::<Vec<_>>()
    };
    let names = synced(&format!("{}>", evidence.display()));
    let files =
        fs::read_dir(&evidence)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    assert_eq!(files.len(), documents.len());
    for file in files {
        // The bytes are synced under a name of their own before they get this one; then the folder is.
        let bytes = synced(&format!("{}.", file.display()));
        assert_eq!(bytes.len(), 1, "{}\n{calls}", file.display());
        assert!(names.iter().any(|name| bytes.iter().all(|at| at < name)), "{}\n{calls}", file.display());
    }
    // Once for what came, once for what is complete.
    assert_eq!(names.len(), 2 * documents.len(), "{calls}");
    Ok(())
}
