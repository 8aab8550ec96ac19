//! Calls to other services: deadline, principal, subject and trace go along; failures are told in our terms.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::access::ACCESS_TABLE;
use api::leeway::common::v1::ErrorReason;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, TimeoutExpired};
use tonic_types::StatusExt as _;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::balance::{Dns, Pool, Resolve, Target};
use crate::circuit::Circuit;
use crate::config::{ClientConfig, millis};
use crate::context::{self, Deadline};
use crate::ids::Ids;
use crate::network::Network;
use crate::principal::{PRINCIPAL_HEADER, Principal, SUBJECT_HEADER};
use crate::problem::Problem;
use crate::retry::{Repeat, Retry};
use crate::server::parse_timeout;
use crate::telemetry;

/// Largest amount that `grpc-timeout` can hold.
const MAX_TIMEOUT_DIGITS: u128 = 99_999_999;

/// A call with less time than this doesn't count against the circuit when its time runs out.
const FAIR_TIME: Duration = Duration::from_secs(1);
/// Port of an endpoint that names none.
const HTTP_PORT: u16 = 80;

/// The endpoint isn't a URI.
#[derive(Debug, thiserror::Error)]
#[error("`{endpoint}` is not an endpoint such as `http://127.0.0.1:7402`")]
pub struct EndpointError {
    pub endpoint: String,
    #[source]
    pub source: tonic::transport::Error,
}

/// A channel for generated clients: `PolicyServiceClient::new(client)`. Clones share connection, circuit and budget.
#[derive(Debug, Clone)]
pub struct Client {
    route: Route,
    principal: Principal,
    default_deadline: Duration,
    margin: Duration,
    circuit: Circuit,
    retry: Retry,
}

/// Where calls go.
#[derive(Debug, Clone)]
enum Route {
    /// To the one address of the endpoint, connected when first used.
    Address(Channel),
    /// To every address of its name, in turn.
    Name(Pool),
}

impl Client {
    /// Calls go out as `principal`, such as [`Principal::service`]. An endpoint that names a host is spread over all the
    /// addresses that the host has.
    pub fn connect(config: &ClientConfig, principal: Principal, ids: Ids) -> Result<Self, EndpointError> {
        Self::resolving(config, principal, ids, Arc::new(Dns))
    }

    /// [`Client::connect`] over a given network; a simulated one knows its hosts by name, one address each.
    pub fn connect_over(
        network: Network,
        config: &ClientConfig,
        principal: Principal,
        ids: Ids,
    ) -> Result<Self, EndpointError> {
        match network {
            Network::Tcp => Self::connect(config, principal, ids),
            #[cfg(feature = "simulation")]
            Network::Simulated => {
                let channel = network.channel(&endpoint(config, config.endpoint.clone())?);
                Ok(Self::over(Route::Address(channel), config, principal, ids))
            }
        }
    }

    /// [`Client::connect`] with addresses from elsewhere than the operating system.
    pub fn resolving(
        config: &ClientConfig,
        principal: Principal,
        ids: Ids,
        resolve: Arc<dyn Resolve>,
    ) -> Result<Self, EndpointError> {
        let endpoint = endpoint(config, config.endpoint.clone())?;
        let host = endpoint.uri().host().unwrap_or_default();
        let route = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(_) => Route::Address(Network::Tcp.channel(&endpoint)),
            Err(_) => {
                let name = (host.to_owned(), endpoint.uri().port_u16().unwrap_or(HTTP_PORT));
                Route::Name(Pool::new(config, name, resolve))
            }
        };
        Ok(Self::over(route, config, principal, ids))
    }

    fn over(route: Route, config: &ClientConfig, principal: Principal, ids: Ids) -> Self {
        Self {
            route,
            principal,
            default_deadline: millis(config.default_deadline_ms),
            margin: millis(config.deadline_margin_ms),
            circuit: Circuit::new(config.circuit_failures, millis(config.circuit_open_ms)),
            retry: Retry::new(config, ids),
        }
    }

    /// The same connection for somebody else, such as a story's borrower.
    pub fn with_principal(&self, principal: Principal) -> Self {
        Self { principal, ..self.clone() }
    }

    /// Whether the service is thought to be away.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Runs a call again while that is safe, affordable and in time; see [`Retry::run`].
    pub async fn retry<T, F, Fut>(&self, repeat: Repeat, call: F) -> Result<T, Status>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        self.retry.run(repeat, call).await
    }

    async fn send(self, mut request: Request<Body>) -> Response<Body> {
        let span = telemetry::client_span(request.uri().path());
        let deadline = match self.deadline(&request) {
            Ok(deadline) => deadline,
            Err(problem) => return Status::from(problem).into_http(),
        };
        self.head(&mut request, deadline, &span);
        let granted = deadline.map(Deadline::remaining);
        let Some(pass) = self.circuit.enter() else {
            return Status::from(away("too many failures in a row")).into_http();
        };
        let mut target = None;
        let exchange = exchange(&self.route, &mut target, request);
        let answered = match deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline.instant(), exchange.instrument(span.clone())).await
            }
            None => Ok(exchange.instrument(span.clone()).await),
        };
        let outcome = match answered {
            Err(_) => Err(Problem::deadline().into()),
            Ok(outcome) => outcome,
        };
        let one_of_many =
            matches!((&self.route, &target), (Route::Name(pool), Some(target)) if pool.has_other(target));
        let code = match &outcome {
            Err(status) => status.code(),
            Ok(response) => {
                Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
            }
        };
        span.record("rpc.grpc.status_code", i32::from(code));
        if let Some(target) = target
            && is_leaving(&outcome)
        {
            target.fail();
        }
        // A caller who leaves no time says nothing about the other side, and one address nothing about the others.
        let hurried = code == Code::DeadlineExceeded && granted.is_some_and(|granted| granted < FAIR_TIME);
        if hurried || (code == Code::Unavailable && one_of_many) {
            drop(pass);
        } else {
            pass.end(code);
        }
        match outcome {
            Err(status) => status.into_http(),
            Ok(response) => response.map(|body| Body::new(Limited::new(body, deadline))),
        }
    }

    /// The rest of our own deadline less the margin, the caller's wish, or the usual; server streams may have none.
    fn deadline(&self, request: &Request<Body>) -> Result<Option<Deadline>, Problem> {
        let wished = request.headers().get("grpc-timeout").and_then(|value| value.to_str().ok());
        let wished = wished.and_then(parse_timeout).map(Deadline::after);
        let inherited = context::current().deadline.map(|own| {
            let left = own.remaining().saturating_sub(self.margin);
            Deadline::after(left)
        });
        let deadline = match (inherited, wished) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) if is_server_stream(request.uri().path()) => None,
            (None, None) => Some(Deadline::after(self.default_deadline)),
        };
        match deadline {
            Some(deadline) if deadline.has_passed() => Err(Problem::deadline()),
            some_or_none => Ok(some_or_none),
        }
    }

    fn head(&self, request: &mut Request<Body>, deadline: Option<Deadline>, span: &tracing::Span) {
        let headers = request.headers_mut();
        telemetry::inject(span, headers);
        if let Some(deadline) = deadline
            && let Ok(value) = HeaderValue::from_str(&timeout_text(deadline.remaining()))
        {
            headers.insert("grpc-timeout", value);
        }
        if !headers.contains_key(PRINCIPAL_HEADER)
            && let Ok(value) = HeaderValue::from_str(&self.principal.actor())
        {
            headers.insert(PRINCIPAL_HEADER, value);
        }
        let subject = self.principal.subject.clone().or_else(|| context::current().subject);
        if self.principal.role == api::access::Role::Service
            && !headers.contains_key(SUBJECT_HEADER)
            && let Some(subject) = subject
            && let Ok(value) = HeaderValue::from_str(&format!("borrower:{subject}"))
        {
            headers.insert(SUBJECT_HEADER, value);
        }
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { Ok(client.send(request).await) })
    }
}

/// An endpoint that is connected as `config` says.
pub(crate) fn endpoint(config: &ClientConfig, uri: String) -> Result<Endpoint, EndpointError> {
    Ok(Endpoint::from_shared(uri)
        .map_err(|source| EndpointError { endpoint: config.endpoint.clone(), source })?
        .connect_timeout(millis(config.connect_timeout_ms))
        .tcp_nodelay(true)
        // After a partition only pings find out that the old connection is dead.
        .http2_keep_alive_interval(millis(config.keepalive_interval_ms))
        .keep_alive_timeout(millis(config.keepalive_timeout_ms))
        .keep_alive_while_idle(true))
}

/// One call on its way and back; `target` is the address that got it, if there was a choice.
async fn exchange(
    route: &Route,
    target: &mut Option<Target>,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let mut channel = match route {
        Route::Address(channel) => channel.clone(),
        Route::Name(pool) => {
            let picked = pool.pick().await.ok_or_else(|| away("no address of its name answers"))?;
            target.insert(picked).channel.clone()
        }
    };
    let answered = async { channel.ready().await?.call(request).await };
    answered.await.map_err(|error| explain(Box::new(error)))
}

/// Whether an address failed or is about to: it gets no more calls until it is reached anew.
fn is_leaving(outcome: &Result<Response<Body>, Status>) -> bool {
    match outcome {
        Err(status) => status.code() == Code::Unavailable,
        Ok(response) => Status::from_header_map(response.headers()).is_some_and(|status| {
            let info = status.get_details_error_info();
            info.is_some_and(|info| info.reason == ErrorReason::Draining.as_str_name())
        }),
    }
}

fn is_server_stream(path: &str) -> bool {
    ACCESS_TABLE.iter().any(|access| access.server_streaming && access.path == path)
}

/// `grpc-timeout` in the finest unit that holds it.
fn timeout_text(left: Duration) -> String {
    let units = [(left.as_micros(), 'u'), (left.as_millis(), 'm'), (u128::from(left.as_secs()), 'S')];
    let fitting = units.into_iter().find(|(amount, _)| *amount <= MAX_TIMEOUT_DIGITS);
    fitting.map_or_else(|| format!("{MAX_TIMEOUT_DIGITS}S"), |(amount, unit)| format!("{amount}{unit}"))
}

/// What the transport's failure means. A lost race against GOAWAY stays CANCELLED, which only [`Repeat::Safe`] repeats.
fn explain(error: Box<dyn std::error::Error + Send + Sync>) -> Status {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(at) = cause {
        if at.is::<TimeoutExpired>() {
            return Problem::deadline().into();
        }
        cause = at.source();
    }
    let status = Status::from_error(error);
    match status.code() {
        Code::Unavailable => away(status.message()).into(),
        _ => status,
    }
}

fn away(operator: &str) -> Problem {
    let retry = Duration::from_millis(500);
    Problem::unavailable(
        ErrorReason::DependencyUnavailable,
        "a service this one needs does not answer",
        retry,
    )
    .operator(operator)
}

/// A response body that ends with DEADLINE_EXCEEDED when its time is up.
struct Limited {
    inner: Option<Body>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    fn new(inner: Body, deadline: Option<Deadline>) -> Self {
        let sleep = deadline.map(|at| Box::pin(tokio::time::sleep_until(at.instant())));
        Self { inner: Some(inner), sleep }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Some(inner) = this.inner.as_mut() else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        match this.sleep.as_mut().map(|sleep| sleep.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => {
                this.inner = None;
                Poll::Ready(Some(Err(Problem::deadline().into())))
            }
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_written_in_eight_digits() {
        let rows = [
            (Duration::from_millis(1_500), "1500000u"),
            (Duration::from_secs(3_600), "3600000m"),
            (Duration::from_secs(200_000), "200000S"),
            (Duration::MAX, "99999999S"),
        ];
        for (left, text) in rows {
            assert_eq!(timeout_text(left), text);
            assert!(parse_timeout(text).is_some());
        }
    }
}
