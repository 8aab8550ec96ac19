//! Which payment streams a search has met: by their hash, so that only streams of one hash are compared in full.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Places of streams by hash.
pub(crate) struct Seen(HashMap<u64, usize, BuildHasherDefault<AsItIs>>);

impl Seen {
    pub fn with_room_for(streams: usize) -> Self {
        Self(HashMap::with_capacity_and_hasher(streams, BuildHasherDefault::default()))
    }

    /// The earlier place of this hash, or `None` after noting this one.
    pub fn meet(&mut self, hash: u64, place: usize) -> Option<usize> {
        let earlier = *self.0.entry(hash).or_insert(place);
        (earlier != place).then_some(earlier)
    }
}

/// A hash of a stream is spread well enough; nobody gains by making streams of their own loan collide.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash, u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Hash of a stream and what else tells candidates apart.
pub(crate) fn hash(pays: &[i64], apart: u64) -> u64 {
    let hash =
        pays.iter().fold(mix(0xcbf2_9ce4_8422_2325, apart), |hash, pay| mix(hash, pay.cast_unsigned()));
    hash ^ (hash >> 32)
}

fn mix(hash: u64, number: u64) -> u64 {
    (hash.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_stream_is_met_again() {
        let mut seen = Seen::with_room_for(16);
        let mut kept: Vec<(Vec<i64>, u64)> = Vec::new();
        for n in 0..200 {
            let stream = (vec![n % 50, n % 5, 100], u64::from(n % 100 < 50));
            let hash = hash(&stream.0, stream.1);
            let earlier = seen.meet(hash, kept.len());
            assert_eq!(earlier, kept.iter().position(|other| *other == stream), "{stream:?}");
            if earlier.is_none() {
                kept.push(stream);
            }
        }
        assert_eq!(kept.len(), 100);
    }
}
