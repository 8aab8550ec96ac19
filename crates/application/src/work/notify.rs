//! `notify`: hands a message to the notification service, which knows a key it has seen.

use api::leeway::notification::v1::notification_service_client::NotificationServiceClient;
use api::leeway::notification::v1::{EnqueueRequest, MessageClass};
use chassis::{Failure, Problem, Repeat};
use sha2::{Digest as _, Sha256};
use store::{Commit, Effect};

use super::body;
use crate::drafts::{NotifyBody, commit_at};
use crate::shared::Shared;

pub async fn run(shared: &Shared, effect: &Effect) -> Result<Commit, Failure> {
    let body: NotifyBody = body(effect)?;
    let request = request(body);
    let call = || {
        let mut client = NotificationServiceClient::new(shared.notification.clone());
        let request = request.clone();
        async move { client.enqueue(request).await }
    };
    let answer = shared.notification.retry(Repeat::Safe, call).await;
    answer.map_err(|status| Failure::from(Problem::from_status(&status)))?;
    Ok(commit_at(shared.now()))
}

fn request(body: NotifyBody) -> EnqueueRequest {
    let class = if body.statutory { MessageClass::Statutory } else { MessageClass::Service };
    EnqueueRequest {
        request_id: request_id(&body.key),
        key: body.key,
        borrower_id: body.borrower_id,
        application_id: body.application_id,
        message_class: class.into(),
        template: body.template,
        parameters: body.parameters,
        not_before_time: None,
        pack_name: body.pack_name,
    }
}

/// A UUID (version 8) of the key: however often the effect runs, it is one request.
fn request_id(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    for (target, source) in bytes.iter_mut().zip(digest) {
        *target = source;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
