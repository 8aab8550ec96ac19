//! Which core a thread runs on.

use std::num::NonZero;
use std::thread::available_parallelism;

/// The generator's core, and the server's: the first and the last of this process. The same one where there is only one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cores {
    pub(super) generator: usize,
    pub(super) server: usize,
}

impl Cores {
    pub(super) fn of_machine() -> Self {
        Self { generator: 0, server: available_parallelism().map_or(1, NonZero::get).saturating_sub(1) }
    }
}

/// Puts the calling thread on one core; processes that it starts afterwards begin there too.
#[cfg(target_os = "linux")]
pub(super) fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = nix::sched::CpuSet::new();
    set.set(core)?;
    Ok(nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set)?)
}

/// Elsewhere the system places threads as it likes.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_core: usize) -> anyhow::Result<()> {
    Ok(())
}
