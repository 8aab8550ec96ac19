use api::leeway::application::v1::{RequestReviewRequest, RequestReviewResponse};
use api::leeway::common::v1::ErrorReason;
use chassis::{Mutation, Principal, Problem, Violations};
use negotiation::Application;
use tonic::Request;

use crate::cases::{self, Moment, Target};
use crate::documents::OpenCase;
use crate::shared::Shared;

const METHOD: &str = "RequestReview";

pub async fn handle(
    shared: &Shared,
    request: Request<RequestReviewRequest>,
) -> Result<RequestReviewResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    v.into_result()?;
    if mutation.replayed(&shared.store).await?.is_none() {
        no_other_case(shared, &id).await?;
    }
    let verb =
        |application: Application, m: Moment<'_>| application.request_review(m.actor, m.now, m.process);
    let settled = cases::change(shared, mutation, Target::of(&id), verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(RequestReviewResponse { application: Some(application) })
}

/// The borrower may have applied anew meanwhile; then that case goes on. The commit guards it once more.
async fn no_other_case(shared: &Shared, id: &str) -> Result<(), Problem> {
    let application = shared.find::<Application>(id).await?;
    let open = shared.get::<OpenCase>(&application.record.loan_id).await?;
    match open.filter(|open| open.record.application_id != *id) {
        None => Ok(()),
        Some(open) => {
            let subject = format!("loan/{}", application.record.loan_id);
            let text = "the loan has another open application; go on with it";
            let problem = Problem::precondition(ErrorReason::OpenApplicationExists, subject, text);
            Err(problem.with("application_id", open.record.application_id))
        }
    }
}
