//! Wiring: what the service is made of, and what it hands to whoever runs it.

use std::sync::Arc;

use api::access::OwnerKind;
use api::leeway::application::v1::application_service_server::ApplicationServiceServer;
use api::leeway::application::v1::desk_service_server::DeskServiceServer;
use api::leeway::application::v1::feed_service_server::FeedServiceServer;
use api::leeway::application::v1::loan_service_server::LoanServiceServer;
use api::leeway::application::v1::plan_service_server::PlanServiceServer;
use chassis::{OwnerLookup, Problem, Worker};
use negotiation::{Application, Plan};
use tonic::service::Routes;

pub use crate::shared::Parts;

use crate::documents::LoanRecord;
use crate::rpc::Rpc;
use crate::shared::Shared;
use crate::work;

/// The service's name in configuration, spans and probes.
pub const SERVICE_NAME: &str = "application";
/// Largest request, bytes: a chunk of a document and its frame.
const MAX_REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// The service, ready to be served.
pub struct Service {
    /// For `chassis::Server`.
    pub routes: Routes,
    /// Says whose a loan, an application or a plan is; for `chassis::Server`.
    pub owners: Arc<dyn OwnerLookup>,
    /// Runs assessments, messages and timers, once it is spawned or told to.
    pub worker: Worker,
}

impl Service {
    /// Wires the service; serves and runs nothing yet. The store was opened with [`crate::SCHEMA`].
    pub fn open(parts: Parts) -> Self {
        let (store, clock, ids) = (parts.store.clone(), parts.clock.clone(), parts.ids.clone());
        let shared = Shared::new(parts);
        let rpc = Rpc(shared.clone());
        let mut routes = Routes::builder();
        routes
            .add_service(LoanServiceServer::new(rpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(
                ApplicationServiceServer::new(rpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES),
            )
            .add_service(DeskServiceServer::new(rpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(PlanServiceServer::new(rpc.clone()))
            .add_service(FeedServiceServer::new(rpc));
        let worker = Worker::new(SERVICE_NAME, store, clock, ids, work::topics(&shared));
        Self { routes: routes.routes(), owners: Arc::new(Owners(shared)), worker }
    }
}

/// Whose a resource is.
struct Owners(Shared);

#[tonic::async_trait]
impl OwnerLookup for Owners {
    async fn owner_of(&self, kind: OwnerKind, id: &str) -> Result<Option<String>, Problem> {
        Ok(match kind {
            OwnerKind::Loan => self.0.get::<LoanRecord>(id).await?.map(|found| found.record.borrower_id),
            OwnerKind::Application => {
                self.0.get::<Application>(id).await?.map(|found| found.record.borrower_id)
            }
            OwnerKind::Plan => self.0.get::<Plan>(id).await?.map(|found| found.record.borrower_id),
            // No method of this service names them.
            OwnerKind::Borrower | OwnerKind::Notification => None,
        })
    }
}
