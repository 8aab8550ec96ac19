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
use crate::seen::{self, Seen};
use crate::valuation::{Value, Valuer};

/// Feasible candidates that there is room for from the start.
const ROOM: usize = 1_200;

/// A feasible candidate before it is valued.
pub(crate) struct Sketch {
    pub terms: Terms,
    pub kinds: Kinds,
    pub total: Amount,
    pub highest: Amount,
    pub end: Date,
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
    pub witness: SearchWitness,
    /// At least one candidate failed for its term alone.
    pub term_failed: bool,
    outliner: Outliner<'a>,
    outline: Outline,
    /// Payments by month of the last outline.
    pays: Vec<i64>,
    quick: Quick,
    costs: Costs,
}

impl<'a> Search<'a> {
    /// Outlines and tests every distinct candidate of the space.
    pub fn run(case: &'a Case<'a>, valuer: &'a Valuer, space: &Space<'_>) -> Result<Self, AssessError> {
        let mut search = Self {
            case,
            valuer,
            feasible: Vec::with_capacity(ROOM),
            witness: SearchWitness::default(),
            term_failed: false,
            outliner: Outliner::new(&case.state, case.contract(), case.facts.as_of)?,
            outline: Outline::default(),
            pays: Vec::new(),
            quick: Quick::new(case, valuer)?,
            costs: Costs::new(case)?,
        };
        let mut seen = Seen::with_room_for(ROOM);
        space.each(&mut |terms| search.try_terms(terms, &mut seen))?;
        Ok(search)
    }

    /// Keeps the terms if they are feasible and new.
    fn try_terms(&mut self, terms: Terms, seen: &mut Seen) -> Result<(), AssessError> {
        self.witness.considered += 1;
        let (case, kinds) = (self.case, Kinds::of(&terms));
        let Some(end) = self.outlined(&terms)? else {
            self.witness.infeasible += 1;
            return Ok(());
        };
        let problem = payments_of(case, &self.outline)?.problem(case, kinds, &self.pays)?;
        if problem.is_some() || !self.costs.within_cap(case, &self.outline)? {
            self.witness.infeasible += 1;
            self.term_failed |= problem == Some(Infeasible::Term);
            return Ok(());
        }
        let settles = kinds.has(MeasureKind::Settlement);
        let sketch = Sketch {
            kinds,
            total: self.outline.total_to_pay,
            highest: self.outline.highest_payment(),
            end,
            estimate: if settles { None } else { self.quick.estimate(&self.pays) },
            terms,
        };
        // Two ways to write the same payments are one candidate.
        let hash = seen::hash(&self.pays, kinds.apart(end));
        if let Some(place) = seen.meet(hash, self.feasible.len())
            && self.is_alike(place, &sketch)?
        {
            self.witness.considered -= 1;
            return Ok(());
        }
        self.feasible.push(sketch);
        Ok(())
    }

    /// Whether an earlier candidate pays what the one outlined last does.
    fn is_alike(&mut self, place: usize, sketch: &Sketch) -> Result<bool, AssessError> {
        let Some(earlier) = self.feasible.get(place) else { return Ok(false) };
        if (earlier.kinds, earlier.end) != (sketch.kinds, sketch.end) {
            return Ok(false);
        }
        let pays = self.pays.clone();
        Ok(self.pays_at(place)? == pays)
    }

    /// Outlines terms and gives their end; `None` where no schedule follows from them.
    fn outlined(&mut self, terms: &Terms) -> Result<Option<Date>, AssessError> {
        match self.outliner.outline(terms, &mut self.outline) {
            Ok(()) => {}
            Err(LoanError::Arithmetic(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        }
        let payments = payments_of(self.case, &self.outline)?;
        self.pays.clear();
        payments.by_month(self.case, &mut self.pays)?;
        Ok(Some(payments.end))
    }

    /// Currency of the case's loan.
    pub fn currency(&self) -> Currency {
        self.case.pack.currency
    }

    /// ε of the case's pack.
    pub fn tolerance(&self) -> Result<Fixed, AssessError> {
        Fixed::from_decimal(self.case.pack.settings.offer_tolerance.decimal())
    }

    pub fn sketch(&self, place: usize) -> Option<&Sketch> {
        self.feasible.get(place)
    }

    /// Payments by month of a feasible candidate, worked out again: most are never asked for.
    pub fn pays_at(&mut self, place: usize) -> Result<&[i64], AssessError> {
        self.pays.clear();
        if let Some(sketch) = self.feasible.get(place) {
            self.outliner.outline(&sketch.terms, &mut self.outline)?;
            payments_of(self.case, &self.outline)?.by_month(self.case, &mut self.pays)?;
        }
        Ok(&self.pays)
    }

    /// Values a feasible candidate exactly.
    pub fn rank(&mut self, place: usize) -> Result<Option<Ranked>, AssessError> {
        let Some(kinds) = self.feasible.get(place).map(|sketch| sketch.kinds) else { return Ok(None) };
        let (case, valuer) = (self.case, self.valuer);
        let value = valuer.value(case, self.pays_at(place)?, lump_for(case, kinds))?;
        let lender_gain = value.lender.sub(valuer.none.lender)?;
        let borrower_gain = valuer.none.borrower.sub(value.borrower)?;
        Ok(Some(Ranked { place, value, lender_gain, borrower_gain }))
    }
    /// Whether a feasible candidate lies within the automatic mandate, which the rules must have opened.
    pub fn in_mandate(&mut self, ruling: &Ruling<'_>, place: usize) -> Result<bool, AssessError> {
        if !self.may_be_in_mandate(ruling, place)? {
            return Ok(false);
        }
        Ok(pv_loss(self.case, &self.outline.flows)?.1 <= self.case.pack.settings.automatic_pv_loss)
    }

    /// Whether its kind and an estimate of its loss leave that open; it is outlined then.
    fn may_be_in_mandate(&mut self, ruling: &Ruling<'_>, place: usize) -> Result<bool, AssessError> {
        let Some(sketch) = self.feasible.get(place) else { return Ok(false) };
        if !may_be_in_mandate(self.case, ruling, &sketch.terms) {
            return Ok(false);
        }
        self.outliner.outline(&sketch.terms, &mut self.outline)?;
        let most = self.case.pack.settings.automatic_pv_loss.decimal();
        Ok(self.costs.may_lose_at_most(&self.outline.flows, most))
    }

    /// The places of the candidates that the platform may offer by itself.
    pub fn automatic(&mut self, ruling: &Ruling<'_>) -> Result<Vec<usize>, AssessError> {
        let mut found = Vec::new();
        for place in 0..self.feasible.len() {
            // INVARIANT: nothing outside the mandate has automatic authority.
            if self.may_be_in_mandate(ruling, place)?
                && let Some(candidate) = self.finalist(place)?
                && candidate.authority(self.case, ruling)? == Authority::Automatic
            {
                found.push(place);
            }
        }
        Ok(found)
    }

    /// The exact schedule of a feasible candidate, checked again.
    pub fn finalist(&mut self, place: usize) -> Result<Option<Candidate>, AssessError> {
        let Some(terms) = self.feasible.get(place).map(|sketch| sketch.terms.clone()) else {
            return Ok(None);
        };
        match Candidate::evaluate(self.case, self.valuer, terms)? {
            Ok(candidate) if candidate.pays == self.pays_at(place)? => Ok(Some(candidate)),
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
