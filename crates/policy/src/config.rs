//! Settings of the policy service.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the policy service beside those of its server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A folder of packs, one a folder. They replace the packs of the same name that ship, or join them.
    pub packs_dir: Option<PathBuf>,
    /// Assessments computed at a time; further ones wait. 0: as many as the machine has processors.
    pub max_parallel_assessments: u32,
}

impl PolicyConfig {
    /// How many assessments may be computed at a time.
    pub(crate) fn parallel_assessments(&self) -> usize {
        match usize::try_from(self.max_parallel_assessments) {
            Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            Ok(most) => most,
        }
    }
}
