//! What tonic alone gets wrong, over real gRPC on loopback.

#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "server/overload.rs"]
mod overload;
#[cfg(test)]
#[path = "common/probe.rs"]
mod probe;
#[cfg(test)]
#[path = "server/replicas.rs"]
mod replicas;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chassis::{Client, ClientConfig, Ids, NoOwners, Principal, Repeat, Server, ServerConfig};
use common::{channel, client, client_config, drain, frame, raw, reason, say, serve, watch};
use futures_util::future::join_all;
use probe::get;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

const OFFICER: (&str, &str) = ("x-leeway-principal", "officer:7");

#[tokio::test]
async fn deadlines_are_read_kept_and_answered() {
    let config = ServerConfig { default_deadline_ms: 150, max_deadline_ms: 400, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let rows = [
        ("sleep 5000", None, Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ("sleep 5000", Some("50m"), Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ("sleep 5000", Some("1H"), Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ("sleep 250", Some("2S"), Code::Ok, ""),
        ("hello", Some("0m"), Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ("hello", Some("soon"), Code::InvalidArgument, "MALFORMED_DEADLINE"),
        ("hello", Some("100000000m"), Code::InvalidArgument, "MALFORMED_DEADLINE"),
        ("hello", None, Code::Ok, ""),
    ];
    for (text, timeout, code, why) in rows {
        let mut headers = vec![OFFICER];
        headers.extend(timeout.map(|value| ("grpc-timeout", value)));
        let started = Instant::now();
        let status = raw(&handle, common::SAY, &headers, frame(&common::ask(text))).await;
        assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{text} {timeout:?}");
        assert!(started.elapsed() < Duration::from_secs(2), "{text} {timeout:?}");
    }
}

#[tokio::test]
async fn streams_are_bounded_by_their_deadline() {
    let (handle, _) = serve(ServerConfig { max_stream_ms: 200, ..ServerConfig::default() }).await;
    let (count, status) = drain(watch(&channel(&handle), "on").await.unwrap()).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert!(count > 2, "{count}");
}

#[tokio::test]
async fn every_error_that_leaves_explains_itself() {
    let (handle, _) = serve(ServerConfig { max_message_bytes: 1_000, ..ServerConfig::default() }).await;
    let big = frame(&common::ask(&"x".repeat(2_000)));
    let compressed = [&[1][..], &frame(&common::ask("x"))[1..]].concat();
    type Row<'a> = (&'a str, Vec<u8>, &'a [(&'a str, &'a str)], Code, &'a str);
    let rows: [Row<'_>; 9] = [
        (common::SAY, big, &[OFFICER], Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        (common::SAY, frame(&common::ask("bare")), &[OFFICER], Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        (
            common::SAY,
            b"\0\0\0\0\x02\x0a\x09".to_vec(),
            &[OFFICER],
            Code::InvalidArgument,
            "VALIDATION_FAILED",
        ),
        (common::SAY, b"\0\0\0\0\x09\x0a".to_vec(), &[OFFICER], Code::InvalidArgument, "VALIDATION_FAILED"),
        (common::SAY, Vec::new(), &[OFFICER], Code::InvalidArgument, "VALIDATION_FAILED"),
        (common::SAY, compressed, &[OFFICER], Code::InvalidArgument, "VALIDATION_FAILED"),
        (
            "/leeway.test.v1.Echo/Missing",
            frame(&common::ask("x")),
            &[OFFICER],
            Code::Unimplemented,
            "UNKNOWN_METHOD",
        ),
        ("/leeway.test.v1.Echo/Nothing", Vec::new(), &[], Code::Unimplemented, "UNKNOWN_METHOD"),
        (common::SAY, frame(&common::ask("x")), &[], Code::Unauthenticated, "PRINCIPAL_MISSING"),
    ];
    for (path, body, headers, code, why) in rows {
        let shown = format!("{path} {:?}", body.get(..8));
        let status = raw(&handle, path, headers, body).await;
        assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{shown}: {status:?}");
    }
    let (count, status) = drain(watch(&channel(&handle), "bare").await.unwrap()).await;
    assert_eq!((count, status.code(), reason(&status).as_str()), (2, Code::Internal, "INTERNAL"));
}

#[tokio::test]
async fn a_panic_is_internal_counted_and_leaves_the_connection_alive() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let channel = channel(&handle);
    let panics = async || {
        let page = get(&handle, "/metrics").await.1;
        probe::counter(&page, "leeway_panics_total", &HashMap::from([("service", "test")]))
    };
    let before = panics().await;
    let alive = tokio::spawn({
        let channel = channel.clone();
        async move { say(&channel, "sleep 200").await }
    });
    let status = say(&channel, "panic").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
    assert!(!status.message().contains("asked"));
    let (count, status) = drain(watch(&channel, "panic").await.unwrap()).await;
    assert_eq!((count, status.code(), reason(&status).as_str()), (2, Code::Internal, "INTERNAL"));
    assert_eq!(alive.await.unwrap().unwrap(), "slept");
    assert!(panics().await >= before + 2.0);
}

#[tokio::test]
async fn load_is_shed_over_all_connections_health_exempt() {
    let config = ServerConfig { max_in_flight: 2, max_queued: 0, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let own = channel(&handle);
            tokio::spawn(async move { say(&own, "sleep 400").await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let other = channel(&handle);
    let status = say(&other, "hello").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(status.get_details_retry_info().and_then(|info| info.retry_delay).is_some());
    let health = HealthClient::new(other.clone()).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status, ServingStatus::Serving as i32);
    assert!(watch(&other, "on").await.is_ok(), "streams have their own limit");
    for call in busy {
        assert_eq!(call.await.unwrap().unwrap(), "slept");
    }
    assert_eq!(say(&other, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn whoever_only_waits_gives_the_place_up() {
    let config = ServerConfig { max_in_flight: 1, max_queued: 0, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let waiting = channel(&handle);
    let waiter = tokio::spawn(async move { say(&waiting, "wait 300").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(say(&channel(&handle), "hello").await.unwrap(), "hello");
    assert_eq!(waiter.await.unwrap().unwrap(), "waited");
}

#[tokio::test]
async fn many_deadlines_at_once_do_not_cost_the_connection() {
    // The one place for a connection shows whether the first one was lost.
    let config = ServerConfig { max_connections: 1, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    let config = ClientConfig { circuit_failures: u32::MAX, ..client_config(&handle) };
    let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
    assert_eq!(say(&client, "hello").await.unwrap(), "hello");
    for millis in [1, 5, 100] {
        let calls = (0..250).map(|_| {
            let mut request = common::officer(common::ask("sleep 5000"));
            request.set_timeout(Duration::from_millis(millis));
            common::unary(&client, common::SAY, request)
        });
        let codes: Vec<Code> = join_all(calls).await.into_iter().map(|r| r.unwrap_err().code()).collect();
        assert!(codes.iter().all(|code| *code == Code::DeadlineExceeded), "{codes:?}");
    }
    assert_eq!(say(&client, "hello").await.unwrap(), "hello");
    assert!(say(&channel(&handle), "hello").await.is_err(), "the first connection still has the place");
}

/// A server that is too busy to look gets calls and their resets in one gulp.
#[tokio::test]
async fn the_reset_guard_is_above_what_time_outs_need_and_still_guards() {
    for (max_pending_resets, survives) in [(10, false), (ServerConfig::default().max_pending_resets, true)] {
        let (handle, _) = serve(ServerConfig { max_pending_resets, ..ServerConfig::default() }).await;
        let config = ClientConfig { circuit_failures: u32::MAX, ..client_config(&handle) };
        let (ready, begun) = tokio::sync::oneshot::channel();
        let calls = async move {
            let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
            let slow = tokio::spawn({
                let client = client.clone();
                async move { say(&client, "sleep 600").await }
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
            ready.send(()).unwrap();
            let late = (0..100).map(|_| {
                let mut request = common::officer(common::ask("sleep 5000"));
                request.set_timeout(Duration::from_millis(50));
                common::unary(&client, common::SAY, request)
            });
            join_all(late).await;
            slow.await.unwrap()
        };
        let caller = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(calls)
        });
        begun.await.unwrap();
        // The server lives on this thread.
        std::thread::sleep(Duration::from_millis(200));
        let slow = tokio::task::spawn_blocking(move || caller.join().unwrap()).await.unwrap();
        assert_eq!(slow.is_ok(), survives, "{max_pending_resets}: {slow:?}");
    }
}

#[tokio::test]
async fn a_drain_says_so_first_finishes_calls_and_ends_streams() {
    let (handle, echo) = serve(ServerConfig { drain_notice_ms: 200, ..ServerConfig::default() }).await;
    let channel = channel(&handle);
    let mut health = HealthClient::new(channel.clone());
    let request = HealthCheckRequest { service: "leeway.test.v1.Echo".to_owned() };
    let mut watched = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
    let stream = watch(&channel, "on").await.unwrap();
    let (slow, owned) = (channel.clone(), channel.clone());
    let slow = tokio::spawn(async move { say(&slow, "sleep 600").await });
    let abandoned = tokio::time::timeout(Duration::from_millis(50), say(&owned, "own 700")).await;
    assert!(abandoned.is_err());
    let address = handle.grpc;
    let ended = tokio::spawn(handle.shutdown());
    assert_eq!(watched.message().await.unwrap().unwrap().status, ServingStatus::NotServing as i32);
    assert_eq!(
        say(&channel, "hello").await.unwrap(),
        "hello",
        "until the notice ends, calls are still taken"
    );
    let (_, status) = drain(stream).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"));
    assert_eq!(slow.await.unwrap().unwrap(), "slept");
    ended.await.unwrap();
    assert_eq!(echo.finished.load(Ordering::SeqCst), 1, "a mutation goes on when its caller leaves");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_drain_that_takes_too_long_cuts() {
    let (handle, _) = serve(ServerConfig { drain_timeout_ms: 200, ..ServerConfig::default() }).await;
    let stuck = channel(&handle);
    let stuck = tokio::spawn(async move { say(&stuck, "sleep 60000").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    handle.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    let status = stuck.await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"));
}

#[tokio::test]
async fn connections_age_without_a_failed_call() {
    let (handle, _) = serve(ServerConfig { connection_age_ms: 60, ..ServerConfig::default() }).await;
    let client = client(&handle);
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < Duration::from_millis(700) {
        let repeated = client.retry(Repeat::Safe, || say(&client, "sleep 5"));
        assert_eq!(repeated.await.unwrap(), "slept");
        calls += 1;
    }
    assert!(calls > 20, "{calls}");
    let page = get(&handle, "/metrics").await.1;
    assert!(page.contains("leeway_rpc_total"), "{page}");
}

#[tokio::test]
async fn probes_and_ready_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ready.json");
    let (handle, _) = serve(ServerConfig { ready_file: Some(path.clone()), ..ServerConfig::default() }).await;
    let ready: HashMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(ready["service"], "test");
    assert_eq!(ready["grpc"], handle.grpc.to_string());
    assert_eq!(ready["probe"], handle.probe.to_string());
    assert_eq!(say(&channel(&handle), "hello").await.unwrap(), "hello");

    assert_eq!(get(&handle, "/livez").await.0, 200);
    assert_eq!(get(&handle, "/readyz").await.0, 200);
    let (code, page) = get(&handle, "/metrics").await;
    let labels = HashMap::from([("service", "test"), ("method", common::SAY), ("code", "OK")]);
    assert_eq!(code, 200);
    assert!(probe::counter(&page, "leeway_rpc_total", &labels) >= 1.0, "{page}");
    assert!(page.contains("leeway_rpc_seconds_bucket"), "{page}");

    let probe =
        tonic::transport::Endpoint::from_shared(format!("http://{}", handle.probe)).unwrap().connect_lazy();
    let mut health = HealthClient::new(probe);
    for (ready, expected) in [(true, ServingStatus::Serving), (false, ServingStatus::NotServing)] {
        handle.set_ready(ready).await;
        for (service, expected) in [("readiness", expected), ("liveness", ServingStatus::Serving)] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let status = health.check(request).await.unwrap().into_inner().status;
            assert_eq!(status, expected as i32, "{service} {ready}");
        }
    }
    assert_eq!(get(&handle, "/readyz").await.0, 503);
    assert_eq!(get(&handle, "/livez").await.0, 200);
}

#[tokio::test]
async fn reflection_speaks_both_versions_and_can_be_switched_off() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_request::MessageRequest};
    use tonic_reflection::pb::v1alpha;

    for on in [true, false] {
        let (handle, _) = serve(ServerConfig { reflection: on, ..ServerConfig::default() }).await;
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut v1 = ServerReflectionClient::new(channel(&handle));
        let answer = v1.server_reflection_info(tokio_stream::once(request)).await;
        let request = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            )),
        };
        let mut old = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&handle));
        let old = old.server_reflection_info(tokio_stream::once(request)).await;
        assert_eq!((answer.is_ok(), old.is_ok()), (on, on));
        if let Ok(answer) = answer {
            let Some(MessageResponse::ListServicesResponse(list)) =
                answer.into_inner().next().await.unwrap().unwrap().message_response
            else {
                panic!("no list");
            };
            let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
            assert!(names.contains(&"leeway.test.v1.Echo".to_owned()), "{names:?}");
        }
    }
}

#[tokio::test]
async fn only_loopback_while_callers_name_themselves() {
    let config = ServerConfig { listen: ([0, 0, 0, 0], 0).into(), ..ServerConfig::default() };
    let server = Server::new("test", config, Ids::seeded(1), Routes::default(), Arc::new(NoOwners));
    let refused = server.spawn(CancellationToken::new()).await.unwrap_err();
    assert!(refused.to_string().contains("not loopback"), "{refused}");
    assert!(refused.to_string().contains("trusted_network"), "what helps isn't said: {refused}");
}

#[tokio::test]
async fn a_trusted_network_is_served_beyond_loopback() {
    let listen = ([0, 0, 0, 0], 0).into();
    let config = ServerConfig { listen, trusted_network: true, ..ServerConfig::default() };
    let (handle, _) = serve(config).await;
    assert!(handle.grpc.ip().is_unspecified(), "{}", handle.grpc);
    let endpoint = format!("http://127.0.0.1:{}", handle.grpc.port());
    let config = ClientConfig { endpoint, ..ClientConfig::default() };
    let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
    assert_eq!(say(&client, "own 1").await.unwrap(), "owned");
    handle.shutdown().await;
}

#[tokio::test]
async fn a_dead_server_is_unavailable_and_opens_the_circuit() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let client = client(&handle);
    handle.shutdown().await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        let status = say(&client, "hello").await.unwrap_err();
        assert_eq!(reason(&status), "DEPENDENCY_UNAVAILABLE");
        codes.push(status.code());
    }
    assert!(codes.iter().all(|code| *code == Code::Unavailable));
    assert!(client.circuit().is_open());
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (handle, _) = serve(ServerConfig::default()).await;
    let mut config = client_config(&handle);
    config.endpoint = format!("http://{}", hole.local_addr().unwrap());
    (config.keepalive_interval_ms, config.keepalive_timeout_ms) = (100, 100);
    let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
    tokio::spawn(async move {
        let taken = hole.accept().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(taken);
    });
    let started = Instant::now();
    let status = say(&client, "hello").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
