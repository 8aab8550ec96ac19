//! A stored decision proves itself: facts and pack give the same bytes again, and the journal knows the record.

use api::leeway::policy::v1::{DecisionVerification, VerificationVerdict};
use assessment::{Decision, ENGINE_VERSION, Trace};
use chassis::Problem;
use serde_json::Value;

use crate::documents::json;
use crate::library::Found;
use crate::record::{DecisionRecord, journal_knows};
use crate::service::State;

/// Most paths that are told.
const MAX_PATHS: usize = 50;

/// Makes a decision again from its stored facts under its stored pack. `body` is the record as it is stored. Raises an
/// alarm where it isn't what was decided.
pub(crate) async fn verify(
    state: &State,
    record: &DecisionRecord,
    body: &str,
) -> Result<DecisionVerification, Problem> {
    let stored = &record.decision;
    let journal = journal_knows(&state.parts.store, &stored.case_id, &record.decision_id, body).await?;
    let own_engine = stored.engine_version == ENGINE_VERSION;
    let mut proof = DecisionVerification {
        engine_version: stored.engine_version.clone(),
        verifying_engine_version: ENGINE_VERSION.to_owned(),
        journal_matches: journal,
        ..DecisionVerification::default()
    };
    let verdict = match again(state, record).await? {
        Again::Decision(decision) => {
            let same = json(&DecisionRecord { decision: *decision.clone(), ..record.clone() })? == body;
            proof.differing_paths = if same { Vec::new() } else { differences(body, &decision)? };
            match (journal, own_engine, same) {
                (true, true, true) => VerificationVerdict::SameBytes,
                (true, false, _) => VerificationVerdict::OtherEngine,
                (false, _, _) | (true, true, false) => VerificationVerdict::Different,
            }
        }
        Again::NotPossible(obstacle) => {
            proof.obstacle = obstacle;
            if journal { VerificationVerdict::NotPossible } else { VerificationVerdict::Different }
        }
        Again::Refused(obstacle) => {
            proof.obstacle = obstacle;
            let fits = journal && !own_engine;
            if fits { VerificationVerdict::OtherEngine } else { VerificationVerdict::Different }
        }
    };
    if verdict == VerificationVerdict::Different {
        let (decision_id, paths) = (&record.decision_id, proof.differing_paths.len());
        tracing::error!(
            alarm = true,
            decision_id,
            journal,
            paths,
            "a stored decision is not what was decided"
        );
    }
    proof.verdict = verdict.into();
    Ok(proof)
}

/// What came of making a decision again.
enum Again {
    Decision(Box<Decision>),
    /// Its pack isn't at hand.
    NotPossible(String),
    /// The facts can't be assessed.
    Refused(String),
}

async fn again(state: &State, record: &DecisionRecord) -> Result<Again, Problem> {
    let pack = match state.find_pack(&record.decision.pack_digest).await? {
        Found::Pack(pack) => pack,
        Found::Absent => return Ok(Again::NotPossible("its pack is not stored".to_owned())),
        Found::Unreadable(why) => return Ok(Again::NotPossible(format!("its pack can't be read: {why}"))),
    };
    let facts = record.facts.clone();
    let made = state.compute(move || Ok(assessment::assess(&pack, &facts, Trace::Full))).await?;
    Ok(match made {
        Ok(decision) => Again::Decision(Box::new(decision)),
        Err(error) => Again::Refused(error.code().to_owned()),
    })
}

/// JSON pointers into the stored decision at which the decision made again differs.
fn differences(body: &str, again: &Decision) -> Result<Vec<String>, Problem> {
    let unreadable = |error| Problem::internal("a decision can't be compared").source(error);
    let stored: Value = serde_json::from_str(body).map_err(unreadable)?;
    let stored = stored.get("decision").cloned().unwrap_or_default();
    let again = serde_json::to_value(again).map_err(unreadable)?;
    let mut paths = Vec::new();
    compare(&stored, &again, "", &mut paths);
    // The version of the engine is told by itself.
    paths.retain(|path| path != "/engine_version");
    Ok(paths)
}

fn compare(stored: &Value, again: &Value, path: &str, paths: &mut Vec<String>) {
    if paths.len() >= MAX_PATHS || stored == again {
        return;
    }
    match (stored, again) {
        (Value::Object(stored), Value::Object(again)) => {
            let mut names: Vec<&String> = stored.keys().chain(again.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let inside = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                let (left, right) = (stored.get(name), again.get(name));
                compare(left.unwrap_or(&Value::Null), right.unwrap_or(&Value::Null), &inside, paths);
            }
        }
        (Value::Array(stored), Value::Array(again)) if stored.len() == again.len() => {
            for (index, (left, right)) in stored.iter().zip(again).enumerate() {
                compare(left, right, &format!("{path}/{index}"), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_where_they_are() {
        let rows = [
            (json!({"a": 1, "b": [1, 2]}), json!({"a": 1, "b": [1, 3]}), vec!["/b/1"]),
            (json!({"a": [1]}), json!({"a": [1, 2], "c/d": null}), vec!["/a"]),
            (json!({"a/b": 1, "x": null}), json!({"a/b": 2}), vec!["/a~1b"]),
            (json!(1), json!(1), vec![]),
            (json!({}), json!([]), vec![""]),
        ];
        for (stored, again, expected) in rows {
            let mut paths = Vec::new();
            compare(&stored, &again, "", &mut paths);
            assert_eq!(paths, expected, "{stored} {again}");
        }
        let many: Value = (0..200).collect::<Vec<i32>>().into();
        let other: Value = (1..201).collect::<Vec<i32>>().into();
        let mut paths = Vec::new();
        compare(&many, &other, "", &mut paths);
        assert_eq!(paths.len(), MAX_PATHS);
    }
}
