//! The packs that came with the software, in the database: their content, so that whatever they decide can be made again
//! by later software, and their activation, which holds wherever no two people said otherwise.

use std::collections::BTreeSet;

use assessment::{Pack, PackFiles};
use chassis::Problem;
use jiff::Timestamp;
use loan::Ratio;
use store::{Commit, Entry, Op, Query, StoreError};

use crate::activation::{self, Activation, Origin, PackRef, day_in, in_force};
use crate::documents::{Record, list, load, put};
use crate::library::{Found, MAX_ACTIVATIONS, PackContent, PackHead, PackVersion, Source};
use crate::packs::PackShelf;
use crate::service::{OpenError, Parts, State};

/// Tries to be the one who records a pack, while other replicas start too.
const MAX_TRIES: u32 = 8;

/// Records every pack of the shelf that is not the last one recorded of its name. The first pack of a name has been
/// known since ever; one that replaces it, in newer software, holds from today on.
pub(crate) async fn record(parts: &Parts, shelf: &PackShelf) -> Result<(), Problem> {
    for (pack, files) in shelf.contents() {
        let mut tries = 0;
        while let Some(commit) = arrival(parts, pack, files).await? {
            match parts.store.commit(commit).await {
                Ok(_) => break,
                Err(StoreError::Conflict { .. }) if tries < MAX_TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Refuses to go on with a pack in force, of whatever name, that this engine can't read: every case of it would fail.
pub(crate) async fn check_in_force(state: &State) -> Result<(), OpenError> {
    let mut after: Option<String> = None;
    loop {
        let query = Query {
            kind: Activation::KIND,
            filters: vec![("state", Op::Eq, "confirmed".into())],
            order_by: "id",
            descending: false,
            after: after.map(|id| (id.as_str().into(), id.clone())),
            limit: MAX_ACTIVATIONS,
        };
        let page: Vec<Activation> = list(&state.parts.store, query).await.map_err(OpenError::Records)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.activation_id.clone());
        let names: BTreeSet<&str> = page.iter().map(|one| one.pack.name.as_str()).collect();
        for name in names {
            check_name(state, name).await?;
        }
    }
}

async fn check_name(state: &State, name: &str) -> Result<(), OpenError> {
    let all = state.activations(name).await.map_err(OpenError::Records)?;
    let now = state.now();
    let today = |one: &Activation| one.pack.day_of(now);
    let in_force = all.first().and_then(|any| in_force(&all, today(any), now));
    let Some(activation) = in_force else { return Ok(()) };
    let digest = &activation.pack.digest;
    let why = match state.find_pack(digest).await.map_err(OpenError::Records)? {
        Found::Pack(_) => return Ok(()),
        Found::Absent => "its content is gone".to_owned(),
        Found::Unreadable(why) => why,
    };
    Err(OpenError::InForce { name: name.to_owned(), digest: digest.clone(), why })
}

/// What a pack's arrival adds; `None` where nothing is new.
async fn arrival(parts: &Parts, pack: &Pack, files: &PackFiles) -> Result<Option<Commit>, Problem> {
    let now = parts.clock.now();
    let store = &parts.store;
    let mut commit = Commit { now: now.as_microsecond(), ..Commit::default() };
    let head = PackHead::of(pack, files, (Source::Shipped, ""), now);
    if load::<PackHead>(store, &pack.digest).await?.is_none() {
        commit.writes.push(put(&head, 0)?);
        commit.writes.push(put(&PackContent::of(&pack.digest, files), 0)?);
    }
    let version = PackVersion::of(&head.pack);
    match load::<PackVersion>(store, &version.id()).await? {
        None => commit.writes.push(put(&version, 0)?),
        Some(taken) if taken.record.digest != pack.digest => {
            let (name, version) = (&pack.name, &pack.version);
            tracing::warn!(name, version, "a shipped pack changed without a new version");
        }
        Some(_) => {}
    }
    if let Some(activation) = activation_of(parts, &head.pack, now).await? {
        commit.writes.push(put(&activation, 0)?);
    }
    if commit.writes.is_empty() {
        return Ok(None);
    }
    let trail = serde_json::json!({ "pack_digest": pack.digest, "pack_version": pack.version });
    commit.journal.push(Entry {
        stream: format!("packs/{}", pack.name),
        kind: "pack_shipped".to_owned(),
        actor: String::new(),
        body: trail.to_string(),
    });
    Ok(Some(commit))
}

async fn activation_of(parts: &Parts, pack: &PackRef, now: Timestamp) -> Result<Option<Activation>, Problem> {
    let query = Query {
        kind: Activation::KIND,
        filters: vec![
            ("pack_name", Op::Eq, pack.name.as_str().into()),
            ("state", Op::Ne, "withdrawn".into()),
        ],
        order_by: "id",
        descending: false,
        after: None,
        limit: MAX_ACTIVATIONS,
    };
    let all: Vec<Activation> = list(&parts.store, query).await?;
    let shipped: Vec<&Activation> = all.iter().filter(|one| one.origin == Origin::Shipped).collect();
    let last = shipped.iter().max_by_key(|one| (one.recorded(), one.activation_id.as_str()));
    if last.is_some_and(|last| last.pack.digest == pack.digest) {
        return Ok(None);
    }
    let (time, from) = match last {
        None => (Timestamp::UNIX_EPOCH, pack.effective_from),
        // Days that have passed keep the pack that they had.
        Some(_) => (now, pack.effective_from.max(day_in(&pack.time_zone, now))),
    };
    Ok(Some(Activation {
        // Two replicas that start at once take the same id, and one of them looks again.
        activation_id: format!("shipped:{}:{:04}", pack.name, shipped.len().saturating_add(1)),
        pack: pack.clone(),
        effective_from: Some(from),
        origin: Origin::Shipped,
        shadow_share: Ratio::ZERO,
        note: String::new(),
        proposed_by: String::new(),
        propose_time: time,
        state: activation::State::Confirmed { by: String::new(), time, check: None },
    }))
}
