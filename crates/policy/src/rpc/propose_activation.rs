//! ProposeActivation: a pack is to decide cases from a day on, or to run in shadow.

use api::leeway::common::v1::ErrorReason;
use api::leeway::policy::v1::{ProposeActivationRequest, ProposeActivationResponse};
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use loan::{Date, Ratio};
use rust_decimal::Decimal;
use store::Op;
use tonic::Request;

use crate::activation::{Activation, Origin, PackRef, State as ActivationState};
use crate::activations::{draft, find, view};
use crate::documents::{Record, load};
use crate::library::{MAX_ACTIVATIONS, PackHead};
use crate::problems::of_activation;
use crate::service::State;

const METHOD: &str = "ProposeActivation";
const MAX_NOTE_CHARS: usize = 1_000;
const MAX_DIGEST_CHARS: usize = 128;
/// Most open proposals of one name: each may be asked about every case.
const MAX_OPEN_PROPOSALS: i64 = 8;

pub(crate) async fn handle(
    state: &State,
    request: Request<ProposeActivationRequest>,
) -> Result<ProposeActivationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let asked = asked_in(&mut v, &message);
    v.into_result()?;
    let asked = asked.ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    let (context, actor) = (state.clone(), principal.actor());
    let make = move || {
        let (state, actor, asked) = (context.clone(), actor.clone(), asked.clone());
        async move { make(&state, actor, asked).await }
    };
    let id = mutation.run(state.parts.store.clone(), make).await?;
    let activation = find(state, &id).await?.record;
    Ok(ProposeActivationResponse { activation: Some(view(state, &activation).await?) })
}

#[derive(Clone)]
struct Asked {
    name: String,
    digest: String,
    from: Option<Date>,
    share: Ratio,
    note: String,
}

fn asked_in(v: &mut Violations, message: &ProposeActivationRequest) -> Option<Asked> {
    let name = wire::id_in(v, "pack_name", &message.pack_name);
    let given = !message.digest.is_empty();
    v.require("digest", given, wire::reason::REQUIRED, "the digest of the pack");
    let digest = wire::text_in(v, "digest", &message.digest, MAX_DIGEST_CHARS);
    let from = wire::date_optional_in(v, "effective_from_date", message.effective_from_date.as_ref());
    let share = match message.shadow_share.as_str() {
        "" => Some(Ratio::ZERO),
        text => wire::ratio_in(v, "shadow_share", text, Decimal::ZERO..=Decimal::ONE),
    };
    let note = wire::text_in(v, "note", &message.note, MAX_NOTE_CHARS);
    let does_something = message.effective_from_date.is_some() || share != Some(Ratio::ZERO);
    let advice = "state a day from which it decides, or a share to run in shadow";
    v.require("effective_from_date", does_something, wire::reason::REQUIRED, advice);
    Some(Asked { name: name?, digest: digest?, from: from?, share: share?, note: note? })
}

async fn make(state: &State, actor: String, asked: Asked) -> Result<Draft, Problem> {
    let Asked { name, digest, from, share, note } = asked;
    let head = load::<PackHead>(&state.parts.store, &digest).await?.map(|found| found.record);
    let absent = || Problem::not_found(format!("pack `{name}` of digest `{digest}`"));
    let pack: PackRef = head.map(|head| head.pack).filter(|pack| pack.name == name).ok_or_else(absent)?;
    // What this engine can't read would decide nothing.
    state.known_pack(&digest).await?;
    let now = state.now();
    let activation_id = state.parts.ids.new_id("activation");
    if let Some(day) = from {
        pack.may_begin(day, now).map_err(|refused| of_activation(&activation_id, &refused))?;
    }
    check_room(state, &name).await?;
    let activation = Activation {
        activation_id,
        pack,
        effective_from: from,
        origin: Origin::FourEyes,
        shadow_share: share,
        note,
        proposed_by: actor.clone(),
        propose_time: now,
        state: ActivationState::Proposed,
    };
    draft(state, (&activation, 0), ("activation_proposed", &actor))
}

async fn check_room(state: &State, name: &str) -> Result<(), Problem> {
    let of_state = |op, word: &str| vec![("pack_name", Op::Eq, name.into()), ("state", op, word.into())];
    let store = &state.parts.store;
    let open = store.count(Activation::KIND, of_state(Op::Eq, ActivationState::Proposed.word())).await?;
    let all = store.count(Activation::KIND, of_state(Op::Ne, "withdrawn")).await?;
    if open < MAX_OPEN_PROPOSALS && all < i64::from(MAX_ACTIVATIONS) {
        return Ok(());
    }
    let text = format!(
        "pack `{name}` has {open} open proposals of at most {MAX_OPEN_PROPOSALS}, and {all} activations of at most \
         {MAX_ACTIVATIONS}"
    );
    Err(Problem::exhausted(ErrorReason::LimitReached, text, None))
}
