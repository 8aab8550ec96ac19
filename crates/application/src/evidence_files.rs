//! The bytes of documents, a file each.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chassis::Problem;
use chassis::task::blocking;
use sha2::{Digest as _, Sha256};

/// Largest document, in bytes.
pub const MAX_EVIDENCE_BYTES: i64 = 10 * 1024 * 1024;
/// Largest piece of a document in one message, in bytes.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes read at a time while hashing.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Media types that are recognised by their first bytes.
pub const MEDIA_TYPES: [&str; 4] = ["application/pdf", "image/jpeg", "image/png", "text/plain"];

/// A folder of documents. Names are hashes of ids, so that no id can leave the folder.
#[derive(Debug, Clone)]
pub struct EvidenceFiles {
    folder: PathBuf,
    /// Documents being written; one upload of a document at a time.
    busy: Arc<Mutex<HashSet<String>>>,
}

/// The right to write a document; given back when dropped.
#[derive(Debug)]
pub struct Hold {
    key: String,
    busy: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What a complete file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    pub sha256: String,
    pub size_bytes: i64,
    /// `None`: unreadable.
    pub media_type: Option<&'static str>,
}

impl EvidenceFiles {
    /// Opens (and makes) the folder.
    pub async fn open(folder: &Path) -> Result<Self, Problem> {
        let made = folder.to_owned();
        let make = move || {
            fs::create_dir_all(&made)?;
            // Else its own name may be gone after the loss of power, with everything in it.
            made.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_names)
        };
        blocking(make).await?.map_err(told("the evidence folder can't be made"))?;
        Ok(Self { folder: folder.to_owned(), busy: Arc::default() })
    }

    /// The right to write a document, `None` while another upload has it.
    pub fn hold(&self, key: &str) -> Option<Hold> {
        let fresh = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        fresh.then(|| Hold { key: key.to_owned(), busy: Arc::clone(&self.busy) })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(hex::encode(Sha256::digest(key.as_bytes())))
    }

    /// Where a document grows until it is complete.
    fn part(&self, key: &str) -> PathBuf {
        self.path(key).with_extension("part")
    }

    /// Opens a document for writing at its end.
    pub async fn append(&self, key: &str) -> Result<Appender, Problem> {
        let path = self.part(key);
        let open = move || {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            let end = file.seek(SeekFrom::End(0))?;
            Ok((file, end))
        };
        let (file, end) = blocking(open).await?.map_err(told("a document can't be opened"))?;
        let length = i64::try_from(end).unwrap_or(i64::MAX);
        Ok(Appender { file: Arc::new(file), length, folder: self.folder.clone() })
    }

    /// Puts what came into its place if its hash is the announced one, on the disk when this returns. `None` if nothing
    /// came, or if another replica that took the same document has cleared it away. `token` is unique to this call.
    ///
    /// INVARIANT: what lies in its place is a copy that nobody writes to. Another replica may still be writing the same
    /// document, or find that what it got was wrong and discard it: that must not reach one that was acknowledged.
    pub async fn seal(&self, key: &str, sha256: &str, token: &str) -> Result<Option<FileFacts>, Problem> {
        let (from, to, folder) = (self.part(key), self.path(key), self.folder.clone());
        let (copy, sha256) = (self.path(key).with_extension(token), sha256.to_owned());
        let seal = move || match fs::copy(&from, &copy) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(_) => {
                let facts = inspected(&copy)?;
                if facts.sha256 == sha256 {
                    File::open(&copy)?.sync_all()?;
                    fs::rename(&copy, &to)?;
                    File::open(&folder)?.sync_all()?;
                } else {
                    fs::remove_file(&copy)?;
                }
                Ok(Some(facts))
            }
        };
        blocking(seal).await?.map_err(told("a document can't be stored"))
    }

    /// Forgets the bytes that came of a document that isn't complete, or what is left of the way of one that is.
    pub async fn discard(&self, key: &str) -> Result<(), Problem> {
        let path = self.part(key);
        match blocking(move || fs::remove_file(path)).await? {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(told("a document can't be removed")(error)),
        }
    }
}

fn inspected(path: &Path) -> io::Result<FileFacts> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut size = 0_i64;
    let mut head = Vec::new();
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if head.is_empty() {
            head = bytes.to_vec();
        }
        size += i64::try_from(read).unwrap_or(i64::MAX);
        hash.update(bytes);
    }
    let media_type = media_type(&head);
    Ok(FileFacts { sha256: hex::encode(hash.finalize()), size_bytes: size, media_type })
}

/// A document being written.
pub struct Appender {
    file: Arc<File>,
    length: i64,
    folder: PathBuf,
}

impl Appender {
    /// Bytes stored so far.
    pub fn length(&self) -> i64 {
        self.length
    }

    /// Adds bytes where the last ones ended: two replicas that are sent the same document write the same to the same place.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Problem> {
        let (file, at) = (Arc::clone(&self.file), u64::try_from(self.length).unwrap_or(u64::MAX));
        let count = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let write = move || {
            file.as_ref().seek(SeekFrom::Start(at))?;
            file.as_ref().write_all(&bytes)
        };
        let written = blocking(write).await?;
        written.map_err(told("a document can't be written"))?;
        self.length += count;
        Ok(())
    }

    /// Brings the bytes to the disk, and the name under which they are found; before that nothing may be promised about
    /// them.
    pub async fn sync(self) -> Result<(), Problem> {
        let sync = move || self.file.sync_all().and_then(|()| sync_names(&self.folder));
        blocking(sync).await?.map_err(told("a document can't be written"))
    }
}

/// Brings the names in a folder to the disk.
fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn media_type(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"%PDF-") {
        Some("application/pdf")
    } else if head.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some("image/jpeg")
    } else if head.starts_with(&[0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A]) {
        Some("image/png")
    } else if !head.is_empty() && is_text(head) {
        Some("text/plain")
    } else {
        None
    }
}

/// Valid UTF-8 (a character may be cut at the end of the buffer) without control characters but white space.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => head
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
}

fn told(what: &'static str) -> impl Fn(io::Error) -> Problem {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull => {
            Problem::exhausted(api::leeway::common::v1::ErrorReason::StorageFull, "the disk is full", None)
        }
        _ => Problem::internal(what).source(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_by_content() {
        let rows: [(&[u8], Option<&str>); 7] = [
            (b"%PDF-1.7\n", Some("application/pdf")),
            (&[0xFF, 0xD8, 0xFF, 0xE0], Some("image/jpeg")),
            (&[0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, 0], Some("image/png")),
            ("家庭情况说明\n".as_bytes(), Some("text/plain")),
            (&"证明".as_bytes()[..4], Some("text/plain")),
            (&[0, 1, 2, 3], None),
            (b"", None),
        ];
        for (content, expected) in rows {
            assert_eq!(media_type(content), expected, "{content:?}");
        }
    }

    #[tokio::test]
    async fn a_document_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::open(folder.path()).await.unwrap();
        let hold = files.hold("l/e1");
        assert!(hold.is_some() && files.hold("l/e1").is_none() && files.hold("l/e2").is_some());
        drop(hold);
        assert!(files.hold("l/e1").is_some());
    }

    #[tokio::test]
    async fn appends_go_on_where_they_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::open(folder.path()).await.unwrap();
        for part in ["%PDF-", "1.7 bill"] {
            let mut appender = files.append("../e1").await.unwrap();
            appender.write(part.as_bytes().to_vec()).await.unwrap();
            appender.sync().await.unwrap();
        }
        let hash = hex::encode(Sha256::digest(b"%PDF-1.7 bill"));
        let facts = files.seal("../e1", &hash, "t1").await.unwrap().unwrap();
        assert_eq!((facts.size_bytes, facts.media_type), (13, Some("application/pdf")));
        assert_eq!(facts.sha256, hash);
        files.discard("../e1").await.unwrap();
        assert_eq!(files.append("../e1").await.unwrap().length(), 0);
        assert_eq!(fs::read(files.path("../e1")).unwrap(), b"%PDF-1.7 bill");
    }

    #[tokio::test]
    async fn a_replica_that_comes_late_changes_nothing_about_a_document_that_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [folder.path(), folder.path()].map(EvidenceFiles::open);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let hash = hex::encode(Sha256::digest(b"bill"));
        let [mut one, mut other] = [first.append("e").await.unwrap(), second.append("e").await.unwrap()];
        one.write(b"bill".to_vec()).await.unwrap();
        assert_eq!(first.seal("e", &hash, "t1").await.unwrap().unwrap().sha256, hash);
        // The same again is the same; something else is refused and stays outside.
        other.write(b"bill".to_vec()).await.unwrap();
        assert_eq!(second.seal("e", &hash, "t2").await.unwrap().unwrap().size_bytes, 4);
        other.write(b" and more".to_vec()).await.unwrap();
        assert_ne!(second.seal("e", &hash, "t3").await.unwrap().unwrap().sha256, hash);
        second.discard("e").await.unwrap();
        assert_eq!(second.seal("e", &hash, "t4").await.unwrap(), None);
        assert_eq!(fs::read(first.path("e")).unwrap(), b"bill");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "copies that were refused are gone");
    }
}
