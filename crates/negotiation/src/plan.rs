//! The plan: accepted terms in force on a loan.

use assessment::Offer;
use jiff::{Span, Timestamp};
use loan::{ArithmeticError, Currency, Date, Measure, RowState};
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
    /// In force. `missed` is a payment of whose absence the borrower was told.
    Active { missed: Option<MissedPayment> },
    /// Kept to the end.
    Completed { at: Timestamp },
    /// Broken; the loan owes what it would without the plan, less what was paid.
    Broken { at: Timestamp, kept_until: Date },
    /// Another plan took its place; its relief stays on the loan.
    Superseded { at: Timestamp, by_plan_id: String },
}

/// A payment that is missing after its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedPayment {
    pub due: Date,
    /// Last day on which it can still be repaired, as the borrower was told.
    pub repair_until: Date,
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

    /// Another plan takes its place.
    pub fn superseded(self, by_plan_id: &str, now: Timestamp) -> Self {
        Self { state: PlanState::Superseded { at: now, by_plan_id: by_plan_id.to_owned() }, ..self }
    }

    /// One match: what the loan's state on `today` means for the plan. `now` stamps an end.
    pub fn advance(
        mut self,
        loan: &loan::State,
        today: Date,
        now: Timestamp,
        process: &Process,
    ) -> Result<PlanMoved, ArithmeticError> {
        let PlanState::Active { missed: told } = self.state else {
            return Ok(PlanMoved { plan: self, news: PlanNews::Kept, next_look: None });
        };
        if loan.closed {
            return Ok(self.completed(now));
        }
        let settle_by = self.settle_by();
        if let Some(pay_by) = settle_by.filter(|pay_by| today > *pay_by) {
            // A settlement has no grace: after its last day it lapses.
            return Ok(self.broken(pay_by, now));
        }
        let grace = Span::new().days(i64::from(process.plan_grace_days));
        let missed = self.first_missed(loan, today, process)?;
        let (news, next_look) = match (missed, told) {
            (None, told) => match self.next_look(loan, today, grace)? {
                // Every payment was made or counts as made; what cents are left are owed without a plan.
                None => return Ok(self.completed(now)),
                next if told.is_some() => (PlanNews::Repaired, next),
                next => (PlanNews::Kept, next),
            },
            (Some(due), Some(told)) if told.due == due && today > told.repair_until => {
                return Ok(self.broken(due, now));
            }
            (Some(due), Some(told)) if told.due == due => (PlanNews::Kept, Some(after(told.repair_until))),
            (Some(due), _) => {
                // Late news leaves the time to repair it whole.
                let repair = Span::new().days(i64::from(process.plan_repair_days));
                let repair_until = due.saturating_add(grace).max(yesterday(today)).saturating_add(repair);
                self.state = PlanState::Active { missed: Some(MissedPayment { due, repair_until }) };
                (PlanNews::Missed { due, repair_until }, Some(after(repair_until)))
            }
        };
        if news == PlanNews::Repaired {
            self.state = PlanState::Active { missed: None };
        }
        let next_look = next_look.into_iter().chain(settle_by.map(after)).min();
        Ok(PlanMoved { plan: self, news, next_look })
    }

    /// Oldest due date whose grace is over while less than the pack's share of it is paid.
    fn first_missed(
        &self,
        loan: &loan::State,
        today: Date,
        process: &Process,
    ) -> Result<Option<Date>, ArithmeticError> {
        let grace = Span::new().days(i64::from(process.plan_grace_days));
        let mut oldest: Option<Date> = None;
        for row in &loan.rows {
            let due = self.due(row);
            let in_time = today <= due.saturating_add(grace);
            // The row is net of what was waived.
            let owed = row.row.total()?;
            let enough = owed.mul_ratio(process.paid_share)?;
            if !in_time && row.paid.instalment()? < enough {
                oldest = Some(oldest.map_or(due, |known| known.min(due)));
            }
        }
        Ok(oldest)
    }

    /// Day of a row within the plan: what was overdue when the plan began, and was left where it was, is due with the
    /// plan's first day.
    fn due(&self, row: &RowState) -> Date {
        row.row.due.max(self.effective)
    }

    /// The first day after `today` on which the grace of an unpaid row is over. What is past has been looked at: a
    /// row that counts as paid although cents are left is not looked at again and again.
    fn next_look(
        &self,
        loan: &loan::State,
        today: Date,
        grace: Span,
    ) -> Result<Option<Date>, ArithmeticError> {
        let mut next: Option<Date> = None;
        for row in &loan.rows {
            let day = after(self.due(row).saturating_add(grace));
            // Relief empties rows; nobody waits for those.
            if day > today && row.paid_on.is_none() && !row.row.total()?.is_zero() {
                next = Some(next.map_or(day, |known| known.min(day)));
            }
        }
        Ok(next)
    }

    fn settle_by(&self) -> Option<Date> {
        self.offer.terms.measures.iter().find_map(|measure| match measure {
            Measure::Settlement { pay_by, .. } => Some(*pay_by),
            _ => None,
        })
    }

    fn completed(mut self, now: Timestamp) -> PlanMoved {
        self.state = PlanState::Completed { at: now };
        PlanMoved { plan: self, news: PlanNews::Completed, next_look: None }
    }

    fn broken(mut self, kept_until: Date, now: Timestamp) -> PlanMoved {
        self.state = PlanState::Broken { at: now, kept_until };
        PlanMoved { plan: self, news: PlanNews::Broken { kept_until }, next_look: None }
    }
}

fn after(day: Date) -> Date {
    day.saturating_add(Span::new().days(1))
}

fn yesterday(day: Date) -> Date {
    day.saturating_sub(Span::new().days(1))
}
