//! What this service needs of packs, kept in its own database so that a case runs on while policy is away.

use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use api::leeway::policy::v1::{GetPackRequest, Pack};
use assessment::{DeclineCode, DeclineReason, EvidenceType, HardshipReason, PackCalendar};
use chassis::{Problem, Repeat, Violations};
use loan::{Currency, LoanError, Rate, Ratio};
use negotiation::Process;
use tonic::Code;

use crate::documents::{PackRecord, Versioned};
use crate::drafts::commit_at;
use crate::shared::Shared;

/// Longest wait for a pack that a registration can do without.
const PACK_LOOK: Duration = Duration::from_millis(500);

/// The pack as it is known here; asks policy where it isn't, or where `digest` names another content.
pub async fn known(shared: &Shared, name: &str, digest: Option<&str>) -> Result<PackRecord, Problem> {
    let stored = shared.get::<PackRecord>(name).await?;
    if let Some(stored) = &stored
        && digest.is_none_or(|digest| digest == stored.record.digest)
    {
        return Ok(stored.record.clone());
    }
    renewed(shared, name, stored).await
}

/// The pack as policy states it now.
async fn renewed(
    shared: &Shared,
    name: &str,
    stored: Option<Versioned<PackRecord>>,
) -> Result<PackRecord, Problem> {
    let fetched = fetch(shared, name).await?;
    if stored.as_ref().is_some_and(|stored| stored.record == fetched) {
        return Ok(fetched);
    }
    let revision = stored.map_or(0, |stored| stored.revision);
    let mut commit = commit_at(shared.now());
    commit.writes.push(Versioned { revision, record: fetched.clone() }.put()?);
    match shared.store.commit(commit).await {
        // Another task was first; its content is the same.
        Ok(_) | Err(store::StoreError::Conflict { .. }) => Ok(fetched),
        Err(error) => Err(error.into()),
    }
}

/// A loan can be registered under packs that exist and are for its currency. While policy is away its word is taken:
/// a core system must be able to state its loans, and the first assessment asks again.
pub async fn fitting(
    shared: &Shared,
    pack_name: &str,
    currency: Currency,
) -> Result<Option<PackRecord>, Problem> {
    let pack = match look(shared, pack_name).await {
        Ok(pack) => pack,
        Err(problem) if problem.code() == Code::FailedPrecondition => return Err(problem),
        Err(problem) => {
            tracing::warn!(pack_name, error = %problem, "a loan is registered without a look at its pack");
            return Ok(None);
        }
    };
    if pack.currency_code == currency.code() {
        return Ok(Some(pack));
    }
    let text = format!("pack `{pack_name}` is for loans in {}, not {}", pack.currency_code, currency.code());
    Err(Problem::precondition(ErrorReason::CurrencyMismatch, format!("pack/{pack_name}"), text))
}

/// The calendar of a pack, for a loan that leaves it to the pack: there is no doing without it.
pub async fn calendar(shared: &Shared, pack_name: &str) -> Result<PackCalendar, Problem> {
    match look(shared, pack_name).await?.calendar {
        Some(calendar) => Ok(calendar),
        None => calendar_anew(shared, pack_name).await,
    }
}

/// The calendar as policy states it now: the holidays of another year may have been published.
pub async fn calendar_anew(shared: &Shared, pack_name: &str) -> Result<PackCalendar, Problem> {
    let stored = shared.get::<PackRecord>(pack_name).await?;
    let pack = look_anew(shared, pack_name, stored).await?;
    pack.calendar.ok_or_else(|| Problem::internal("policy answered a pack without a calendar"))
}

/// The pack if it is known here, or if policy answers at once.
async fn look(shared: &Shared, pack_name: &str) -> Result<PackRecord, Problem> {
    if let Some(stored) = shared.get::<PackRecord>(pack_name).await? {
        return Ok(stored.record);
    }
    look_anew(shared, pack_name, None).await
}

/// The pack as policy states it now, if it answers at once.
async fn look_anew(
    shared: &Shared,
    pack_name: &str,
    stored: Option<Versioned<PackRecord>>,
) -> Result<PackRecord, Problem> {
    let text = "policy does not answer";
    let away = || Problem::unavailable(ErrorReason::DependencyUnavailable, text, PACK_LOOK);
    if shared.policy_is_silent() {
        return Err(away());
    }
    let looked = tokio::time::timeout(PACK_LOOK, renewed(shared, pack_name, stored)).await;
    let looked = looked.unwrap_or_else(|_| Err(away()));
    if looked.as_ref().is_err_and(|problem| problem.code() != Code::FailedPrecondition) {
        shared.policy_fell_silent();
    }
    looked
}

/// Sentences of the codes an officer chose.
pub fn reasons(pack: &PackRecord, codes: &[DeclineCode]) -> Vec<DeclineReason> {
    let sentence = |code: &DeclineCode| pack.reasons.iter().find(|r| r.code == *code).cloned();
    codes.iter().filter_map(sentence).collect()
}

/// Documents that count for a reason.
pub fn accepted(pack: &PackRecord, reason: HardshipReason) -> Vec<EvidenceType> {
    let row = pack.evidence.iter().find(|(known, _)| *known == reason);
    row.map(|(_, accepted)| accepted.clone()).unwrap_or_default()
}

async fn fetch(shared: &Shared, name: &str) -> Result<PackRecord, Problem> {
    let call = || {
        let mut client = PolicyServiceClient::new(shared.policy.clone());
        let request = GetPackRequest { pack_name: name.to_owned(), ..GetPackRequest::default() };
        async move { client.get_pack(request).await }
    };
    let answer = shared.policy.retry(Repeat::Safe, call).await;
    let answer = answer.map_err(|status| match status.code() {
        // A loan may name a pack that nobody published (yet); that is no absent resource of the caller's.
        Code::NotFound => Problem::precondition(
            ErrorReason::PackUnknown,
            format!("pack/{name}"),
            format!("there is no pack `{name}`"),
        ),
        _ => Problem::from_status(&status),
    })?;
    let pack = answer.into_inner().pack.ok_or_else(|| Problem::internal("policy answered without a pack"))?;
    read(&pack)
}

fn read(pack: &Pack) -> Result<PackRecord, Problem> {
    let mut v = Violations::new();
    let section = pack.process.clone().unwrap_or_default();
    let count = |number: i32, default: u32| u32::try_from(number).ok().filter(|n| *n > 0).unwrap_or(default);
    let house = Process::default();
    let process = Process {
        answer_deadline_hours: count(section.answer_deadline_hours, house.answer_deadline_hours),
        information_request_days: count(section.information_request_days, house.information_request_days),
        offer_valid_days: count(section.offer_valid_days, house.offer_valid_days),
        hold_after_refusal_days: count(section.hold_after_refusal_days, house.hold_after_refusal_days),
        review_window_days: count(section.review_window_days, house.review_window_days),
        plan_grace_days: count(section.plan_grace_days, house.plan_grace_days),
        plan_repair_days: house.plan_repair_days,
        paid_share: loan::Ratio::parse(&section.paid_share).unwrap_or(house.paid_share),
        reporting_threshold_days: count(section.reporting_threshold_days, house.reporting_threshold_days),
        time_zone: pack.time_zone.clone(),
    };
    let mut evidence = Vec::new();
    for rule in &pack.evidence {
        let reason = wire::hardship_reason_in(&mut v, "evidence.reason", rule.reason);
        let accepted =
            rule.accepted.iter().filter_map(|n| wire::evidence_type_in(&mut v, "evidence.accepted", *n));
        let accepted = accepted.collect::<Vec<_>>();
        evidence.extend(reason.map(|reason| (reason, accepted)));
    }
    let section = pack.calendar.as_ref();
    let calendar = section.and_then(|section| wire::calendar_section_in(&mut v, "calendar", Some(section)));
    let reasons = pack.reasons.iter().filter_map(|r| wire::decline_reason_in(&mut v, "reasons", r)).collect();
    if !v.is_empty() {
        return Err(Problem::internal("policy answered a pack with words that this version does not know"));
    }
    Ok(PackRecord {
        name: pack.name.clone(),
        digest: pack.digest.clone(),
        currency_code: pack.currency_code.clone(),
        penalty_multiplier: Ratio::parse(parameter(pack, "penalty_multiplier")?).map_err(unreadable)?,
        cost_cap: cost_cap(pack)?,
        calendar,
        process,
        evidence,
        reasons,
    })
}

/// A pack without a cap leaves penalty rates to its multiplier: any rate that a contract may have is under the cap.
fn cost_cap(pack: &Pack) -> Result<Rate, Problem> {
    match parameter(pack, "cost_cap")? {
        "none" => Ok(Rate::from(loan::contract::MAX_ANNUAL_RATE)),
        rate => Rate::parse(rate).map_err(unreadable),
    }
}

fn parameter<'a>(pack: &'a Pack, name: &str) -> Result<&'a str, Problem> {
    let found = pack.parameters.iter().find(|parameter| parameter.name == name);
    let found = found.map(|parameter| parameter.value.as_str());
    found.ok_or_else(|| Problem::internal(format!("policy answered a pack without `{name}`")))
}

fn unreadable(error: LoanError) -> Problem {
    Problem::internal("policy answered a pack with a parameter that can't be read").source(error)
}
