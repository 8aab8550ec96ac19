//! A PostgreSQL of the tests' own: a cluster in a temporary directory on a free port, and databases in it.
//!
//! `cargo xtask test` starts one for all tests and names it in `XTASK_POSTGRES`; without that, each test process starts its
//! own. Tests that stop or kill a server always start their own. Data survives the death of the server, not that of the
//! machine: nothing is synced.

mod disk;
mod pooler;
mod programs;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

pub use disk::SmallDisk;
pub use pooler::Pooler;
pub use programs::program;

/// Where `cargo xtask test` says that its cluster listens: a port on loopback.
pub const SHARED: &str = "XTASK_POSTGRES";
/// Looks for a server that starts or stops, and the pause between them.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A server, stopped when this is dropped or the process ends.
pub struct Cluster {
    /// What a part of it lies on, if that is small; unmounted before the directory goes.
    disk: Option<SmallDisk>,
    directory: TempDir,
    port: u16,
    server: Mutex<Option<Server>>,
    settings: Vec<String>,
}

struct Server {
    pid: u32,
    ended: std::sync::mpsc::Receiver<()>,
}

/// How a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Open connections are cut, everything is written down.
    Fast,
    /// All processes at once, as by a crash.
    Kill,
}

/// What of a server lies on a disk of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Tables: without room, statements that need it are refused.
    Data,
    /// The write-ahead log: without room, the server stops.
    Log,
}

impl Cluster {
    /// Makes and starts one.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same with further settings, such as `max_connections=20`.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        Self::make(None, settings)
    }

    /// The same with a part of it on a disk of so many MiB.
    pub fn start_on_small_disk(part: Part, mib: u64) -> Result<Self> {
        // Files of state are written anew by a checkpoint, which stops the server where it can't.
        Self::make(Some((part, mib)), &["checkpoint_timeout=1h"])
    }

    fn make(small: Option<(Part, u64)>, settings: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("leeway-pg-").tempdir()?;
        programs::hand_over(directory.path())?;
        let data = directory.path().join("data");
        let log = directory.path().join("log");
        let mut initdb = programs::as_server("initdb")?;
        let mut disk = None;
        if let Some((part, mib)) = small {
            let place = if part == Part::Data { &data } else { &log };
            disk = Some(SmallDisk::mount(place, mib)?);
            programs::hand_over(place)?;
            initdb.arg("--wal-segsize=1").arg("--waldir").arg(&log);
        }
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
        ]);
        initdb.args(["--locale=C.UTF-8", "--pgdata"]).arg(&data);
        programs::run(&mut initdb)?;
        let mut cluster = Self::at(directory, settings)?;
        cluster.disk = disk;
        cluster.run()?;
        Ok(cluster)
    }

    /// Starts a streaming replica of it, which only reads.
    pub fn replica(&self) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("leeway-pg-").tempdir()?;
        programs::hand_over(directory.path())?;
        let mut copy = programs::as_server("pg_basebackup")?;
        copy.args(["--host=127.0.0.1", "--username=postgres", "--port", &self.port.to_string()]);
        copy.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        copy.arg("--pgdata").arg(directory.path().join("data"));
        programs::run(&mut copy)?;
        Self::of(directory, &[])
    }

    /// Starts on a directory that holds `data` already, such as a restored one.
    pub fn of(directory: TempDir, settings: &[&str]) -> Result<Self> {
        let cluster = Self::at(directory, settings)?;
        cluster.run()?;
        Ok(cluster)
    }

    fn at(directory: TempDir, settings: &[&str]) -> Result<Self> {
        Ok(Self {
            disk: None,
            directory,
            port: free_port()?,
            server: Mutex::default(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        })
    }

    /// Starts the server again on the same port, after [`Cluster::end`].
    pub fn run(&self) -> Result<()> {
        let mut postgres = programs::as_server("postgres")?;
        postgres.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let sockets = format!("unix_socket_directories={}", self.directory.path().display());
        let fixed = [
            "listen_addresses=127.0.0.1",
            &sockets,
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=64MB",
            "max_connections=300",
            "log_min_messages=fatal",
        ];
        for setting in fixed.into_iter().chain(self.settings.iter().map(String::as_str)) {
            postgres.args(["-c", setting]);
        }
        postgres.stdout(Stdio::null()).stderr(Stdio::null());
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(keep(postgres)?);
        for _ in 0..LOOKS {
            let mut ready = Command::new(program("pg_isready")?);
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status()?.success() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("PostgreSQL doesn't start in `{}`", self.directory.path().display())
    }

    /// Ends the server, if it hasn't stopped by itself, and waits until it is gone.
    pub fn end(&self, end: End) -> Result<()> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Server { pid, ended }) = server else { return Ok(()) };
        match end {
            // SIGINT is PostgreSQL's fast shutdown.
            End::Fast => programs::signal("INT", pid)?,
            End::Kill => programs::kill_all(pid)?,
        }
        ended.recv_timeout(PAUSE.saturating_mul(LOOKS)).context("PostgreSQL doesn't end")?;
        // A killed postmaster leaves its lock file; the next one finds out by itself that nobody is there.
        Ok(())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The small disk that a part of it lies on.
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// The directory that holds everything of it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A new, empty database.
    pub fn database(self: &Arc<Self>) -> Result<Database> {
        Database::create(self.port, Some(Arc::clone(self)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The directory goes next: nothing has to be written down.
        let _ = self.end(End::Kill);
    }
}

/// A database of its own, dropped with this.
pub struct Database {
    name: String,
    port: u16,
    _cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// In the cluster that all tests share.
    pub fn new() -> Result<Self> {
        if let Ok(port) = std::env::var(SHARED) {
            return Self::create(port.parse().context("the port in XTASK_POSTGRES")?, None);
        }
        static OWN: OnceLock<Arc<Cluster>> = OnceLock::new();
        static MAKING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = match OWN.get() {
            Some(cluster) => Arc::clone(cluster),
            None => {
                let cluster = Arc::new(Cluster::start()?);
                Arc::clone(OWN.get_or_init(|| cluster))
            }
        };
        cluster.database()
    }

    fn create(port: u16, cluster: Option<Arc<Cluster>>) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("leeway_{}_{count}", std::process::id());
        let mut createdb = Command::new(program("createdb")?);
        createdb.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", &name]);
        programs::run(&mut createdb)?;
        Ok(Self { name, port, _cluster: cluster })
    }

    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same database through another port, such as a pooler's or a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{}", self.name)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `psql` prints for a statement, without headings.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let mut psql = Command::new(program("psql")?);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(self.url());
        let output = psql.output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Ok(dropdb) = program("dropdb") else { return };
        let port = self.port.to_string();
        // A server that was ended on purpose has nothing to drop.
        let _ = Command::new(dropdb)
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "--force", "--if-exists", &self.name])
            .output();
    }
}

/// A port that nobody listens on. Another process may take it first; then the server doesn't start and says so.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Starts a server under a thread that lives as long as it does: the kernel ends a server whose parent thread ended, so
/// none is left behind by a test that was killed.
fn keep(mut command: Command) -> Result<Server> {
    let (started, starts) = std::sync::mpsc::channel::<std::io::Result<u32>>();
    let (gone, ended) = std::sync::mpsc::channel();
    thread::spawn(move || match command.spawn() {
        Ok(mut child) => {
            let _ = started.send(Ok(child.id()));
            let _ = Child::wait(&mut child);
            let _ = gone.send(());
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    });
    Ok(Server { pid: starts.recv()??, ended })
}
