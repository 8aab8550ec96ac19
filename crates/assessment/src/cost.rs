//! The all-in cost against the pack's cap, and present-value losses: an estimate in binary floats says what is clear, the
//! exact figure decides the rest.

use loan::calendar;
use loan::relief::outline::Outline;
use loan::value::Flow;
use loan::{Amortisation, Amount, Date, Ratio};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::candidate::{outlay, within_cost_cap};
use crate::case::Case;
use crate::error::AssessError;

/// An estimate that is nearer to its limit than this share of it is left to the exact figure.
const MARGIN: f64 = 1e-6;
/// Days of a nominal month.
const DAYS_IN_MONTH: i64 = 30;
/// Furthest month that is discounted on its own; the longest schedules are shorter.
const MAX_MONTHS: usize = 12_000;

/// Discounts flows at one yearly rate as `loan::value::pv_exact` does, approximately.
struct Discounter {
    at: Date,
    monthly: f64,
    /// Factors of whole months.
    months: Vec<f64>,
    /// Factors of the days that were met, in order: candidates mostly pay on the same days.
    days: Vec<(Date, f64)>,
}

impl Discounter {
    fn new(at: Date, yearly: Decimal) -> Self {
        Self { at, monthly: yearly.to_f64().unwrap_or(0.0) / 12.0, months: vec![1.0], days: Vec::new() }
    }

    /// `flows` are in order of date.
    fn value(&mut self, flows: &[Flow]) -> f64 {
        let mut value = 0.0;
        let mut place = 0;
        for flow in flows {
            while self.days.get(place).is_some_and(|(date, _)| *date < flow.date) {
                place += 1;
            }
            let factor = match self.days.get(place) {
                Some((date, factor)) if *date == flow.date => *factor,
                _ => {
                    let factor = self.factor(flow.date);
                    self.days.insert(place, (flow.date, factor));
                    factor
                }
            };
            value += float(flow.amount.minor()) * factor;
        }
        value
    }

    fn factor(&mut self, date: Date) -> f64 {
        let days = calendar::days_30_360(self.at, date).max(0);
        let months = usize::try_from(days / DAYS_IN_MONTH).unwrap_or(usize::MAX).min(MAX_MONTHS);
        while self.months.len() <= months {
            let last = self.months.last().copied().unwrap_or(1.0);
            self.months.push(last / (1.0 + self.monthly));
        }
        let whole = self.months.get(months).copied().unwrap_or(0.0);
        whole / (1.0 + self.monthly * float(days % DAYS_IN_MONTH) / float(DAYS_IN_MONTH))
    }
}

/// What the candidates of one case are held against.
pub(crate) struct Costs {
    /// A plan that adds no interest is under the cap because its contract is.
    is_contract_under: bool,
    /// The pack has a cap.
    is_capped: bool,
    at_cap: Discounter,
    outlay: f64,
    at_contract: Discounter,
    contract_value: f64,
    principal: f64,
}

impl Costs {
    pub fn new(case: &Case<'_>) -> Result<Self, AssessError> {
        let (contract, cap) = (case.contract(), case.pack.settings.cost_cap.map(Ratio::decimal));
        let declining = contract.amortisation != Amortisation::Flat && case.state.owed.fee.is_zero();
        let at = case.state.value_date();
        let mut at_contract = Discounter::new(at, contract.annual_rate.decimal());
        let contract_value = at_contract.value(&loan::preview::open_flows(&case.state)?);
        Ok(Self {
            is_contract_under: cap.is_some_and(|cap| declining && contract.annual_rate.decimal() <= cap),
            is_capped: cap.is_some(),
            at_cap: Discounter::new(at, cap.unwrap_or(Decimal::ZERO)),
            outlay: float(outlay(case)?.minor()),
            at_contract,
            contract_value,
            principal: float(case.state.principal_left.minor()),
        })
    }

    /// Whether the all-in cost stays under the pack's cap.
    pub fn within_cap(&mut self, case: &Case<'_>, outline: &Outline) -> Result<bool, AssessError> {
        if !self.is_capped || self.is_contract_under && outline.relief_interest <= Amount::ZERO {
            return Ok(true);
        }
        // Worth clearly less than the outlay at the cap: it costs less than the cap.
        if self.at_cap.value(&outline.flows) < self.outlay * (1.0 - MARGIN) {
            return Ok(true);
        }
        within_cost_cap(case, &outline.flows, outline.relief_interest)
    }

    /// Whether the present-value loss may be at most this share of the principal left.
    pub fn may_lose_at_most(&mut self, flows: &[Flow], share: Decimal) -> bool {
        let loss = self.contract_value - self.at_contract.value(flows);
        loss <= self.principal * (share.to_f64().unwrap_or(1.0) + MARGIN) + 1.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "what is near its limit is decided exactly")]
fn float(amount: i64) -> f64 {
    amount as f64
}
