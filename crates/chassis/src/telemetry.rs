//! Logs, traces and metrics.
//!
//! Several services may share a process. There is one tracer; each span is marked with the service whose work was
//! running when it started, and goes out through that service's own exporter, with its own `service.name`.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter, SpanProcessor,
};
use tokio_util::sync::CancellationToken;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{LogFormat, TelemetryConfig};
use crate::context;

/// Attribute that tells the services of a process apart.
pub const SERVICE_ATTRIBUTE: &str = "leeway.service";
/// What would leave hundreds of spans a call; named again in the configured filter, they come back.
const QUIET: [&str; 5] = ["h2", "hyper", "hyper_util", "tower", "tonic"];
/// How long an exporter may take for one batch, and for what is left at shutdown.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often samples of metrics are folded.
const UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the buckets for shed calls, which must cost next to nothing, seconds.
const SHED_BUCKETS: [f64; 12] =
    [0.00001, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];
/// Upper bounds of latency buckets, seconds.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Telemetry can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter `{filter}` can't be read")]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("the span exporter for `{endpoint}` can't be built")]
    Exporter {
        endpoint: String,
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    #[error("logs are set up already")]
    Twice,
}

/// Keeps the exporters; shut it down last.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Sets up logs on stderr, traces and metrics, once in a process and inside its runtime. `services` are those that
/// run here.
pub fn init(config: &TelemetryConfig, services: &[&'static str]) -> Result<Telemetry, TelemetryError> {
    let logs = log_filter(&config.log_filter)?
        // The spans that carry the trace id stay visible to every line, however quiet the filter is.
        .or(filter_fn(|metadata| metadata.is_span() && metadata.target() == module_path!()));
    let lines = match config.log_format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).with_ansi(false).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    let provider = provider(config, services)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("leeway"))
        .with_threads(false)
        .with_location(false)
        // Busy and idle time would cost two looks at the clock each time that a task goes on.
        .with_tracked_inactivity(false)
        .with_filter(quiet().with_default(LevelFilter::INFO));
    let registry = tracing_subscriber::registry().with(lines.with_filter(logs)).with(spans);
    registry.try_init().map_err(|_| TelemetryError::Twice)?;
    metrics_handle();
    Ok(Telemetry { provider })
}

/// What would leave hundreds of spans a call.
fn quiet() -> Targets {
    Targets::new().with_targets(QUIET.map(|target| (target, LevelFilter::OFF)))
}

/// The configured filter. Plain ones, without spans and fields, are read into a kind that costs nothing while a call goes
/// in and out of its span.
fn log_filter(configured: &str) -> Result<Box<dyn Filter<Registry> + Send + Sync>, TelemetryError> {
    if let Ok(plain) = configured.parse::<Targets>() {
        let all = quiet().with_targets(&plain);
        return Ok(Box::new(match plain.default_level() {
            Some(level) => all.with_default(level),
            None => all,
        }));
    }
    let quiet: String = QUIET.iter().map(|target| format!("{target}=off,")).collect();
    let filter = EnvFilter::try_new(quiet + configured)
        .map_err(|source| TelemetryError::Filter { filter: configured.to_owned(), source })?;
    Ok(Box::new(filter))
}

impl Telemetry {
    /// Sends what is left. Blocks for seconds at most; the runtime must still run.
    pub async fn shutdown(self) {
        let provider = self.provider;
        let flushed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(EXPORT_TIMEOUT)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "spans were lost at shutdown"),
            Err(error) => tracing::warn!(%error, "spans were lost at shutdown"),
        }
    }
}

fn provider(
    config: &TelemetryConfig,
    services: &[&'static str],
) -> Result<SdkTracerProvider, TelemetryError> {
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    let builder = SdkTracerProvider::builder().with_sampler(sampler);
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok(builder.with_span_processor(ByService { exporters: HashMap::new(), rest: None }).build());
    };
    let mut exporters = HashMap::new();
    for &service in services {
        exporters.insert(service, exporter(endpoint, service)?);
    }
    let rest = Some(exporter(endpoint, &config.service_name)?);
    Ok(builder.with_span_processor(ByService { exporters, rest }).build())
}

fn exporter(endpoint: &str, service: &str) -> Result<BatchSpanProcessor, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint: endpoint.to_owned(), source })?;
    Ok(named(exporter, service))
}

fn named(exporter: impl SpanExporter + 'static, service: &str) -> BatchSpanProcessor {
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    processor.set_resource(&Resource::builder().with_service_name(service.to_owned()).build());
    processor
}

/// Marks spans with their service and hands them to that service's exporter.
#[derive(Debug)]
struct ByService {
    exporters: HashMap<&'static str, BatchSpanProcessor>,
    /// For spans outside of any service.
    rest: Option<BatchSpanProcessor>,
}

impl SpanProcessor for ByService {
    fn on_start(&self, span: &mut SdkSpan, _parent: &Context) {
        if let Some(service) = context::current_service() {
            span.set_attribute(KeyValue::new(SERVICE_ATTRIBUTE, service));
        }
    }

    fn on_end(&self, span: SpanData) {
        let mark = span.attributes.iter().find(|pair| pair.key.as_str() == SERVICE_ATTRIBUTE);
        let service = mark.and_then(|pair| match &pair.value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        });
        let exporter = service.and_then(|name| self.exporters.get(name)).or(self.rest.as_ref());
        if let Some(exporter) = exporter {
            exporter.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.all().try_for_each(SpanProcessor::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.all().try_for_each(|exporter| exporter.shutdown_with_timeout(timeout))
    }

    // Each exporter has its own resource already.
    fn set_resource(&mut self, _resource: &Resource) {}
}

impl ByService {
    fn all(&self) -> impl Iterator<Item = &BatchSpanProcessor> {
        self.exporters.values().chain(&self.rest)
    }
}

/// The process's metrics, for `/metrics`; `None` if something else records them.
pub fn metrics_handle() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new();
        let latency = Matcher::Suffix("_seconds".to_owned());
        let shed = Matcher::Full("leeway_rpc_shed_seconds".to_owned());
        let builder = builder.set_buckets_for_metric(latency, &LATENCY_BUCKETS).ok()?;
        builder.set_buckets_for_metric(shed, &SHED_BUCKETS).ok()?.install_recorder().ok()
    };
    HANDLE.get_or_init(install).as_ref()
}

/// Folds what was recorded every few seconds until the end: unfolded samples would pile up where nobody asks for the
/// page.
pub(crate) async fn upkeep(end: CancellationToken) {
    while end.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
        if let Some(handle) = metrics_handle() {
            handle.run_upkeep();
        }
    }
}

/// W3C `traceparent` of the current span, to be kept with an effect; `None` without a trace.
pub fn current_traceparent() -> Option<String> {
    let mut pairs = Pairs::default();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut pairs);
    pairs.0.remove("traceparent")
}

/// A span below a kept `traceparent`, such as that of an effect. An unreadable parent starts a new trace.
pub fn span_with_parent(name: &str, traceparent: Option<&str>) -> Span {
    let span = tracing::info_span!(
        "work",
        otel.name = name,
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        trace_id = field::Empty,
        span_id = field::Empty,
    );
    let mut pairs = Pairs::default();
    pairs.0.extend(traceparent.map(|text| ("traceparent".to_owned(), text.to_owned())));
    adopt(&span, Some(TraceContextPropagator::new().extract(&pairs)));
    span
}

/// The span of an incoming call, below the caller's if it sent one.
pub(crate) fn server_span(name: &str, path: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = name,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = path,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty,
        leeway.role = field::Empty,
        trace_id = field::Empty,
        span_id = field::Empty,
    );
    // What the current context holds is no caller's.
    let sent = headers.contains_key("traceparent");
    adopt(&span, sent.then(|| TraceContextPropagator::new().extract(&Headers(headers))));
    span
}

/// The span of an outgoing call.
pub(crate) fn client_span(path: &str) -> Span {
    tracing::info_span!(
        "call",
        otel.name = short_name(path),
        otel.kind = "client",
        rpc.system = "grpc",
        rpc.method = path,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// Writes the span's W3C headers.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
}

fn adopt(span: &Span, parent: Option<Context>) {
    if let Some(parent) = parent.filter(|parent| parent.span().span_context().is_valid()) {
        // It fails only without a subscriber or for a filtered span: then there is no trace to continue.
        let _ = span.set_parent(parent);
    }
    let context = span.context();
    let found = context.span();
    let ids = found.span_context();
    if ids.is_valid() {
        tracing::record_all!(span, trace_id = %ids.trace_id(), span_id = %ids.span_id());
    }
}

/// `LoanService.GetLoan` of `/leeway.application.v1.LoanService/GetLoan`.
pub(crate) fn short_name(path: &str) -> String {
    path.rsplit_once('.').map_or(path, |(_, tail)| tail).replace('/', ".")
}

#[derive(Default)]
struct Pairs(HashMap<String, String>);

impl Injector for Pairs {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

impl Extractor for Pairs {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::Tracer as _;
    use std::sync::{Arc, Mutex};

    #[test]
    fn names_are_short() {
        assert_eq!(short_name("/leeway.application.v1.LoanService/GetLoan"), "LoanService.GetLoan");
        assert_eq!(short_name("odd"), "odd");
    }

    #[test]
    fn without_a_subscriber_there_is_no_trace() {
        assert_eq!(current_traceparent(), None);
        let _entered = span_with_parent("x", Some("nonsense")).entered();
        assert_eq!(current_traceparent(), None);
    }

    #[derive(Debug)]
    struct Kept {
        resource: String,
        spans: Arc<Mutex<Vec<(String, String)>>>,
    }

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let named = batch.into_iter().map(|span| (self.resource.clone(), span.name.to_string()));
            self.spans.lock().unwrap().extend(named);
            Ok(())
        }

        fn set_resource(&mut self, resource: &Resource) {
            self.resource =
                resource.get(&"service.name".into()).map(|name| name.to_string()).unwrap_or_default();
        }
    }

    #[tokio::test]
    async fn each_service_has_its_own_exporter() {
        let spans = Arc::default();
        let kept = |service: &'static str| {
            named(Kept { resource: String::new(), spans: Arc::clone(&spans) }, service)
        };
        let exporters = [("application", kept("application")), ("policy", kept("policy"))].into();
        let processor = ByService { exporters, rest: Some(kept("leeway")) };
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("test");
        for (service, name) in [("application", "a"), ("policy", "p"), ("", "none")] {
            let context = context::CallContext { service, ..context::CallContext::default() };
            context::sync_scope(&context, || drop(tracer.start(name)));
        }
        provider.shutdown().unwrap();
        let mut spans = spans.lock().unwrap().clone();
        spans.sort();
        let expected = [("application", "a"), ("leeway", "none"), ("policy", "p")];
        assert_eq!(spans, expected.map(|(service, name)| (service.to_owned(), name.to_owned())));
    }
}
