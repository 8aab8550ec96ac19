//! A commit as the function's payload, and the function's answer.

use serde_json::{Map, Value as Json, json};

use crate::commit::{Check, Commit, EffectChange, Outcome, Receipt, Write};
use crate::error::StoreError;
use crate::schema::{Schema, Value};

/// Keys are short because every commit carries them; parts that are empty are left out.
pub(super) fn payload(schema: &Schema, commit: &Commit) -> Result<String, StoreError> {
    let mut payload = Map::new();
    payload.insert("now".to_owned(), json!(commit.now));
    if let Some(request) = &commit.request {
        payload.insert(
            "request".to_owned(),
            json!({
                "p": request.principal, "s": request.subject, "i": request.request_id,
                "m": request.method, "h": request.payload_hash, "r": request.response_ref,
            }),
        );
    }
    if let Some(done) = &commit.done {
        payload.insert("done".to_owned(), json!({"e": done.effect_id, "t": done.token}));
    }
    let writes = commit.writes.iter().map(|write| document(schema, write)).collect::<Result<_, _>>()?;
    let journal = commit.journal.iter();
    let feed = commit.feed.iter();
    let lists: [(&str, Vec<Json>); 5] = [
        ("checks", commit.checks.iter().map(check).collect()),
        ("writes", writes),
        (
            "journal",
            journal.map(|e| json!({"s": e.stream, "k": e.kind, "a": e.actor, "b": e.body})).collect(),
        ),
        ("effects", commit.effects.iter().map(effect).collect()),
        ("feed", feed.map(|f| json!({"c": f.case_key, "k": f.kind, "b": f.body})).collect()),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            payload.insert(name.to_owned(), Json::Array(list));
        }
    }
    Ok(Json::Object(payload).to_string())
}

fn check(check: &Check) -> Json {
    json!({"k": check.kind, "i": check.id, "r": check.revision})
}

/// Index columns go in the order in which the kind declares them. A deletion has no body.
fn document(schema: &Schema, write: &Write) -> Result<Json, StoreError> {
    Ok(match write {
        Write::Put { kind, id, expected_revision, body_version, body, index } => {
            let declared = schema.kind(kind)?.columns;
            let columns = declared.iter().filter_map(|column| {
                index.iter().find(|(name, _)| *name == column.name).map(|(_, value)| match value {
                    Value::Int(number) => json!(number),
                    Value::Text(text) => json!(text),
                })
            });
            json!({
                "k": kind, "i": id, "r": expected_revision, "v": body_version, "b": body,
                "x": columns.collect::<Vec<_>>(),
            })
        }
        Write::Delete { kind, id, expected_revision } => json!({"k": kind, "i": id, "r": expected_revision}),
    })
}

/// A lease taken at once counts as the first attempt.
fn effect(change: &EffectChange) -> Json {
    match change {
        EffectChange::Put { topic, key, version, not_before, body, trace, lease } => {
            let (due_at, attempts, worker, token) = match lease {
                Some(lease) => (lease.until, 1, lease.worker.as_str(), lease.token.as_str()),
                None => (*not_before, 0, "", ""),
            };
            json!({
                "t": topic, "k": key, "v": version, "n": not_before, "b": body,
                "c": trace.as_deref().unwrap_or_default(), "d": due_at, "a": attempts, "w": worker, "l": token,
            })
        }
        EffectChange::Drop { topic, key } => json!({"t": topic, "k": key}),
    }
}

/// Reads what the function returned.
pub(super) fn outcome(answer: &str) -> Result<Outcome, StoreError> {
    let answer: Json = serde_json::from_str(answer).map_err(|_| strange())?;
    if let Some(response_ref) = answer.get("replayed") {
        let response_ref = response_ref.as_str().ok_or_else(strange)?.to_owned();
        return Ok(Outcome::Replayed { response_ref });
    }
    let numbers = |name: &str| -> Result<Vec<i64>, StoreError> {
        let list = answer.get(name).and_then(Json::as_array).ok_or_else(strange)?;
        list.iter().map(|number| number.as_i64().ok_or_else(strange)).collect()
    };
    Ok(Outcome::Committed(Receipt { revisions: numbers("revisions")?, effect_ids: numbers("effects")? }))
}

fn strange() -> StoreError {
    StoreError::Corrupt("the commit function answered something else".to_owned())
}
