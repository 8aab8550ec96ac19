//! The data directory: databases, documents, and what a restart must remember.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chassis::Clock;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A folder with everything that a restart goes on with.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// What is remembered beside the databases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Distance of the platform's clock from the machine's, microseconds; `None`: none was ever set.
    pub clock_offset_micros: Option<i64>,
    /// The stories were begun here; they are not begun twice.
    pub stories_begun: bool,
    /// The stories were played here.
    pub stories_played: bool,
}

impl DataDir {
    /// Opens (and makes) the folder.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("the data directory `{}` can't be made", path.display()))?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder as it is; nothing is made.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The database of a service.
    pub fn database(&self, service: &str) -> PathBuf {
        self.path.join(format!("{service}.db"))
    }

    /// The folder of documents.
    pub fn evidence(&self) -> PathBuf {
        self.path.join("evidence")
    }

    /// What was remembered.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let path = self.memory_path();
        match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).with_context(|| format!("`{}` can't be read", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Memory::default()),
            Err(error) => Err(error).with_context(|| format!("`{}` can't be read", path.display())),
        }
    }

    /// Remembers, whole or not at all.
    pub fn remember(&self, memory: &Memory) -> anyhow::Result<()> {
        let path = self.memory_path();
        let draft = path.with_extension("json.draft");
        let text = serde_json::to_string_pretty(memory)?;
        // Synced before it takes the name, or the loss of power leaves the name without the text.
        File::create(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, &path))
            .with_context(|| format!("`{}` can't be written", path.display()))
    }

    /// The file of what is remembered.
    pub fn memory_path(&self) -> PathBuf {
        self.path.join("leeway.json")
    }
}

impl Memory {
    /// The platform's clock: as it was left, else the machine's.
    pub fn clock(&self) -> Clock {
        match self.clock_offset_micros {
            Some(offset) => Clock::with_offset(SignedDuration::from_micros(offset)),
            None => Clock::system(),
        }
    }

    /// Remembers where a clock stands.
    pub fn keep(&mut self, clock: &Clock) {
        self.clock_offset_micros = i64::try_from(clock.offset().as_micros()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_clock_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("new")).unwrap();
        assert_eq!(data.memory().unwrap(), Memory::default());
        let clock = Clock::pinned("2026-07-20T02:00:00Z".parse().unwrap());
        let mut memory = Memory { stories_played: true, ..Memory::default() };
        memory.keep(&clock);
        data.remember(&memory).unwrap();
        let again = data.memory().unwrap();
        assert!(again.stories_played);
        let apart = again.clock().now().duration_since(clock.now()).abs();
        assert!(apart < SignedDuration::from_secs(60), "{apart}");
    }
}
