//! What terms ask for, payment by payment: the sums of [`super::apply`] without its rows, for searches that try many terms on one
//! state.
//!
//! Combinations that a search tries by the thousand (a reduction; a re-age, a deferral, an extension and a lower rate
//! together; a settlement) are worked out on what the state's rows hold, which is read once. Everything else, and every
//! contract whose instalments can't be solved from their number alone, goes through [`super::apply`] itself. Both give
//! the same payments; `outlines_are_what_apply_makes` holds them against each other.

mod base;
mod reduced;
mod resolved;
mod settled;

use crate::calendar::Date;
use crate::contract::Contract;
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::state::State;
use crate::terms::{DeferralInterest, Extension, InterestScope, Measure, ReAgeOver, Terms, Waiver};
use crate::value::Flow;

use super::reduction::Reduction;
use base::Base;

/// The payments that terms ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// What is to pay and when, penalty apart, in order of date; a day once.
    pub flows: Vec<Flow>,
    /// Penalty that isn't waived.
    pub penalty_left: Amount,
    /// All that is still to pay, that penalty included.
    pub total_to_pay: Amount,
    /// Interest that the plan adds; negative where it takes some away.
    pub relief_interest: Amount,
}

impl Outline {
    /// Day of the last payment.
    pub fn end(&self) -> Option<Date> {
        self.flows.last().map(|flow| flow.date)
    }

    /// The most that falls due on one day.
    pub fn highest_payment(&self) -> Amount {
        self.flows.iter().map(|flow| flow.amount).max().unwrap_or_default()
    }

    fn clear(&mut self) {
        self.flows.clear();
        (self.penalty_left, self.total_to_pay, self.relief_interest) = Default::default();
    }

    /// Adds a payment; rows come mostly in order of date.
    fn pay(&mut self, date: Date, amount: Amount) -> Result<(), ArithmeticError> {
        if amount.is_zero() {
            return Ok(());
        }
        self.total_to_pay = self.total_to_pay.add(amount)?;
        match self.flows.last_mut() {
            Some(last) if last.date == date => last.amount = last.amount.add(amount)?,
            Some(last) if last.date > date => {
                let place = self.flows.partition_point(|flow| flow.date < date);
                match self.flows.get_mut(place) {
                    Some(flow) if flow.date == date => flow.amount = flow.amount.add(amount)?,
                    _ => self.flows.insert(place, Flow { date, amount }),
                }
            }
            _ => self.flows.push(Flow { date, amount }),
        }
        Ok(())
    }
}

/// Terms by kind, for those combinations that have a short way.
#[derive(Debug, Default)]
struct Shape {
    waives_penalty: Option<Waiver>,
    waives_all_interest: bool,
    re_age: Option<ReAgeOver>,
    deferral: Option<(u8, DeferralInterest)>,
    reduction: Option<ReductionOf>,
    change: Option<super::reschedule::Change>,
    settles: bool,
}

/// A reduction, or token payments whose number follows from the dates.
#[derive(Debug, Clone, Copy)]
enum ReductionOf {
    Instalments(Reduction),
    Tokens { amount: Amount, months: u8 },
}

impl Shape {
    /// `None`: only [`super::apply`] knows.
    fn of(terms: &Terms) -> Option<Self> {
        let mut shape = Self::default();
        let mut waits = false;
        for measure in &terms.measures {
            match measure {
                Measure::WaivePenalty { waiver } => shape.waives_penalty = Some(*waiver),
                Measure::WaiveInterest { scope: InterestScope::All, waiver } if *waiver == Waiver::ALL => {
                    shape.waives_all_interest = true;
                }
                Measure::ReAge { over } => shape.re_age = Some(*over),
                Measure::Deferral { interest: DeferralInterest::Paid, .. } => return None,
                Measure::Deferral { months, interest } => shape.deferral = Some((*months, *interest)),
                Measure::PaymentReduction { pay, instalments, shortfall_over, interest } => {
                    shape.reduction = Some(ReductionOf::Instalments(Reduction {
                        pay: *pay,
                        instalments: usize::from(*instalments),
                        over: *shortfall_over,
                        interest: *interest,
                    }));
                }
                Measure::TokenPayments { amount, months } => {
                    shape.reduction = Some(ReductionOf::Tokens { amount: *amount, months: *months });
                }
                Measure::TermExtension { by: Extension::Instalments(_) }
                | Measure::RateReduction { until: None, .. } => waits = true,
                Measure::Settlement { .. } => shape.settles = true,
                Measure::WaiveInterest { .. }
                | Measure::ForgivePrincipal { .. }
                | Measure::TermExtension { .. }
                | Measure::RateReduction { .. } => return None,
            }
        }
        if waits {
            let measures: Vec<&Measure> = terms.measures.iter().collect();
            shape.change = super::reschedule::Change::of(&measures);
        }
        let moved = shape.re_age.is_some() || shape.deferral.is_some() || shape.change.is_some();
        let alone = match (shape.settles, shape.reduction.is_some(), moved) {
            (true, false, false) | (false, true, false) | (false, false, true) => true,
            (false, false, false) => false,
            _ => return None,
        };
        // Both at once move the same rows twice.
        let twice = shape.re_age.is_some() && shape.deferral.is_some();
        (alone && !twice && (shape.settles || !shape.waives_all_interest)).then_some(shape)
    }
}

/// One state that many terms are tried on.
pub struct Outliner<'a> {
    state: &'a State,
    contract: &'a Contract,
    on: Date,
    base: Base<'a>,
}

impl<'a> Outliner<'a> {
    /// Reads what `state` holds, which must be of the acceptance day `on`.
    pub fn new(state: &'a State, contract: &'a Contract, on: Date) -> Result<Self, LoanError> {
        if state.as_of != on {
            return Err(LoanError::StateOfOtherDay { state: state.as_of, on });
        }
        if state.closed {
            return Err(LoanError::NothingOpen { date: on });
        }
        Ok(Self { state, contract, on, base: Base::of(state, contract, on)? })
    }

    /// Writes into `into` what `terms` ask for. Refuses what [`super::apply`] refuses.
    pub fn outline(&mut self, terms: &Terms, into: &mut Outline) -> Result<(), LoanError> {
        terms.check(self.on)?;
        into.clear();
        if let Some(shape) = Shape::of(terms)
            && self.short_way(&shape, terms, into)?
        {
            into.penalty_left = self.base.penalty_left(shape.waives_penalty)?;
            into.total_to_pay = into.total_to_pay.add(into.penalty_left)?;
            return Ok(());
        }
        let applied = super::apply(self.state, self.contract, terms, self.on)?;
        into.clear();
        into.flows.extend_from_slice(&applied.flows);
        into.total_to_pay = applied.total_to_pay;
        into.relief_interest = applied.relief_interest;
        let flows = applied.flows.iter().map(|flow| flow.amount);
        into.penalty_left = applied.total_to_pay.sub(Amount::try_sum(flows)?)?;
        Ok(())
    }

    /// Whether there was one.
    fn short_way(&mut self, shape: &Shape, terms: &Terms, into: &mut Outline) -> Result<bool, LoanError> {
        if let Some(reduction) = shape.reduction {
            let reduction = match reduction {
                ReductionOf::Instalments(reduction) => reduction,
                ReductionOf::Tokens { amount, months } => {
                    Reduction::token(amount, self.base.instalments_in(i32::from(months))?)
                }
            };
            self.base.reduced(&reduction, terms.first_payment, into)?;
            return Ok(true);
        }
        if shape.settles {
            return self.base.settled(terms, shape.waives_all_interest, into);
        }
        self.base.moved(shape, terms.first_payment, into)
    }
}
