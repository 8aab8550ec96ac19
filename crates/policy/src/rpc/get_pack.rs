//! GetPack: a pack's typed sections, by its digest or as it is in force.

use api::leeway::policy::v1::{GetPackRequest, GetPackResponse};
use chassis::{Principal, Problem, Violations};
use tonic::Request;

use crate::activation::{Activation, day_in, in_force, nearest};
use crate::convert::pack_out;
use crate::library::Found;
use crate::service::State;
use crate::told::activation_out;

/// Longest digest that is looked at, characters; a digest itself has 64.
const MAX_DIGEST_CHARS: usize = 128;

pub(crate) async fn handle(
    state: &State,
    request: Request<GetPackRequest>,
) -> Result<GetPackResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    wire::id_in(&mut v, "pack_name", &message.pack_name);
    wire::text_in(&mut v, "digest", &message.digest, MAX_DIGEST_CHARS);
    let day = wire::date_optional_in(&mut v, "effective_date", message.effective_date.as_ref()).flatten();
    let known = message.known_time.as_ref();
    let known = known.and_then(|time| wire::timestamp_in(&mut v, "known_time", Some(time)));
    let by_digest = !message.digest.is_empty();
    let timed = message.effective_date.is_some() || message.known_time.is_some();
    let one = "a digest is one pack, whatever the day: state either";
    v.require("digest", !(by_digest && timed), wire::reason::CONTRADICTION, one);
    v.into_result()?;
    let name = &message.pack_name;
    if by_digest {
        return of_digest(state, name, &message.digest).await;
    }
    let all = state.activations(name).await?;
    let known_at = known.unwrap_or_else(|| state.now());
    let found = match day {
        Some(day) => in_force(&all, day, known_at),
        None => nearest(&all, today(&all, state), known_at),
    };
    let found = found.ok_or_else(|| Problem::not_found(format!("pack `{name}`")))?;
    let pack = state.known_pack(&found.pack.digest).await?;
    // Who activated it is for staff.
    let activation = principal.acting_for().is_none().then(|| activation_out(found, None));
    Ok(GetPackResponse { pack: Some(pack_out(&pack)), activation })
}

/// Packs of one name share a zone.
fn today(all: &[Activation], state: &State) -> loan::Date {
    let zone = all.iter().max_by_key(|one| one.recorded()).map_or("UTC", |one| one.pack.time_zone.as_str());
    day_in(zone, state.now())
}

async fn of_digest(state: &State, name: &str, digest: &str) -> Result<GetPackResponse, Problem> {
    match state.find_pack(digest).await? {
        Found::Pack(pack) if pack.name == name => {
            Ok(GetPackResponse { pack: Some(pack_out(&pack)), activation: None })
        }
        Found::Pack(_) | Found::Absent => {
            Err(Problem::not_found(format!("pack `{name}` of digest `{digest}`")))
        }
        Found::Unreadable(why) => {
            Err(Problem::internal(format!("pack `{digest}` can't be read by this engine: {why}")))
        }
    }
}
