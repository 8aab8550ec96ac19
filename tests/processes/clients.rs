//! Plain tonic clients, as any other program would use them, and the requests of these tests.

use std::net::SocketAddr;

use anyhow::Context as _;
use api::google::r#type::Date;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::feed_service_client::FeedServiceClient;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as inbox;
use api::leeway::notification::v1::notification_service_client::NotificationServiceClient;
use sha2::{Digest as _, Sha256};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::programs::eventually;

/// Names whoever calls.
#[derive(Clone)]
pub struct Caller {
    headers: Vec<(&'static str, MetadataValue<Ascii>)>,
}

pub type Connection = InterceptedService<Channel, Caller>;

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

impl Caller {
    /// A borrower.
    pub fn borrower(id: &str) -> anyhow::Result<Self> {
        Self::new(&[("x-leeway-principal", &format!("borrower:{id}"))])
    }

    /// The platform, for itself.
    pub fn platform() -> anyhow::Result<Self> {
        Self::new(&[("x-leeway-principal", "service:platform")])
    }

    /// The platform on behalf of a borrower.
    pub fn platform_for(id: &str) -> anyhow::Result<Self> {
        let subject = format!("borrower:{id}");
        Self::new(&[("x-leeway-principal", "service:platform"), ("x-leeway-subject", &subject)])
    }

    /// Another header with every call.
    pub fn with(mut self, name: &'static str, value: &str) -> anyhow::Result<Self> {
        self.headers.push((name, value.parse()?));
        Ok(self)
    }

    fn new(headers: &[(&'static str, &str)]) -> anyhow::Result<Self> {
        headers
            .iter()
            .try_fold(Self { headers: Vec::new() }, |caller, (name, value)| caller.with(name, value))
    }
}

/// A connection that is made when it is needed, and made again when it broke.
pub fn channel(address: SocketAddr) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
}

pub fn loans(channel: &Channel) -> anyhow::Result<LoanServiceClient<Connection>> {
    Ok(LoanServiceClient::with_interceptor(channel.clone(), Caller::platform()?))
}

pub fn feed(channel: &Channel) -> anyhow::Result<FeedServiceClient<Connection>> {
    Ok(FeedServiceClient::with_interceptor(channel.clone(), Caller::platform()?))
}

pub fn applications(channel: &Channel, caller: Caller) -> ApplicationServiceClient<Connection> {
    ApplicationServiceClient::with_interceptor(channel.clone(), caller)
}

/// A new request id.
pub fn request_id() -> String {
    chassis::Ids::random().uuid().to_string()
}

fn cny(minor_units: i64) -> common::Money {
    common::Money { currency_code: "CNY".to_owned(), minor_units }
}

fn monthly(minor_units: i64, months: i32) -> common::MonthlyAmount {
    common::MonthlyAmount { amount: Some(cny(minor_units)), from_month: 0, months }
}

/// Li's loan under another name: 12,000.00 over 12 months, five paid, the sixth missed on 2026-07-15.
pub fn registration(loan_id: &str, borrower_id: &str) -> pb::LoanRegistration {
    let payment = |nr: i32| common::LoanEvent {
        effective_date: Some(Date { year: 2026, month: 1 + nr, day: 15 }),
        kind: Some(common::loan_event::Kind::Payment(common::PaymentEvent {
            payment_id: format!("{loan_id}-p{nr}"),
            amount: Some(cny(107_970)),
        })),
    };
    pb::LoanRegistration {
        loan_id: loan_id.to_owned(),
        borrower_id: borrower_id.to_owned(),
        contract: Some(common::LoanContract {
            principal: Some(cny(1_200_000)),
            annual_rate: "0.144".to_owned(),
            amortisation: common::Amortisation::EqualInstalments.into(),
            instalments: 12,
            interest_from_date: Some(Date { year: 2026, month: 1, day: 15 }),
            first_due_date: Some(Date { year: 2026, month: 2, day: 15 }),
            ..common::LoanContract::default()
        }),
        events: (1..=5).map(payment).collect(),
        ..pb::LoanRegistration::default()
    }
}

/// An application of somebody who can afford the loan: rules say so at once and a person reviews it, without the search
/// for offers that takes most of an assessment's time.
pub fn affordable(loan_id: &str) -> pb::SubmitApplicationRequest {
    let submission = submission(loan_id, Vec::new());
    let statement = common::StatementOfAffairs {
        declared_income: vec![monthly(3_000_000, 0)],
        verified_income: vec![monthly(3_000_000, 0)],
        ..submission.statement.unwrap_or_default()
    };
    pb::SubmitApplicationRequest { statement: Some(statement), proposal: None, ..submission }
}

/// Li's application about a loan.
pub fn submission(loan_id: &str, evidence_ids: Vec<String>) -> pb::SubmitApplicationRequest {
    let deferral = common::Deferral { months: 3, interest: 0 };
    let measure = common::Measure { kind: Some(common::measure::Kind::Deferral(deferral)) };
    pb::SubmitApplicationRequest {
        request_id: request_id(),
        loan_id: loan_id.to_owned(),
        reason: common::HardshipReason::CaringDependant.into(),
        narrative: "My mother is in hospital.".to_owned(),
        hardship_end_date: Some(Date { year: 2026, month: 10, day: 20 }),
        statement: Some(common::StatementOfAffairs {
            declared_income: vec![monthly(900_000, 0)],
            verified_income: vec![monthly(900_000, 0)],
            essentials: vec![monthly(650_000, 0), monthly(260_000, 3)],
            adults: 1,
            ..common::StatementOfAffairs::default()
        }),
        evidence_ids,
        proposal: Some(common::Terms { measures: vec![measure], first_payment_date: None }),
        ..pb::SubmitApplicationRequest::default()
    }
}

/// A payment of 1.00.
pub fn payment(loan_id: &str, payment_id: &str) -> pb::RecordPaymentRequest {
    pb::RecordPaymentRequest {
        request_id: request_id(),
        loan_id: loan_id.to_owned(),
        payment_id: payment_id.to_owned(),
        amount: Some(cny(100)),
        effective_date: None,
    }
}

/// Registers loans, each `(loan, borrower)`, in one stream.
pub async fn import(channel: &Channel, names: &[(String, String)]) -> anyhow::Result<()> {
    let rows = (1..).zip(names).map(|(row, (loan_id, borrower_id))| pb::ImportLoansRequest {
        row,
        loan: Some(registration(loan_id, borrower_id)),
    });
    let rows = rows.collect::<Vec<_>>();
    let answer = loans(channel)?.import_loans(tokio_stream::iter(rows)).await?.into_inner();
    anyhow::ensure!(answer.created == i64::try_from(names.len())?, "{answer:?}");
    Ok(())
}

/// Registers Li's loan and sends a diagnosis and a bill. Returns the ids of the documents.
pub async fn prepare(channel: &Channel, loan_id: &str, borrower_id: &str) -> anyhow::Result<Vec<String>> {
    import(channel, &[(loan_id.to_owned(), borrower_id.to_owned())]).await?;
    let mut client = applications(channel, Caller::borrower(borrower_id)?);
    let mut evidence_ids = Vec::new();
    let documents = [
        (common::EvidenceType::DiagnosisCertificate, format!("Diagnosis of {borrower_id}'s mother.\n")),
        (common::EvidenceType::HospitalBill, format!("Bill for {borrower_id}'s mother: 7,812.40.\n")),
    ];
    for (kind, text) in documents {
        let evidence_id = request_id();
        let start = pb::EvidenceStart {
            evidence_id: evidence_id.clone(),
            application_id: String::new(),
            r#type: kind.into(),
            issuer: "First People's Hospital".to_owned(),
            file_name: "document.txt".to_owned(),
            size_bytes: i64::try_from(text.len())?,
            sha256: hex::encode(Sha256::digest(text.as_bytes())),
            offset: 0,
        };
        let message = |part| pb::UploadEvidenceRequest { loan_id: loan_id.to_owned(), part: Some(part) };
        let messages = [
            message(pb::upload_evidence_request::Part::Start(start)),
            message(pb::upload_evidence_request::Part::Chunk(text.into_bytes())),
        ];
        client.upload_evidence(tokio_stream::iter(messages)).await?;
        evidence_ids.push(evidence_id);
    }
    Ok(evidence_ids)
}

/// An application as its borrower sees it.
pub async fn application(channel: &Channel, borrower_id: &str, id: &str) -> anyhow::Result<pb::Application> {
    let mut client = applications(channel, Caller::borrower(borrower_id)?);
    let request = pb::GetApplicationRequest { application_id: id.to_owned() };
    client.get_application(request).await?.into_inner().application.context("an answer without the case")
}

/// Waits until a case is in a state.
pub async fn in_state(
    channel: &Channel,
    borrower_id: &str,
    id: &str,
    state: pb::ApplicationState,
) -> anyhow::Result<pb::Application> {
    eventually(&format!("{state:?} of `{id}`"), || async {
        let found = application(channel, borrower_id, id).await?;
        Ok((found.state() == state).then_some(found))
    })
    .await
}

/// Ids of a borrower's applications.
pub async fn cases_of(channel: &Channel, borrower_id: &str) -> anyhow::Result<Vec<String>> {
    let mut client = applications(channel, Caller::borrower(borrower_id)?);
    let request = pb::ListApplicationsRequest {
        borrower_id: borrower_id.to_owned(),
        page_size: 100,
        ..Default::default()
    };
    let found = client.list_applications(request).await?.into_inner().applications;
    Ok(found.into_iter().map(|application| application.application_id).collect())
}

/// Templates of a borrower's messages, sorted.
pub async fn messages(channel: &Channel, borrower_id: &str) -> anyhow::Result<Vec<String>> {
    let caller = Caller::borrower(borrower_id)?;
    let mut client = NotificationServiceClient::with_interceptor(channel.clone(), caller);
    let request =
        inbox::ListInboxRequest { borrower_id: borrower_id.to_owned(), page_size: 100, ..Default::default() };
    let found = client.list_inbox(request).await?.into_inner().messages;
    let mut templates = found.into_iter().map(|message| message.template).collect::<Vec<_>>();
    templates.sort();
    Ok(templates)
}

/// Waits until every one of `templates` lies in a borrower's inbox.
pub async fn delivered(channel: &Channel, borrower_id: &str, templates: &[&str]) -> anyhow::Result<()> {
    eventually(&format!("messages {templates:?} for `{borrower_id}`"), || async {
        let found = messages(channel, borrower_id).await?;
        Ok(templates.iter().all(|wanted| found.iter().any(|template| template == wanted)).then_some(()))
    })
    .await
}
