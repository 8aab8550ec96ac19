//! A neighbour is away: work goes on, and what it owes is done once when it is back.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use futures_util::future::try_join_all;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::clients::{
    Caller, application, applications, channel, delivered, import, in_state, prepare, request_id, submission,
};
use crate::programs::{CLOCK, Service, Site};
use crate::records::{Records, sent, text};

/// The longest that a submission waits for its assessment is 2 s; the rest is for a busy machine.
const PROMPT: Duration = Duration::from_secs(8);

/// The three services, each a process with a database of its own.
pub struct Three {
    pub site: Site,
    pub policy: Service,
    pub notification: Service,
    pub application: Service,
}

impl Three {
    /// Starts them; `settings` go to all.
    pub async fn start(settings: &[String]) -> anyhow::Result<Self> {
        let site = Site::new()?;
        let policy = site.serve("policy", Some(CLOCK), settings).await?;
        let notification = site.serve("notification", Some(CLOCK), settings).await?;
        let mut settings = settings.to_vec();
        settings.push(format!("policy_client.endpoint=http://{}", policy.grpc));
        settings.push(format!("notification_client.endpoint=http://{}", notification.grpc));
        let application = site.serve("application", Some(CLOCK), &settings).await?;
        Ok(Self { site, policy, notification, application })
    }

    /// Ends them in order, the callers first, and gives back the folder.
    pub async fn stop(self) -> anyhow::Result<Site> {
        self.application.process.stop().await?;
        self.notification.process.stop().await?;
        self.policy.process.stop().await?;
        Ok(self.site)
    }
}

/// Starts a service that is gone on the port it had, on the data it left.
pub async fn again(site: &Site, service: &str, gone: &Service) -> anyhow::Result<Service> {
    site.serve(service, None, &[format!("{service}.listen={}", gone.grpc)]).await
}

#[tokio::test]
async fn without_policy_cases_are_taken_and_decided_once_it_is_back() -> anyhow::Result<()> {
    let mut three = Three::start(&[]).await?;
    let (app, inbox) = (channel(three.application.grpc)?, channel(three.notification.grpc)?);
    let evidence = prepare(&app, "loan-li", "li").await?;
    three.policy.process.terminate()?;
    assert!(three.policy.process.ended().await?.success());

    let asked = Instant::now();
    let case = submit(&app, "loan-li", "li", evidence).await?;
    assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
    assert_eq!(case.state(), pb::ApplicationState::Submitted);
    // The borrower is told that it came in, and can look at it, all the while.
    delivered(&inbox, "li", &["application-received"]).await?;
    let seen = application(&app, "li", &case.application_id).await?;
    assert_eq!((seen.state(), seen.assessment.is_none()), (pb::ApplicationState::Submitted, true));

    three.policy = again(&three.site, "policy", &three.policy).await?;
    let offered = in_state(&app, "li", &case.application_id, pb::ApplicationState::Offered).await?;
    assert!(offered.assessment.is_some() && !offered.offers.is_empty());
    delivered(&inbox, "li", &["offer-made"]).await?;

    let site = three.stop().await?;
    let expected = [(case.application_id.as_str(), &["application-received", "offer-made"][..])];
    decided_and_told_once(&site, &expected).await
}

#[tokio::test]
async fn without_notification_work_goes_on_and_each_message_comes_once() -> anyhow::Result<()> {
    let mut three = Three::start(&[]).await?;
    let app = channel(three.application.grpc)?;
    let evidence = [prepare(&app, "loan-li", "li").await?, prepare(&app, "loan-mei", "mei").await?];
    three.notification.process.kill()?;

    let mut cases = Vec::new();
    for ((loan_id, borrower), evidence) in [("loan-li", "li"), ("loan-mei", "mei")].into_iter().zip(evidence)
    {
        let case = submit(&app, loan_id, borrower, evidence).await?;
        let offered = in_state(&app, borrower, &case.application_id, pb::ApplicationState::Offered).await?;
        let offer = offered.offers.first().context("OFFERED without an offer")?;
        let request = pb::AcceptOfferRequest {
            request_id: request_id(),
            application_id: case.application_id.clone(),
            offer_id: offer.offer_id.clone(),
            etag: offered.etag.clone(),
        };
        let mut client = applications(&app, Caller::borrower(borrower)?);
        let accepted = client.accept_offer(request).await?.into_inner();
        assert!(accepted.plan.is_some());
        cases.push((borrower, case.application_id));
    }

    three.notification = again(&three.site, "notification", &three.notification).await?;
    let inbox = channel(three.notification.grpc)?;
    let templates = ["application-received", "offer-made", "plan-active"];
    for (borrower, _) in &cases {
        delivered(&inbox, borrower, &templates).await?;
    }
    let site = three.stop().await?;
    let expected = cases.iter().map(|(_, id)| (id.as_str(), &templates[..])).collect::<Vec<_>>();
    decided_and_told_once(&site, &expected).await
}

#[tokio::test]
async fn a_mute_policy_holds_up_no_other_work() -> anyhow::Result<()> {
    // More cases than a worker runs effects at a time; each asks a policy that takes connections and says nothing.
    const CASES: usize = 100;
    let mute = std::net::TcpListener::bind("127.0.0.1:0")?;
    let site = Site::new()?;
    let notification = site.serve("notification", Some(CLOCK), &[]).await?;
    let settings = [
        format!("policy_client.endpoint=http://{}", mute.local_addr()?),
        "policy_client.default_deadline_ms=1000".to_owned(),
        // As if its connection layer still answered pings.
        "policy_client.keepalive_interval_ms=600000".to_owned(),
        format!("notification_client.endpoint=http://{}", notification.grpc),
    ];
    let application = site.serve("application", Some(CLOCK), &settings).await?;
    let app = channel(application.grpc)?;
    let names = (0..CASES).map(|nr| (format!("loan-{nr}"), format!("b-{nr}"))).collect::<Vec<_>>();
    import(&app, &names).await?;

    let submissions = names.iter().map(|(loan_id, borrower)| submit(&app, loan_id, borrower, Vec::new()));
    for case in try_join_all(submissions).await? {
        assert_eq!(case.state(), pb::ApplicationState::Submitted);
    }
    let inbox = channel(notification.grpc)?;
    try_join_all(names.iter().map(|(_, borrower)| delivered(&inbox, borrower, &["application-received"])))
        .await?;
    application.process.stop().await?;
    notification.process.stop().await
}

async fn submit(
    app: &Channel,
    loan_id: &str,
    borrower: &str,
    evidence: Vec<String>,
) -> anyhow::Result<pb::Application> {
    let mut client = applications(app, Caller::platform_for(borrower)?);
    let answer = client.submit_application(submission(loan_id, evidence)).await?.into_inner();
    answer.application.context("an answer without the case")
}

/// One decision a case, the named messages and no other, each once.
async fn decided_and_told_once(site: &Site, cases: &[(&str, &[&str])]) -> anyhow::Result<()> {
    let policy = Records::open(&site.database("policy"), &policy::SCHEMA)?;
    let mut decided = BTreeMap::<String, usize>::new();
    for decision in policy.all("decision").await? {
        *decided.entry(text(&decision, "/decision/case_id")?.to_owned()).or_default() += 1;
    }
    let expected = cases.iter().map(|(id, _)| ((*id).to_owned(), 1)).collect();
    assert_eq!(decided, expected);
    policy.close().await;

    let notification = Records::open(&site.database("notification"), &notification::SCHEMA)?;
    let mut expected = BTreeMap::new();
    for (id, templates) in cases {
        expected.extend(templates.iter().map(|template| (((*id).to_owned(), (*template).to_owned()), 1)));
    }
    assert_eq!(sent(&notification).await?, expected);
    notification.close().await;
    Ok(())
}
