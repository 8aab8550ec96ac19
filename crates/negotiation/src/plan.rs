//! The plan: accepted terms in force on a loan.

use assessment::Offer;
use jiff::{Span, Timestamp};
use loan::{Amount, ArithmeticError, Currency, Date, Measure};
use serde::{Deserialize, Serialize};

use crate::Process;

/// Accepted terms in force on a loan. The stored body of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub plan_id: String,
    pub application_id: String,
    pub loan_id: String,
    pub borrower_id: String,
    pub pack_name: String,
    pub currency: Currency,
    pub offer: Offer,
    pub effective: Date,
    /// Days past due reported while the plan is kept: 0 where at most the pack's threshold at acceptance,
    /// else frozen as they were.
    pub reported_days_past_due: u32,
    pub state: PlanState,
}

/// Where a plan stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum PlanState {
    /// In force. `missed` is the due date of a payment about which the borrower was warned.
    Active { missed: Option<Date> },
    /// Kept to the end.
    Completed { at: Timestamp },
    /// Broken; the loan owes what it would without the plan, less what was paid.
    Broken { at: Timestamp, kept_until: Date },
}

/// What a look at the plan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanNews {
    /// Nothing changed.
    Kept,
    /// A payment was missed beyond its grace; the borrower has until `repair_until`.
    Missed { due: Date, repair_until: Date },
    /// A missed payment came.
    Repaired,
    /// Everything is paid.
    Completed,
    /// Broken; it had been kept until that day.
    Broken { kept_until: Date },
}

/// A plan after a look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMoved {
    pub plan: Plan,
    pub news: PlanNews,
    /// Day on which to look again, at its beginning; `None` once the plan has ended.
    pub next_look: Option<Date>,
}

impl Plan {
    /// The plan runs.
    pub fn is_active(&self) -> bool {
        matches!(self.state, PlanState::Active { .. })
    }

    /// One match: what the loan's state on `today` means for the plan. `now` stamps an end.
    pub fn advance(
        mut self,
        loan: &loan::State,
        today: Date,
        now: Timestamp,
        process: &Process,
    ) -> Result<PlanMoved, ArithmeticError> {
        let PlanState::Active { missed: warned } = self.state else {
            return Ok(PlanMoved { plan: self, news: PlanNews::Kept, next_look: None });
        };
        if loan.closed {
            self.state = PlanState::Completed { at: now };
            return Ok(PlanMoved { plan: self, news: PlanNews::Completed, next_look: None });
        }
        if let Some(pay_by) = self.settlement_lapsed(today) {
            return Ok(self.broken(pay_by, now));
        }
        let missed = self.first_missed(loan, today, process)?;
        let repair_until = |due: Date| {
            due.saturating_add(
                Span::new().days(i64::from(process.plan_grace_days) + i64::from(process.plan_repair_days)),
            )
        };
        match (missed, warned) {
            (None, None) => Ok(self.kept(loan, PlanNews::Kept, process)),
            (None, Some(_)) => {
                self.state = PlanState::Active { missed: None };
                Ok(self.kept(loan, PlanNews::Repaired, process))
            }
            (Some(due), Some(_)) if today > repair_until(due) => Ok(self.broken(due, now)),
            (Some(due), warned) => {
                self.state = PlanState::Active { missed: Some(due) };
                let until = repair_until(due);
                let news = if warned == Some(due) {
                    PlanNews::Kept
                } else {
                    PlanNews::Missed { due, repair_until: until }
                };
                let next = until.saturating_add(Span::new().days(1));
                Ok(PlanMoved { plan: self, news, next_look: Some(next) })
            }
        }
    }

    /// Oldest due date whose grace is over while less than the pack's share of it is paid.
    fn first_missed(
        &self,
        loan: &loan::State,
        today: Date,
        process: &Process,
    ) -> Result<Option<Date>, ArithmeticError> {
        for row in &loan.rows {
            let grace_ends = row.row.due.saturating_add(Span::new().days(i64::from(process.plan_grace_days)));
            if today <= grace_ends {
                continue;
            }
            let due = row.row.total()?.sub(row.waived.instalment()?)?;
            let enough = due.mul_ratio(process.paid_share)?;
            if due > Amount::ZERO && row.paid.instalment()? < enough {
                return Ok(Some(row.row.due));
            }
        }
        Ok(None)
    }

    /// A settlement has no grace: after its last day it lapses.
    fn settlement_lapsed(&self, today: Date) -> Option<Date> {
        self.offer.terms.measures.iter().find_map(|measure| match measure {
            Measure::Settlement { pay_by, .. } if today > *pay_by => Some(*pay_by),
            _ => None,
        })
    }

    fn kept(self, loan: &loan::State, news: PlanNews, process: &Process) -> PlanMoved {
        let grace = i64::from(process.plan_grace_days);
        let lapse = self.offer.terms.measures.iter().find_map(|measure| match measure {
            Measure::Settlement { pay_by, .. } => Some(*pay_by),
            _ => None,
        });
        let next_unpaid = loan.rows.iter().filter(|row| row.paid_on.is_none()).map(|row| row.row.due).min();
        let next_look = match lapse {
            Some(pay_by) => Some(pay_by.saturating_add(Span::new().days(1))),
            None => next_unpaid.map(|due| due.saturating_add(Span::new().days(grace + 1))),
        };
        PlanMoved { plan: self, news, next_look }
    }

    fn broken(mut self, kept_until: Date, now: Timestamp) -> PlanMoved {
        self.state = PlanState::Broken { at: now, kept_until };
        PlanMoved { plan: self, news: PlanNews::Broken { kept_until }, next_look: None }
    }
}
