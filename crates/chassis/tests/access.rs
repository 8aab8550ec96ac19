//! Who may call what, and what goes along with a call, over real gRPC on loopback.

#[cfg(test)]
mod common;

use std::time::Duration;

use chassis::context::{self, CallContext};
use chassis::{Client, ClientConfig, Deadline, Ids, Principal, ServerConfig, TelemetryConfig};
use common::{ask, by, channel, client, client_config, reason, say, serve, unary};
use tonic::{Code, Request};

#[tokio::test]
async fn decisions() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let channel = channel(&handle);
    let mine = "/leeway.test.v1.Echo/Mine";
    let rows = [
        ("officer:7", None, common::DESK, "", Code::Ok),
        ("borrower:li", None, common::DESK, "", Code::PermissionDenied),
        ("borrower:li", None, common::READ, "loan-li", Code::Ok),
        ("borrower:li", None, common::READ, "loan-wang", Code::PermissionDenied),
        ("borrower:li", None, common::READ, "loan-nobody", Code::PermissionDenied),
        ("borrower:li", None, common::READ, "", Code::PermissionDenied),
        ("borrower:li", None, common::READ, "loan-broken", Code::Internal),
        ("officer:7", None, common::READ, "loan-nobody", Code::Ok),
        ("service:core", None, common::READ, "loan-wang", Code::Ok),
        ("service:core", Some("borrower:li"), common::READ, "loan-li", Code::Ok),
        ("service:core", Some("borrower:li"), common::READ, "loan-wang", Code::PermissionDenied),
        ("officer:7", Some("borrower:li"), common::READ, "loan-li", Code::Unauthenticated),
        ("borrower:li", None, mine, "li", Code::Ok),
        ("borrower:li", None, mine, "wang", Code::PermissionDenied),
        ("borrower:li", None, mine, "", Code::PermissionDenied),
        ("auditor:1", None, common::SAY, "", Code::PermissionDenied),
        ("king:1", None, common::SAY, "", Code::Unauthenticated),
    ];
    let mut refusals = Vec::new();
    for (principal, subject, path, id, code) in rows {
        let message = common::Ask { id: id.to_owned(), text: "hello".to_owned() };
        let outcome = unary(&channel, path, by(principal, subject, message)).await;
        let got = outcome.as_ref().map_or_else(tonic::Status::code, |_| Code::Ok);
        assert_eq!(got, code, "{principal} {subject:?} {path} {id}");
        refusals.extend(outcome.err().filter(|status| status.code() == Code::PermissionDenied));
    }
    // INVARIANT: absent, somebody else's and not for this role can't be told apart.
    let words = |status: &tonic::Status| (status.message().to_owned(), status.details().to_vec());
    assert!(refusals.iter().all(|status| words(status) == words(&refusals[0])));
    assert_eq!(reason(&refusals[0]), "ACCESS_DENIED");
}

#[tokio::test]
async fn a_stream_is_checked_on_its_first_message_and_arrives_whole() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let rows = [
        (["loan-li", "loan-li", "loan-li"], Code::Ok),
        (["loan-wang", "loan-li", "loan-li"], Code::PermissionDenied),
    ];
    for (ids, code) in rows {
        let body =
            ids.map(|id| common::frame(&common::Ask { id: id.to_owned(), text: String::new() })).concat();
        let headers = [("x-leeway-principal", "borrower:li")];
        let status = common::raw(&handle, common::SEND, &headers, body).await;
        assert_eq!(status.code(), code, "{ids:?}");
    }
}

#[tokio::test]
async fn principal_and_subject_go_along() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let service = client(&handle);
    let who = async |client: &Client| unary(client, common::SAY, Request::new(ask("who"))).await.unwrap();
    assert_eq!(who(&service).await, "service:test for None");
    let context = CallContext { subject: Some("li".to_owned()), ..CallContext::default() };
    let told = context::scope(context.clone(), who(&service)).await;
    assert_eq!(told, "service:test for Some(\"li\")");
    let borrower = service.with_principal(Principal::new(api::access::Role::Borrower, "wang"));
    assert_eq!(context::scope(context, who(&borrower)).await, "borrower:wang for Some(\"wang\")");
}

#[tokio::test]
async fn the_rest_of_the_deadline_goes_along_less_a_margin() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let client = client(&handle);
    let left = async || say(&client, "left").await.map(|text| text.parse::<u64>().unwrap());
    let within = |millis| CallContext {
        deadline: Some(Deadline::after(Duration::from_millis(millis))),
        ..CallContext::default()
    };
    let told = context::scope(within(3_000), left()).await.unwrap();
    assert!((2_000..=2_950).contains(&told), "{told}");
    assert!((9_000..=10_000).contains(&left().await.unwrap()), "without a deadline the usual one counts");
    let passed = context::scope(within(40), left()).await.unwrap_err();
    assert_eq!((passed.code(), reason(&passed).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn a_late_answer_is_deadline_exceeded_at_the_client() {
    // The server keeps silent longer than the client waits: nobody but the client can say so.
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ClientConfig {
        endpoint: format!("http://{}", hole.local_addr().unwrap()),
        default_deadline_ms: 150,
        ..ClientConfig::default()
    };
    let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
    let status = say(&client, "hello").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));

    let (handle, _) = serve(ServerConfig::default()).await;
    let real = Client::connect(&client_config(&handle), Principal::service("test"), Ids::seeded(2)).unwrap();
    let context =
        CallContext { deadline: Some(Deadline::after(Duration::from_millis(250))), ..CallContext::default() };
    let (count, status) =
        context::scope(context, async { common::drain(common::watch(&real, "on").await.unwrap()).await })
            .await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(count > 2, "{count}");
}

#[tokio::test]
async fn one_trace_covers_client_and_server() {
    let telemetry = chassis::telemetry::init(&TelemetryConfig::default(), &["test"]).unwrap();
    let (handle, _) = serve(ServerConfig::default()).await;
    let trace_id = |traceparent: &str| traceparent.split('-').nth(1).map(str::to_owned).unwrap();

    let kept = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = chassis::telemetry::span_with_parent("effect.notify", Some(kept));
    let told = tracing::Instrument::instrument(say(&client(&handle), "trace"), span).await.unwrap();
    assert_eq!(trace_id(&told), "0af7651916cd43dd8448eb211c80319c", "{told}");
    assert_ne!(told, kept);

    let (one, other) =
        (say(&channel(&handle), "trace").await.unwrap(), say(&channel(&handle), "trace").await.unwrap());
    assert_ne!(trace_id(&one), trace_id(&other), "without a caller's trace each call starts one");
    handle.shutdown().await;
    telemetry.shutdown().await;
}
