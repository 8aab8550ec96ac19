use api::leeway::application::v1::{ListLoansRequest, ListLoansResponse};
use api::leeway::common::v1::Bucket;
use chassis::{Problem, Violations};
use store::{Filter, Op, Query, Value};
use tonic::Request;

use super::get_loan;
use crate::documents::{self, LoanRecord, Record, epoch_day};
use crate::pages;
use crate::shared::Shared;

const DEFAULT_PAGE_ROWS: u32 = 50;
const MAX_PAGE_ROWS: u32 = 500;

pub async fn handle(
    shared: &Shared,
    request: Request<ListLoansRequest>,
) -> Result<ListLoansResponse, Problem> {
    let message = request.into_inner();
    let mut v = Violations::new();
    let borrower = Some(&message.borrower_id).filter(|id| !id.is_empty());
    let borrower = borrower.and_then(|id| wire::id_in(&mut v, "borrower_id", id));
    let bucket = Bucket::try_from(message.bucket).ok();
    v.require("bucket", bucket.is_some(), wire::reason::UNKNOWN_VALUE, "not a bucket");
    let as_of = wire::date_optional_in(&mut v, "as_of_date", message.as_of_date.as_ref()).flatten();
    let limit = pages::size_in(&mut v, message.page_size, DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS);
    let after = pages::token_in(&mut v, &message.page_token, pages::SortedBy::Text);
    v.into_result()?;

    let as_of = as_of.unwrap_or_else(|| shared.today(&negotiation::Process::default()));
    let mut filters = bucket_filters(bucket.unwrap_or(Bucket::Unspecified), epoch_day(as_of));
    filters.extend(borrower.map(|id| ("borrower_id", Op::Eq, Value::Text(id))));
    let total_count = match message.count_all {
        true => shared.store.count(LoanRecord::KIND, filters.clone()).await?,
        false => 0,
    };
    let query = Query {
        kind: LoanRecord::KIND,
        filters,
        order_by: "id",
        descending: false,
        after,
        limit: limit.saturating_add(1),
    };
    let mut rows = shared.store.list(query).await?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut answer = ListLoansResponse { total_count, ..ListLoansResponse::default() };
    for row in &rows {
        let loan = documents::read::<LoanRecord>(row)?;
        let day = as_of.max(loan.record.account.contract().interest_from);
        answer.loans.push(get_loan::view(shared, &loan, day).await?);
    }
    if let Some(last) = rows.last().filter(|_| more) {
        answer.next_page_token = pages::token_out(&Value::Text(last.id.clone()), &last.id);
    }
    Ok(answer)
}

/// Buckets move with time while the oldest unpaid due date stands still, so a bucket on a day is a range of
/// that column. Closed loans are in none.
fn bucket_filters(bucket: Bucket, day: i64) -> Vec<Filter> {
    let past_due = |least: i64, most: Option<i64>| {
        let mut filters =
            vec![("closed", Op::Eq, Value::Int(0)), ("oldest_unpaid_due", Op::Le, Value::Int(day - least))];
        filters.extend(most.map(|most| ("oldest_unpaid_due", Op::Ge, Value::Int(day - most))));
        filters
    };
    match bucket {
        Bucket::Unspecified => Vec::new(),
        Bucket::M0 => {
            vec![("closed", Op::Eq, Value::Int(0)), ("oldest_unpaid_due", Op::Ge, Value::Int(day))]
        }
        Bucket::M1 => past_due(1, Some(30)),
        Bucket::M2 => past_due(31, Some(60)),
        Bucket::M3 => past_due(61, Some(90)),
        Bucket::M4Plus => past_due(91, None),
    }
}
