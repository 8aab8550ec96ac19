//! Starting and ending real programs. A process ends with its handle at the latest; nothing is ended by name.

use std::env;
use std::fs::{self, File};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

/// Longest wait for something that follows by itself. It ends a broken test; a sound one never comes near it.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// Platform time of the tests: within contact hours, five days after an instalment was missed.
pub const CLOCK: &str = "2026-07-20T10:00+08:00";

/// A folder of one test, with everything its processes write.
pub struct Site {
    folder: TempDir,
}

/// A running program; dropping it kills it.
pub struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A running `leeway serve`.
pub struct Service {
    pub process: Process,
    pub grpc: SocketAddr,
    /// Where it says whether it lives and works.
    pub probe: SocketAddr,
}

/// A running `leeway up`.
pub struct Up {
    pub process: Process,
    pub application: SocketAddr,
    pub notification: SocketAddr,
}

/// Looks until there is something to see.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(seen);
        }
        ensure!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A command of the binary under test. Settings in this process's own environment are not meant for it.
pub fn leeway() -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LEEWAY_")) {
        command.env_remove(name);
    }
    Ok(command)
}

fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("XTASK_BINARY") {
        return Ok(path.into());
    }
    // This program is target/debug/deps/processes-HASH.
    let own = env::current_exe()?;
    let built = own.parent().and_then(Path::parent).map(|debug| debug.join("leeway"));
    let path = built.filter(|path| path.is_file());
    path.context("there is no `leeway` beside these tests; run `cargo xtask test`, which builds it")
}

/// A Python that can call gRPC.
pub fn python() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("XTASK_PYTHON") {
        return Ok(path.into());
    }
    let probe = Command::new("python3")
        .args(["-c", "import grpc, grpc_reflection, grpc_status, grpc_health"])
        .stdin(Stdio::null())
        .output();
    ensure!(
        probe.is_ok_and(|output| output.status.success()),
        "`python3` has no grpcio with reflection, status and health; run `cargo xtask test`, which installs them"
    );
    Ok("python3".into())
}

/// A program that `cargo xtask test` installs and names in `variable`, else one on the path.
pub fn tool(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("`{name}` is not on the path; run `cargo xtask test`, which installs it"))
}

impl Site {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database of a service that [`Site::serve`] started; look when it is stopped.
    pub fn database(&self, service: &str) -> PathBuf {
        self.path(service).join(format!("{service}.db"))
    }

    /// Starts a program with its output in files named after `label`.
    pub fn start(&self, label: &str, command: &mut Command) -> anyhow::Result<Process> {
        let (stdout, stderr) = (self.path(&format!("{label}.out")), self.path(&format!("{label}.err")));
        command.stdin(Stdio::null()).stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        command.current_dir(self.folder.path());
        let child = command.spawn().with_context(|| format!("{command:?} could not be started"))?;
        Ok(Process { child, stdout, stderr })
    }

    /// Starts `leeway serve` on a data directory of its own and waits until it serves. `settings` are
    /// `key=value`; without a clock the kept one goes on.
    pub async fn serve(
        &self,
        service: &str,
        clock: Option<&str>,
        settings: &[String],
    ) -> anyhow::Result<Service> {
        self.serve_as((service, service), clock, settings).await
    }

    /// The same for one of several replicas, whose data directory and output are named after `label`.
    pub async fn serve_as(
        &self,
        (service, label): (&str, &str),
        clock: Option<&str>,
        settings: &[String],
    ) -> anyhow::Result<Service> {
        let ready = self.path(&format!("{label}.ready"));
        let mut command = leeway()?;
        command.args(["serve", service]).arg("--data-dir").arg(self.path(label));
        command.args(clock.into_iter().flat_map(|clock| ["--clock", clock]));
        let own = [
            format!("{service}.listen=127.0.0.1:0"),
            format!("{service}.probe_listen=127.0.0.1:0"),
            format!("{service}.ready_file={}", ready.display()),
        ];
        // The last one wins, so a test can ask for a port.
        for setting in own.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        forget(&ready)?;
        let mut process = self.start(label, &mut command)?;
        let Ports { grpc, probe } = process.serving(&ready).await?;
        Ok(Service { process, grpc, probe })
    }

    /// Starts `leeway up` on `data_dir` and waits until it serves and has said where.
    pub async fn up(&self, data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Up> {
        let mut command = leeway()?;
        command.arg("up").arg("--data-dir").arg(data_dir).args(arguments);
        let services = ["application", "policy", "notification"];
        let ready = services.map(|service| self.path(&format!("{service}.ready")));
        for (service, ready) in services.iter().zip(&ready) {
            forget(ready)?;
            for setting in [
                format!("{service}.listen=127.0.0.1:0"),
                format!("{service}.probe_listen=127.0.0.1:0"),
                format!("{service}.ready_file={}", ready.display()),
            ] {
                command.args(["--set", &setting]);
            }
        }
        let mut process = self.start("up", &mut command)?;
        let [application, policy, notification] = &ready;
        let application = process.serving(application).await?.grpc;
        process.serving(policy).await?;
        let notification = process.serving(notification).await?.grpc;
        // The stories are played between opening the ports and saying so.
        process.says("Stop with Ctrl-C").await?;
        Ok(Up { process, application, notification })
    }
}

impl Process {
    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.stdout)?).into_owned())
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.stderr)?).into_owned())
    }

    /// Waits for a text on standard output.
    pub async fn says(&mut self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.stdout()?.contains(text) {
            self.must_run()?;
            ensure!(Instant::now() < deadline, "`{text}` was not said:\n{}", self.stdout()?);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end with SIGTERM.
    pub fn terminate(&mut self) -> anyhow::Result<()> {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status()?;
        ensure!(asked.success(), "SIGTERM could not be sent");
        Ok(())
    }

    /// Waits until it ends.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "a process did not end:\n{}", self.stderr()?);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends it with SIGTERM; anything but exit code 0 is an error.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()?;
        let status = self.ended().await?;
        ensure!(status.success(), "SIGTERM ended a process with {status}:\n{}", self.stderr()?);
        Ok(())
    }

    async fn serving(&mut self, ready: &Path) -> anyhow::Result<Ports> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(text) = fs::read_to_string(ready) {
                let stated: serde_json::Value = serde_json::from_str(&text)?;
                let port = |name: &str| -> anyhow::Result<SocketAddr> {
                    let address = stated.get(name).and_then(serde_json::Value::as_str);
                    Ok(address.context("a ready file without address")?.parse()?)
                };
                return Ok(Ports { grpc: port("grpc")?, probe: port("probe")? });
            }
            self.must_run()?;
            ensure!(Instant::now() < deadline, "a service did not come up:\n{}", self.stderr()?);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn must_run(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("a process ended early with {status}:\n{}\n{}", self.stdout()?, self.stderr()?);
        }
        Ok(())
    }
}

/// What a ready file states.
struct Ports {
    grpc: SocketAddr,
    probe: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forget(ready: &Path) -> anyhow::Result<()> {
    match fs::remove_file(ready) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
