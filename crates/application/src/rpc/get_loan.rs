use api::leeway::application::v1::{GetLoanRequest, GetLoanResponse, Loan};
use chassis::{Problem, Violations};
use loan::Date;
use negotiation::Plan;
use tonic::Request;

use crate::convert;
use crate::documents::{LoanRecord, OpenCase, Versioned};
use crate::shared::Shared;

pub async fn handle(shared: &Shared, request: Request<GetLoanRequest>) -> Result<GetLoanResponse, Problem> {
    let message = request.into_inner();
    let mut v = Violations::new();
    let loan_id = wire::id_in(&mut v, "loan_id", &message.loan_id).unwrap_or_default();
    let as_of = wire::date_optional_in(&mut v, "as_of_date", message.as_of_date.as_ref()).flatten();
    v.into_result()?;
    let loan = shared.find::<LoanRecord>(&loan_id).await?;
    let as_of = match as_of {
        Some(day) => day,
        None => shared.today(&shared.process(&loan.record.pack_name).await?),
    };
    if as_of < loan.record.account.contract().interest_from {
        let mut v = Violations::new();
        v.add("as_of_date", "OUT_OF_RANGE", "lies before the day from which the loan's interest runs");
        v.into_result()?;
    }
    let mut view = view(shared, &loan, as_of).await?;
    let state = loan.record.state(as_of)?;
    view.versions = convert::versions_out(&state, loan.record.account.contract().currency)?;
    Ok(GetLoanResponse { loan: Some(view) })
}

/// A loan as of a day, with its open case and plan.
pub async fn view(shared: &Shared, loan: &Versioned<LoanRecord>, as_of: Date) -> Result<Loan, Problem> {
    let state = loan.record.state(as_of)?;
    let plan = match &loan.record.plan_id {
        Some(plan_id) => shared.get::<Plan>(plan_id).await?.map(|plan| plan.record),
        None => None,
    };
    let open = shared.get::<OpenCase>(&loan.record.loan_id).await?;
    let open = open.map(|open| open.record.application_id).unwrap_or_default();
    convert::loan_out(loan, &state, plan.as_ref(), open)
}
