//! `leeway.bench.v1.Echo`: answers what it was asked, after some work. It exists in benches only.

use std::convert::Infallible;
use std::hint::black_box;
use std::task::{Context, Poll};

use api::access::{MethodAccess, Role};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

pub(super) const PATH: &str = "/leeway.bench.v1.Echo/Echo";
const PRINCIPAL: &str = "service:bench";
/// What one unit of work hashes, bytes.
const BLOCK: [u8; 1_024] = [7; 1_024];

/// A read, as far as the load limit is concerned.
pub(super) static TABLE: &[MethodAccess] = &[MethodAccess {
    path: PATH,
    roles: &[Role::Service],
    owner: None,
    subject_free: false,
    client_streaming: false,
    server_streaming: false,
    mutation: false,
    list: false,
}];

/// Question and answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Ask {
    /// Blocks to hash before the answer.
    #[prost(uint32, tag = "1")]
    pub(super) blocks: u32,
}

/// Hashes so many blocks.
pub(super) fn work(blocks: u32) {
    for _ in 0..blocks {
        black_box(Sha256::digest(black_box(BLOCK)));
    }
}

/// The gRPC frame of a question.
pub(super) fn frame(ask: &Ask) -> Vec<u8> {
    let message = ask.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length, &message].concat()
}

/// The headers of a call to `address`.
pub(super) fn head(address: &str) -> anyhow::Result<http::Request<()>> {
    let request = http::Request::post(format!("http://{address}{PATH}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "1S")
        .header(chassis::principal::PRINCIPAL_HEADER, PRINCIPAL);
    Ok(request.body(())?)
}

/// The service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "leeway.bench.v1.Echo";
}

impl UnaryService<Ask> for Echo {
    type Response = Ask;
    type Future = std::future::Ready<Result<Response<Ask>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        let ask = request.into_inner();
        work(ask.blocks);
        std::future::ready(Ok(Response::new(ask)))
    }
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = *self;
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<Ask, Ask>::default()).unary(echo, request).await) })
    }
}

/// Takes spans and forgets them, so that what is sampled is really sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpanSink;

impl NamedService for SpanSink {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl UnaryService<()> for SpanSink {
    type Response = ();
    type Future = std::future::Ready<Result<Response<()>, Status>>;

    fn call(&mut self, _spans: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(())))
    }
}

impl tower::Service<http::Request<Body>> for SpanSink {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sink = *self;
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<(), ()>::default()).unary(sink, request).await) })
    }
}
