//! `assess`: builds the facts of a case, asks policy, and tells the case the answer.

use assessment::{Offer, Verdict};
use chassis::{Failure, Problem};
use negotiation::{Application, Assessment};
use store::{Check, Commit, Effect};
use tonic::Code;
use wire::StoredDecision;

use super::body;
use crate::documents::{LoanRecord, Record};
use crate::drafts::{AssessBody, add_application, commit_at};
use crate::shared::Shared;
use crate::{convert, facts, packs, policy};

pub async fn run(shared: &Shared, effect: &Effect) -> Result<Commit, Failure> {
    let body: AssessBody = body(effect)?;
    assessed(shared, &body).await.map_err(Failure::from)
}

async fn assessed(shared: &Shared, body: &AssessBody) -> Result<Commit, Problem> {
    let before = shared.find::<Application>(&body.application_id).await?;
    if !before.record.state.is_open() {
        return Ok(commit_at(shared.now()));
    }
    let loan = shared.find::<LoanRecord>(&before.record.loan_id).await?;
    let decision = match decide(shared, &before.record, &loan.record).await {
        Ok(decision) => decision,
        Err(problem) if is_final(&problem) => {
            tracing::warn!(application_id = %body.application_id, error = %problem, "the case can't be assessed");
            let mut commit = commit_at(shared.now());
            let moved = before.record.clone().unassessable(shared.now());
            add_application(shared, &mut commit, &before, moved).await?;
            return Ok(commit);
        }
        Err(problem) => return Err(problem),
    };
    // The sentences of an officer's codes and the process come from the pack that decided.
    let pack = packs::known(shared, &before.record.pack_name, Some(&decision.decision.pack_digest)).await?;
    let now = shared.now();
    let moved = before
        .record
        .clone()
        .assessed(assessment_of(decision), body.purpose, now, &pack.process)
        .map_err(|e| convert::step_problem(&body.application_id, &e))?;
    let mut commit = commit_at(now);
    // The offers are exact for this loan as it stood; if it moved, the question is asked anew.
    commit.checks.push(Check {
        kind: LoanRecord::KIND,
        id: loan.record.loan_id.clone(),
        revision: loan.revision,
    });
    add_application(shared, &mut commit, &before, moved).await?;
    Ok(commit)
}

async fn decide(
    shared: &Shared,
    application: &Application,
    loan: &LoanRecord,
) -> Result<StoredDecision, Problem> {
    let pack = packs::known(shared, &application.pack_name, None).await?;
    let today = shared.today(&pack.process);
    let facts = facts::of_case(shared, application, loan, today, &pack.process).await?;
    policy::assess(shared, &application.pack_name, &facts).await
}

/// Asking again would give the same answer: a person takes the case instead.
fn is_final(problem: &Problem) -> bool {
    problem.code() == Code::FailedPrecondition
}

/// What a case keeps of a decision. Offer ids are made unique by the decision's.
pub fn assessment_of(stored: StoredDecision) -> Assessment {
    let StoredDecision { decision_id, decision, .. } = stored;
    let fired = decision.rules.iter().filter(|rule| rule.verdict == Verdict::Fired);
    let fired_rules = fired.map(|rule| rule.rule_id.clone()).collect();
    let name = |offer: Offer| Offer { offer_id: format!("{decision_id}.{}", offer.offer_id), ..offer };
    Assessment {
        pack_digest: decision.pack_digest,
        outcome: decision.outcome,
        required_authority: decision.required_authority,
        fired_rules,
        offers: decision.offers.into_iter().map(name).collect(),
        leaning: decision.decline_reasons,
        requested_evidence: decision.requested_evidence,
        decision_id,
    }
}
