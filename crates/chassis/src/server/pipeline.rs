//! What happens to a request, in order: trace and metrics, panic catch, deadline, load limit, access, handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::leeway::common::v1::ErrorReason;
use futures_util::FutureExt as _;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;
use tracing::Instrument as _;

use super::body::{Bounded, Bounds, Record};
use super::{Admission, draining};
use crate::access::{Guard, Rule};
use crate::config::{ServerConfig, millis};
use crate::context::{self, CallContext, Deadline};
use crate::frame::Measured;
use crate::normalise::normalised;
use crate::principal::role_name;
use crate::problem::Problem;
use crate::telemetry;

/// What callers are told to wait when load is shed.
const SHED_RETRY: Duration = Duration::from_millis(200);

/// Everything a request passes. Shared by all connections of a server.
pub(super) struct Pipeline {
    pub(super) service: &'static str,
    pub(super) config: ServerConfig,
    pub(super) guard: Guard,
    pub(super) routes: Routes,
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) open_streams: Arc<Semaphore>,
    /// Cancelled when the drain begins: ends server streams.
    pub(super) drain: CancellationToken,
    /// Cancelled when the drain's patience ends: ends everything.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// A request's way through, filled in as it goes.
struct Passage {
    rule: Rule,
    deadline: Deadline,
    context: CallContext,
    admission: Option<Admission>,
}

impl Pipeline {
    /// Answers a request; every error has become a response.
    pub(super) async fn handle(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let outer = CallContext { service: self.service, ..CallContext::default() };
        context::scope(outer, self.traced(request)).await
    }

    async fn traced(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let rule = self.guard.rule(request.uri().path());
        let span = telemetry::server_span(request.uri().path(), request.headers());
        let mut record = Record::start(self.service, label(rule), span.clone());
        let mut passage = Passage {
            rule,
            deadline: Deadline::after(Duration::ZERO),
            context: CallContext::default(),
            admission: None,
        };
        let work =
            AssertUnwindSafe(self.bounded(&mut passage, request)).catch_unwind().instrument(span.clone());
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
        response.map(|body| {
            Body::new(Bounded::new(body, bounds, passage.context, record, passage.admission.take()))
        })
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
        tokio::select! {
            biased;
            () = cut.cancelled() => Err(draining().into()),
            answered = tokio::time::timeout_at(deadline, self.admitted(passage, request)) => {
                answered.unwrap_or_else(|_| Err(Problem::deadline().into()))
            }
        }
    }

    /// Sheds load, checks access, calls the handler.
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
        let limit = self.config.max_message_bytes;
        let mut request = request.map(|body| Body::new(Measured::new(body, limit)));
        if let Rule::Method(access) = passage.rule {
            let admission = self.admission(passage.rule)?;
            passage.admission = Some(admission.clone());
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

    fn admission(&self, rule: Rule) -> Result<Admission, Problem> {
        let slots = if rule.is_server_stream() { &self.open_streams } else { &self.in_flight };
        let permit = Arc::clone(slots).try_acquire_owned().map_err(|_| {
            metrics::counter!("leeway_rpc_shed_total", "service" => self.service).increment(1);
            Problem::exhausted(ErrorReason::Overloaded, "the server has too much to do", Some(SHED_RETRY))
        })?;
        Ok(Admission::new(permit))
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

fn label(rule: Rule) -> &'static str {
    match rule {
        Rule::Method(access) => access.path,
        Rule::Exempt => "exempt",
        Rule::Unknown => "unknown",
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
