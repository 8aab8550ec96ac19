//! The search behind the offers: every candidate outlined and tested, those that nothing beats valued exactly.

use loan::relief::outline::{Outline, Outliner};
use loan::{Amount, Currency, Date, LoanError, Terms};

use crate::candidate::{Candidate, Infeasible, Kinds, Payments, lump_for, may_be_in_mandate, pv_loss};
use crate::case::Case;
use crate::codes::{Authority, MeasureKind};
use crate::cost::Costs;
use crate::decision::SearchWitness;
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::generation::Space;
use crate::quick::{Estimate, Quick};
use crate::ruling::Ruling;
use crate::seen::Seen;
use crate::valuation::{Value, Valuer};

/// A feasible candidate before it is valued.
pub(crate) struct Sketch {
    pub terms: Terms,
    pub kinds: Kinds,
    pub total: Amount,
    pub highest: Amount,
    pub end: Date,
    /// First and number of its payments by month.
    pays: (usize, usize),
    /// `None`: it is valued exactly in any case.
    pub estimate: Option<Estimate>,
}

/// A candidate that may stand on the front, with both sides' exact values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked {
    /// Place among the feasible ones.
    pub place: usize,
    pub value: Value,
    pub lender_gain: Fixed,
    pub borrower_gain: Fixed,
}

/// Every feasible candidate of a case and how many there were.
pub(crate) struct Search<'a> {
    case: &'a Case<'a>,
    valuer: &'a Valuer,
    pub feasible: Vec<Sketch>,
    /// Payments by month, one candidate's after the other's.
    arena: Vec<i64>,
    pub witness: SearchWitness,
    /// At least one candidate failed for its term alone.
    pub term_failed: bool,
    outliner: Outliner<'a>,
    outline: Outline,
    quick: Quick,
    costs: Costs,
}

impl<'a> Search<'a> {
    /// Outlines and tests every distinct candidate of the space.
    pub fn run(case: &'a Case<'a>, valuer: &'a Valuer, space: &Space<'_>) -> Result<Self, AssessError> {
        let mut search = Self {
            case,
            valuer,
            feasible: Vec::new(),
            arena: Vec::new(),
            witness: SearchWitness::default(),
            term_failed: false,
            outliner: Outliner::new(&case.state, case.contract(), case.facts.as_of)?,
            outline: Outline::default(),
            quick: Quick::new(case, valuer)?,
            costs: Costs::new(case)?,
        };
        let candidates = space.generate()?;
        let mut seen = Seen::with_room_for(candidates.len());
        for terms in candidates {
            search.witness.considered += 1;
            let first = search.arena.len();
            if !search.try_terms(terms, &mut seen)? {
                search.arena.truncate(first);
            }
        }
        Ok(search)
    }

    /// Whether the terms are feasible and new; their payments stay in the arena then.
    fn try_terms(&mut self, terms: Terms, seen: &mut Seen) -> Result<bool, AssessError> {
        if !self.outlined(&terms)? {
            self.witness.infeasible += 1;
            return Ok(false);
        }
        let (case, kinds, first) = (self.case, Kinds::of(&terms), self.arena.len());
        let payments = payments_of(case, &self.outline)?;
        payments.by_month(case, &mut self.arena)?;
        let end = payments.end;
        let pays = self.arena.get(first..).unwrap_or_default();
        if let Some(problem) = payments.problem(case, kinds, pays)? {
            self.witness.infeasible += 1;
            self.term_failed |= problem == Infeasible::Term;
            return Ok(false);
        }
        if !self.costs.within_cap(case, &self.outline)? {
            self.witness.infeasible += 1;
            return Ok(false);
        }
        // Two ways to write the same payments are one candidate.
        let feasible = &self.feasible;
        let same = |place: usize| {
            feasible.get(place).is_some_and(|other| {
                (other.kinds, other.end) == (kinds, end) && pays_of(&self.arena, other) == pays
            })
        };
        if !seen.insert(pays, feasible.len(), same) {
            self.witness.considered -= 1;
            return Ok(false);
        }
        let settles = kinds.has(MeasureKind::Settlement);
        let estimate = if settles { None } else { self.quick.estimate(pays) };
        let (total, highest) = (self.outline.total_to_pay, self.outline.highest_payment());
        let pays = (first, pays.len());
        self.feasible.push(Sketch { terms, kinds, total, highest, end, pays, estimate });
        Ok(true)
    }

    /// Outlines terms; `false` where no schedule follows from them.
    fn outlined(&mut self, terms: &Terms) -> Result<bool, AssessError> {
        match self.outliner.outline(terms, &mut self.outline) {
            Ok(()) => Ok(true),
            Err(LoanError::Arithmetic(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// Currency of the case's loan.
    pub fn currency(&self) -> Currency {
        self.case.pack.currency
    }

    pub fn sketch(&self, place: usize) -> Option<&Sketch> {
        self.feasible.get(place)
    }

    /// Payments by month of a feasible candidate.
    pub fn pays(&self, sketch: &Sketch) -> &[i64] {
        pays_of(&self.arena, sketch)
    }

    /// Values a feasible candidate exactly.
    pub fn rank(&self, place: usize) -> Result<Option<Ranked>, AssessError> {
        let Some(sketch) = self.feasible.get(place) else { return Ok(None) };
        let value = self.valuer.value(self.case, self.pays(sketch), lump_for(self.case, sketch.kinds))?;
        let lender_gain = value.lender.sub(self.valuer.none.lender)?;
        let borrower_gain = self.valuer.none.borrower.sub(value.borrower)?;
        Ok(Some(Ranked { place, value, lender_gain, borrower_gain }))
    }

    /// Whether a feasible candidate lies within the automatic mandate, which the rules must have opened.
    pub fn in_mandate(&mut self, ruling: &Ruling<'_>, place: usize) -> Result<bool, AssessError> {
        let most = self.case.pack.settings.automatic_pv_loss;
        let Some(sketch) = self.feasible.get(place) else { return Ok(false) };
        if !may_be_in_mandate(self.case, ruling, &sketch.terms) {
            return Ok(false);
        }
        match self.outliner.outline(&sketch.terms, &mut self.outline) {
            Ok(()) if self.costs.may_lose_at_most(&self.outline.flows, most.decimal()) => {
                Ok(pv_loss(self.case, &self.outline.flows)?.1 <= most)
            }
            _ => Ok(false),
        }
    }

    /// The places of the candidates that the platform may offer by itself.
    pub fn automatic(&mut self, ruling: &Ruling<'_>) -> Result<Vec<usize>, AssessError> {
        let mut found = Vec::new();
        for place in 0..self.feasible.len() {
            if self.in_mandate(ruling, place)?
                && let Some(candidate) = self.finalist(place)?
                && candidate.authority(self.case, ruling)? == Authority::Automatic
            {
                found.push(place);
            }
        }
        Ok(found)
    }

    /// The exact schedule of a feasible candidate, checked again.
    pub fn finalist(&self, place: usize) -> Result<Option<Candidate>, AssessError> {
        let Some(sketch) = self.feasible.get(place) else { return Ok(None) };
        match Candidate::evaluate(self.case, self.valuer, sketch.terms.clone())? {
            Ok(candidate) if candidate.pays == self.pays(sketch) => Ok(Some(candidate)),
            // INVARIANT: an outline pays what the schedule pays; a law of the arithmetic holds both against each other.
            _ => Err(AssessError::Arithmetic { at: "the exact schedule of an outlined candidate" }),
        }
    }
}

fn payments_of<'o>(case: &Case<'_>, outline: &'o Outline) -> Result<Payments<'o>, AssessError> {
    let waived = case.state.owed.penalty.sub(outline.penalty_left)?;
    let penalty = case.state.arrears.penalty.sub_floor0(waived)?;
    let end = outline.end().unwrap_or(case.facts.as_of);
    Ok(Payments { flows: &outline.flows, penalty, end })
}

fn pays_of<'p>(arena: &'p [i64], sketch: &Sketch) -> &'p [i64] {
    let (first, count) = sketch.pays;
    arena.get(first..first.saturating_add(count)).unwrap_or_default()
}
