//! GetPack: a pack's typed sections.

use api::leeway::policy::v1::{GetPackRequest, GetPackResponse};
use chassis::{Problem, Violations};

use crate::convert::pack_out;
use crate::service::State;

/// Longest digest that is looked at, characters; a digest itself has 64.
const MAX_DIGEST_CHARS: usize = 128;

pub(crate) fn handle(state: &State, request: &GetPackRequest) -> Result<GetPackResponse, Problem> {
    let mut v = Violations::new();
    wire::id_in(&mut v, "pack_name", &request.pack_name);
    wire::text_in(&mut v, "digest", &request.digest, MAX_DIGEST_CHARS);
    v.into_result()?;
    let (name, digest) = (&request.pack_name, &request.digest);
    let pack = state.packs.get(name).ok_or_else(|| Problem::not_found(format!("pack `{name}`")))?;
    if !digest.is_empty() && *digest != pack.digest {
        return Err(Problem::not_found(format!("pack `{name}` of digest `{digest}`")));
    }
    Ok(GetPackResponse { pack: Some(pack_out(pack)) })
}
