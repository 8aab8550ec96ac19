//! Calls to the policy service.

use api::leeway::common::v1::ErrorReason;
use api::leeway::policy::v1::AssessRequest;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use assessment::Facts;
use chassis::{Problem, Repeat, Violations};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Code, Status};
use wire::StoredDecision;

use crate::shared::Shared;

/// Assesses and lets policy store the decision. The request id is made of the facts: asking again about the same
/// facts gives the same decision, and new facts are a new question.
pub async fn assess(shared: &Shared, pack_name: &str, facts: &Facts) -> Result<StoredDecision, Problem> {
    ask(shared, pack_name, facts, false).await
}

/// Assesses without a trace in the books.
pub async fn dry_run(shared: &Shared, pack_name: &str, facts: &Facts) -> Result<StoredDecision, Problem> {
    ask(shared, pack_name, facts, true).await
}

async fn ask(
    shared: &Shared,
    pack_name: &str,
    facts: &Facts,
    dry_run: bool,
) -> Result<StoredDecision, Problem> {
    let currency = facts.loan.account.contract().currency;
    let message = wire::facts_out(facts);
    let request_id = request_id(pack_name, &message.encode_to_vec());
    let request =
        AssessRequest { request_id, pack_name: pack_name.to_owned(), facts: Some(message), dry_run };
    let call = || {
        let mut client = PolicyServiceClient::new(shared.policy.clone());
        let request = request.clone();
        async move { client.assess(request).await }
    };
    let answer = shared.policy.retry(Repeat::Safe, call).await;
    let answer = answer.map_err(|status| told(&status))?.into_inner();
    let mut v = Violations::new();
    let decision = wire::decision_in(&mut v, "decision", answer.decision.as_ref(), currency);
    if let Err(problem) = v.into_result() {
        return Err(Problem::internal("policy's decision can't be read").source(tonic::Status::from(problem)));
    }
    decision.ok_or_else(|| Problem::internal("policy answered without a decision"))
}

/// Facts that policy can't read are ours, not the caller's; asking again would give the same answer.
fn told(status: &Status) -> Problem {
    match status.code() {
        Code::InvalidArgument => {
            let text = "the facts of this case can't be assessed";
            Problem::precondition(ErrorReason::NotAssessable, "facts", text).operator(status.message())
        }
        _ => Problem::from_status(status),
    }
}

/// A UUID (version 8) of the pack and the facts.
fn request_id(pack_name: &str, facts: &[u8]) -> String {
    let digest =
        Sha256::new().chain_update(pack_name.as_bytes()).chain_update([0]).chain_update(facts).finalize();
    let mut bytes = [0; 16];
    for (target, source) in bytes.iter_mut().zip(digest) {
        *target = source;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_that_follow_the_facts() {
        let one = request_id("cn-instalment", b"facts");
        assert_eq!(one, request_id("cn-instalment", b"facts"));
        assert_ne!(one, request_id("cn-instalment", b"facts2"));
        assert_ne!(one, request_id("us-consumer", b"facts"));
        assert!(uuid::Uuid::parse_str(&one).is_ok());
    }
}
