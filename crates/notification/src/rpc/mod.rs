//! RPCs, a file each.

use std::sync::Arc;

use api::leeway::notification::v1 as pb;
use api::leeway::notification::v1::notification_service_server::NotificationService;
use tonic::{Request, Response, Status};

use crate::service::Core;

mod cancel;
mod enqueue;
mod get_notification;
mod list_inbox;
mod put_contact_profile;

/// The API in front of the core.
pub(crate) struct Api(pub Arc<Core>);

#[tonic::async_trait]
impl NotificationService for Api {
    async fn enqueue(
        &self,
        request: Request<pb::EnqueueRequest>,
    ) -> Result<Response<pb::EnqueueResponse>, Status> {
        Ok(Response::new(enqueue::enqueue(&self.0, request).await?))
    }

    async fn cancel(
        &self,
        request: Request<pb::CancelRequest>,
    ) -> Result<Response<pb::CancelResponse>, Status> {
        Ok(Response::new(cancel::cancel(&self.0, request).await?))
    }

    async fn get_notification(
        &self,
        request: Request<pb::GetNotificationRequest>,
    ) -> Result<Response<pb::GetNotificationResponse>, Status> {
        Ok(Response::new(get_notification::get_notification(&self.0, request).await?))
    }

    async fn put_contact_profile(
        &self,
        request: Request<pb::PutContactProfileRequest>,
    ) -> Result<Response<pb::PutContactProfileResponse>, Status> {
        Ok(Response::new(put_contact_profile::put_contact_profile(&self.0, request).await?))
    }

    async fn list_inbox(
        &self,
        request: Request<pb::ListInboxRequest>,
    ) -> Result<Response<pb::ListInboxResponse>, Status> {
        Ok(Response::new(list_inbox::list_inbox(&self.0, request).await?))
    }
}
