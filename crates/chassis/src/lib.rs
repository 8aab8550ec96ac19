//! What every Leeway service runs on: clock, ids, configuration, telemetry, server, identity and access, client,
//! effects worker. It knows no business word.
//!
//! A request passes, in this order: load limit, trace and metrics, panic catch, deadline, access, handler; whatever
//! leaves is normalised so that every error carries a `google.rpc.ErrorInfo`.
//!
//! A service wires itself up like this:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use chassis::{Client, ClientConfig, Clock, Ids, NoOwners, Principal, Server, ServerConfig, Topic, Worker};
//! use tokio_util::sync::CancellationToken;
//! use tonic::service::Routes;
//!
//! static SCHEMA: store::Schema = store::Schema { kinds: &[] };
//!
//! async fn serve(shutdown: CancellationToken) -> Result<(), Box<dyn std::error::Error>> {
//!     let config: ServerConfig = chassis::config::load(None, chassis::config::ENV_PREFIX, Vec::new())?;
//!     let telemetry = chassis::telemetry::init(&chassis::TelemetryConfig::default(), &["application"])?;
//!     let (clock, ids) = (Clock::system(), Ids::random());
//!     let store = store::Store::open(std::path::Path::new("application.db"), &SCHEMA, store::Options::default())?;
//!
//!     // Generated clients take it as their channel: `PolicyServiceClient::new(policy.clone())`.
//!     let policy = Client::connect(&ClientConfig::default(), Principal::service("application"), ids.clone())?;
//!     let assess = Topic::new("assess", 1, move |_effect| {
//!         let away = policy.circuit().is_open();
//!         async move {
//!             if away {
//!                 return Err(chassis::Failure::Unavailable { reason: "policy is away".to_owned(), after: None });
//!             }
//!             Ok(store::Commit::default())
//!         }
//!     });
//!     let worker = Worker::new("application", store.clone(), clock, ids.clone(), vec![assess]);
//!     let running = worker.spawn(shutdown.clone());
//!
//!     // `Routes::new(LoanServiceServer::new(…)).add_service(…)`, and an `OwnerLookup` over the store.
//!     let server = Server::new("application", config, ids, Routes::default(), Arc::new(NoOwners));
//!     server.spawn(shutdown).await?.wait().await;
//!     running.await?;
//!     store.close().await;
//!     telemetry.shutdown().await;
//!     Ok(())
//! }
//! ```

pub mod access;
pub mod balance;
pub mod circuit;
pub mod client;
pub mod clock;
pub mod config;
pub mod context;
pub mod ids;
pub mod mutation;
pub mod network;
pub mod principal;
pub mod problem;
pub mod retry;
pub mod server;
pub mod task;
pub mod telemetry;
pub mod violations;
pub mod worker;

mod budget;
mod frame;
mod normalise;
mod store_problem;

pub use access::{NoOwners, OwnerLookup};
pub use balance::{Dns, Resolve};
pub use circuit::Circuit;
pub use client::Client;
pub use clock::Clock;
pub use config::{ClientConfig, ServerConfig, TelemetryConfig};
pub use context::{CallContext, Deadline};
pub use ids::Ids;
pub use mutation::{Draft, Mutation};
pub use network::Network;
pub use principal::Principal;
pub use problem::Problem;
pub use retry::{Repeat, Retry};
pub use server::{Admission, Readiness, Server, ServerHandle};
pub use violations::{Violation, Violations};
pub use worker::{Ended, Failure, Topic, Worker};
