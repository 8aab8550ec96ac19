//! Calendars of packs: told, and taken by loans that leave theirs to the pack.

use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::assess_stream_response::Result as Answer;
use loan::{Account, BusinessDayRule, BusinessDays, Event, EventKind, Origin};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::cases::{account, li};
use super::{ask, date, fields, question, refused, start};
use crate::PackShelf;

/// A loan that is due on the last day of every month, and leaves its calendar to the pack.
fn month_ends(instalments: u16) -> policy::LoanFacts {
    let dates = ("2025-12-31", "2026-01-31");
    leaving(wire::loan_facts_out("loan-ends", &account(1_200_000, "0.144", instalments, dates, 0)))
}

fn leaving(mut loan: policy::LoanFacts) -> policy::LoanFacts {
    let rule = common::BusinessDayRule::ModifiedFollowing.into();
    loan.contract.as_mut().unwrap().business_days = Some(common::BusinessDays { rule, calendar: None });
    loan
}

fn preview(loan: policy::LoanFacts, pack_name: &str) -> policy::PreviewScheduleRequest {
    policy::PreviewScheduleRequest {
        loan: Some(loan),
        as_of_date: Some(wire::date_out("2026-01-10".parse().unwrap())),
        terms: None,
        pack_name: pack_name.into(),
    }
}

fn dues(shown: &policy::PreviewScheduleResponse) -> Vec<String> {
    shown.before.iter().map(|row| date(&row.due_date)).collect()
}

/// Reasons and texts of an INVALID_ARGUMENT.
fn said(status: &Status) -> Vec<(String, String)> {
    let bad = status.get_details_bad_request().unwrap();
    bad.field_violations.into_iter().map(|one| (one.reason, one.description)).collect()
}

#[tokio::test]
async fn a_pack_tells_its_calendar_with_years_and_sources() {
    let mut running = start().await;
    for (name, years, golden_week) in
        [("cn-instalment", (2024, 2026), true), ("us-consumer", (2024, 2030), false)]
    {
        let request = policy::GetPackRequest { pack_name: name.into(), ..policy::GetPackRequest::default() };
        let pack = running.client.get_pack(ask(request)).await.unwrap().into_inner().pack.unwrap();
        let section = pack.calendar.unwrap();
        assert_eq!((section.first_year, section.last_year), years, "{name}");
        let calendar = section.calendar.unwrap();
        assert_eq!(calendar.weekend_days, [6, 7]);
        let closed = calendar.holiday_dates.iter().any(|day| date(&Some(*day)) == "2026-10-07");
        assert_eq!(closed, golden_week, "{name}");
        assert_eq!(calendar.working_dates.iter().any(|day| date(&Some(*day)) == "2026-10-10"), golden_week);
        let weekend = section.weekend_source.unwrap();
        let sources: Vec<_> = section.date_sources.iter().chain([&weekend]).collect();
        for source in &sources {
            assert!(!source.source.is_empty(), "{source:?}");
            assert!(["law", "guidance", "house"].contains(&source.status.as_str()), "{source:?}");
        }
        let (first, last) = (section.date_sources.first().unwrap(), section.date_sources.last().unwrap());
        assert_eq!((first.first_year, last.last_year), years, "{name}");
    }
}

#[tokio::test]
async fn previews_move_dates_by_the_packs_calendar() {
    let mut running = start().await;
    let cn = [
        "2026-01-30", // Saturday, and the Monday is in February
        "2026-02-28", // a Saturday with business
        "2026-03-31",
        "2026-04-30",
        "2026-05-29", // Sunday, and the Monday is in June
        "2026-06-30",
        "2026-07-31",
        "2026-08-31",
        "2026-09-30",
        "2026-10-30",
        "2026-11-30",
        "2026-12-31",
    ];
    for pack_name in ["", "cn-instalment"] {
        let shown = running.client.preview_schedule(ask(preview(month_ends(12), pack_name))).await.unwrap();
        assert_eq!(dues(&shown.into_inner()), cn, "`{pack_name}`");
    }
    let shown = running.client.preview_schedule(ask(preview(month_ends(12), "us-consumer"))).await.unwrap();
    assert_eq!(dues(&shown.into_inner())[1], "2026-02-27", "no business on a Saturday");

    // What the contract states stands, and nothing moves where it states no rule.
    let mut own = month_ends(24);
    let days = own.contract.as_mut().unwrap().business_days.as_mut().unwrap();
    days.calendar = Some(common::BusinessCalendar { weekend_days: vec![7], ..Default::default() });
    let shown = running.client.preview_schedule(ask(preview(own, ""))).await.unwrap().into_inner();
    assert_eq!((dues(&shown)[0].as_str(), dues(&shown)[4].as_str()), ("2026-01-31", "2026-05-30"));
    let mut unmoved = month_ends(24);
    unmoved.contract.as_mut().unwrap().business_days = None;
    let shown = running.client.preview_schedule(ask(preview(unmoved, ""))).await.unwrap().into_inner();
    assert_eq!(dues(&shown)[4], "2026-05-31");
}

#[tokio::test]
async fn due_dates_that_no_calendar_knows_are_refused() {
    let mut running = start().await;
    let status = running.client.preview_schedule(ask(preview(month_ends(13), ""))).await.unwrap_err();
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    assert_eq!(fields(&status), ["loan.contract.business_days.calendar"]);
    let [(reason, text)] = said(&status).try_into().unwrap();
    assert_eq!(reason, "NOT_COVERED");
    assert!(
        text.contains("2027-01-31") && text.contains("2024 to 2026") && text.contains("state the calendar"),
        "{text}"
    );
    let known = running.client.preview_schedule(ask(preview(month_ends(13), "us-consumer"))).await.unwrap();
    assert_eq!(dues(&known.into_inner())[12], "2027-01-29");
}

#[tokio::test]
async fn a_preview_names_a_pack_that_is_there() {
    let mut running = start().await;
    let mut plain = month_ends(12);
    plain.contract.as_mut().unwrap().business_days = None;
    for loan in [month_ends(12), plain] {
        let status = running.client.preview_schedule(ask(preview(loan, "mars"))).await.unwrap_err();
        assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_PACK_UNKNOWN".into()));
    }
    let status = running.client.preview_schedule(ask(preview(month_ends(12), "no pack"))).await.unwrap_err();
    assert_eq!(fields(&status), ["pack_name", "loan.contract.business_days.calendar"]);
}

/// Li's loan a month earlier, so that all of it lies in 2026; six instalments were paid when they were due.
fn li_within_2026() -> policy::Facts {
    let unpaid = account(1_200_000, "0.144", 12, ("2025-12-15", "2026-01-15"), 0);
    let mut contract = unpaid.contract().clone();
    let shelf = PackShelf::open(None).unwrap();
    let calendar = shelf.get("cn-instalment").unwrap().calendar().clone();
    contract.conventions.business_days =
        Some(BusinessDays { rule: BusinessDayRule::ModifiedFollowing, calendar });
    let origin = Origin::Computed(contract);
    let rows = origin.rows().unwrap();
    let paid = rows.iter().take(6).map(|row| Event {
        effective: row.due,
        entered: jiff::Timestamp::UNIX_EPOCH,
        kind: EventKind::Payment { id: format!("pay-{}", row.nr), amount: row.total().unwrap() },
    });
    let loan = Account { origin, events: paid.collect(), ..unpaid };
    let mut facts = li();
    facts.loan = Some(leaving(wire::loan_facts_out("loan-li", &loan)));
    facts
}

#[tokio::test]
async fn an_assessment_takes_the_calendar_of_its_pack_and_keeps_it() {
    let mut running = start().await;
    let answer = running.client.assess(ask(question(1, li_within_2026()))).await.unwrap().into_inner();
    let decision = answer.decision.unwrap();
    let stored = policy::GetDecisionRequest { decision_id: decision.decision_id.clone() };
    let facts = running.client.get_decision(ask(stored)).await.unwrap().into_inner().facts.unwrap();
    let days = facts.loan.as_ref().unwrap().contract.as_ref().unwrap().business_days.clone().unwrap();
    assert_eq!(days.calendar.unwrap().holiday_dates.len(), 89);

    // Told with the calendar that it took, the case is the same one.
    let again = running.client.assess(ask(question(2, facts))).await.unwrap().into_inner().decision.unwrap();
    assert_eq!(again.offers, decision.offers);
    // Relief may end after the years that are known: those dates move off weekends.
    let proposal =
        decision.offers.iter().find(|offer| offer.labels().any(|l| l == common::OfferLabel::Proposal));
    let proposal = proposal.unwrap();
    assert_eq!(date(&proposal.end_date), "2027-03-15");
    // 15 November 2026 is a Sunday.
    assert!(proposal.instalments.iter().any(|row| date(&row.due_date) == "2026-11-16"), "{proposal:?}");
}

#[tokio::test]
async fn an_assessment_refuses_due_dates_that_no_calendar_knows() {
    let mut running = start().await;
    let mut beyond = li();
    beyond.loan = beyond.loan.map(leaving);
    for dry_run in [false, true] {
        let request = policy::AssessRequest { dry_run, ..question(3, beyond.clone()) };
        let status = running.client.assess(ask(request)).await.unwrap_err();
        assert_eq!(fields(&status), ["facts.loan.contract.business_days.calendar"]);
    }
    let elsewhere = policy::AssessRequest { pack_name: "mars".into(), ..question(4, li_within_2026()) };
    let status = running.client.assess(ask(elsewhere)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_PACK_UNKNOWN".into()));

    let case = |facts| policy::AssessStreamRequest {
        pack_name: "cn-instalment".into(),
        facts: Some(facts),
        omit_trace: true,
    };
    let cases = tokio_stream::iter([case(beyond), case(li_within_2026())]);
    let stream = running.client.assess_stream(ask(cases)).await.unwrap().into_inner();
    let answers: Vec<Answer> = stream.map(|answer| answer.unwrap().result.unwrap()).collect().await;
    let [Answer::Problem(problem), Answer::Decision(_)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(problem.reason, "ERROR_REASON_VALIDATION_FAILED");
    assert!(problem.message.contains("2027-01-15"), "{}", problem.message);
}
