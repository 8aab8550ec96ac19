//! Domain time. The only place that reads the machine's clock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest single sleep of [`Clock::sleep_until`]; it then looks again, so that a machine that slept catches up.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// Where "now" comes from. Clones show the same time.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

struct Inner {
    mode: Mutex<Mode>,
    moved: watch::Sender<u64>,
}

/// How the time runs on.
#[derive(Clone, Copy)]
enum Mode {
    /// The machine's time plus an offset, which is zero for the system clock.
    Offset(SignedDuration),
    /// Started at `at` when the machine's monotonic clock showed `since`.
    Pinned { at: Timestamp, since: Instant },
    /// Stands still.
    Manual(Timestamp),
}

/// A clock can't be read from text, or be moved that way.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    #[error("`{text}` is not a time such as `2026-07-20T10:00+08:00`")]
    Unreadable { text: String },
    #[error("the system clock can't be moved")]
    System,
    #[error("a clock goes forward only, from `{now}` not to `{asked}`")]
    Backward { now: Timestamp, asked: Timestamp },
    #[error("the time leaves the calendar")]
    OutOfRange,
}

impl Clock {
    /// The machine's time.
    pub fn system() -> Self {
        Self::new(Mode::Offset(SignedDuration::ZERO))
    }

    /// The machine's time plus an offset, such as the one kept with a data directory.
    pub fn with_offset(offset: SignedDuration) -> Self {
        Self::new(Mode::Offset(offset))
    }

    /// Starts at `at` and then runs.
    pub fn pinned(at: Timestamp) -> Self {
        Self::new(Mode::Pinned { at, since: Instant::now() })
    }

    /// Stands still at `at` until it is moved.
    pub fn manual(at: Timestamp) -> Self {
        Self::new(Mode::Manual(at))
    }

    fn new(mode: Mode) -> Self {
        Self { inner: Arc::new(Inner { mode: Mutex::new(mode), moved: watch::Sender::new(0) }) }
    }

    /// The domain time now.
    pub fn now(&self) -> Timestamp {
        now_of(*self.lock())
    }

    /// [`Clock::now`] in epoch microseconds, as the store counts.
    pub fn now_micros(&self) -> i64 {
        self.now().as_microsecond()
    }

    /// Domain time minus the machine's time; zero for the system clock.
    pub fn offset(&self) -> SignedDuration {
        match *self.lock() {
            Mode::Offset(offset) => offset,
            mode @ (Mode::Pinned { .. } | Mode::Manual(_)) => now_of(mode).duration_since(machine_now()),
        }
    }

    /// Moves a pinned or manual clock forward and wakes whoever waits for it. Returns the new time.
    pub fn advance(&self, by: SignedDuration) -> Result<Timestamp, ClockError> {
        let to = self.now().checked_add(by).map_err(|_| ClockError::OutOfRange)?;
        self.set(to)
    }

    /// Sets a pinned or manual clock to a later time and wakes whoever waits for it.
    pub fn set(&self, to: Timestamp) -> Result<Timestamp, ClockError> {
        {
            let mut mode = self.lock();
            let now = now_of(*mode);
            if to < now {
                return Err(ClockError::Backward { now, asked: to });
            }
            *mode = match *mode {
                Mode::Offset(_) => return Err(ClockError::System),
                Mode::Pinned { .. } => Mode::Pinned { at: to, since: Instant::now() },
                Mode::Manual(_) => Mode::Manual(to),
            };
        }
        self.inner.moved.send_modify(|count| *count = count.wrapping_add(1));
        Ok(to)
    }

    /// Changes whenever the clock is moved by hand: sleeps that depend on it must look again.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.moved.subscribe()
    }

    /// Returns when the domain time has reached `at`, by running or by being moved.
    pub async fn sleep_until(&self, at: Timestamp) {
        let mut moved = self.changed();
        loop {
            let mode = *self.lock();
            let left = at.duration_since(now_of(mode));
            if left <= SignedDuration::ZERO {
                return;
            }
            // A standing clock only ends a sleep by being moved; `moved` lives as long as `self`.
            let nap = match mode {
                Mode::Manual(_) => MAX_SLEEP,
                Mode::Offset(_) | Mode::Pinned { .. } => left.unsigned_abs().min(MAX_SLEEP),
            };
            tokio::select! {
                biased;
                _ = moved.changed() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Mode> {
        // The mode is `Copy` and replaced whole: a panic elsewhere can't leave half of it.
        self.inner.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Reads a time as people type it: RFC 3339, seconds optional, offset needed (`2026-07-20T10:00+08:00`).
pub fn parse_time(text: &str) -> Result<Timestamp, ClockError> {
    text.trim().parse().map_err(|_| ClockError::Unreadable { text: text.to_owned() })
}

/// Today's machine time, for what is never domain time: ids, log lines, certificates.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
pub fn machine_now() -> Timestamp {
    Timestamp::now()
}

fn now_of(mode: Mode) -> Timestamp {
    match mode {
        // A saturated time is wrong by being at the calendar's end, which every comparison survives.
        Mode::Offset(offset) => machine_now().saturating_add(offset).unwrap_or(Timestamp::MAX),
        Mode::Pinned { at, since } => at.saturating_add(since.elapsed()).unwrap_or(Timestamp::MAX),
        Mode::Manual(at) => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_time(text).unwrap()
    }

    #[test]
    fn reads_what_people_type() {
        let rows = [
            ("2026-07-20T10:00+08:00", Some("2026-07-20T02:00:00Z")),
            ("2026-07-20T10:00:30Z", Some("2026-07-20T10:00:30Z")),
            (" 2026-07-20T10:00:30Z ", Some("2026-07-20T10:00:30Z")),
            ("2026-07-20T10:00", None),
            ("tomorrow", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_time(text).ok().map(|t| t.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn manual_stands_still_and_goes_forward_only() {
        let clock = Clock::manual(at("2026-07-20T02:00Z"));
        let moved = clock.changed();
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.advance(SignedDuration::from_hours(24)).unwrap(), at("2026-07-21T02:00Z"));
        assert!(moved.has_changed().unwrap());
        assert!(matches!(clock.set(at("2026-07-21T01:59Z")), Err(ClockError::Backward { .. })));
        assert!(matches!(clock.advance(SignedDuration::MAX), Err(ClockError::OutOfRange)));
        assert_eq!(clock.now(), at("2026-07-21T02:00Z"));
    }

    #[test]
    fn system_can_not_be_moved_but_has_an_offset() {
        let clock = Clock::system();
        assert_eq!(clock.offset(), SignedDuration::ZERO);
        assert!(matches!(clock.advance(SignedDuration::from_hours(1)), Err(ClockError::System)));
        let shifted = Clock::with_offset(SignedDuration::from_hours(48));
        assert!(shifted.now() > clock.now().checked_add(SignedDuration::from_hours(47)).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn pinned_runs_and_can_jump() {
        let clock = Clock::pinned(at("2026-07-20T02:00Z"));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), at("2026-07-20T02:01:30Z"));
        clock.advance(SignedDuration::from_mins(10)).unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), at("2026-07-20T02:11:35Z"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_by_running_or_by_being_moved() {
        let pinned = Clock::pinned(at("2026-07-20T02:00Z"));
        pinned.sleep_until(at("2026-07-20T02:05Z")).await;
        assert!(pinned.now() >= at("2026-07-20T02:05Z"));

        let manual = Clock::manual(at("2026-07-20T02:00Z"));
        let sleeper = tokio::spawn({
            let manual = manual.clone();
            async move { manual.sleep_until(at("2026-07-22T02:00Z")).await }
        });
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        assert!(!sleeper.is_finished());
        manual.advance(SignedDuration::from_hours(48)).unwrap();
        sleeper.await.unwrap();
    }
}
