//! Loans: recomputing what is stored beside an account, and finding a borrower's record.

use chassis::Problem;
use jiff::{Span, Timestamp};
use loan::{Amount, Date, Event, EventKind, LoanError, State};
use negotiation::{Application, Plan, PlanState, Process};

use crate::documents::{LoanRecord, Versioned};
use crate::shared::Shared;
use api::leeway::common::v1::ErrorReason;

impl LoanRecord {
    /// What stands on a day.
    pub fn state(&self, as_of: Date) -> Result<State, Problem> {
        self.account.state(as_of).map_err(|error| self.damaged(&error))
    }

    /// The record with one more event, its columns computed anew as of `today`.
    pub fn record(&self, event: Event, today: Date) -> Result<Self, Problem> {
        let account = self.account.record(event).map_err(|error| loan_rule(&self.loan_id, &error))?;
        Self { account, ..self.clone() }.refreshed(today)
    }

    /// The record with its columns as of `today`.
    pub fn refreshed(mut self, today: Date) -> Result<Self, Problem> {
        let state = self.state(today)?;
        let mut oldest = None;
        for row in &state.rows {
            if row.is_open().map_err(|e| Problem::internal("a row can't be summed").source(e))? {
                oldest = Some(oldest.map_or(row.row.due, |due: Date| due.min(row.row.due)));
            }
        }
        self.closed = self.closed_outside || state.closed;
        self.oldest_unpaid_due = if self.closed { None } else { oldest };
        Ok(self)
    }

    /// A payment with this id, if one was recorded.
    pub fn payment(&self, payment_id: &str) -> Option<(Date, Amount)> {
        self.account.events.iter().find_map(|event| match &event.kind {
            EventKind::Payment { id, amount } if id == payment_id => Some((event.effective, *amount)),
            _ => None,
        })
    }

    /// The record as the core system first states it: whether the loan is closed is the core's word, even where
    /// nothing is left to pay.
    pub fn stated(self, today: Date) -> Result<Self, Problem> {
        let closed = self.closed_outside;
        let mut stated = self.refreshed(today)?;
        stated.closed = closed;
        Ok(stated)
    }

    fn damaged(&self, error: &LoanError) -> Problem {
        Problem::data_loss(format!("loan `{}` can't be replayed: {error}", self.loan_id))
    }
}

/// A rule of the loan's records that forbids a step.
pub fn loan_rule(loan_id: &str, error: &LoanError) -> Problem {
    Problem::precondition(ErrorReason::LoanRule, format!("loan/{loan_id}"), error.to_string())
        .with("loan_error", error.code())
}

/// An event entered now.
pub fn event(effective: Date, entered: Timestamp, kind: EventKind) -> Event {
    Event { effective, entered, kind }
}

/// What went before, for the rules: plans by the month in which they began, broken ones, applications.
pub async fn prior_relief(
    shared: &Shared,
    application: &Application,
    today: Date,
    process: &Process,
) -> Result<assessment::PriorRelief, Problem> {
    let plans = shared.related::<Plan>("borrower_id", &application.borrower_id).await?;
    let applications = shared.related::<Application>("borrower_id", &application.borrower_id).await?;
    let year = today.saturating_sub(Span::new().months(12));
    let five_years = today.saturating_sub(Span::new().months(60));
    let count = |hit: &dyn Fn(&Plan) -> bool| plans.iter().filter(|p| hit(&p.record)).count();
    let broken = |plan: &Plan| match plan.state {
        PlanState::Broken { at, .. } => crate::shared::day_of(at, process) > year,
        PlanState::Active { .. } | PlanState::Completed { .. } | PlanState::Superseded { .. } => false,
    };
    let earlier = |a: &Versioned<Application>| a.record.application_id != application.application_id;
    Ok(assessment::PriorRelief {
        plans_12m: bounded(count(&|plan| plan.effective > year)),
        plans_60m: bounded(count(&|plan| plan.effective > five_years)),
        broken_plans_12m: bounded(count(&broken)),
        applications: bounded(applications.iter().filter(|a| earlier(a)).count()),
    })
}

/// Principal left on the borrower's other loans in the same currency.
pub async fn other_own_balance(shared: &Shared, loan: &LoanRecord, today: Date) -> Result<Amount, Problem> {
    let mut total = Amount::ZERO;
    let currency = loan.account.contract().currency;
    for other in shared.related::<LoanRecord>("borrower_id", &loan.borrower_id).await? {
        let other = other.record;
        if other.loan_id == loan.loan_id || other.closed || other.account.contract().currency != currency {
            continue;
        }
        let left = other.state(today)?.principal_left;
        total = total.add(left).map_err(|e| Problem::internal("balances can't be summed").source(e))?;
    }
    Ok(total)
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
