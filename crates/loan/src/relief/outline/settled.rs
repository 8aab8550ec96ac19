//! Settlements on what the rows hold.

use crate::error::LoanError;
use crate::relief::enough;
use crate::relief::settlement::part_dates;
use crate::terms::{Measure, SettlementSum, Terms};

use super::Outline;
use super::base::Base;

impl Base<'_> {
    /// Whether nothing but parts of the principal is left to pay.
    pub(super) fn settled(
        &self,
        terms: &Terms,
        waives_all_interest: bool,
        into: &mut Outline,
    ) -> Result<bool, LoanError> {
        let settlement = terms.measures.iter().find_map(|measure| match measure {
            Measure::Settlement { sum, pay_by, parts } => Some((*sum, *pay_by, usize::from(*parts))),
            _ => None,
        });
        let Some((asked, pay_by, parts)) = settlement else { return Ok(false) };
        // What isn't principal is paid with the first part by rules of its own.
        let plain = self.charges.is_empty() && self.open.iter().all(|row| row.left.fee.is_zero());
        if !plain || !waives_all_interest {
            return Ok(false);
        }
        let sum = match asked {
            SettlementSum::PrincipalShare(share) => self.principal_left.mul_ratio(share)?,
            SettlementSum::Sum(amount) => amount.min(self.principal_left),
        };
        enough(parts, self.open.len())?;
        let dates = part_dates(pay_by, parts)?;
        if dates.first().is_some_and(|first| *first < self.on) {
            return Ok(false);
        }
        let (share, last) = sum.equal_share(parts)?;
        let count = dates.len();
        for (date, place) in dates.into_iter().zip(1..) {
            into.pay(date, if place == count { last } else { share })?;
        }
        Ok(true)
    }
}
