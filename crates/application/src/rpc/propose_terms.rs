use api::leeway::application::v1::{ProposeTermsRequest, ProposeTermsResponse};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::Request;

use crate::cases::{self, Moment, Target};
use crate::shared::{self, Shared};
use chassis::Mutation;

const METHOD: &str = "ProposeTerms";

pub async fn handle(
    shared: &Shared,
    request: Request<ProposeTermsRequest>,
) -> Result<ProposeTermsResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    let currency = match shared.get::<Application>(&id).await? {
        Some(application) => application.record.currency,
        None if v.is_empty() => return Err(Problem::not_found(format_args!("application `{id}`"))),
        None => shared::any_currency()?,
    };
    let proposal = wire::proposal_in(&mut v, "terms", message.terms.as_ref(), currency);
    v.into_result()?;
    let proposal = proposal.ok_or_else(|| Problem::internal("terms were neither read nor refused"))?;
    let verb = move |application: Application, m: Moment<'_>| {
        application.propose(proposal.clone(), m.actor, m.now, m.process)
    };
    let settled =
        cases::change(shared, mutation, Target { etag: message.etag, ..Target::of(&id) }, verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(ProposeTermsResponse { application: Some(application) })
}
