//! Settings that every service has. Durations are milliseconds, sizes bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a service listens and where it draws its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where gRPC is served; port 0 takes a free one. Loopback only while callers name themselves, unless
    /// `trusted_network`.
    pub listen: SocketAddr,
    /// Listen beyond loopback although callers name themselves: whoever reaches the port can be anyone. Only where the
    /// network itself keeps everybody else out.
    pub trusted_network: bool,
    /// Where `/livez`, `/readyz`, `/metrics` and plaintext gRPC health are served.
    pub probe_listen: SocketAddr,
    /// Whether the server tells its API (reflection v1 and v1alpha).
    pub reflection: bool,
    /// Largest request message, bytes. Above 4 MiB the generated services' own limit has to be raised as well.
    pub max_message_bytes: u32,
    /// Streams one connection may have open, which bounds its calls.
    pub max_concurrent_streams: u32,
    /// Connections at a time; further ones are closed at once.
    pub max_connections: u32,
    /// Places: calls at work over all connections, server streams apart.
    pub max_in_flight: u32,
    /// Calls that may wait to begin, beyond those for whom there are places; the next is told to come again.
    pub max_queued: u32,
    /// Longest wait of one of them, milliseconds.
    pub max_queue_wait_ms: u64,
    /// Wait that is fine to have all the time, milliseconds. Once calls have begun later than this for half a second on end,
    /// only as many may wait as begin within it.
    pub queue_target_ms: u64,
    /// Part of places and queue that reads and lists together may have, percent; the rest is kept for decisions.
    pub read_percent: u32,
    /// Part that lists, uploads apart, may have of them, percent.
    pub list_percent: u32,
    /// Part that the calls of any one method may have, percent.
    pub method_percent: u32,
    /// Bytes of request messages in memory over all connections; whoever brings more is told to come again. Never below
    /// `max_message_bytes`.
    pub max_request_bytes: u64,
    /// Bytes that one connection may send ahead of their being read.
    pub connection_window_bytes: u32,
    /// Bytes of answers that one stream may have waiting for its client to read.
    pub max_send_bytes: u32,
    /// Largest headers of a request, bytes.
    pub max_header_bytes: u32,
    /// Server streams open over all connections.
    pub max_open_streams: u32,
    /// Resets that a connection may have pending before it is cut (the rapid-reset guard), above
    /// `max_concurrent_streams` so that a client whose calls all time out at once keeps its connection.
    pub max_pending_resets: u32,
    /// Deadline of a unary call that brings none, milliseconds. A longer one is cut to `max_deadline_ms`.
    pub default_deadline_ms: u64,
    /// Longest deadline of a call that isn't a server stream, milliseconds.
    pub max_deadline_ms: u64,
    /// Longest life of a server stream, milliseconds; clients go on from their cursor.
    pub max_stream_ms: u64,
    /// How long calls may go on after the drain began, milliseconds.
    pub drain_timeout_ms: u64,
    /// Pause between saying NOT_SERVING and closing the door, for load balancers to notice, milliseconds.
    pub drain_notice_ms: u64,
    /// Age at which a connection is asked to leave, milliseconds; up to a tenth more, so that they don't leave at once.
    pub connection_age_ms: u64,
    /// Silence after which a connection is pinged, and then dropped without an answer, milliseconds each.
    pub keepalive_interval_ms: u64,
    pub keepalive_timeout_ms: u64,
    /// Where the actual addresses are written once both ports are open.
    pub ready_file: Option<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            trusted_network: false,
            probe_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            reflection: true,
            max_message_bytes: 4 * 1024 * 1024,
            max_concurrent_streams: 256,
            max_connections: 1_024,
            max_in_flight: 512,
            max_queued: 256,
            max_queue_wait_ms: 2_000,
            queue_target_ms: 10,
            read_percent: 75,
            list_percent: 50,
            method_percent: 75,
            max_request_bytes: 64 * 1024 * 1024,
            connection_window_bytes: 256 * 1024,
            max_send_bytes: 64 * 1024,
            max_header_bytes: 16 * 1024,
            max_open_streams: 1_024,
            max_pending_resets: 1_024,
            default_deadline_ms: 10_000,
            max_deadline_ms: 300_000,
            max_stream_ms: 3_600_000,
            drain_timeout_ms: 15_000,
            drain_notice_ms: 0,
            connection_age_ms: 1_800_000,
            keepalive_interval_ms: 30_000,
            keepalive_timeout_ms: 10_000,
            ready_file: None,
        }
    }
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// OTLP over gRPC, such as `http://127.0.0.1:4317`; none: spans stay in the logs.
    pub otlp_endpoint: Option<String>,
    pub log_format: LogFormat,
    /// As in `tracing_subscriber::EnvFilter`; the noise of h2, hyper and tower is off unless it is named here.
    pub log_filter: String,
    /// Part of the traces that is sampled when the caller didn't decide, 0 to 1.
    pub sample_ratio: f64,
    /// Name of the process when no service is at work.
    pub service_name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
            sample_ratio: 1.0,
            service_name: "leeway".to_owned(),
        }
    }
}

/// How another service is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Such as `http://127.0.0.1:7402`. Of a name, such as that of a headless service, every address gets calls in turn.
    pub endpoint: String,
    /// How often a name is looked up anew, milliseconds; soon after a failure as well.
    pub resolve_interval_ms: u64,
    pub connect_timeout_ms: u64,
    /// Deadline of a call when the work that makes it has none, milliseconds.
    pub default_deadline_ms: u64,
    /// Kept back from our own deadline so that an answer still reaches our caller, milliseconds.
    pub deadline_margin_ms: u64,
    /// Tries of one call, the first included.
    pub max_attempts: u32,
    /// Pause before the second try, milliseconds; doubles with each, and up to half of it is random.
    pub backoff_ms: u64,
    /// Retries in reserve; ten successful calls earn one.
    pub retry_budget: u32,
    /// Failures in a row that open the circuit.
    pub circuit_failures: u32,
    /// How long an open circuit lets nothing through, milliseconds; then one call tries.
    pub circuit_open_ms: u64,
    /// Silence after which the connection is pinged, and then dropped without an answer, milliseconds each.
    pub keepalive_interval_ms: u64,
    pub keepalive_timeout_ms: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:0".to_owned(),
            resolve_interval_ms: 5_000,
            connect_timeout_ms: 2_000,
            default_deadline_ms: 10_000,
            deadline_margin_ms: 50,
            max_attempts: 3,
            backoff_ms: 50,
            retry_budget: 100,
            circuit_failures: 5,
            circuit_open_ms: 5_000,
            keepalive_interval_ms: 20_000,
            keepalive_timeout_ms: 5_000,
        }
    }
}

pub(crate) fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}
