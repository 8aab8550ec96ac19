//! `PutContactProfile`: states a borrower's zone and language.

use std::sync::Arc;

use api::leeway::notification::v1 as pb;
use chassis::{Draft, Mutation, Principal, Problem};
use store::{Commit, Entry};
use tonic::Request;

use crate::convert;
use crate::documents::{ContactProfile, read_or};
use crate::service::Core;

const METHOD: &str = "PutContactProfile";

pub async fn put_contact_profile(
    core: &Arc<Core>,
    request: Request<pb::PutContactProfileRequest>,
) -> Result<pb::PutContactProfileResponse, Problem> {
    let principal = Principal::of(&request)?;
    let request = request.into_inner();
    let actor: Arc<str> = principal.actor().into();
    let mutation = Mutation::new(principal, METHOD, &request.request_id, &request);
    let profile = Arc::new(convert::profile(request)?);
    let deciding = Arc::clone(core);
    let decide = move || state(Arc::clone(&deciding), Arc::clone(&profile), Arc::clone(&actor));
    let revision = mutation.run(core.store.clone(), decide).await?;
    let revision = revision
        .parse()
        .map_err(|error| Problem::data_loss("the answer of a stored request can't be read").source(error))?;
    Ok(pb::PutContactProfileResponse { revision })
}

/// The highest revision wins, in whatever order they arrive.
async fn state(core: Arc<Core>, profile: Arc<ContactProfile>, actor: Arc<str>) -> Result<Draft, Problem> {
    let borrower = profile.borrower_id.as_str();
    let known = read_or(&core.store, borrower, ContactProfile::unstated(borrower)).await?;
    let commit = Commit { now: core.now().as_microsecond(), ..Commit::default() };
    if profile.revision <= known.record.revision {
        return Ok(Draft { commit, response_ref: known.record.revision.to_string() });
    }
    let entry = Entry {
        stream: format!("contact_profile/{borrower}"),
        kind: "contact_profile.stated".to_owned(),
        actor: actor.to_string(),
        body: serde_json::json!({ "borrower_id": borrower, "revision": profile.revision }).to_string(),
    };
    let commit = Commit { writes: vec![known.put(&*profile)?], journal: vec![entry], ..commit };
    Ok(Draft { commit, response_ref: profile.revision.to_string() })
}
