//! `GetNotification`: a notification with its attempts.

use std::sync::Arc;

use api::leeway::notification::v1 as pb;
use chassis::Problem;
use tonic::Request;

use crate::convert;
use crate::documents::{Notification, read};
use crate::service::Core;

pub async fn get_notification(
    core: &Arc<Core>,
    request: Request<pb::GetNotificationRequest>,
) -> Result<pb::GetNotificationResponse, Problem> {
    let request = request.into_inner();
    convert::notification_id(&request)?;
    let found = read::<Notification>(&core.store, &request.notification_id).await?;
    // Borrowers are stopped before by the access rule, where absent looks like somebody else's.
    let found =
        found.ok_or_else(|| Problem::not_found(format!("notification `{}`", request.notification_id)))?;
    Ok(pb::GetNotificationResponse { notification: Some(convert::notification(found.record)) })
}
