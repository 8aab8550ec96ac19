//! One candidate: terms, their exact schedule, whether they can be kept, and what they are worth.

use std::cell::OnceCell;

use loan::value::Flow;
use loan::{Amortisation, Amount, Applied, Date, LoanError, Measure, Rate, Ratio, Terms};
use rust_decimal::Decimal;

use crate::affordability::{current, month_of};
use crate::case::Case;
use crate::codes::{Authority, MeasureKind};
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::reached::RowKey;
use crate::ruling::Ruling;
use crate::valuation::{Value, Valuer};

/// Terms with everything that ranking needs.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub terms: Terms,
    pub kinds: Kinds,
    pub applied: Applied,
    /// Payments by month, minor units.
    pub pays: Vec<i64>,
    pub value: Value,
    pub lender_gain: Fixed,
    pub borrower_gain: Fixed,
    /// Worked out once: mandate, authority and offer all ask for it.
    pv_loss: OnceCell<(Amount, Ratio)>,
}

/// The kinds of measure of a candidate, waivers apart, as a set of bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub fn of(terms: &Terms) -> Self {
        let mut kinds = Self::default();
        for kind in terms.measures.iter().map(measure_kind).filter(|kind| !is_waiver(*kind)) {
            kinds.0 |= bit(kind);
        }
        kinds
    }

    pub fn has(self, kind: MeasureKind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// A number that tells candidates of other kinds or another end apart, mostly.
    pub fn apart(self, end: Date) -> u64 {
        let day = u64::from(end.day_of_year().unsigned_abs());
        (u64::from(end.year().unsigned_abs()) << 32) | (day << 16) | u64::from(self.0)
    }
}

/// The bit of a kind in a set of kinds.
pub(crate) fn bit(kind: MeasureKind) -> u16 {
    1 << (kind as u16)
}

/// Waivers come along with other measures; they don't make a kind of their own.
pub(crate) fn is_waiver(kind: MeasureKind) -> bool {
    matches!(kind, MeasureKind::WaivePenalty | MeasureKind::WaiveInterest | MeasureKind::ForgivePrincipal)
}

/// The kind of a measure.
pub(crate) fn measure_kind(measure: &Measure) -> MeasureKind {
    match measure {
        Measure::WaivePenalty { .. } => MeasureKind::WaivePenalty,
        Measure::WaiveInterest { .. } => MeasureKind::WaiveInterest,
        Measure::ForgivePrincipal { .. } => MeasureKind::ForgivePrincipal,
        Measure::ReAge { .. } => MeasureKind::ReAge,
        Measure::Deferral { .. } => MeasureKind::Deferral,
        Measure::PaymentReduction { .. } => MeasureKind::PaymentReduction,
        Measure::TermExtension { .. } => MeasureKind::TermExtension,
        Measure::RateReduction { .. } => MeasureKind::RateReduction,
        Measure::Settlement { .. } => MeasureKind::Settlement,
        Measure::TokenPayments { .. } => MeasureKind::TokenPayments,
    }
}

/// Why terms can't be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Infeasible {
    /// A month asks for more than can be spared.
    Share { month: usize, pay: Amount, means: Amount },
    /// The total term would be too long.
    Term,
    /// What is overdue would wait longer than the pack lets it.
    FirstPayment { latest: Date },
    /// Something would be payable before the assessment day.
    Past,
    /// A payment above the contract's instalment without verified income for it.
    CatchUp { pay: Amount },
    /// The pack doesn't allow the measure, or not as far.
    NotAllowed(MeasureKind),
    /// Penalty would be left in an instalment that is emptied.
    PenaltyAlone,
    /// The all-in cost would exceed the cap.
    Cost,
    /// The schedule can't be computed.
    Schedule(LoanError),
}

impl Candidate {
    /// Computes the exact schedule of terms, tests it month by month and values it. The outer error is a
    /// failure of arithmetic, the inner one says why the terms can't be kept.
    pub fn evaluate(
        case: &Case<'_>,
        valuer: &Valuer,
        terms: Terms,
    ) -> Result<Result<Self, Infeasible>, AssessError> {
        let applied = match loan::relief::apply(&case.state, case.contract(), &terms, case.facts.as_of) {
            Ok(applied) => applied,
            Err(LoanError::Arithmetic(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(Infeasible::Schedule(error))),
        };
        let kinds = Kinds::of(&terms);
        let mut pays = Vec::new();
        let payments = Payments::of(case, &applied)?;
        payments.by_month(case, &mut pays)?;
        if let Some(problem) = payments.problem(case, kinds, &pays)? {
            return Ok(Err(problem));
        }
        let value = valuer.value(case, &pays, lump_for(case, kinds))?;
        let lender_gain = value.lender.sub(valuer.none.lender)?;
        let borrower_gain = valuer.none.borrower.sub(value.borrower)?;
        let pv_loss = OnceCell::new();
        Ok(Ok(Self { terms, kinds, applied, pays, value, lender_gain, borrower_gain, pv_loss }))
    }

    /// Payments by month that terms would ask for; nothing where no schedule follows from them.
    pub fn payments_of(case: &Case<'_>, terms: &Terms) -> Result<Vec<i64>, AssessError> {
        match loan::relief::apply(&case.state, case.contract(), terms, case.facts.as_of) {
            Ok(applied) => {
                let mut pays = Vec::new();
                Payments::of(case, &applied)?.by_month(case, &mut pays)?;
                Ok(pays)
            }
            Err(LoanError::Arithmetic(error)) => Err(error.into()),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Present-value loss at the contract rate, at the last due date, and its share of the principal left.
    pub fn pv_loss(&self, case: &Case<'_>) -> Result<(Amount, Ratio), AssessError> {
        if let Some(known) = self.pv_loss.get() {
            return Ok(*known);
        }
        let loss = pv_loss(case, &self.applied.flows)?;
        Ok(*self.pv_loss.get_or_init(|| loss))
    }

    /// Nominal yearly cost of what remains, against principal left and what is due, at the last due date;
    /// an unchanged contract costs its own rate. `None`: it pays back less, or costs more than 1,000 % a year.
    pub fn annual_cost(&self, case: &Case<'_>) -> Result<Option<Decimal>, AssessError> {
        annual_cost(case, &self.applied.flows)
    }

    /// Whether the all-in cost stays under the pack's cap.
    pub fn within_cost_cap(&self, case: &Case<'_>) -> Result<bool, AssessError> {
        within_cost_cap(case, &self.applied.flows, self.applied.relief_interest)
    }

    /// Waived penalty, accrued interest and principal given up: what the authority matrix looks at.
    pub fn given_up(&self) -> Result<Amount, AssessError> {
        let applied = &self.applied;
        Ok(Amount::try_sum([
            applied.waived.penalty,
            applied.waived_due_interest,
            applied.forgiven_principal,
        ])?)
    }

    /// Whether the terms lie within the automatic mandate, which the rules must have opened.
    pub fn in_mandate(&self, case: &Case<'_>, ruling: &Ruling<'_>) -> Result<bool, AssessError> {
        Ok(may_be_in_mandate(case, ruling, &self.terms)
            && self.pv_loss(case)?.1 <= case.pack.settings.automatic_pv_loss)
    }

    /// Who must decide these terms: the matrix, never less than the mandate and the rules ask for.
    pub fn authority(&self, case: &Case<'_>, ruling: &Ruling<'_>) -> Result<Authority, AssessError> {
        let given_up = self.given_up()?;
        let (_, pv_loss) = self.pv_loss(case)?;
        let moved = months_moved(case, self.applied.end);
        let balance = case.state.principal_left;
        let row = case.pack.tables.authority.iter().enumerate().find(|(_, row)| {
            row.max_waived.is_none_or(|most| given_up <= most)
                && row.max_pv_loss.is_none_or(|most| pv_loss <= most)
                && row.max_extension_months.is_none_or(|most| moved <= most)
                && row.max_balance.is_none_or(|most| balance <= most)
        });
        if let (Some(reached), Some((place, _))) = (case.reached, row) {
            reached.note(RowKey::Authority(place));
        }
        // INVARIANT: the checker demands a last row without limits.
        let mut authority =
            row.map_or(Authority::OfficerAndSupervisor, |(_, row)| row.authority).max(ruling.authority);
        if authority == Authority::Automatic && !self.in_mandate(case, ruling)? {
            authority = Authority::Officer;
        }
        if !self.applied.forgiven_principal.is_zero() {
            authority = Authority::OfficerAndSupervisor;
        }
        Ok(authority)
    }
}

/// Whether the terms are of the kind that the automatic mandate holds, their present-value loss apart.
pub(crate) fn may_be_in_mandate(case: &Case<'_>, ruling: &Ruling<'_>, terms: &Terms) -> bool {
    let settings = &case.pack.settings;
    let allowed = |measure: &Measure| {
        settings.automatic_measures.contains(&measure_kind(measure))
            && match measure {
                Measure::Deferral { months, .. } => u32::from(*months) <= settings.automatic_deferral_months,
                _ => true,
            }
    };
    // The mandate is a deferral or an extension, not both at once.
    let one_kind = terms.measures.iter().filter(|measure| !is_waiver(measure_kind(measure))).count() == 1;
    ruling.mandate && one_kind && terms.measures.iter().all(allowed)
}

/// Present-value loss of payments at the contract rate, at the last due date, and its share of the principal left.
pub(crate) fn pv_loss(case: &Case<'_>, flows: &[Flow]) -> Result<(Amount, Ratio), AssessError> {
    Ok(loan::value::pv_loss(&loan::value::Change {
        before: &loan::preview::open_flows(&case.state)?,
        after: flows,
        annual_rate: case.contract().annual_rate,
        at: case.state.value_date(),
        principal_left: case.state.principal_left,
    })?)
}

/// Places of an annual cost.
const COST_PLACES: u32 = 4;

fn annual_cost(case: &Case<'_>, flows: &[Flow]) -> Result<Option<Decimal>, AssessError> {
    let rate = loan::value::annual_cost(outlay(case)?, flows, case.state.value_date())?;
    Ok(rate.map(|rate| rate.decimal().round_dp(COST_PLACES)))
}

/// Whether the all-in cost stays under the pack's cap. A contract on the declining balance that is under the
/// cap stays so where nothing is added; only the others need the exact rate.
pub(crate) fn within_cost_cap(
    case: &Case<'_>,
    flows: &[Flow],
    relief_interest: Amount,
) -> Result<bool, AssessError> {
    let Some(cap) = case.pack.settings.cost_cap.map(Ratio::decimal) else { return Ok(true) };
    let contract = case.contract();
    let declining = contract.amortisation != Amortisation::Flat && case.state.owed.fee.is_zero();
    if declining && relief_interest <= Amount::ZERO && contract.annual_rate.decimal() <= cap {
        return Ok(true);
    }
    // Worth no more than the outlay at the cap: the cost can't be above it. The exact rate, which takes far
    // longer, only decides the others.
    let at_cap = loan::value::pv_exact(flows, Rate::from(cap), case.state.value_date())?;
    Ok(at_cap <= outlay(case)?.exact() || annual_cost(case, flows)?.is_some_and(|cost| cost <= cap))
}

/// What the payments buy: principal left and what is due of interest and fees.
pub(crate) fn outlay(case: &Case<'_>) -> Result<Amount, AssessError> {
    let arrears = &case.state.arrears;
    Ok(Amount::try_sum([case.state.principal_left, arrears.interest, arrears.fee])?)
}

/// The lump sum that terms of these kinds may use.
pub(crate) fn lump_for(case: &Case<'_>, kinds: Kinds) -> Amount {
    if kinds.has(MeasureKind::Settlement) { case.lump_sum } else { Amount::ZERO }
}

/// What terms ask to be paid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payments<'a> {
    pub flows: &'a [Flow],
    /// Penalty that isn't waived; it is paid with the first payment.
    pub penalty: Amount,
    pub end: Date,
}

impl<'a> Payments<'a> {
    fn of(case: &Case<'_>, applied: &'a Applied) -> Result<Self, AssessError> {
        let penalty = case.state.arrears.penalty.sub_floor0(applied.waived.penalty)?;
        Ok(Self { flows: &applied.flows, penalty, end: applied.end })
    }

    /// Sums payments by month, minor units, behind what `pays` holds.
    pub fn by_month(&self, case: &Case<'_>, pays: &mut Vec<i64>) -> Result<(), AssessError> {
        let (as_of, first) = (case.facts.as_of, pays.len());
        let mut add = |month: usize, amount: Amount| -> Result<(), AssessError> {
            let month = first.saturating_add(month);
            if pays.len() <= month {
                pays.resize(month + 1, 0);
            }
            let Some(sum) = pays.get_mut(month) else { return Ok(()) };
            *sum =
                sum.checked_add(amount.minor()).ok_or(AssessError::Arithmetic { at: "payments by month" })?;
            Ok(())
        };
        for flow in self.flows {
            add(month_of(as_of, flow.date), flow.amount)?;
        }
        if !self.penalty.is_zero() {
            let first = self.flows.first().map_or(0, |flow| month_of(as_of, flow.date));
            add(first, self.penalty)?;
        }
        Ok(())
    }

    /// What stands against them; `pays` are their sums by month.
    pub fn problem(
        &self,
        case: &Case<'_>,
        kinds: Kinds,
        pays: &[i64],
    ) -> Result<Option<Infeasible>, AssessError> {
        if self.flows.first().is_some_and(|flow| flow.date < case.facts.as_of) {
            return Ok(Some(Infeasible::Past));
        }
        if let Some(problem) = beyond_share(case, pays, lump_for(case, kinds))? {
            return Ok(Some(problem));
        }
        if !kinds.has(MeasureKind::Settlement)
            && let Some(problem) = undocumented_catch_up(case, self.flows)
        {
            return Ok(Some(problem));
        }
        // The term comes last: it is named only where nothing else stands against the terms.
        Ok((self.end > case.latest_end).then_some(Infeasible::Term))
    }
}

/// The first month that asks for more than the share and what is left of the lump sum.
fn beyond_share(case: &Case<'_>, pays: &[i64], lump: Amount) -> Result<Option<Infeasible>, AssessError> {
    let mut lump = lump;
    for (month, pay) in pays.iter().map(|pay| Amount::new(*pay)).enumerate() {
        let share = case.affordability.share(month);
        if pay <= share {
            continue;
        }
        let means = share.add(lump)?;
        if pay > means {
            return Ok(Some(Infeasible::Share { month, pay, means }));
        }
        lump = means.sub(pay)?;
    }
    Ok(None)
}

/// A payment above the contract's instalments in a month without verified income.
fn undocumented_catch_up(case: &Case<'_>, flows: &[Flow]) -> Option<Infeasible> {
    let verified = &case.facts.statement.verified_income;
    let above = flows.iter().filter(|flow| flow.amount > case.highest_instalment);
    for flow in above {
        let month = month_of(case.facts.as_of, flow.date);
        if current(verified, month).is_none() {
            return Some(Infeasible::CatchUp { pay: flow.amount });
        }
    }
    None
}

/// Months by which the end moves beyond the schedule in force.
fn months_moved(case: &Case<'_>, end: Date) -> u32 {
    let before = case.state.rows.iter().map(|row| row.row.due).max().unwrap_or(end);
    u32::try_from(month_of(before, end)).unwrap_or(u32::MAX)
}
