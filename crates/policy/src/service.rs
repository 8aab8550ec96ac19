//! Wiring: what the service is made of and what it gives to the server.

use std::sync::Arc;

use api::leeway::policy::v1::policy_service_server::{PolicyService, PolicyServiceServer};
use api::leeway::policy::v1::{
    AssessRequest, AssessResponse, AssessStreamRequest, GetDecisionRequest, GetDecisionResponse,
    GetPackRequest, GetPackResponse, PreviewScheduleRequest, PreviewScheduleResponse,
};
use chassis::{Clock, Ids, NoOwners, OwnerLookup, Problem};
use store::Store;
use tokio::sync::Semaphore;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use crate::config::PolicyConfig;
use crate::packs::{PackShelf, ShelfError};
use crate::rpc;

/// What the process lends to the service.
#[derive(Clone)]
pub struct Parts {
    /// Opened with [`crate::SCHEMA`].
    pub store: Store,
    /// Domain time: stamps records.
    pub clock: Clock,
    /// Ids of decisions.
    pub ids: Ids,
}

/// A service ready to be served by `chassis::Server` under the name `policy`. It has no effects, so it needs no worker.
pub struct Service {
    /// The RPCs.
    pub routes: Routes,
    /// No method of this service names a borrower's resource.
    pub owner_lookup: Arc<dyn OwnerLookup>,
    /// The packs in use.
    pub packs: PackShelf,
}

impl Service {
    /// Loads and checks every pack; refuses to start with any that is wrong. Blocks while it reads.
    pub fn open(config: &PolicyConfig, parts: Parts) -> Result<Self, ShelfError> {
        let packs = PackShelf::open(config.packs_dir.as_deref())?;
        for pack in packs.all() {
            tracing::info!(pack = pack.name, version = pack.version, digest = pack.digest, "pack in use");
        }
        let state = State {
            packs: packs.clone(),
            parts,
            processors: Arc::new(Semaphore::new(config.parallel_assessments())),
        };
        let routes = Routes::new(PolicyServiceServer::new(Rpcs(state)));
        Ok(Self { routes, owner_lookup: Arc::new(NoOwners), packs })
    }
}

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct State {
    pub packs: PackShelf,
    pub parts: Parts,
    processors: Arc<Semaphore>,
}

impl State {
    /// Runs heavy arithmetic off the threads that serve, a bounded number at a time. It isn't cut off when the caller leaves.
    pub async fn compute<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let place = Arc::clone(&self.processors).acquire_owned().await;
        let place = place.map_err(|closed| Problem::internal("nothing computes any more").source(closed))?;
        let span = tracing::Span::current();
        let running = tokio::task::spawn_blocking(move || {
            let _place = place;
            span.in_scope(work)
        });
        running.await.map_err(|lost| Problem::internal("a computation was lost").source(lost))?
    }
}

struct Rpcs(State);

#[tonic::async_trait]
impl PolicyService for Rpcs {
    async fn assess(&self, request: Request<AssessRequest>) -> Result<Response<AssessResponse>, Status> {
        Ok(Response::new(rpc::assess::handle(&self.0, request).await?))
    }

    type AssessStreamStream = rpc::assess_stream::Answers;

    async fn assess_stream(
        &self,
        request: Request<Streaming<AssessStreamRequest>>,
    ) -> Result<Response<Self::AssessStreamStream>, Status> {
        Ok(Response::new(rpc::assess_stream::handle(&self.0, request.into_inner())))
    }

    async fn preview_schedule(
        &self,
        request: Request<PreviewScheduleRequest>,
    ) -> Result<Response<PreviewScheduleResponse>, Status> {
        Ok(Response::new(rpc::preview_schedule::handle(&self.0, request.into_inner()).await?))
    }

    async fn get_pack(&self, request: Request<GetPackRequest>) -> Result<Response<GetPackResponse>, Status> {
        Ok(Response::new(rpc::get_pack::handle(&self.0, request.get_ref())?))
    }

    async fn get_decision(
        &self,
        request: Request<GetDecisionRequest>,
    ) -> Result<Response<GetDecisionResponse>, Status> {
        Ok(Response::new(rpc::get_decision::handle(&self.0, request.get_ref()).await?))
    }
}
