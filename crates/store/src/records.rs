//! What is asked of the store and what it hands out.

use crate::error::StoreError;
use crate::schema::Value;

/// Most rows one read returns.
pub const MAX_PAGE_ROWS: u32 = 10_000;
/// Most effects one claim returns.
pub const MAX_CLAIM_ROWS: u32 = 1_000;
/// A failure's text is cut here.
const MAX_ERROR_BYTES: usize = 2_000;
/// Most rows one sweep removes from each table, so that it never holds up commits for long.
pub const MAX_SWEEP_ROWS: u32 = 1_000;

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub id: String,
    /// From 1, one more with every put.
    pub revision: i64,
    pub body_version: i32,
    /// Canonical JSON.
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// In SQL, the same on both engines.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

/// Column (declared, or `id`), comparison, value.
pub type Filter = (&'static str, Op, Value);

/// A page of documents, keyset on (`order_by`, `id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub kind: &'static str,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// A declared column or `id`.
    pub order_by: &'static str,
    pub descending: bool,
    /// `order_by` value and id of the last document of the page before. With `order_by` `id` the value is ignored.
    pub after: Option<(Value, String)>,
    /// 1 to [`MAX_PAGE_ROWS`].
    pub limit: u32,
}

/// An idempotency record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    pub method: String,
    pub payload_hash: String,
    pub response_ref: String,
}

/// A stored line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    pub stream: String,
    /// From 1, dense.
    pub seq: i64,
    /// Epoch microseconds.
    pub time: i64,
    pub kind: String,
    pub actor: String,
    pub body: String,
    /// Lower-case hex; the first entry follows 64 zeros.
    pub prev_hash: String,
    pub hash: String,
}

/// The result of walking a stream's hash chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    pub stream: String,
    /// Entries found sound, up to the fault.
    pub entries: i64,
    /// Hash of the last sound entry. Whoever keeps it elsewhere also notices a chain that was rewritten as a whole.
    pub last_hash: String,
    pub fault: Option<ChainFault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    /// Sequence `seq` should come here and does not.
    Missing { seq: i64 },
    /// The entry doesn't follow its predecessor's hash.
    Unlinked { seq: i64 },
    /// The entry's content doesn't match its hash.
    Altered { seq: i64 },
    /// The stream's head says that it goes on, or ends otherwise, than its entries.
    HeadDiffers { head_seq: i64, last_seq: i64 },
}

/// Which effects a worker takes, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Topic and the newest version of it that this worker understands; everything else is left alone.
    pub topics: Vec<(&'static str, i32)>,
    /// Domain time that timers compare with, epoch microseconds.
    pub now: i64,
    /// Epoch microseconds on the same clock as `now`.
    pub lease_until: i64,
    pub worker: String,
    /// Unique to this call; tokens are derived from it.
    pub token_seed: String,
    /// 1 to [`MAX_CLAIM_ROWS`].
    pub limit: u32,
}

impl Claim {
    /// Refuses a lease that ends before it begins, and tokens that could be guessed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.lease_until > self.now && !self.token_seed.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Invalid("a claim needs a lease that lasts and a token seed".to_owned()))
        }
    }
}

/// A claimed effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Never used twice, also when the effect is replaced.
    pub id: i64,
    pub topic: String,
    pub key: String,
    pub version: i32,
    pub not_before: i64,
    pub body: String,
    pub trace: Option<String>,
    /// Claims of it so far, this one included.
    pub attempts: i32,
    pub token: String,
}

/// The failed attempt of a leased effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub effect_id: i64,
    pub token: String,
    /// Epoch microseconds.
    pub now: i64,
    /// For operators; cut at 2,000 bytes.
    pub error: String,
}

impl Failure {
    /// What is stored of its text.
    pub(crate) fn cut(&self) -> &str {
        self.error.get(..self.error.floor_char_boundary(MAX_ERROR_BYTES)).unwrap_or(&self.error)
    }
}

/// An effect that was given up until somebody redrives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEffect {
    pub id: i64,
    pub topic: String,
    pub key: String,
    pub version: i32,
    pub body: String,
    pub trace: Option<String>,
    pub attempts: i32,
    pub error: String,
    /// Epoch microseconds.
    pub parked_at: i64,
}

/// A public event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// From 1, dense, in commit order.
    pub position: i64,
    pub case_key: String,
    pub kind: String,
    pub body: String,
    /// Epoch microseconds.
    pub time: i64,
}

/// What may go. `None` keeps the whole table; times in epoch microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Idempotency records made before.
    pub requests_before: Option<i64>,
    /// Effects finished before.
    pub effects_before: Option<i64>,
    /// Feed rows before, always the oldest positions first.
    pub feed_before: Option<i64>,
    /// Memory of documents deleted before; a document put again later starts at revision 1.
    pub tombstones_before: Option<i64>,
}

/// Rows removed; call again while one of them is [`MAX_SWEEP_ROWS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub requests: u64,
    pub effects: u64,
    pub feed: u64,
    pub tombstones: u64,
}
