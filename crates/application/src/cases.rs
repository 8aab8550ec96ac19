//! The shape that every verb on a case shares: load, tell, commit, answer with the case as it stands.

use chassis::{Principal, Problem, Violations};
use jiff::Timestamp;
use negotiation::{Actor, Application, Moved, Process, StepError};
use store::Check;

use api::leeway::application::v1 as pb;

use crate::convert::{self, Viewer};
use crate::documents::{EvidenceRecord, Versioned, evidence_key};
use crate::drafts::{add_application, commit_at};
use crate::shared::{self, Shared};
use chassis::{Draft, Mutation};

/// Who does it, when, and under which process.
pub struct Moment<'a> {
    pub actor: &'a Actor,
    pub now: Timestamp,
    pub process: &'a Process,
}

/// Which case, and what must not have moved since it was read.
#[derive(Clone, Default)]
pub struct Target {
    pub application_id: String,
    /// Revision that the caller read; empty: any.
    pub etag: String,
    /// Other documents that the verb's facts were read from.
    pub checks: Vec<Check>,
}

impl Target {
    /// A case in whatever revision it is.
    pub fn of(application_id: &str) -> Self {
        Self { application_id: application_id.to_owned(), ..Self::default() }
    }
}

/// Tells a case a verb and commits what came of it.
pub async fn change<F>(
    shared: &Shared,
    mutation: Mutation,
    target: Target,
    verb: F,
) -> Result<String, Problem>
where
    F: Fn(Application, Moment<'_>) -> Result<Moved, StepError> + Clone + Send + Sync + 'static,
{
    let context = shared.clone();
    let actor = shared::actor(&mutation.principal);
    let decide = move || {
        let (context, Target { application_id: id, etag, checks }) = (context.clone(), target.clone());
        let (actor, verb) = (actor.clone(), verb.clone());
        async move {
            let before = context.find::<Application>(&id).await?;
            check_etag(&before, &etag)?;
            let process = context.process(&before.record.pack_name).await?;
            let now = context.now();
            let moment = Moment { actor: &actor, now, process: &process };
            let moved = verb(before.record.clone(), moment).map_err(|e| convert::step_problem(&id, &e))?;
            let mut commit = commit_at(now);
            commit.checks = checks;
            add_application(&context, &mut commit, &before, moved).await?;
            Ok(Draft { commit, response_ref: id })
        }
    };
    mutation.run(shared.store.clone(), decide).await
}

/// The revision that was read must be the one that stands.
pub fn check_etag(application: &Versioned<Application>, etag: &str) -> Result<(), Problem> {
    if etag.is_empty() || etag == application.etag() {
        Ok(())
    } else {
        Err(Problem::stale(format!("application/{}", application.record.application_id)))
    }
}

/// The case as the caller may see it.
pub async fn view(
    shared: &Shared,
    application_id: &str,
    principal: &Principal,
) -> Result<pb::Application, Problem> {
    let application = shared.find::<Application>(application_id).await?;
    view_of(shared, &application, Viewer::of(principal)).await
}

/// A case that was read, with its documents.
pub async fn view_of(
    shared: &Shared,
    application: &Versioned<Application>,
    viewer: Viewer,
) -> Result<pb::Application, Problem> {
    let mut evidence = Vec::new();
    for id in &application.record.evidence_ids {
        evidence.extend(
            shared
                .get::<EvidenceRecord>(&evidence_key(&application.record.loan_id, id))
                .await?
                .map(|found| found.record),
        );
    }
    let process = shared.process(&application.record.pack_name).await?;
    Ok(convert::application_out(application, &evidence, viewer, &process))
}

/// Reads an application id.
pub fn id_in(v: &mut Violations, id: &str) -> String {
    wire::id_in(v, "application_id", id).unwrap_or_default()
}
