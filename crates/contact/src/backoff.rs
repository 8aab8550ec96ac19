use jiff::SignedDuration;

/// After this many failed attempts nobody tries again without being asked to.
pub const MAX_FAILED_ATTEMPTS: usize = WAITS.len() + 1;

/// Waits between attempts over a channel that fails: quick at first, for a fault that passes, then out of the way
/// of one that doesn't; about a day and a half in all.
const WAITS: [SignedDuration; 6] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(24),
];

/// How long to wait after the `failed`-th failed attempt in a row (from 1); `None`: give up.
pub fn retry_after(failed: usize) -> Option<SignedDuration> {
    WAITS.get(failed.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<SignedDuration> = (1..).map_while(retry_after).collect();
        assert_eq!(waits.len(), MAX_FAILED_ATTEMPTS - 1);
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(retry_after(0), None);
        assert_eq!(retry_after(MAX_FAILED_ATTEMPTS), None);
    }
}
