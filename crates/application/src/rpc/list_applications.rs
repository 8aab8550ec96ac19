use api::leeway::application::v1::{ApplicationState, ListApplicationsRequest, ListApplicationsResponse};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use store::{Filter, Op, Query, Value};
use tonic::Request;

use crate::convert::{Viewer, state_name};
use crate::documents::{self, Record};
use crate::shared::Shared;
use crate::{cases, pages};

const DEFAULT_PAGE_ROWS: u32 = 20;
const MAX_PAGE_ROWS: u32 = 100;

pub async fn handle(
    shared: &Shared,
    request: Request<ListApplicationsRequest>,
) -> Result<ListApplicationsResponse, Problem> {
    let viewer = Viewer::of(&Principal::of(&request)?);
    let message = request.into_inner();
    let mut v = Violations::new();
    let borrower = Some(&message.borrower_id).filter(|id| !id.is_empty());
    let borrower = borrower.and_then(|id| wire::id_in(&mut v, "borrower_id", id));
    let state = ApplicationState::try_from(message.state).ok();
    v.require("state", state.is_some(), wire::reason::UNKNOWN_VALUE, "not a state of an application");
    let limit = pages::size_in(&mut v, message.page_size, DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS);
    let after = pages::token_in(&mut v, &message.page_token, pages::SortedBy::Number);
    v.into_result()?;

    let mut filters: Vec<Filter> = Vec::new();
    filters.extend(borrower.map(|id| ("borrower_id", Op::Eq, Value::Text(id))));
    let state = state.and_then(state_name);
    filters.extend(state.map(|name| ("state", Op::Eq, Value::Text(name.to_owned()))));
    let query = Query {
        kind: Application::KIND,
        filters,
        order_by: "submitted_at",
        descending: true,
        after,
        limit: limit.saturating_add(1),
    };
    let mut rows = shared.store.list(query).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let mut answer = ListApplicationsResponse::default();
    for row in &rows {
        let application = documents::read::<Application>(row)?;
        if more {
            let place = Value::Int(application.record.submitted_at.as_microsecond());
            answer.next_page_token = pages::token_out(&place, &row.id);
        }
        answer.applications.push(cases::view_of(shared, &application, viewer).await?);
    }
    Ok(answer)
}
