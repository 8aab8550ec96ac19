//! Reads stored decisions page by page, the newest first, and makes each page again off the threads that serve.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use assessment::{ENGINE_VERSION, HardshipReason, Pack};
use chassis::Problem;
use loan::Date;
use store::{Document, Op, Query, Value};

use super::{Case, Flip, StoredRow, Tally, rules_only, with_offers};
use crate::documents::{Record, epoch_day, read};
use crate::library::Found;
use crate::record::DecisionRecord;
use crate::service::State;

/// Rows read at a time, and rows whose rules are asked at a time.
const PAGE_ROWS: u32 = 2_000;
/// Decisions that are made again from their full facts at a time: these are held in memory, and a replay that nobody
/// waits for any more ends behind them.
const FULL_ROWS: usize = 64;
/// Deciding packs that are kept at hand.
const MAX_DECIDERS: usize = 64;

/// How much is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    RulesOnly,
    WithOffers,
}

/// Which decisions are made again.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub pack_name: String,
    pub from: Option<Date>,
    pub until: Option<Date>,
    pub bucket: Option<&'static str>,
    pub reason: Option<HardshipReason>,
    /// Made at or after, epoch microseconds.
    pub created_from: Option<i64>,
    pub limit: u32,
}

/// A replay under way. Dropping it ends it after the page that is being computed.
pub(crate) struct Replay {
    state: State,
    candidate: Arc<Pack>,
    mode: Mode,
    filter: Filter,
    /// Decisions made later are left out, epoch microseconds.
    began: i64,
    after: Option<(Value, String)>,
    /// Rows that were read and not made again yet.
    waiting: VecDeque<StoredRow>,
    left: u32,
    /// Packs that decided, as they were met.
    deciders: HashMap<String, Option<Arc<Pack>>>,
    tally: Tally,
    /// The limit ended it while there was more.
    limited: bool,
}

impl Replay {
    pub fn new(state: State, candidate: Arc<Pack>, mode: Mode, filter: Filter) -> Self {
        Self {
            began: state.parts.clock.now_micros(),
            left: filter.limit,
            deciders: HashMap::new(),
            tally: Tally::default(),
            limited: false,
            after: None,
            waiting: VecDeque::new(),
            state,
            candidate,
            mode,
            filter,
        }
    }

    /// What it came to so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the limit left older decisions out.
    pub fn limited(&self) -> bool {
        self.limited
    }

    /// Makes some more decisions again and returns their flips; `None` at the end.
    pub async fn step(&mut self) -> Result<Option<Vec<Flip>>, Problem> {
        if self.waiting.is_empty() {
            self.waiting = self.rows().await?.into();
            let last = self.waiting.back();
            self.after = last.map(|row| (Value::Int(row.created_us), row.decision_id.clone()));
        }
        if self.left == 0 || self.waiting.is_empty() {
            self.limited = !self.waiting.is_empty();
            return Ok(None);
        }
        let mut gathered = Vec::new();
        let mut full = 0;
        while self.left > 0 && full < FULL_ROWS {
            let Some(row) = self.waiting.pop_front() else { break };
            self.left = self.left.saturating_sub(1);
            let one = self.gather(row).await?;
            full += usize::from(one.record.is_some());
            gathered.push(one);
        }
        self.compute(gathered).await.map(Some)
    }

    async fn rows(&self) -> Result<Vec<StoredRow>, Problem> {
        let Filter { pack_name, from, until, bucket, reason, created_from, .. } = &self.filter;
        let mut filters =
            vec![("pack_name", Op::Eq, pack_name.as_str().into()), ("created_us", Op::Le, self.began.into())];
        filters.extend(from.map(|day| ("as_of_day", Op::Ge, epoch_day(day).into())));
        filters.extend(until.map(|day| ("as_of_day", Op::Le, epoch_day(day).into())));
        filters.extend(bucket.map(|bucket| ("bucket", Op::Eq, bucket.into())));
        filters.extend(reason.map(|reason| ("reason", Op::Eq, reason.as_str().into())));
        filters.extend(created_from.map(|time| ("created_us", Op::Ge, time.into())));
        let query = Query {
            kind: StoredRow::KIND,
            filters,
            order_by: "created_us",
            descending: true,
            after: self.after.clone(),
            limit: PAGE_ROWS,
        };
        let documents = self.state.parts.store.list(query).await?;
        let parse = move || documents.iter().map(|one| read(one).map(|found| found.record)).collect();
        self.state.compute_behind(parse).await
    }

    /// A row with what it takes to make it again: the pack that decided it, and the full record where rules can't do without.
    async fn gather(&mut self, row: StoredRow) -> Result<Gathered, Problem> {
        let rules = self.mode == Mode::RulesOnly;
        let asked_again = rules || row.engine_version != ENGINE_VERSION;
        let decided_under = if asked_again { self.decider(&row.pack_digest).await? } else { None };
        let bare = rules && row.derivation_digest == self.candidate.derivation_digest();
        let store = &self.state.parts.store;
        let record = if bare { None } else { store.get(DecisionRecord::KIND, &row.decision_id).await? };
        Ok(Gathered { row, decided_under, record })
    }

    async fn decider(&mut self, digest: &str) -> Result<Option<Arc<Pack>>, Problem> {
        if let Some(known) = self.deciders.get(digest) {
            return Ok(known.clone());
        }
        let found = match self.state.find_pack(digest).await? {
            Found::Pack(pack) => Some(pack),
            Found::Absent | Found::Unreadable(_) => None,
        };
        if self.deciders.len() >= MAX_DECIDERS {
            self.deciders.clear();
        }
        self.deciders.insert(digest.to_owned(), found.clone());
        Ok(found)
    }

    async fn compute(&mut self, gathered: Vec<Gathered>) -> Result<Vec<Flip>, Problem> {
        let (candidate, mode) = (Arc::clone(&self.candidate), self.mode);
        let mut tally = std::mem::take(&mut self.tally);
        let work = move || {
            let cases: Vec<Case> = gathered.into_iter().map(Gathered::parsed).collect::<Result<_, _>>()?;
            let flips = match mode {
                Mode::RulesOnly => rules_only(cases, &candidate, &mut tally),
                Mode::WithOffers => with_offers(cases, &candidate, &mut tally),
            };
            Ok((tally, flips))
        };
        let (tally, flips) = self.state.compute_behind(work).await?;
        self.tally = tally;
        Ok(flips)
    }
}

/// What a case is made of, as it was read.
struct Gathered {
    row: StoredRow,
    decided_under: Option<Arc<Pack>>,
    record: Option<Document>,
}

impl Gathered {
    fn parsed(self) -> Result<Case, Problem> {
        let record = self.record.map(|document| read::<DecisionRecord>(&document)).transpose()?;
        let facts = record.map(|found| found.record.facts);
        Ok(Case { row: self.row, decided_under: self.decided_under, facts })
    }
}
