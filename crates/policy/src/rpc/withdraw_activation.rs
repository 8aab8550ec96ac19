//! WithdrawActivation: takes a proposal back and ends its shadow.

use api::leeway::policy::v1::{WithdrawActivationRequest, WithdrawActivationResponse};
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use tonic::Request;

use crate::activations::{draft, find, view};
use crate::problems::of_activation;
use crate::service::State;

const METHOD: &str = "WithdrawActivation";

pub(crate) async fn handle(
    state: &State,
    request: Request<WithdrawActivationRequest>,
) -> Result<WithdrawActivationResponse, Problem> {
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
    Ok(WithdrawActivationResponse { activation: Some(view(state, &activation).await?) })
}

async fn make(state: &State, actor: &str, id: &str) -> Result<Draft, Problem> {
    let found = find(state, id).await?;
    let withdrawn = found.record.withdraw(actor, state.now());
    let withdrawn = withdrawn.map_err(|refused| of_activation(id, &refused))?;
    draft(state, (&withdrawn, found.revision), ("activation_withdrawn", actor))
}
