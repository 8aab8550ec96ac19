//! `leeway backup`: the databases and documents of a data directory, copied while the services run.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::Snapshot;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::progress::Progress;
use crate::serve::Which;
use crate::stack::POLICY;

/// Digests of all files, for `sha256sum --check`.
pub const DIGESTS: &str = "SHA256SUMS";
/// Bytes copied at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// The application first: whatever it believes to have asked of the others, they have noted in their later copies; and
/// what they know beyond it is told to them again under the same keys.
const ORDER: [&str; 3] = [application::SERVICE_NAME, POLICY, notification::SERVICE_NAME];

/// Arguments of `leeway backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the databases and documents.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Settings file (TOML).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder that is made for the copy. It appears whole or not at all, and is a data directory itself.
    #[arg(long)]
    pub to: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why no backup is begun.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("`{folder}` holds no database of a service")]
    NothingThere { folder: String },
    #[error("`{service}` keeps its data in PostgreSQL, which its own tools back up: deploy/backup.md")]
    Elsewhere { service: &'static str },
    #[error("`{folder}` is there already; a backup overwrites nothing")]
    Taken { folder: String },
    #[error("`{folder}` is there: another backup is being written, or one broke off; then remove it")]
    Unfinished { folder: String },
    #[error("`{folder}` names no folder")]
    NoName { folder: String },
}

/// What was copied.
#[derive(Debug, Serialize)]
pub struct Report {
    pub folder: String,
    pub databases: Vec<Copied>,
    pub documents: u64,
    pub document_bytes: u64,
}

/// One copied database.
#[derive(Debug, Serialize)]
pub struct Copied {
    pub service: &'static str,
    pub bytes: u64,
}

/// Copies and prints.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref(), &[])?;
    if let Some(data_dir) = &args.data_dir {
        config.data_dir.clone_from(data_dir);
    } else if let Some(which) = Which::ALL.into_iter().find(|which| config.database(*which).url.is_some()) {
        return Err(Unusable::Elsewhere { service: which.name() }.into());
    }
    let report = backup(&config.data_dir, &args.to, &Progress::new(0, args.json))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    for Copied { service, bytes } in &report.databases {
        println!("{service}: {bytes} bytes");
    }
    println!("documents: {}, {} bytes", report.documents, report.document_bytes);
    println!("{}: complete; `leeway audit verify --data-dir {0}` proves its journals", report.folder);
    Ok(())
}

/// Copies a data directory in use. Whatever was acknowledged before this began is in the copy.
///
/// Documents come after the databases: a document is on the disk before the database says that it was received, so each
/// one that the copied database names is there, whole. Those of uploads that go on may be longer than the database
/// knows, as after a crash; the upload continues there.
pub fn backup(from: &Path, to: &Path, progress: &Progress) -> anyhow::Result<Report> {
    let name = |folder: &Path| folder.display().to_string();
    let source = DataDir::at(from);
    let services: Vec<_> = ORDER.into_iter().filter(|service| source.database(service).exists()).collect();
    if services.is_empty() {
        return Err(Unusable::NothingThere { folder: name(from) }.into());
    }
    if to.exists() {
        return Err(Unusable::Taken { folder: name(to) }.into());
    }
    let mut draft = to.file_name().ok_or_else(|| Unusable::NoName { folder: name(to) })?.to_owned();
    draft.push(".partial");
    let draft = Draft::make(to.with_file_name(draft))?;
    let report =
        copy(&source, &services, &draft, progress).map(|report| Report { folder: name(to), ..report })?;
    draft.finish(to)?;
    Ok(report)
}

fn copy(
    source: &DataDir,
    services: &[&'static str],
    draft: &Draft,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let target = DataDir::at(&draft.folder);
    let mut digests = Vec::new();
    let mut snapshots = Vec::new();
    // All moments first, then the copies: the databases lie as little apart as possible.
    for service in services {
        let path = source.database(service);
        let snapshot = Snapshot::begin(&path);
        snapshots.push((*service, snapshot.with_context(|| format!("`{}` can't be read", path.display()))?));
    }
    let mut databases = Vec::new();
    for (service, snapshot) in snapshots {
        let path = target.database(service);
        progress.begin(service, 0);
        let pages = |pages: u64| usize::try_from(pages).unwrap_or(usize::MAX);
        let copied = snapshot.copy(&path, &mut |done, all| progress.reached(pages(done), pages(all)));
        let bytes = copied.with_context(|| format!("the database of `{service}` can't be copied"))?;
        digests.push((file_name(&path), digest(&path)?));
        databases.push(Copied { service, bytes });
    }
    let memory = source.memory_path();
    if memory.exists() {
        digests.push((file_name(&memory), copy_file(&memory, &target.memory_path())?.0));
    }
    let (documents, document_bytes) = documents(source, &target, &mut digests, progress)?;
    let sums: String = digests.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    write_synced(&draft.folder.join(DIGESTS), sums.as_bytes())?;
    Ok(Report { folder: String::new(), databases, documents, document_bytes })
}

/// Every document that is there now. One that goes away meanwhile is of an upload that was refused.
fn documents(
    source: &DataDir,
    target: &DataDir,
    digests: &mut Vec<(String, String)>,
    progress: &Progress,
) -> anyhow::Result<(u64, u64)> {
    let (from, to) = (source.evidence(), target.evidence());
    if !from.is_dir() {
        return Ok((0, 0));
    }
    fs::create_dir(&to)?;
    let names = fs::read_dir(&from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    progress.begin("documents", names.len());
    let (mut count, mut bytes) = (0, 0);
    for (n, name) in names.iter().enumerate() {
        match copy_file(&from.join(name), &to.join(name)) {
            Ok((digest, size)) => {
                digests.push((format!("{}/{}", file_name(&to), name.to_string_lossy()), digest));
                count += 1;
                bytes += size;
            }
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
        progress.reached(n + 1, names.len());
    }
    sync_folder(&to)?;
    Ok((count, bytes))
}

/// A folder that is removed again unless it becomes the backup.
struct Draft {
    folder: PathBuf,
    finished: bool,
}

impl Draft {
    fn make(folder: PathBuf) -> anyhow::Result<Self> {
        // Whoever may read the copy is for its owner to say, as it is with the data directory.
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => Ok(Self { folder, finished: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Unusable::Unfinished { folder: folder.display().to_string() }.into())
            }
            Err(error) => Err(error).with_context(|| format!("`{}` can't be made", folder.display())),
        }
    }

    /// Gives it its name once everything in it is on the disk.
    fn finish(mut self, to: &Path) -> anyhow::Result<()> {
        sync_folder(&self.folder)?;
        if to.exists() {
            return Err(Unusable::Taken { folder: to.display().to_string() }.into());
        }
        fs::rename(&self.folder, to).with_context(|| format!("`{}` can't be made", to.display()))?;
        self.finished = true;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_folder(parent.unwrap_or(Path::new(".")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What led here is told; the rest is a folder that its name marks as unfinished.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Copies and brings to the disk; returns digest and size, bytes.
fn copy_file(from: &Path, to: &Path) -> anyhow::Result<(String, u64)> {
    let failed = |what: &str, path: &Path| format!("`{}` can't be {what}", path.display());
    let mut source = File::open(from).with_context(|| failed("read", from))?;
    let mut target = File::create_new(to).with_context(|| failed("written", to))?;
    let copied = pass_on(&mut source, &mut target).with_context(|| failed("copied", from))?;
    target.sync_all().with_context(|| failed("written", to))?;
    Ok(copied)
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let read = File::open(path).and_then(|mut file| pass_on(&mut file, &mut io::sink()));
    Ok(read.with_context(|| format!("`{}` can't be read", path.display()))?.0)
}

/// Digest and count of the bytes that went from one to the other.
fn pass_on(from: &mut impl io::Read, to: &mut impl io::Write) -> io::Result<(String, u64)> {
    let (mut hash, mut count) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        to.write_all(piece)?;
        count += u64::try_from(read).unwrap_or_default();
    }
    Ok((hex::encode(hash.finalize()), count))
}

fn write_synced(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// Brings the names in a folder to the disk.
fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("`{}` can't be brought to the disk", folder.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_absent(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::NotFound)
}
