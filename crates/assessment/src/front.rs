//! The Pareto front on lender's value, burden and total to pay: estimates prune what is clearly beaten, exact values decide
//! the rest.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::search::{Ranked, Search, Sketch};

/// How much more valuable, relative to the value, an estimate must be to prune another.
const MARGIN: f64 = 1e-6;

/// The candidates of a pool that no other beats, and how many were beaten.
pub(crate) fn front(search: &mut Search<'_>, pool: &[usize]) -> Result<(Vec<Ranked>, u64), AssessError> {
    let mut ranked = Vec::new();
    for place in survivors(search, pool) {
        ranked.extend(search.rank(place)?);
    }
    let kept = exact(search, ranked);
    let beaten = u64::try_from(pool.len().saturating_sub(kept.len())).unwrap_or(u64::MAX);
    Ok((kept, beaten))
}

/// Highest estimated values by burden, rising in both, among candidates that are no dearer than the next.
#[derive(Default)]
struct Stairs(Vec<(f64, f64)>);

impl Stairs {
    /// Whether a candidate of lower or equal burden is worth clearly more.
    fn beats(&self, burden: f64, lender: f64) -> bool {
        let above = self.0.partition_point(|(step, _)| *step <= burden);
        let best = above.checked_sub(1).and_then(|below| self.0.get(below));
        best.is_some_and(|(_, value)| *value > lender + MARGIN * lender.abs().max(1.0))
    }

    fn add(&mut self, burden: f64, lender: f64) {
        let first = self.0.partition_point(|(step, _)| *step < burden);
        if first.checked_sub(1).and_then(|below| self.0.get(below)).is_some_and(|(_, value)| *value >= lender)
        {
            return;
        }
        let outdone = self.0.iter().skip(first).take_while(|(_, value)| *value <= lender).count();
        self.0.splice(first..first + outdone, [(burden, lender)]);
    }
}

/// Those that no estimate clearly beats; candidates without an estimate always stay.
fn survivors(search: &Search<'_>, pool: &[usize]) -> Vec<usize> {
    let mut estimated: Vec<(i64, f64, f64, usize)> = Vec::with_capacity(pool.len());
    let mut kept = Vec::new();
    for place in pool {
        let Some(sketch) = search.sketch(*place) else { continue };
        match sketch.estimate {
            Some(estimate) => {
                estimated.push((sketch.total.minor(), estimate.burden, estimate.lender, *place));
            }
            None => kept.push(*place),
        }
    }
    estimated.sort_by(|(total, burden, lender, place), (other_total, other_burden, other_lender, other)| {
        total
            .cmp(other_total)
            .then_with(|| burden.total_cmp(other_burden))
            .then_with(|| other_lender.total_cmp(lender))
            .then_with(|| place.cmp(other))
    });
    let mut stairs = Stairs::default();
    for (_, burden, lender, place) in estimated {
        if !stairs.beats(burden, lender) {
            stairs.add(burden, lender);
            kept.push(place);
        }
    }
    kept
}

/// The exact front, in order of total, burden, value, end and terms.
fn exact(search: &Search<'_>, ranked: Vec<Ranked>) -> Vec<Ranked> {
    let mut ordered: Vec<(Ranked, &Sketch)> =
        ranked.into_iter().filter_map(|one| Some((one, search.sketch(one.place)?))).collect();
    ordered.sort_by(order);
    // INVARIANT: among what was seen (no dearer than the next), `best` maps a burden to the highest value at
    // that burden or below, rising in both.
    let mut best: BTreeMap<Fixed, Fixed> = BTreeMap::new();
    let mut kept = Vec::new();
    for (one, _) in ordered {
        let (burden, lender) = (one.value.burden, one.value.lender);
        if best.range(..=burden).next_back().is_some_and(|(_, value)| *value >= lender) {
            continue;
        }
        let outdone: Vec<Fixed> =
            best.range(burden..).take_while(|(_, value)| **value <= lender).map(|(key, _)| *key).collect();
        for key in outdone {
            best.remove(&key);
        }
        best.insert(burden, lender);
        kept.push(one);
    }
    kept
}

fn order((left, sketch): &(Ranked, &Sketch), (right, other): &(Ranked, &Sketch)) -> Ordering {
    (sketch.total, left.value.burden)
        .cmp(&(other.total, right.value.burden))
        .then_with(|| right.value.lender.cmp(&left.value.lender))
        .then_with(|| sketch.end.cmp(&other.end))
        .then_with(|| sketch.terms.canonical_key().cmp(&other.terms.canonical_key()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_prune_only_what_is_clearly_beaten() {
        let mut stairs = Stairs::default();
        stairs.add(0.5, 1_000.0);
        stairs.add(0.8, 2_000.0);
        stairs.add(0.7, 900.0);
        // (burden, value, beaten)
        let rows = [
            (0.5, 999.0, true),
            (0.5, 1_000.0, false),
            (0.5, 999.999_5, false),
            (0.4, 1.0, false),
            (0.79, 999.0, true),
            (0.79, 1_500.0, false),
            (0.8, 1_500.0, true),
            (3.0, 1_999.0, true),
            (3.0, 2_001.0, false),
        ];
        for (burden, lender, beaten) in rows {
            assert_eq!(stairs.beats(burden, lender), beaten, "{burden} {lender}");
        }
        stairs.add(0.1, 5_000.0);
        assert_eq!(stairs.0, [(0.1, 5_000.0)]);
    }
}
