use api::leeway::application::v1::{WithdrawApplicationRequest, WithdrawApplicationResponse};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::Request;

use crate::cases::{self, Moment, Target};
use crate::shared::Shared;
use chassis::Mutation;

const METHOD: &str = "WithdrawApplication";

pub async fn handle(
    shared: &Shared,
    request: Request<WithdrawApplicationRequest>,
) -> Result<WithdrawApplicationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    v.into_result()?;
    let verb = |application: Application, m: Moment<'_>| application.withdraw(m.actor, m.now);
    let settled = cases::change(shared, mutation, Target::of(&id), verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(WithdrawApplicationResponse { application: Some(application) })
}
