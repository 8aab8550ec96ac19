//! ListPacks: what is stored, and what was done with it.

use api::leeway::policy::v1::{ListPacksRequest, ListPacksResponse, ListedPack};
use chassis::{Problem, Violations};
use store::{Filter, Op, Query, Value};

use crate::activation::Activation;
use crate::activations::view;
use crate::documents::{Record, list};
use crate::library::PackHead;
use crate::pages;
use crate::service::State;
use crate::told::head_out;

const DEFAULT_PAGE_ROWS: u32 = 20;
const MAX_PAGE_ROWS: u32 = 100;
/// Most activations that are told of one pack.
const MAX_TOLD_ACTIVATIONS: u32 = 20;

pub(crate) async fn handle(state: &State, request: &ListPacksRequest) -> Result<ListPacksResponse, Problem> {
    let mut v = Violations::new();
    let name = Some(&request.pack_name).filter(|name| !name.is_empty());
    let name = name.and_then(|name| wire::id_in(&mut v, "pack_name", name));
    let limit = pages::size_in(&mut v, request.page_size, DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS);
    let after = pages::token_in(&mut v, &request.page_token);
    v.into_result()?;

    let filters = name.map(|name| ("name", Op::Eq, name.into())).into_iter().collect();
    let newest = newest::<PackHead>("published_us", filters, after, limit.saturating_add(1));
    let mut heads: Vec<PackHead> = list(&state.parts.store, newest).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = heads.len() > limit;
    heads.truncate(limit);
    let mut answer = ListPacksResponse::default();
    for head in &heads {
        let mine = vec![("pack_digest", Op::Eq, head.id().into())];
        let query = self::newest::<Activation>("proposed_us", mine, None, MAX_TOLD_ACTIVATIONS);
        let mut activations = Vec::new();
        for activation in list::<Activation>(&state.parts.store, query).await? {
            activations.push(view(state, &activation).await?);
        }
        answer.packs.push(ListedPack { pack: Some(head_out(head)), activations });
    }
    if let Some(last) = heads.last().filter(|_| more) {
        answer.next_page_token = pages::token_out(last.publish_time.as_microsecond(), &last.id());
    }
    Ok(answer)
}

fn newest<R: Record>(
    order_by: &'static str,
    filters: Vec<Filter>,
    after: Option<(Value, String)>,
    limit: u32,
) -> Query {
    Query { kind: R::KIND, filters, order_by, descending: true, after, limit }
}
