//! One way to change something: decide on what is stored, commit, in a task that the server owns.

use std::future::Future;

use chassis::{Principal, Problem, Violations};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{Commit, Outcome, Store, StoreError};

use crate::limits::MAX_COMMIT_TRIES;

/// Who asks for what under which request id.
#[derive(Debug, Clone)]
pub struct Mutation {
    principal: Principal,
    request_id: String,
    method: &'static str,
    payload_hash: String,
}

/// What a decision wants to commit, and what a replay needs to give the same answer.
pub struct Draft {
    pub commit: Commit,
    pub response_ref: String,
}

impl Mutation {
    /// From a request; `payload` is what a repeated request must bring again.
    pub fn new<P: Serialize>(
        principal: Principal,
        method: &'static str,
        request_id: String,
        payload: &P,
    ) -> Result<Self, Problem> {
        let text = serde_json::to_vec(payload)
            .map_err(|error| Problem::internal("a request can't be hashed").source(error))?;
        Ok(Self { principal, request_id, method, payload_hash: hex::encode(Sha256::digest(text)) })
    }

    /// Who asks, for the journal.
    pub fn actor(&self) -> String {
        self.principal.actor()
    }

    /// Runs `decide` until its commit goes through and answers its `response_ref`; a repeated request answers that of
    /// the first one.
    pub async fn run<F, Fut>(self, store: Store, decide: F) -> Result<String, Problem>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Draft, Problem>> + Send,
    {
        chassis::task::owned(async move {
            if let Some(response_ref) = self.replayed(&store).await? {
                return Ok(response_ref);
            }
            let mut tries = 1;
            loop {
                let Draft { mut commit, response_ref } = decide().await?;
                commit.request = Some(self.request(&response_ref));
                match store.commit(commit).await {
                    Ok(Outcome::Committed(_)) => return Ok(response_ref),
                    Ok(Outcome::Replayed { response_ref }) => return Ok(response_ref),
                    Err(StoreError::Conflict { .. }) if tries < MAX_COMMIT_TRIES => tries += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        })
        .await
    }

    /// Looks before deciding: what was decided once is not judged again by what is stored now.
    async fn replayed(&self, store: &Store) -> Result<Option<String>, Problem> {
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
