//! What a replay came to.

use std::collections::BTreeMap;

use assessment::{ENGINE_VERSION, Outcome};

use super::row::{Segment, StoredRow};
use super::verdict::{FlipKind, Verdict};

/// Most segments that are told apart: buckets × reasons × grades stay far below it.
const MAX_SEGMENTS: usize = 4_096;

/// Sums over the decisions that were made again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions, and those that came out otherwise.
    pub total: Count,
    /// Flips by kind; a decision may be in several.
    pub outcome_flips: u64,
    /// Another authority.
    pub authority_flips: u64,
    /// Other codes.
    pub code_flips: u64,
    /// Another recommended offer, or other measures.
    pub offer_flips: u64,
    /// Cases that the candidate can't assess.
    pub unassessable: u64,
    /// Decisions that another version of the engine made.
    pub other_engine: u64,
    /// By segment.
    pub segments: BTreeMap<Segment, Count>,
    /// Present-value loss of the recommended offers, minor units: before and under the candidate.
    pub relief_cost: [i128; 2],
    /// Cases for an officer: before and under the candidate.
    pub review: [u64; 2],
    /// Cases for a specialist: before and under the candidate.
    pub specialist: [u64; 2],
}

/// Decisions, and those that came out otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub decisions: u64,
    /// Those that came out otherwise.
    pub flips: u64,
}

impl Count {
    fn add(&mut self, flipped: bool) {
        self.decisions = self.decisions.saturating_add(1);
        self.flips = self.flips.saturating_add(flipped.into());
    }
}

impl Tally {
    /// Counts a decision: what was said, and what the candidate says if it can.
    pub(super) fn count(
        &mut self,
        row: &StoredRow,
        kinds: &[FlipKind],
        before: &Verdict,
        after: Option<&Verdict>,
    ) {
        let flipped = !kinds.is_empty();
        self.total.add(flipped);
        let room = self.segments.len() < MAX_SEGMENTS;
        if let Some(count) = self.segments.get_mut(&row.segment) {
            count.add(flipped);
        } else if room {
            self.segments.entry(row.segment.clone()).or_default().add(flipped);
        }
        for kind in kinds {
            let counter = match kind {
                FlipKind::Outcome => &mut self.outcome_flips,
                FlipKind::Authority => &mut self.authority_flips,
                FlipKind::Codes => &mut self.code_flips,
                FlipKind::Offer => &mut self.offer_flips,
                FlipKind::Unassessable => &mut self.unassessable,
            };
            *counter = counter.saturating_add(1);
        }
        if row.engine_version != ENGINE_VERSION {
            self.other_engine = self.other_engine.saturating_add(1);
        }
        let [cost_before, cost_after] = &mut self.relief_cost;
        let [review_before, review_after] = &mut self.review;
        let [special_before, special_after] = &mut self.specialist;
        enter(before, (cost_before, review_before, special_before));
        if let Some(after) = after {
            enter(after, (cost_after, review_after, special_after));
        }
    }
}

fn enter(verdict: &Verdict, (cost, review, specialist): (&mut i128, &mut u64, &mut u64)) {
    *cost = cost.saturating_add(verdict.relief_cost.minor().into());
    match verdict.outcome {
        // A refusal is confirmed by a person.
        Outcome::Review | Outcome::Refuse => *review = review.saturating_add(1),
        Outcome::SpecialistReview => *specialist = specialist.saturating_add(1),
        Outcome::Offer | Outcome::Hold | Outcome::EvidenceRequired => {}
    }
}
