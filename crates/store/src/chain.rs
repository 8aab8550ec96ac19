//! The hash chain of a journal stream, the same on every engine.

use sha2::{Digest, Sha256};

use crate::records::{ChainFault, ChainReport, JournalEntry};

/// What the first entry of a stream follows.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 over previous hash, sequence and time (big endian), then stream, kind, actor and body, each preceded by its
/// length in bytes so that no two entries share an encoding. `postgres/function.rs` says the same in SQL.
pub(crate) fn hash(entry: &JournalEntry) -> String {
    let mut digest = Sha256::new();
    digest.update(entry.prev_hash.as_bytes());
    digest.update(entry.seq.to_be_bytes());
    digest.update(entry.time.to_be_bytes());
    for text in [&entry.stream, &entry.kind, &entry.actor, &entry.body] {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(digest.finalize())
}

/// A walk along a stream, entry by entry.
pub(crate) struct Walk(ChainReport);

impl Walk {
    pub(crate) fn new(stream: &str) -> Self {
        Self(ChainReport {
            stream: stream.to_owned(),
            entries: 0,
            last_hash: GENESIS.to_owned(),
            fault: None,
        })
    }

    /// False once a fault was met: what comes after it says nothing.
    pub(crate) fn step(&mut self, entry: JournalEntry) -> bool {
        if self.0.fault.is_some() {
            return false;
        }
        self.0.fault = fault(&self.0, &entry);
        if self.0.fault.is_none() {
            self.0.entries = entry.seq;
            self.0.last_hash = entry.hash;
        }
        self.0.fault.is_none()
    }

    /// Compares where the walk ended with the stream's head.
    pub(crate) fn end(mut self, head: Option<(i64, String)>) -> ChainReport {
        let (head_seq, head_hash) = head.unwrap_or((0, GENESIS.to_owned()));
        let sound = self.0.fault.is_none();
        if sound && (head_seq != self.0.entries || head_hash != self.0.last_hash) {
            self.0.fault = Some(ChainFault::HeadDiffers { head_seq, last_seq: self.0.entries });
        }
        self.0
    }
}

/// What is wrong with the entry that comes after those the report found sound.
fn fault(report: &ChainReport, entry: &JournalEntry) -> Option<ChainFault> {
    let seq = report.entries + 1;
    if entry.seq != seq {
        Some(ChainFault::Missing { seq })
    } else if entry.prev_hash != report.last_hash {
        Some(ChainFault::Unlinked { seq })
    } else if entry.hash != hash(entry) {
        Some(ChainFault::Altered { seq })
    } else {
        None
    }
}
