//! Settings of the binary: a file, then the environment, then the command line; unknown keys are refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chassis::config::ENV_PREFIX;
use chassis::{ClientConfig, ServerConfig, TelemetryConfig};
use serde::{Deserialize, Serialize};

use crate::database::Databases;

/// Ports of the services and of their probes, as fixed for everybody.
pub const APPLICATION_PORT: u16 = 7401;
pub const POLICY_PORT: u16 = 7402;
pub const NOTIFICATION_PORT: u16 = 7403;
const PROBE_OFFSET: u16 = 100;

/// A `--set` that isn't `key=value`.
#[derive(Debug)]
pub struct NotASetting(String);

impl std::fmt::Display for NotASetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`--set {}`: write it as `key=value`, e.g. `application.reflection=false`", self.0)
    }
}

impl std::error::Error for NotASetting {}

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of the databases and documents.
    pub data_dir: PathBuf,
    /// Folder of packs beside those that ship; empty: none.
    pub packs_dir: Option<PathBuf>,
    pub application: ServerConfig,
    pub policy: ServerConfig,
    pub notification: ServerConfig,
    /// How the application reaches policy.
    pub policy_client: ClientConfig,
    /// How the application reaches notification.
    pub notification_client: ClientConfig,
    pub telemetry: TelemetryConfig,
    /// Where each service keeps its data.
    pub databases: Databases,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("leeway-data"),
            packs_dir: None,
            application: server(APPLICATION_PORT),
            policy: server(POLICY_PORT),
            notification: server(NOTIFICATION_PORT),
            policy_client: client(POLICY_PORT),
            notification_client: client(NOTIFICATION_PORT),
            telemetry: TelemetryConfig::default(),
            databases: Databases::default(),
        }
    }
}

impl Config {
    /// Reads the settings; `set` are `key=value` pairs of the command line, such as `telemetry.log_format=json`.
    pub fn load(file: Option<&Path>, set: &[String]) -> anyhow::Result<Self> {
        let mut overrides = Vec::new();
        for pair in set {
            let (key, value) = pair.split_once('=').ok_or_else(|| NotASetting(pair.clone()))?;
            overrides.push((key.to_owned(), value.to_owned()));
        }
        Ok(chassis::config::load(file, ENV_PREFIX, overrides)?)
    }

    /// Every port chosen by the system: for tests and for commands that need a stack of their own.
    pub fn on_free_ports(mut self) -> Self {
        for server in [&mut self.application, &mut self.policy, &mut self.notification] {
            server.listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
            server.probe_listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        }
        self
    }
}

fn server(port: u16) -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        probe_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port + PROBE_OFFSET),
        ..ServerConfig::default()
    }
}

fn client(port: u16) -> ClientConfig {
    ClientConfig { endpoint: format!("http://127.0.0.1:{port}"), ..ClientConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explained_file_holds_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config.toml");
        let explained = Config::load(Some(&file), &[]).unwrap();
        let text = |config: &Config| serde_json::to_value(config).unwrap();
        assert_eq!(text(&explained), text(&Config::default()));
    }

    #[test]
    fn the_settings_of_the_pods_are_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes/base/leeway.toml");
        let config = Config::load(Some(&file), &[]).unwrap();
        for server in [&config.application, &config.policy, &config.notification] {
            assert!(server.listen.ip().is_unspecified() && server.trusted_network, "{server:?}");
        }
        assert_eq!(config.policy_client.endpoint, format!("http://leeway-policy:{POLICY_PORT}"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let error = Config::load(None, &["application.listten=127.0.0.1:1".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("application.listen"), "{error}");
        let error = Config::load(None, &["application.listen".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("key=value"), "{error}");
    }
}
