//! Tells a burst, which a queue is for, from standing overload, in which a queue only makes everybody wait.

use std::time::Duration;

use tokio::time::Instant;

/// Time over which calls are looked at together.
const INTERVAL: Duration = Duration::from_millis(100);
/// Intervals in a row with a late beginning that make overload standing.
const STANDING_INTERVALS: u32 = 5;
/// However slow calls are, so many may wait.
const FEWEST_WAITING: u32 = 32;

/// How soon calls begin lately.
#[derive(Debug)]
pub(super) struct Pace {
    target: Duration,
    interval_end: Instant,
    /// Calls that began in this interval, and in the one before.
    begun: u32,
    begun_before: u32,
    /// Whether a call of this interval began later than the target, or was shed.
    strained: bool,
    strained_in_a_row: u32,
}

impl Pace {
    /// `target`: the wait that is fine to have all the time.
    pub(super) fn new(target: Duration, now: Instant) -> Self {
        Self {
            target,
            interval_end: now + INTERVAL,
            begun: 0,
            begun_before: 0,
            strained: false,
            strained_in_a_row: 0,
        }
    }

    /// A call begins `waited` after its arrival.
    pub(super) fn begun(&mut self, waited: Duration, now: Instant) {
        self.turn(now);
        self.begun = self.begun.saturating_add(1);
        self.strained |= waited > self.target;
    }

    /// A call was shed.
    pub(super) fn shed(&mut self, now: Instant) {
        self.turn(now);
        self.strained = true;
    }

    /// Calls that may wait while overload stands: those that begin within the target at the pace of late. `None` while
    /// it doesn't.
    pub(super) fn most_waiting(&mut self, now: Instant) -> Option<u32> {
        self.turn(now);
        if self.strained_in_a_row < STANDING_INTERVALS {
            return None;
        }
        let within = u128::from(self.begun_before) * self.target.as_micros() / INTERVAL.as_micros();
        Some(u32::try_from(within).unwrap_or(u32::MAX).max(FEWEST_WAITING))
    }

    /// How long the call behind so many others waits at the pace of late.
    pub(super) fn wait_behind(&self, ahead: u32) -> Duration {
        INTERVAL.saturating_mul(ahead).checked_div(self.begun_before).unwrap_or(Duration::ZERO)
    }

    fn turn(&mut self, now: Instant) {
        if now < self.interval_end {
            return;
        }
        // After a whole interval without a call nothing stands any more.
        let quiet = now >= self.interval_end + INTERVAL;
        self.strained_in_a_row =
            if self.strained && !quiet { self.strained_in_a_row.saturating_add(1) } else { 0 };
        self.begun_before = self.begun;
        self.begun = 0;
        self.strained = false;
        self.interval_end = now + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(10);
    const LATE: Duration = Duration::from_millis(11);

    /// Feeds one interval: so many calls, the last of which waited.
    fn interval(pace: &mut Pace, start: Instant, number: u32, calls: u32, waited: Duration) {
        let now = start + INTERVAL * number;
        for _ in 1..calls {
            pace.begun(Duration::ZERO, now);
        }
        pace.begun(waited, now);
    }

    #[test]
    fn only_lateness_in_interval_after_interval_is_overload() {
        // Waits per interval, and how many may wait afterwards.
        let rows: [(&[Duration], Option<u32>); 4] = [
            (&[LATE; 4], None),
            (&[LATE; 5], Some(40)),
            (&[TARGET; 9], None),
            (&[LATE, LATE, LATE, TARGET, LATE, LATE], None),
        ];
        for (waits, most) in rows {
            let start = Instant::now();
            let mut pace = Pace::new(TARGET, start);
            for (number, waited) in (0..).zip(waits) {
                interval(&mut pace, start, number, 400, *waited);
            }
            let after = start + INTERVAL * u32::try_from(waits.len()).unwrap();
            assert_eq!(pace.most_waiting(after), most, "{waits:?}");
        }
    }

    #[test]
    fn shedding_keeps_it_up_and_calm_or_silence_ends_it() {
        let start = Instant::now();
        let overloaded = || {
            let mut pace = Pace::new(TARGET, start);
            (0..5).for_each(|number| interval(&mut pace, start, number, 50, LATE));
            assert_eq!(pace.most_waiting(start + INTERVAL * 5), Some(FEWEST_WAITING));
            assert_eq!(pace.wait_behind(25), INTERVAL / 2);
            pace
        };
        let mut pace = overloaded();
        pace.shed(start + INTERVAL * 5);
        assert!(pace.most_waiting(start + INTERVAL * 6).is_some());
        interval(&mut pace, start, 6, 50, TARGET);
        assert_eq!(pace.most_waiting(start + INTERVAL * 7), None);
        assert_eq!(overloaded().most_waiting(start + INTERVAL * 8), None);
    }
}
