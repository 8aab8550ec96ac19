//! Every combination of measures that the pack allows for the borrower's tier and the rules added.

use std::collections::BTreeSet;

use loan::calendar::month_after;
use loan::{
    Amount, Date, DeferralInterest, Extension, InterestScope, Measure, Rate, Ratio, ReAgeOver,
    ReducedPayment, SettlementSum, ShortfallOver, Terms, Waiver,
};

use crate::candidate::{bit, measure_kind};
use crate::case::Case;
use crate::codes::MeasureKind;
use crate::error::AssessError;
use crate::pack::measures::TierMeasures;
use crate::pack::program::Effect;
use crate::pack::{Limits, Rule};
use crate::ruling::Ruling;

/// What may be generated for a case.
pub(crate) struct Space<'a> {
    case: &'a Case<'a>,
    effect: Effect,
    limits: Option<Limits>,
    tier: &'a TierMeasures,
}

impl<'a> Space<'a> {
    /// The space of a case; `None` where a gate allows no terms or the tier has none.
    pub fn of(case: &'a Case<'a>, ruling: &Ruling<'_>) -> Option<Self> {
        let limits = match ruling.gate {
            None => None,
            Some(Rule { limits: Some(limits), .. }) => Some(*limits),
            Some(Rule { limits: None, .. }) => return None,
        };
        Some(Self { case, effect: ruling.effect, limits, tier: case.tier? })
    }

    pub fn allows(&self, kind: MeasureKind) -> bool {
        match self.limits {
            None => self.effect.adds(kind),
            // A re-date needs no family, and affordable penalties aren't waived.
            Some(Limits::Redate) => kind == MeasureKind::Deferral,
            Some(Limits::Trial) => {
                let short = matches!(
                    kind,
                    MeasureKind::WaivePenalty
                        | MeasureKind::Deferral
                        | MeasureKind::PaymentReduction
                        | MeasureKind::TokenPayments
                );
                short && self.effect.adds(kind)
            }
        }
    }

    /// Whether a proposal may hold a waiver of this kind. Without a gate the authority matrix judges them; a
    /// gate's limits hold for them as for everything else.
    pub fn allows_waiver(&self, kind: MeasureKind) -> bool {
        self.limits.is_none() || self.allows(kind)
    }

    /// Most months of a deferral, reduction or token plan under the gate's limits.
    pub fn month_limit(&self) -> u16 {
        let settings = &self.case.pack.settings;
        let months = match self.limits {
            None => return u16::MAX,
            Some(Limits::Trial) => settings.trial_months,
            Some(Limits::Redate) => settings.redate_months,
        };
        u16::try_from(months).unwrap_or(u16::MAX)
    }

    /// The tier's values.
    pub fn tier(&self) -> &'a TierMeasures {
        self.tier
    }

    /// Waiver of the penalty, where a rule adds it and something is overdue.
    pub fn waives_penalty(&self) -> bool {
        self.allows(MeasureKind::WaivePenalty) && self.case.in_arrears()
    }

    /// Whether any penalty is due.
    pub fn owes_penalty(&self) -> bool {
        !self.case.state.arrears.penalty.is_zero()
    }

    /// Last day of the month that holds the assessment day plus the pack's days.
    pub fn first_payment(&self) -> Result<Date, AssessError> {
        let span = jiff::Span::new().days(i64::from(self.case.pack.settings.first_payment_min_days));
        let day = self
            .case
            .facts
            .as_of
            .checked_add(span)
            .map_err(|_| AssessError::Arithmetic { at: "calendar" })?;
        Ok(day.last_of_month())
    }

    /// Whether rows stay overdue under these measures, so that a first payment date is needed. Re-ageing
    /// leaves none, and a settlement has dates of its own.
    pub fn stays_overdue(&self, measures: &[Measure]) -> Result<bool, AssessError> {
        if measures
            .iter()
            .any(|measure| matches!(measure, Measure::ReAge { .. } | Measure::Settlement { .. }))
        {
            return Ok(false);
        }
        let Some(oldest) = self.case.state.oldest_unpaid_due else { return Ok(false) };
        let (contract, as_of) = (self.case.contract(), self.case.facts.as_of);
        let shifted = months_shifted(measures);
        if shifted == 0 && contract.conventions.business_days.is_none() {
            return Ok(oldest <= as_of);
        }
        Ok(month_after(contract.anchor_day(), oldest, i32::from(shifted))? <= as_of)
    }

    /// The last day on which a settlement in `parts` can be paid.
    pub fn settlement_pay_by(&self, parts: u16) -> Result<Date, AssessError> {
        let days = jiff::Span::new().days(i64::from(self.case.pack.settings.settlement_days));
        let span = days.months(i64::from(parts.saturating_sub(1)));
        self.case.facts.as_of.checked_add(span).map_err(|_| AssessError::Arithmetic { at: "calendar" })
    }

    /// Gives every candidate to `take`, in a fixed order.
    pub fn each(&self, take: &mut Take<'_>) -> Result<(), AssessError> {
        // INVARIANT: the checker refuses a tier that could make more than MAX_CANDIDATES.
        let mut found = Found { space: self, take, first_payment: self.first_payment()?, kinds: 0 };
        let deferrals = self.deferrals();
        for deferral in &deferrals {
            found.push(std::slice::from_ref(deferral))?;
        }
        self.reductions(&mut found)?;
        self.tokens(&mut found)?;
        self.re_solved(&mut found, &deferrals)?;
        self.settlements(&mut found)?;
        if let Some(reached) = self.case.reached {
            reached.note_kinds(self.case, |kind| found.kinds & bit(kind) != 0);
        }
        Ok(())
    }

    fn deferrals(&self) -> Vec<Measure> {
        if !self.allows(MeasureKind::Deferral) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for months in self.tier.deferral_months.iter().filter(|months| **months <= self.month_limit()) {
            for interest in &self.tier.deferral_interest {
                let months = u8::try_from(*months).unwrap_or(u8::MAX);
                found.push(Measure::Deferral { months, interest: *interest });
            }
        }
        found
    }

    fn reductions(&self, found: &mut Found<'_, '_, '_>) -> Result<(), AssessError> {
        if !self.allows(MeasureKind::PaymentReduction) {
            return Ok(());
        }
        let tier = self.tier;
        for instalments in tier.reduction_instalments.iter().filter(|count| **count <= self.month_limit()) {
            for factor in &tier.reduction_factors {
                for multiple in &tier.reduction_multiples {
                    for interest in &tier.reduction_interest {
                        let reduction = Measure::PaymentReduction {
                            pay: ReducedPayment::Factor(*factor),
                            instalments: *instalments,
                            shortfall_over: shortfall(*instalments, *multiple),
                            interest: *interest,
                        };
                        found.push(&[reduction])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn tokens(&self, found: &mut Found<'_, '_, '_>) -> Result<(), AssessError> {
        if !self.allows(MeasureKind::TokenPayments) {
            return Ok(());
        }
        let lowest =
            self.case.affordability.hardship().map(|month| month.share).min().unwrap_or(Amount::ZERO);
        for months in self.tier.token_months.iter().filter(|months| **months <= self.month_limit()) {
            for factor in &self.tier.token_factors {
                let exact = lowest.exact() * factor.decimal();
                let amount = Amount::new(Amount::round(exact.floor())?.minor());
                if !amount.is_zero() {
                    let months = u8::try_from(*months).unwrap_or(u8::MAX);
                    found.push(&[Measure::TokenPayments { amount, months }])?;
                }
            }
        }
        Ok(())
    }

    /// Extensions and lower rates, alone, after re-ageing, and after a deferral; re-ageing alone.
    fn re_solved(&self, found: &mut Found<'_, '_, '_>, deferrals: &[Measure]) -> Result<(), AssessError> {
        let re_ages = self.re_ages();
        for re_age in &re_ages {
            found.push(std::slice::from_ref(re_age))?;
        }
        for (extension, rate) in self.changes() {
            let change: Vec<Measure> = extension.into_iter().chain(rate).collect();
            found.push(&change)?;
            for re_age in &re_ages {
                found.push(&[std::slice::from_ref(re_age), &change].concat())?;
            }
            // Interest that is paid meanwhile would be charged again by the re-solved instalments.
            for deferral in deferrals.iter().filter(|deferral| !pays_interest(deferral)) {
                found.push(&[std::slice::from_ref(deferral), &change].concat())?;
            }
        }
        Ok(())
    }

    fn re_ages(&self) -> Vec<Measure> {
        if !self.allows(MeasureKind::ReAge) || !self.case.in_arrears() {
            return Vec::new();
        }
        let over = |rows: &u16| if *rows == 0 { ReAgeOver::Remaining } else { ReAgeOver::NextRows(*rows) };
        self.tier.re_age_rows.iter().map(|rows| Measure::ReAge { over: over(rows) }).collect()
    }

    /// Pairs of extension and rate, without the empty pair.
    fn changes(&self) -> Vec<(Option<Measure>, Option<Measure>)> {
        let mut extensions = vec![None];
        if self.allows(MeasureKind::TermExtension) {
            let extend = |extra: &u16| Some(Measure::TermExtension { by: Extension::Instalments(*extra) });
            extensions.extend(self.tier.extension_instalments.iter().map(extend));
        }
        let mut rates = vec![None];
        if self.allows(MeasureKind::RateReduction) {
            let contract = self.case.contract().annual_rate.decimal();
            let lower = |factor: &Ratio| {
                let rate = Rate::from((contract * factor.decimal()).round_dp(6));
                Some(Measure::RateReduction { rate, until: None })
            };
            rates.extend(self.tier.rate_factors.iter().map(lower));
        }
        let mut pairs = Vec::new();
        for extension in &extensions {
            for rate in &rates {
                if extension.is_some() || rate.is_some() {
                    pairs.push((extension.clone(), rate.clone()));
                }
            }
        }
        pairs
    }

    fn settlements(&self, found: &mut Found<'_, '_, '_>) -> Result<(), AssessError> {
        if !self.allows(MeasureKind::Settlement) {
            return Ok(());
        }
        // A bucket's floor above every share of the tier is itself the share, so that a settlement stays possible.
        let floor = self.settlement_floor();
        let shares: BTreeSet<Ratio> =
            self.tier.settlement_shares.iter().map(|share| (*share).max(floor)).collect();
        for share in &shares {
            for parts in &self.tier.settlement_parts {
                let settlement = Measure::Settlement {
                    sum: SettlementSum::PrincipalShare(*share),
                    pay_by: self.settlement_pay_by(*parts)?,
                    parts: u8::try_from(*parts).unwrap_or(u8::MAX),
                };
                let waiver = Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::ALL };
                let measures = if self.allows(MeasureKind::WaiveInterest) {
                    vec![waiver, settlement]
                } else {
                    vec![settlement]
                };
                found.push(&measures)?;
            }
        }
        Ok(())
    }

    /// Whether a settlement asks for no less than the floor of this bucket and no more than there is. A sum is held
    /// against what the floor's share comes to, so that both ways of asking for the same money are judged alike.
    pub fn may_settle_for(&self, sum: SettlementSum) -> bool {
        let (floor, left) = (self.settlement_floor(), self.case.state.principal_left);
        match sum {
            SettlementSum::PrincipalShare(share) => (floor..=Ratio::ONE).contains(&share),
            SettlementSum::Sum(amount) => {
                left.mul_ratio(floor).is_ok_and(|least| (least..=left).contains(&amount))
            }
        }
    }

    /// Lowest share of the principal that a settlement may ask in this bucket.
    pub fn settlement_floor(&self) -> Ratio {
        // INVARIANT: the checker demands a floor for every bucket.
        self.case.pack.tables.settlement_floor.get(&self.case.state.bucket).copied().unwrap_or(Ratio::ONE)
    }
}

/// Rows of a shortfall: a multiple of the reduced rows, or the last row.
pub(crate) fn shortfall(instalments: u16, multiple: u16) -> ShortfallOver {
    match multiple {
        0 => ShortfallOver::ToEnd,
        times => ShortfallOver::Rows(instalments.saturating_mul(times)),
    }
}

fn pays_interest(measure: &Measure) -> bool {
    matches!(measure, Measure::Deferral { interest: DeferralInterest::Paid, .. })
}

/// Months by which measures move every due date. Where interest is paid meanwhile the dates stay and only what
/// they hold moves.
fn months_shifted(measures: &[Measure]) -> u16 {
    let shifts = measures.iter().filter(|measure| !pays_interest(measure));
    shifts
        .map(|measure| if let Measure::Deferral { months, .. } = measure { u16::from(*months) } else { 0 })
        .sum()
}

/// What becomes of a candidate.
pub(crate) type Take<'t> = dyn FnMut(Terms) -> Result<(), AssessError> + 't;

struct Found<'a, 'b, 't> {
    space: &'a Space<'b>,
    take: &'a mut Take<'t>,
    /// When overdue rows are payable.
    first_payment: Date,
    /// Kinds of measures that were used, a bit each.
    kinds: u16,
}

impl Found<'_, '_, '_> {
    /// Adds terms with each waiver of penalty that the tier allows and, where rows stay overdue, a first payment date.
    fn push(&mut self, measures: &[Measure]) -> Result<(), AssessError> {
        let first_payment = self.space.stays_overdue(measures)?.then_some(self.first_payment);
        if !self.space.waives_penalty() {
            return self.give(Terms { measures: measures.to_vec(), first_payment });
        }
        // Of no penalty every share is the same; where overdue rows are emptied, what isn't waived would be due at once.
        let all_or_nothing = !self.space.owes_penalty()
            || measures
                .iter()
                .any(|measure| matches!(measure, Measure::ReAge { .. } | Measure::Settlement { .. }));
        let shares = match self.space.tier.waived_penalty_shares.as_slice() {
            [] => &[Ratio::ONE],
            _ if all_or_nothing => &[Ratio::ONE],
            shares => shares,
        };
        for share in shares {
            let waiver = Measure::WaivePenalty { waiver: Waiver::Share(*share) };
            let mut all = Vec::with_capacity(measures.len() + 1);
            all.push(waiver);
            all.extend_from_slice(measures);
            self.give(Terms { measures: all, first_payment })?;
        }
        Ok(())
    }

    fn give(&mut self, terms: Terms) -> Result<(), AssessError> {
        self.kinds |= terms.measures.iter().fold(0, |kinds, measure| kinds | bit(measure_kind(measure)));
        (self.take)(terms)
    }
}
