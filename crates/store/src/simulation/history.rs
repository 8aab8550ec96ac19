//! What a database did with effects, held against what it may do: an effect ends once, by whoever holds its lease.

use std::collections::BTreeMap;

use crate::commit::{Commit, EffectChange, Outcome};
use crate::work::{Answer, Work};

/// Something that no database may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// Two commits ended the same effect.
    EndedTwice { effect_id: i64 },
    /// Somebody ended an effect whose lease had gone to somebody else, or that had been replaced or given back.
    EndedByStaleLease { effect_id: i64 },
}

#[derive(Debug, Default)]
pub(super) struct History {
    leases: BTreeMap<i64, Lease>,
    pub(super) breaches: Vec<Breach>,
}

#[derive(Debug)]
enum Lease {
    Held(String),
    Free,
    Ended,
}

impl History {
    /// Notes what was done, once it was.
    pub(super) fn note(&mut self, work: &Work, answer: &Answer) {
        match (work, answer) {
            (Work::Claim(_), Answer::Claimed(effects)) => {
                for effect in effects {
                    self.leases.insert(effect.id, Lease::Held(effect.token.clone()));
                }
            }
            (Work::Retry(failure, _) | Work::Park(failure), Answer::Settled) => {
                self.leases.insert(failure.effect_id, Lease::Free);
            }
            (Work::Commit(commit), Answer::Commit(Outcome::Committed(receipt))) => {
                self.ended(commit);
                self.leased(commit, &receipt.effect_ids);
            }
            _ => {}
        }
    }

    fn ended(&mut self, commit: &Commit) {
        let Some(done) = &commit.done else { return };
        let effect_id = done.effect_id;
        match self.leases.insert(effect_id, Lease::Ended) {
            Some(Lease::Held(token)) if token == done.token => {}
            Some(Lease::Ended) => self.breaches.push(Breach::EndedTwice { effect_id }),
            Some(Lease::Held(_) | Lease::Free) | None => {
                self.breaches.push(Breach::EndedByStaleLease { effect_id });
            }
        }
    }

    fn leased(&mut self, commit: &Commit, ids: &[i64]) {
        let puts = commit.effects.iter().filter_map(|change| match change {
            EffectChange::Put { lease, .. } => Some(lease),
            EffectChange::Drop { .. } => None,
        });
        for (lease, id) in puts.zip(ids) {
            if let Some(lease) = lease {
                self.leases.insert(*id, Lease::Held(lease.token.clone()));
            }
        }
    }
}
