use api::leeway::application::v1::{RecordPaymentRequest, RecordPaymentResponse};
use chassis::{Principal, Problem, Violations};
use loan::{Amount, Date, EventKind};
use negotiation::{Actor, Application, Plan, Process};
use serde_json::json;
use store::{Commit, Entry, FeedEntry};
use tonic::Request;

use super::get_loan;
use crate::convert;
use crate::documents::{LoanRecord, OpenCase, Versioned};
use crate::drafts::{add_application, commit_at, loan_moved, suspend_penalty};
use crate::loans;
use crate::plans;
use crate::shared::{Shared, day_of};
use chassis::{Draft, Mutation};

const METHOD: &str = "RecordPayment";

#[derive(Clone)]
struct Payment {
    loan_id: String,
    payment_id: String,
    currency: loan::Currency,
    amount: Amount,
    effective: Option<Date>,
    actor: String,
}

pub async fn handle(
    shared: &Shared,
    request: Request<RecordPaymentRequest>,
) -> Result<RecordPaymentResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let payment = payment_in(&mut v, &message, principal.actor());
    v.into_result()?;
    let payment = payment.ok_or_else(|| Problem::internal("a payment was neither read nor refused"))?;

    let context = shared.clone();
    let settled = mutation
        .run(shared.store.clone(), move || {
            let (context, payment) = (context.clone(), payment.clone());
            async move {
                let commit = recorded(&context, &payment).await?;
                Ok(Draft { commit, response_ref: payment.loan_id })
            }
        })
        .await?;
    let loan = shared.find::<LoanRecord>(&settled).await?;
    let today = shared.today(&shared.process(&loan.record.pack_name).await?);
    Ok(RecordPaymentResponse { loan: Some(get_loan::view(shared, &loan, today).await?) })
}

fn payment_in(v: &mut Violations, message: &RecordPaymentRequest, actor: String) -> Option<Payment> {
    let loan_id = wire::id_in(v, "loan_id", &message.loan_id);
    let payment_id = wire::id_in(v, "payment_id", &message.payment_id);
    let code = message.amount.as_ref().map(|money| money.currency_code.as_str()).unwrap_or_default();
    let currency = wire::currency_in(v, "amount.currency_code", code);
    let amount = currency.and_then(|c| wire::money_positive_in(v, "amount", message.amount.as_ref(), c));
    let effective = wire::date_optional_in(v, "effective_date", message.effective_date.as_ref());
    Some(Payment {
        loan_id: loan_id?,
        payment_id: payment_id?,
        currency: currency?,
        amount: amount?,
        effective: effective?,
        actor,
    })
}

/// Payment, plan and the case's fresh look at its figures, in one commit.
async fn recorded(shared: &Shared, payment: &Payment) -> Result<Commit, Problem> {
    let before = shared.find::<LoanRecord>(&payment.loan_id).await?;
    let process = shared.process(&before.record.pack_name).await?;
    let (now, today) = (shared.now(), shared.today(&process));
    let effective = payment.effective.unwrap_or(today);
    check(&before.record, payment, effective, today)?;
    let kind = EventKind::Payment { id: payment.payment_id.clone(), amount: payment.amount };
    let mut after = before.with(before.record.record(loans::event(effective, now, kind), today)?);
    let mut commit = commit_at(now);
    if let Some(plan_id) = after.record.plan_id.clone() {
        let plan = shared.find::<Plan>(&plan_id).await?;
        plans::look(&mut commit, &mut after, &plan, plans::Look { today, now, process: &process })?;
    }
    follow(shared, &mut commit, &mut after, &process).await?;
    let body = json!({
        "loan_id": payment.loan_id, "payment_id": payment.payment_id,
        "minor_units": payment.amount.minor(), "currency": payment.currency.code(), "effective_date": effective,
    });
    commit.writes.push(after.put()?);
    commit.journal.push(Entry {
        stream: format!("loan/{}", payment.loan_id),
        kind: "payment recorded".to_owned(),
        actor: payment.actor.clone(),
        body: body.to_string(),
    });
    commit.feed.push(FeedEntry {
        case_key: payment.loan_id.clone(),
        kind: "loan.payment_recorded".to_owned(),
        body: body.to_string(),
    });
    Ok(commit)
}

fn check(loan: &LoanRecord, payment: &Payment, effective: Date, today: Date) -> Result<(), Problem> {
    let contract = loan.account.contract();
    let mut v = Violations::new();
    v.require(
        "amount.currency_code",
        contract.currency == payment.currency,
        "CURRENCY_MISMATCH",
        "the loan has another currency",
    );
    v.require("effective_date", effective <= today, "OUT_OF_RANGE", "a payment can't lie in the future");
    v.require(
        "effective_date",
        effective >= contract.interest_from,
        "OUT_OF_RANGE",
        "lies before the day from which the loan's interest runs",
    );
    v.into_result()?;
    match loan.payment(&payment.payment_id) {
        Some(_) => Err(Problem::already_exists(format_args!("payment `{}` of the loan", payment.payment_id))),
        None => Ok(()),
    }
}

/// An open case follows the loan: its figures are computed again, and once the loan is paid there is nothing left to
/// negotiate about.
async fn follow(
    shared: &Shared,
    commit: &mut Commit,
    loan: &mut Versioned<LoanRecord>,
    process: &Process,
) -> Result<(), Problem> {
    if !loan.record.closed {
        return loan_moved(shared, commit, &loan.record.loan_id).await;
    }
    let Some(open) = shared.get::<OpenCase>(&loan.record.loan_id).await? else { return Ok(()) };
    let case = shared.find::<Application>(&open.record.application_id).await?;
    let now = shared.now();
    let moved = case.record.clone().withdraw(&Actor::platform(), now);
    let mut moved = moved.map_err(|e| convert::step_problem(&case.record.application_id, &e))?;
    if let Some((from, to)) = moved.take_suspension() {
        // The loan is written once in a commit: the payment's write carries this entry as well.
        let days = (day_of(from, process), day_of(to, process));
        loan.record = suspend_penalty(commit, &loan.record, moved.application(), days)?;
    }
    add_application(shared, commit, &case, moved).await
}
