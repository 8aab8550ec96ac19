use std::time::Duration;

use api::leeway::application::v1::{WatchApplicationRequest, WatchApplicationResponse};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::{Request, Status};

use super::StreamOf;
use crate::cases;
use crate::convert::Viewer;
use crate::shared::Shared;

/// A look without a signal, for changes that another replica made.
const POLL: Duration = Duration::from_secs(5);

pub async fn handle(
    shared: &Shared,
    request: Request<WatchApplicationRequest>,
) -> Result<StreamOf<WatchApplicationResponse>, Problem> {
    let viewer = Viewer::of(&Principal::of(&request)?);
    let message = request.into_inner();
    let mut v = Violations::new();
    let id = cases::id_in(&mut v, &message.application_id);
    let seen = match message.resume_token.as_str() {
        "" => Some(0),
        token => token.parse::<i64>().ok().filter(|revision| *revision > 0),
    };
    v.require(
        "resume_token",
        seen.is_some(),
        "UNREADABLE",
        "give a `resume_token` of this stream, unchanged",
    );
    v.into_result()?;
    // Absent is said now, not in the stream.
    shared.find::<Application>(&id).await?;

    let shared = shared.clone();
    let mut changes = shared.store.changes();
    let stream = async_stream::try_stream! {
        let mut seen = seen.unwrap_or(0);
        loop {
            let application = shared.find::<Application>(&id).await.map_err(Status::from)?;
            if application.revision > seen {
                seen = application.revision;
                let view = cases::view_of(&shared, &application, viewer).await.map_err(Status::from)?;
                yield WatchApplicationResponse { application: Some(view), resume_token: seen.to_string() };
            }
            if !application.record.state.is_open() {
                break;
            }
            // Ends when the store closes; a time-out is only a look.
            if let Ok(Err(_)) = tokio::time::timeout(POLL, changes.changed()).await {
                break;
            }
        }
    };
    Ok(Box::pin(stream))
}
