use api::leeway::application::v1::{GetApplicationRequest, GetApplicationResponse};
use chassis::{Principal, Problem, Violations};
use tonic::Request;

use crate::cases;
use crate::shared::Shared;

pub async fn handle(
    shared: &Shared,
    request: Request<GetApplicationRequest>,
) -> Result<GetApplicationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let id = cases::id_in(&mut v, &message.application_id);
    v.into_result()?;
    let application = cases::view(shared, &id, &principal).await?;
    Ok(GetApplicationResponse { application: Some(application) })
}
