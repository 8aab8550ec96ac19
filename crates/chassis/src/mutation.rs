//! One way to change something: replay check, decide, commit, in a task that the server owns.

use std::future::Future;

use crate::principal::Principal;
use crate::problem::Problem;
use crate::task;
use crate::violations::Violations;
use prost::Message;
use sha2::{Digest as _, Sha256};
use store::{Commit, Outcome, Store, StoreError};

/// Tag of field 1, length-delimited.
const REQUEST_ID_TAG: u8 = 0x0A;
/// Times a decision is taken anew on fresh state after another writer was first.
const MAX_CONFLICT_RETRIES: u32 = 8;

/// Who asks for what under which request id.
#[derive(Debug, Clone)]
pub struct Mutation {
    pub principal: Principal,
    pub request_id: String,
    pub method: &'static str,
    payload_hash: String,
}

/// What a decision wants to commit, and the id under which a replay finds the answer.
pub struct Draft {
    pub commit: Commit,
    pub response_ref: String,
}

impl Mutation {
    /// From a request, whose encoding a repeated one must bring again; a request id that is no UUID joins `violations`.
    pub fn of<M: Message>(
        principal: Principal,
        method: &'static str,
        request_id: &str,
        message: &M,
        violations: &mut Violations,
    ) -> Self {
        require_request_id(request_id, violations);
        Self::new(principal, method, request_id, message)
    }

    /// From a request whose request id was checked with the rest of it.
    pub fn new<M: Message>(
        principal: Principal,
        method: &'static str,
        request_id: &str,
        message: &M,
    ) -> Self {
        let payload_hash = hash_without_id(&message.encode_to_vec(), request_id);
        // One UUID has several spellings; it is one request in each of them.
        let request_id = uuid::Uuid::parse_str(request_id).map_or(request_id.to_owned(), |id| id.to_string());
        Self { principal, request_id, method, payload_hash }
    }

    fn request(&self, response_ref: &str) -> store::Request {
        store::Request {
            principal: self.principal.actor(),
            subject: self.principal.subject_key(),
            request_id: self.request_id.clone(),
            method: self.method.to_owned(),
            payload_hash: self.payload_hash.clone(),
            response_ref: response_ref.to_owned(),
        }
    }

    /// Runs `decide` until its commit goes through, and answers its `response_ref`. A repeated request answers that of
    /// the first one, in whatever state things are by now.
    pub async fn run<F, Fut>(self, store: Store, decide: F) -> Result<String, Problem>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Draft, Problem>> + Send,
    {
        task::owned(async move {
            if let Some(response_ref) = self.replayed(&store).await? {
                return Ok(response_ref);
            }
            let mut attempt = 0;
            loop {
                let Draft { mut commit, response_ref } = match decide().await {
                    Ok(draft) => draft,
                    // Its twin may have been first: then what stands forbids the step, and the twin's answer is ours.
                    Err(problem) => return self.replayed(&store).await?.ok_or(problem),
                };
                commit.request = Some(self.request(&response_ref));
                match store.commit(commit).await {
                    Ok(Outcome::Committed(_)) => return Ok(response_ref),
                    Ok(Outcome::Replayed { response_ref }) => return Ok(response_ref),
                    Err(StoreError::Conflict { .. }) if attempt < MAX_CONFLICT_RETRIES => attempt += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        })
        .await
    }

    /// Looks before deciding: what was decided once is not judged again by what is stored now. For use cases that do
    /// something costly or conditional before [`Mutation::run`].
    pub async fn replayed(&self, store: &Store) -> Result<Option<String>, Problem> {
        let request = self.request("");
        let known = store.find_request(&request.principal, &request.subject, &request.request_id).await?;
        match known {
            None => Ok(None),
            Some(known) if known.method == request.method && known.payload_hash == request.payload_hash => {
                Ok(Some(known.response_ref))
            }
            Some(_) => Err(StoreError::RequestIdReused.into()),
        }
    }
}

/// SHA-256 of a message's encoding, hex.
pub fn payload_hash<M: Message>(message: &M) -> String {
    hex::encode(Sha256::digest(message.encode_to_vec()))
}

/// Hash of an encoded request but for its id, which by convention is field 1.
fn hash_without_id(encoded: &[u8], request_id: &str) -> String {
    let head = encoded.strip_prefix(&[REQUEST_ID_TAG]).and_then(<[u8]>::split_first);
    let body = head.filter(|(length, _)| usize::from(**length) == request_id.len());
    let body = body.and_then(|(_, rest)| rest.strip_prefix(request_id.as_bytes())).unwrap_or(encoded);
    hex::encode(Sha256::digest(body))
}

/// Refuses a request id that is no UUID.
pub fn require_request_id(request_id: &str, violations: &mut Violations) {
    violations.require(
        "request_id",
        uuid::Uuid::parse_str(request_id).is_ok(),
        "UUID_REQUIRED",
        "send a UUID that is new for this request, and the same one when you repeat it",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Asked {
        #[prost(string, tag = "1")]
        request_id: String,
        #[prost(string, tag = "2")]
        what: String,
    }

    #[test]
    fn a_request_is_the_same_in_every_spelling_of_its_id() {
        let asked = |id: &str, what: &str| {
            let message = Asked { request_id: id.to_owned(), what: what.to_owned() };
            let mutation = Mutation::new(Principal::service("x"), "Ask", id, &message);
            (mutation.request_id, mutation.payload_hash)
        };
        let usual = asked("6f1c2b7e-8a4d-4c3b-9e2f-1a2b3c4d5e6f", "a");
        assert_eq!(asked("6F1C2B7E-8A4D-4C3B-9E2F-1A2B3C4D5E6F", "a"), usual);
        assert_eq!(asked("6f1c2b7e8a4d4c3b9e2f1a2b3c4d5e6f", "a"), usual);
        assert_ne!(asked("6f1c2b7e-8a4d-4c3b-9e2f-1a2b3c4d5e6f", "b").1, usual.1);
        assert_ne!(asked("7f1c2b7e-8a4d-4c3b-9e2f-1a2b3c4d5e6f", "a").0, usual.0);
    }
}
