//! `leeway audit`: what the journals prove.

use anyhow::Context as _;
use serde::Serialize;
use store::{ChainFault, ChainReport, Options, Store};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::database::{self, Databases};
use crate::progress::Progress;
use crate::serve::Which;

/// Exit code when some chain has a fault.
pub const EXIT_FAULT: u8 = 3;
/// Names of streams read at a time.
const PAGE_ROWS: u32 = 1_000;

/// Arguments of `leeway audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Walks every hash chain of every service's journal, and names each entry that was altered, removed or reordered.
    ///
    /// Reads only, also while the services run, and also a backup. A chain that somebody rewrote from its first entry to
    /// its last is sound in itself: keep the last hashes of `--json` elsewhere, and compare. Exit codes: 0 sound,
    /// 3 a fault, 2 no database, 64 settings that can't be used.
    #[command(after_help = "Example: leeway audit verify --data-dir leeway-data --json")]
    Verify(VerifyArgs),
}

/// Arguments of `leeway audit verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Folder of SQLite databases, such as a backup; the settings' databases are left alone then.
    #[arg(long)]
    pub data_dir: Option<std::path::PathBuf>,
    /// Settings file (TOML); it says where each service's database is.
    #[arg(long)]
    pub config: Option<std::path::PathBuf>,
    /// A setting, e.g. `--set databases.policy.url=postgres://…`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print the result as JSON, with the last hash of every chain.
    #[arg(long)]
    pub json: bool,
}

/// There is nothing to look at.
#[derive(Debug, thiserror::Error)]
#[error("`{folder}` holds no database of a service")]
pub struct NothingThere {
    pub folder: String,
}

/// Some journal isn't what was written.
#[derive(Debug, thiserror::Error)]
#[error("{chains} of the chains have a fault")]
pub struct Faulty {
    pub chains: usize,
}

/// What was found in all databases.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Chains with a fault.
    pub faults: usize,
    pub services: Vec<ServiceReport>,
}

/// What was found in one database.
#[derive(Debug, Serialize)]
pub struct ServiceReport {
    pub service: &'static str,
    /// Entries found sound, over all chains.
    pub entries: i64,
    pub chains: Vec<Chain>,
}

/// One chain.
#[derive(Debug, Serialize)]
pub struct Chain {
    pub stream: String,
    /// Entries found sound, up to the fault.
    pub entries: i64,
    pub last_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Verifies and prints; a fault is an error in the end.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let What::Verify(args) = &args.what;
    let mut config = Config::load(args.config.as_deref(), &args.set)?;
    if let Some(data_dir) = &args.data_dir {
        config.data_dir.clone_from(data_dir);
        config.databases = Databases::default();
    }
    let report = verify(&config, &Progress::new(0, args.json)).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    if report.faults > 0 { Err(Faulty { chains: report.faults }.into()) } else { Ok(()) }
}

/// Walks every chain of every database that is there.
pub async fn verify(config: &Config, progress: &Progress) -> anyhow::Result<Report> {
    let mut found = Vec::new();
    for which in Which::ALL {
        let Some(store) = open(config, which).await? else { continue };
        let service = which.name();
        let chains = walk(&store, service, progress).await;
        store.close().await;
        let chains = chains.with_context(|| format!("the journal of `{service}` can't be read"))?;
        found.push(ServiceReport {
            service,
            entries: chains.iter().map(|chain| chain.entries).sum(),
            chains,
        });
    }
    if found.is_empty() {
        return Err(NothingThere { folder: config.data_dir.display().to_string() }.into());
    }
    let faults =
        found.iter().flat_map(|service| &service.chains).filter(|chain| chain.fault.is_some()).count();
    Ok(Report { faults, services: found })
}

/// A service's database, to be read; `None` where this installation has none.
async fn open(config: &Config, which: Which) -> anyhow::Result<Option<Store>> {
    if config.database(which).url.is_some() {
        return database::open(config, which).await.map(Some);
    }
    let path = DataDir::at(&config.data_dir).database(which.name());
    if !path.exists() {
        return Ok(None);
    }
    let store = Store::open_read_only(&path, which.schema(), Options::default());
    Ok(Some(store.with_context(|| format!("the database `{}` can't be opened", path.display()))?))
}

async fn walk(store: &Store, service: &'static str, progress: &Progress) -> anyhow::Result<Vec<Chain>> {
    let (mut chains, mut last) = (Vec::new(), String::new());
    progress.begin(service, 0);
    loop {
        let streams = store.list_streams(&last, PAGE_ROWS).await?;
        let Some(end) = streams.last() else { return Ok(chains) };
        last.clone_from(end);
        let known = chains.len() + streams.len();
        for stream in &streams {
            chains.push(Chain::from(store.verify_stream(stream).await?));
            progress.reached(chains.len(), known);
        }
    }
}

impl From<ChainReport> for Chain {
    fn from(report: ChainReport) -> Self {
        let ChainReport { stream, entries, last_hash, fault } = report;
        Self { stream, entries, last_hash, fault: fault.as_ref().map(in_words) }
    }
}

fn in_words(fault: &ChainFault) -> String {
    match fault {
        ChainFault::Missing { seq } => format!("entry {seq} is missing"),
        ChainFault::Unlinked { seq } => format!("entry {seq} doesn't follow the one before it"),
        ChainFault::Altered { seq } => format!("entry {seq} is not what its hash was made of"),
        ChainFault::HeadDiffers { head_seq, last_seq } => {
            format!("the chain ends with entry {last_seq}, its head names {head_seq} or another hash")
        }
    }
}

fn print(report: &Report) {
    for ServiceReport { service, entries, chains } in &report.services {
        let faults: Vec<_> = chains.iter().filter_map(|chain| Some((chain, chain.fault.as_ref()?))).collect();
        println!("{service}: {} chains, {entries} sound entries, {} faults", chains.len(), faults.len());
        for (chain, fault) in faults {
            println!("  {}: {fault}", chain.stream);
        }
    }
}
