//! PgBouncer before a cluster, pooling by transaction.

use std::fs;
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::{LOOKS, PAUSE, Server, free_port, keep, programs};

/// A pooler, ended when this is dropped.
pub struct Pooler {
    port: u16,
    server: Server,
    _directory: TempDir,
}

impl Pooler {
    /// For every database of the server on `server_port`, with few server connections, so that each transaction really gets
    /// another one.
    pub fn start(server_port: u16) -> Result<Self> {
        let pgbouncer = programs::on_path("pgbouncer").context("no `pgbouncer` (Debian: pgbouncer)")?;
        let directory = tempfile::Builder::new().prefix("leeway-pgbouncer-").tempdir()?;
        let port = free_port()?;
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\n\
             server_check_delay = 1\nignore_startup_parameters = extra_float_digits\nunix_socket_dir =\n"
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings)?;
        programs::hand_over(directory.path())?;
        let mut command = programs::as_user(&pgbouncer)?;
        command.arg("-q").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let server = keep(command)?;
        for _ in 0..LOOKS {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Self { port, server, _directory: directory });
            }
            thread::sleep(PAUSE);
        }
        bail!("PgBouncer doesn't start")
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = programs::signal("KILL", self.server.pid);
        let _ = self.server.ended.recv_timeout(PAUSE.saturating_mul(LOOKS));
    }
}
