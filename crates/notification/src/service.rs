//! Wiring: what the service is made of, and what it hands to whoever runs it.

use std::sync::Arc;

use api::access::OwnerKind;
use api::leeway::notification::v1::notification_service_server::NotificationServiceServer;
use chassis::{Clock, Ids, OwnerLookup, Problem, Worker};
use jiff::Timestamp;
use store::Store;
use tonic::service::Routes;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::contact_book::ContactBook;
use crate::documents::{Notification, read};
use crate::limits::MAX_REQUEST_BYTES;
use crate::rpc::Api;
use crate::work;

/// The service's name in configuration, spans and probes.
pub const SERVICE_NAME: &str = "notification";

/// What the service is made of.
pub struct Parts {
    /// Opened with [`crate::SCHEMA`].
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    /// Contact rules by pack, such as [`ContactBook::embedded`].
    pub contact: ContactBook,
}

/// The service, ready to be served.
pub struct Service {
    /// For `chassis::Server`.
    pub routes: Routes,
    /// Says whose a notification is; for `chassis::Server`.
    pub owners: Arc<dyn OwnerLookup>,
    /// Delivers what is due, once it is spawned or told to.
    pub worker: Worker,
}

/// The service can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A template that ships doesn't hold together.
    #[error("the templates can't be used")]
    Templates(#[from] CatalogueError),
}

/// What RPCs and effects share.
pub(crate) struct Core {
    pub store: Store,
    pub clock: Clock,
    pub catalogue: Catalogue,
    pub contact: ContactBook,
}

impl Service {
    /// Checks the templates and wires the service; serves and runs nothing yet.
    pub fn open(parts: Parts) -> Result<Self, OpenError> {
        let Parts { store, clock, ids, contact } = parts;
        let catalogue = Catalogue::embedded()?;
        let core = Arc::new(Core { store: store.clone(), clock: clock.clone(), catalogue, contact });
        let worker = Worker::new(SERVICE_NAME, store, clock, ids, work::topics(&core));
        let api = NotificationServiceServer::new(Api(Arc::clone(&core)));
        let routes = Routes::new(api.max_decoding_message_size(MAX_REQUEST_BYTES));
        Ok(Self { routes, owners: Arc::new(Owners(core)), worker })
    }
}

impl Core {
    /// Domain time at the store's grain of a microsecond, so that what is stored equals what was compared.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// Whose a notification is.
struct Owners(Arc<Core>);

#[tonic::async_trait]
impl OwnerLookup for Owners {
    async fn owner_of(&self, kind: OwnerKind, id: &str) -> Result<Option<String>, Problem> {
        match kind {
            OwnerKind::Notification => {
                let found = read::<Notification>(&self.0.store, id).await?;
                Ok(found.map(|found| found.record.content.borrower_id))
            }
            // No method of this service names them.
            OwnerKind::Borrower | OwnerKind::Loan | OwnerKind::Application | OwnerKind::Plan => Ok(None),
        }
    }
}
