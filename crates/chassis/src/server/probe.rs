//! The probe port: `/livez`, `/readyz`, `/metrics` and gRPC health, for orchestrators and scrapers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::telemetry;

/// What probes are told.
#[derive(Debug, Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
    names: Arc<Vec<&'static str>>,
    ready: Arc<AtomicBool>,
}

impl Health {
    /// Ready from the start; `liveness` is SERVING as long as the process answers.
    pub(super) async fn new(names: Vec<&'static str>) -> Self {
        let health = Self {
            reporter: HealthReporter::new(),
            names: Arc::new(names),
            ready: Arc::new(AtomicBool::new(true)),
        };
        health.reporter.set_service_status("liveness", ServingStatus::Serving).await;
        health.set_ready(true).await;
        health
    }

    pub(super) async fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in ["", "readiness"].into_iter().chain(self.names.iter().copied()) {
            self.reporter.set_service_status(name, status).await;
        }
    }

    pub(super) fn grpc(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }
}

/// Serves until the server is gone, so that a drain can be watched.
pub(super) async fn serve(listener: TcpListener, health: Health, gone: CancellationToken) {
    let ready = health.clone();
    let pages = Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(move || async move { readiness(&ready) }))
        .route("/metrics", get(|| async { metrics_page() }));
    let app = Routes::new(health.grpc()).into_axum_router().merge(pages);
    let served = axum::serve(listener, app);
    tokio::select! {
        biased;
        () = gone.cancelled() => {}
        ended = served => if let Err(error) = ended {
            tracing::error!(%error, "the probe port failed");
        }
    }
}

fn readiness(health: &Health) -> impl IntoResponse + use<> {
    if health.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

fn metrics_page() -> impl IntoResponse {
    let page = telemetry::metrics_handle().map(|handle| {
        handle.run_upkeep();
        handle.render()
    });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page.unwrap_or_default())
}
