//! A disk made from what strace saw: contents that are synced, and writes that aren't.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The name of the folder that the files are in.
const FOLDER: &str = "";

/// SplitMix64.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What the process did, in order. Files go by their names.
#[derive(Debug, Clone)]
pub enum Event {
    Opened,
    Acknowledged(String),
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    Remove {
        file: String,
    },
    /// What was written before is on the disk when the sync ends.
    SyncBegins {
        file: String,
        thread: String,
    },
    SyncEnds {
        file: String,
        thread: String,
    },
}

#[derive(Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
    /// By the thread that waits: how many of the pending changes its sync covers.
    syncs: HashMap<String, usize>,
    /// Whether the running system sees its name.
    exists: bool,
    /// Whether the name is on the disk: so since the folder was synced. Until then either may be found.
    named: bool,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Disk {
    pub fn happens(&mut self, event: &Event) {
        match event {
            Event::Opened | Event::Acknowledged(_) => {}
            Event::Write { file, at, bytes } => {
                self.file(file).pending.push(Change::Write { at: *at, bytes: bytes.clone() });
            }
            Event::Truncate { file, length } => {
                self.file(file).pending.push(Change::Truncate { length: *length });
            }
            Event::Remove { file } => self.file(file).exists = false,
            Event::SyncEnds { file, .. } if file == FOLDER => {
                for file in self.files.values_mut() {
                    file.named = file.exists;
                }
            }
            Event::SyncBegins { file, .. } if file == FOLDER => {}
            Event::SyncBegins { file, thread } => {
                let file = self.file(file);
                file.syncs.insert(thread.clone(), file.pending.len());
            }
            Event::SyncEnds { file, thread } => {
                let file = self.file(file);
                let covered = file.syncs.remove(thread).expect("a sync that ends has begun");
                for change in file.pending.drain(..covered) {
                    change.apply(&mut file.synced, |_| true);
                }
                for other in file.syncs.values_mut() {
                    *other = other.saturating_sub(covered);
                }
            }
        }
    }

    /// Changes that a cut may lose.
    pub fn pending(&self) -> usize {
        self.files.values().map(|file| file.pending.len()).sum()
    }

    /// Writes the files as a cut may leave them.
    pub fn after_the_cut(&self, folder: &Path, seeded: &mut Seeded) {
        for (name, file) in &self.files {
            let found = if file.named == file.exists { file.named } else { seeded.below(2) == 0 };
            if !found {
                continue;
            }
            let mut content = file.synced.clone();
            // Some disks lose all, some next to nothing.
            let odds = seeded.below(5);
            for change in &file.pending {
                change.apply(&mut content, |_| seeded.below(4) < odds);
            }
            fs::write(folder.join(name), content).unwrap();
        }
    }

    fn file(&mut self, name: &str) -> &mut File {
        let file = self.files.entry(name.to_owned()).or_default();
        if !file.exists {
            // Also where the name was used before: this is another file.
            *file = File { exists: true, ..File::default() };
        }
        file
    }
}

impl Change {
    /// Applies those sectors of it that arrived.
    fn apply(&self, content: &mut Vec<u8>, mut arrives: impl FnMut(usize) -> bool) {
        match self {
            Self::Truncate { length } => {
                if arrives(0) {
                    content.resize(*length, 0);
                }
            }
            Self::Write { at, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    let position = at + from;
                    let to = bytes.len().min(from + SECTOR_BYTES - position % SECTOR_BYTES);
                    if arrives(position) {
                        let end = at + to;
                        if content.len() < end {
                            content.resize(end, 0);
                        }
                        content[position..end].copy_from_slice(&bytes[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

/// Reads what `strace -f -y -xx` wrote about files in `folder`; the index of the log, which lives in memory, is left out.
pub fn read_trace(trace: &str, folder: &Path) -> Vec<Event> {
    let mut reader = Reader { folder, positions: HashMap::new(), unfinished: HashMap::new(), events: vec![] };
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').expect("thread and call");
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            reader.begins(thread, begun);
            reader.unfinished.insert(thread.to_owned(), begun.to_owned());
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            let begun = reader.unfinished.remove(thread).expect("what is resumed has begun");
            reader.ends(thread, &format!("{begun}{end}"));
        } else {
            reader.begins(thread, rest);
            reader.ends(thread, rest);
        }
    }
    reader.events
}

struct Reader<'t> {
    folder: &'t Path,
    /// By file descriptor.
    positions: HashMap<String, usize>,
    unfinished: HashMap<String, String>,
    events: Vec<Event>,
}

impl Reader<'_> {
    /// A sync covers what was written before it began.
    fn begins(&mut self, thread: &str, call: &str) {
        if let Some((_, file)) = sync_of(call).and_then(|argument| self.descriptor(argument)) {
            self.events.push(Event::SyncBegins { file, thread: thread.to_owned() });
        }
    }

    /// Everything else counts from its end: SQLite lets no two threads write one file at a time, and what nobody has
    /// heard of yet may be lost.
    fn ends(&mut self, thread: &str, call: &str) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        let arguments = arguments.trim_end().trim_end_matches(')');
        let failed = result.starts_with('-');
        let mut parts = arguments.split(", ");
        let first = parts.next().unwrap_or_default();
        match name {
            "fsync" | "fdatasync" => {
                if let Some((_, file)) = self.descriptor(first) {
                    assert!(!failed, "{call}");
                    self.events.push(Event::SyncEnds { file, thread: thread.to_owned() });
                }
            }
            "openat" => {
                let descriptor = result.split_once('<').map_or(result, |(descriptor, _)| descriptor);
                self.positions.insert(descriptor.to_owned(), 0);
            }
            "unlink" if !failed => {
                if let Some(file) = self.name(&unhex(first)) {
                    self.events.push(Event::Remove { file });
                }
            }
            "lseek" if !failed => {
                if let Some((descriptor, _)) = self.descriptor(first) {
                    self.positions.insert(descriptor, number(result));
                }
            }
            "ftruncate" if !failed => {
                if let Some((_, file)) = self.descriptor(first) {
                    let length = number(parts.next().expect("a length"));
                    self.events.push(Event::Truncate { file, length });
                }
            }
            "write" | "pwrite64" if !failed => {
                let Some((descriptor, file)) = self.descriptor(first) else { return };
                let mut bytes = unhex(parts.next().expect("bytes"));
                bytes.truncate(number(result));
                let told = parts.nth(1).map(number);
                let at = told.unwrap_or_else(|| {
                    let position = self.positions.entry(descriptor).or_default();
                    let at = *position;
                    *position += bytes.len();
                    at
                });
                self.events.push(match (file.as_str(), bytes.as_slice()) {
                    ("answers", b"opened") => Event::Opened,
                    ("answers", id) => Event::Acknowledged(String::from_utf8(id.to_vec()).unwrap()),
                    _ => Event::Write { file, at, bytes },
                });
            }
            _ => {}
        }
    }

    /// Descriptor and file of `7<\x2f…>`, if the file is one of ours.
    fn descriptor(&self, argument: &str) -> Option<(String, String)> {
        let (descriptor, path) = argument.split_once('<')?;
        Some((descriptor.to_owned(), self.name(&unhex(path))?))
    }

    fn name(&self, path: &[u8]) -> Option<String> {
        let path = Path::new(std::str::from_utf8(path).ok()?);
        let name = path.strip_prefix(self.folder).ok()?.to_str()?;
        (!name.ends_with("-shm")).then(|| name.to_owned())
    }
}

/// The argument of a sync.
fn sync_of(call: &str) -> Option<&str> {
    call.strip_prefix("fsync(").or_else(|| call.strip_prefix("fdatasync("))
}

fn number(text: &str) -> usize {
    let digits = text.trim().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// The bytes of `\x01\x02…`, whatever stands around them.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1).map(|byte| u8::from_str_radix(&byte[..2], 16).unwrap());
    digits.collect()
}
