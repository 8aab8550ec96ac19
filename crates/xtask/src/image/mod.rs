//! `cargo xtask image`: the container image around one static binary, built without a daemon and run locked down.

mod containers;
mod trial;

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use self::containers::Containers;
use crate::tools::{PythonTools, Stopwatch, Workspace, cargo, run as run_command};

/// What the image is called in the storage of this task.
const IMAGE: &str = "localhost/leeway:ci";

#[derive(Args)]
pub struct Options {
    /// Cargo's profile of the binary; `trial` builds in about half the time what runs slower.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Takes this static binary instead of building one.
    #[arg(long, conflicts_with = "profile")]
    binary: Option<PathBuf>,
    /// Writes the image to this file as well, for `podman load` or `skopeo copy oci-archive:FILE`.
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// Builds the image and doesn't run it.
    #[arg(long)]
    no_run: bool,
}

/// Builds, runs and stops. An image that can't be run locked down, or doesn't drain, is an error.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let python = PythonTools::install(workspace)?;
    let folder = workspace.root.join(".xtask/containers");
    let containers = Containers::prepare(&folder)?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => timed("static binary", || static_binary(workspace, &options.profile))?,
    };
    timed("image", || build(workspace, &containers, &folder.join("context"), &binary))?;
    if let Some(archive) = &options.archive {
        let target = format!("oci-archive:{}", archive.display());
        run_command(containers.buildah("push").args(["--quiet", IMAGE, &target]))?;
        println!("archive: {}", archive.display());
    }
    if !options.no_run {
        timed("trial", || trial::run(&containers, IMAGE, &python.grpcurl()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("\n== {name}");
    let watch = Stopwatch::start();
    let done = step().with_context(|| name.to_owned())?;
    println!("{name}: {:.1} s", watch.elapsed().as_secs_f32());
    Ok(done)
}

/// A build with the C library linked in: a static-pie executable that needs no file of a distribution. The
/// target is named so that build scripts and macros, which can't be static, are built without the flag.
fn static_binary(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let target = format!("{ARCH}-unknown-linux-gnu");
    let mut command = cargo(&["build", "--locked", "--package", "leeway", "--bin", "leeway"]);
    command.args(["--profile", profile, "--target", &target]);
    command.current_dir(&workspace.root).env("RUSTFLAGS", "-C target-feature=+crt-static");
    run_command(&mut command)?;
    Ok(workspace.target_directory.join(target).join(profile).join("leeway"))
}

/// Builds from a context that holds the binary and an empty data folder, and nothing of the workspace.
fn build(workspace: &Workspace, containers: &Containers, context: &Path, binary: &Path) -> Result<()> {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context.join("data"))?;
    fs::copy(binary, context.join("leeway")).with_context(|| format!("no binary `{}`", binary.display()))?;
    let revision = String::from_utf8(workspace.git(&["rev-parse", "HEAD"])?)?;
    let labels = [format!("VERSION={}", env!("CARGO_PKG_VERSION")), format!("REVISION={}", revision.trim())];
    let mut command = containers.buildah("bud");
    command.args(["--isolation", "chroot", "--quiet", "--tag", IMAGE]);
    command.args(labels.iter().flat_map(|label| ["--build-arg", label]));
    command.arg("--file").arg(workspace.root.join("deploy/Containerfile")).arg(context);
    run_command(&mut command)?;
    // The image that had the name before.
    containers.ask(containers.podman("image").args(["prune", "--force"]))?;
    let bytes = fs::metadata(context.join("leeway"))?.len();
    println!("{IMAGE}: {} MiB", bytes / 1024 / 1024);
    Ok(())
}
