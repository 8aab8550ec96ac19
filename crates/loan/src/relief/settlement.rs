//! Settlement: a share of the principal by a day closes the loan.

use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::money::Amount;
use crate::terms::SettlementSum;

use super::{Content, Draft, enough};

impl Draft<'_> {
    /// The first `parts` unpaid rows become the parts of the settlement, monthly, the last on `pay_by`; the others are
    /// emptied. Interest that falls due by `pay_by` and wasn't waived is paid with the first part; later interest is
    /// never earned. Fees that weren't waived are paid with the first part too, those of rows for charges included.
    pub(super) fn settle(
        &mut self,
        asked: SettlementSum,
        pay_by: Date,
        parts: usize,
    ) -> Result<(), LoanError> {
        let principal = self.principal_left()?;
        let sum = match asked {
            SettlementSum::PrincipalShare(share) => principal.mul_ratio(share)?,
            SettlementSum::Sum(amount) => amount.min(principal),
        };
        let forgiven = principal.sub(sum)?;
        enough(parts, self.open().len())?;
        let dates = part_dates(pay_by, parts)?;
        if dates.first().is_some_and(|first| *first < self.on) {
            return Err(LoanError::TermsInvalid {
                measure: "settlement",
                reason: "its first part would lie in the past",
            });
        }

        let (mut interest, mut unearned, mut fee) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        let numbers: Vec<u32> = self.open().iter().map(|slot| slot.nr).collect();
        for slot in self.by_due() {
            let moved = std::mem::take(&mut slot.left);
            let own = moved.interest.add(moved.relief_interest)?;
            if slot.due <= pay_by {
                interest = interest.add(own)?;
            } else {
                unearned = unearned.add(own)?;
            }
            fee = fee.add(moved.fee)?;
        }
        self.unearned = self.unearned.add(unearned)?;
        self.charged_for.clear();
        for (nr, (part, due)) in numbers.iter().zip(sum.equal_shares(parts)?.into_iter().zip(dates)) {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == *nr) else { continue };
            slot.due = due;
            slot.left = Content {
                principal: part,
                interest: Amount::ZERO,
                fee: std::mem::take(&mut fee),
                relief_interest: std::mem::take(&mut interest),
            };
        }
        if let Some(last) = numbers.last().and_then(|nr| self.slots.iter_mut().find(|slot| slot.nr == *nr)) {
            last.waived.principal = last.waived.principal.add(forgiven)?;
        }
        Ok(())
    }
}

/// Monthly dates that end on `pay_by`.
pub(super) fn part_dates(pay_by: Date, parts: usize) -> Result<Vec<Date>, LoanError> {
    let anchor = u8::try_from(pay_by.day()).unwrap_or(1);
    let mut dates = Vec::with_capacity(parts);
    for months in 0_i32.. {
        if dates.len() == parts {
            break;
        }
        dates.push(calendar::month_after(anchor, pay_by, -months)?);
    }
    dates.reverse();
    Ok(dates)
}
