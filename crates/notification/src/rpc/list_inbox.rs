//! `ListInbox`: a borrower's messages, newest first.

use std::sync::Arc;

use api::leeway::notification::v1 as pb;
use chassis::Problem;
use store::{Op, Query, Value};
use tonic::Request;

use crate::convert;
use crate::documents::{InboxMessage, Record as _, parse};
use crate::service::Core;

pub async fn list_inbox(
    core: &Arc<Core>,
    request: Request<pb::ListInboxRequest>,
) -> Result<pb::ListInboxResponse, Problem> {
    let page = convert::page(request.into_inner())?;
    let query = Query {
        kind: InboxMessage::KIND,
        filters: vec![("borrower_id", Op::Eq, Value::Text(page.borrower_id.clone()))],
        order_by: "delivered_at",
        descending: true,
        after: page.cursor(),
        // One more than asked tells whether there is another page.
        limit: page.rows + 1,
    };
    let rows = core.store.list(query).await?;
    let asked = usize::try_from(page.rows).unwrap_or(usize::MAX);
    let more = rows.len() > asked;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows.iter().take(asked) {
        messages.push(parse::<InboxMessage>(row)?.record);
    }
    let next_page_token = messages.last().filter(|_| more).map(convert::token).unwrap_or_default();
    let messages = messages.into_iter().map(convert::inbox_message).collect();
    Ok(pb::ListInboxResponse { messages, next_page_token })
}
