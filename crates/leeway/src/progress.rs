//! How far a long command is.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, where that is a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// `quiet` shows nothing.
    pub fn new(total: usize, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(count(total)) };
        let style = ProgressStyle::with_template("{msg:<12} [{bar:40}] {pos}/{len} {per_sec} {eta}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// From now on the bar tells of this.
    pub fn begin(&self, what: &'static str, total: usize) {
        self.0.reset();
        self.0.set_length(count(total));
        self.0.set_message(what);
    }

    /// So many of all are done.
    pub fn reached(&self, done: usize, all: usize) {
        self.0.set_length(count(all));
        self.0.set_position(count(done));
    }

    /// One more is done.
    pub fn one_more(&self) {
        self.0.inc(1);
    }

    /// Nothing is left to do; the bar stays.
    pub fn finish(&self) {
        self.0.finish();
    }

    /// A handle that can go elsewhere.
    pub fn bar(&self) -> ProgressBar {
        self.0.clone()
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
