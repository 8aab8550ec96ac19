//! The service over real gRPC on loopback.

mod activations;
mod assess;
mod calendars;
mod cases;
mod packs;
mod preview_refusals;
mod previews;
mod proofs;
mod publishing;
mod replays;
mod shadows;
mod streams;

use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use chassis::{Clock, Ids, Server, ServerConfig, ServerHandle};
use store::Store;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{Parts, PolicyConfig, SCHEMA, Service};

/// A running service and a client of it. Its worker runs only when it is told to.
pub struct Running {
    pub client: PolicyServiceClient<Channel>,
    pub store: Store,
    pub clock: Clock,
    pub worker: chassis::Worker,
    server: ServerHandle,
}

/// Starts the service with seeded ids, a clock that stands still, and a store in memory.
pub async fn start() -> Running {
    start_with(Store::open_inline(None, &SCHEMA).unwrap(), &PolicyConfig::default()).await
}

/// The same on a store of the test's, with settings of its own.
pub async fn start_with(store: Store, config: &PolicyConfig) -> Running {
    let clock = Clock::manual("2026-07-20T02:00:00Z".parse().unwrap());
    start_at(store, config, clock).await
}

/// The same on a clock that moved.
pub async fn start_at(store: Store, config: &PolicyConfig, clock: Clock) -> Running {
    let ids = Ids::seeded(7);
    let parts = Parts { store: store.clone(), clock: clock.clone(), ids: ids.clone() };
    let service = Service::open(config, parts).await.unwrap();
    let server = Server::new("policy", ServerConfig::default(), ids, service.routes, service.owner_lookup);
    let server = server.spawn(CancellationToken::new()).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap().connect_lazy();
    Running { client: PolicyServiceClient::new(channel), store, clock, worker: service.worker, server }
}

impl Running {
    /// Ends the server; the store stays.
    pub async fn stop(self) -> Store {
        self.server.shutdown().await;
        self.store
    }
}

/// UUIDs for requests, a new one each time.
pub fn request_id() -> String {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let nr = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("11111111-0000-4000-8000-{nr:012x}")
}

/// A request of the application service.
pub fn ask<T>(message: T) -> Request<T> {
    ask_as("service:application", message)
}

/// A request of anybody.
pub fn ask_as<T>(principal: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-leeway-principal", principal.parse().unwrap());
    request
}

/// Request of Assess.
pub fn question(number: u8, facts: policy::Facts) -> policy::AssessRequest {
    policy::AssessRequest {
        request_id: format!("00000000-0000-4000-8000-0000000000{number:02x}"),
        pack_name: "cn-instalment".into(),
        facts: Some(facts),
        dry_run: false,
    }
}

/// Code and reason of an error.
pub fn refused(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "leeway");
    (status.code(), info.reason)
}

/// Fields that an INVALID_ARGUMENT names.
pub fn fields(status: &Status) -> Vec<String> {
    let bad = status.get_details_bad_request().unwrap();
    bad.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// Minor units.
pub fn minor(money: &Option<api::leeway::common::v1::Money>) -> i64 {
    money.as_ref().unwrap().minor_units
}

/// A date as text.
pub fn date(date: &Option<api::google::r#type::Date>) -> String {
    let date = date.as_ref().unwrap();
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}
