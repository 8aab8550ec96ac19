//! The engine: with a writer thread and readers, or inline.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::error::StoreError;
use crate::options::Options;
use crate::schema::Schema;
use crate::work::{Answer, Work};

use super::batch::Core;
use super::queue::{Limits, Queue};
use super::setup;

/// Most of one transaction; a single larger work goes alone.
const BATCH: Limits = Limits { items: 256, bytes: 4 * 1024 * 1024 };
/// How long a batch waits for as many as the one before had: callers who were answered together come back together, and
/// those who don't cost the others about one fsync, once.
const PATIENCE: Duration = Duration::from_micros(200);
/// Reads that may wait for a reader.
const MAX_WAITING_READS: usize = 4_096;

#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Engine>);

struct Engine {
    mode: Mode,
    changes: watch::Sender<u64>,
    /// Nothing can be written any more.
    broken: Arc<AtomicBool>,
}

enum Mode {
    Threaded(Threads),
    Inline(Mutex<Core>),
}

struct Threads {
    writes: Arc<Queue<Waiting>>,
    reads: Arc<Queue<Read>>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

struct Waiting {
    work: Work,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Sqlite {
    pub(crate) fn threaded(path: &Path, schema: &Schema, options: Options) -> Result<Self, StoreError> {
        let conn = setup::open_writer(Some(path), schema)?;
        conn.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
        let core = Core::new(conn, *schema);
        let broken = core.broken();
        let readers =
            (0..options.readers.max(1)).map(|_| setup::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        let changes = watch::Sender::new(0);
        let writes = Arc::new(Queue::new(options.max_waiting, options.max_waiting_bytes));
        let reads = Arc::new(Queue::new(MAX_WAITING_READS, usize::MAX));
        // From here on an early return drops `threads`, which ends those that run.
        let threads =
            Threads { writes: Arc::clone(&writes), reads: Arc::clone(&reads), handles: Mutex::default() };
        let bell = changes.clone();
        threads.spawn("store-writer", move || write_loop(core, &writes, &bell))?;
        for conn in readers {
            let reads = Arc::clone(&reads);
            threads.spawn("store-reader", move || read_loop(&conn, &reads))?;
        }
        Ok(Self(Arc::new(Engine { mode: Mode::Threaded(threads), changes, broken })))
    }

    /// Readers alone, on a file that others may be writing: it is neither brought up to date nor tidied up.
    pub(crate) fn read_only(path: &Path, options: Options) -> Result<Self, StoreError> {
        let readers = (0..options.readers.max(1))
            .map(|_| setup::open_read_only(path))
            .collect::<Result<Vec<_>, _>>()?;
        let (writes, reads) =
            (Arc::new(Queue::new(1, 1)), Arc::new(Queue::new(MAX_WAITING_READS, usize::MAX)));
        writes.close();
        let threads = Threads { writes, reads: Arc::clone(&reads), handles: Mutex::default() };
        for conn in readers {
            let reads = Arc::clone(&reads);
            threads.spawn("store-reader", move || read_loop(&conn, &reads))?;
        }
        let mode = Mode::Threaded(threads);
        Ok(Self(Arc::new(Engine { mode, changes: watch::Sender::new(0), broken: Arc::default() })))
    }

    pub(crate) fn inline(path: Option<&Path>, schema: &Schema) -> Result<Self, StoreError> {
        let core = Core::new(setup::open_writer(path, schema)?, *schema);
        let broken = core.broken();
        let mode = Mode::Inline(Mutex::new(core));
        Ok(Self(Arc::new(Engine { mode, changes: watch::Sender::new(0), broken })))
    }

    /// Hands the work over in its first poll. The answer comes after COMMIT; not waiting for it changes nothing.
    pub(crate) async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        match &self.0.mode {
            Mode::Threaded(threads) => {
                let bytes = work.bytes();
                let (reply, answer) = oneshot::channel();
                threads.writes.push(Waiting { work, reply }, bytes)?;
                answer.await.unwrap_or_else(|_| Err(stopped()))
            }
            Mode::Inline(core) => {
                let mut done = lock(core).run(std::iter::once(&work));
                if done.changed {
                    ring(&self.0.changes);
                }
                done.answers.pop().unwrap_or_else(|| Err(stopped()))
            }
        }
    }

    /// Runs the read on a connection that sees every commit answered before.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.0.mode {
            Mode::Threaded(threads) => {
                let (reply, answer) = oneshot::channel();
                let job: Read = Box::new(move |conn| {
                    // Nobody waits any more: the read is worth nothing.
                    if !reply.is_closed() {
                        let _ = reply.send(read(conn));
                    }
                });
                threads.reads.push(job, 0)?;
                answer.await.unwrap_or_else(|_| Err(stopped()))
            }
            Mode::Inline(core) => {
                let core = lock(core);
                match core.failure() {
                    Some(error) => Err(error.clone()),
                    None => read(core.connection()),
                }
            }
        }
    }

    /// Fails once nothing can be written any more until the database is opened anew, and while nothing can be read.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        if self.0.broken.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("nothing can be written any more".to_owned()));
        }
        self.read(|conn| Ok(conn.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?)).await
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    pub(crate) async fn close(&self) {
        match &self.0.mode {
            Mode::Threaded(threads) => {
                threads.close_queues();
                let handles = std::mem::take(&mut *lock(&threads.handles));
                // Joining blocks for as long as the work handed over takes. A failed join is logged there.
                let _ = tokio::task::spawn_blocking(move || join(handles)).await;
            }
            Mode::Inline(core) => lock(core).fail(StoreError::Unavailable("it is closed".to_owned())),
        }
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match &self.0.mode {
            Mode::Threaded(_) => "threaded",
            Mode::Inline(_) => "inline",
        };
        f.debug_tuple("Sqlite").field(&mode).finish()
    }
}

impl Threads {
    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| StoreError::Unavailable(format!("no thread `{name}`: {error}")))?;
        lock(&self.handles).push(handle);
        Ok(())
    }

    fn close_queues(&self) {
        self.writes.close();
        self.reads.close();
    }
}

/// The last handle finishes what was handed over before the file is let go, so that it can be opened again at once.
impl Drop for Threads {
    fn drop(&mut self) {
        self.close_queues();
        join(std::mem::take(&mut *lock(&self.handles)));
    }
}

fn write_loop(mut core: Core, writes: &Queue<Waiting>, changes: &watch::Sender<u64>) {
    let _guard = AbandonOnExit(writes);
    while let Some(batch) = writes.take(BATCH) {
        let size = batch.len();
        let done = core.run(batch.iter().map(|waiting| &waiting.work));
        if done.changed {
            ring(changes);
        }
        for (waiting, answer) in batch.into_iter().zip(done.answers) {
            // The caller may be gone; its commit stands all the same.
            let _ = waiting.reply.send(answer);
        }
        if size > 1 {
            writes.gather(size, PATIENCE);
        }
    }
}

fn read_loop(conn: &Connection, reads: &Queue<Read>) {
    let _guard = AbandonOnExit(reads);
    while let Some(batch) = reads.take(Limits { items: 1, bytes: usize::MAX }) {
        for read in batch {
            read(conn);
        }
    }
}

/// A thread that ends, also by a panic, must not leave callers waiting for it.
struct AbandonOnExit<'a, T>(&'a Queue<T>);

impl<T> Drop for AbandonOnExit<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.abandon();
        }
    }
}

fn ring(changes: &watch::Sender<u64>) {
    changes.send_modify(|count| *count = count.wrapping_add(1));
}

fn join(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        if handle.join().is_err() {
            tracing::error!("a thread of the store panicked");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("its thread stopped; the outcome is unknown".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left at worst an open transaction, which the next batch refuses to build on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
