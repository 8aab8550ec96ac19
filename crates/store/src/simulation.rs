//! For simulations: one database in memory that several replicas use, whose answers come late or not at all, and which
//! can be made to lie in the ways that a simulation has to notice.
//!
//! Everything that happens by chance is drawn from one seed, in the order of the calls.

mod dice;
mod history;
mod sabotage;
mod weather;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

pub use self::dice::Dice;
pub use self::history::Breach;
pub use self::sabotage::Sabotage;
pub use self::weather::{Counts, Weather};

use self::history::History;
use self::weather::Fate;
use crate::error::StoreError;
use crate::schema::Schema;
use crate::sqlite::Sqlite;
use crate::store::Store;
use crate::work::{Answer, Work};

/// One database, and what befalls those who use it.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sqlite: Sqlite,
    schema: Schema,
    sabotage: Option<Sabotage>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    weather: Weather,
    counts: Counts,
    history: History,
    bells: Vec<Bell>,
    /// Answered and not committed.
    owed: Vec<Work>,
    /// The last feed position handed out before its commit.
    handed_out: i64,
}

/// Somebody waits for changes. Each has a channel of its own: those who share one are woken in an order of its own.
#[derive(Debug)]
struct Bell {
    replica: usize,
    bell: watch::Sender<u64>,
}

/// A replica's way to the database.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    database: Database,
    number: usize,
}

impl Database {
    /// An empty database. `seed` decides what befalls its calls, under the weather set later.
    pub fn new(schema: &Schema, seed: u64, sabotage: Option<Sabotage>) -> Result<Self, StoreError> {
        schema.validate()?;
        let state = State {
            dice: Dice::new(seed),
            weather: Weather::CALM,
            counts: Counts::default(),
            history: History::default(),
            bells: Vec::new(),
            owed: Vec::new(),
            handed_out: 0,
        };
        let sqlite = Sqlite::inline(None, schema)?;
        Ok(Self(Arc::new(Inner { sqlite, schema: *schema, sabotage, state: Mutex::new(state) })))
    }

    /// The store as replica `number` sees it. It hears of its own changes; of others', under weather that says so.
    pub fn replica(&self, number: usize) -> Store {
        Store::simulated(Replica { database: self.clone(), number }, self.0.schema)
    }

    /// From now on.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// What befell its users so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// What no database may do, in the order in which it happened.
    pub fn breaches(&self) -> Vec<Breach> {
        self.lock().history.breaches.clone()
    }

    /// The machine of the database loses power: what was answered before it was committed is gone.
    pub fn cut_power(&self) {
        let mut state = self.lock();
        state.counts.power_cuts += 1;
        state.owed.clear();
    }

    /// Whatever was answered is committed.
    pub async fn flush(&self) {
        let owed = std::mem::take(&mut self.lock().owed);
        for work in owed {
            let done = self.0.sqlite.write(work.clone()).await;
            self.note(&work, &done);
        }
    }

    /// Answers, and remembers what a database must keep. `first` is the first feed position handed out beforehand.
    async fn apply(&self, work: Work, first: Option<i64>) -> Result<Answer, StoreError> {
        let (sabotage, schema) = (self.0.sabotage, self.0.schema);
        match sabotage {
            None => {
                let done = self.0.sqlite.write(work.clone()).await;
                self.note(&work, &done);
                done
            }
            Some(Sabotage::AnswerBeforeCommit) => {
                if self.lock().dice.one_in(4) {
                    self.flush().await;
                }
                self.owe(work).await
            }
            Some(sabotage) => {
                let told = (work.clone(), sabotage);
                let done = self.0.sqlite.read(move |conn| sabotage::write(conn, &schema, told, first)).await;
                self.note(&work, &done);
                done
            }
        }
    }

    /// Answers a commit that is made later; everything else is done at once.
    async fn owe(&self, work: Work) -> Result<Answer, StoreError> {
        if !matches!(work, Work::Commit(_)) {
            let done = self.0.sqlite.write(work.clone()).await;
            self.note(&work, &done);
            return done;
        }
        let (schema, rehearsed) = (self.0.schema, work.clone());
        let answer = self.0.sqlite.read(move |conn| sabotage::rehearse(conn, &schema, &rehearsed)).await?;
        self.lock().owed.push(work);
        Ok(answer)
    }

    fn note(&self, work: &Work, done: &Result<Answer, StoreError>) {
        if let Ok(answer) = done {
            self.lock().history.note(work, answer);
        }
    }

    fn ring(&self, number: usize) {
        let mut state = self.lock();
        let elsewhere = state.weather.heard_elsewhere;
        state.bells.retain(|bell| !bell.bell.is_closed());
        for Bell { replica, bell } in &state.bells {
            if elsewhere || *replica == number {
                bell.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Everything in it is replaced whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replica {
    pub(crate) async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        let positions = self.positions(&work).await?;
        let Fate { before, fault, after } = self.fate(Weather::write);
        pause(before).await;
        if let Some(error) = fault.before() {
            return Err(error);
        }
        let done = self.database.apply(work, positions).await;
        if done.as_ref().is_ok_and(Answer::changed) {
            self.database.ring(self.number);
        }
        pause(after).await;
        match fault.after() {
            Some(error) => Err(error),
            None => done,
        }
    }

    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let Fate { before, fault, after } = self.fate(Weather::read);
        pause(before).await;
        if let Some(error) = fault.before() {
            return Err(error);
        }
        let done = self.database.0.sqlite.read(read).await;
        pause(after).await;
        done
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        let (bell, heard) = watch::channel(0);
        self.database.lock().bells.push(Bell { replica: self.number, bell });
        heard
    }

    fn fate(&self, draw: fn(&Weather, &mut Dice, &mut Counts) -> Fate) -> Fate {
        let mut state = self.database.lock();
        let State { dice, weather, counts, .. } = &mut *state;
        draw(weather, dice, counts)
    }

    /// Under `id > last`, what a sequence would hand out before the commit.
    async fn positions(&self, work: &Work) -> Result<Option<i64>, StoreError> {
        let Work::Commit(commit) = work else { return Ok(None) };
        if self.database.0.sabotage != Some(Sabotage::FeedByLastId) || commit.feed.is_empty() {
            return Ok(None);
        }
        let head = self.database.0.sqlite.read(crate::sqlite::feed_head).await?;
        let mut state = self.database.lock();
        let first = state.handed_out.max(head) + 1;
        state.handed_out = first + i64::try_from(commit.feed.len()).unwrap_or(i64::MAX) - 1;
        Ok(Some(first))
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
