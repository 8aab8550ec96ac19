//! Reductions and token payments on what the rows hold.

use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::relief::enough;
use crate::relief::reduction::Reduction;
use crate::terms::{ReductionInterest, ShortfallOver};

use super::Outline;
use super::base::{Base, Open};

/// What reduced instalments leave to those that collect it.
#[derive(Default)]
struct Shortfall {
    total: Amount,
    /// Fee and interest of it, which are collected first.
    interest: Amount,
}

impl Base<'_> {
    pub(super) fn reduced(
        &mut self,
        reduction: &Reduction,
        first_payment: Option<Date>,
        into: &mut Outline,
    ) -> Result<(), LoanError> {
        let open = self.open.len();
        let (first, count) = match reduction.over {
            ShortfallOver::Rows(rows) => (reduction.instalments, usize::from(rows)),
            ShortfallOver::ToEnd => (open.saturating_sub(1), 1),
        };
        enough(reduction.instalments.saturating_add(count), open)?;
        let mut shortfall = Shortfall::default();
        self.put_off.clear();
        for row in self.open.iter().take(reduction.instalments) {
            // Instalments are mostly level: the same payment is not worked out again, nor for the next terms.
            let pay = match self.reduced {
                Some((how, total, pay)) if total == row.total && how == reduction.pay => pay,
                _ => reduction.payment(row.total)?,
            };
            self.reduced = Some((reduction.pay, row.total, pay));
            self.put_off.push(shortfall.take(row, pay)?);
            into.pay(self.payable(row.due, first_payment), pay)?;
        }
        let (share, last) = shares(shortfall.total, count)?;
        let charged = match reduction.interest {
            ReductionInterest::None => Amount::ZERO,
            ReductionInterest::Contract => {
                self.charge((reduction.instalments, first, count), &shortfall, (share, last))?
            }
        };
        into.relief_interest = charged;
        let (charge, last_charge) = shares(charged, count)?;
        for (row, place) in self.open.iter().zip(0..).skip(reduction.instalments) {
            let on_top = match place {
                place if place < first || place >= first + count => Amount::ZERO,
                place if place + 1 == first + count => last.add(last_charge)?,
                _ => share.add(charge)?,
            };
            let amount = row.total.add(on_top)?;
            into.pay(self.payable(row.due, first_payment), amount)?;
        }
        self.pay_charges(into)?;
        Ok(())
    }

    /// Contract interest on put-off principal: one period a row, each rounded once.
    fn charge(
        &mut self,
        (reduced, first, count): (usize, usize, usize),
        shortfall: &Shortfall,
        (share, last): (Amount, Amount),
    ) -> Result<Amount, LoanError> {
        let mut balance = Amount::ZERO;
        let mut interest_left = shortfall.interest;
        let mut charged = Amount::ZERO;
        for place in 0..first + count {
            charged = charged.add(self.for_period(balance, place)?)?;
            if place < reduced {
                let put_off = self.put_off.get(place).copied().unwrap_or_default();
                balance = balance.add(put_off)?;
            }
            if place >= first {
                let share = if place + 1 == first + count { last } else { share };
                let collected = share.min(interest_left);
                interest_left = interest_left.sub(collected)?;
                balance = balance.sub(share.sub(collected)?)?;
            }
        }
        Ok(charged)
    }
}

impl Shortfall {
    /// Takes what a row doesn't pay; gives the principal of it, which is put off first.
    fn take(&mut self, row: &Open, pay: Amount) -> Result<Amount, ArithmeticError> {
        let short = row.total.sub(pay)?;
        let principal = short.min(row.left.principal);
        self.total = self.total.add(short)?;
        self.interest = self.interest.add(short.sub(principal)?)?;
        Ok(principal)
    }
}

/// Each share but the last, and the last.
fn shares(amount: Amount, count: usize) -> Result<(Amount, Amount), ArithmeticError> {
    if amount.is_zero() {
        return Ok((Amount::ZERO, Amount::ZERO));
    }
    amount.equal_share(count)
}
