//! `leeway up`: the three services in one process, with the stories on a fresh data directory.

use std::path::PathBuf;

use anyhow::Context as _;

use chassis::{Clock, Ids};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::demo;
use crate::migrate;
use crate::serve::{Told, Which};
use crate::stack::{Stack, World};
use store::Migrate;

/// When the stories begin, unless told otherwise.
const STORIES_BEGIN: &str = "2026-06-20T10:00+08:00";

/// Arguments of `leeway up`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Start without playing the stories.
    #[arg(long)]
    pub no_demo: bool,
    /// Play the stories, then leave instead of serving.
    #[arg(long, conflicts_with = "no_demo")]
    pub demo_only: bool,
    /// Folder of the databases and documents (default: leeway-data). A restart on it goes on where it was.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Platform time to start from, e.g. `2026-07-20T10:00+08:00`; it runs on from there.
    #[arg(long)]
    pub clock: Option<String>,
    /// Settings file (TOML).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// A setting, e.g. `--set application.listen=127.0.0.1:0`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Starts, plays, serves until told to stop, drains.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref(), &args.set)?;
    if let Some(data_dir) = args.data_dir {
        config.data_dir = data_dir;
    }
    // The account of the stories is for people: only what goes wrong is logged, unless the settings say more.
    if config.telemetry.log_filter == chassis::TelemetryConfig::default().log_filter {
        config.telemetry.log_filter = "warn".to_owned();
    }
    let services = Which::ALL.map(Which::name);
    let telemetry = chassis::telemetry::init(&config.telemetry, &services)?;
    let data = DataDir::open(&config.data_dir)?;
    let mut memory = data.memory()?;
    let interrupted = memory.stories_begun && !memory.stories_played;
    let play = !args.no_demo && !memory.stories_begun && args.clock.is_none();
    // Before anything runs, so that whoever stops the process is heard from the beginning.
    let mut told = Told::listen()?;
    let clock = match (&args.clock, play) {
        (Some(text), _) => Clock::pinned(chassis::clock::parse_time(text)?),
        (None, true) => Clock::pinned(chassis::clock::parse_time(STORIES_BEGIN)?),
        (None, false) => memory.clock(),
    };
    if play || args.clock.is_some() {
        memory.stories_begun |= play;
        memory.keep(&clock);
        data.remember(&memory)?;
    }
    for service in Which::ALL {
        // Whoever starts everything at once wants it to work; replicas are served a database that was migrated before.
        migrate::one(&config, service, Migrate::Apply).await?;
    }
    let world = World { clock: clock.clone(), ids: Ids::random() };
    let stack = Stack::start(&config, &world).await?;
    if play {
        let played = tokio::select! {
            played = demo::play(&stack, &clock) => played.context("the stories could not be played"),
            () = told.wait() => Err(anyhow::anyhow!("stopped while the stories were played")),
        };
        if let Err(error) = played {
            stack.stop().await;
            return Err(error);
        }
        memory.stories_played = true;
        memory.keep(&clock);
        data.remember(&memory)?;
    }
    if !args.demo_only {
        if interrupted {
            println!("The stories were interrupted in this data directory; start on a new one to see them.");
        }
        demo::print_where(&stack, &config, &clock);
        told.wait().await;
        println!("\nDraining …");
    }
    stack.stop().await;
    telemetry.shutdown().await;
    Ok(())
}
