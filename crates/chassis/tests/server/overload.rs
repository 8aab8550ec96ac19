//! Who gets in when there is too much to do, over real gRPC on loopback.

use std::collections::HashMap;
use std::time::Duration;

use crate::common::{self, DECIDE, LIST, READ, SAY, channel, frame, officer, raw, reason, serve};
use crate::probe::{counter, get};
use chassis::{ServerConfig, ServerHandle};
use futures_util::future::join_all;
use http_body_util::StreamBody;
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Long enough for calls that were sent to have arrived.
const SOON: Duration = Duration::from_millis(150);

type Call = JoinHandle<Result<String, Status>>;

/// A call on a connection of its own.
fn start(handle: &ServerHandle, path: &'static str, text: &str) -> Call {
    let (own, request) = (channel(handle), officer(common::ask(text)));
    tokio::spawn(async move { common::unary(&own, path, request).await })
}

/// So many calls that stay, once they are at work.
async fn busy(handle: &ServerHandle, path: &'static str, count: usize, text: &str) -> Vec<Call> {
    let calls = (0..count).map(|_| start(handle, path, text)).collect();
    tokio::time::sleep(SOON).await;
    calls
}

async fn outcome(call: Call) -> Code {
    call.await.map_or(Code::Unknown, |ended| ended.map_or_else(|status| status.code(), |_| Code::Ok))
}

async fn shed(handle: &ServerHandle, method: &str, why: &str) -> f64 {
    let labels = HashMap::from([("method", method), ("reason", why)]);
    counter(&get(handle, "/metrics").await.1, "leeway_rpc_shed_total", &labels)
}

#[tokio::test]
async fn lists_and_reads_leave_room_for_decisions() {
    let config = ServerConfig { max_in_flight: 4, max_queued: 0, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let lists = busy(&handle, LIST, 2, "sleep 1000").await;
    assert_eq!(outcome(start(&handle, LIST, "hello")).await, Code::ResourceExhausted, "half are for lists");
    let reads = busy(&handle, SAY, 1, "sleep 1000").await;
    assert_eq!(
        outcome(start(&handle, SAY, "hello")).await,
        Code::ResourceExhausted,
        "a quarter is kept free"
    );
    assert_eq!(outcome(start(&handle, DECIDE, "hello")).await, Code::Ok, "for decisions");
    for call in lists.into_iter().chain(reads) {
        assert_eq!(outcome(call).await, Code::Ok, "whoever is in stays in");
    }
}

#[tokio::test]
async fn no_method_takes_everything() {
    let config = ServerConfig { max_in_flight: 4, max_queued: 0, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let before = shed(&handle, DECIDE, "method_full").await;
    let all = busy(&handle, DECIDE, 3, "sleep 800").await;
    assert_eq!(outcome(start(&handle, DECIDE, "hello")).await, Code::ResourceExhausted);
    assert!(shed(&handle, DECIDE, "method_full").await > before);
    assert_eq!(outcome(start(&handle, SAY, "hello")).await, Code::Ok);
    for call in all {
        assert_eq!(outcome(call).await, Code::Ok);
    }
}

#[tokio::test]
async fn a_waiting_decision_overtakes_waiting_lists() {
    let config = ServerConfig { max_in_flight: 1, max_queued: 20, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let first = busy(&handle, SAY, 1, "sleep 600").await;
    let lists = busy(&handle, LIST, 3, "sleep 300").await;
    let decision = start(&handle, DECIDE, "hello");
    assert_eq!(outcome(decision).await, Code::Ok);
    assert!(lists.iter().all(|call| !call.is_finished()), "they came before and are served after");
    for call in first.into_iter().chain(lists) {
        assert_eq!(outcome(call).await, Code::Ok);
    }
}

#[tokio::test]
async fn the_queue_is_bounded_in_number_and_in_time() {
    let config =
        ServerConfig { max_in_flight: 2, max_queued: 2, max_queue_wait_ms: 400, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let before = (shed(&handle, DECIDE, "waited").await, shed(&handle, SAY, "full").await);
    let at_work = busy(&handle, SAY, 2, "sleep 1500").await;
    let waiting = busy(&handle, DECIDE, 2, "hello").await;
    assert!(waiting.iter().all(|call| !call.is_finished()));
    let status = start(&handle, SAY, "hello").await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(status.get_details_retry_info().and_then(|info| info.retry_delay).is_some());
    for call in waiting {
        assert_eq!(outcome(call).await, Code::ResourceExhausted);
    }
    assert!(
        at_work.iter().all(|call| !call.is_finished()),
        "those who waited were told before a place was free"
    );
    assert!(shed(&handle, DECIDE, "waited").await >= before.0 + 2.0);
    assert!(shed(&handle, SAY, "full").await >= before.1 + 1.0);
}

#[tokio::test]
async fn nothing_is_read_or_looked_up_for_a_call_that_is_shed() {
    let config = ServerConfig { max_in_flight: 1, max_queued: 0, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let all = busy(&handle, SAY, 1, "sleep 800").await;
    let borrower = [("x-leeway-principal", "borrower:li")];
    let broken = common::Ask { id: "loan-broken".to_owned(), text: String::new() };
    let status = raw(&handle, READ, &borrower, frame(&broken)).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "looked up, it would be INTERNAL");

    // A body that never comes.
    let body =
        StreamBody::new(futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, Status>>());
    let request = http::Request::post(format!("http://{}{READ}", handle.grpc))
        .header("content-type", "application/grpc")
        .header("x-leeway-principal", "borrower:li")
        .body(body)
        .unwrap();
    let stream = tokio::net::TcpStream::connect(handle.grpc).await.unwrap();
    let (executor, io) = (hyper_util::rt::TokioExecutor::new(), hyper_util::rt::TokioIo::new(stream));
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::ResourceExhausted);
    for call in all {
        assert_eq!(outcome(call).await, Code::Ok);
    }
}

#[tokio::test]
async fn the_bytes_of_requests_in_flight_are_bounded() {
    let config =
        ServerConfig { max_message_bytes: 10_000, max_request_bytes: 25_000, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let large = |text: &str| officer(common::Ask { id: "x".repeat(9_000), text: text.to_owned() });
    let begin = |text: &'static str| {
        let (own, request) = (channel(&handle), large(text));
        tokio::spawn(async move { common::unary(&own, SAY, request).await })
    };
    let before = shed(&handle, "any", "memory").await;
    let held = [begin("sleep 700"), begin("sleep 700")];
    tokio::time::sleep(SOON).await;
    let status = begin("hello").await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(shed(&handle, "any", "memory").await > before);
    assert_eq!(outcome(start(&handle, SAY, "hello")).await, Code::Ok, "small ones still fit");
    for call in held {
        assert_eq!(outcome(call).await, Code::Ok);
    }
    assert_eq!(outcome(begin("hello")).await, Code::Ok, "what was held came back");
}

#[tokio::test]
async fn an_upload_holds_one_message_at_a_time() {
    let config =
        ServerConfig { max_message_bytes: 10_000, max_request_bytes: 10_000, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let ask = common::Ask { id: "loan-li".to_owned(), text: "x".repeat(8_000) };
    let whole = (0..10).flat_map(|_| frame(&ask)).collect();
    let status = raw(&handle, common::SEND, &[("x-leeway-principal", "officer:7")], whole).await;
    assert_eq!(status.code(), Code::Ok, "{status:?}");
}

/// Calls that come and give up, at every moment of their way in, take nothing with them.
#[tokio::test]
async fn whoever_gives_up_leaves_no_trace() {
    let config = ServerConfig { max_in_flight: 2, max_queued: 6, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    for round in 0..40_u64 {
        let calls = (0..12_u64).map(|number| {
            let (own, path) = (channel(&handle), if number % 2 == 0 { DECIDE } else { LIST });
            let patience = Duration::from_millis((number * 7 + round) % 23);
            async move {
                let call = common::unary(&own, path, officer(common::ask("sleep 3")));
                let _ = tokio::time::timeout(patience, call).await;
            }
        });
        join_all(calls).await;
    }
    let both = busy(&handle, DECIDE, 2, "sleep 300").await;
    let waiting = busy(&handle, DECIDE, 1, "hello").await;
    for call in both.into_iter().chain(waiting) {
        assert_eq!(outcome(call).await, Code::Ok);
    }
}
