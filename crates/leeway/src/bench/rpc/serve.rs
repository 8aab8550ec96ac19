//! The servers that are measured, each a process of its own on its own core.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chassis::{Ids, NoOwners, Server, ServerConfig, TelemetryConfig};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::echo::{Echo, TABLE};

/// Part of the traces that is sampled.
const SAMPLED: f64 = 0.1;

/// One of the servers; it serves until its standard input ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one.
    #[arg(value_enum)]
    pub kind: Kind,
    /// Where its spans go.
    #[arg(long)]
    pub spans: Option<String>,
}

/// What is around the echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Nothing but tonic.
    Bare,
    /// All that a service of Leeway has around its methods, with a tenth of the traces sampled.
    Stack,
}

/// Serves, and says where on standard output: gRPC, then probes.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match args.kind {
        Kind::Bare => {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = listener.local_addr()?;
            println!("{address} {address}");
            let server = tonic::transport::Server::builder().add_service(Echo);
            let end = async { drop(tokio::task::spawn_blocking(input_ends).await) };
            server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), end).await?;
        }
        Kind::Stack => {
            let config = TelemetryConfig {
                otlp_endpoint: args.spans.clone(),
                sample_ratio: SAMPLED,
                ..TelemetryConfig::default()
            };
            let telemetry = chassis::telemetry::init(&config, &["bench"])?;
            let (config, routes) = (ServerConfig::default(), Routes::new(Echo));
            let server = Server::new("bench", config, Ids::random(), routes, Arc::new(NoOwners));
            let server = server.api(TABLE, api::FILE_DESCRIPTOR_SET);
            let handle = server.spawn(CancellationToken::new()).await?;
            println!("{} {}", handle.grpc, handle.probe);
            tokio::task::spawn_blocking(input_ends).await?;
            handle.shutdown().await;
            telemetry.shutdown().await;
        }
    }
    Ok(())
}

fn input_ends() {
    // Whatever it says or fails with, it has ended.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A server in its own process; it goes when this does.
#[derive(Debug)]
pub(super) struct Served {
    child: Child,
    pub(super) grpc: SocketAddr,
    pub(super) probe: SocketAddr,
}

impl Served {
    /// Starts one on the core of the calling thread.
    pub(super) fn start(kind: Kind, spans: &str) -> anyhow::Result<Self> {
        let word = match kind {
            Kind::Bare => "bare",
            Kind::Stack => "stack",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "rpc-server", word, "--spans", spans])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the server to measure can't be started")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let Some((grpc, probe)) = line.trim().split_once(' ') else {
            bail!("the server to measure didn't start");
        };
        Ok(Self { child, grpc: grpc.parse()?, probe: probe.parse()? })
    }

    /// Processor time it has used, seconds; 0 where the system doesn't say.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // User and system ticks are the 14th and 15th field; the second, a name, may hold anything up to its bracket.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_SECOND
    }
}

/// What Linux tells user space, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "the server that was measured didn't end");
        }
    }
}
