//! What every use case of this service has at hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::{Client, Clock, Ids, Problem};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use loan::{Currency, Date};
use negotiation::{Actor, Process};
use store::{Filter, Op, Query, Store, Value};
use tokio::time::Instant;

use crate::documents::{self, PackRecord, Record, Versioned};
use crate::evidence_files::EvidenceFiles;

/// Pack of loans that name none.
pub const DEFAULT_PACK: &str = "cn-instalment";
/// How long policy isn't asked what can be done without, after it did not answer.
const POLICY_SILENCE: Duration = Duration::from_secs(5);
/// Most documents read for one derived figure (a borrower's plans, loans, applications).
const MAX_RELATED_ROWS: u32 = 500;

/// Store, clock, ids and the services this one calls.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// Until then a look at policy that can be done without is not tried.
    policy_silent_until: Mutex<Option<Instant>>,
}

/// The parts of [`Shared`].
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    pub policy: Client,
    pub notification: Client,
    pub evidence: EvidenceFiles,
}

impl std::ops::Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Shared {
    /// Wraps the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, policy_silent_until: Mutex::default() }))
    }

    /// Policy did not answer a moment ago.
    pub fn policy_is_silent(&self) -> bool {
        let until = *self.0.policy_silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Policy did not answer; for a while it isn't asked what can be done without.
    pub fn policy_fell_silent(&self) {
        let until = Instant::now() + POLICY_SILENCE;
        *self.0.policy_silent_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Reads a record that the caller may know of; absent is NOT_FOUND.
    pub async fn find<R: Record>(&self, id: &str) -> Result<Versioned<R>, Problem> {
        let found = documents::load::<R>(&self.store, id).await?;
        found.ok_or_else(|| Problem::not_found(format_args!("{} `{id}`", R::KIND)))
    }

    /// Reads a record if it is there.
    pub async fn get<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, Problem> {
        documents::load::<R>(&self.store, id).await
    }

    /// Every record of a kind whose `column` equals `value`, at most [`MAX_RELATED_ROWS`], by id.
    pub async fn related<R: Record>(
        &self,
        column: &'static str,
        value: &str,
    ) -> Result<Vec<Versioned<R>>, Problem> {
        let filters: Vec<Filter> = vec![(column, Op::Eq, Value::Text(value.to_owned()))];
        let query = Query {
            kind: R::KIND,
            filters,
            order_by: "id",
            descending: false,
            after: None,
            limit: MAX_RELATED_ROWS,
        };
        self.store.list(query).await?.iter().map(documents::read::<R>).collect()
    }

    /// How cases under a pack are run: as policy last stated it, else the house figures.
    pub async fn process(&self, pack_name: &str) -> Result<Process, Problem> {
        Ok(self.get::<PackRecord>(pack_name).await?.map(|pack| pack.record.process).unwrap_or_default())
    }

    /// The moment by the platform's clock, at the store's grain of a microsecond.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Today in the zone of a process.
    pub fn today(&self, process: &Process) -> Date {
        day_of(self.now(), process)
    }
}

/// Currency in which a request is read whose loan is not known: enough to say what else is wrong with it.
pub fn any_currency() -> Result<Currency, Problem> {
    Currency::parse("CNY").map_err(|e| Problem::internal("the house currency can't be read").source(e))
}

/// The day of a moment in the zone of a process.
pub fn day_of(moment: Timestamp, process: &Process) -> Date {
    moment.to_zoned_datetime(zone(process)).date()
}

/// Midnight at which a day begins in the zone of a process.
pub fn beginning_of(day: Date, process: &Process) -> Result<Timestamp, Problem> {
    let start = day.to_zoned_datetime(zone(process));
    start.map(|moment| moment.timestamp()).map_err(|e| Problem::internal("a day has no beginning").source(e))
}

fn zone(process: &Process) -> TimeZone {
    TimeZone::get(&process.time_zone).unwrap_or(TimeZone::UTC)
}

/// The caller as the negotiation knows people.
pub fn actor(principal: &chassis::Principal) -> Actor {
    match principal.subject.as_deref() {
        // A service that acts for a borrower: the borrower did it, through that service.
        Some(subject) => Actor::new(format!("borrower:{subject}")).through(&principal.actor()),
        None => Actor::new(principal.actor()),
    }
}
