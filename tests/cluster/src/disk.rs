//! A small file system, to be filled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::programs;

/// In memory, unmounted when this is dropped. Files still open then keep it until they are closed.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts it at a path, which is made; only root may.
    pub fn mount(path: &Path, mib: u64) -> Result<Self> {
        fs::create_dir_all(path)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "leeway-disk"]).arg(path);
        programs::run(&mut mount).context("mounting a small disk takes root with the right to mount")?;
        Ok(Self { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it but for so much; removing the file that this returns makes room again.
    pub fn fill_but(&self, kib: u64) -> Result<PathBuf> {
        let output = Command::new("df").args(["--output=avail", "-k"]).arg(&self.path).output()?;
        let text = String::from_utf8(output.stdout)?;
        let free_kib: u64 = text.split_whitespace().last().context("no number of df's")?.parse()?;
        let file = self.path.join("something-else");
        fs::write(&file, vec![0; usize::try_from(free_kib.saturating_sub(kib))? * 1024])?;
        Ok(file)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
