//! ReplayDecisions: stored decisions made again under a candidate.

use std::pin::Pin;
use std::sync::Arc;

use api::leeway::common::v1::{Bucket, HardshipReason};
use api::leeway::policy::v1::replay_decisions_response::Part;
use api::leeway::policy::v1::{ReplayDecisionsRequest, ReplayDecisionsResponse, ReplayFlips, ReplayMode};
use assessment::Pack;
use chassis::{Problem, Violations};
use futures_util::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::library::Found;
use crate::replay::{Filter, Mode, Replay};
use crate::service::State;
use crate::told::{bucket_word, flip_out, progress_out, summary_out};

const MAX_DIGEST_CHARS: usize = 128;
const DEFAULT_LIMIT: u32 = 100_000;
const MAX_LIMIT: u32 = 1_000_000;
/// Flips in one message.
const FLIPS_A_MESSAGE: usize = 200;

pub(crate) type Parts = Pin<Box<dyn Stream<Item = Result<ReplayDecisionsResponse, Status>> + Send>>;

pub(crate) async fn handle(state: &State, request: &ReplayDecisionsRequest) -> Result<Parts, Problem> {
    let mut v = Violations::new();
    let given = !request.candidate_digest.is_empty();
    v.require("candidate_digest", given, wire::reason::REQUIRED, "the digest of the candidate");
    wire::text_in(&mut v, "candidate_digest", &request.candidate_digest, MAX_DIGEST_CHARS);
    let mode = mode_in(&mut v, request.mode);
    let filter = filter_in(&mut v, request);
    v.into_result()?;
    let (mode, mut filter) =
        mode.zip(filter).ok_or_else(|| Problem::internal("a refused field without a violation"))?;
    let candidate = candidate(state, &request.candidate_digest).await?;
    if filter.pack_name.is_empty() {
        filter.pack_name.clone_from(&candidate.name);
    }
    let place = state.replay_place()?;
    // Nothing is decided here; ConfirmActivation, which decides, replays on its own.
    let replay = Replay::new(state.stale(), Arc::clone(&candidate), mode, filter);
    Ok(parts(replay, candidate, mode, place))
}

fn mode_in(v: &mut Violations, mode: i32) -> Option<Mode> {
    match ReplayMode::try_from(mode) {
        Ok(ReplayMode::RulesOnly) => Some(Mode::RulesOnly),
        Ok(ReplayMode::WithOffers) => Some(Mode::WithOffers),
        Ok(ReplayMode::Unspecified) => {
            v.add("mode", wire::reason::REQUIRED, "say how much is made again");
            None
        }
        Err(_) => {
            v.add("mode", wire::reason::UNKNOWN_VALUE, "not a mode");
            None
        }
    }
}

fn filter_in(v: &mut Violations, request: &ReplayDecisionsRequest) -> Option<Filter> {
    let pack_name = match request.pack_name.as_str() {
        "" => Some(String::new()),
        name => wire::id_in(v, "pack_name", name),
    };
    let from = wire::date_optional_in(v, "from_date", request.from_date.as_ref());
    let until = wire::date_optional_in(v, "until_date", request.until_date.as_ref());
    let ordered = from.flatten().zip(until.flatten()).is_none_or(|(from, until)| from <= until);
    v.require("until_date", ordered, wire::reason::CONTRADICTION, "not before `from_date`");
    let bucket = Bucket::try_from(request.bucket).ok();
    v.require("bucket", bucket.is_some(), wire::reason::UNKNOWN_VALUE, "not a bucket");
    let reason = match HardshipReason::try_from(request.reason) {
        Ok(HardshipReason::Unspecified) => Some(None),
        _ => wire::hardship_reason_in(v, "reason", request.reason).map(Some),
    };
    let limit = match request.limit {
        0 => Some(DEFAULT_LIMIT),
        limit => wire::count_in(v, "limit", limit, 1..=MAX_LIMIT),
    };
    Some(Filter {
        pack_name: pack_name?,
        from: from?,
        until: until?,
        bucket: bucket_word(bucket?),
        reason: reason?,
        created_from: None,
        limit: limit?,
    })
}

async fn candidate(state: &State, digest: &str) -> Result<Arc<Pack>, Problem> {
    match state.find_pack(digest).await? {
        Found::Pack(pack) => Ok(pack),
        Found::Absent => Err(Problem::not_found(format!("pack of digest `{digest}`"))),
        Found::Unreadable(why) => {
            Err(Problem::internal(format!("pack `{digest}` can't be read by this engine: {why}")))
        }
    }
}

/// Reads and computes as the client takes what comes; a client that leaves ends it.
fn parts(mut replay: Replay, candidate: Arc<Pack>, mode: Mode, place: OwnedSemaphorePermit) -> Parts {
    Box::pin(async_stream::try_stream! {
        let _place = place;
        while let Some(flips) = replay.step().await.map_err(Status::from)? {
            for flips in flips.chunks(FLIPS_A_MESSAGE) {
                let flips = flips.iter().map(|flip| flip_out(flip, candidate.currency)).collect();
                yield part(Part::Flips(ReplayFlips { flips }));
            }
            yield part(Part::Progress(progress_out(replay.tally())));
        }
        let priced = (mode == Mode::WithOffers).then_some(candidate.currency);
        let mut summary = summary_out(replay.tally(), priced);
        summary.candidate_digest.clone_from(&candidate.digest);
        summary.limited = replay.limited();
        summary.mode = match mode {
            Mode::RulesOnly => ReplayMode::RulesOnly.into(),
            Mode::WithOffers => ReplayMode::WithOffers.into(),
        };
        yield part(Part::Summary(summary));
    })
}

fn part(part: Part) -> ReplayDecisionsResponse {
    ReplayDecisionsResponse { part: Some(part) }
}
