use api::leeway::application::v1::{AcceptOfferRequest, AcceptOfferResponse};
use api::leeway::common::v1::ErrorReason;
use assessment::Offer;
use chassis::{Principal, Problem, Violations};
use loan::EventKind;
use negotiation::{Actor, Application, Moved, Plan, PlanState, Process, State};
use store::Commit;
use tonic::Request;

use crate::cases;
use crate::documents::{LoanRecord, Versioned};
use crate::drafts::{add_application, commit_at, loan_moved};
use crate::plans::{self, Look};
use crate::shared::{self, Shared};
use crate::{convert, loans};
use chassis::{Draft, Mutation};

const METHOD: &str = "AcceptOffer";

#[derive(Clone)]
struct Acceptance {
    application_id: String,
    offer_id: String,
    etag: String,
    plan_id: String,
    actor: Actor,
}

pub async fn handle(
    shared: &Shared,
    request: Request<AcceptOfferRequest>,
) -> Result<AcceptOfferResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let application_id = cases::id_in(&mut v, &message.application_id);
    let offer_id = wire::id_in(&mut v, "offer_id", &message.offer_id).unwrap_or_default();
    v.into_result()?;
    let acceptance = Acceptance {
        // One plan a case, however often it is accepted.
        plan_id: format!("plan-{application_id}"),
        application_id: application_id.clone(),
        offer_id,
        etag: message.etag,
        actor: shared::actor(&principal),
    };
    let context = shared.clone();
    let settled = mutation
        .run(shared.store.clone(), move || {
            let (context, acceptance) = (context.clone(), acceptance.clone());
            async move { draft(&context, &acceptance).await }
        })
        .await;
    let settled = match settled {
        Err(problem) if problem.reason() == ErrorReason::LoanRule => {
            new_figures(shared, &application_id).await?;
            return Err(problem);
        }
        settled => settled?,
    };
    let application = cases::view(shared, &settled, &principal).await?;
    let plan = shared.find::<Plan>(&application.plan_id).await?;
    let loan = shared.find::<LoanRecord>(&application.loan_id).await?;
    let today = shared.today(&shared.process(&plan.record.pack_name).await?);
    let plan = convert::plan_out(&plan, &loan.record.state(today)?)?;
    Ok(AcceptOfferResponse { application: Some(application), plan: Some(plan) })
}

/// The offers don't hold any more: they are computed again.
async fn new_figures(shared: &Shared, application_id: &str) -> Result<(), Problem> {
    let case = shared.find::<Application>(application_id).await?;
    let mut commit = commit_at(shared.now());
    loan_moved(shared, &mut commit, &case.record.loan_id).await?;
    shared.store.commit(commit).await?;
    Ok(())
}

/// Case, loan, plan and everything that follows, in one commit.
async fn draft(shared: &Shared, acceptance: &Acceptance) -> Result<Draft, Problem> {
    let id = &acceptance.application_id;
    let loan_id = shared.find::<Application>(id).await?.record.loan_id;
    // The loan before the case: read after an acceptance that the case doesn't show yet, it would know the plan already.
    let loan = shared.find::<LoanRecord>(&loan_id).await?;
    let before = shared.find::<Application>(id).await?;
    cases::check_etag(&before, &acceptance.etag)?;
    let process = shared.process(&before.record.pack_name).await?;
    let now = shared.now();
    let moved =
        before.record.clone().accept(&acceptance.offer_id, &acceptance.plan_id, &acceptance.actor, now);
    let moved = moved.map_err(|e| convert::step_problem(id, &e))?;
    let mut commit = commit_at(now);
    if let (Moved::Changed(application, _), State::Accepted { offer, plan_id }) =
        (&moved, &moved.application().state)
    {
        let start = Start { offer, plan_id, process: &process, loan: &loan };
        start_plan(shared, &mut commit, application, start).await?;
    }
    add_application(shared, &mut commit, &before, moved).await?;
    Ok(Draft { commit, response_ref: id.clone() })
}

struct Start<'a> {
    offer: &'a Offer,
    plan_id: &'a str,
    process: &'a Process,
    loan: &'a Versioned<LoanRecord>,
}

/// Puts the terms on the loan's books. The schedule that comes out must be the one that was offered, to the
/// cent: where the loan has moved since, nothing is accepted.
async fn start_plan(
    shared: &Shared,
    commit: &mut Commit,
    application: &Application,
    start: Start<'_>,
) -> Result<(), Problem> {
    let Start { offer, plan_id, process, loan: before } = start;
    let (now, today) = (shared.now(), shared.today(process));
    let owed = before.record.state(today)?;
    let kind = EventKind::Relief { id: plan_id.to_owned(), terms: offer.terms.clone() };
    let mut loan = before.with(before.record.record(loans::event(today, now, kind), today)?);
    if !as_offered(&loan.record.state(today)?, offer)? {
        let text = "the loan has changed since the offer was made; new figures are on their way";
        let subject = format!("application/{}", application.application_id);
        return Err(Problem::precondition(ErrorReason::LoanRule, subject, text));
    }
    let reported = if owed.dpd.current <= process.reporting_threshold_days { 0 } else { owed.dpd.current };
    let plan = Versioned::new(Plan {
        plan_id: plan_id.to_owned(),
        application_id: application.application_id.clone(),
        loan_id: application.loan_id.clone(),
        borrower_id: application.borrower_id.clone(),
        pack_name: application.pack_name.clone(),
        currency: application.currency,
        offer: offer.clone(),
        effective: today,
        reported_days_past_due: reported,
        state: PlanState::Active { missed: None },
    });
    if let Some(old) = loan.record.plan_id.clone() {
        let old = shared.find::<Plan>(&old).await?;
        plans::supersede(commit, &mut loan, &old, (plan_id, now))?;
    }
    plans::look(commit, &mut loan, &plan, Look { today, now, process })?;
    commit.writes.push(loan.put()?);
    Ok(())
}

/// Whether every unpaid row is the offered one: number, due date, principal, interest, fee.
fn as_offered(state: &loan::State, offer: &Offer) -> Result<bool, Problem> {
    let mut offered = offer.instalments.iter();
    for row in &state.rows {
        if !row.is_open().map_err(|e| Problem::internal("a row can't be summed").source(e))? {
            continue;
        }
        let same = offered.by_ref().find(|o| o.nr == row.row.nr).is_some_and(|o| {
            o.due_date == row.row.due
                && o.principal == row.row.principal
                && o.interest == row.row.interest
                && o.relief_interest == row.row.relief_interest
                && o.fee == row.row.fee
        });
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
