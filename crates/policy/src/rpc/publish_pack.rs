//! PublishPack: stores a checked pack under the digest of its content.

use std::sync::Arc;

use api::leeway::common::v1::ErrorReason;
use api::leeway::policy::v1::{PublishPackRequest, PublishPackResponse};
use assessment::PackProblem;
use chassis::{Draft, Mutation, Principal, Problem, Violations};
use store::{Commit, Entry, Op, Query};
use tonic::Request;

use crate::documents::{Record, list, load, put};
use crate::library::{PackContent, PackHead, PackVersion, Source};
use crate::publishing::{self, Checked};
use crate::service::State;
use crate::told::head_out;

const METHOD: &str = "PublishPack";
/// Reason of a violation that the pack's checks found.
const PACK_REFUSED: &str = "PACK_REFUSED";
/// Most problems that a refusal tells: it travels in headers. CheckPack tells all of them.
const MAX_TOLD_PROBLEMS: usize = 10;
/// Largest content as a document, bytes: a commit takes 16 MiB, and control characters take six bytes each.
const MAX_CONTENT_BYTES: usize = 12 * 1024 * 1024;

pub(crate) async fn handle(
    state: &State,
    request: Request<PublishPackRequest>,
) -> Result<PublishPackResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    v.require("files", !message.files.is_empty(), wire::reason::REQUIRED, "send the pack's files");
    v.into_result()?;
    let store = &state.parts.store;
    // What was published once is not checked again by a newer engine.
    let digest = match mutation.replayed(store).await? {
        Some(digest) => digest,
        None => {
            let checked = publishing::check(state, message.files).await?.map_err(|all| refused(&all))?;
            let (state, actor, checked) = (state.clone(), principal.actor(), Arc::new(checked));
            let make = move || {
                let (state, actor, checked) = (state.clone(), actor.clone(), Arc::clone(&checked));
                async move { draft(&state, &actor, &checked).await }
            };
            mutation.run(store.clone(), make).await?
        }
    };
    let head = load::<PackHead>(store, &digest).await?;
    let head = head.ok_or_else(|| Problem::data_loss(format!("pack `{digest}` is gone")))?;
    Ok(PublishPackResponse { pack: Some(head_out(&head.record)) })
}

/// INVALID_ARGUMENT: a violation for everything that is wrong, as far as there is room.
fn refused(problems: &[PackProblem]) -> Problem {
    let mut v = Violations::new();
    for PackProblem { file, line, what, mend } in problems.iter().take(MAX_TOLD_PROBLEMS) {
        let field = if file.is_empty() { "files".to_owned() } else { format!("files[{file}]") };
        v.add(&field, PACK_REFUSED, format!("line {line}: {what}; {mend}"));
    }
    match v.into_result() {
        Err(problem) => problem,
        Ok(()) => Problem::internal("a pack was refused without a problem"),
    }
}

async fn draft(state: &State, actor: &str, checked: &Checked) -> Result<Draft, Problem> {
    let Checked { pack, files, .. } = checked;
    let store = &state.parts.store;
    let now = state.now();
    let mut commit = Commit { now: now.as_microsecond(), ..Commit::default() };
    let done = |commit| Ok(Draft { commit, response_ref: pack.digest.clone() });
    if load::<PackHead>(store, &pack.digest).await?.is_some() {
        return done(commit);
    }
    let head = PackHead::of(pack, files, (Source::Published, actor), now);
    let version = PackVersion::of(&head.pack);
    if load::<PackVersion>(store, &version.id()).await?.is_some() {
        let what = format!("pack `{}` version `{}` with another content", pack.name, pack.version);
        return Err(Problem::already_exists(what));
    }
    fits_its_name(state, &head).await?;
    let content = put(&PackContent::of(&pack.digest, files), 0)?;
    if matches!(&content, store::Write::Put { body, .. } if body.len() > MAX_CONTENT_BYTES) {
        let text = format!("the pack takes more than {MAX_CONTENT_BYTES} bytes as a document");
        return Err(Problem::exhausted(ErrorReason::LimitReached, text, None));
    }
    commit.writes = vec![put(&head, 0)?, content, put(&version, 0)?];
    let trail = serde_json::json!({ "pack_digest": pack.digest, "pack_version": pack.version });
    commit.journal.push(Entry {
        stream: format!("packs/{}", pack.name),
        kind: "pack_published".to_owned(),
        actor: actor.to_owned(),
        body: trail.to_string(),
    });
    done(commit)
}

/// Loans name packs, not versions: whatever decides them has one currency, and days of one zone.
async fn fits_its_name(state: &State, head: &PackHead) -> Result<(), Problem> {
    let query = Query {
        kind: PackHead::KIND,
        filters: vec![("name", Op::Eq, head.pack.name.as_str().into())],
        order_by: "published_us",
        descending: true,
        after: None,
        limit: 1,
    };
    let known: Vec<PackHead> = list(&state.parts.store, query).await?;
    let kind =
        |head: &PackHead| (head.currency.clone(), head.pack.time_zone.clone(), head.jurisdiction.clone());
    match known.first().map(kind) {
        Some(known) if known != kind(head) => {
            let (currency, zone, jurisdiction) = known;
            let name = &head.pack.name;
            let text = format!("packs `{name}` are for {currency}, {zone}, {jurisdiction}");
            Err(Problem::precondition(ErrorReason::PackMismatch, format!("pack/{name}"), text))
        }
        _ => Ok(()),
    }
}
