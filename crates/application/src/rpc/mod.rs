//! The RPCs, one a file.

mod accept_offer;
mod check_eligibility;
mod claim_application;
mod co_sign;
mod get_application;
mod get_evidence_checklist;
mod get_loan;
mod get_plan;
mod import_loans;
mod list_applications;
mod list_loans;
mod list_queue;
mod offer_terms;
mod propose_terms;
mod record_payment;
mod refuse_application;
mod register_loan;
mod request_evidence;
mod request_review;
mod review_evidence;
mod submit_application;
mod subscribe;
mod upload_evidence;
mod watch_application;
mod withdraw_application;

use std::pin::Pin;

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_server::ApplicationService;
use api::leeway::application::v1::desk_service_server::DeskService;
use api::leeway::application::v1::feed_service_server::FeedService;
use api::leeway::application::v1::loan_service_server::LoanService;
use api::leeway::application::v1::plan_service_server::PlanService;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::shared::Shared;

type Answer<T> = Result<Response<T>, Status>;
type StreamOf<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves every service of this package.
#[derive(Clone)]
pub struct Rpc(pub Shared);

/// `Request` in, `Problem` out, for each method of a service.
macro_rules! serve {
    ($service:ident ($(type $stream:ident = $item:ty;)*) { $($method:ident: $request:ty => $response:ty;)+ }) => {
        #[tonic::async_trait]
        impl $service for Rpc {
            $(type $stream = $item;)*
            $(
                async fn $method(&self, request: Request<$request>) -> Answer<$response> {
                    Ok(Response::new($method::handle(&self.0, request).await?))
                }
            )+
        }
    };
}

serve! {
    LoanService () {
        register_loan: pb::RegisterLoanRequest => pb::RegisterLoanResponse;
        import_loans: Streaming<pb::ImportLoansRequest> => pb::ImportLoansResponse;
        get_loan: pb::GetLoanRequest => pb::GetLoanResponse;
        list_loans: pb::ListLoansRequest => pb::ListLoansResponse;
        record_payment: pb::RecordPaymentRequest => pb::RecordPaymentResponse;
    }
}

serve! {
    ApplicationService (type WatchApplicationStream = StreamOf<pb::WatchApplicationResponse>;) {
        check_eligibility: pb::CheckEligibilityRequest => pb::CheckEligibilityResponse;
        get_evidence_checklist: pb::GetEvidenceChecklistRequest => pb::GetEvidenceChecklistResponse;
        submit_application: pb::SubmitApplicationRequest => pb::SubmitApplicationResponse;
        get_application: pb::GetApplicationRequest => pb::GetApplicationResponse;
        list_applications: pb::ListApplicationsRequest => pb::ListApplicationsResponse;
        watch_application: pb::WatchApplicationRequest => StreamOf<pb::WatchApplicationResponse>;
        upload_evidence: Streaming<pb::UploadEvidenceRequest> => pb::UploadEvidenceResponse;
        propose_terms: pb::ProposeTermsRequest => pb::ProposeTermsResponse;
        accept_offer: pb::AcceptOfferRequest => pb::AcceptOfferResponse;
        withdraw_application: pb::WithdrawApplicationRequest => pb::WithdrawApplicationResponse;
        request_review: pb::RequestReviewRequest => pb::RequestReviewResponse;
    }
}

serve! {
    DeskService () {
        list_queue: pb::ListQueueRequest => pb::ListQueueResponse;
        claim_application: pb::ClaimApplicationRequest => pb::ClaimApplicationResponse;
        review_evidence: pb::ReviewEvidenceRequest => pb::ReviewEvidenceResponse;
        request_evidence: pb::RequestEvidenceRequest => pb::RequestEvidenceResponse;
        offer_terms: pb::OfferTermsRequest => pb::OfferTermsResponse;
        refuse_application: pb::RefuseApplicationRequest => pb::RefuseApplicationResponse;
        co_sign: pb::CoSignRequest => pb::CoSignResponse;
    }
}

serve! {
    PlanService () {
        get_plan: pb::GetPlanRequest => pb::GetPlanResponse;
    }
}

serve! {
    FeedService (type SubscribeStream = StreamOf<pb::SubscribeResponse>;) {
        subscribe: pb::SubscribeRequest => StreamOf<pb::SubscribeResponse>;
    }
}
