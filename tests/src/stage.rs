//! The running stack, and the ways to act on it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::desk_service_client::DeskServiceClient;
use api::leeway::application::v1::feed_service_client::FeedServiceClient;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use api::leeway::application::v1::plan_service_client::PlanServiceClient;
use api::leeway::notification::v1 as mail;
use api::leeway::notification::v1::notification_service_client::NotificationServiceClient;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use chassis::{Client, Clock, Ids, Principal};
use leeway::config::Config;
use leeway::stack::{Running, Stack, World};
use sha2::{Digest as _, Sha256};
use store::Store;

use crate::make::{cny, request_id};
use crate::people::{Case, Document, Loan};
use crate::replicas::{self, Clients, Databases};

/// Longest wait for what follows from a step, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);
/// Topics of the services, which work in the background, with their versions.
const APPLICATION_TOPICS: [(&str, i32); 4] =
    [("assess", 1), ("notify", 1), ("case-timer", 1), ("plan-check", 1)];
const NOTIFICATION_TOPICS: [(&str, i32); 1] = [("deliver", 1)];
const POLICY_TOPICS: [(&str, i32); 1] = [("shadow", 1)];

/// A second replica of each service.
struct Twin {
    _application: Running,
    _notification: Running,
    policy: Option<Running>,
}

/// Three services, their clock and their data. Everything ends with the test.
pub struct Stage {
    pub application: Running,
    pub notification: Running,
    pub clock: Clock,
    pub config: Config,
    pub world: World,
    policy: Option<Running>,
    policy_address: SocketAddr,
    twin: Option<Twin>,
    to_application: Clients,
    to_policy: Clients,
    to_notification: Clients,
    // Dropped after the services that use them.
    _databases: Option<Databases>,
    // Removed last: fields are dropped in order.
    _data: tempfile::TempDir,
}

impl Stage {
    /// Starts the stack at a time such as `2026-07-20T10:00+08:00`, which stands still until the test moves it: one
    /// replica on SQLite, or in the test program `replicated` two on PostgreSQL.
    pub async fn start(at: &str) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() }.on_free_ports();
        let databases = if replicas::wanted() { Some(Databases::new(&mut config).await?) } else { None };
        let clock = Clock::manual(chassis::clock::parse_time(at)?);
        let world = World { clock: clock.clone(), ids: Ids::random() };
        let mut stacks = vec![Stack::start(&config, &world).await?];
        if databases.is_some() {
            stacks.push(Stack::start(&config, &world).await?);
        }
        let clients = |of: fn(&Stack) -> &Running| {
            Clients::connect(&stacks.iter().map(|stack| of(stack).handle.grpc).collect::<Vec<_>>())
        };
        let to_application = clients(|stack| &stack.application)?;
        let to_policy = clients(|stack| &stack.policy)?;
        let to_notification = clients(|stack| &stack.notification)?;
        let mut stacks = stacks.into_iter();
        let Stack { application, policy, notification } = stacks.next().context("no stack")?;
        let twin = stacks.next().map(|stack| Twin {
            _application: stack.application,
            _notification: stack.notification,
            policy: Some(stack.policy),
        });
        Ok(Self {
            to_application,
            to_policy,
            to_notification,
            application,
            notification,
            policy_address: policy.handle.grpc,
            policy: Some(policy),
            twin,
            _databases: databases,
            clock,
            config,
            world,
            _data: data,
        })
    }

    /// Policy goes away; everything else goes on.
    pub async fn stop_policy(&mut self) {
        let twin = self.twin.as_mut().and_then(|twin| twin.policy.take());
        for policy in self.policy.take().into_iter().chain(twin) {
            policy.stop().await;
        }
    }

    /// Policy's store, while it is there.
    pub fn policy_store(&self) -> anyhow::Result<&Store> {
        Ok(&self.policy.as_ref().context("policy was stopped")?.store)
    }

    /// Where the three services listen, in the order application, policy, notification.
    pub fn addresses(&self) -> [SocketAddr; 3] {
        [self.application.handle.grpc, self.policy_address, self.notification.handle.grpc]
    }

    /// Cases, as somebody such as `borrower:li` or `officer:chen`.
    pub fn cases(&self, who: &str) -> anyhow::Result<ApplicationServiceClient<Client>> {
        Ok(ApplicationServiceClient::new(self.to_application.with_principal(somebody(who)?)))
    }

    /// Cases, as the platform that acts for a borrower and has verified what it states.
    pub fn cases_for(&self, borrower: &str) -> ApplicationServiceClient<Client> {
        let principal = Principal { subject: Some(borrower.to_owned()), ..Principal::service("platform") };
        ApplicationServiceClient::new(self.to_application.with_principal(principal))
    }

    /// The desk.
    pub fn desk(&self, who: &str) -> anyhow::Result<DeskServiceClient<Client>> {
        Ok(DeskServiceClient::new(self.to_application.with_principal(somebody(who)?)))
    }

    /// Loans.
    pub fn loans(&self, who: &str) -> anyhow::Result<LoanServiceClient<Client>> {
        Ok(LoanServiceClient::new(self.to_application.with_principal(somebody(who)?)))
    }

    /// Plans.
    pub fn plans(&self, who: &str) -> anyhow::Result<PlanServiceClient<Client>> {
        Ok(PlanServiceClient::new(self.to_application.with_principal(somebody(who)?)))
    }

    /// The feed.
    pub fn feed(&self, who: &str) -> anyhow::Result<FeedServiceClient<Client>> {
        Ok(FeedServiceClient::new(self.to_application.with_principal(somebody(who)?)))
    }

    /// Policy.
    pub fn policy(&self, who: &str) -> anyhow::Result<PolicyServiceClient<Client>> {
        Ok(PolicyServiceClient::new(self.to_policy.with_principal(somebody(who)?)))
    }

    /// Messages.
    pub fn mail(&self, who: &str) -> anyhow::Result<NotificationServiceClient<Client>> {
        Ok(NotificationServiceClient::new(self.to_notification.with_principal(somebody(who)?)))
    }

    /// Moves the clock to a later time and waits until everything that is due then has happened.
    pub async fn until(&self, time: &str) -> anyhow::Result<()> {
        self.clock.set(chassis::clock::parse_time(time)?)?;
        self.settle().await
    }

    /// Waits until nothing is due in the background, and finds nothing that gave up. A timer that is due within the
    /// next five minutes looks like something that runs: keep away from it, or go to it.
    pub async fn settle(&self) -> anyhow::Result<()> {
        // The application first: its last effect hands the message over before it ends.
        self.idle("application", &self.application.store, &APPLICATION_TOPICS).await?;
        self.idle("notification", &self.notification.store, &NOTIFICATION_TOPICS).await?;
        match &self.policy {
            Some(policy) => self.idle("policy", &policy.store, &POLICY_TOPICS).await,
            None => Ok(()),
        }
    }

    async fn idle(&self, service: &str, store: &Store, topics: &[(&'static str, i32)]) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let parked = store.list_parked(0, 10).await?;
            anyhow::ensure!(parked.is_empty(), "{service}: effects gave up: {parked:?}");
            // An effect that runs is due when its lease ends, so whatever is due within that time isn't over.
            let lease = chassis::worker::LEASE;
            let horizon = self.clock.now().checked_add(lease)?.as_microsecond();
            let next = store.next_due(topics).await?;
            if next.is_none_or(|due| due > horizon) {
                return Ok(());
            }
            let late = tokio::time::Instant::now() > deadline;
            anyhow::ensure!(!late, "{service}: something is due at {next:?} and never ends");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Registers a loan as the core system.
    pub async fn register(&self, loan: &Loan) -> anyhow::Result<pb::Loan> {
        let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(loan.registration()) };
        let answer = self.loans("service:core")?.register_loan(request).await?.into_inner();
        answer.loan.context("an answer without the loan")
    }

    /// Sends a document for a loan as its borrower and returns its id.
    pub async fn upload(&self, loan: &Loan, document: &Document, case: &str) -> anyhow::Result<pb::Evidence> {
        let messages = upload_of(loan, document, &request_id(), case)?;
        let mut cases = self.cases(&format!("borrower:{}", loan.borrower))?;
        let answer = cases.upload_evidence(tokio_stream::iter(messages)).await?.into_inner();
        answer.evidence.context("an upload answered without its document")
    }

    /// Registers the loan, sends the documents, submits, and returns the case once it was answered.
    pub async fn apply(&self, case: &Case) -> anyhow::Result<pb::Application> {
        self.register(&case.loan).await?;
        self.apply_again(case).await
    }

    /// The same on a loan that is registered.
    pub async fn apply_again(&self, case: &Case) -> anyhow::Result<pb::Application> {
        let mut said = case.said.clone();
        for document in &case.documents {
            said.evidence_ids.push(self.upload(&case.loan, document, "").await?.evidence_id);
        }
        let answer = self.cases_for(&case.loan.borrower).submit_application(said).await?.into_inner();
        let id = answer.application.context("an answer without the application")?.application_id;
        self.settle().await?;
        self.case(&id).await
    }

    /// A case as staff sees it.
    pub async fn case(&self, id: &str) -> anyhow::Result<pb::Application> {
        self.case_as("officer:chen", id).await
    }

    /// A case as somebody sees it.
    pub async fn case_as(&self, who: &str, id: &str) -> anyhow::Result<pb::Application> {
        let request = pb::GetApplicationRequest { application_id: id.to_owned() };
        let answer = self.cases(who)?.get_application(request).await?.into_inner();
        answer.application.context("an answer without the application")
    }

    /// A loan as of today.
    pub async fn loan(&self, loan_id: &str) -> anyhow::Result<pb::Loan> {
        let request = pb::GetLoanRequest { loan_id: loan_id.to_owned(), as_of_date: None };
        let answer = self.loans("officer:chen")?.get_loan(request).await?.into_inner();
        answer.loan.context("an answer without the loan")
    }

    /// A plan.
    pub async fn plan(&self, plan_id: &str) -> anyhow::Result<pb::Plan> {
        let request = pb::GetPlanRequest { plan_id: plan_id.to_owned() };
        let answer = self.plans("officer:chen")?.get_plan(request).await?.into_inner();
        answer.plan.context("an answer without the plan")
    }

    /// Records a payment that counts today.
    pub async fn pay(&self, loan_id: &str, minor_units: i64) -> anyhow::Result<pb::Loan> {
        let request = pb::RecordPaymentRequest {
            request_id: request_id(),
            loan_id: loan_id.to_owned(),
            payment_id: request_id(),
            amount: Some(cny(minor_units)),
            effective_date: None,
        };
        let answer = self.loans("service:core")?.record_payment(request).await?.into_inner();
        self.settle().await?;
        answer.loan.context("an answer without the loan")
    }

    /// Somebody claims a case.
    pub async fn claim(&self, who: &str, id: &str) -> anyhow::Result<pb::Application> {
        let request = pb::ClaimApplicationRequest { request_id: request_id(), application_id: id.to_owned() };
        let answer = self.desk(who)?.claim_application(request).await?.into_inner();
        answer.application.context("an answer without the application")
    }

    /// The holder offers computed offers.
    pub async fn offer(&self, who: &str, id: &str, offers: &[&str]) -> anyhow::Result<pb::Application> {
        let request = pb::OfferTermsRequest {
            request_id: request_id(),
            application_id: id.to_owned(),
            offer_ids: offers.iter().map(|offer| (*offer).to_owned()).collect(),
            terms: None,
            note: "for the record".to_owned(),
        };
        let answer = self.desk(who)?.offer_terms(request).await?.into_inner();
        self.settle().await?;
        answer.application.context("an answer without the application")
    }

    /// A supervisor signs.
    pub async fn co_sign(&self, who: &str, id: &str) -> anyhow::Result<pb::Application> {
        let request = pb::CoSignRequest {
            request_id: request_id(),
            application_id: id.to_owned(),
            verdict: pb::CoSignVerdict::Signed.into(),
            note: String::new(),
        };
        let answer = self.desk(who)?.co_sign(request).await?.into_inner();
        self.settle().await?;
        answer.application.context("an answer without the application")
    }

    /// The borrower accepts.
    pub async fn accept(
        &self,
        borrower: &str,
        id: &str,
        offer: &str,
    ) -> anyhow::Result<pb::AcceptOfferResponse> {
        let request = pb::AcceptOfferRequest {
            request_id: request_id(),
            application_id: id.to_owned(),
            offer_id: offer.to_owned(),
            etag: String::new(),
        };
        let answer = self.cases(&format!("borrower:{borrower}"))?.accept_offer(request).await?.into_inner();
        self.settle().await?;
        Ok(answer)
    }

    /// A borrower's messages, oldest first; by template within a moment.
    pub async fn inbox(&self, borrower: &str) -> anyhow::Result<Vec<mail::InboxMessage>> {
        let request = mail::ListInboxRequest {
            borrower_id: borrower.to_owned(),
            page_size: 100,
            page_token: String::new(),
        };
        let answer = self.mail(&format!("borrower:{borrower}"))?.list_inbox(request).await?.into_inner();
        let mut messages = answer.messages;
        // Messages of one moment have no order of their own.
        let moment = |message: &mail::InboxMessage| message.deliver_time.map(|at| (at.seconds, at.nanos));
        messages.sort_by_key(|message| (moment(message), message.template.clone()));
        Ok(messages)
    }

    /// Templates of a borrower's messages, oldest first.
    pub async fn told(&self, borrower: &str) -> anyhow::Result<Vec<String>> {
        Ok(self.inbox(borrower).await?.into_iter().map(|message| message.template).collect())
    }

    /// A borrower's messages are in this language from now on.
    pub async fn speaks(&self, borrower: &str, language: mail::Language) -> anyhow::Result<()> {
        let request = mail::PutContactProfileRequest {
            request_id: request_id(),
            borrower_id: borrower.to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            language: language.into(),
            revision: 1,
        };
        self.mail("service:platform")?.put_contact_profile(request).await?;
        Ok(())
    }
}

/// The messages of an upload in one piece.
pub fn upload_of(
    loan: &Loan,
    document: &Document,
    evidence_id: &str,
    case: &str,
) -> anyhow::Result<Vec<pb::UploadEvidenceRequest>> {
    let start = pb::EvidenceStart {
        evidence_id: evidence_id.to_owned(),
        application_id: case.to_owned(),
        r#type: document.kind.into(),
        issuer: document.issuer.clone(),
        file_name: document.file_name.clone(),
        size_bytes: i64::try_from(document.content.len())?,
        sha256: hex::encode(Sha256::digest(&document.content)),
        offset: 0,
    };
    let message = |part| pb::UploadEvidenceRequest { loan_id: loan.loan_id.clone(), part: Some(part) };
    Ok(vec![
        message(pb::upload_evidence_request::Part::Start(start)),
        message(pb::upload_evidence_request::Part::Chunk(document.content.clone())),
    ])
}

/// A principal from its text.
pub fn somebody(who: &str) -> anyhow::Result<Principal> {
    Principal::parse(Some(who), None).map_err(|problem| anyhow::anyhow!("`{who}`: {problem}"))
}
