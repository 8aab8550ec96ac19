use api::leeway::application::v1::{LoanRegistration, RegisterLoanRequest, RegisterLoanResponse};
use assessment::PackCalendar;
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
    let registration = registration_in(shared, &mut v, "loan", message.loan.as_ref()).await?;
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

/// A loan as it comes in, replayed once so that whatever doesn't add up is refused here. A contract that leaves it to its
/// pack which days are business days takes the pack's calendar, for good: agreed dates don't move with later packs.
/// Errors: PACK_UNKNOWN, or UNAVAILABLE where that calendar isn't known here and policy doesn't answer.
pub async fn registration_in(
    shared: &Shared,
    v: &mut Violations,
    field: &str,
    registration: Option<&LoanRegistration>,
) -> Result<Option<Registration>, Problem> {
    let Some(message) = registration else {
        v.add(field, wire::reason::REQUIRED, "give the loan");
        return Ok(None);
    };
    let pack_name = pack_name(message);
    let readable = wire::id_in(&mut Violations::new(), "pack_name", pack_name).is_some();
    if !readable || !wire::leaves_calendar(message.contract.as_ref()) {
        return Ok(read(v, field, message, shared.now()));
    }
    let calendar = packs::calendar(shared, pack_name).await?;
    let mut first = Violations::new();
    let registration = read_under(&mut first, (field, message), &calendar, shared.now());
    if first.is_empty() {
        return Ok(registration);
    }
    let calendar = packs::calendar_anew(shared, pack_name).await.unwrap_or(calendar);
    Ok(read_under(v, (field, message), &calendar, shared.now()))
}

fn pack_name(registration: &LoanRegistration) -> &str {
    if registration.pack_name.is_empty() { DEFAULT_PACK } else { &registration.pack_name }
}

/// Reads a registration whose contract takes the calendar of its pack.
fn read_under(
    v: &mut Violations,
    (field, message): (&str, &LoanRegistration),
    calendar: &PackCalendar,
    now: Timestamp,
) -> Option<Registration> {
    let mut filled = message.clone();
    wire::fill_calendar(filled.contract.as_mut(), &calendar.business);
    let mut registration = read(v, field, &filled, now)?;
    // The same registration comes again with the same content, whatever calendar the pack has by then.
    registration.record.registration_hash = payload_hash(message);
    wire::check_covered(v, field, &registration.record.account, (pack_name(message), calendar));
    Some(registration)
}

fn read(v: &mut Violations, field: &str, message: &LoanRegistration, now: Timestamp) -> Option<Registration> {
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
    let pack_name = wire::id_in(v, &wire::at(field, "pack_name"), pack_name(message));
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
    match opened.record_all(account.events) {
        Ok(replayed) => Some(replayed),
        Err((index, error)) => {
            refuse(v, &wire::item("events", index), &error);
            None
        }
    }
}
