//! From a moved application to the one commit that stores it and everything that follows from it.

use std::collections::BTreeMap;

use chassis::Problem;
use jiff::Timestamp;
use negotiation::{Application, AssessPurpose, Consequence, Moved, Notice, State, Step, TimerKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{Commit, EffectChange, Entry, FeedEntry, Write};

use loan::{Date, EventKind};

use crate::documents::{LoanRecord, OpenCase, Record, Versioned};
use crate::shared::{Shared, day_of};
use crate::{loans, work};

/// Body of an `assess` effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssessBody {
    pub application_id: String,
    pub purpose: AssessPurpose,
}

/// Body of a `case-timer` effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimerBody {
    pub application_id: String,
}

/// Body of a `notify` effect: the message as notification takes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotifyBody {
    pub key: String,
    pub borrower_id: String,
    pub application_id: String,
    pub template: String,
    pub statutory: bool,
    pub parameters: BTreeMap<String, String>,
    pub pack_name: String,
}

/// An empty commit at a moment.
pub fn commit_at(now: Timestamp) -> Commit {
    Commit { now: now.as_microsecond(), ..Commit::default() }
}

/// Adds a moved application: the document, the open-case marker, journal, effects and feed. Nothing is added
/// where the step had been taken before.
pub async fn add_application(
    shared: &Shared,
    commit: &mut Commit,
    before: &Versioned<Application>,
    moved: Moved,
) -> Result<(), Problem> {
    let Moved::Changed(application, consequences) = moved else {
        return Ok(());
    };
    let after = before.with(*application);
    let application = &after.record;
    let opens = before.revision == 0 || !before.record.state.is_open();
    if !application.state.is_open() {
        let open = shared.get::<OpenCase>(&application.loan_id).await?;
        if let Some(open) = open.filter(|open| open.record.application_id == application.application_id) {
            commit.writes.push(Write::Delete {
                kind: OpenCase::KIND,
                id: application.loan_id.clone(),
                expected_revision: open.revision,
            });
        }
    } else if opens {
        let marker = OpenCase {
            loan_id: application.loan_id.clone(),
            application_id: application.application_id.clone(),
        };
        commit.writes.push(Versioned::new(marker).put()?);
    }
    let write = after.put()?;
    commit.journal.extend(journal_of(before, application, &write));
    commit.feed.push(feed_of(application));
    commit.writes.push(write);
    for consequence in consequences {
        if let Consequence::SuspendPenalty { from, to } = consequence {
            let process = shared.process(&application.pack_name).await?;
            let days = (day_of(from, &process), day_of(to, &process));
            let loan = shared.find::<LoanRecord>(&application.loan_id).await?;
            let suspended = suspend_penalty(commit, &loan.record, application, days)?;
            commit.writes.push(loan.with(suspended).put()?);
        } else {
            add_consequence(commit, &after, consequence)?;
        }
    }
    Ok(())
}

fn add_consequence(
    commit: &mut Commit,
    after: &Versioned<Application>,
    consequence: Consequence,
) -> Result<(), Problem> {
    let application = &after.record;
    let id = &application.application_id;
    let now = commit.now;
    match consequence {
        Consequence::Assess(purpose) => {
            let body = AssessBody { application_id: id.clone(), purpose };
            commit.effects.push(effect(work::ASSESS, format!("{id}/{}", purpose.name()), now, &body)?);
        }
        Consequence::Notify(notice) => {
            let body = message(after, &notice);
            commit.effects.push(effect(work::NOTIFY, body.key.clone(), now, &body)?);
        }
        Consequence::Timer(kind, at) => {
            let body = TimerBody { application_id: id.clone() };
            commit.effects.push(effect(work::CASE_TIMER, timer_key(id, kind), at.as_microsecond(), &body)?);
        }
        Consequence::DropTimer(kind) => {
            commit.effects.push(EffectChange::Drop { topic: work::CASE_TIMER, key: timer_key(id, kind) });
        }
        // The loan is at hand where it was taken out before, in `add_application`.
        Consequence::SuspendPenalty { .. } => {}
    }
    Ok(())
}

/// The platform's delay costs the borrower nothing: a dated entry on the loan, which the caller stores.
pub fn suspend_penalty(
    commit: &mut Commit,
    loan: &LoanRecord,
    application: &Application,
    (from, to): (Date, Date),
) -> Result<LoanRecord, Problem> {
    let now = Timestamp::from_microsecond(commit.now).unwrap_or(Timestamp::UNIX_EPOCH);
    let event = loans::event(to, now, EventKind::PenaltySuspended { from, to });
    let body = json!({
        "loan_id": application.loan_id, "application_id": application.application_id, "from": from, "to": to,
    });
    commit.journal.push(Entry {
        stream: format!("loan/{}", application.loan_id),
        kind: "penalty suspended".to_owned(),
        actor: "platform:rules".to_owned(),
        body: body.to_string(),
    });
    commit.feed.push(FeedEntry {
        case_key: application.loan_id.clone(),
        kind: "loan.penalty_suspended".to_owned(),
        body: body.to_string(),
    });
    loan.record(event, to)
}

/// An effect that is due at `not_before` (epoch microseconds) and goes on with the caller's trace.
pub fn effect<B: Serialize>(
    topic: &'static str,
    key: String,
    not_before: i64,
    body: &B,
) -> Result<EffectChange, Problem> {
    let body = serde_json::to_string(body)
        .map_err(|e| Problem::internal("an effect can't be written as JSON").source(e))?;
    let trace = chassis::telemetry::current_traceparent();
    Ok(EffectChange::Put { topic, key, version: work::BODY_VERSION, not_before, body, trace, lease: None })
}

fn timer_key(application_id: &str, kind: TimerKind) -> String {
    format!("{application_id}/{}", kind.name())
}

/// Every step just taken, by whoever took it, with the digest of the body it left behind.
fn journal_of(before: &Versioned<Application>, after: &Application, write: &Write) -> Vec<Entry> {
    let digest = match write {
        Write::Put { body, .. } => hex::encode(Sha256::digest(body.as_bytes())),
        Write::Delete { .. } => String::new(),
    };
    let begin = if before.revision > 0 { known(&before.record.steps, &after.steps) } else { 0 };
    let entry = |step: &Step| Entry {
        stream: after.application_id.clone(),
        kind: step.kind.clone(),
        actor: step.actor.as_str().to_owned(),
        body: json!({ "state": after.state.name(), "body_sha256": digest }).to_string(),
    };
    after.steps.iter().skip(begin).map(entry).collect()
}

/// How many of the steps `after` begins with were there before. Steps are added at the end, and the oldest go once there
/// are too many; two steps of one moment may be equal in everything.
fn known(before: &[Step], after: &[Step]) -> usize {
    let overlaps = |count: &usize| {
        let (_, kept) = before.split_at_checked(before.len().saturating_sub(*count)).unwrap_or_default();
        after.starts_with(kept)
    };
    (0..=before.len()).rev().find(overlaps).unwrap_or(0)
}

fn feed_of(application: &Application) -> FeedEntry {
    let body = json!({
        "application_id": application.application_id,
        "loan_id": application.loan_id,
        "state": application.state.name(),
        "warned": application.warned,
        "escalated": application.escalated,
    });
    FeedEntry {
        case_key: application.application_id.clone(),
        kind: format!("application.{}", application.state.name()),
        body: body.to_string(),
    }
}

/// The message for a notice: typed facts, which notification words in the borrower's language and zone. Its key names case and revision, so that a repeated commit makes the same one.
fn message(after: &Versioned<Application>, notice: &Notice) -> NotifyBody {
    let application = &after.record;
    let mut parameters = BTreeMap::from([("loan_id".to_owned(), application.loan_id.clone())]);
    let mut set = |name: &str, value: String| parameters.insert(name.to_owned(), value);
    let answer_due = application.answer_due().map(|due| due.to_string()).unwrap_or_default();
    let template = match notice {
        Notice::ApplicationReceived => {
            set("answer_due", answer_due);
            "application-received"
        }
        Notice::OfferMade { count, expires_at } => {
            set("offer_count", count.to_string());
            set("expires", expires_at.to_string());
            "offer-made"
        }
        Notice::EvidenceRequested { types, until } => {
            set("documents", join(types.iter().map(|kind| kind.as_str())));
            set("until", until.to_string());
            "evidence-requested"
        }
        Notice::InReview => {
            set("answer_due", answer_due);
            "in-review"
        }
        Notice::Refused { review_until } => {
            if let State::Refused { reasons, .. } = &application.state {
                set("reasons", join(reasons.iter().map(|reason| reason.code.as_str())));
            }
            set("review_until", review_until.to_string());
            "refused"
        }
        Notice::OfferExpired => "offer-expired",
        Notice::Withdrawn => "withdrawn",
        Notice::LoanPaid => "loan-paid",
        Notice::AnswerLate => "answer-late",
    };
    NotifyBody {
        key: format!("{}/{template}/{}", application.application_id, after.revision + 1),
        borrower_id: application.borrower_id.clone(),
        application_id: application.application_id.clone(),
        template: template.to_owned(),
        statutory: matches!(notice, Notice::Refused { .. }),
        parameters,
        pack_name: application.pack_name.clone(),
    }
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(",")
}

/// The loan moved under an open case: its figures are computed again.
pub async fn loan_moved(shared: &Shared, commit: &mut Commit, loan_id: &str) -> Result<(), Problem> {
    if let Some(open) = shared.get::<OpenCase>(loan_id).await? {
        let purpose = AssessPurpose::LoanMoved;
        let application_id = open.record.application_id;
        let key = format!("{application_id}/{}", purpose.name());
        let body = AssessBody { application_id, purpose };
        commit.effects.push(effect(work::ASSESS, key, commit.now, &body)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use negotiation::Actor;

    fn steps(kinds: &str) -> Vec<Step> {
        let step = |kind: char| Step {
            at: Timestamp::UNIX_EPOCH,
            kind: kind.to_string(),
            actor: Actor::platform(),
            note: None,
        };
        kinds.chars().map(step).collect()
    }

    #[test]
    fn a_step_is_new_even_if_it_equals_the_one_before() {
        // What was there, what is there now, how much of it was known.
        let rows = [
            ("", "a", 0),
            ("ab", "abc", 2),
            ("ab", "abb", 2),
            ("ab", "ab", 2),
            ("abc", "bcd", 2),
            ("ab", "cd", 0),
        ];
        for (before, after, expected) in rows {
            assert_eq!(known(&steps(before), &steps(after)), expected, "{before} {after}");
        }
    }
}
