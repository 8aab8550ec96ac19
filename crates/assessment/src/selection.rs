//! From candidates to two to four offers: the front, the Nash point, and what differs in kind.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::candidate::{Candidate, Infeasible, Kinds};
use crate::case::Case;
use crate::codes::{Authority, OfferLabel};
use crate::decision::SearchWitness;
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::generation::Space;
use crate::ruling::Ruling;
use crate::valuation::Valuer;

/// Most offers of one decision, the proposal's included.
const MAX_OFFERS: usize = 4;
/// Offers below which another kind is added, where there is one.
const MIN_OFFERS: usize = 2;
/// Places of the gains in the product of the Nash point, in major units.
const GAIN_PLACES: u32 = 9;

/// A candidate with its labels.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub candidate: Candidate,
    pub labels: Vec<OfferLabel>,
}

/// Every feasible candidate of a case and how many there were.
pub(crate) struct Search {
    pub feasible: Vec<Candidate>,
    pub witness: SearchWitness,
    /// At least one candidate failed for its term alone.
    pub term_failed: bool,
}

impl Search {
    /// Evaluates every distinct candidate of the space.
    pub fn run(case: &Case<'_>, valuer: &Valuer, space: &Space<'_>) -> Result<Self, AssessError> {
        let mut search = Self { feasible: Vec::new(), witness: SearchWitness::default(), term_failed: false };
        let mut seen = BTreeSet::new();
        for terms in space.generate()? {
            let evaluated = Candidate::evaluate(case, valuer, terms)?;
            search.witness.considered += 1;
            match evaluated {
                // Two ways to write the same payments are one candidate.
                Ok(candidate)
                    if !seen.insert((candidate.kinds, candidate.pays.clone(), candidate.applied.end)) =>
                {
                    search.witness.considered -= 1;
                }
                Ok(candidate) if candidate.within_cost_cap(case)? => search.feasible.push(candidate),
                Ok(_) => search.witness.infeasible += 1,
                Err(problem) => {
                    search.witness.infeasible += 1;
                    search.term_failed |= problem == Infeasible::Term;
                }
            }
        }
        Ok(search)
    }

    /// Keeps the candidates that lie within the automatic mandate.
    pub fn automatic(&self, case: &Case<'_>, ruling: &Ruling<'_>) -> Result<Vec<Candidate>, AssessError> {
        let mut found = Vec::new();
        for candidate in &self.feasible {
            if candidate.in_mandate(case, ruling)?
                && candidate.authority(case, ruling)? == Authority::Automatic
            {
                found.push(candidate.clone());
            }
        }
        Ok(found)
    }
}

/// The candidates that no other beats on value, burden and total, and how many were beaten.
pub(crate) fn front(candidates: &[Candidate]) -> (Vec<&Candidate>, u64) {
    let mut ordered: Vec<&Candidate> = candidates.iter().collect();
    ordered.sort_by(|left, right| {
        (left.applied.total_to_pay, left.value.burden)
            .cmp(&(right.applied.total_to_pay, right.value.burden))
            .then_with(|| right.value.lender.cmp(&left.value.lender))
            .then_with(|| left.applied.end.cmp(&right.applied.end))
            .then_with(|| left.terms.canonical_key().cmp(&right.terms.canonical_key()))
    });
    // INVARIANT: among what was seen (no dearer than the next), `best` maps a burden to the highest value at
    // that burden or below, rising in both.
    let mut best: BTreeMap<Fixed, Fixed> = BTreeMap::new();
    let mut kept = Vec::new();
    let mut beaten = 0;
    for candidate in ordered {
        let (burden, lender) = (candidate.value.burden, candidate.value.lender);
        if best.range(..=burden).next_back().is_some_and(|(_, value)| *value >= lender) {
            beaten += 1;
            continue;
        }
        let outdone: Vec<Fixed> =
            best.range(burden..).take_while(|(_, value)| **value <= lender).map(|(key, _)| *key).collect();
        for key in outdone {
            best.remove(&key);
        }
        best.insert(burden, lender);
        kept.push(candidate);
    }
    (kept, beaten)
}

/// Chooses the recommended point and what differs from it in kind; the proposal is always among them. Within the
/// automatic mandate the lender needn't gain.
pub(crate) fn choose(
    case: &Case<'_>,
    ruling: &Ruling<'_>,
    front: &[&Candidate],
    proposal: Option<(&Candidate, OfferLabel)>,
) -> Result<Vec<Choice>, AssessError> {
    let mut candidates: Vec<&Candidate> = Vec::new();
    for one in front.iter().copied() {
        if agreeable(one.lender_gain, one.borrower_gain, one.in_mandate(case, ruling)?) {
            candidates.push(one);
        }
    }
    let recommends = !candidates.is_empty();
    if !recommends {
        candidates = front.to_vec();
    }
    let mut choices = Choices { list: Vec::new(), room: MAX_OFFERS - usize::from(proposal.is_some()) };
    if recommends {
        choices.add_first(&by_nash(case, &candidates)?, OfferLabel::Recommended);
    }
    for label in [OfferLabel::LowestPayment, OfferLabel::LowestTotal, OfferLabel::SoonestFree] {
        let mut ordered = candidates.clone();
        ordered.sort_by(|left, right| order(label, left, right));
        choices.add_first(&ordered, label);
    }
    if let Some((candidate, label)) = proposal {
        choices.room = MAX_OFFERS;
        choices.add(candidate, label);
    }
    if choices.list.len() < MIN_OFFERS {
        choices.add_other_kind(&by_nash(case, front)?);
    }
    Ok(choices.list)
}

/// Where the candidates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Everything that the pack allows.
    Everything,
    /// The automatic mandate alone.
    Mandate,
}

struct Choices {
    list: Vec<Choice>,
    room: usize,
}

impl Choices {
    /// Gives the label to the first in order.
    fn add_first(&mut self, ordered: &[&Candidate], label: OfferLabel) {
        if let Some(candidate) = ordered.first() {
            self.add(candidate, label);
        }
    }

    /// Adds the first in order whose kinds no choice has and by which the borrower doesn't lose, without a label.
    fn add_other_kind(&mut self, ordered: &[&Candidate]) {
        let taken: Vec<Kinds> = self.list.iter().map(|choice| choice.candidate.kinds).collect();
        let offered = ordered.iter().map(|one| (one.kinds, one.borrower_gain));
        if let Some(candidate) = other_kind(&taken, offered).and_then(|place| ordered.get(place)) {
            self.list.push(Choice { candidate: (*candidate).clone(), labels: Vec::new() });
        }
    }

    fn add(&mut self, candidate: &Candidate, label: OfferLabel) {
        if let Some(choice) = self.list.iter_mut().find(|choice| choice.candidate.terms == candidate.terms) {
            choice.labels.push(label);
        } else if self.list.len() < self.room {
            self.list.push(Choice { candidate: candidate.clone(), labels: vec![label] });
        }
    }
}

/// Place of the first whose kinds aren't taken and by which the borrower doesn't lose.
fn other_kind(taken: &[Kinds], mut offered: impl Iterator<Item = (Kinds, Fixed)>) -> Option<usize> {
    offered.position(|(kinds, gain)| !taken.contains(&kinds) && gain >= Fixed::ZERO)
}

/// Neither side loses and one gains; within the automatic mandate the lender may lose what the mandate allows.
fn agreeable(lender: Fixed, borrower: Fixed, in_mandate: bool) -> bool {
    borrower >= Fixed::ZERO
        && (lender >= Fixed::ZERO || in_mandate)
        && (lender > Fixed::ZERO || borrower > Fixed::ZERO)
}

/// Largest G_L · G_B first; ties by lower total, lower highest payment, earlier end, canonical key.
fn by_nash<'a>(case: &Case<'_>, candidates: &[&'a Candidate]) -> Result<Vec<&'a Candidate>, AssessError> {
    let digits = case.pack.currency.minor_digits();
    let major = |gain: Fixed| -> Result<Decimal, AssessError> {
        let minor = gain.max(Fixed::ZERO).to_decimal(GAIN_PLACES)?;
        let scale = Decimal::from(10_i64.pow(digits));
        Ok((minor / scale).round_dp(GAIN_PLACES))
    };
    let mut scored = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let product = major(candidate.lender_gain)?
            .checked_mul(major(candidate.borrower_gain)?)
            .ok_or(AssessError::Arithmetic { at: "product of gains" })?;
        scored.push((product, *candidate));
    }
    scored.sort_by(|(left, one), (right, other)| right.cmp(left).then_with(|| tie(one, other)));
    Ok(scored.into_iter().map(|(_, candidate)| candidate).collect())
}

fn tie(left: &Candidate, right: &Candidate) -> Ordering {
    let key = |one: &Candidate| (one.applied.total_to_pay, one.applied.highest_payment, one.applied.end);
    key(left).cmp(&key(right)).then_with(|| left.terms.canonical_key().cmp(&right.terms.canonical_key()))
}

fn order(label: OfferLabel, left: &Candidate, right: &Candidate) -> Ordering {
    let first = match label {
        OfferLabel::LowestPayment => left.applied.highest_payment.cmp(&right.applied.highest_payment),
        OfferLabel::SoonestFree => left.applied.end.cmp(&right.applied.end),
        OfferLabel::LowestTotal
        | OfferLabel::Recommended
        | OfferLabel::Proposal
        | OfferLabel::NearestToProposal => Ordering::Equal,
    };
    first.then_with(|| tie(left, right))
}

/// The candidate whose payments differ least from those proposed; one of the same kind goes first.
pub(crate) fn nearest<'a>(candidates: &'a [Candidate], kinds: Kinds, pays: &[i64]) -> Option<&'a Candidate> {
    let distance = |one: &Candidate| {
        let months = one.pays.len().max(pays.len());
        let pay = |list: &[i64], month: usize| list.get(month).copied().unwrap_or(0);
        let sum: i128 =
            (0..months).map(|month| i128::from((pay(&one.pays, month) - pay(pays, month)).abs())).sum();
        (one.kinds != kinds, sum)
    };
    candidates
        .iter()
        .min_by(|left, right| distance(left).cmp(&distance(right)).then_with(|| tie(left, right)))
}

#[cfg(test)]
mod tests {
    use loan::{DeferralInterest, Extension, Measure, Terms, Waiver};

    use super::*;

    #[test]
    fn another_kind_is_the_first_that_is_not_there_yet() {
        let kinds = |measure: Measure| Kinds::of(&Terms { measures: vec![measure], first_payment: None });
        let deferral = kinds(Measure::Deferral { months: 1, interest: DeferralInterest::None });
        let longer = kinds(Measure::TermExtension { by: Extension::Instalments(3) });
        let waived = kinds(Measure::WaivePenalty { waiver: Waiver::ALL });
        // (taken, offered in order with the borrower's gain, place)
        let rows = [
            (vec![deferral], vec![(deferral, 9), (longer, 3), (waived, 1)], Some(1)),
            (vec![deferral], vec![(deferral, 9), (longer, -1), (waived, 0)], Some(2)),
            (vec![deferral], vec![(deferral, 9), (deferral, 5)], None),
            (vec![deferral, longer], vec![(longer, 1)], None),
            (vec![], vec![(longer, 1)], Some(0)),
        ];
        for (taken, offered, place) in rows {
            let offered_gains = offered.iter().map(|(kinds, gain)| (*kinds, Fixed::from_int(*gain)));
            assert_eq!(other_kind(&taken, offered_gains), place, "{offered:?}");
        }
    }

    #[test]
    fn nobody_is_recommended_a_loss() {
        let fixed = Fixed::from_int;
        // (lender's gain, borrower's gain, within the mandate, agreeable)
        let rows = [
            (1, 1, false, true),
            (0, 1, false, true),
            (1, 0, false, true),
            (0, 0, false, false),
            (-1, 1, false, false),
            (-1, 1, true, true),
            (-1, 0, true, false),
            (0, 0, true, false),
            (1, -1, false, false),
            (1, -1, true, false),
        ];
        for (lender, borrower, in_mandate, expected) in rows {
            let found = agreeable(fixed(lender), fixed(borrower), in_mandate);
            assert_eq!(found, expected, "{lender} {borrower} {in_mandate}");
        }
    }
}
