//! `leeway serve`: one service in this process.

use std::path::PathBuf;

use clap::ValueEnum;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::stack::{self, World};

/// Arguments of `leeway serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which service.
    pub service: Which,
    /// Settings file (TOML).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// A setting, e.g. `--set telemetry.log_format=json`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the databases and documents.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Platform time to start from, e.g. `2026-07-20T10:00+08:00`; it runs on from there.
    #[arg(long)]
    pub clock: Option<String>,
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    Application,
    Policy,
    Notification,
}

/// Serves until the process is told to stop, then drains.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref(), &args.set)?;
    if let Some(data_dir) = args.data_dir {
        config.data_dir = data_dir;
    }
    let mut told = Told::listen()?;
    let telemetry = chassis::telemetry::init(&config.telemetry, &[args.service.name()])?;
    let clock = clock(&config, args.clock.as_deref())?;
    let world = World { clock, ids: chassis::Ids::random() };
    let running = match args.service {
        Which::Application => stack::start_application(&config, &world).await?,
        Which::Policy => stack::start_policy(&config, &world).await?,
        Which::Notification => stack::start_notification(&config, &world).await?,
    };
    told.wait().await;
    running.stop().await;
    telemetry.shutdown().await;
    Ok(())
}

/// The platform's clock: as the command line says, else as the data directory remembers, else the machine's.
/// A clock that was set is remembered.
pub fn clock(config: &Config, text: Option<&str>) -> anyhow::Result<chassis::Clock> {
    let data = DataDir::open(&config.data_dir)?;
    let mut memory = data.memory()?;
    let Some(text) = text else { return Ok(memory.clock()) };
    let clock = chassis::Clock::pinned(chassis::clock::parse_time(text)?);
    memory.keep(&clock);
    data.remember(&memory)?;
    Ok(clock)
}

/// SIGTERM and Ctrl-C, heard from the moment this exists.
pub struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    /// Begins to listen.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the process is told to stop.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
