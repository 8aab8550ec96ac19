//! What happens to a request, in order: load limit, trace and metrics, panic catch, deadline, access, handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use metrics::Histogram;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;
use tracing::Instrument as _;

use super::body::{Bounded, Bounds, Holdings, Record};
use super::gate::{Entry, Gate, Shed};
use super::method::{Method, Methods};
use super::{Admission, draining, shed_problem};
use crate::access::{Guard, Rule};
use crate::budget::Budget;
use crate::config::{ServerConfig, millis};
use crate::context::{self, CallContext, Deadline};
use crate::frame::Measured;
use crate::normalise::normalised;
use crate::principal::role_name;
use crate::problem::Problem;
use crate::telemetry;

/// Largest message of a health check or of reflection, bytes: they are exempt from the limits that count.
const MAX_EXEMPT_BYTES: u32 = 4_096;

/// Everything a request passes. Shared by all connections of a server.
pub(super) struct Pipeline {
    pub(super) service: &'static str,
    pub(super) config: ServerConfig,
    pub(super) guard: Guard,
    pub(super) routes: Routes,
    pub(super) methods: Methods,
    pub(super) gate: Arc<Gate>,
    pub(super) budget: Budget,
    pub(super) shed: Shedding,
    /// For calls that the gate doesn't count.
    pub(super) exempt: Arc<Semaphore>,
    /// Cancelled when the drain begins: ends server streams.
    pub(super) drain: CancellationToken,
    /// Cancelled when the drain's patience ends: ends everything.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// A request's way through, filled in as it goes.
struct Passage {
    rule: Rule,
    method: Arc<Method>,
    entry: Option<Entry>,
    deadline: Deadline,
    context: CallContext,
    holdings: Holdings,
}

/// What a call that is shed is told, made once.
pub(super) struct Shedding {
    head: HeaderMap,
    /// From the arrival of a call to its answer's departure.
    seconds: Histogram,
}

impl Shedding {
    pub(super) fn new(service: &'static str) -> Self {
        let (parts, _) = shed_problem().into_status().into_http::<Body>().into_parts();
        let seconds = metrics::histogram!("leeway_rpc_shed_seconds", "service" => service);
        Self { head: parts.headers, seconds }
    }

    fn answer(&self, method: &Method, why: Shed, arrived: Instant) -> Response<Body> {
        method.count_shed(why);
        method.count_exhausted();
        let mut response = Response::new(Body::empty());
        response.headers_mut().clone_from(&self.head);
        self.seconds.record(arrived.elapsed().as_secs_f64());
        response
    }
}

impl Pipeline {
    /// Answers a request; every error has become a response. Whether it gets in is decided before this returns.
    pub(super) fn handle(
        self: &Arc<Self>,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + use<> {
        let arrived = Instant::now();
        let method = Arc::clone(self.methods.find(request.uri().path()));
        let entered = match method.rule {
            Rule::Exempt | Rule::Unknown => Ok(None),
            Rule::Method(_) => {
                let left = self.deadline(method.rule, &request).ok().map(Deadline::remaining);
                self.gate.enter(&method, left, arrived).map(Some)
            }
        };
        let pipeline = Arc::clone(self);
        async move {
            let entry = match entered {
                Ok(entry) => entry,
                Err(why) => return pipeline.shed.answer(&method, why, arrived),
            };
            let outer = CallContext { service: pipeline.service, ..CallContext::default() };
            // Boxed, since it is large and would be moved several times on its way into its task.
            context::scope(outer, Box::pin(pipeline.traced(method, entry, arrived, request))).await
        }
    }

    async fn traced(
        self: Arc<Self>,
        method: Arc<Method>,
        entry: Option<Entry>,
        arrived: Instant,
        request: Request<Body>,
    ) -> Response<Body> {
        let rule = method.rule;
        let span = telemetry::server_span(&method.name, request.uri().path(), request.headers());
        let mut record = Record::start(Arc::clone(&method), arrived, span.clone());
        let mut passage = Passage {
            rule,
            method,
            entry,
            deadline: Deadline::after(Duration::ZERO),
            context: CallContext::default(),
            holdings: Holdings::default(),
        };
        let work = AssertUnwindSafe(Box::pin(self.bounded(&mut passage, request)))
            .catch_unwind()
            .instrument(span.clone());
        let outcome = work.await.unwrap_or_else(|_| {
            crate::task::count_panic();
            Err(Problem::internal("a handler panicked").into())
        });
        let response = match outcome {
            Ok(response) => response,
            Err(status) => span.in_scope(|| normalised(&status)).unwrap_or(status).into_http(),
        };
        if let Some(status) = Status::from_header_map(response.headers()) {
            record.end(status.code());
            return span.in_scope(|| normalised(&status)).map_or(response, |status| {
                record.end(status.code());
                status.into_http()
            });
        }
        let bounds = Bounds { deadline: passage.deadline.instant(), cut: self.cut(rule).clone() };
        response.map(|body| Body::new(Bounded::new(body, bounds, passage.context, record, passage.holdings)))
    }

    /// Reads the deadline and holds the call to it, and to the drain.
    async fn bounded(&self, passage: &mut Passage, request: Request<Body>) -> Result<Response<Body>, Status> {
        if matches!(passage.rule, Rule::Unknown) {
            return Err(Problem::unknown_method().into());
        }
        passage.deadline = self.deadline(passage.rule, &request)?;
        if passage.deadline.has_passed() {
            return Err(Problem::deadline().into());
        }
        let deadline = passage.deadline.instant();
        // A health check may still say NOT_SERVING while the drain goes on; its streams end with the others.
        let cut = match passage.rule {
            Rule::Exempt => self.stop.clone(),
            rule @ (Rule::Method(_) | Rule::Unknown) => self.cut(rule).clone(),
        };
        if cut.is_cancelled() {
            return Err(draining().into());
        }
        tokio::select! {
            biased;
            // First, since most answers are there at once, and then nothing needs to be woken by the others.
            answered = tokio::time::timeout_at(deadline, self.admitted(passage, request)) => {
                answered.unwrap_or_else(|_| Err(Problem::deadline().into()))
            }
            () = cut.cancelled() => Err(draining().into()),
        }
    }

    /// Waits for a place, checks access, calls the handler.
    async fn admitted(
        &self,
        passage: &mut Passage,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        passage.context = CallContext {
            service: self.service,
            deadline: Some(passage.deadline),
            subject: None,
            tasks: Some(self.tasks.clone()),
        };
        let admission = self.begin(passage).await?;
        let charge = passage.holdings.charge.clone();
        let limit = if charge.is_some() { self.config.max_message_bytes } else { MAX_EXEMPT_BYTES };
        let mut request = request.map(|body| Body::new(Measured::new(body, limit, charge)));
        if let (Rule::Method(access), Some(admission)) = (passage.rule, admission) {
            let inside = passage.context.clone();
            let (admitted, principal) = context::scope(inside, self.guard.admit(access, request)).await?;
            request = admitted;
            tracing::Span::current().record("leeway.role", role_name(principal.role));
            passage.context.subject = principal.acting_for().map(str::to_owned);
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(admission);
        }
        request.extensions_mut().insert(passage.deadline);
        let call = self.routes.clone().call(request);
        match context::scope(passage.context.clone(), call).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// A place within the load limit; exempt calls have one each of their own kind.
    async fn begin(&self, passage: &mut Passage) -> Result<Option<Admission>, Problem> {
        let Some(mut entry) = passage.entry.take() else {
            let probe = Arc::clone(&self.exempt).try_acquire_owned();
            passage.holdings.probe = Some(probe.map_err(|_| self.shed(passage, Shed::Full))?);
            return Ok(None);
        };
        entry.begin().await.map_err(|why| self.shed(passage, why))?;
        passage.method.meters().admission.record(entry.arrived().elapsed().as_secs_f64());
        let admission = Admission::new(entry);
        passage.holdings.admission = Some(admission.clone());
        passage.holdings.charge = Some(self.budget.open());
        Ok(Some(admission))
    }

    fn shed(&self, passage: &Passage, why: Shed) -> Problem {
        passage.method.count_shed(why);
        shed_problem()
    }

    fn cut(&self, rule: Rule) -> &CancellationToken {
        if rule.is_server_stream() { &self.drain } else { &self.stop }
    }

    fn deadline<B>(&self, rule: Rule, request: &Request<B>) -> Result<Deadline, Problem> {
        let longest = match rule {
            rule if rule.is_server_stream() => self.config.max_stream_ms,
            Rule::Method(_) | Rule::Exempt | Rule::Unknown => self.config.max_deadline_ms,
        };
        let usual = match rule {
            Rule::Method(access) if !access.client_streaming && !access.server_streaming => {
                self.config.default_deadline_ms.min(longest)
            }
            // An upload takes as long as it takes.
            Rule::Method(_) | Rule::Exempt | Rule::Unknown => longest,
        };
        let given = match request.headers().get("grpc-timeout") {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(parse_timeout).ok_or_else(|| {
                Problem::malformed(
                    ErrorReason::MalformedDeadline,
                    "the `grpc-timeout` header is not 1 to 8 digits and a unit of `H`, `M`, `S`, `m`, `u`, `n`",
                )
            })?),
        };
        Ok(Deadline::after(given.unwrap_or(millis(usual)).min(millis(longest))))
    }
}

/// `grpc-timeout` of the gRPC protocol: 1 to 8 digits and a unit.
pub(crate) fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount.checked_mul(3_600)?)),
        "M" => Some(Duration::from_secs(amount.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_grpc_timeouts() {
        let rows = [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("30S", Some(Duration::from_secs(30))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("soon", None),
            ("5", None),
            ("S", None),
            ("-1S", None),
            ("", None),
            ("5é", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_timeout(text), expected, "{text}");
        }
    }
}
