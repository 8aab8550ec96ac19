//! PostgreSQL's programs, and running them as somebody else where this is root, which the server refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::{LOOKS, PAUSE};

/// Where Debian keeps the programs of each version.
const PG_BIN: &str = "/usr/lib/postgresql";
/// Who runs servers where this process is root.
const SERVER_USER: &str = "postgres";

/// The path of one of PostgreSQL's programs: of the newest version installed, else from the path.
pub fn program(name: &str) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(PG_BIN)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name))).collect())
        .unwrap_or_default();
    versions.retain(|path| path.is_file());
    versions.sort();
    let found = versions.pop().or_else(|| on_path(name));
    found.with_context(|| {
        format!("no `{name}`: install PostgreSQL (Debian: postgresql), as `cargo xtask test` does")
    })
}

/// A program of this name on the path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// A server program, which refuses to run as root; the kernel ends it with its parent.
pub(crate) fn as_server(name: &str) -> Result<Command> {
    as_user(&program(name)?)
}

pub(crate) fn as_user(program: &Path) -> Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root()? {
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"]);
    }
    command.arg("--").arg(program);
    Ok(command)
}

/// Makes a directory the server user's.
pub(crate) fn hand_over(directory: &Path) -> Result<()> {
    if !is_root()? {
        return Ok(());
    }
    let id = |what: &str| -> Result<u32> {
        let output = Command::new("id").args([what, SERVER_USER]).output()?;
        String::from_utf8(output.stdout)?.trim().parse().context("no user `postgres`")
    };
    chown(directory, Some(id("-u")?), Some(id("-g")?))?;
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// Runs a program to its end; its failure is an error that tells what it said.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{:?} can't be started", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

pub(crate) fn signal(name: &str, pid: u32) -> Result<()> {
    run(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]))
}

/// Kills a process with all that it started, and waits until those are gone: a server doesn't start while one of its
/// predecessor's processes still holds the shared memory.
pub(crate) fn kill_all(pid: u32) -> Result<()> {
    // Else it would start new ones in place of those that end.
    if signal("STOP", pid).is_err() {
        // Gone by itself, and then so are its children.
        return Ok(());
    }
    let children = children(pid)?;
    for child in &children {
        // It may have gone by itself.
        let _ = signal("KILL", *child);
    }
    signal("KILL", pid)?;
    for _ in 0..LOOKS {
        if children.iter().all(|child| stat(*child).is_none_or(|(state, _)| state == "Z")) {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    bail!("a killed server process doesn't end")
}

/// The processes that a process started and that still run.
fn children(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if stat(child).is_some_and(|(_, parent)| parent == pid) {
            found.push(child);
        }
    }
    Ok(found)
}

/// State and parent of a process that isn't gone.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // They follow the name, which stands in brackets.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
