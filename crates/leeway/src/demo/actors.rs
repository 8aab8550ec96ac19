//! Who takes part: the platform, borrowers, an officer and a supervisor, each with their own identity.

use std::time::Duration;

use anyhow::Context as _;
use api::access::Role;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::desk_service_client::DeskServiceClient;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as inbox;
use api::leeway::notification::v1::notification_service_client::NotificationServiceClient;
use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use chassis::{Client, Clock, Principal};
use sha2::{Digest as _, Sha256};

use crate::stack::{Stack, connect, endpoint};

/// Longest wait for messages and timers that follow a step.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Connections and the clock.
pub struct Actors {
    application: Client,
    policy: Client,
    notification: Client,
    pub clock: Clock,
}

/// A document to send.
pub struct Document {
    pub kind: common::EvidenceType,
    pub issuer: &'static str,
    pub file_name: &'static str,
    pub content: String,
}

impl Actors {
    /// Connects to a stack.
    pub fn connect(stack: &Stack, clock: Clock) -> anyhow::Result<Self> {
        let platform = Principal::service("platform");
        Ok(Self {
            application: connect(&endpoint(stack.application.handle.grpc), platform.clone())?,
            policy: connect(&endpoint(stack.policy.handle.grpc), platform.clone())?,
            notification: connect(&endpoint(stack.notification.handle.grpc), platform)?,
            clock,
        })
    }

    /// Loans, as the platform.
    pub fn loans(&self) -> LoanServiceClient<Client> {
        LoanServiceClient::new(self.application.clone())
    }

    /// Applications, as a borrower.
    pub fn borrower(&self, id: &str) -> ApplicationServiceClient<Client> {
        ApplicationServiceClient::new(self.application.with_principal(Principal::new(Role::Borrower, id)))
    }

    /// Applications, as the platform that acts for a borrower and has verified what it states.
    pub fn platform_for(&self, borrower: &str) -> ApplicationServiceClient<Client> {
        let principal = Principal { subject: Some(borrower.to_owned()), ..Principal::service("platform") };
        ApplicationServiceClient::new(self.application.with_principal(principal))
    }

    /// The desk, as an officer.
    pub fn officer(&self, id: &str) -> DeskServiceClient<Client> {
        DeskServiceClient::new(self.application.with_principal(Principal::new(Role::Officer, id)))
    }

    /// The desk, as a supervisor.
    pub fn supervisor(&self, id: &str) -> DeskServiceClient<Client> {
        DeskServiceClient::new(self.application.with_principal(Principal::new(Role::Supervisor, id)))
    }

    /// Moves the platform's clock on.
    pub fn until(&self, time: &str) -> anyhow::Result<()> {
        let time = chassis::clock::parse_time(time)?;
        if self.clock.now() < time {
            self.clock.set(time)?;
        }
        Ok(())
    }

    /// Sends a document as its borrower and returns its id.
    pub async fn upload(&self, borrower: &str, loan_id: &str, document: &Document) -> anyhow::Result<String> {
        let bytes = document.content.as_bytes().to_vec();
        let evidence_id = request_id();
        let start = pb::EvidenceStart {
            evidence_id: evidence_id.clone(),
            application_id: String::new(),
            r#type: document.kind.into(),
            issuer: document.issuer.to_owned(),
            file_name: document.file_name.to_owned(),
            size_bytes: i64::try_from(bytes.len())?,
            sha256: hex::encode(Sha256::digest(&bytes)),
            offset: 0,
        };
        let message = |part| pb::UploadEvidenceRequest { loan_id: loan_id.to_owned(), part: Some(part) };
        let messages = vec![
            message(pb::upload_evidence_request::Part::Start(start)),
            message(pb::upload_evidence_request::Part::Chunk(bytes)),
        ];
        let answer =
            self.borrower(borrower).upload_evidence(tokio_stream::iter(messages)).await?.into_inner();
        let evidence = answer.evidence.context("an upload answered without its document")?;
        anyhow::ensure!(
            evidence.failed_checks.is_empty(),
            "`{}`: {:?}",
            document.file_name,
            evidence.failed_checks
        );
        Ok(evidence_id)
    }

    /// The decision behind an assessment, with every rule's verdict.
    pub async fn decision(&self, application: &pb::Application) -> anyhow::Result<policy::Decision> {
        let decision_id = application.assessment.as_ref().context("no assessment yet")?.decision_id.clone();
        let request = policy::GetDecisionRequest { decision_id };
        let answer = PolicyServiceClient::new(self.policy.clone()).get_decision(request).await?.into_inner();
        answer.decision.context("policy answered without the decision")
    }

    /// A loan as of a day, today if none is given.
    pub async fn loan(&self, loan_id: &str) -> anyhow::Result<pb::Loan> {
        let request = pb::GetLoanRequest { loan_id: loan_id.to_owned(), as_of_date: None };
        self.loans().get_loan(request).await?.into_inner().loan.context("an answer without the loan")
    }

    /// An application as its borrower sees it.
    pub async fn application(&self, borrower: &str, id: &str) -> anyhow::Result<pb::Application> {
        let request = pb::GetApplicationRequest { application_id: id.to_owned() };
        let answer = self.borrower(borrower).get_application(request).await?.into_inner();
        answer.application.context("an answer without the application")
    }

    /// Waits until a borrower's inbox holds a message of that template, and returns it, oldest first.
    pub async fn inbox(&self, borrower: &str, last: &str) -> anyhow::Result<Vec<inbox::InboxMessage>> {
        let principal = Principal::new(Role::Borrower, borrower);
        let mut client = NotificationServiceClient::new(self.notification.with_principal(principal));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = inbox::ListInboxRequest {
                borrower_id: borrower.to_owned(),
                page_size: 100,
                page_token: String::new(),
            };
            let mut messages = client.list_inbox(request).await?.into_inner().messages;
            messages.reverse();
            if messages.iter().any(|message| message.template == last) {
                return Ok(messages);
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "no message `{last}` came for `{borrower}`"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until a case as staff sees it satisfies a condition.
    pub async fn await_case(
        &self,
        application_id: &str,
        what: &str,
        condition: impl Fn(&pb::Application) -> bool,
    ) -> anyhow::Result<pb::Application> {
        let principal = Principal::new(Role::Officer, "chen");
        let mut client = ApplicationServiceClient::new(self.application.with_principal(principal));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = pb::GetApplicationRequest { application_id: application_id.to_owned() };
            let application = client.get_application(request).await?.into_inner().application;
            let application = application.context("an answer without the application")?;
            if condition(&application) {
                return Ok(application);
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "`{application_id}`: {what} did not happen"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A new request id.
pub fn request_id() -> String {
    chassis::Ids::random().uuid().to_string()
}
