//! Deferral, term extension and rate reduction.

use crate::calendar::Date;
use crate::contract::MAX_INSTALMENTS;
use crate::error::LoanError;
use crate::model::Model;
use crate::money::{Amount, Rate};
use crate::parts::Parts;
use crate::state::RateStep;
use crate::terms::{DeferralInterest, Extension, Measure};

use super::basis::{self, Basis, Resolved, Split};
use super::{Content, Draft, Slot, enough};

/// Extension and rate: one re-solve of the instalments to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub by: Option<Extension>,
    pub rate: Option<(Rate, Option<Date>)>,
}

impl Change {
    pub fn of(measures: &[&Measure]) -> Option<Self> {
        let by = measures.iter().find_map(|measure| match measure {
            Measure::TermExtension { by } => Some(*by),
            _ => None,
        });
        let rate = measures.iter().find_map(|measure| match measure {
            Measure::RateReduction { rate, until } => Some((*rate, *until)),
            _ => None,
        });
        (by.is_some() || rate.is_some()).then_some(Self { by, rate })
    }
}

impl Draft<'_> {
    /// Moves every unpaid row by `months`; overdue ones too. Where interest is paid meanwhile, an overdue row becomes
    /// interest-only and is payable on `first_payment`, without one beside the next instalment.
    pub(super) fn defer(
        &mut self,
        (months, interest): (i32, DeferralInterest),
        first_payment: Option<Date>,
    ) -> Result<(), LoanError> {
        match interest {
            DeferralInterest::None => self.shift_dates(months),
            DeferralInterest::Paid => self.shift_contents(months, first_payment),
            DeferralInterest::Spread => {
                let charged = self.deferral_interest(months)?;
                self.shift_dates(months)?;
                let shares = charged.equal_shares(self.open().len())?;
                for (slot, share) in self.open().into_iter().zip(shares) {
                    slot.left.relief_interest = slot.left.relief_interest.add(share)?;
                }
                Ok(())
            }
            DeferralInterest::AtEnd => {
                let charged = self.deferral_interest(months)?;
                self.shift_dates(months)?;
                if let Some(last) = self.open().pop() {
                    last.left.relief_interest = last.left.relief_interest.add(charged)?;
                }
                Ok(())
            }
        }
    }

    /// Interest on the principal left for the deferred months, rounded once; counted as added by the plan.
    fn deferral_interest(&mut self, months: i32) -> Result<Amount, LoanError> {
        enough(1, self.open().len())?;
        let begin = self.first_open_due();
        let charged = self.basis.for_months(self.principal_left()?, begin, months)?;
        self.charge((begin, self.basis.months_after(begin, months)?), charged)?;
        Ok(charged)
    }

    /// How many instalments fall due within so many months; at least one.
    pub(super) fn instalments_in(&mut self, months: i32) -> Result<usize, LoanError> {
        let first = self.first_open_due();
        Ok(self.basis.instalments_in(first, months)?.max(1))
    }

    fn first_open_due(&mut self) -> Date {
        let on = self.on;
        self.open().first().map_or(on, |slot| slot.due)
    }

    /// Every unpaid row by as many months.
    fn shift_dates(&mut self, months: i32) -> Result<(), LoanError> {
        let dues: Vec<Date> = self.open().iter().map(|slot| slot.due).collect();
        let shifted = self.basis.shifted(&dues, months)?;
        for (slot, due) in self.open().into_iter().zip(shifted) {
            slot.due = due;
        }
        Ok(())
    }

    /// The first rows, as many as `months` hold, become interest-only; what they held moves that many rows on, and rows
    /// are added.
    fn shift_contents(&mut self, months: i32, first_payment: Option<Date>) -> Result<(), LoanError> {
        enough(1, self.open().len())?;
        let first = self.first_open_due();
        let count = self.basis.instalments_in(first, months)?;
        let principal = self.principal_left()?;
        let on = self.on;
        // The interest-only row takes the place of interest that is due; what was put off before has been earned still.
        let moved: Vec<(Content, bool)> =
            self.open().iter().map(|slot| (slot.left, slot.is_earned && slot.due > on)).collect();
        // Slots are chosen before their contents change: an emptied one would no longer count as open.
        let mut numbers: Vec<u32> = self.open().iter().map(|slot| slot.nr).collect();
        numbers.extend(self.add_slots(count)?);
        let mut contents = Vec::with_capacity(numbers.len());
        for nr in numbers.iter().take(count) {
            let due = self.slots.iter().find(|slot| slot.nr == *nr).map_or(first, |slot| slot.due);
            let charged = self.basis.for_period(principal, due)?;
            self.charge((self.basis.instalments_after(due, -1)?, due), charged)?;
            contents.push((Content { relief_interest: charged, ..Content::default() }, true));
        }
        contents.extend(moved);
        let next = self.slots.iter().map(|slot| slot.due).filter(|due| *due >= on).min();
        let payable = first_payment.or(next).unwrap_or(on);
        for ((nr, (content, is_earned)), place) in numbers.into_iter().zip(contents).zip(0..) {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == nr) else { continue };
            slot.left = content;
            slot.is_earned = is_earned;
            if place < count && slot.due < on {
                slot.due = payable;
            }
        }
        Ok(())
    }

    /// Adds empty monthly rows after the last unpaid one and gives their numbers.
    fn add_slots(&mut self, count: usize) -> Result<Vec<u32>, LoanError> {
        let most = usize::from(MAX_INSTALMENTS);
        if self.slots.len() + count > most {
            return Err(LoanError::TermsInvalid { measure: "terms", reason: "more than 600 instalments" });
        }
        let Some(last) = self.open().pop().map(|slot| slot.due) else {
            return Err(LoanError::NothingOpen { date: self.on });
        };
        let highest = self.slots.iter().map(|slot| slot.nr).max().unwrap_or(0);
        let mut numbers = Vec::with_capacity(count);
        for (nr, steps) in (highest + 1..).zip(1_i32..).take(count) {
            let due = self.basis.instalments_after(last, steps)?;
            self.slots.push(Slot {
                nr,
                due,
                contract_due: due,
                paid: Content::default(),
                left: Content::default(),
                penalty: Amount::ZERO,
                waived: Parts::default(),
                is_charge: false,
                is_earned: false,
            });
            numbers.push(nr);
        }
        Ok(numbers)
    }

    /// Solves the principal of the instalments to come again, over more rows or at another rate. Overdue rows stay as they
    /// are, and so does what instalments hold beside the interest of their balance: carried interest, and what overdue
    /// principal bore.
    pub(super) fn resolve(&mut self, change: &Change) -> Result<(), LoanError> {
        let contract_rate = self.basis.rate_on(self.on);
        if change.rate.is_some_and(|(rate, _)| rate > contract_rate) {
            return Err(LoanError::TermsInvalid {
                measure: "rate_reduction",
                reason: "is above the contract rate",
            });
        }
        let basis = self.basis;
        let mut rows: Vec<Resolved> = Vec::new();
        for slot in self.future().iter().filter(|slot| basis.is_instalment(slot.nr)) {
            rows.push(Resolved { nr: slot.nr, due: slot.due, principal: slot.left.principal });
        }
        enough(1, rows.len())?;
        let mut beside = basis.beside(&rows)?;
        let extra = match change.by {
            None => 0,
            Some(Extension::Instalments(extra)) => usize::from(extra),
            Some(Extension::TargetPayment(target)) => {
                let room = usize::from(MAX_INSTALMENTS).saturating_sub(self.slots.len());
                let first = rows.first().map(|row| row.nr);
                let slot = self.slots.iter().find(|slot| Some(slot.nr) == first);
                let on_top = match slot {
                    Some(slot) => slot.left.fee.add(slot.left.relief_interest)?,
                    None => Amount::ZERO,
                };
                let target = target.sub(on_top)?;
                Search { solver: Solver { basis, on: self.on, rate: change.rate }, rows: &rows, target }
                    .shortest(room)?
            }
        };
        for nr in self.add_slots(extra)? {
            let due = self.slots.iter().find(|slot| slot.nr == nr).map_or(self.on, |slot| slot.due);
            rows.push(Resolved { nr, due, principal: Amount::ZERO });
            beside.push(Amount::ZERO);
        }
        let splits = Solver { basis, on: self.on, rate: change.rate }.solve(&rows)?;
        for ((row, beside), split) in rows.into_iter().zip(beside).zip(splits) {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == row.nr) else { continue };
            // Interest that was already paid ahead in this row counts.
            let interest = split.interest.add(beside)?.sub_floor0(slot.paid.interest)?;
            self.added = self.added.add(interest)?.sub(slot.left.interest)?;
            slot.left.interest = interest;
            slot.left.principal = split.principal;
        }
        Ok(())
    }
}

/// Solves rows at the rates in force, or at a lower one until a day.
#[derive(Clone, Copy)]
struct Solver<'a> {
    basis: Basis<'a>,
    on: Date,
    rate: Option<(Rate, Option<Date>)>,
}

impl Solver<'_> {
    fn solve(&self, rows: &[Resolved]) -> Result<Vec<Split>, LoanError> {
        let mut model = self.basis.model(rows)?;
        let Some((rate, until)) = self.rate else {
            model.solve(0, None)?;
            return basis::splits(&mut model);
        };
        model.rates = self.reduced(rate, None)?;
        model.solve(0, None)?;
        let mut splits = basis::splits(&mut model)?;
        let Some(until) = until else { return Ok(splits) };
        // Rows up to the day are those of a loan at the lower rate; the others are solved from what they leave.
        let low = rows.iter().filter(|row| row.due <= until).count();
        let later = rows.get(low..).unwrap_or_default();
        if later.is_empty() {
            return Ok(splits);
        }
        let rest = splits.split_off(low.min(splits.len()));
        let principals = rest.iter().map(|split| split.principal);
        let later: Vec<Resolved> =
            later.iter().zip(principals).map(|(row, principal)| Resolved { principal, ..*row }).collect();
        let mut model = self.basis.model(&later)?;
        model.rates = self.reduced(rate, Some(until))?;
        model.solve(0, None)?;
        splits.extend(basis::splits(&mut model)?);
        Ok(splits)
    }

    fn reduced(&self, rate: Rate, until: Option<Date>) -> Result<Vec<RateStep>, LoanError> {
        let mut model = match self.basis.known {
            Some(model) => model.clone(),
            None => Model::empty(self.basis.contract),
        };
        model.rates = self.basis.rates.to_vec();
        model.reduce_rate(self.on, rate, until)?;
        Ok(model.rates)
    }
}

/// The shortest extension that brings the first instalment down to a target.
struct Search<'a> {
    solver: Solver<'a>,
    rows: &'a [Resolved],
    target: Amount,
}

impl Search<'_> {
    fn shortest(&self, room: usize) -> Result<usize, LoanError> {
        let (mut low, mut high) = (1, room);
        if room == 0 || !self.reaches(room)? {
            return Err(LoanError::TargetTooLow { target: self.target });
        }
        // INVARIANT: `high` reaches the target; the instalment never rises with the term.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.reaches(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(high)
    }

    fn reaches(&self, extra: usize) -> Result<bool, LoanError> {
        let mut rows = self.rows.to_vec();
        let Some(last) = rows.last().copied() else { return Ok(false) };
        for steps in (1_i32..).take(extra) {
            let due = self.solver.basis.instalments_after(last.due, steps)?;
            // No row has such a number: it is a plain period.
            rows.push(Resolved { nr: u32::MAX, due, principal: Amount::ZERO });
        }
        let splits = self.solver.solve(&rows)?;
        let Some(first) = splits.first() else { return Ok(false) };
        Ok(first.principal.add(first.interest)? <= self.target)
    }
}
