//! GetDecision makes a decision again and says whether it is the stored one.

use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::VerificationVerdict;
use store::{Commit, Document, Write};

use super::cases::li;
use super::{Running, ask, ask_as, question, start};
use crate::documents::Record as _;
use crate::record::DecisionRecord;

impl Running {
    async fn proof(&mut self, decision_id: &str) -> policy::DecisionVerification {
        let request = policy::GetDecisionRequest { decision_id: decision_id.into() };
        let answer = self.client.get_decision(ask_as("auditor:wu", request)).await.unwrap().into_inner();
        answer.verification.unwrap()
    }

    /// Somebody with the database open writes another body.
    async fn overwrite(&self, document: &Document, body: String) {
        let record: DecisionRecord = serde_json::from_str(&document.body).unwrap();
        let found = self.store.get("decision", &document.id).await.unwrap().unwrap();
        let write = Write::Put {
            kind: "decision",
            id: document.id.clone(),
            expected_revision: found.revision,
            body_version: 1,
            body,
            index: record.index(),
        };
        self.store.commit(Commit { writes: vec![write], ..Commit::default() }).await.unwrap();
    }
}

#[tokio::test]
async fn a_decision_proves_itself_and_an_altered_one_does_not() {
    let mut running = start().await;
    let decision =
        running.client.assess(ask(question(1, li()))).await.unwrap().into_inner().decision.unwrap();
    let id = decision.decision_id;
    let proof = running.proof(&id).await;
    assert_eq!((proof.verdict(), proof.journal_matches), (VerificationVerdict::SameBytes, true));
    assert_eq!(proof.engine_version, assessment::ENGINE_VERSION);
    assert!(proof.differing_paths.is_empty() && proof.obstacle.is_empty());

    let original = running.store.get("decision", &id).await.unwrap().unwrap();
    let mut body: serde_json::Value = serde_json::from_str(&original.body).unwrap();
    // The outcome is altered.
    body["decision"]["outcome"] = "REVIEW".into();
    running.overwrite(&original, in_order(&original.body, &body)).await;
    let proof = running.proof(&id).await;
    assert_eq!((proof.verdict(), proof.journal_matches), (VerificationVerdict::Different, false));
    assert_eq!(proof.differing_paths, ["/outcome"]);

    // Facts and decision are altered so that they fit each other: only the journal knows.
    let mut other = li();
    other.statement.as_mut().unwrap().dependants = 1;
    let other = running.client.assess(ask(question(2, other))).await.unwrap().into_inner().decision.unwrap();
    let theirs = running.store.get("decision", &other.decision_id).await.unwrap().unwrap();
    running.overwrite(&original, theirs.body.replace(&other.decision_id, &id)).await;
    let proof = running.proof(&id).await;
    assert_eq!((proof.verdict(), proof.journal_matches), (VerificationVerdict::Different, false));
    assert!(proof.differing_paths.is_empty());

    // One byte of white space is another record, too.
    running.overwrite(&original, format!("{} ", original.body)).await;
    assert_eq!(running.proof(&id).await.verdict(), VerificationVerdict::Different);
    running.overwrite(&original, original.body.clone()).await;
    assert_eq!(running.proof(&id).await.verdict(), VerificationVerdict::SameBytes);
}

/// The altered value in the order of fields of the original text.
fn in_order(original: &str, altered: &serde_json::Value) -> String {
    let mut record: DecisionRecord = serde_json::from_str(original).unwrap();
    record.decision = serde_json::from_value(altered["decision"].clone()).unwrap();
    serde_json::to_string(&record).unwrap()
}

/// Stores a decision as another engine or pack would have left it, with its journal entry.
async fn store_as(running: &Running, body: &str, change: impl Fn(&mut DecisionRecord)) {
    let mut record: DecisionRecord = serde_json::from_str(body).unwrap();
    change(&mut record);
    let commit = crate::record::commit_of(&record).unwrap();
    running.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn other_engines_and_lost_packs_are_told_apart_from_damage() {
    let mut running = start().await;
    let decision =
        running.client.assess(ask(question(1, li()))).await.unwrap().into_inner().decision.unwrap();
    let body = running.store.get("decision", &decision.decision_id).await.unwrap().unwrap().body;
    store_as(&running, &body, |record| {
        record.decision_id = "decision-older".into();
        record.decision.engine_version = "0.9.0".into();
        record.decision.search.considered = 7;
        record.decision.offers[0].burden = "0.0001".into();
    })
    .await;
    let proof = running.proof("decision-older").await;
    assert_eq!((proof.verdict(), proof.journal_matches), (VerificationVerdict::OtherEngine, true));
    assert_eq!(
        (proof.engine_version.as_str(), proof.verifying_engine_version.as_str()),
        ("0.9.0", assessment::ENGINE_VERSION)
    );
    assert_eq!(proof.differing_paths, ["/offers/0/burden", "/search/considered"]);

    store_as(&running, &body, |record| {
        record.decision_id = "decision-packless".into();
        record.decision.pack_digest = "00".into();
    })
    .await;
    let proof = running.proof("decision-packless").await;
    assert_eq!(proof.verdict(), VerificationVerdict::NotPossible);
    assert!(!proof.obstacle.is_empty());

    // Facts that can't be assessed were never decided by this engine.
    store_as(&running, &body, |record| {
        record.decision_id = "decision-odd".into();
        record.facts.as_of = "2020-01-01".parse().unwrap();
    })
    .await;
    let proof = running.proof("decision-odd").await;
    assert_eq!(
        (proof.verdict(), proof.obstacle.as_str()),
        (VerificationVerdict::Different, "NOT_ASSESSABLE")
    );
}
