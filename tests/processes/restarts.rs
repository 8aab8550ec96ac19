//! `leeway up` and `leeway serve` as processes: going on after a restart, the clock, refusals, the drain.

use std::time::Duration;

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::clients::{
    Caller, affordable, applications, cases_of, channel, feed, import, loans, messages, registration,
    request_id,
};
use crate::programs::{CLOCK, Site, Up, eventually, leeway};

#[tokio::test]
async fn a_restart_goes_on_where_it_was() -> anyhow::Result<()> {
    let site = Site::new()?;
    let data = site.path("data");
    let first = site.up(&data, &[]).await?;
    assert!(first.process.stdout()?.contains("Li, office worker"));
    let (began, known) = (platform_time(&first)?, look(&first).await?);
    first.process.stop().await?;

    let second = site.up(&data, &[]).await?;
    assert!(!second.process.stdout()?.contains("Li, office worker"), "the stories were played twice");
    let went_on = platform_time(&second)?;
    let passed = went_on.duration_since(began);
    // Printed to the minute; a machine's minutes pass on the platform's clock as well.
    assert!((0..3600).contains(&passed.as_secs()), "{began} {went_on}");
    assert_eq!(look(&second).await?, known);
    second.process.stop().await?;

    // A clock given by hand wins, and is kept from then on.
    let third = site.up(&data, &["--clock", "2026-12-01T09:00+08:00"]).await?;
    assert!(platform_time(&third)?.to_string().starts_with("2026-12-01T01:0"));
    third.process.stop().await?;
    let fourth = site.up(&data, &[]).await?;
    assert!(platform_time(&fourth)?.to_string().starts_with("2026-12-01T01:"));
    assert_eq!(cases_of(&channel(fourth.application)?, "li").await?, known.cases);
    fourth.process.stop().await
}

/// What a client sees of Li.
#[derive(Debug, PartialEq)]
struct Known {
    cases: Vec<String>,
    messages: Vec<String>,
    due_dates: Vec<(i32, i32)>,
    plan: String,
}

async fn look(up: &Up) -> anyhow::Result<Known> {
    let (app, inbox) = (channel(up.application)?, channel(up.notification)?);
    let request = pb::GetLoanRequest { loan_id: "loan-li".to_owned(), as_of_date: None };
    let loan = loans(&app)?.get_loan(request).await?.into_inner().loan.context("an answer without loan")?;
    let dates = loan.instalments.iter().filter_map(|row| row.due_date.as_ref());
    Ok(Known {
        cases: cases_of(&app, "li").await?,
        messages: messages(&inbox, "li").await?,
        due_dates: dates.map(|date| (date.year, date.month)).collect(),
        plan: loan.plan_id,
    })
}

/// The platform's time as `leeway up` says it, to the minute.
fn platform_time(up: &Up) -> anyhow::Result<Timestamp> {
    let said = up.process.stdout()?;
    let (_, rest) = said.rsplit_once("platform time ").context("no platform time was said")?;
    let mut words = rest.split_whitespace();
    let mut word = || words.next().context("the platform time is cut off");
    Ok(chassis::clock::parse_time(&format!("{}T{}{}", word()?, word()?, word()?))?)
}

#[tokio::test]
async fn the_clock_of_the_command_line_dates_what_happens() -> anyhow::Result<()> {
    let site = Site::new()?;
    let up = site.up(&site.path("data"), &["--no-demo", "--clock", CLOCK]).await?;
    assert!(!up.process.stdout()?.contains("Li, office worker"));
    let loan = registration("loan-1", "b-1");
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(loan) };
    let answer = loans(&channel(up.application)?)?.register_loan(request).await?.into_inner();
    let loan = answer.loan.context("an answer without loan")?;
    let today = loan.as_of_date.context("a loan as of no day")?;
    assert_eq!((today.year, today.month, today.day), (2026, 7, 20));
    assert_eq!(loan.days_past_due.map(|days| days.current), Some(5));
    up.process.stop().await
}

#[tokio::test]
async fn what_can_not_be_used_is_refused_with_what_to_do() -> anyhow::Result<()> {
    let site = Site::new()?;
    let running = site.serve("policy", None, &[]).await?;
    let taken = format!("notification.listen={}", running.grpc);
    std::fs::write(site.path("bad.toml"), "[aplication]\nreflection = false\n")?;
    let rows: [(&[&str], i32, &[&str]); 7] = [
        (
            &["serve", "notification", "--set", "notification.lisen=127.0.0.1:0"],
            64,
            &["`notification.lisen`", "the command line", "did you mean `notification.listen`?"],
        ),
        (
            &["up", "--no-demo", "--config", "bad.toml"],
            64,
            &["`aplication.reflection`", "bad.toml", "did you mean `application.reflection`?"],
        ),
        (
            &["up", "--no-demo", "--set", "policy.max_in_flight=many"],
            64,
            &["`policy.max_in_flight` from the command line"],
        ),
        (&["up", "--no-demo", "--config", "absent.toml"], 64, &["`absent.toml` can't be read"]),
        (&["up", "--no-demo", "--clock", "tomorrow"], 1, &["`tomorrow`", "2026-07-20T10:00+08:00"]),
        (&["serve", "notification", "--set", &taken], 1, &[&running.grpc.to_string(), "in use"]),
        (&["serve", "notification", "--set", "notification.listen=0.0.0.0:0"], 1, &["0.0.0.0:0", "loopback"]),
    ];
    for (arguments, code, expected) in rows {
        let mut command = leeway()?;
        command.args(arguments).args(["--data-dir", "refused"]);
        let mut process = site.start("refused", &mut command)?;
        let status = process.ended().await?;
        let said = process.stderr()?;
        assert_eq!(status.code(), Some(code), "{arguments:?}\n{said}");
        for part in expected {
            assert!(said.contains(part), "{arguments:?}: no `{part}` in\n{said}");
        }
    }
    running.process.stop().await
}

#[tokio::test]
async fn beyond_loopback_is_served_only_where_the_network_is_trusted_and_with_a_warning() -> anyhow::Result<()>
{
    let site = Site::new()?;
    let beyond = "policy.listen=0.0.0.0:0".to_owned();
    let trusting = site.serve("policy", None, &[beyond, "policy.trusted_network=true".to_owned()]).await?;
    assert!(trusting.grpc.ip().is_unspecified(), "{}", trusting.grpc);
    let said = trusting.process.stderr()?;
    assert!(said.contains("WARN") && said.contains("whoever reaches this port can be anyone"), "{said}");
    trusting.process.stop().await?;

    // The setting alone changes nothing, and so warns of nothing.
    let at_home = site.serve("policy", None, &["policy.trusted_network=true".to_owned()]).await?;
    assert!(at_home.grpc.ip().is_loopback(), "{}", at_home.grpc);
    assert!(!at_home.process.stderr()?.contains("can be anyone"));
    at_home.process.stop().await
}

#[tokio::test]
async fn sigterm_drains_within_its_time_and_exits_with_0() -> anyhow::Result<()> {
    // Without calls the drain has nothing to wait for; an endless stream is cut when the time is over.
    const DRAIN: Duration = Duration::from_secs(2);
    let site = Site::new()?;
    let setting = format!("application.drain_timeout_ms={}", DRAIN.as_millis());
    for with_stream in [false, true] {
        let arguments = ["--no-demo", "--clock", CLOCK, "--set", &setting];
        let mut up = site.up(&site.path("data"), &arguments).await?;
        let app = channel(up.application)?;
        let mut stream = None;
        if with_stream {
            import(&app, &[("loan-1".to_owned(), "b-1".to_owned())]).await?;
            let request = pb::SubscribeRequest { after_position: 0 };
            let mut events = feed(&app)?.subscribe(request).await?.into_inner();
            assert!(events.message().await?.is_some());
            stream = Some(events);
        }
        let asked = Instant::now();
        up.process.terminate()?;
        let status = up.process.ended().await?;
        let took = asked.elapsed();
        assert!(status.success(), "{status}\n{}", up.process.stderr()?);
        assert!(took < DRAIN + Duration::from_secs(10), "the drain took {took:?}");
        if let Some(mut events) = stream {
            let end = loop {
                match events.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break tonic::Code::Ok,
                    Err(status) => break status.code(),
                }
            };
            assert_eq!(end, tonic::Code::Unavailable);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_call_on_its_way_is_answered_while_the_server_drains() -> anyhow::Result<()> {
    // A policy that takes connections and says nothing: a submission waits for its assessment as long as it may.
    let mute = std::net::TcpListener::bind("127.0.0.1:0")?;
    let site = Site::new()?;
    let settings = [
        format!("policy_client.endpoint=http://{}", mute.local_addr()?),
        "policy_client.default_deadline_ms=1000".to_owned(),
    ];
    let service = site.serve("application", Some(CLOCK), &settings).await?;
    let app = channel(service.grpc)?;
    import(&app, &[("loan-1".to_owned(), "b-1".to_owned())]).await?;
    let mut client = applications(&app, Caller::platform_for("b-1")?);
    let submitting = tokio::spawn(async move { client.submit_application(affordable("loan-1")).await });
    let id = eventually("the case", || async { Ok(cases_of(&app, "b-1").await?.pop()) }).await?;

    assert!(!submitting.is_finished(), "the call did not wait, so this test says nothing");
    service.process.stop().await?;
    let case = submitting.await??.into_inner().application.context("an answer without the case")?;
    assert_eq!((case.application_id, case.state), (id, pb::ApplicationState::Submitted.into()));
    Ok(())
}
