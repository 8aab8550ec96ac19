//! `plan-check`: time passed on a plan; a missed payment, its repair's end, or a settlement's last day.

use chassis::{Failure, Problem};
use negotiation::Plan;
use store::{Commit, Effect};

use super::body;
use crate::documents::LoanRecord;
use crate::drafts::{commit_at, loan_moved};
use crate::plans::{self, Look, PlanCheckBody};
use crate::shared::Shared;

pub async fn run(shared: &Shared, effect: &Effect) -> Result<Commit, Failure> {
    let body: PlanCheckBody = body(effect)?;
    looked(shared, &body).await.map_err(Failure::from)
}

async fn looked(shared: &Shared, body: &PlanCheckBody) -> Result<Commit, Problem> {
    let plan = shared.find::<Plan>(&body.plan_id).await?;
    let mut loan = shared.find::<LoanRecord>(&plan.record.loan_id).await?;
    let process = shared.process(&plan.record.pack_name).await?;
    let (now, today) = (shared.now(), shared.today(&process));
    let mut commit = commit_at(now);
    plans::look(&mut commit, &mut loan, &plan, Look { today, now, process: &process })?;
    loan.record = loan.record.clone().refreshed(today)?;
    if loan.record.plan_id.is_none() {
        loan_moved(shared, &mut commit, &loan.record.loan_id).await?;
    }
    commit.writes.push(loan.put()?);
    Ok(commit)
}
