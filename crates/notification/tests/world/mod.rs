//! The service over real gRPC on loopback, with a store in memory and a clock that stands still.

use std::collections::BTreeMap;

use api::access::Role;
use api::leeway::notification::v1 as pb;
use api::leeway::notification::v1::notification_service_client::NotificationServiceClient;
use chassis::config::ClientConfig;
use chassis::{Client, Clock, Ids, Principal, Server, ServerConfig, ServerHandle, Worker};
use jiff::Timestamp;
use notification::{ContactBook, Parts, SCHEMA, SERVICE_NAME, Service};
use store::Store;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic_types::StatusExt as _;

pub type Caller = NotificationServiceClient<Client>;

pub struct World {
    pub store: Store,
    pub clock: Clock,
    pub worker: Worker,
    server: ServerHandle,
    client: Client,
    ids: Ids,
}

impl World {
    /// Starts at a moment such as `2026-07-20T10:00:00+08:00`.
    pub async fn at(start: &str) -> Self {
        let store = Store::open_inline(None, &SCHEMA).expect("a store");
        let clock = Clock::manual(start.parse().expect("a time"));
        let ids = Ids::seeded(7);
        let parts = Parts {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            contact: ContactBook::embedded().expect("contact rules"),
        };
        let Service { routes, owners, worker } = Service::open(parts).expect("a service");
        let server = Server::new(SERVICE_NAME, ServerConfig::default(), ids.clone(), routes, owners);
        let server = server.spawn(CancellationToken::new()).await.expect("a server");
        let config = ClientConfig { endpoint: format!("http://{}", server.grpc), ..ClientConfig::default() };
        let client =
            Client::connect(&config, Principal::service("application"), ids.clone()).expect("a client");
        Self { store, clock, worker, server, client, ids }
    }

    /// A client of the application service.
    pub fn sender(&self) -> Caller {
        NotificationServiceClient::new(self.client.clone())
    }

    /// A client of somebody else.
    pub fn caller(&self, role: Role, id: &str) -> Caller {
        NotificationServiceClient::new(self.client.with_principal(Principal::new(role, id)))
    }

    /// A client of a service that acts for a borrower.
    pub fn on_behalf_of(&self, borrower: &str) -> Caller {
        let principal = Principal { subject: Some(borrower.to_owned()), ..Principal::service("application") };
        NotificationServiceClient::new(self.client.with_principal(principal))
    }

    pub fn request_id(&self) -> String {
        self.ids.uuid().to_string()
    }

    /// Moves the clock and delivers what is due by then.
    pub async fn pass(&self, to: &str) -> usize {
        self.clock.set(to.parse().expect("a time")).expect("forward");
        self.worker.run_until_idle().await.expect("the store answers")
    }

    /// An answer to a borrower: the withdrawal of an application.
    pub fn answer(&self, key: &str, borrower: &str) -> pb::EnqueueRequest {
        pb::EnqueueRequest {
            request_id: self.request_id(),
            key: key.to_owned(),
            borrower_id: borrower.to_owned(),
            application_id: "app-1".to_owned(),
            message_class: pb::MessageClass::Service.into(),
            template: "withdrawn".to_owned(),
            parameters: map(&[("loan_id", "loan-1")]),
            not_before_time: None,
            pack_name: String::new(),
        }
    }

    /// A reminder of a payment.
    pub fn reminder(&self, key: &str, borrower: &str) -> pb::EnqueueRequest {
        pb::EnqueueRequest {
            message_class: pb::MessageClass::Reminder.into(),
            template: "payment-reminder".to_owned(),
            parameters: map(&[("loan_id", "loan-1"), ("due_date", "2026-08-15"), ("amount", "CNY 1079.70")]),
            ..self.answer(key, borrower)
        }
    }

    pub async fn enqueue(&self, request: &pb::EnqueueRequest) -> Result<pb::Notification, Status> {
        let response = self.sender().enqueue(request.clone()).await?;
        Ok(response.into_inner().notification.expect("a notification"))
    }

    pub async fn cancel(&self, key: &str) -> bool {
        let request = pb::CancelRequest { request_id: self.request_id(), key: key.to_owned() };
        self.sender().cancel(request).await.expect("an answer").into_inner().cancelled
    }

    pub async fn notification(&self, id: &str) -> pb::Notification {
        let request = pb::GetNotificationRequest { notification_id: id.to_owned() };
        let response = self.sender().get_notification(request).await.expect("an answer");
        response.into_inner().notification.expect("a notification")
    }

    /// The first page of a borrower's inbox, as they see it.
    pub async fn inbox(&self, borrower: &str) -> Vec<pb::InboxMessage> {
        let request = pb::ListInboxRequest { borrower_id: borrower.to_owned(), ..Default::default() };
        let response = self.caller(Role::Borrower, borrower).list_inbox(request).await.expect("an inbox");
        response.into_inner().messages
    }

    pub async fn end(self) {
        self.server.shutdown().await;
    }
}

pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// A moment as people read it, in Shanghai.
pub fn shown(time: Option<prost_types::Timestamp>) -> String {
    let time = time.expect("a time");
    let at = Timestamp::new(time.seconds, time.nanos).expect("a time");
    at.in_tz("Asia/Shanghai").expect("a zone").strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Code of an error's `ErrorInfo`.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Fields of an error's `BadRequest`, with their codes.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}
