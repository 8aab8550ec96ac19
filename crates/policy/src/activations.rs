//! Activations as they are read, told and written.

use api::leeway::policy::v1 as policy;
use chassis::{Draft, Problem};
use loan::Ratio;
use store::{Commit, Entry, Op};

use crate::activation::Activation;
use crate::documents::{Record, Versioned, json, load, put};
use crate::service::State;
use crate::shadow::ShadowRecord;
use crate::told::activation_out;

/// What a journal entry says of an activation: ids, digests, numbers.
#[derive(Debug, serde::Serialize)]
struct Trail<'a> {
    activation_id: &'a str,
    pack_digest: &'a str,
    effective_from: Option<loan::Date>,
    shadow_share: Ratio,
    #[serde(skip_serializing_if = "Option::is_none")]
    flips: Option<(u32, u32)>,
}

/// An activation that the caller may know of; absent is NOT_FOUND.
pub(crate) async fn find(state: &State, id: &str) -> Result<Versioned<Activation>, Problem> {
    let found = load::<Activation>(&state.parts.store, id).await?;
    found.ok_or_else(|| Problem::not_found(format!("activation `{id}`")))
}

/// An activation as a message, with what its shadow came to.
pub(crate) async fn view(state: &State, activation: &Activation) -> Result<policy::Activation, Problem> {
    if activation.shadow_share == Ratio::ZERO {
        return Ok(activation_out(activation, None));
    }
    let store = &state.parts.store;
    let mine = vec![("activation_id", Op::Eq, activation.activation_id.as_str().into())];
    let evaluated = store.count(ShadowRecord::KIND, mine.clone()).await?;
    let flipped = [mine, vec![("flipped", Op::Eq, 1.into())]].concat();
    let flips = store.count(ShadowRecord::KIND, flipped).await?;
    Ok(activation_out(activation, Some(policy::ShadowTally { evaluated, flips })))
}

/// The draft that stores an activation's step, with its journal entry.
pub(crate) fn draft(
    state: &State,
    (activation, revision): (&Activation, i64),
    (kind, actor): (&str, &str),
) -> Result<Draft, Problem> {
    let check = match &activation.state {
        crate::activation::State::Confirmed { check, .. } => *check,
        crate::activation::State::Proposed | crate::activation::State::Withdrawn { .. } => None,
    };
    let trail = Trail {
        activation_id: &activation.activation_id,
        pack_digest: &activation.pack.digest,
        effective_from: activation.effective_from,
        shadow_share: activation.shadow_share,
        flips: check.map(|check| (check.flips, check.decisions)),
    };
    let commit = Commit {
        now: state.now().as_microsecond(),
        writes: vec![put(activation, revision)?],
        journal: vec![Entry {
            stream: format!("packs/{}", activation.pack.name),
            kind: kind.to_owned(),
            actor: actor.to_owned(),
            body: json(&trail)?,
        }],
        ..Commit::default()
    };
    Ok(Draft { commit, response_ref: activation.activation_id.clone() })
}
