//! Everything that changes something, as a value that can be sent again.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::desk_service_client::DeskServiceClient;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use chassis::{Client, Principal};
use tonic::{Request, Status};

/// How long a call is waited for.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Pause before each part of an upload.
const PART_PAUSE: Duration = Duration::from_millis(40);

/// A request and who makes it. Sent again, it is the same request.
#[derive(Debug, Clone)]
pub struct Act {
    pub who: Principal,
    pub ask: Ask,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Ask {
    Register(pb::RegisterLoanRequest),
    Pay(pb::RecordPaymentRequest),
    Upload(Vec<pb::UploadEvidenceRequest>),
    Submit(pb::SubmitApplicationRequest),
    Propose(pb::ProposeTermsRequest),
    Accept(pb::AcceptOfferRequest),
    Withdraw(pb::WithdrawApplicationRequest),
    SecondLook(pb::RequestReviewRequest),
    Claim(pb::ClaimApplicationRequest),
    Review(pb::ReviewEvidenceRequest),
    Documents(pb::RequestEvidenceRequest),
    Offer(pb::OfferTermsRequest),
    Refuse(pb::RefuseApplicationRequest),
    CoSign(pb::CoSignRequest),
}

impl Act {
    /// A word for the kind of request.
    pub fn name(&self) -> &'static str {
        match &self.ask {
            Ask::Register(_) => "register",
            Ask::Pay(_) => "pay",
            Ask::Upload(_) => "upload",
            Ask::Submit(_) => "submit",
            Ask::Propose(_) => "propose",
            Ask::Accept(_) => "accept",
            Ask::Withdraw(_) => "withdraw",
            Ask::SecondLook(_) => "ask-for-review",
            Ask::Claim(_) => "claim",
            Ask::Review(_) => "review",
            Ask::Documents(_) => "ask-for-evidence",
            Ask::Offer(_) => "offer",
            Ask::Refuse(_) => "refuse",
            Ask::CoSign(_) => "co-sign",
        }
    }

    /// Whether nothing that others do can make the same request fail once it succeeded: a refusal beside a success of
    /// its twin is then wrong whichever came first.
    pub fn is_ones_own(&self) -> bool {
        matches!(self.ask, Ask::Register(_) | Ask::Pay(_) | Ask::Submit(_) | Ask::Accept(_))
    }

    /// Sends it once. The answer is what a replay must say again.
    pub async fn send(&self, line: &Client) -> Result<String, Status> {
        let line = line.with_principal(self.who.clone());
        match self.ask.clone() {
            Ask::Register(message) => {
                let answer = LoanServiceClient::new(line).register_loan(timed(message)).await?.into_inner();
                Ok(answer.loan.map(|loan| format!("loan {}", loan.loan_id)).unwrap_or_default())
            }
            Ask::Pay(message) => {
                let answer = LoanServiceClient::new(line).record_payment(timed(message)).await?.into_inner();
                Ok(answer.loan.map(|loan| format!("loan {}", loan.loan_id)).unwrap_or_default())
            }
            Ask::Upload(messages) => {
                let request = timed(paced(messages));
                let answer = ApplicationServiceClient::new(line).upload_evidence(request).await?.into_inner();
                let document = answer.evidence.unwrap_or_default();
                Ok(format!("document {} {} bytes", document.evidence_id, answer.received_bytes))
            }
            ask => case(ask, line).await,
        }
    }
}

/// Requests that are answered with a case.
async fn case(ask: Ask, line: Client) -> Result<String, Status> {
    let mut cases = ApplicationServiceClient::new(line.clone());
    let mut desk = DeskServiceClient::new(line);
    let application = match ask {
        Ask::Submit(message) => cases.submit_application(timed(message)).await?.into_inner().application,
        Ask::Propose(message) => cases.propose_terms(timed(message)).await?.into_inner().application,
        Ask::Withdraw(message) => cases.withdraw_application(timed(message)).await?.into_inner().application,
        Ask::SecondLook(message) => cases.request_review(timed(message)).await?.into_inner().application,
        Ask::Claim(message) => desk.claim_application(timed(message)).await?.into_inner().application,
        Ask::Review(message) => desk.review_evidence(timed(message)).await?.into_inner().application,
        Ask::Documents(message) => desk.request_evidence(timed(message)).await?.into_inner().application,
        Ask::Offer(message) => desk.offer_terms(timed(message)).await?.into_inner().application,
        Ask::Refuse(message) => desk.refuse_application(timed(message)).await?.into_inner().application,
        Ask::CoSign(message) => desk.co_sign(timed(message)).await?.into_inner().application,
        Ask::Accept(message) => {
            let answer = cases.accept_offer(timed(message)).await?.into_inner();
            let plan = answer.plan.unwrap_or_default().plan_id;
            let case = answer.application.unwrap_or_default();
            return Ok(format!("case {} plan {plan} offer {}", case.application_id, case.accepted_offer_id));
        }
        Ask::Register(_) | Ask::Pay(_) | Ask::Upload(_) => None,
    };
    Ok(application.map(|case| format!("case {}", case.application_id)).unwrap_or_default())
}

/// A request that isn't waited for longer than people are patient.
pub fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

/// The parts of an upload, one after the other with a pause between, as from a phone.
fn paced<T: Send + 'static>(parts: Vec<T>) -> impl futures_util::Stream<Item = T> + Send + 'static {
    futures_util::stream::unfold(parts.into_iter(), |mut left| async move {
        let part = left.next()?;
        tokio::time::sleep(PART_PAUSE).await;
        Some((part, left))
    })
}
