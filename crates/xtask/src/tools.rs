//! The workspace, the programs that are run in it, and where the foreign ones come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Version of cargo-deny that is built when there is none.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// Version of cargo-mutants that is built when there is none.
const CARGO_MUTANTS_VERSION: &str = "27.1.0";

/// The part of `cargo metadata --no-deps` that the tasks read.
#[derive(Deserialize)]
pub struct Workspace {
    /// Absolute path of the workspace.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// Absolute path of the target directory; follows CARGO_TARGET_DIR.
    pub target_directory: PathBuf,
    /// The workspace's own packages.
    pub packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Deserialize)]
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

/// A dependency as the package's manifest declares it.
#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` is a normal dependency; `dev` and `build` are the others.
    pub kind: Option<String>,
}

impl Workspace {
    /// Asks cargo for the workspace of the current directory.
    pub fn load() -> Result<Self> {
        let output = cargo(&["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("`cargo metadata` could not be started")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the answer of `cargo metadata` is not understood")
    }

    /// Paths, relative to the root, of all files that git tracks or would track.
    pub fn files(&self) -> Result<Vec<String>> {
        let listing = self.git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let mut files: Vec<String> = String::from_utf8(listing)?
            .split_terminator('\0')
            .filter(|file| self.root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The Rust files among [`Workspace::files`], each with its text.
    pub fn rust_files(&self) -> Result<Vec<(String, String)>> {
        let files = self.files()?;
        files.into_iter().filter(|file| file.ends_with(".rs")).map(|file| self.read(file)).collect()
    }

    /// A file's path and text.
    pub fn read(&self, file: String) -> Result<(String, String)> {
        let text =
            fs::read_to_string(self.root.join(&file)).with_context(|| format!("`{file}` is not readable"))?;
        Ok((file, text))
    }

    /// What a git command prints in this workspace; its failure is an error.
    pub fn git(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(["-c", "core.quotePath=false"])
            .args(arguments)
            .output()
            .context("`git` could not be started")?;
        ensure!(
            output.status.success(),
            "`git {}`: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(output.stdout)
    }

    fn cache(&self) -> PathBuf {
        self.root.join(".xtask")
    }
}

/// A cargo command as a developer would start it by hand. What `cargo run` told this process about its own package is
/// taken out: build scripts that watch those variables would run anew each time.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.args(arguments);
    command
}

/// Whether a command can be started and succeeds; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a command with this process's output; its failure is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} could not be started", shown(command)))?;
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    format!("`{}`", words.join(" ".as_ref()).to_string_lossy())
}

/// Measures how long a step takes, for people to read.
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a build step's duration, no domain time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The virtual environment that holds every tool of `requirements.txt`.
pub struct PythonTools {
    folder: PathBuf,
}

impl PythonTools {
    /// Finds the environment, or makes it when it is absent or holds other versions.
    ///
    /// # Errors
    /// No `python3` with `venv` on the path, or the packages can't be had.
    pub fn install(workspace: &Workspace) -> Result<Self> {
        let requirements = workspace.root.join("crates/xtask/requirements.txt");
        let wanted = fs::read_to_string(&requirements)?;
        let folder = workspace.cache().join("venv");
        // Written last, so an interrupted installation is repeated.
        let installed = folder.join("installed.txt");
        let tools = Self { folder };
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            println!("tools: .xtask/venv is up to date");
            return Ok(tools);
        }
        println!("tools: installing crates/xtask/requirements.txt into .xtask/venv");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&tools.folder))
            .context("the tests' tools need python3 with venv (Debian: python3 and python3-venv)")?;
        run(Command::new(tools.python())
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--requirement"])
            .arg(&requirements))?;
        fs::write(&installed, wanted)?;
        Ok(tools)
    }

    /// Interpreter that imports grpc and the common protos.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    pub fn grpcurl(&self) -> PathBuf {
        self.folder.join("bin/grpcurl")
    }

    pub fn buf(&self) -> PathBuf {
        self.folder.join("bin/buf")
    }

    pub fn hadolint(&self) -> PathBuf {
        self.folder.join("bin/hadolint")
    }

    /// For `kubectl kustomize`; no cluster is asked.
    pub fn kubectl(&self) -> PathBuf {
        self.folder.join("bin/kubectl")
    }

    pub fn kubernetes_validate(&self) -> PathBuf {
        self.folder.join("bin/kubernetes-validate")
    }

    /// The OTLP receiver: an executable inside its Python package.
    pub fn rotel(&self) -> Result<PathBuf> {
        const SCRIPT: &str = "import rotel; print(rotel.__path__[0])";
        let output = Command::new(self.python()).args(["-c", SCRIPT]).output()?;
        let agent = Path::new(String::from_utf8(output.stdout)?.trim()).join("rotel-agent");
        if !agent.is_file() {
            bail!("package `rotel` holds no `rotel-agent`; remove .xtask/venv and try again");
        }
        Ok(agent)
    }
}

/// Installs Debian packages whose programs are missing, given as (package, program).
///
/// # Errors
/// A program is missing and the packages can't be had, such as on another system or without root.
pub fn debian_packages(wanted: &[(&str, &str)]) -> Result<()> {
    let found = |program: &str| cluster::program(program).is_ok();
    let missing: Vec<&str> =
        wanted.iter().filter(|(_, program)| !found(program)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    println!("tools: installing Debian packages {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command
    };
    // The lists may be older than the packages they name.
    let install: Vec<&str> =
        ["install", "--yes", "--no-install-recommends"].into_iter().chain(missing.iter().copied()).collect();
    if !succeeds(&mut apt(&install)) {
        run(&mut apt(&["update"]))?;
        run(&mut apt(&install)).with_context(|| format!("the tests need these programs; install {list}"))?;
    }
    Ok(())
}

/// The path of a cargo-deny: the installed one, or one built into `.xtask/tools`.
pub fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    cargo_tool(workspace, "cargo-deny", &["--version"], CARGO_DENY_VERSION)
}

/// The path of a cargo-mutants, found or built in the same way.
pub fn cargo_mutants(workspace: &Workspace) -> Result<PathBuf> {
    cargo_tool(workspace, "cargo-mutants", &["mutants", "--version"], CARGO_MUTANTS_VERSION)
}

fn cargo_tool(workspace: &Workspace, name: &str, asked: &[&str], version: &str) -> Result<PathBuf> {
    let tools = workspace.cache().join("tools");
    let built = tools.join("bin").join(name);
    for candidate in [PathBuf::from(name), built.clone()] {
        if succeeds(Command::new(&candidate).args(asked)) {
            return Ok(candidate);
        }
    }
    println!("tools: building {name} {version} into .xtask/tools (once, some minutes)");
    // It starts other programs most of the time: quick to build is worth more than quick to run.
    run(cargo(&["install", name, "--quiet", "--locked", "--version", version, "--root"])
        .arg(&tools)
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"))?;
    Ok(built)
}
