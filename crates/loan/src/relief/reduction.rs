//! Payment reduction and token payments.

use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::terms::{ReducedPayment, ReductionInterest, ShortfallOver};

use super::{Content, Draft, enough};

/// Reduced instalments and where their shortfall goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reduction {
    pub pay: ReducedPayment,
    pub instalments: usize,
    pub over: ShortfallOver,
    pub interest: ReductionInterest,
}

impl Reduction {
    /// Token payments are reduced instalments whose remainder waits in the last one for the review.
    pub fn token(amount: Amount, instalments: usize) -> Self {
        Self {
            pay: ReducedPayment::Amount(amount),
            instalments,
            over: ShortfallOver::ToEnd,
            interest: ReductionInterest::None,
        }
    }

    pub fn payment(&self, instalment: Amount) -> Result<Amount, ArithmeticError> {
        match self.pay {
            ReducedPayment::Factor(factor) => instalment.mul_ratio(factor),
            ReducedPayment::Amount(amount) => Ok(amount.min(instalment)),
        }
    }
}

/// What was put off: principal by row, and interest and fee in sum.
#[derive(Default)]
struct PutOff {
    principal_by_row: Vec<Amount>,
    interest: Amount,
    fee: Amount,
}

impl PutOff {
    fn principal(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum(self.principal_by_row.iter().copied())
    }
}

impl Draft<'_> {
    /// Reduces the first unpaid rows, overdue ones included, and spreads the shortfall over the rows after them.
    pub(super) fn reduce(&mut self, reduction: &Reduction) -> Result<(), LoanError> {
        let open = self.open().len();
        let (first, count) = match reduction.over {
            ShortfallOver::Rows(rows) => (reduction.instalments, usize::from(rows)),
            ShortfallOver::ToEnd => (open.saturating_sub(1), 1),
        };
        enough(reduction.instalments + count, open)?;
        let mut numbers: Vec<u32> = self.open().iter().map(|slot| slot.nr).collect();
        let dues: Vec<Date> = self.open().iter().map(|slot| slot.due).take(first + count).collect();
        let after = numbers.split_off(first.min(open));
        numbers.truncate(reduction.instalments);

        let mut put_off = PutOff::default();
        for nr in numbers {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == nr) else { continue };
            let shortfall = slot.left.total()?.sub(reduction.payment(slot.left.total()?)?)?;
            take(&mut slot.left, shortfall, &mut put_off)?;
        }
        let shares = shortfall_shares(&put_off, count)?;
        let charged = match reduction.interest {
            ReductionInterest::None => Amount::ZERO,
            ReductionInterest::Contract => self.charge_put_off(&put_off, &shares, &dues)?,
        };
        for ((nr, share), charged) in after.into_iter().zip(shares).zip(charged.equal_shares(count)?) {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == nr) else { continue };
            slot.left.principal = slot.left.principal.add(share.principal)?;
            slot.left.fee = slot.left.fee.add(share.fee)?;
            slot.left.relief_interest = slot.left.relief_interest.add(share.relief_interest)?.add(charged)?;
        }
        Ok(())
    }

    /// Contract interest on put-off principal: one period a row, each rounded once. `dues` are those of the reduced rows, of rows between,
    /// and of those that collect.
    fn charge_put_off(
        &mut self,
        put_off: &PutOff,
        shares: &[Content],
        dues: &[Date],
    ) -> Result<Amount, LoanError> {
        let collects = dues.len().saturating_sub(shares.len());
        let mut balance = Amount::ZERO;
        let mut charged = Amount::ZERO;
        for (place, due) in dues.iter().enumerate() {
            let interest = self.basis.for_period(balance, *due)?;
            self.charge((self.basis.instalments_after(*due, -1)?, *due), interest)?;
            charged = charged.add(interest)?;
            if let Some(principal) = put_off.principal_by_row.get(place) {
                balance = balance.add(*principal)?;
            }
            if let Some(share) = place.checked_sub(collects).and_then(|nth| shares.get(nth)) {
                balance = balance.sub(share.principal)?;
            }
        }
        Ok(charged)
    }
}

/// Takes `shortfall` out of a row: principal first, then interest, then fee.
fn take(left: &mut Content, shortfall: Amount, put_off: &mut PutOff) -> Result<(), ArithmeticError> {
    let mut rest = shortfall;
    let mut from = |cell: &mut Amount| -> Result<Amount, ArithmeticError> {
        let taken = rest.min(*cell);
        *cell = cell.sub(taken)?;
        rest = rest.sub(taken)?;
        Ok(taken)
    };
    let principal = from(&mut left.principal)?;
    let interest = from(&mut left.interest)?.add(from(&mut left.relief_interest)?)?;
    let fee = from(&mut left.fee)?;
    put_off.principal_by_row.push(principal);
    put_off.interest = put_off.interest.add(interest)?;
    put_off.fee = put_off.fee.add(fee)?;
    Ok(())
}

/// Equal shares of the whole shortfall, remainder last; fee and interest that were put off are collected first.
fn shortfall_shares(put_off: &PutOff, count: usize) -> Result<Vec<Content>, ArithmeticError> {
    let (mut fee, mut interest) = (put_off.fee, put_off.interest);
    let total = fee.add(interest)?.add(put_off.principal()?)?;
    let mut shares = Vec::with_capacity(count);
    for share in total.equal_shares(count)? {
        let fee_share = share.min(fee);
        let interest_share = share.sub(fee_share)?.min(interest);
        fee = fee.sub(fee_share)?;
        interest = interest.sub(interest_share)?;
        shares.push(Content {
            principal: share.sub(fee_share)?.sub(interest_share)?,
            interest: Amount::ZERO,
            fee: fee_share,
            relief_interest: interest_share,
        });
    }
    Ok(shares)
}
