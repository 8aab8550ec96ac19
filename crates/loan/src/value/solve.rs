//! The discount at which payments are worth an outlay.

use super::Flow;
use super::scaled::Scaled;
use crate::money::Amount;

/// Powers kept by a valuation: the gaps of daily, weekly and monthly payments.
const MOST_KEPT_POWERS: usize = 32;

/// A payment: whole periods from the day of valuation, and days beyond them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub periods: u32,
    pub rest: u32,
    pub amount: Scaled,
}

/// What is to be worth `outlay`.
pub(super) struct Payments {
    outlay: Scaled,
    /// By time.
    dues: Vec<Due>,
    /// Powers worth keeping: up to the longest gap between payments.
    kept_powers: usize,
}

/// What a sum of payments says before any discount is tried.
pub(super) enum Question {
    /// Undiscounted they are the outlay: the rate is 0.
    Zero,
    /// Nothing is laid out, nothing comes back, or one amount is negative, so that several rates could fit.
    Unanswerable,
    /// All were due by the day of valuation and aren't the outlay: no rate changes that.
    Undiscounted,
    Solve {
        payments: Payments,
        pays_back_less: bool,
    },
}

impl Question {
    pub fn of(outlay: Amount, flows: &[Flow], mut dues: Vec<Due>) -> Self {
        let total: i128 = flows.iter().map(|flow| i128::from(flow.amount.minor())).sum();
        let negative = flows.iter().any(|flow| flow.amount.is_negative());
        if outlay.minor() < 1 || total < 1 || negative {
            return Self::Unanswerable;
        }
        if total == i128::from(outlay.minor()) {
            return Self::Zero;
        }
        if dues.iter().all(|due| due.amount == Scaled::ZERO || (due.periods, due.rest) == (0, 0)) {
            return Self::Undiscounted;
        }
        dues.sort_by_key(|due| (due.periods, due.rest));
        let gaps = dues.iter().zip(dues.iter().skip(1)).map(|(due, next)| next.periods - due.periods);
        let longest = usize::try_from(gaps.max().unwrap_or(0)).unwrap_or(usize::MAX);
        let payments = Payments {
            outlay: Scaled::of(outlay),
            dues,
            kept_powers: longest.saturating_add(1).min(MOST_KEPT_POWERS),
        };
        Self::Solve { payments, pays_back_less: total < i128::from(outlay.minor()) }
    }
}

impl Payments {
    /// Whether they are worth more than the outlay where a period discounts by `discount` and so many days beyond whole
    /// periods by `part`.
    pub fn worth_more(&self, discount: Scaled, part: impl Fn(u32) -> Scaled) -> bool {
        let mut powers = [Scaled::ONE; MOST_KEPT_POWERS];
        let mut power = Scaled::ONE;
        for kept in powers.iter_mut().take(self.kept_powers) {
            *kept = power;
            power = power.times(discount);
        }
        let powers = powers.get(..self.kept_powers).unwrap_or_default();
        let power = |gap: u32| {
            let kept = usize::try_from(gap).ok().and_then(|gap| powers.get(gap));
            kept.copied().unwrap_or_else(|| discount.power(gap))
        };
        // Horner's rule from the last payment back: value at its own time, then discounted by the gap before it.
        let mut value = Scaled::ZERO;
        let mut at = self.dues.last().map_or(0, |last| last.periods);
        let mut known_part = (0, Scaled::ONE);
        for due in self.dues.iter().rev() {
            if at > due.periods {
                value = value.times(power(at - due.periods));
                at = due.periods;
            }
            if known_part.0 != due.rest {
                known_part = (due.rest, part(due.rest));
            }
            value = value.plus(if due.rest == 0 { due.amount } else { due.amount.times(known_part.1) });
        }
        value.times(power(at)).exceeds(self.outlay)
    }
}

/// The least `x` above `low` up to `high` where `holds` no more, if it falls once in between; at most 64 halvings.
///
/// A neighbour of it where rounding makes `holds` waver. `low` is never tried, `high` neither.
pub(super) fn last_halving(low: u64, high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (low, high);
    // INVARIANT: low < high, and their distance halves, so that 64 steps always end it.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
