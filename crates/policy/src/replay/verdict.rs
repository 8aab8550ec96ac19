//! A decision in short, and in what two of them differ.

use assessment::{Authority, Decision, DeclineCode, Effect, Limits, MeasureKind, Outcome};
use loan::Amount;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a hash that tell terms apart.
const TERMS_HASH_BYTES: usize = 12;

/// A decision in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// Authority that is required at least.
    pub authority: Authority,
    /// Decline codes, in the order of the catalogue.
    pub codes: Vec<DeclineCode>,
    /// Hash of the recommended offer's terms; empty where nothing is offered or offers weren't looked for.
    pub terms: String,
    /// What the recommended offer costs in present value.
    pub relief_cost: Amount,
}

/// What is other about a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlipKind {
    /// The outcome.
    Outcome,
    /// The required authority.
    Authority,
    /// The decline codes.
    Codes,
    /// The recommended offer; for rules alone the measures or limits.
    Offer,
    /// The candidate can't assess the case.
    Unassessable,
}

impl Verdict {
    /// A decision in short.
    pub fn of(decision: &Decision) -> Self {
        let recommended = decision.offers.first();
        let mut codes: Vec<DeclineCode> = decision.decline_reasons.iter().map(|reason| reason.code).collect();
        codes.sort_unstable();
        Self {
            outcome: decision.outcome,
            authority: decision.required_authority,
            codes,
            terms: recommended.map(|offer| hash(&offer.terms)).unwrap_or_default(),
            relief_cost: recommended.map_or(Amount::ZERO, |offer| offer.present_value_loss),
        }
    }

    /// What the rules alone lead to expect: an offer wherever the automatic mandate is open and nothing asks for a person.
    pub(super) fn expected(effect: &Effect, no_evidence: bool) -> Self {
        let codes = DeclineCode::ALL.iter().copied();
        let outcome = expected_outcome(effect, no_evidence);
        Self {
            outcome,
            authority: effect.authority.max(least(outcome)),
            // Mostly there are none, and asking for each of them costs more than the rules themselves.
            codes: if effect.gives_any() {
                codes.filter(|code| effect.gives(*code)).collect()
            } else {
                Vec::new()
            },
            terms: String::new(),
            relief_cost: Amount::ZERO,
        }
    }

    /// The same without its offer.
    pub(super) fn without_offer(&self) -> Self {
        Self { terms: String::new(), relief_cost: Amount::ZERO, ..self.clone() }
    }

    /// In what two verdicts differ.
    pub(crate) fn kinds(&self, after: &Self) -> Vec<FlipKind> {
        let mut kinds = Vec::new();
        kinds.extend((self.outcome != after.outcome).then_some(FlipKind::Outcome));
        kinds.extend((self.authority != after.authority).then_some(FlipKind::Authority));
        kinds.extend((self.codes != after.codes).then_some(FlipKind::Codes));
        kinds.extend((self.terms != after.terms).then_some(FlipKind::Offer));
        kinds
    }
}

/// Whether the rules of two packs open other measures, or other limits of them, for one case.
pub(super) fn other_measures(before: &Effect, after: &Effect) -> bool {
    let adds = MeasureKind::ALL.iter().any(|kind| before.adds(*kind) != after.adds(*kind));
    adds || before.limits != after.limits || before.mandate != after.mandate
}

/// Follows an assessment up to its offers.
fn expected_outcome(effect: &Effect, no_evidence: bool) -> Outcome {
    if effect.gate_outcome == Some(Outcome::Hold) {
        return Outcome::Hold;
    }
    // A gate that only limits the terms lets the case go on.
    let limits_only = effect.limits == Some(Limits::Redate) && effect.gate_outcome == Some(Outcome::Review);
    let open = effect.mandate && effect.authority == Authority::Automatic && !effect.gives_any();
    let outcome = match effect.gate_outcome {
        Some(outcome) if !limits_only => outcome,
        _ if no_evidence => Outcome::EvidenceRequired,
        _ if open => Outcome::Offer,
        _ => Outcome::Review,
    };
    match effect.protected {
        Some(protecting) if outcome != Outcome::Offer => protecting,
        _ => outcome,
    }
}

/// What an outcome asks for whatever the rules say: a person decides all but offers, requests for documents and holds.
fn least(outcome: Outcome) -> Authority {
    match outcome {
        Outcome::Offer | Outcome::EvidenceRequired | Outcome::Hold => Authority::Automatic,
        Outcome::Review | Outcome::SpecialistReview | Outcome::Refuse => Authority::Officer,
    }
}

fn hash(terms: &loan::Terms) -> String {
    // INVARIANT: terms are plain data, whose JSON can always be written.
    let text = serde_json::to_vec(terms).unwrap_or_default();
    hex::encode(Sha256::digest(text).iter().take(TERMS_HASH_BYTES).copied().collect::<Vec<u8>>())
}
