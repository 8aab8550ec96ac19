use api::leeway::application::v1::{GetPlanRequest, GetPlanResponse};
use chassis::{Problem, Violations};
use negotiation::Plan;
use tonic::Request;

use crate::convert;
use crate::documents::LoanRecord;
use crate::shared::Shared;

pub async fn handle(shared: &Shared, request: Request<GetPlanRequest>) -> Result<GetPlanResponse, Problem> {
    let message = request.into_inner();
    let mut v = Violations::new();
    let id = wire::id_in(&mut v, "plan_id", &message.plan_id).unwrap_or_default();
    v.into_result()?;
    let plan = shared.find::<Plan>(&id).await?;
    let loan = shared.find::<LoanRecord>(&plan.record.loan_id).await?;
    let today = shared.today(&shared.process(&plan.record.pack_name).await?);
    let state = loan.record.state(today)?;
    Ok(GetPlanResponse { plan: Some(convert::plan_out(&plan, &state)?) })
}
