//! Ids, tokens and jitter. The only place that draws randomness.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::{Builder, Uuid};

/// Source of ids. Clones draw from the same source.
#[derive(Clone)]
pub struct Ids {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Random,
    /// SplitMix64 state and the number of ids given out, which takes the place of the time in them.
    Seeded(Arc<Mutex<Seeded>>),
}

struct Seeded {
    state: u64,
    count: u64,
}

impl Ids {
    /// Unpredictable ids of the operating system's randomness.
    pub fn random() -> Self {
        Self { source: Source::Random }
    }

    /// The same ids in the same order from the same seed, for tests and simulation; anybody can predict them.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Source::Seeded(Arc::new(Mutex::new(Seeded { state: seed, count: 0 }))) }
    }

    /// `prefix-` and 32 hex digits of a UUID version 7: later ids sort behind earlier ones.
    pub fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.ordered().simple())
    }

    /// 32 hex digits without any order, for leases and links that nobody may guess.
    pub fn token(&self) -> String {
        self.uuid().simple().to_string()
    }

    /// A UUID version 4, such as a request id of our own calls.
    pub fn uuid(&self) -> Uuid {
        match &self.source {
            Source::Random => random_uuid(),
            Source::Seeded(seeded) => {
                let mut seeded = lock(seeded);
                Builder::from_random_bytes(seeded.bytes()).into_uuid()
            }
        }
    }

    /// A duration below `limit` (zero if `limit` is), evenly spread at a microsecond's grain.
    pub fn jitter(&self, limit: Duration) -> Duration {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let drawn = match &self.source {
            Source::Random => random_uuid().as_u64_pair().0,
            Source::Seeded(seeded) => lock(seeded).next(),
        };
        // The top bits of both sources are free of version marks; the bias of `%` is below 2^-20 here.
        Duration::from_micros(drawn.rotate_left(32).checked_rem(micros).unwrap_or(0))
    }

    fn ordered(&self) -> Uuid {
        match &self.source {
            Source::Random => ordered_uuid(),
            Source::Seeded(seeded) => {
                let mut seeded = lock(seeded);
                seeded.count = seeded.count.wrapping_add(1);
                let [a, b, c, d, e, f, g, h, i, j, ..] = seeded.bytes();
                Builder::from_unix_timestamp_millis(seeded.count, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
            }
        }
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Random => "Ids(random)",
            Source::Seeded(_) => "Ids(seeded)",
        })
    }
}

impl Seeded {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self) -> [u8; 16] {
        ((u128::from(self.next()) << 64) | u128::from(self.next())).to_be_bytes()
    }
}

fn lock(seeded: &Mutex<Seeded>) -> std::sync::MutexGuard<'_, Seeded> {
    seeded.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
fn random_uuid() -> Uuid {
    Uuid::new_v4()
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws ids")]
fn ordered_uuid() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_never_repeat() {
        for ids in [Ids::random(), Ids::seeded(7)] {
            let drawn: Vec<String> = (0..1_000).map(|_| ids.new_id("app")).collect();
            assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
            assert!(drawn.iter().all(|id| id.len() == 36 && id.starts_with("app-")), "{ids:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same() {
        let draw = |seed| {
            let ids = Ids::seeded(seed);
            (ids.new_id("a"), ids.token(), ids.uuid(), ids.jitter(Duration::from_secs(9)))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn jitter_stays_below_its_limit() {
        for ids in [Ids::random(), Ids::seeded(3)] {
            let limit = Duration::from_millis(50);
            let drawn: Vec<Duration> = (0..1_000).map(|_| ids.jitter(limit)).collect();
            assert!(drawn.iter().all(|d| *d < limit));
            assert!(drawn.iter().any(|d| *d > limit / 2) && drawn.iter().any(|d| *d < limit / 2));
            assert_eq!(ids.jitter(Duration::ZERO), Duration::ZERO);
        }
    }
}
