//! The three services as containers that may do next to nothing, one real call through all of them, and SIGTERM.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::containers::Containers;
use crate::tools::Stopwatch;

/// Longest wait for a container to be ready. It ends a broken trial; a sound one takes a second.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// The drain that the trial asks for, and how long podman waits until it kills: killed is another exit code than 0.
const DRAIN_MS: u64 = 5_000;
const STOP_SECONDS: &str = "15";
/// Memory of each container, bytes.
const MEMORY: &str = "536870912";
/// Name by which the application reaches the others: static binaries find names differently, so one is looked up.
const NAME: &str = "neighbours.leeway.test";
/// The image's user, as Linux prints the four ids of a process.
const USER: &str = "65532\t65532\t65532\t65532";

const LOAN: &str = r#"{"request_id":"5b0c2f5e-5c3f-4d0c-9a52-0f2f6f1c7e01","loan":{"loan_id":"loan-image","borrower_id":"li",
"contract":{"principal":{"currency_code":"CNY","minor_units":1200000},"annual_rate":"0.144","instalments":12,
"amortisation":"AMORTISATION_EQUAL_INSTALMENTS","interest_from_date":{"year":2026,"month":6,"day":15},
"first_due_date":{"year":2026,"month":7,"day":15}}}}"#;

const QUESTION: &str = r#"{"loan_id":"loan-image","reason":"HARDSHIP_REASON_UNEMPLOYMENT","statement":{"adults":1,
"declared_income":[{"amount":{"currency_code":"CNY","minor_units":900000}}]}}"#;

/// Containers of one trial, removed with it.
struct Trial<'a> {
    containers: &'a Containers,
    image: &'a str,
    data: PathBuf,
    started: Vec<String>,
}

struct Running {
    container: String,
    grpc: String,
}

pub fn run(containers: &Containers, image: &str, grpcurl: &Path) -> Result<()> {
    let data = std::env::temp_dir().join(format!("leeway-image-{}", process::id()));
    fs::create_dir_all(&data)?;
    let mut trial = Trial { containers, image, data, started: Vec::new() };
    let policy = trial.start("policy", &[])?;
    let notification = trial.start("notification", &[])?;
    let neighbours = [("policy_client", &policy), ("notification_client", &notification)];
    let settings = neighbours.map(|(client, service)| {
        let port = service.grpc.rsplit(':').next().unwrap_or_default();
        format!("{client}.endpoint=http://{NAME}:{port}")
    });
    let application = trial.start("application", &settings)?;
    for service in [&policy, &notification, &application] {
        trial.is_locked_down(&service.container)?;
    }
    use_it(grpcurl, &application.grpc)?;
    for service in [&application, &notification, &policy] {
        trial.drains(&service.container)?;
    }
    let again = trial.start("application", &settings)?;
    let kept = call(grpcurl, &again.grpc, r#"{"loan_id":"loan-image"}"#, "LoanService/GetLoan")?;
    ensure!(kept.contains("loan-image"), "the loan did not survive the restart: {kept}");
    trial.drains(&again.container)
}

/// A mutation, and a question that the application passes on to policy.
fn use_it(grpcurl: &Path, address: &str) -> Result<()> {
    let registered = call(grpcurl, address, LOAN, "LoanService/RegisterLoan")?;
    ensure!(registered.contains("\"instalments\""), "no schedule came back: {registered}");
    let answer = call(grpcurl, address, QUESTION, "ApplicationService/CheckEligibility")?;
    ensure!(answer.contains("\"outcome\""), "no outcome came back: {answer}");
    println!("called: RegisterLoan, and CheckEligibility through policy at `{NAME}`");
    Ok(())
}

fn call(grpcurl: &Path, address: &str, body: &str, method: &str) -> Result<String> {
    let mut command = Command::new(grpcurl);
    command.args(["-plaintext", "-max-time", "30", "-H", "x-leeway-principal: service:platform", "-d", body]);
    command.arg(address).arg(format!("leeway.application.v1.{method}"));
    let output = command.output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{method} failed: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}

impl Trial<'_> {
    /// Starts a service and waits until its probe port says that it is ready.
    fn start(&mut self, service: &str, settings: &[String]) -> Result<Running> {
        let data = self.data.join(service);
        fs::create_dir_all(&data)?;
        let ready_file = data.join("ready.json");
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let container = format!("leeway-{}-{}-{service}", process::id(), self.started.len());
        let mut command = self.containers.podman("run");
        command.args(["--detach", "--name", &container, "--pull", "never", "--network", "host"]);
        command.args(["--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"]);
        command.args(["--security-opt", "no-new-privileges", "--memory", MEMORY]);
        command.arg("--add-host").arg(format!("{NAME}:127.0.0.1"));
        // `U` gives the folder to the image's user.
        command.arg("--volume").arg(format!("{}:/data:U", data.display()));
        command.args([self.image, "serve", service]);
        let own = [
            format!("{service}.listen=127.0.0.1:0"),
            format!("{service}.probe_listen=127.0.0.1:0"),
            format!("{service}.ready_file=/data/ready.json"),
            format!("{service}.drain_timeout_ms={DRAIN_MS}"),
        ];
        command.args(own.iter().chain(settings).flat_map(|setting| ["--set", setting]));
        self.started.push(container.clone());
        self.containers.ask(&mut command)?;
        let watch = Stopwatch::start();
        loop {
            if let Some(grpc) = ready(&ready_file)? {
                println!("ready: {service} at {grpc}, {:.1} s", watch.elapsed().as_secs_f32());
                return Ok(Running { container, grpc });
            }
            let in_time = watch.elapsed() < PATIENCE && self.state(&container, "Running")? == "true";
            ensure!(in_time, "`{service}` did not become ready:\n{}", self.logs(&container)?);
            std::thread::sleep(PAUSE);
        }
    }

    /// What the kernel says about the process, not what was asked for.
    fn is_locked_down(&self, container: &str) -> Result<()> {
        let pid = self.state(container, "Pid")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = |name: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(name));
            found.map(str::trim).with_context(|| format!("no `{name}` in the status of `{container}`"))
        };
        let nothing = "0000000000000000";
        for (name, expected) in
            [("Uid:", USER), ("Gid:", USER), ("CapEff:", nothing), ("CapPrm:", nothing), ("CapBnd:", nothing)]
        {
            let found = line(name)?;
            ensure!(found == expected, "`{container}` has {name} {found}, expected {expected}");
        }
        ensure!(line("NoNewPrivs:")? == "1", "`{container}` may gain privileges");
        let mounts = fs::read_to_string(format!("/proc/{pid}/mounts"))?;
        let root = mounts.lines().find(|mount| mount.split(' ').nth(1) == Some("/"));
        let options = root.and_then(|mount| mount.split(' ').nth(3)).unwrap_or_default();
        ensure!(options.split(',').any(|o| o == "ro"), "the root of `{container}` can be written: {options}");
        let memory = memory_limit(&fs::read_to_string(format!("/proc/{pid}/cgroup"))?)?;
        ensure!(memory == MEMORY, "`{container}` may take {memory} bytes of memory, expected {MEMORY}");
        Ok(())
    }

    /// SIGTERM: exit code 0, which SIGKILL never gives, and the log says that the calls were waited for.
    fn drains(&self, container: &str) -> Result<()> {
        let watch = Stopwatch::start();
        self.containers.ask(self.containers.podman("stop").args(["--time", STOP_SECONDS, container]))?;
        let took = watch.elapsed().as_secs_f32();
        let code = self.state(container, "ExitCode")?;
        let logs = self.logs(container)?;
        ensure!(code == "0", "SIGTERM ended `{container}` with exit code {code}:\n{logs}");
        let finished = logs.contains("drained") && !logs.contains("still running when the drain ended");
        ensure!(finished, "`{container}` did not drain:\n{logs}");
        println!("stopped: {container} drained and ended with 0, {took:.1} s");
        Ok(())
    }

    fn state(&self, container: &str, field: &str) -> Result<String> {
        let format = format!("{{{{.State.{field}}}}}");
        self.containers.ask(self.containers.podman("inspect").args(["--format", &format, container]))
    }

    fn logs(&self, container: &str) -> Result<String> {
        let output = self.containers.podman("logs").arg(container).output()?;
        Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        for container in &self.started {
            // One that never started is not there.
            let _ = self.containers.podman("rm").args(["--force", "--time", "0", container]).output();
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// The limit of a process's control group, bytes; `groups` is its `/proc/PID/cgroup`.
fn memory_limit(groups: &str) -> Result<String> {
    // `7:memory:/path` of the first version, `0::/path` of the second.
    let path = |kind: &str| groups.lines().find_map(|line| line.split_once(kind).map(|(_, path)| path));
    let file = match path(":memory:") {
        Some(path) => format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"),
        None => format!("/sys/fs/cgroup{}/memory.max", path("0::").context("no control group")?),
    };
    let limit = fs::read_to_string(&file).with_context(|| format!("`{file}` is not readable"))?;
    Ok(limit.trim().to_owned())
}

/// The address of a service whose ready file is there and whose probe port says `ready`.
fn ready(file: &Path) -> Result<Option<String>> {
    let Ok(text) = fs::read_to_string(file) else { return Ok(None) };
    let stated: Value = serde_json::from_str(&text)?;
    let address = |field: &str| stated.get(field).and_then(Value::as_str).map(str::to_owned);
    let probe = address("probe").context("a ready file without probe port")?;
    let answer = get(&probe, "/readyz").unwrap_or_default();
    if answer.starts_with("HTTP/1.1 200") { Ok(address("grpc")) } else { Ok(None) }
}

/// Status line, headers and body.
fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
