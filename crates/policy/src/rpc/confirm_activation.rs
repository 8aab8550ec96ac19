//! ConfirmActivation: another person puts a proposed pack in force.

use api::leeway::policy::v1::{ConfirmActivationRequest, ConfirmActivationResponse};
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use jiff::{SignedDuration, Timestamp};
use tonic::Request;

use crate::activation::{Activation, FlipCheck};
use crate::activations::{draft, find, view};
use crate::problems::of_activation;
use crate::replay::{Filter, Mode, Replay};
use crate::service::State;

const METHOD: &str = "ConfirmActivation";
/// Stored decisions of so many days are made again.
const CHECKED_DAYS: i64 = 30;
/// At most so many of them, the newest.
const MAX_CHECKED_DECISIONS: u32 = 5_000;

pub(crate) async fn handle(
    state: &State,
    request: Request<ConfirmActivationRequest>,
) -> Result<ConfirmActivationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    wire::id_in(&mut v, "activation_id", &message.activation_id);
    v.into_result()?;
    let (context, actor) = (state.clone(), principal.actor());
    let make = move || {
        let (state, actor, id) = (context.clone(), actor.clone(), message.activation_id.clone());
        async move { make(&state, &actor, &id).await }
    };
    let id = mutation.run(state.parts.store.clone(), make).await?;
    let activation = find(state, &id).await?.record;
    Ok(ConfirmActivationResponse { activation: Some(view(state, &activation).await?) })
}

/// The replay is part of the step itself: there is no earlier result that could be out of date, of another candidate, or
/// left out. It goes on when the caller leaves, like everything that changes something.
async fn make(state: &State, actor: &str, id: &str) -> Result<Draft, Problem> {
    let found = find(state, id).await?;
    let refused = |refused| of_activation(id, &refused);
    found.record.may_confirm(actor, state.now()).map_err(refused)?;
    let check = flips(state, &found.record).await?;
    let confirmed = found.record.confirm(actor, state.now(), check).map_err(refused)?;
    draft(state, (&confirmed, found.revision), ("activation_confirmed", actor))
}

/// What the candidate turns over of the newest stored decisions of its name.
async fn flips(state: &State, activation: &Activation) -> Result<FlipCheck, Problem> {
    let candidate = state.known_pack(&activation.pack.digest).await?;
    let budget = candidate.settings.activation_flip_budget;
    let from = state.now().checked_sub(SignedDuration::from_hours(CHECKED_DAYS * 24));
    let filter = Filter {
        pack_name: activation.pack.name.clone(),
        from: None,
        until: None,
        bucket: None,
        reason: None,
        created_from: Some(from.unwrap_or(Timestamp::MIN).as_microsecond()),
        limit: MAX_CHECKED_DECISIONS,
    };
    let mut replay = Replay::new(state.clone(), candidate, Mode::WithOffers, filter);
    while replay.step().await?.is_some() {}
    let total = replay.tally().total;
    let whole = |count| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(FlipCheck { decisions: whole(total.decisions), flips: whole(total.flips), budget })
}
