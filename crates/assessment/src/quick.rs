//! Values of payment streams in binary floats, for pruning a search: never an answer.
//!
//! The same formulas as [`crate::valuation`], with the hazard's band found by comparing payments with whole amounts. The
//! operations are + − × ÷ in one order, so that every machine prunes alike; what survives is valued exactly.

use crate::affordability::month_of;
use crate::case::Case;
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::pack::tables::MAX_BURDEN;
use crate::valuation::Valuer;

/// Longest stream that is looked at, in months; the total term of every pack is shorter.
const MAX_MONTHS: usize = 1_200;

/// One month of a case.
struct Month {
    share: i64,
    discount: f64,
    /// ρ · v^(t+L).
    late: f64,
    interest: i64,
}

/// Values streams of one case approximately.
pub(crate) struct Quick {
    months: Vec<Month>,
    /// The highest payment of each band, by month: as many as there are bands but the last, month after month.
    limits: Vec<i64>,
    hazards: Vec<f64>,
    owed: i64,
}

/// Lender's value in minor units, and the highest payment over share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    pub lender: f64,
    pub burden: f64,
}

impl Quick {
    /// For streams that end by the latest day that the pack allows.
    pub fn new(case: &Case<'_>, valuer: &Valuer) -> Result<Self, AssessError> {
        let longest = month_of(case.facts.as_of, case.latest_end).saturating_add(1).min(MAX_MONTHS);
        let mut quick = Self {
            months: Vec::with_capacity(longest),
            limits: Vec::with_capacity(longest.saturating_mul(valuer.bands.len())),
            hazards: valuer.bands.iter().map(|(_, hazard)| hazard.approximate()).collect(),
            owed: valuer.owed,
        };
        let inner = valuer.bands.len().saturating_sub(1);
        for month in 0..longest {
            let share = case.affordability.share(month).minor();
            match quick.months.last() {
                Some(before) if before.share == share => {
                    let same = quick.limits.len().saturating_sub(inner)..;
                    quick.limits.extend_from_within(same);
                }
                _ => {
                    for (x_max, _) in valuer.bands.iter().take(inner) {
                        quick.limits.push(limit(*x_max, share)?);
                    }
                }
            }
            quick.months.push(Month {
                share,
                discount: valuer.discount(month)?.approximate(),
                late: valuer.late(month)?.approximate(),
                interest: valuer.interest.get(month).copied().unwrap_or(0),
            });
        }
        Ok(quick)
    }

    /// `None` for a stream that goes on beyond every allowed end.
    pub fn estimate(&self, pays: &[i64]) -> Option<Estimate> {
        if pays.len() > self.months.len() {
            return None;
        }
        let inner = self.hazards.len().saturating_sub(1);
        let mut lender = 0.0;
        // The highest payment over share as a fraction.
        let (mut most, mut of) = (0, 1);
        let mut survival = 1.0;
        let mut claim = self.owed;
        let mut limits = self.limits.as_slice();
        for (month, pay) in self.months.iter().zip(pays) {
            let (own, others) = limits.split_at_checked(inner)?;
            limits = others;
            let band = own.iter().position(|limit| pay <= limit).unwrap_or(inner);
            let survived = survival * (1.0 - self.hazards.get(band)?);
            claim = claim.saturating_add(month.interest);
            lender += month.discount * survived * float(*pay);
            lender += (survival - survived) * month.late * float(claim.max(0));
            claim = claim.saturating_sub(*pay);
            survival = survived;
            if i128::from(*pay) * i128::from(of) > i128::from(most) * i128::from(month.share.max(0)) {
                (most, of) = (*pay, month.share.max(0));
            }
        }
        let cap = f64::from(MAX_BURDEN);
        let burden = if of > 0 { (float(most) / float(of)).min(cap) } else { cap };
        Some(Estimate { lender, burden })
    }
}

/// The highest payment of a month that lies in a band: payment over share, rounded to 18 places, is at most `x_max`. Shares
/// stay below 10^13 minor units and bands have few places, so that rounding never crosses the edge of a band.
fn limit(x_max: Fixed, share: i64) -> Result<i64, AssessError> {
    // Nothing to spare: any payment is at the cap, which is the last band's.
    if share <= 0 { Ok(0) } else { x_max.floor_of(share) }
}

#[expect(clippy::cast_precision_loss, reason = "the search prunes with a margin far above it")]
fn float(amount: i64) -> f64 {
    amount as f64
}
