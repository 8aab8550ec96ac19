//! A service of three methods, written by hand, and the ways to call it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use api::access::{MethodAccess, OwnerField, OwnerKind, Role};
use chassis::{
    Admission, Client, ClientConfig, Deadline, Ids, OwnerLookup, Principal, Problem, Server, ServerConfig,
    ServerHandle,
};
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request as HttpRequest, Response as HttpResponse};
use http_body_util::{BodyExt as _, Full};
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::{ClientStreamingService, Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

pub const SAY: &str = "/leeway.test.v1.Echo/Say";
pub const READ: &str = "/leeway.test.v1.Echo/Read";
pub const DESK: &str = "/leeway.test.v1.Echo/Desk";
pub const WATCH: &str = "/leeway.test.v1.Echo/Watch";
pub const DECIDE: &str = "/leeway.test.v1.Echo/Decide";
pub const LIST: &str = "/leeway.test.v1.Echo/List";
pub const SEND: &str = "/leeway.test.v1.Echo/Send";

const EVERYBODY: &[Role] = &[Role::Borrower, Role::Officer, Role::Service];

const fn method(path: &'static str, owner: Option<OwnerKind>, streams: (bool, bool)) -> MethodAccess {
    let owner = match owner {
        Some(kind) => Some(OwnerField { number: 1, kind }),
        None => None,
    };
    let (client_streaming, server_streaming) = streams;
    MethodAccess {
        path,
        roles: EVERYBODY,
        owner,
        subject_free: false,
        client_streaming,
        server_streaming,
        mutation: false,
        list: false,
    }
}

pub static TABLE: &[MethodAccess] = &[
    MethodAccess { subject_free: true, ..method(SAY, None, (false, false)) },
    method(READ, Some(OwnerKind::Loan), (false, false)),
    method("/leeway.test.v1.Echo/Mine", Some(OwnerKind::Borrower), (false, false)),
    MethodAccess { roles: &[Role::Officer], ..method(DESK, None, (false, false)) },
    method(WATCH, None, (false, true)),
    MethodAccess { mutation: true, ..method(DECIDE, None, (false, false)) },
    MethodAccess { list: true, ..method(LIST, None, (false, false)) },
    method(SEND, Some(OwnerKind::Loan), (true, false)),
    method("/leeway.test.v1.Echo/Missing", None, (false, false)),
];

#[derive(Clone, PartialEq, prost::Message)]
pub struct Ask {
    #[prost(string, tag = "1")]
    pub id: String,
    /// What the service should do, such as `sleep 500`.
    #[prost(string, tag = "2")]
    pub text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Told {
    #[prost(string, tag = "1")]
    pub text: String,
}

pub fn ask(text: &str) -> Ask {
    Ask { id: "loan-li".to_owned(), text: text.to_owned() }
}

#[derive(Clone, Default)]
pub struct Echo {
    /// Handlers that ran to their end.
    pub finished: Arc<AtomicU32>,
    /// Calls that came.
    pub said: Arc<AtomicU32>,
}

impl NamedService for Echo {
    const NAME: &'static str = "leeway.test.v1.Echo";
}

impl Echo {
    async fn say(self, request: Request<Ask>) -> Result<Response<Told>, Status> {
        self.said.fetch_add(1, Ordering::SeqCst);
        let principal = Principal::of(&request)?;
        let text = request.get_ref().text.clone();
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let told = match verb {
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(argument.parse().unwrap())).await;
                "slept".to_owned()
            }
            "wait" => {
                request.extensions().get::<Admission>().unwrap().release();
                tokio::time::sleep(Duration::from_millis(argument.parse().unwrap())).await;
                "waited".to_owned()
            }
            "own" => {
                let finished = Arc::clone(&self.finished);
                let millis = argument.parse().unwrap();
                chassis::task::owned(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    finished.fetch_add(1, Ordering::SeqCst);
                    Ok("owned".to_owned())
                })
                .await?
            }
            "panic" => panic!("asked to"),
            "bare" => return Err(Status::out_of_range("tonic says so")),
            "left" => Deadline::of(&request)?.remaining().as_millis().to_string(),
            "who" => format!("{} for {:?}", principal.actor(), principal.acting_for()),
            "trace" => chassis::telemetry::current_traceparent().unwrap_or_default(),
            _ => text.clone(),
        };
        Ok(Response::new(Told { text: told }))
    }

    fn watch(text: String) -> impl Stream<Item = Result<Told, Status>> + Send {
        async_stream::stream! {
            for count in 0_u32.. {
                if count == 2 && text == "panic" {
                    panic!("asked to");
                }
                if count == 2 && text == "bare" {
                    yield Err(Status::unknown("no idea"));
                }
                yield Ok(Told { text: count.to_string() });
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl UnaryService<Ask> for Echo {
    type Response = Told;
    type Future = BoxFuture<'static, Result<Response<Told>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        Box::pin(self.clone().say(request))
    }
}

impl ServerStreamingService<Ask> for Echo {
    type Response = Told;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Told, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        let stream: Self::ResponseStream = Box::pin(Self::watch(request.into_inner().text));
        Box::pin(async move { Ok(Response::new(stream)) })
    }
}

impl ClientStreamingService<Ask> for Echo {
    type Response = Told;
    type Future = BoxFuture<'static, Result<Response<Told>, Status>>;

    fn call(&mut self, request: Request<Streaming<Ask>>) -> Self::Future {
        Box::pin(async move {
            let mut stream = request.into_inner();
            let mut count = 0_u32;
            while let Some(message) = stream.next().await {
                message?;
                count += 1;
            }
            Ok(Response::new(Told { text: count.to_string() }))
        })
    }
}

impl tower::Service<HttpRequest<Body>> for Echo {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Told, Ask>::default());
            Ok(match request.uri().path() {
                WATCH => grpc.server_streaming(echo, request).await,
                SEND => grpc.client_streaming(echo, request).await,
                path if path.ends_with("/Missing") => Status::unimplemented("").into_http(),
                _ => grpc.unary(echo, request).await,
            })
        })
    }
}

/// `loan-li` is Li's, `loan-wang` is Wang's, `loan-broken` can't be looked up.
pub struct Owners;

#[tonic::async_trait]
impl OwnerLookup for Owners {
    async fn owner_of(&self, _kind: OwnerKind, id: &str) -> Result<Option<String>, Problem> {
        match id {
            "loan-li" => Ok(Some("li".to_owned())),
            "loan-wang" => Ok(Some("wang".to_owned())),
            "loan-broken" => Err(Problem::internal("the store is on fire")),
            _ => Ok(None),
        }
    }
}

pub async fn serve(config: ServerConfig) -> (ServerHandle, Echo) {
    let echo = Echo::default();
    let routes = Routes::new(echo.clone());
    let server = Server::new("test", config, Ids::seeded(1), routes, Arc::new(Owners));
    let server = server.api(TABLE, api::FILE_DESCRIPTOR_SET);
    (server.spawn(CancellationToken::new()).await.unwrap(), echo)
}

pub fn client_config(handle: &ServerHandle) -> ClientConfig {
    ClientConfig { endpoint: format!("http://{}", handle.grpc), ..ClientConfig::default() }
}

pub fn client(handle: &ServerHandle) -> Client {
    Client::connect(&client_config(handle), Principal::service("test"), Ids::seeded(2)).unwrap()
}

/// A channel without any help of ours; the caller is an officer.
pub fn channel(handle: &ServerHandle) -> tonic::transport::Channel {
    tonic::transport::Endpoint::from_shared(format!("http://{}", handle.grpc)).unwrap().connect_lazy()
}

pub async fn unary<C>(channel: &C, path: &'static str, request: Request<Ask>) -> Result<String, Status>
where
    C: GrpcService<Body> + Clone,
    C::ResponseBody: Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let codec = ProstCodec::<Ask, Told>::default();
    Ok(grpc.unary(request, PathAndQuery::from_static(path), codec).await?.into_inner().text)
}

pub async fn say<C>(channel: &C, text: &str) -> Result<String, Status>
where
    C: GrpcService<Body> + Clone,
    C::ResponseBody: Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    unary(channel, SAY, officer(ask(text))).await
}

pub async fn watch<C>(channel: &C, text: &str) -> Result<Streaming<Told>, Status>
where
    C: GrpcService<Body> + Clone,
    C::ResponseBody: Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let codec = ProstCodec::<Ask, Told>::default();
    let path = PathAndQuery::from_static(WATCH);
    Ok(grpc.server_streaming(officer(ask(text)), path, codec).await?.into_inner())
}

/// Reads a stream to its end: how many messages came, and the error it ended with.
pub async fn drain(mut stream: Streaming<Told>) -> (u32, Status) {
    let mut count = 0;
    loop {
        match stream.message().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Status::ok("")),
            Err(status) => return (count, status),
        }
    }
}

pub fn officer<T>(message: T) -> Request<T> {
    by("officer:7", None, message)
}

pub fn by<T>(principal: &str, subject: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-leeway-principal", principal.parse().unwrap());
    if let Some(subject) = subject {
        request.metadata_mut().insert("x-leeway-subject", subject.parse().unwrap());
    }
    request
}

/// A call without any gRPC library: status from headers or trailers.
pub async fn raw(handle: &ServerHandle, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Status {
    let stream = tokio::net::TcpStream::connect(handle.grpc).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let mut request = HttpRequest::post(format!("http://{}{path}", handle.grpc))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response =
        sender.send_request(request.body(Full::new(bytes::Bytes::from(body))).unwrap()).await.unwrap();
    let head: HeaderMap = response.headers().clone();
    let trailers = response.into_body().collect().await.unwrap().trailers().cloned();
    Status::from_header_map(&head).or_else(|| Status::from_header_map(&trailers.unwrap())).unwrap()
}

/// A gRPC frame.
pub fn frame(message: &Ask) -> Vec<u8> {
    let message = prost::Message::encode_to_vec(message);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &message].concat()
}

/// `ErrorInfo.reason` without its prefix, empty without an `ErrorInfo` of ours.
pub fn reason(status: &Status) -> String {
    let info = tonic_types::StatusExt::get_details_error_info(status);
    let reason = info.filter(|info| info.domain == "leeway").map(|info| info.reason).unwrap_or_default();
    reason.trim_start_matches("ERROR_REASON_").to_owned()
}
