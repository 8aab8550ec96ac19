//! What others follow: the feed, the watched case, and pages that neither skip nor repeat.

use std::time::Duration;

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::ApplicationState;
use api::leeway::notification::v1 as mail;
use e2e::Stage;
use e2e::flows::labelled;
use e2e::make::request_id;
use e2e::people::{li, zhang};
use e2e::refusal::refused;
use tonic::{Code, Streaming};

const JULY: &str = "2026-07-20T10:00+08:00";
/// Longest wait for a message that must come; none is waited for that must not.
const PATIENCE: Duration = Duration::from_secs(60);

async fn next<T>(stream: &mut Streaming<T>) -> anyhow::Result<Option<T>> {
    Ok(tokio::time::timeout(PATIENCE, stream.message()).await.context("no message came")??)
}

/// The next `count` events after a position.
async fn events(stage: &Stage, after: i64, count: usize) -> anyhow::Result<Vec<pb::SubscribeResponse>> {
    let request = pb::SubscribeRequest { after_position: after };
    let mut stream = stage.feed("auditor:wu")?.subscribe(request).await?.into_inner();
    let mut events = Vec::new();
    while events.len() < count {
        events.push(next(&mut stream).await?.context("the feed ended")?);
    }
    Ok(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_dense_in_order_and_resumable() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let plan = stage.planned_at_once(&li()).await?;
    stage.planned_by_officer(&zhang()).await?;
    stage.pay("loan-li", 10_000).await?;
    let head = usize::try_from(stage.application.store.feed_head().await?)?;
    let all = events(&stage, 0, head).await?;
    let positions: Vec<_> = all.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=i64::try_from(head)?).collect::<Vec<_>>());
    let of = |key: &str| -> Vec<String> {
        all.iter().filter(|event| event.case_key == key).map(|event| event.kind.clone()).collect()
    };
    assert_eq!(of("loan-li"), ["loan.registered", "loan.payment_recorded"]);
    let mut kinds = of(&plan.application_id);
    kinds[2..].sort();
    assert_eq!(
        kinds,
        ["application.submitted", "application.offered", "application.accepted", "plan.active"]
    );
    for event in &all {
        let body: serde_json::Value = serde_json::from_str(&event.body_json)?;
        assert!(body.is_object(), "{event:?}");
        for personal in ["mother", "client pays", "900000", "borrower"] {
            assert!(!event.body_json.contains(personal), "{event:?}");
        }
        assert_eq!(event.event_time.unwrap().seconds, stage.clock.now().as_second());
    }
    for after in [1, 3, head - 1] {
        let rest = events(&stage, i64::try_from(after)?, head - after).await?;
        assert_eq!(rest, all[after..], "after {after}");
    }

    // An open stream goes on with what happens next.
    let request = pb::SubscribeRequest { after_position: i64::try_from(head)? };
    let mut live = stage.feed("service:ledger")?.subscribe(request).await?.into_inner();
    stage.register(&li().of("late").loan).await?;
    let event = next(&mut live).await?.unwrap();
    assert_eq!((event.position, event.case_key.as_str()), (i64::try_from(head)? + 1, "loan-late"));
    let backwards =
        stage.feed("service:ledger")?.subscribe(pb::SubscribeRequest { after_position: -1 }).await;
    assert_eq!(refused(backwards)?, (Code::InvalidArgument, "VALIDATION_FAILED".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_case_tells_each_change_once_and_ends_when_it_is_closed() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = stage.apply(&zhang()).await?.application_id;
    let watch = |token: &str| pb::WatchApplicationRequest {
        application_id: id.clone(),
        resume_token: token.to_owned(),
    };
    let mut stream = stage.cases("borrower:zhang")?.watch_application(watch("")).await?.into_inner();
    let mut seen = Vec::new();
    let mut tokens = Vec::new();
    let mut look =
        async |stream: &mut Streaming<pb::WatchApplicationResponse>| -> anyhow::Result<ApplicationState> {
            let message = next(stream).await?.context("the stream ended")?;
            let case = message.application.context("a change without its case")?;
            anyhow::ensure!(case.claimed_by.is_empty(), "a borrower doesn't see who holds it");
            seen.push(case.steps.last().map(|step| step.kind.clone()).unwrap_or_default());
            tokens.push(message.resume_token.parse::<i64>()?);
            Ok(case.state())
        };
    assert_eq!(look(&mut stream).await?, ApplicationState::InReview);
    stage.claim("officer:chen", &id).await?;
    assert_eq!(look(&mut stream).await?, ApplicationState::InReview);
    let offers = stage.case(&id).await?.assessment.unwrap().offers;
    let offer = labelled(&offers, api::leeway::common::v1::OfferLabel::Proposal)?.offer_id.clone();
    stage.offer("officer:chen", &id, &[&offer]).await?;
    assert_eq!(look(&mut stream).await?, ApplicationState::Offered);
    stage.accept("zhang", &id, &offer).await?;
    assert_eq!(look(&mut stream).await?, ApplicationState::Accepted);
    assert!(next(&mut stream).await?.is_none(), "a closed case ends its stream");
    assert_eq!(seen, ["in review", "claimed", "offered", "accepted"]);
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");

    // Resumed: only what came later; from the last token nothing but the end.
    let token = tokens[2].to_string();
    let mut resumed = stage.cases("borrower:zhang")?.watch_application(watch(&token)).await?.into_inner();
    assert_eq!(next(&mut resumed).await?.unwrap().application.unwrap().state(), ApplicationState::Accepted);
    assert!(next(&mut resumed).await?.is_none());
    let token = tokens[3].to_string();
    let mut done = stage.cases("borrower:zhang")?.watch_application(watch(&token)).await?.into_inner();
    assert!(next(&mut done).await?.is_none());
    for foreign in ["x", "-1", "0"] {
        let answer = stage.cases("borrower:zhang")?.watch_application(watch(foreign)).await;
        assert_eq!(refused(answer)?, (Code::InvalidArgument, "VALIDATION_FAILED".to_owned()), "{foreign}");
    }
    Ok(())
}

/// One borrower's eleven cases, all at one moment: order by time alone would tie.
async fn apply_eleven_times(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut cases = Vec::new();
    for nr in 0..11 {
        let mut case = li().of(&format!("li-{nr:02}")).without_documents();
        case.loan.borrower = "li".to_owned();
        cases.push(stage.apply(&case).await?.application_id);
    }
    Ok(cases)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_skip_nor_repeat() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let cases = apply_eleven_times(&stage).await?;
    for size in [1, 4, 11, 100] {
        let mut ids = Vec::new();
        let mut request = pb::ListApplicationsRequest {
            borrower_id: "li".to_owned(),
            page_size: size,
            ..Default::default()
        };
        loop {
            let page = stage.cases("borrower:li")?.list_applications(request.clone()).await?.into_inner();
            assert!(page.applications.len() <= usize::try_from(size)?);
            ids.extend(page.applications.into_iter().map(|a| a.application_id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first, {size} a page: {ids:?}");
        let mut sorted = ids;
        sorted.reverse();
        assert_eq!(sorted, cases, "{size} a page");
    }
    for size in [1, 3, 50] {
        let mut ids = Vec::new();
        let mut request = pb::ListLoansRequest {
            borrower_id: "li".to_owned(),
            page_size: size,
            count_all: true,
            ..Default::default()
        };
        loop {
            let page = stage.loans("borrower:li")?.list_loans(request.clone()).await?.into_inner();
            assert_eq!(page.total_count, 11);
            ids.extend(page.loans.into_iter().map(|loan| loan.loan_id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let expected: Vec<_> = (0..11).map(|nr| format!("loan-li-{nr:02}")).collect();
        assert_eq!(ids, expected, "{size} a page");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_neither_skips_nor_repeats() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    apply_eleven_times(&stage).await?;
    for size in [1, 5, 22, 100] {
        let mut ids = Vec::new();
        let mut request = mail::ListInboxRequest {
            borrower_id: "li".to_owned(),
            page_size: size,
            page_token: String::new(),
        };
        loop {
            let page = stage.mail("borrower:li")?.list_inbox(request.clone()).await?.into_inner();
            ids.extend(page.messages.into_iter().map(|message| message.notification_id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(ids.len(), 22, "received and asked for a document, {size} a page");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 22, "{size} a page");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn page_requests_that_make_no_sense_are_refused() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let invalid = (Code::InvalidArgument, "VALIDATION_FAILED".to_owned());
    for (size, token) in [(-1, ""), (101, ""), (0, "zz"), (0, "00"), (i32::MAX, "")] {
        let request = pb::ListApplicationsRequest {
            page_size: size,
            page_token: token.to_owned(),
            ..Default::default()
        };
        assert_eq!(
            refused(stage.cases("officer:chen")?.list_applications(request).await)?,
            invalid,
            "{size} {token}"
        );
        let request =
            pb::ListQueueRequest { page_size: size, page_token: token.to_owned(), ..Default::default() };
        assert_eq!(
            refused(stage.desk("officer:chen")?.list_queue(request).await)?,
            invalid,
            "{size} {token}"
        );
        let request = mail::ListInboxRequest {
            borrower_id: "li".to_owned(),
            page_size: size,
            page_token: token.to_owned(),
        };
        assert_eq!(
            refused(stage.mail("officer:chen")?.list_inbox(request).await)?,
            invalid,
            "{size} {token}"
        );
    }
    let request = pb::ListLoansRequest { page_size: 501, ..Default::default() };
    assert_eq!(refused(stage.loans("officer:chen")?.list_loans(request).await)?, invalid);
    // A token of one list is no token of another, and never an internal error.
    stage.register(&li().loan).await?;
    stage.register(&li().of("two").loan).await?;
    let request = pb::ListLoansRequest { page_size: 1, ..Default::default() };
    let token = stage.loans("officer:chen")?.list_loans(request).await?.into_inner().next_page_token;
    let request = pb::ListApplicationsRequest { page_token: token, ..Default::default() };
    let answer = stage.cases("officer:chen")?.list_applications(request).await;
    assert!(
        answer.as_ref().map_or_else(|status| status.code() == Code::InvalidArgument, |_| true),
        "{answer:?}"
    );
    let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: "x".repeat(200) };
    assert_eq!(refused(stage.desk("officer:chen")?.claim_application(claim).await)?, invalid);
    Ok(())
}
