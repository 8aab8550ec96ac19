//! Chance from a seed.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed for good, whatever libraries do.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`, 0 where that is 0. The bias is below 2^-32 for limits below 2^32.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or(0)
    }

    /// True once in so many times on average.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True so many times in a thousand on average.
    pub fn per_mille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// Below `limit`, at a microsecond's grain.
    pub fn time_below(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX)))
    }

    /// One of them, `None` of none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        from.get(usize::try_from(at).unwrap_or(usize::MAX))
    }

    /// Dice of their own for somebody else, so that what one does doesn't change another's luck.
    pub fn split(&mut self) -> Self {
        Self::new(self.roll())
    }
}
