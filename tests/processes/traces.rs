//! One trace through three processes and two queues, as an OTLP receiver sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;

use anyhow::Context as _;

use crate::clients::{Caller, applications, channel, delivered, prepare, submission};
use crate::outages::Three;
use crate::programs::{Process, Site, eventually, tool};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span of ours that everything goes below.
const SPAN: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn one_trace_covers_three_services_and_what_runs_later() -> anyhow::Result<()> {
    let receiver_site = Site::new()?;
    let (receiver, endpoint) = receiver(&receiver_site).await?;
    let three = Three::start(&[format!("telemetry.otlp_endpoint={endpoint}")]).await?;
    let (app, inbox) = (channel(three.application.grpc)?, channel(three.notification.grpc)?);
    let evidence = prepare(&app, "loan-li", "li").await?;
    let caller = Caller::platform_for("li")?.with("traceparent", &format!("00-{TRACE}-{SPAN}-01"))?;
    applications(&app, caller).submit_application(submission("loan-li", evidence)).await?;
    delivered(&inbox, "li", &["application-received", "offer-made"]).await?;
    // What is left is sent at the end.
    three.stop().await?;

    let expected = [
        ("application", "ApplicationService.SubmitApplication"),
        ("application", "effect.assess"),
        ("policy", "PolicyService.Assess"),
        ("application", "effect.notify"),
        ("notification", "NotificationService.Enqueue"),
        ("notification", "effect.deliver"),
    ];
    let spans = eventually("every span of the trace", || async {
        let spans = spans_of(&receiver.stdout()?);
        let named = spans.values().map(|s| (s.service.as_str(), s.name.as_str())).collect::<BTreeSet<_>>();
        let complete = expected.iter().all(|span| named.contains(span))
            && spans.values().all(|span| span.parent == SPAN || spans.contains_key(&span.parent));
        Ok(complete.then_some(spans))
    });
    let spans =
        spans.await.with_context(|| format!("{:#?}", receiver.stdout().map(|text| spans_of(&text))))?;

    // From the delivery up to our own span: every hop, the queues included, in its order.
    let (mut at, mut path) = (spans.values().find(|span| span.name == "effect.deliver"), Vec::new());
    while let Some(span) = at {
        path.push(span.service.as_str());
        at = spans.get(&span.parent);
    }
    path.dedup();
    assert_eq!(path, ["notification", "application"], "{spans:#?}");
    // The offer's message hangs below the assessment, whose answer came from policy.
    let below_assessment = spans
        .values()
        .any(|span| span.name == "effect.deliver" && ancestors(&spans, span).contains("effect.assess"));
    assert!(below_assessment, "{spans:#?}");
    Ok(())
}

#[derive(Debug)]
struct Seen {
    service: String,
    name: String,
    parent: String,
}

fn ancestors(spans: &BTreeMap<String, Seen>, of: &Seen) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut at = spans.get(&of.parent);
    while let Some(span) = at {
        names.insert(span.name.clone());
        at = spans.get(&span.parent);
    }
    names
}

/// Spans of our trace, by id, as the receiver prints them.
fn spans_of(printed: &str) -> BTreeMap<String, Seen> {
    let (mut spans, mut service) = (BTreeMap::new(), String::new());
    let (mut trace, mut parent, mut id) = (String::new(), String::new(), String::new());
    for line in printed.lines() {
        if let Some(name) = line.trim().strip_prefix("-> service.name: Str(") {
            service = name.trim_end_matches(')').to_owned();
        }
        let Some((field, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match field.trim() {
            "Trace ID" => trace = value,
            "Parent ID" => parent = value,
            "ID" => id = value,
            "Name" if trace == TRACE => {
                spans.insert(
                    id.clone(),
                    Seen { service: service.clone(), name: value, parent: parent.clone() },
                );
            }
            _ => {}
        }
    }
    spans
}

/// Starts rotel, which prints what it receives, and waits until it listens.
async fn receiver(site: &Site) -> anyhow::Result<(Process, String)> {
    // It takes no port 0: both are free now, and nobody else asks for them before it does.
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let (grpc, http) = (one.local_addr()?, other.local_addr()?);
    drop((one, other));
    let mut command = Command::new(tool("XTASK_ROTEL", "rotel-agent")?);
    command.arg("start").args(["--exporter", "blackhole", "--debug-log", "traces"]);
    command.args(["--debug-log-verbosity", "detailed"]);
    command.args(["--otlp-grpc-endpoint", &grpc.to_string(), "--otlp-http-endpoint", &http.to_string()]);
    command.arg("--pid-file").arg(site.path("rotel.pid")).arg("--log-file").arg(site.path("rotel.log"));
    let process = site.start("rotel", &mut command)?;
    eventually("an OTLP receiver", || async { Ok(tokio::net::TcpStream::connect(grpc).await.ok()) }).await?;
    Ok((process, format!("http://{grpc}")))
}
