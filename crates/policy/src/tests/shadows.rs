//! Candidates in shadow: asked after the commit, stored beside the decision, never heard in its answer.

use api::leeway::policy::v1 as policy;

use super::activations::proposal;
use super::cases::{lean, li};
use super::publishing::{ANN, ANY_FLIPS, BO, WIDER_GAP, files};
use super::{Running, ask, ask_as, question, start};

/// Assesses cases with a gap of 12 % between declared and verified income.
async fn decide(running: &mut Running, numbers: std::ops::Range<u8>) -> Vec<policy::Decision> {
    let mut decisions = Vec::new();
    for number in numbers {
        let facts = lean(&format!("app-{number}"), 170_000);
        let answer = running.client.assess(ask(question(number, facts))).await.unwrap().into_inner();
        decisions.push(answer.decision.unwrap());
    }
    decisions
}

async fn read(running: &mut Running, decision_id: &str) -> policy::GetDecisionResponse {
    let request = policy::GetDecisionRequest { decision_id: decision_id.into() };
    running.client.get_decision(ask_as("auditor:wu", request)).await.unwrap().into_inner()
}

async fn tally(running: &mut Running, id: &str) -> policy::ShadowTally {
    let request = policy::ListPacksRequest { pack_name: "cn-instalment".into(), ..Default::default() };
    let listed = running.client.list_packs(ask_as(ANN, request)).await.unwrap().into_inner();
    let mut all = listed.packs.into_iter().flat_map(|listed| listed.activations);
    all.find(|activation| activation.activation_id == id).unwrap().shadow.unwrap()
}

#[tokio::test]
async fn a_candidate_says_its_word_beside_the_decision() {
    let mut plain = start().await;
    let expected = decide(&mut plain, 0..4).await;
    let mut running = start().await;
    let changes = [&WIDER_GAP[..], &ANY_FLIPS[..]].concat();
    let pack = running.publish(files("cn-instalment", "2.0.0", &changes)).await;
    let whole =
        policy::ProposeActivationRequest { shadow_share: "1".into(), ..proposal(&pack, "2026-07-22") };
    let shadow = running.propose(whole).await.unwrap();
    let decisions = decide(&mut running, 0..4).await;
    // The answers are those of a house without a shadow, and nothing waited for it.
    for (decision, expected) in decisions.iter().zip(&expected) {
        let nameless =
            |decision: &policy::Decision| policy::Decision { decision_id: String::new(), ..decision.clone() };
        assert_eq!(nameless(decision), nameless(expected));
    }
    assert_eq!(running.store.count("shadow", Vec::new()).await.unwrap(), 0);
    assert_eq!(running.worker.run_until_idle().await.unwrap(), 4);
    for decision in &decisions {
        let told = read(&mut running, &decision.decision_id).await;
        assert_eq!(told.verification.unwrap().verdict(), policy::VerificationVerdict::SameBytes);
        let [said] = told.shadows.as_slice() else { panic!("{:?}", told.shadows) };
        assert_eq!((&said.activation_id, &said.pack_digest), (&shadow.activation_id, &pack.digest));
        assert_eq!(said.kinds, [i32::from(policy::FlipKind::Authority)]);
        let verdict = said.verdict.clone().unwrap();
        assert_eq!(verdict.outcome(), policy::Outcome::EvidenceRequired);
        assert_ne!(verdict.required_authority(), decision.required_authority());
    }
    assert_eq!(
        tally(&mut running, &shadow.activation_id).await,
        policy::ShadowTally { evaluated: 4, flips: 4 }
    );

    // Once it is in force or withdrawn, nobody asks it any more, not even for what was sampled before.
    decide(&mut running, 4..5).await;
    running.confirm(BO, &shadow.activation_id).await.unwrap();
    running.worker.run_until_idle().await.unwrap();
    decide(&mut running, 5..6).await;
    assert_eq!(running.worker.run_until_idle().await.unwrap(), 0);
    assert_eq!(running.store.count("shadow", Vec::new()).await.unwrap(), 4);
    assert!(running.store.list_parked(0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_share_samples_cases_by_their_hash() {
    let mut running = start().await;
    let pack = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let half = policy::ProposeActivationRequest { shadow_share: "0.5".into(), ..proposal(&pack, "") };
    let shadow = running.propose(half).await.unwrap();
    let decisions = decide(&mut running, 0..40).await;
    running.worker.run_until_idle().await.unwrap();
    let share = loan::Ratio::parse("0.5").unwrap();
    let mut sampled = 0;
    for decision in &decisions {
        let expected = crate::shadow::sampled(&pack.digest, &decision.case_id, share);
        let told = read(&mut running, &decision.decision_id).await;
        assert_eq!(!told.shadows.is_empty(), expected, "{}", decision.case_id);
        assert!(told.shadows.iter().all(|said| said.kinds.is_empty()), "the same rules");
        sampled += i64::from(expected);
    }
    assert!((8..32).contains(&sampled), "{sampled}");
    let expected = policy::ShadowTally { evaluated: sampled, flips: 0 };
    assert_eq!(tally(&mut running, &shadow.activation_id).await, expected);
    // Dry runs are nobody's cases.
    let dry = policy::AssessRequest { dry_run: true, request_id: String::new(), ..question(1, li()) };
    running.client.assess(ask(dry)).await.unwrap();
    assert_eq!(running.worker.run_until_idle().await.unwrap(), 0);
}
