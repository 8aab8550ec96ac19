//! From the front to two to four offers: the Nash point, and what differs in kind.

use std::cmp::Ordering;

use loan::{Amount, Currency};
use rust_decimal::Decimal;

use crate::candidate::{Candidate, Kinds};
use crate::codes::OfferLabel;
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::ruling::Ruling;
use crate::search::{Ranked, Search, Sketch};

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

/// Chooses the recommended point and what differs from it in kind; the proposal is always among them. Within the
/// automatic mandate the lender needn't gain.
pub(crate) fn choose(
    search: &mut Search<'_>,
    ruling: &Ruling<'_>,
    front: &[Ranked],
    proposal: Option<(&Candidate, OfferLabel)>,
) -> Result<Vec<Choice>, AssessError> {
    let mut candidates: Vec<Ranked> = Vec::new();
    for one in front {
        let (lender, borrower) = (one.lender_gain, one.borrower_gain);
        // The mandate is looked at only where it makes a difference.
        if agreeable(lender, borrower, false)
            || (agreeable(lender, borrower, true) && search.in_mandate(ruling, one.place)?)
        {
            candidates.push(*one);
        }
    }
    let recommends = !candidates.is_empty();
    if !recommends {
        candidates = front.to_vec();
    }
    let tolerance = search.tolerance()?;
    let room = MAX_OFFERS - usize::from(proposal.is_some());
    let mut choices = Choices { list: Vec::new(), search, room, tolerance };
    if recommends {
        let first = choices.by_nash(&candidates)?;
        choices.add_first(&first, OfferLabel::Recommended)?;
    }
    for label in [OfferLabel::LowestPayment, OfferLabel::LowestTotal, OfferLabel::SoonestFree] {
        let mut ordered = candidates.clone();
        ordered.sort_by(|left, right| choices.order(label, left, right));
        choices.add_first(&ordered, label)?;
    }
    if let Some((candidate, label)) = proposal {
        choices.room = MAX_OFFERS;
        choices.add(candidate, label);
    }
    if choices.list.len() < MIN_OFFERS {
        let ordered = choices.by_nash(front)?;
        choices.add_other_kind(&ordered)?;
    }
    Ok(choices.list)
}

struct Choices<'s, 'a> {
    list: Vec<Choice>,
    search: &'s mut Search<'a>,
    room: usize,
    /// ε of the pack.
    tolerance: Fixed,
}

impl Choices<'_, '_> {
    /// Gives the label to the first in order.
    fn add_first(&mut self, ordered: &[Ranked], label: OfferLabel) -> Result<(), AssessError> {
        let Some(first) = ordered.first() else { return Ok(()) };
        let Some(sketch) = self.search.sketch(first.place) else { return Ok(()) };
        let mut stands_for = None;
        for (place, choice) in self.list.iter().enumerate() {
            let same = choice.candidate.terms == sketch.terms;
            if same || stands_for.is_none() && is_as_good(&choice.candidate, first, sketch, self.tolerance)? {
                stands_for = Some(place);
            }
        }
        if let Some(choice) = stands_for.and_then(|place| self.list.get_mut(place)) {
            choice.labels.push(label);
        } else if self.list.len() < self.room
            && let Some(candidate) = self.search.finalist(first.place)?
        {
            self.list.push(Choice { candidate, labels: vec![label] });
        }
        Ok(())
    }

    /// Adds the first in order whose kinds no choice has and by which the borrower doesn't lose, without a label.
    fn add_other_kind(&mut self, ordered: &[Ranked]) -> Result<(), AssessError> {
        let taken: Vec<Kinds> = self.list.iter().map(|choice| choice.candidate.kinds).collect();
        let kinds = |one: &Ranked| self.search.sketch(one.place).map_or_else(Kinds::default, |own| own.kinds);
        let offered = ordered.iter().map(|one| (kinds(one), one.borrower_gain));
        let place = other_kind(&taken, offered).and_then(|place| ordered.get(place));
        if let Some(one) = place
            && let Some(candidate) = self.search.finalist(one.place)?
        {
            self.list.push(Choice { candidate, labels: Vec::new() });
        }
        Ok(())
    }

    fn add(&mut self, candidate: &Candidate, label: OfferLabel) {
        if let Some(choice) = self.list.iter_mut().find(|choice| choice.candidate.terms == candidate.terms) {
            choice.labels.push(label);
        } else if self.list.len() < self.room {
            self.list.push(Choice { candidate: candidate.clone(), labels: vec![label] });
        }
    }

    /// Largest G_L · G_B first; ties by lower total, lower highest payment, earlier end, canonical key.
    fn by_nash(&self, candidates: &[Ranked]) -> Result<Vec<Ranked>, AssessError> {
        let mut scored = Vec::with_capacity(candidates.len());
        for one in candidates {
            let product = gain(self.search.currency(), one.lender_gain)?
                .checked_mul(gain(self.search.currency(), one.borrower_gain)?)
                .ok_or(AssessError::Arithmetic { at: "product of gains" })?;
            scored.push((product, *one));
        }
        scored.sort_by(|(left, one), (right, other)| right.cmp(left).then_with(|| self.tie(one, other)));
        Ok(scored.into_iter().map(|(_, one)| one).collect())
    }

    fn tie(&self, left: &Ranked, right: &Ranked) -> Ordering {
        match (self.search.sketch(left.place), self.search.sketch(right.place)) {
            (Some(left), Some(right)) => tie(left, right),
            _ => Ordering::Equal,
        }
    }

    fn order(&self, label: OfferLabel, left: &Ranked, right: &Ranked) -> Ordering {
        match (self.search.sketch(left.place), self.search.sketch(right.place)) {
            (Some(left), Some(right)) => order(label, left, right),
            _ => Ordering::Equal,
        }
    }
}

/// Whether an offer ε-dominates a candidate of its kind: on value, burden, total and highest payment it is no worse by more
/// than the tolerance, and it doesn't end later. Showing both would be showing one twice.
fn is_as_good(
    offer: &Candidate,
    other: &Ranked,
    sketch: &Sketch,
    tolerance: Fixed,
) -> Result<bool, AssessError> {
    if offer.kinds != sketch.kinds || offer.applied.end > sketch.end {
        return Ok(false);
    }
    let slack = |value: Fixed| value.max(Fixed::ZERO).mul(tolerance);
    let (own, theirs) = (offer.value, other.value);
    let no_more = |own: Amount, theirs: Amount| -> Result<bool, AssessError> {
        let theirs = Fixed::from_int(theirs.minor());
        Ok(Fixed::from_int(own.minor()) <= theirs.add(slack(theirs)?)?)
    };
    Ok(own.lender.add(slack(theirs.lender)?)? >= theirs.lender
        && own.burden <= theirs.burden.add(slack(theirs.burden)?)?
        && no_more(offer.applied.total_to_pay, sketch.total)?
        && no_more(offer.applied.highest_payment, sketch.highest)?)
}

/// A gain in major units; a loss is none.
fn gain(currency: Currency, gain: Fixed) -> Result<Decimal, AssessError> {
    let minor = gain.max(Fixed::ZERO).to_decimal(GAIN_PLACES)?;
    let scale = Decimal::from(10_i64.pow(currency.minor_digits()));
    Ok((minor / scale).round_dp(GAIN_PLACES))
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

fn tie(left: &Sketch, right: &Sketch) -> Ordering {
    let key = |one: &Sketch| (one.total, one.highest, one.end);
    key(left).cmp(&key(right)).then_with(|| left.terms.canonical_key().cmp(&right.terms.canonical_key()))
}

fn order(label: OfferLabel, left: &Sketch, right: &Sketch) -> Ordering {
    let first = match label {
        OfferLabel::LowestPayment => left.highest.cmp(&right.highest),
        OfferLabel::SoonestFree => left.end.cmp(&right.end),
        OfferLabel::LowestTotal
        | OfferLabel::Recommended
        | OfferLabel::Proposal
        | OfferLabel::NearestToProposal => Ordering::Equal,
    };
    first.then_with(|| tie(left, right))
}

/// The place of the candidate whose payments differ least from those proposed; one of the same kind goes first.
pub(crate) fn nearest(
    search: &mut Search<'_>,
    pool: &[usize],
    kinds: Kinds,
    pays: &[i64],
) -> Result<Option<usize>, AssessError> {
    let mut scored = Vec::with_capacity(pool.len());
    for place in pool {
        let sum = distance(search.pays_at(*place)?, pays);
        let Some(sketch) = search.sketch(*place) else { continue };
        scored.push(((sketch.kinds != kinds, sum), *place));
    }
    let nearer = |(left, one): &(_, usize), (right, other): &(_, usize)| {
        Ord::cmp(left, right).then_with(|| match (search.sketch(*one), search.sketch(*other)) {
            (Some(one), Some(other)) => tie(one, other),
            _ => Ordering::Equal,
        })
    };
    Ok(scored.iter().min_by(|left, right| nearer(left, right)).map(|(_, place)| *place))
}

/// Σ of what months differ by.
fn distance(own: &[i64], pays: &[i64]) -> i128 {
    let pay = |list: &[i64], month: usize| list.get(month).copied().unwrap_or(0);
    let months = own.len().max(pays.len());
    (0..months).map(|month| i128::from((pay(own, month) - pay(pays, month)).abs())).sum()
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
