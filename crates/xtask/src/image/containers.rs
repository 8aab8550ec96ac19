//! buildah and podman with a storage of their own, so that nothing of the machine's is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::{run, succeeds};

/// What is asked of the system's packages, by the names that Debian gives them.
const PROGRAMS: [&str; 4] = ["buildah", "podman", "runc", "fuse-overlayfs"];
/// Builders of machines often forbid raising limits, which podman tries by default.
const SETTINGS: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
                        [engine]\ncgroup_manager = \"cgroupfs\"\n";

/// Where images and containers of this task live.
pub struct Containers {
    folder: PathBuf,
}

impl Containers {
    /// Installs what is missing, where apt can, and makes the storage.
    pub fn prepare(folder: &Path) -> Result<Self> {
        install()?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("containers.conf"), SETTINGS)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// `buildah VERB` on this storage.
    pub fn buildah(&self, verb: &str) -> Command {
        let mut command = self.command("buildah");
        command.arg(verb);
        command
    }

    /// `podman VERB` on this storage. crun, the usual run time, needs more of the kernel than builders allow.
    pub fn podman(&self, verb: &str) -> Command {
        let mut command = self.command("podman");
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc", verb]);
        command
    }

    /// What a podman command prints; its failure is an error.
    pub fn ask(&self, command: &mut Command) -> Result<String> {
        let output = command.output().with_context(|| format!("{command:?} could not be started"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?} failed ({}):\n{said}", output.status);
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CONTAINERS_CONF", self.folder.join("containers.conf"));
        command.args(["--storage-driver", "overlay", "--root"]).arg(self.folder.join("storage"));
        command.arg("--runroot").arg(self.folder.join("run"));
        command
    }
}

fn install() -> Result<()> {
    let missing = || PROGRAMS.into_iter().filter(|program| !succeeds(Command::new(program).arg("--version")));
    let names: Vec<&str> = missing().collect();
    if names.is_empty() {
        return Ok(());
    }
    println!("tools: installing {} by apt", names.join(", "));
    if !succeeds(Command::new("apt-get").arg("--version")) {
        bail!("{} are needed; install them with the system's packages", names.join(", "));
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "-qq", "--no-install-recommends"]).args(PROGRAMS);
    run(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    ensure!(missing().next().is_none(), "they were installed and can't be started: {names:?}");
    Ok(())
}
