//! A copy of a SQLite database that a service goes on writing.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::error::StoreError;

use super::setup;

/// Pages copied between two looks at the progress: 4 MiB.
const STEP_PAGES: i32 = 1_024;

/// A database as it was at one moment. Writers go on; the log only can't shrink until this is dropped.
pub struct Snapshot(Connection);

impl Snapshot {
    /// Every commit that was answered before this returns is in it, and no part of a later one.
    pub fn begin(path: &Path) -> Result<Self, StoreError> {
        let conn = setup::open_read_only(path)?;
        // The moment is that of the first read, which holds until the connection is closed.
        conn.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        Ok(Self(conn))
    }

    /// Copies into a file that must not exist yet, checks the copy and brings it to the disk. Says after each piece how
    /// many pages there are and how many are done. Returns the copy's size, bytes.
    ///
    /// The copy is one file without a log, so it can be read on a medium that can't be written.
    pub fn copy(self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        OpenOptions::new().write(true).create_new(true).open(to).map_err(of_file)?;
        let mut copy = Connection::open(to)?;
        // Nothing depends on the copy before it is whole, and then it is synced as a file.
        copy.pragma_update(None, "synchronous", "OFF")?;
        self.pages(&mut copy, progress)?;
        let mode: String = copy.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
        if mode != "delete" {
            return Err(StoreError::Unavailable(format!("the copy stays in journal mode `{mode}`")));
        }
        let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Corrupt(format!(
                "the copy is not sound, so the database isn't: {found}"
            )));
        }
        copy.close().map_err(|(_, error)| error)?;
        let file = File::open(to).map_err(of_file)?;
        file.sync_all().map_err(of_file)?;
        Ok(file.metadata().map_err(of_file)?.len())
    }

    fn pages(&self, copy: &mut Connection, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        let backup = Backup::new(&self.0, copy)?;
        loop {
            let step = backup.step(STEP_PAGES)?;
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or_default();
            progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
            match step {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                // Nobody else has the copy, and the snapshot is held.
                _ => return Err(StoreError::Unavailable("the copy is locked by another program".to_owned())),
            }
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

fn of_file(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::{Commit, Entry};
    use crate::options::Options;
    use crate::schema::Schema;
    use crate::store::Store;

    const SCHEMA: Schema = Schema { kinds: &[] };
    /// Enough for several steps.
    const ENTRIES: usize = 600;

    fn entry(n: usize) -> Commit {
        let body = format!("{{\"n\":{n},\"fill\":\"{}\"}}", "x".repeat(16 * 1024));
        let entry = Entry { stream: "s".to_owned(), kind: "k".to_owned(), actor: "a".to_owned(), body };
        Commit { now: 1, journal: vec![entry], ..Commit::default() }
    }

    async fn entries(store: &Store) -> i64 {
        let report = store.verify_stream("s").await.unwrap();
        assert_eq!(report.fault, None);
        report.entries
    }

    #[tokio::test]
    async fn a_copy_holds_what_was_committed_before_it_and_nothing_later() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let store = Store::open(&path, &SCHEMA, Options::default()).unwrap();
        for n in 0..ENTRIES {
            store.commit(entry(n)).await.unwrap();
        }
        let snapshot = Snapshot::begin(&path).unwrap();
        store.commit(entry(ENTRIES)).await.unwrap();
        // Commits between the pieces move pages that are not copied yet.
        let (runtime, writer, copied) = (tokio::runtime::Handle::current(), store.clone(), to.clone());
        let copying = tokio::task::spawn_blocking(move || {
            let mut pieces = Vec::new();
            let bytes = snapshot.copy(&copied, &mut |done, all| {
                pieces.push((done, all));
                runtime.block_on(writer.commit(entry(ENTRIES + pieces.len()))).unwrap();
            });
            (pieces, bytes.unwrap())
        });
        let (pieces, bytes) = copying.await.unwrap();
        let later = pieces.len();
        assert!(later > 2, "{pieces:?}");
        assert!(pieces.is_sorted() && pieces.last().is_some_and(|(done, all)| done == all), "{pieces:?}");
        assert_eq!(bytes, std::fs::metadata(&to).unwrap().len());

        assert_eq!(entries(&store).await, (ENTRIES + 1 + later) as i64);
        let copy = Store::open_read_only(&to, &SCHEMA, Options::default()).unwrap();
        assert_eq!(entries(&copy).await, ENTRIES as i64);
        assert!(!folder.path().join("b.db-wal").exists(), "the copy has a log");
        let again = Snapshot::begin(&path).unwrap().copy(&to, &mut |_, _| {});
        assert!(matches!(again, Err(StoreError::Unavailable(_))), "a copy was overwritten: {again:?}");
    }

    #[tokio::test]
    async fn a_store_that_may_only_be_read_takes_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let absent = Store::open_read_only(&path, &SCHEMA, Options::default());
        assert!(matches!(absent, Err(StoreError::Unavailable(_))), "{absent:?}");
        assert!(!path.exists(), "a database was made by looking for it");
        let store = Store::open(&path, &SCHEMA, Options::default()).unwrap();
        store.commit(entry(0)).await.unwrap();
        let reader = Store::open_read_only(&path, &SCHEMA, Options::default()).unwrap();
        assert_eq!(entries(&reader).await, 1);
        assert!(matches!(reader.commit(entry(1)).await, Err(StoreError::Unavailable(_))));
        store.commit(entry(1)).await.unwrap();
        assert_eq!(entries(&reader).await, 2);
        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let refused = Store::open_read_only(&other, &SCHEMA, Options::default());
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }
}
