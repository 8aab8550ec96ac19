use api::leeway::application::v1::{RequestEvidenceRequest, RequestEvidenceResponse};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::Request;

use crate::cases::{self, Moment, Target};
use crate::shared::Shared;
use chassis::Mutation;

const METHOD: &str = "RequestEvidence";
/// Most kinds of document asked for at once.
const MAX_TYPES: usize = 5;

pub async fn handle(
    shared: &Shared,
    request: Request<RequestEvidenceRequest>,
) -> Result<RequestEvidenceResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    let few = (1..=MAX_TYPES).contains(&message.types.len());
    v.require("types", few, "OUT_OF_RANGE", "name 1 to 5 kinds of document");
    let mut types = Vec::new();
    for (index, number) in message.types.iter().take(MAX_TYPES).enumerate() {
        types.extend(wire::evidence_type_in(&mut v, &wire::item("types", index), *number));
    }
    v.into_result()?;
    let verb = move |application: Application, m: Moment<'_>| {
        application.request_evidence(types.clone(), m.actor, m.now, m.process)
    };
    let settled = cases::change(shared, mutation, Target::of(&id), verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(RequestEvidenceResponse { application: Some(application) })
}
