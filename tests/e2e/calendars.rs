//! Loans whose due dates move: the pack supplies the calendar, and what was agreed stays.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use e2e::flows::labelled;
use e2e::make::{day, request_id, text};
use e2e::people::{Case, Loan, li};
use e2e::refusal::refused;
use e2e::{Refusal, Stage};
use tonic::Code;

const JULY: &str = "2026-07-20T10:00+08:00";
const CALENDAR: &str = "loan.contract.business_days.calendar";

/// Due on the first of every month, moved to business days of the pack's calendar.
fn firsts(loan_id: &str, instalments: i32) -> pb::LoanRegistration {
    let loan = Loan {
        loan_id: loan_id.to_owned(),
        borrower: "chang".to_owned(),
        principal: 1_200_000,
        annual_rate: "0.144",
        instalments,
        interest_from: day("2025-12-01"),
        paid: 0,
        instalment: 0,
    };
    leaving(loan.registration())
}

fn leaving(mut loan: pb::LoanRegistration) -> pb::LoanRegistration {
    let rule = common::BusinessDayRule::ModifiedFollowing.into();
    if let Some(contract) = &mut loan.contract {
        contract.business_days = Some(common::BusinessDays { rule, calendar: None });
    }
    loan
}

fn asking(loan: pb::LoanRegistration) -> pb::RegisterLoanRequest {
    pb::RegisterLoanRequest { request_id: request_id(), loan: Some(loan) }
}

fn dues(rows: &[common::Instalment]) -> Vec<String> {
    rows.iter().map(|row| text(row.due_date.as_ref())).collect()
}

/// The first business day from the first of each month of 2026.
const MOVED: [&str; 12] = [
    "2026-01-04", // New Year until Saturday; the Sunday after it has business
    "2026-02-02",
    "2026-03-02",
    "2026-04-01",
    "2026-05-06", // Labour Day until Tuesday
    "2026-06-01",
    "2026-07-01",
    "2026-08-03",
    "2026-09-01",
    "2026-10-08", // National Day until Wednesday
    "2026-11-02",
    "2026-12-01",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_takes_the_calendar_of_its_pack_for_good() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let mut loans = stage.loans("service:core")?;
    let request = asking(firsts("loan-chang", 12));
    let registered = loans.register_loan(request.clone()).await?.into_inner().loan.unwrap();
    assert_eq!(dues(&registered.instalments), MOVED);
    let loan = stage.loan("loan-chang").await?;
    assert_eq!(dues(&loan.instalments), MOVED);
    let contract = loan.contract.clone().unwrap();
    let calendar = contract.business_days.unwrap().calendar.unwrap();
    assert_eq!(calendar.weekend_days, [6, 7]);
    let pack =
        policy::GetPackRequest { pack_name: "cn-instalment".to_owned(), ..policy::GetPackRequest::default() };
    let pack = stage.policy("auditor:wu")?.get_pack(pack).await?.into_inner().pack.unwrap();
    assert_eq!(Some(calendar), pack.calendar.unwrap().calendar, "it is part of the contract");
    assert_eq!(text(contract.first_due_date.as_ref()), "2026-01-01", "the anchor stays");

    // A preview of the same contract shows the same dates, with the calendar and without.
    for contract in [firsts("x", 12).contract, loan.contract] {
        let facts =
            policy::LoanFacts { loan_id: "loan-chang".to_owned(), contract, ..policy::LoanFacts::default() };
        let preview = policy::PreviewScheduleRequest {
            loan: Some(facts),
            as_of_date: Some(day("2026-07-20")),
            ..policy::PreviewScheduleRequest::default()
        };
        let preview = stage.policy("borrower:chang")?.preview_schedule(preview).await?.into_inner();
        assert_eq!(dues(&preview.before), MOVED);
    }

    // The same request again is the same answer, and the same row of an import is unchanged.
    let again = loans.register_loan(request.clone()).await?.into_inner().loan.unwrap();
    assert_eq!(again, registered);
    let rows = [request.loan, Some(firsts("loan-new", 12)), Some(firsts("loan-long", 13))];
    let rows = (1..).zip(rows).map(|(row, loan)| pb::ImportLoansRequest { row, loan });
    let rows: Vec<_> = rows.collect();
    let answer = loans.import_loans(tokio_stream::iter(rows)).await?.into_inner();
    assert_eq!((answer.created, answer.unchanged, answer.refused), (1, 1, 1));
    let refusal = &answer.refusals[0];
    assert_eq!((refusal.row, refusal.reason.as_str()), (3, "ERROR_REASON_VALIDATION_FAILED"));
    assert!(
        refusal.message.contains(CALENDAR) && refusal.message.contains("2027-01-01"),
        "{}",
        refusal.message
    );
    assert_eq!(dues(&stage.loan("loan-new").await?.instalments), MOVED);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_date_that_the_pack_doesnt_know_needs_a_calendar_of_the_contracts() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let mut loans = stage.loans("service:core")?;
    let status = loans.register_loan(asking(firsts("loan-chang", 13))).await.unwrap_err();
    assert_eq!(Refusal::of(&status).short(), (Code::InvalidArgument, "VALIDATION_FAILED"));
    assert_eq!(Refusal::of(&status).about, [CALENDAR]);

    let mut own = firsts("loan-chang", 13);
    let days = own.contract.as_mut().unwrap().business_days.as_mut().unwrap();
    days.calendar = Some(common::BusinessCalendar {
        weekend_days: vec![6, 7],
        holiday_dates: vec![day("2027-01-01")],
        working_dates: Vec::new(),
    });
    loans.register_loan(asking(own)).await?;
    let loan = stage.loan("loan-chang").await?;
    assert_eq!(dues(&loan.instalments)[0], "2026-01-01", "of 2026 it names no holiday");
    assert_eq!(dues(&loan.instalments)[12], "2027-01-04");

    // Everything else that is wrong is said beside it.
    let mut wrong = firsts("loan with spaces", 13);
    wrong.contract.as_mut().unwrap().annual_rate = "high".to_owned();
    let refusal = Refusal::expected(loans.register_loan(asking(wrong)).await)?;
    assert_eq!(refusal.about, ["loan.loan_id", "loan.contract.annual_rate"]);
    let mut elsewhere = firsts("loan-mars", 12);
    elsewhere.pack_name = "mars".to_owned();
    let answer = loans.register_loan(asking(elsewhere.clone())).await;
    assert_eq!(refused(answer)?, (Code::FailedPrecondition, "PACK_UNKNOWN".to_owned()));
    elsewhere.pack_name = "no pack".to_owned();
    let refusal = Refusal::expected(loans.register_loan(asking(elsewhere)).await)?;
    assert_eq!(refusal.about, [CALENDAR, "loan.pack_name"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_was_never_seen_is_worth_waiting_for() -> anyhow::Result<()> {
    let mut stage = Stage::start(JULY).await?;
    stage.stop_policy().await;
    let mut loans = stage.loans("service:core")?;
    let refusal = Refusal::expected(loans.register_loan(asking(firsts("loan-chang", 12))).await)?;
    assert_eq!(refusal.short(), (Code::Unavailable, "DEPENDENCY_UNAVAILABLE"));
    assert!(refusal.retry);

    let mut stage = Stage::start(JULY).await?;
    let mut loans = stage.loans("service:core")?;
    loans.register_loan(asking(firsts("loan-seen", 12))).await?;
    stage.stop_policy().await;
    loans.register_loan(asking(firsts("loan-chang", 12))).await?;
    assert_eq!(dues(&stage.loan("loan-chang").await?.instalments), MOVED);
    let beyond = loans.register_loan(asking(firsts("loan-long", 13))).await;
    assert_eq!(Refusal::expected(beyond)?.about, [CALENDAR]);
    Ok(())
}

/// Changes what the application service keeps of the pack.
async fn remember(stage: &Stage, change: impl Fn(&mut serde_json::Value)) -> anyhow::Result<()> {
    let store = &stage.application.store;
    let known = store.get("pack", "cn-instalment").await?.context("the pack isn't kept")?;
    let mut body: serde_json::Value = serde_json::from_str(&known.body)?;
    change(&mut body);
    let write = store::Write::Put {
        kind: "pack",
        id: known.id,
        expected_revision: known.revision,
        body_version: known.body_version,
        body: body.to_string(),
        index: Vec::new(),
    };
    store.commit(store::Commit { writes: vec![write], ..store::Commit::default() }).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn holidays_that_were_published_since_are_asked_for() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let mut loans = stage.loans("service:core")?;
    loans.register_loan(asking(firsts("loan-first", 12))).await?;
    remember(&stage, |pack| pack["calendar"]["last_year"] = 2025.into()).await?;
    loans.register_loan(asking(firsts("loan-second", 12))).await?;
    assert_eq!(dues(&stage.loan("loan-second").await?.instalments), MOVED);
    // A record of before packs had calendars.
    remember(&stage, |pack| pack["calendar"] = serde_json::Value::Null).await?;
    loans.register_loan(asking(firsts("loan-third", 12))).await?;
    assert_eq!(dues(&stage.loan("loan-third").await?.instalments), MOVED);
    remember(&stage, |pack| assert_eq!(pack["calendar"]["last_year"], 2026, "it is kept")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn relief_moves_by_the_contracts_calendar_and_may_end_after_it() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = li();
    let loan = Loan { interest_from: day("2025-12-15"), paid: 0, ..case.loan.clone() };
    let mut registration = leaving(loan.registration());
    let schedule = policy::PreviewScheduleRequest {
        loan: Some(policy::LoanFacts {
            loan_id: loan.loan_id.clone(),
            contract: registration.contract.clone(),
            ..policy::LoanFacts::default()
        }),
        as_of_date: Some(loan.interest_from),
        ..policy::PreviewScheduleRequest::default()
    };
    let schedule = stage.policy("service:core")?.preview_schedule(schedule).await?.into_inner();
    let first: Vec<_> = dues(&schedule.before).into_iter().take(3).collect();
    assert_eq!(first, ["2026-01-15", "2026-02-24", "2026-03-16"], "the Spring Festival, and a Sunday");
    registration.events = schedule
        .before
        .iter()
        .take(6)
        .map(|row| common::LoanEvent {
            effective_date: row.due_date,
            kind: Some(common::loan_event::Kind::Payment(common::PaymentEvent {
                payment_id: format!("paid-{}", row.nr),
                amount: row.total_due.clone(),
            })),
        })
        .collect();
    stage.loans("service:core")?.register_loan(asking(registration)).await?;
    let case = stage.apply_again(&Case { loan, ..case }).await?;
    let offer = labelled(&case.offers, common::OfferLabel::Proposal)?;
    let dues: Vec<_> = dues(&offer.instalments);
    // 15 November 2026 is a Sunday; of 2027 only the weekends are known.
    assert_eq!(dues, ["2026-10-15", "2026-11-16", "2026-12-15", "2027-01-15", "2027-02-15", "2027-03-15"]);
    Ok(())
}
