//! Wiring: what the service is made of and what it gives to the server.

use std::sync::Arc;
use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::policy_service_server::{PolicyService, PolicyServiceServer};
use api::leeway::policy::v1::{
    AssessRequest, AssessResponse, AssessStreamRequest, GetDecisionRequest, GetDecisionResponse,
    GetPackRequest, GetPackResponse, PreviewScheduleRequest, PreviewScheduleResponse, ReplayDecisionsRequest,
};
use chassis::{Clock, Ids, NoOwners, OwnerLookup, Problem, Worker};
use jiff::Timestamp;
use store::Store;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use crate::config::PolicyConfig;
use crate::library::Parsed;
use crate::packs::{PackShelf, ShelfError};
use crate::{rpc, shipped, work};

/// Largest request, bytes: a pack and its frame.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Replays at a time.
const MAX_REPLAYS: usize = 4;
/// What callers are told to wait for a place.
const REPLAY_RETRY: Duration = Duration::from_secs(5);
/// The service's name in configuration, spans and probes.
const SERVICE_NAME: &str = "policy";

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

/// Why the service can't start.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A pack is wrong.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The packs can't be recorded, or what was recorded can't be read.
    #[error("the packs can't be recorded: {0}")]
    Records(Problem),
    /// A pack that is in force was published to another version of the software, and this one can't read it.
    #[error("pack `{name}` of digest `{digest}` is in force and can't be read by this engine: {why}")]
    InForce { name: String, digest: String, why: String },
}

/// A service ready to be served by `chassis::Server` under the name `policy`.
pub struct Service {
    /// The RPCs.
    pub routes: Routes,
    /// No method of this service names a borrower's resource.
    pub owner_lookup: Arc<dyn OwnerLookup>,
    /// The packs that came with the software.
    pub packs: PackShelf,
    /// Asks candidates in shadow, once it is spawned or told to.
    pub worker: Worker,
}

impl Service {
    /// Loads and checks every pack, and records those that are new in the database; refuses to start with any that is
    /// wrong. Blocks while it reads.
    pub async fn open(config: &PolicyConfig, parts: Parts) -> Result<Self, OpenError> {
        let packs = PackShelf::open(config.packs_dir.as_deref())?;
        for pack in packs.all() {
            tracing::info!(pack = pack.name, version = pack.version, digest = pack.digest, "pack at hand");
        }
        shipped::record(&parts, &packs).await.map_err(OpenError::Records)?;
        let (store, clock, ids) = (parts.store.clone(), parts.clock.clone(), parts.ids.clone());
        let processors = config.parallel_assessments();
        let state = State {
            shelf: packs.clone(),
            parsed: Arc::new(Parsed::default()),
            parts,
            processors: Arc::new(Semaphore::new(processors)),
            behind: Arc::new(Semaphore::new(processors.div_ceil(2))),
            replays: Arc::new(Semaphore::new(MAX_REPLAYS)),
        };
        shipped::check_in_force(&state).await?;
        let worker = Worker::new(SERVICE_NAME, store, clock, ids, work::topics(&state));
        let rpcs = PolicyServiceServer::new(Rpcs(state)).max_decoding_message_size(MAX_REQUEST_BYTES);
        Ok(Self { routes: Routes::new(rpcs), owner_lookup: Arc::new(NoOwners), packs, worker })
    }
}

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct State {
    /// The packs that came with the software.
    pub shelf: PackShelf,
    /// Packs of the database that were parsed before.
    pub parsed: Arc<Parsed>,
    pub parts: Parts,
    processors: Arc<Semaphore>,
    behind: Arc<Semaphore>,
    replays: Arc<Semaphore>,
}

impl State {
    /// A place for a replay, which holds a page of decisions in memory for as long as its client takes.
    pub fn replay_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.replays).try_acquire_owned();
        let text = format!("{MAX_REPLAYS} replays run already");
        place.map_err(|_| Problem::exhausted(ErrorReason::Overloaded, text, Some(REPLAY_RETRY)))
    }

    /// The same for reads that decide nothing and may be a little old.
    pub fn stale(&self) -> Self {
        let mut stale = self.clone();
        stale.parts.store = self.parts.store.stale();
        stale
    }

    /// Runs heavy arithmetic off the threads that serve, a bounded number at a time. It isn't cut off when the caller leaves.
    pub async fn compute<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        run(&self.processors, work).await
    }

    /// The same for work that nobody's answer waits for, or that goes on for long: it never takes the place of an answer.
    pub async fn compute_behind<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        run(&self.behind, work).await
    }

    /// The moment by the platform's clock, at the store's grain of a microsecond.
    pub fn now(&self) -> Timestamp {
        let now = self.parts.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

async fn run<T, F>(places: &Arc<Semaphore>, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(|closed| Problem::internal("nothing computes any more").source(closed))?;
    let span = tracing::Span::current();
    let running = chassis::task::blocking(move || {
        let _place = place;
        span.in_scope(work)
    });
    running.await?
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

    async fn list_packs(
        &self,
        request: Request<policy::ListPacksRequest>,
    ) -> Result<Response<policy::ListPacksResponse>, Status> {
        Ok(Response::new(rpc::list_packs::handle(&self.0, request.get_ref()).await?))
    }

    async fn get_pack(&self, request: Request<GetPackRequest>) -> Result<Response<GetPackResponse>, Status> {
        Ok(Response::new(rpc::get_pack::handle(&self.0, request).await?))
    }

    async fn check_pack(
        &self,
        request: Request<policy::CheckPackRequest>,
    ) -> Result<Response<policy::CheckPackResponse>, Status> {
        Ok(Response::new(rpc::check_pack::handle(&self.0, request.into_inner()).await?))
    }

    async fn publish_pack(
        &self,
        request: Request<policy::PublishPackRequest>,
    ) -> Result<Response<policy::PublishPackResponse>, Status> {
        Ok(Response::new(rpc::publish_pack::handle(&self.0, request).await?))
    }

    async fn propose_activation(
        &self,
        request: Request<policy::ProposeActivationRequest>,
    ) -> Result<Response<policy::ProposeActivationResponse>, Status> {
        Ok(Response::new(rpc::propose_activation::handle(&self.0, request).await?))
    }

    async fn confirm_activation(
        &self,
        request: Request<policy::ConfirmActivationRequest>,
    ) -> Result<Response<policy::ConfirmActivationResponse>, Status> {
        Ok(Response::new(rpc::confirm_activation::handle(&self.0, request).await?))
    }

    async fn withdraw_activation(
        &self,
        request: Request<policy::WithdrawActivationRequest>,
    ) -> Result<Response<policy::WithdrawActivationResponse>, Status> {
        Ok(Response::new(rpc::withdraw_activation::handle(&self.0, request).await?))
    }

    type ReplayDecisionsStream = rpc::replay_decisions::Parts;

    async fn replay_decisions(
        &self,
        request: Request<ReplayDecisionsRequest>,
    ) -> Result<Response<Self::ReplayDecisionsStream>, Status> {
        Ok(Response::new(rpc::replay_decisions::handle(&self.0, request.get_ref()).await?))
    }

    async fn get_decision(
        &self,
        request: Request<GetDecisionRequest>,
    ) -> Result<Response<GetDecisionResponse>, Status> {
        Ok(Response::new(rpc::get_decision::handle(&self.0, request.get_ref()).await?))
    }
}
