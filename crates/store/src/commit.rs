//! The one mutation: everything a use case changes, as a value.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::schema::{Schema, Value};

/// Larger commits are refused, bytes of all texts in it.
pub const MAX_COMMIT_BYTES: usize = 16 * 1024 * 1024;

/// State, journal, effects, feed and idempotency of one use case: all of it happens, or none.
///
/// Order inside: `request` (a replay ends it there), `done`, `checks`, `writes`, `journal`, `effects`, `feed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Domain time, epoch microseconds; stamps journal, feed, finished effects and idempotency record.
    pub now: i64,
    pub checks: Vec<Check>,
    pub writes: Vec<Write>,
    pub journal: Vec<Entry>,
    pub effects: Vec<EffectChange>,
    pub feed: Vec<FeedEntry>,
    pub done: Option<Done>,
    pub request: Option<Request>,
}

/// A document that was read and must not have moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub kind: &'static str,
    pub id: String,
    /// 0: it must be absent.
    pub revision: i64,
}

/// A change of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Inserts (`expected_revision` 0) or replaces. The new revision is in [`Receipt::revisions`]: the expected
    /// one plus 1, except that a document put again after its deletion goes on where it stopped.
    Put {
        kind: &'static str,
        id: String,
        expected_revision: i64,
        body_version: i32,
        /// Canonical JSON.
        body: String,
        /// Every column the kind declares, once, in any order.
        index: Vec<(&'static str, Value)>,
    },
    Delete {
        kind: &'static str,
        id: String,
        expected_revision: i64,
    },
}

/// A line of the append-only journal; the store adds sequence, time and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub stream: String,
    pub kind: String,
    /// Who did it, such as `officer:7`; empty when the system itself did.
    pub actor: String,
    /// Canonical JSON.
    pub body: String,
}

/// A change of the outbox, which is the timer table as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectChange {
    /// Replaces a live effect of the same (topic, key): the new one gets a new id, an old lease is fenced.
    Put {
        topic: &'static str,
        key: String,
        version: i32,
        /// Epoch microseconds; nobody claims it earlier.
        not_before: i64,
        body: String,
        /// W3C `traceparent` of whoever caused it.
        trace: Option<String>,
        /// Given when the committer runs the effect itself, at once.
        lease: Option<NewLease>,
    },
    /// Removes a live effect, fencing its lease; nothing happens if there is none.
    Drop { topic: &'static str, key: String },
}

/// A lease taken in the commit that puts the effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLease {
    pub worker: String,
    /// Epoch microseconds; from then on others may claim the effect.
    pub until: i64,
    /// Unique; [`Done`], `retry` and `park` show it.
    pub token: String,
}

/// A public event. Positions have no gaps; a case's events get theirs in the order of its commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    pub case_key: String,
    pub kind: String,
    pub body: String,
}

/// The end of an effect, in one commit with its result. A stale token makes it `Fenced`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub effect_id: i64,
    pub token: String,
}

/// The idempotency record. Its key is (principal, subject, request_id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub principal: String,
    /// On whose behalf; empty when for oneself.
    pub subject: String,
    pub request_id: String,
    pub method: String,
    pub payload_hash: String,
    /// What a replay needs to read the answer again, such as an id.
    pub response_ref: String,
}

/// How a commit ended that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Committed(Receipt),
    /// The same request was committed before; nothing was written now.
    Replayed {
        response_ref: String,
    },
}

/// What the store assigned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One for each of `writes`, in order; 0 for a deletion.
    pub revisions: Vec<i64>,
    /// One for each `EffectChange::Put`, in order.
    pub effect_ids: Vec<i64>,
}

impl Commit {
    /// Refuses what the declared schema or a limit forbids.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), StoreError> {
        let bytes = self.bytes();
        if bytes > MAX_COMMIT_BYTES {
            return Err(StoreError::Invalid(format!(
                "a commit of {bytes} bytes, at most {MAX_COMMIT_BYTES}"
            )));
        }
        if self.texts().any(|text| text.contains('\0')) {
            return Err(StoreError::Invalid("a text with a NUL character".to_owned()));
        }
        for check in &self.checks {
            schema.kind(check.kind)?;
            at_least(check.revision, 0)?;
        }
        let mut seen = BTreeSet::new();
        for write in &self.writes {
            let kind = schema.kind(write.kind())?;
            let (id, expected) = match write {
                Write::Put { id, expected_revision, index, .. } => {
                    at_least(*expected_revision, 0)?;
                    kind.check_index(index)?;
                    (id, expected_revision)
                }
                Write::Delete { id, expected_revision, .. } => {
                    at_least(*expected_revision, 1)?;
                    (id, expected_revision)
                }
            };
            // Both can't name the revision that was read: the second would look like a lost race for ever.
            if !seen.insert((kind.name, id, expected)) {
                return Err(StoreError::Invalid(format!(
                    "`{}/{id}` is written twice at one revision",
                    kind.name
                )));
            }
        }
        let empty_token = self.effects.iter().any(
            |change| matches!(change, EffectChange::Put { lease: Some(lease), .. } if lease.token.is_empty()),
        );
        // The empty token marks an effect without a lease.
        if empty_token || self.done.as_ref().is_some_and(|done| done.token.is_empty()) {
            return Err(StoreError::Invalid("a lease needs a token".to_owned()));
        }
        Ok(())
    }

    /// Every text that is stored.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let checks = self.checks.iter().map(|check| check.id.as_str());
        let writes = self.writes.iter().flat_map(Write::texts);
        let journal = self.journal.iter().flat_map(|e| [&e.stream, &e.kind, &e.actor, &e.body]);
        let effects = self.effects.iter().flat_map(EffectChange::texts);
        let feed = self.feed.iter().flat_map(|f| [&f.case_key, &f.kind, &f.body]);
        let done = self.done.iter().map(|done| done.token.as_str());
        let request = self.request.iter().flat_map(|r| {
            [&r.principal, &r.subject, &r.request_id, &r.method, &r.payload_hash, &r.response_ref]
        });
        let owned = journal.chain(feed).chain(request).map(String::as_str);
        checks.chain(writes).chain(effects).chain(done).chain(owned)
    }

    /// Bytes of all texts: what the queue and batch limits count.
    pub fn bytes(&self) -> usize {
        let writes = self.writes.iter().map(Write::bytes).sum::<usize>();
        let journal = self
            .journal
            .iter()
            .map(|e| e.stream.len() + e.kind.len() + e.actor.len() + e.body.len())
            .sum::<usize>();
        let effects = self.effects.iter().map(EffectChange::bytes).sum::<usize>();
        let feed = self.feed.iter().map(|f| f.case_key.len() + f.kind.len() + f.body.len()).sum::<usize>();
        let checks = self.checks.iter().map(|c| c.id.len()).sum::<usize>();
        let request = self.request.as_ref().map_or(0, Request::bytes);
        writes + journal + effects + feed + checks + request
    }
}

impl Write {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Put { kind, .. } | Self::Delete { kind, .. } => kind,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let (id, body, index) = match self {
            Self::Put { id, body, index, .. } => (id.as_str(), body.as_str(), index.as_slice()),
            Self::Delete { id, .. } => (id.as_str(), "", &[] as &[_]),
        };
        let columns = index.iter().filter_map(|(_, value)| match value {
            Value::Int(_) => None,
            Value::Text(text) => Some(text.as_str()),
        });
        [id, body].into_iter().chain(columns)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { id, body, index, .. } => {
                id.len() + body.len() + index.iter().map(|(_, value)| value.bytes()).sum::<usize>()
            }
            Self::Delete { id, .. } => id.len(),
        }
    }
}

impl EffectChange {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::Put { key, body, trace, lease, .. } => {
                let (worker, token) =
                    lease.as_ref().map_or(("", ""), |l| (l.worker.as_str(), l.token.as_str()));
                [key, body, trace.as_deref().unwrap_or_default(), worker, token]
            }
            Self::Drop { key, .. } => [key, "", "", "", ""],
        };
        texts.into_iter()
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, body, trace, .. } => {
                key.len() + body.len() + trace.as_ref().map_or(0, String::len)
            }
            Self::Drop { key, .. } => key.len(),
        }
    }
}

impl Request {
    fn bytes(&self) -> usize {
        self.principal.len()
            + self.subject.len()
            + self.request_id.len()
            + self.method.len()
            + self.payload_hash.len()
            + self.response_ref.len()
    }
}

fn at_least(revision: i64, least: i64) -> Result<(), StoreError> {
    if revision >= least {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("revision {revision}, the least is {least}")))
    }
}
