//! Values of a stream of payments to both sides (`domain.md` section 5), in exact decimals.
//!
//! V = Σ v^t · S_t · pay_t + Σ (S_{t−1} − S_t) · ρ · v^(t+L) · claim_t for the lender;
//! C = Σ v^t · (pay_t + κ · max(0, pay_t − share_t)) for the borrower. Months are calendar months, and the
//! hazard of a month follows from payment over share.

use loan::Amount;

use crate::affordability::month_of;
use crate::case::{Case, contract_dues};
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::pack::tables::{MAX_BURDEN, Recovery};

/// Months of discount factors that are computed once per case; later ones are computed where needed.
const DISCOUNT_MONTHS: usize = 240;

/// Both sides' values of one stream, in minor units, and its burden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub lender: Fixed,
    pub borrower: Fixed,
    /// Highest payment over share.
    pub burden: Fixed,
}

/// Values streams of one case.
pub(crate) struct Valuer {
    monthly: Fixed,
    discounts: Vec<Fixed>,
    /// ρ · v^(t+L) by month.
    lates: Vec<Fixed>,
    /// Ascending (highest payment over share, hazard) of this bucket and grade.
    pub(crate) bands: Vec<(Fixed, Fixed)>,
    recovery: Recovery,
    overload_weight: Fixed,
    /// Principal left and everything due and unpaid.
    pub(crate) owed: i64,
    /// Contract interest and fees that fall due after the day, by month.
    pub(crate) interest: Vec<i64>,
    /// Value of no agreement: arrears at once, then the contract.
    pub none: Value,
}

impl Valuer {
    /// Prepares the tables of a case and values no agreement.
    pub fn new(case: &Case<'_>) -> Result<Self, AssessError> {
        let growth = Fixed::from_decimal(case.contract().annual_rate.decimal())?
            .mul(Fixed::ratio(1, 12)?)?
            .add(Fixed::ONE)?;
        let monthly = growth.recip()?;
        let tables = &case.pack.tables;
        let key = (case.state.bucket, case.grade);
        let bands =
            tables.hazard.iter().filter_map(|band| Some((band.x_max, *band.hazards.get(&key)?))).collect();
        let recovery = tables
            .recovery
            .get(&case.state.bucket)
            .copied()
            .unwrap_or(Recovery { share: Fixed::ZERO, delay_months: 0 });
        let arrears = &case.state.arrears;
        let owed =
            Amount::try_sum([case.state.principal_left, arrears.interest, arrears.fee, arrears.penalty])?;
        let mut valuer = Self {
            monthly,
            discounts: Vec::with_capacity(DISCOUNT_MONTHS),
            lates: Vec::with_capacity(DISCOUNT_MONTHS),
            bands,
            recovery,
            overload_weight: Fixed::from_decimal(case.pack.settings.overload_weight.decimal())?,
            owed: owed.minor(),
            interest: interest_by_month(case)?,
            none: Value { lender: Fixed::ZERO, borrower: Fixed::ZERO, burden: Fixed::ZERO },
        };
        valuer.fill()?;
        let none = by_month(&contract_dues(&case.state)?)?;
        valuer.none = valuer.value(case, &none, Amount::ZERO)?;
        Ok(valuer)
    }

    /// Discount factors of the months that nearly every stream ends within.
    fn fill(&mut self) -> Result<(), AssessError> {
        let mut factor = Fixed::ONE;
        for _ in 0..DISCOUNT_MONTHS {
            self.discounts.push(factor);
            factor = factor.mul(self.monthly)?;
        }
        let delay = delay(self.recovery);
        for month in 0..DISCOUNT_MONTHS {
            let discount = self.discount(month.saturating_add(delay))?;
            self.lates.push(self.recovery.share.mul(discount)?);
        }
        Ok(())
    }

    /// Values payments by month; `lump` can be used up in whatever months ask for more than the share.
    pub fn value(&self, case: &Case<'_>, pays: &[i64], lump: Amount) -> Result<Value, AssessError> {
        let (mut lender, mut borrower) = (Fixed::ZERO, Fixed::ZERO);
        let mut burden = Fixed::ZERO;
        let mut survival = Fixed::ONE;
        let mut claim = self.owed;
        let mut lump = lump.minor();
        for (month, pay) in pays.iter().copied().enumerate() {
            let share = case.affordability.share(month).minor();
            let means = share.saturating_add(lump);
            lump = lump.saturating_sub((pay - share).max(0)).max(0);
            let x = payment_to_share(pay, means)?;
            burden = burden.max(x);
            let survived = survival.mul(Fixed::ONE.sub(self.hazard(x))?)?;
            let discount = self.discount(month)?;
            claim = claim.saturating_add(self.interest.get(month).copied().unwrap_or(0));
            let paid = discount.mul(survived)?.times(pay)?;
            let back = survival.sub(survived)?.mul(self.late(month)?)?.times(claim.max(0))?;
            lender = lender.add(paid)?.add(back)?;
            let overload = self.overload_weight.times((pay - means).max(0))?;
            let cost = if overload == Fixed::ZERO {
                discount.times(pay)?
            } else {
                Fixed::from_int(pay).add(overload)?.mul(discount)?
            };
            borrower = borrower.add(cost)?;
            claim = claim.saturating_sub(pay);
            survival = survived;
        }
        Ok(Value { lender, borrower, burden })
    }

    fn hazard(&self, x: Fixed) -> Fixed {
        // INVARIANT: the checker demands that the last band ends at the cap.
        self.bands
            .iter()
            .find(|(x_max, _)| x <= *x_max)
            .or_else(|| self.bands.last())
            .map_or(Fixed::ZERO, |(_, hazard)| *hazard)
    }

    pub(crate) fn discount(&self, month: usize) -> Result<Fixed, AssessError> {
        if let Some(discount) = self.discounts.get(month) {
            return Ok(*discount);
        }
        let mut factor = self.discounts.last().copied().unwrap_or(Fixed::ONE);
        for _ in self.discounts.len()..=month {
            factor = factor.mul(self.monthly)?;
        }
        Ok(factor)
    }

    /// ρ · v^(t+L): what a claim of a month brings back.
    pub(crate) fn late(&self, month: usize) -> Result<Fixed, AssessError> {
        match self.lates.get(month) {
            Some(late) => Ok(*late),
            None => self.recovery.share.mul(self.discount(month.saturating_add(delay(self.recovery)))?),
        }
    }
}

fn delay(recovery: Recovery) -> usize {
    usize::try_from(recovery.delay_months).unwrap_or(usize::MAX)
}

/// x = pay / share, 0 where nothing is due, at most the cap, which also stands for a share of nothing.
fn payment_to_share(pay: i64, share: i64) -> Result<Fixed, AssessError> {
    if pay <= 0 {
        return Ok(Fixed::ZERO);
    }
    let cap = Fixed::from_int(i64::from(MAX_BURDEN));
    if share <= 0 {
        return Ok(cap);
    }
    Ok(Fixed::ratio(pay, share)?.min(cap))
}

/// Sums amounts by month, minor units.
pub(crate) fn by_month(dues: &[(usize, Amount)]) -> Result<Vec<i64>, AssessError> {
    let length = dues.iter().map(|(month, _)| month.saturating_add(1)).max().unwrap_or(0);
    let mut months = vec![0_i64; length];
    for (month, amount) in dues {
        if let Some(sum) = months.get_mut(*month) {
            *sum =
                sum.checked_add(amount.minor()).ok_or(AssessError::Arithmetic { at: "payments by month" })?;
        }
    }
    Ok(months)
}

fn interest_by_month(case: &Case<'_>) -> Result<Vec<i64>, AssessError> {
    let mut dues = Vec::new();
    for row in case.state.rows.iter().filter(|row| row.row.due > case.state.as_of) {
        let left = row.left()?;
        dues.push((month_of(case.state.as_of, row.row.due), left.interest.add(left.fee)?));
    }
    by_month(&dues)
}
