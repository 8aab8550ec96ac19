//! Shadow evaluation: what a candidate would have said of a case, stored beside what was said.
//!
//! The cases are sampled when they are decided, the candidate is asked after the decision's commit: neither the answer nor
//! the time it takes depends on it.

use chassis::Problem;
use loan::Ratio;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{EffectChange, Value};

use crate::activation::{Activation, State as ActivationState};
use crate::documents::{Record, json};
use crate::replay::{FlipKind, Verdict};

/// Topic of the effect that asks the candidates.
pub(crate) const SHADOW: &str = "shadow";
/// Version of its body.
pub(crate) const BODY_VERSION: i32 = 1;
/// Grain of a share: twelve decimal places.
const SHARE_PARTS: u128 = 1_000_000_000_000;

/// Body of the effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShadowBody {
    pub decision_id: String,
    /// The proposed activations that sampled the case.
    pub activations: Vec<String>,
}

/// What a candidate said of the facts of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShadowRecord {
    pub activation_id: String,
    pub decision_id: String,
    pub pack_digest: String,
    /// `None`: the candidate can't assess the case.
    pub verdict: Option<Verdict>,
    pub kinds: Vec<FlipKind>,
    /// Why it can't, as a code; empty: it can.
    pub problem: String,
}

impl ShadowRecord {
    /// One record a candidate and decision.
    pub fn id_of(activation_id: &str, decision_id: &str) -> String {
        format!("{decision_id}/{activation_id}")
    }
}

impl Record for ShadowRecord {
    const KIND: &'static str = "shadow";

    fn id(&self) -> String {
        Self::id_of(&self.activation_id, &self.decision_id)
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("activation_id", self.activation_id.as_str().into()),
            ("decision_id", self.decision_id.as_str().into()),
            ("flipped", i64::from(!self.kinds.is_empty()).into()),
        ]
    }
}

/// The effect that asks every candidate which samples the case; `None` where none does.
pub(crate) fn effect(
    all: &[Activation],
    case_id: &str,
    decision_id: &str,
    now: i64,
) -> Result<Option<EffectChange>, Problem> {
    let proposed = all.iter().filter(|one| one.state == ActivationState::Proposed);
    let sampling = proposed.filter(|one| sampled(&one.pack.digest, case_id, one.shadow_share));
    let activations: Vec<String> = sampling.map(|one| one.activation_id.clone()).collect();
    if activations.is_empty() {
        return Ok(None);
    }
    Ok(Some(EffectChange::Put {
        topic: SHADOW,
        key: decision_id.to_owned(),
        version: BODY_VERSION,
        not_before: now,
        body: json(&ShadowBody { decision_id: decision_id.to_owned(), activations })?,
        trace: chassis::telemetry::current_traceparent(),
        lease: None,
    }))
}

/// Whether a share of the cases holds this one: the first 8 bytes of SHA-256(digest of the candidate, case id), as a
/// number, are below share × 2^64. A case is in or out of a candidate's sample for good, and a larger share keeps it.
pub(crate) fn sampled(salt: &str, case_id: &str, share: Ratio) -> bool {
    let digest = Sha256::new().chain_update(salt.as_bytes()).chain_update(case_id.as_bytes()).finalize();
    let place = digest.iter().take(8).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    // Both sides times 10^12, which is exact: a share has at most twelve places.
    let parts = share.decimal().checked_mul(Decimal::from(SHARE_PARTS)).unwrap_or_default().trunc();
    let parts = u128::try_from(parts).unwrap_or_default().min(SHARE_PARTS);
    place * SHARE_PARTS < parts << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Ratio {
        Ratio::parse(text).unwrap()
    }

    #[test]
    fn a_share_samples_that_share_and_keeps_its_cases() {
        let cases: Vec<String> = (0..4_000).map(|nr| format!("app-{nr}")).collect();
        let count =
            |salt: &str, part: &str| cases.iter().filter(|case| sampled(salt, case, share(part))).count();
        assert_eq!((count("a", "0"), count("a", "1")), (0, 4_000));
        let tenth = count("a", "0.1");
        assert!((320..480).contains(&tenth), "{tenth}");
        for case in &cases {
            assert!(!sampled("a", case, share("0.1")) || sampled("a", case, share("0.25")), "{case}");
        }
        // Candidates look at different cases.
        let both = cases.iter().filter(|c| sampled("a", c, share("0.1")) && sampled("b", c, share("0.1")));
        assert!(both.count() < 100);
    }

    #[test]
    fn the_sample_is_the_documented_one() {
        // SHA-256("candidateapp-1") begins with these bytes.
        let digest = hex::encode(Sha256::digest(b"candidateapp-1"));
        let place = u128::from_str_radix(&digest[..16], 16).unwrap();
        let below = Decimal::from_i128_with_scale(((place * SHARE_PARTS) >> 64) as i128, 12);
        let above = below + Decimal::new(1, 12);
        assert!(!sampled("candidate", "app-1", Ratio::from(below)));
        assert!(sampled("candidate", "app-1", Ratio::from(above)));
    }
}
