//! Which payment streams a search has met, by their hash: answers are compared in full.

/// An open table of places; as many again stay empty.
pub(crate) struct Seen {
    /// Place + 1; 0 is empty.
    table: Vec<u32>,
}

impl Seen {
    pub fn with_room_for(streams: usize) -> Self {
        Self { table: vec![0; streams.saturating_mul(2).max(2).next_power_of_two()] }
    }

    /// Whether the stream is new; it is noted under `place` then. `same` compares it with the one of an earlier place.
    pub fn insert(&mut self, pays: &[i64], place: usize, same: impl Fn(usize) -> bool) -> bool {
        let mask = self.table.len().saturating_sub(1);
        let mut slot = usize::try_from(hash(pays) >> 16).unwrap_or_default() & mask;
        let Ok(noted) = u32::try_from(place.saturating_add(1)) else { return true };
        // INVARIANT: half of the table stays empty, so that the walk ends.
        for _ in 0..self.table.len() {
            let Some(entry) = self.table.get_mut(slot) else { break };
            match usize::try_from(*entry) {
                Ok(0) => {
                    *entry = noted;
                    return true;
                }
                Ok(found) if same(found - 1) => return false,
                _ => slot = (slot + 1) & mask,
            }
        }
        true
    }
}

/// A multiplicative hash; nobody gains by making streams of their own loan collide.
fn hash(pays: &[i64]) -> u64 {
    pays.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, pay| {
        (hash.rotate_left(5) ^ pay.cast_unsigned()).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_stream_is_met_once() {
        let streams: Vec<Vec<i64>> = (0..200).map(|n| vec![n % 50, n % 5, 100]).collect();
        let mut seen = Seen::with_room_for(streams.len());
        let mut kept: Vec<&Vec<i64>> = Vec::new();
        for stream in &streams {
            let new = seen.insert(stream, kept.len(), |place| kept[place] == stream);
            assert_eq!(new, !kept.contains(&stream), "{stream:?}");
            if new {
                kept.push(stream);
            }
        }
        assert_eq!(kept.len(), 50);
    }
}
