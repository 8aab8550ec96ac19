use std::time::Duration;

use api::leeway::application::v1::{SubscribeRequest, SubscribeResponse};
use chassis::{Problem, Violations};
use jiff::Timestamp;
use tonic::{Request, Status};

use super::StreamOf;
use crate::shared::Shared;

/// Events read at a time.
const BATCH_ROWS: u32 = 200;
/// A look without a signal, for events that another replica made.
const POLL: Duration = Duration::from_secs(5);

pub async fn handle(
    shared: &Shared,
    request: Request<SubscribeRequest>,
) -> Result<StreamOf<SubscribeResponse>, Problem> {
    let after = request.into_inner().after_position;
    let mut v = Violations::new();
    v.require("after_position", after >= 0, "OUT_OF_RANGE", "give 0 or the last position seen");
    v.into_result()?;
    let shared = shared.clone();
    let mut changes = shared.store.changes();
    let stream = async_stream::try_stream! {
        let mut position = after;
        loop {
            let rows = shared.store.read_feed(position, BATCH_ROWS).await;
            let rows = rows.map_err(|error| Status::from(Problem::from(error)))?;
            let idle = rows.is_empty();
            for row in rows {
                position = row.position;
                let time = Timestamp::from_microsecond(row.time).unwrap_or(Timestamp::UNIX_EPOCH);
                yield SubscribeResponse {
                    position,
                    case_key: row.case_key,
                    kind: row.kind,
                    body_json: row.body,
                    event_time: Some(wire::timestamp_out(time)),
                };
            }
            if idle && let Ok(Err(_)) = tokio::time::timeout(POLL, changes.changed()).await {
                break;
            }
        }
    };
    Ok(Box::pin(stream))
}
