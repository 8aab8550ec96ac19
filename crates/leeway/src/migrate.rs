//! `leeway migrate`: brings databases up to date.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use store::{CopiedTable, Migrate, Options, Store};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::serve::Which;

/// Arguments of `leeway migrate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One service's database; without it, those of all three.
    #[arg(long, value_enum)]
    pub service: Option<Which>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Afterwards copy everything from the SQLite databases of this data directory, whose services are stopped, into the
    /// empty PostgreSQL ones, and compare both sides by digests.
    #[arg(long, value_name = "DATA_DIR", conflicts_with = "dry_run")]
    pub from: Option<PathBuf>,
    /// Settings file (TOML).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// A setting, e.g. `--set databases.policy.url=postgres://…`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the databases and documents.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON object a service.
    #[arg(long)]
    pub json: bool,
}

/// Migrates one after the other. What was done stays done where a later one fails; running it again goes on.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref(), &args.set)?;
    if let Some(data_dir) = args.data_dir {
        config.data_dir = data_dir;
    }
    let migrate = if args.dry_run { Migrate::DryRun } else { Migrate::Apply };
    let which = args.service.map_or(Which::ALL.to_vec(), |one| vec![one]);
    for service in which {
        let steps = one(&config, service, migrate).await?;
        let copied = match &args.from {
            Some(from) => copy(&config, service, from).await?,
            None => Vec::new(),
        };
        if args.json {
            let tables = copied.iter().map(|c| json!({"table": c.table, "rows": c.rows, "digest": c.digest}));
            let tables: Vec<_> = tables.collect();
            let service = service.name();
            println!(
                "{}",
                json!({"service": service, "dry_run": args.dry_run, "steps": steps, "copied": tables})
            );
        } else {
            print(service, migrate, &steps);
            for CopiedTable { table, rows, digest } in &copied {
                println!("{}: copied {rows} rows of `{table}`, sha256 {digest}", service.name());
            }
        }
    }
    Ok(())
}

/// Brings one service's database up to date and says what that took.
pub async fn one(config: &Config, service: Which, migrate: Migrate) -> anyhow::Result<Vec<String>> {
    let context = || format!("the database of `{}` can't be migrated", service.name());
    match config.database(service).postgres(service) {
        Some(options) => Store::migrate(&options, service.schema(), migrate).await.with_context(context),
        // SQLite is brought up to date by whoever opens it, alone.
        None if migrate == Migrate::DryRun => Ok(Vec::new()),
        None => {
            let path = DataDir::open(&config.data_dir)?.database(service.name());
            Store::open(&path, service.schema(), Options::default()).with_context(context)?.close().await;
            Ok(Vec::new())
        }
    }
}

/// Documents that people uploaded are files: they stay where they are, and the data directory goes on holding them.
async fn copy(config: &Config, service: Which, from: &Path) -> anyhow::Result<Vec<CopiedTable>> {
    let options = config.database(service).postgres(service);
    let options = options.with_context(|| {
        format!("`databases.{}.url` isn't set: there is nothing to copy into", service.name())
    })?;
    let path = from.join(format!("{}.db", service.name()));
    Store::copy(&path, &options, service.schema())
        .await
        .with_context(|| format!("`{}` can't be copied", path.display()))
}

fn print(service: Which, migrate: Migrate, steps: &[String]) {
    let verb = match migrate {
        Migrate::DryRun => "lacks",
        Migrate::Apply => "got",
    };
    if steps.is_empty() {
        println!("{}: up to date", service.name());
    }
    for step in steps {
        println!("{}: {verb} {step}", service.name());
    }
}
