use api::leeway::application::v1::{ListQueueRequest, ListQueueResponse, QueueItem};
use assessment::Authority;
use chassis::{Problem, Violations};
use jiff::Timestamp;
use negotiation::Application;
use store::{Filter, Op, Query, Value};
use tonic::Request;

use crate::documents::{self, NEVER, Record};
use crate::shared::Shared;
use crate::{convert, pages};

const DEFAULT_PAGE_ROWS: u32 = 20;
const MAX_PAGE_ROWS: u32 = 100;

pub async fn handle(
    shared: &Shared,
    request: Request<ListQueueRequest>,
) -> Result<ListQueueResponse, Problem> {
    let message = request.into_inner();
    let mut v = Violations::new();
    let limit = pages::size_in(&mut v, message.page_size, DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS);
    let after = pages::token_in(&mut v, &message.page_token, pages::SortedBy::Number);
    v.into_result()?;
    let mut filters: Vec<Filter> = vec![("queue_due", Op::Lt, Value::Int(NEVER))];
    if message.unclaimed_only {
        filters.push(("holder", Op::Eq, Value::Text(String::new())));
    }
    let query = Query {
        kind: Application::KIND,
        filters,
        order_by: "queue_due",
        descending: false,
        after,
        limit: limit.saturating_add(1),
    };
    let mut rows = shared.store.list(query).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let now = shared.now();
    let mut answer = ListQueueResponse::default();
    for row in &rows {
        let application = documents::read::<Application>(row)?.record;
        if more {
            let place =
                Value::Int(application.answer_due().unwrap_or(application.submitted_at).as_microsecond());
            answer.next_page_token = pages::token_out(&place, &row.id);
        }
        answer.items.push(item(&application, now));
    }
    Ok(answer)
}

fn item(application: &Application, now: Timestamp) -> QueueItem {
    let due = application.answer_due().unwrap_or(application.submitted_at);
    let assessment = application.assessment.as_ref();
    let authority = assessment.map_or(Authority::Officer, |a| a.required_authority);
    QueueItem {
        application_id: application.application_id.clone(),
        loan_id: application.loan_id.clone(),
        state: convert::state_out(&application.state).into(),
        answer_due_time: Some(wire::timestamp_out(due)),
        seconds_left: due.duration_since(now).as_secs(),
        claimed_by: application.holder.as_ref().map(|h| h.as_str().to_owned()).unwrap_or_default(),
        required_authority: wire::authority_out(authority).into(),
        specialist: application.specialist,
        escalated: application.escalated,
        outcome: assessment.map(|a| convert::outcome_name(a.outcome)).unwrap_or_default(),
    }
}
