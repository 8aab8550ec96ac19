//! Plans: putting one into force, and what a look at it changes.

use std::collections::BTreeMap;

use chassis::Problem;
use jiff::Timestamp;
use loan::{Currency, Date, EventKind};
use negotiation::{Plan, PlanNews, Process};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Commit, EffectChange, Entry, FeedEntry};

use crate::documents::{LoanRecord, Versioned};
use crate::drafts::{NotifyBody, effect};
use crate::shared::beginning_of;
use crate::{loans, work};

/// Body of a `plan-check` effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanCheckBody {
    pub plan_id: String,
}

/// When a plan is looked at, and under which process.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub today: Date,
    pub now: Timestamp,
    pub process: &'a Process,
}

/// Looks at a plan and adds what follows to the commit; `loan` follows where the plan ends. A plan of revision 0
/// is put into force.
pub fn look(
    commit: &mut Commit,
    loan: &mut Versioned<LoanRecord>,
    plan: &Versioned<Plan>,
    look: Look<'_>,
) -> Result<(), Problem> {
    let other = loan.record.plan_id.as_ref().is_some_and(|id| *id != plan.record.plan_id);
    if !plan.record.is_active() || other {
        // Another plan has taken its place, or it ended: its timer has nothing to say.
        return Ok(());
    }
    let state = loan.record.state(look.today)?;
    let moved = plan
        .record
        .clone()
        .advance(&state, look.today, look.now, look.process)
        .map_err(|e| Problem::internal("a plan's payments can't be summed").source(e))?;
    let after = plan.with(moved.plan);
    let plan_id = after.record.plan_id.clone();
    match &moved.news {
        PlanNews::Kept | PlanNews::Repaired | PlanNews::Missed { .. } => {
            loan.record.plan_id = Some(plan_id.clone())
        }
        PlanNews::Completed => loan.record.plan_id = None,
        PlanNews::Broken { kept_until } => {
            let kind = EventKind::ReliefUndone { id: plan_id.clone(), kept_to: Some(*kept_until) };
            let event = loans::event(look.today, look.now, kind);
            loan.record = loan.record.record(event, look.today)?;
            loan.record.plan_id = None;
        }
    }
    match moved.next_look {
        Some(day) => {
            let at = beginning_of(day, look.process)?.as_microsecond();
            let body = PlanCheckBody { plan_id: plan_id.clone() };
            commit.effects.push(effect(work::PLAN_CHECK, plan_id, at, &body)?);
        }
        None => commit.effects.push(EffectChange::Drop { topic: work::PLAN_CHECK, key: plan_id }),
    }
    if after.record != plan.record || plan.revision == 0 {
        tell(commit, &after, &moved.news)?;
        commit.writes.push(after.put()?);
    }
    Ok(())
}

/// The plan that ran until now gives way to a new one; its relief stays on the loan.
pub fn supersede(
    commit: &mut Commit,
    loan: &mut Versioned<LoanRecord>,
    old: &Versioned<Plan>,
    (by_plan_id, now): (&str, Timestamp),
) -> Result<(), Problem> {
    let after = old.with(old.record.clone().superseded(by_plan_id, now));
    commit.effects.push(EffectChange::Drop { topic: work::PLAN_CHECK, key: old.record.plan_id.clone() });
    commit.writes.push(after.put()?);
    record(commit, &after.record, "plan.superseded");
    loan.record.plan_id = None;
    Ok(())
}

/// Journal, feed and message about what a look found.
fn tell(commit: &mut Commit, plan: &Versioned<Plan>, news: &PlanNews) -> Result<(), Problem> {
    let record = &plan.record;
    let (kind, template) = match news {
        PlanNews::Kept => ("plan.active", Some("plan-active")),
        PlanNews::Missed { .. } => ("plan.payment_missed", Some("plan-payment-missed")),
        PlanNews::Repaired => ("plan.repaired", None),
        PlanNews::Completed => ("plan.completed", Some("plan-completed")),
        PlanNews::Broken { .. } => ("plan.broken", Some("plan-broken")),
    };
    self::record(commit, record, kind);
    if let Some(template) = template {
        let message = message(plan, template, news);
        commit.effects.push(effect(work::NOTIFY, message.key.clone(), commit.now, &message)?);
    }
    Ok(())
}

/// Journal and feed.
fn record(commit: &mut Commit, record: &Plan, kind: &str) {
    let body = json!({
        "plan_id": record.plan_id, "application_id": record.application_id, "loan_id": record.loan_id,
        "terms": record.offer.terms.canonical_key(),
    });
    commit.journal.push(Entry {
        stream: record.application_id.clone(),
        kind: kind.to_owned(),
        actor: "platform:rules".to_owned(),
        body: body.to_string(),
    });
    commit.feed.push(FeedEntry {
        case_key: record.application_id.clone(),
        kind: kind.to_owned(),
        body: body.to_string(),
    });
}

fn message(plan: &Versioned<Plan>, template: &str, news: &PlanNews) -> NotifyBody {
    let record = &plan.record;
    let offer = &record.offer;
    let mut parameters = BTreeMap::from([("loan_id".to_owned(), record.loan_id.clone())]);
    match news {
        PlanNews::Kept => {
            let first = offer.first_payment_date.map(|day| day.to_string()).unwrap_or_default();
            parameters.insert("first_payment_date".to_owned(), first);
            parameters.insert("first_payment".to_owned(), money_text(offer.first_payment, record.currency));
            parameters.insert("end_date".to_owned(), offer.end_date.to_string());
        }
        PlanNews::Missed { due, repair_until } => {
            parameters.insert("due_date".to_owned(), due.to_string());
            parameters.insert("repair_until".to_owned(), repair_until.to_string());
        }
        PlanNews::Repaired | PlanNews::Completed | PlanNews::Broken { .. } => {}
    }
    NotifyBody {
        key: format!("{}/{template}/{}", record.plan_id, plan.revision + 1),
        borrower_id: record.borrower_id.clone(),
        application_id: record.application_id.clone(),
        template: template.to_owned(),
        statutory: false,
        parameters,
        pack_name: record.pack_name.clone(),
    }
}

fn money_text(amount: loan::Amount, currency: Currency) -> String {
    format!("{} {}", currency.code(), amount.plain(currency))
}
