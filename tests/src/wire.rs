//! Calls without any gRPC library, for requests that a well-behaved client never sends.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Status;

/// An HTTP/2 connection to one service.
#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Wire {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let io = TokioIo::new(tokio::net::TcpStream::connect(address).await?);
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(Self { address, sender })
    }

    /// One call; the status stands in the headers or in the trailers.
    pub async fn call(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> anyhow::Result<Status> {
        let mut request = http::Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let response = self.sender.clone().send_request(request).await?;
        if let Some(status) = Status::from_header_map(response.headers()) {
            return Ok(status);
        }
        let collected = response.into_body().collect().await?;
        let trailers = collected.trailers().context("an answer without trailers")?;
        Status::from_header_map(trailers).context("trailers without a status")
    }
}

/// A message in its gRPC frame.
pub fn frame(message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let length = u32::try_from(message.len())?.to_be_bytes();
    Ok([&[0][..], &length, message].concat())
}

/// A message with one string field of a number below 16.
pub fn string_field(number: u32, text: &str) -> anyhow::Result<Vec<u8>> {
    let tag = u8::try_from(number << 3 | 2)?;
    let length = u8::try_from(text.len())?;
    anyhow::ensure!(number < 16 && length < 128, "longer than one byte of a varint");
    Ok([&[tag, length][..], text.as_bytes()].concat())
}
