use api::leeway::application::v1::{LoanRegistration, RegisterLoanRequest, RegisterLoanResponse};
use chassis::{Principal, Problem, Violations};
use jiff::Timestamp;
use loan::{Account, LoanError};
use serde_json::json;
use store::{Commit, Entry, FeedEntry};
use tonic::Request;
use wire::LoanMessages;

use crate::convert;
use crate::documents::{LoanRecord, Versioned};
use crate::drafts::commit_at;
use crate::packs;
use crate::shared::{DEFAULT_PACK, Shared};
use chassis::mutation::payload_hash;
use chassis::{Draft, Mutation};

const METHOD: &str = "RegisterLoan";

pub async fn handle(
    shared: &Shared,
    request: Request<RegisterLoanRequest>,
) -> Result<RegisterLoanResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let registration = registration_in(&mut v, "loan", message.loan.as_ref(), shared.now());
    v.into_result()?;
    let registration =
        registration.ok_or_else(|| Problem::internal("a registration was neither read nor refused"))?;

    let context = shared.clone();
    let settled = mutation
        .run(shared.store.clone(), move || {
            let (context, registration, actor) = (context.clone(), registration.clone(), principal.actor());
            async move {
                let response_ref = registration.record.loan_id.clone();
                if context.get::<LoanRecord>(&response_ref).await?.is_some() {
                    return Err(Problem::already_exists(format_args!("loan `{response_ref}`")));
                }
                Ok(Draft { commit: registered(&context, registration, &actor).await?, response_ref })
            }
        })
        .await?;
    let loan = shared.find::<LoanRecord>(&settled).await?;
    let today = shared.today(&shared.process(&loan.record.pack_name).await?);
    let state = loan.record.state(today)?;
    Ok(RegisterLoanResponse { loan: Some(convert::loan_out(&loan, &state, None, String::new())?) })
}

/// A loan as it came in, and which settings of its product were left to the pack.
#[derive(Clone)]
pub struct Registration {
    pub record: LoanRecord,
    multiplier_unset: bool,
    cost_cap_unset: bool,
}

/// The loan with what its product leaves to the pack filled in.
async fn under_its_pack(shared: &Shared, registration: Registration) -> Result<LoanRecord, Problem> {
    let Registration { mut record, multiplier_unset, cost_cap_unset } = registration;
    let currency = record.account.contract().currency;
    if let Some(pack) = packs::fitting(shared, &record.pack_name, currency).await? {
        let product = &mut record.account.product;
        if multiplier_unset {
            product.penalty_multiplier = pack.penalty_multiplier;
        }
        if cost_cap_unset {
            product.cost_cap = pack.cost_cap;
        }
    }
    Ok(record)
}

/// The commit that stores a new loan.
pub async fn registered(shared: &Shared, registration: Registration, actor: &str) -> Result<Commit, Problem> {
    let record = under_its_pack(shared, registration).await?;
    let today = shared.today(&shared.process(&record.pack_name).await?);
    let loan = Versioned::new(record.stated(today)?);
    let mut commit = commit_at(shared.now());
    let body =
        json!({ "loan_id": loan.record.loan_id, "registration_sha256": loan.record.registration_hash });
    commit.writes.push(loan.put()?);
    commit.journal.push(Entry {
        stream: format!("loan/{}", loan.record.loan_id),
        kind: "registered".to_owned(),
        actor: actor.to_owned(),
        body: body.to_string(),
    });
    commit.feed.push(FeedEntry {
        case_key: loan.record.loan_id.clone(),
        kind: "loan.registered".to_owned(),
        body: body.to_string(),
    });
    Ok(commit)
}

/// A loan as it comes in, replayed once so that whatever doesn't add up is refused here.
pub fn registration_in(
    v: &mut Violations,
    field: &str,
    registration: Option<&LoanRegistration>,
    now: Timestamp,
) -> Option<Registration> {
    let Some(message) = registration else {
        v.add(field, wire::reason::REQUIRED, "give the loan");
        return None;
    };
    let loan_id = wire::id_in(v, &wire::at(field, "loan_id"), &message.loan_id);
    let borrower_id = wire::id_in(v, &wire::at(field, "borrower_id"), &message.borrower_id);
    let messages = LoanMessages {
        contract: message.contract.as_ref(),
        product: message.product.as_ref(),
        stated_instalments: &message.stated_instalments,
        events: &message.events,
    };
    let account = wire::account_in(v, field, messages, now);
    let account = account.and_then(|account| replayable(v, field, account));
    let pack_name = if message.pack_name.is_empty() { DEFAULT_PACK } else { &message.pack_name };
    let pack_name = wire::id_in(v, &wire::at(field, "pack_name"), pack_name);
    let product = message.product.clone().unwrap_or_default();
    let record = LoanRecord {
        loan_id: loan_id?,
        borrower_id: borrower_id?,
        pack_name: pack_name?,
        closed_outside: message.closed,
        account: account?,
        plan_id: None,
        registration_hash: payload_hash(message),
        closed: false,
        oldest_unpaid_due: None,
    };
    Some(Registration {
        record,
        multiplier_unset: product.penalty_multiplier.is_empty(),
        cost_cap_unset: product.cost_cap.is_empty(),
    })
}

fn replayable(v: &mut Violations, field: &str, account: Account) -> Option<Account> {
    let refuse = |v: &mut Violations, path: &str, error: &LoanError| {
        v.add(&wire::at(field, path), error.code(), error.to_string());
    };
    let opened = match Account::open(account.origin, account.product) {
        Ok(opened) => opened,
        Err(error) => {
            refuse(v, "contract", &error);
            return None;
        }
    };
    let mut replayed = opened;
    for (index, event) in account.events.into_iter().enumerate() {
        match replayed.record(event) {
            Ok(next) => replayed = next,
            Err(error) => {
                refuse(v, &wire::item("events", index), &error);
                return None;
            }
        }
    }
    Some(replayed)
}
