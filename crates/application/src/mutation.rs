//! One way to change something: replay check, decide, commit, in a task that the server owns.

use std::future::Future;

use chassis::{Principal, Problem, Violations};
use prost::Message;
use sha2::{Digest as _, Sha256};
use store::{Commit, Outcome, Receipt, Store, StoreError};

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

/// How a mutation ended.
#[derive(Debug)]
pub struct Settled {
    pub response_ref: String,
    /// `None` for a replay.
    pub receipt: Option<Receipt>,
}

impl Mutation {
    /// From a request; a request id that is no UUID joins `violations`.
    pub fn of<M: Message>(
        principal: Principal,
        method: &'static str,
        request_id: &str,
        message: &M,
        violations: &mut Violations,
    ) -> Self {
        violations.require(
            "request_id",
            uuid::Uuid::parse_str(request_id).is_ok(),
            "UUID_REQUIRED",
            "send a UUID that is new for this request, and the same one when you repeat it",
        );
        Self { principal, request_id: request_id.to_owned(), method, payload_hash: payload_hash(message) }
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

    /// Runs `decide` until its commit goes through. A repeated request answers what the first one did, in
    /// whatever state things are by now.
    pub async fn run<F, Fut>(self, store: Store, decide: F) -> Result<Settled, Problem>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Draft, Problem>> + Send,
    {
        chassis::task::owned(async move {
            if let Some(settled) = self.replayed(&store).await? {
                return Ok(settled);
            }
            let mut attempt = 0;
            loop {
                let Draft { mut commit, response_ref } = decide().await?;
                commit.request = Some(self.request(&response_ref));
                match store.commit(commit).await {
                    Ok(Outcome::Committed(receipt)) => {
                        return Ok(Settled { response_ref, receipt: Some(receipt) });
                    }
                    Ok(Outcome::Replayed { response_ref }) => {
                        return Ok(Settled { response_ref, receipt: None });
                    }
                    Err(StoreError::Conflict { .. }) if attempt < MAX_CONFLICT_RETRIES => attempt += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        })
        .await
    }

    async fn replayed(&self, store: &Store) -> Result<Option<Settled>, Problem> {
        let principal = self.principal.actor();
        let subject = self.principal.subject_key();
        let Some(known) = store.find_request(&principal, &subject, &self.request_id).await? else {
            return Ok(None);
        };
        if known.method != self.method || known.payload_hash != self.payload_hash {
            return Err(StoreError::RequestIdReused.into());
        }
        Ok(Some(Settled { response_ref: known.response_ref, receipt: None }))
    }
}

/// SHA-256 of a message's encoding, hex.
pub fn payload_hash<M: Message>(message: &M) -> String {
    hex::encode(Sha256::digest(message.encode_to_vec()))
}
