//! ProposeActivation, ConfirmActivation and WithdrawActivation: four eyes, days, and what was known when.

use api::leeway::policy::v1 as policy;
use jiff::SignedDuration;
use store::Store;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::cases::{lean, li};
use super::publishing::{ANN, ANY_FLIPS, BO, WIDER_GAP, files};
use super::{
    PolicyConfig, Running, SCHEMA, ask, ask_as, fields, question, refused, request_id, start, start_at,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A proposal of a pack from a day on.
pub fn proposal(pack: &policy::PackHead, day: &str) -> policy::ProposeActivationRequest {
    policy::ProposeActivationRequest {
        request_id: request_id(),
        pack_name: pack.name.clone(),
        digest: pack.digest.clone(),
        effective_from_date: (!day.is_empty()).then(|| wire::date_out(day.parse().unwrap())),
        shadow_share: String::new(),
        note: "as decided in the committee".into(),
    }
}

impl Running {
    /// Ann proposes.
    pub async fn propose(
        &mut self,
        request: policy::ProposeActivationRequest,
    ) -> Result<policy::Activation, Status> {
        let answer = self.client.propose_activation(ask_as(ANN, request)).await?;
        Ok(answer.into_inner().activation.unwrap())
    }

    /// Somebody confirms.
    pub async fn confirm(&mut self, who: &'static str, id: &str) -> Result<policy::Activation, Status> {
        let request =
            policy::ConfirmActivationRequest { request_id: request_id(), activation_id: id.to_owned() };
        let answer = self.client.confirm_activation(ask_as(who, request)).await?;
        Ok(answer.into_inner().activation.unwrap())
    }

    /// Somebody withdraws.
    pub async fn withdraw(&mut self, who: &'static str, id: &str) -> Result<policy::Activation, Status> {
        let request =
            policy::WithdrawActivationRequest { request_id: request_id(), activation_id: id.to_owned() };
        let answer = self.client.withdraw_activation(ask_as(who, request)).await?;
        Ok(answer.into_inner().activation.unwrap())
    }

    /// Version in force for a day, as known at a moment; empty: now.
    async fn in_force(&mut self, day: &str, known: &str) -> Option<String> {
        let known: Option<jiff::Timestamp> = (!known.is_empty()).then(|| known.parse().unwrap());
        let request = policy::GetPackRequest {
            pack_name: "cn-instalment".into(),
            digest: String::new(),
            effective_date: (!day.is_empty()).then(|| wire::date_out(day.parse().unwrap())),
            known_time: known.map(wire::timestamp_out),
        };
        match self.client.get_pack(ask_as("auditor:wu", request)).await {
            Ok(answer) => Some(answer.into_inner().pack.unwrap().version),
            Err(status) => {
                assert_eq!(status.code(), Code::NotFound, "{status}");
                None
            }
        }
    }

    /// Version that decides Li's case, a new case each time.
    async fn decided_by(&mut self, number: u8, as_of: &str) -> String {
        let mut facts = li();
        facts.as_of_date = Some(wire::date_out(as_of.parse().unwrap()));
        facts.case_id = format!("app-{number}");
        let answer = self.client.assess(ask(question(number, facts))).await.unwrap().into_inner();
        answer.decision.unwrap().pack_version
    }
}

#[tokio::test]
async fn two_people_put_a_pack_in_force_and_the_past_keeps_its_own() {
    let mut running = start().await;
    assert_eq!(running.decided_by(1, "2026-07-20").await, "1.0.0");
    let second = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let proposed = running.propose(proposal(&second, "2026-07-22")).await.unwrap();
    assert_eq!(proposed.state(), policy::ActivationState::Proposed);
    assert_eq!((proposed.proposed_by.as_str(), proposed.activate_time), (ANN, None));
    assert_eq!(running.in_force("2026-07-22", "").await.unwrap(), "1.0.0", "a proposal decides nothing");

    let status = running.confirm(ANN, &proposed.activation_id).await.unwrap_err();
    assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_SAME_PERSON".into()));
    let failure = status.get_details_precondition_failure().unwrap().violations.remove(0);
    assert_eq!(failure.subject, format!("activation/{}", proposed.activation_id));
    assert!(failure.description.contains(ANN), "{failure:?}");
    let confirmed = running.confirm(BO, &proposed.activation_id).await.unwrap();
    assert_eq!(
        (confirmed.state(), confirmed.confirmed_by.as_str()),
        (policy::ActivationState::Confirmed, BO)
    );
    let check = confirmed.flip_check.clone().unwrap();
    assert_eq!((check.decisions, check.flips, check.budget.as_str()), (1, 0, "0.05"));

    // Third version, recorded two days later for the day of recording.
    running.clock.advance(DAY * 2).unwrap();
    assert_eq!(running.in_force("", "").await.unwrap(), "2.0.0");
    assert_eq!(running.decided_by(2, "2026-07-22").await, "2.0.0");
    assert_eq!(running.decided_by(3, "2026-07-21").await, "1.0.0", "a day that has passed keeps its pack");
    let third = running.publish(files("cn-instalment", "3.0.0", &[])).await;
    let proposed = running.propose(proposal(&third, "2026-07-22")).await.unwrap();
    running.clock.advance(SignedDuration::from_hours(1)).unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    let rows = [
        // day, known at, version
        ("2025-12-31", "", None),
        ("2026-01-01", "", Some("1.0.0")),
        ("2026-07-21", "", Some("1.0.0")),
        ("2026-07-22", "2026-07-20T01:59:59Z", Some("1.0.0")),
        ("2026-07-22", "2026-07-20T02:00:00Z", Some("2.0.0")),
        ("2026-07-22", "2026-07-22T02:59:59Z", Some("2.0.0")),
        ("2026-07-22", "2026-07-22T03:00:00Z", Some("3.0.0")),
        ("2027-07-22", "", Some("3.0.0")),
    ];
    for (day, known, version) in rows {
        assert_eq!(running.in_force(day, known).await.as_deref(), version, "{day} {known}");
    }
    // Back to the first: a new activation of the old content.
    let first = running.client.list_packs(ask_as(ANN, policy::ListPacksRequest::default())).await.unwrap();
    let first = first.into_inner().packs.into_iter().filter_map(|listed| listed.pack);
    let first =
        first.into_iter().find(|head| head.version == "1.0.0" && head.name == "cn-instalment").unwrap();
    let proposed = running.propose(proposal(&first, "2026-07-23")).await.unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    assert_eq!(running.in_force("2026-07-23", "").await.unwrap(), "1.0.0");

    let trail = running.store.read_stream("packs/cn-instalment", 0, 20).await.unwrap();
    let kinds: Vec<(&str, &str)> = trail.iter().map(|e| (e.kind.as_str(), e.actor.as_str())).collect();
    assert_eq!(
        kinds[1..4],
        [("pack_published", ANN), ("activation_proposed", ANN), ("activation_confirmed", BO)]
    );
    assert!(trail.iter().all(|entry| !entry.body.contains("committee")), "ids, digests and numbers only");
    assert!(running.store.verify_stream("packs/cn-instalment").await.unwrap().fault.is_none());
}

#[tokio::test]
async fn an_activation_begins_today_or_later_and_within_its_pack() {
    let mut running = start().await;
    let ends = [(
        "pack.toml",
        "effective_from = \"2026-01-01\"",
        "effective_from = \"2026-07-25\"\neffective_until = \"2026-12-31\"",
    )];
    let pack = running.shelve(files("cn-instalment", "2.0.0", &ends)).await;
    let refusal = (Code::FailedPrecondition, "ERROR_REASON_ACTIVATION_DATE_REFUSED".to_owned());
    for day in ["2026-07-19", "2026-07-24", "2027-01-01"] {
        let status = running.propose(proposal(&pack, day)).await.unwrap_err();
        assert_eq!(refused(&status), refusal, "{day}");
    }
    let proposed = running.propose(proposal(&pack, "2026-07-25")).await.unwrap();
    // Confirmed too late: in Shanghai the 26th has begun.
    running.clock.set("2026-07-25T16:00:00Z".parse().unwrap()).unwrap();
    let status = running.confirm(BO, &proposed.activation_id).await.unwrap_err();
    assert_eq!(refused(&status), refusal);
    let proposed = running.propose(proposal(&pack, "2026-07-26")).await.unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    for (day, version) in [("2026-07-25", "1.0.0"), ("2026-07-26", "2.0.0"), ("2027-01-01", "1.0.0")] {
        assert_eq!(running.in_force(day, "").await.unwrap(), version, "{day}");
    }
}

#[tokio::test]
async fn steps_have_their_states() {
    let mut running = start().await;
    let pack = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let wrong_state = (Code::FailedPrecondition, "ERROR_REASON_WRONG_STATE".to_owned());
    // A shadow has no day.
    let shadow = policy::ProposeActivationRequest { shadow_share: "0.5".into(), ..proposal(&pack, "") };
    let shadow = running.propose(shadow).await.unwrap();
    assert_eq!(shadow.shadow.unwrap(), policy::ShadowTally::default());
    assert_eq!(refused(&running.confirm(BO, &shadow.activation_id).await.unwrap_err()), wrong_state);
    let withdrawn = running.withdraw(ANN, &shadow.activation_id).await.unwrap();
    assert_eq!(
        (withdrawn.state(), withdrawn.withdrawn_by.as_str()),
        (policy::ActivationState::Withdrawn, ANN)
    );
    for answer in
        [running.withdraw(BO, &shadow.activation_id).await, running.confirm(BO, &shadow.activation_id).await]
    {
        let status = answer.unwrap_err();
        assert_eq!(refused(&status), wrong_state);
        assert_eq!(status.get_details_error_info().unwrap().metadata["state"], "withdrawn");
    }
    let proposed = running.propose(proposal(&pack, "2026-07-22")).await.unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    let status = running.withdraw(BO, &proposed.activation_id).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().metadata["state"], "confirmed");
    // What ships is in force without anybody, and nobody takes it back.
    let status = running.withdraw(BO, "shipped:cn-instalment:0001").await.unwrap_err();
    assert_eq!(refused(&status), wrong_state);
    for answer in [running.confirm(BO, "absent-404").await, running.withdraw(BO, "absent-404").await] {
        assert_eq!(refused(&answer.unwrap_err()), (Code::NotFound, "ERROR_REASON_NOT_FOUND".into()));
    }
}

#[tokio::test]
async fn proposals_are_read_strictly_and_are_few() {
    let mut running = start().await;
    let pack = running.shelve(files("cn-instalment", "2.0.0", &[])).await;
    let status = running.propose(policy::ProposeActivationRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "pack_name", "digest", "effective_from_date"]);
    let wrong = policy::ProposeActivationRequest {
        shadow_share: "1.01".into(),
        note: "x".repeat(1_001),
        ..proposal(&pack, "2026-07-22")
    };
    assert_eq!(fields(&running.propose(wrong).await.unwrap_err()), ["shadow_share", "note"]);
    let absent = [
        policy::ProposeActivationRequest { digest: "00".into(), ..proposal(&pack, "2026-07-22") },
        policy::ProposeActivationRequest { pack_name: "us-consumer".into(), ..proposal(&pack, "2026-07-22") },
    ];
    for request in absent {
        assert_eq!(running.propose(request).await.unwrap_err().code(), Code::NotFound);
    }
    for _ in 0..8 {
        running.propose(proposal(&pack, "2026-07-22")).await.unwrap();
    }
    let status = running.propose(proposal(&pack, "2026-07-22")).await.unwrap_err();
    assert_eq!(refused(&status), (Code::ResourceExhausted, "ERROR_REASON_LIMIT_REACHED".into()));
    for who in ["officer:chen", "supervisor:zhao", "operator:o", "auditor:wu", "service:application"] {
        let request = policy::ConfirmActivationRequest::default();
        let status = running.client.confirm_activation(ask_as(who, request)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{who}");
    }
}

#[tokio::test]
async fn a_pack_that_turns_over_more_than_it_declares_stays_out() {
    let mut running = start().await;
    // Twenty decisions; three of them have an income gap of 12 %.
    for number in 0..20_u8 {
        let declared = if number < 3 { 170_000 } else { 150_000 };
        let facts = lean(&format!("app-{number}"), declared);
        running.client.assess(ask(question(number, facts))).await.unwrap();
    }
    let strict = running.publish(files("cn-instalment", "2.0.0", &WIDER_GAP)).await;
    let proposed = running.propose(proposal(&strict, "2026-07-22")).await.unwrap();
    let status = running.confirm(BO, &proposed.activation_id).await.unwrap_err();
    assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_FLIP_BUDGET_EXCEEDED".into()));
    let told = status.get_details_error_info().unwrap().metadata;
    assert_eq!(
        (told["flips"].as_str(), told["decisions"].as_str(), told["budget"].as_str()),
        ("3", "20", "0.05")
    );
    assert_eq!(running.in_force("2026-07-22", "").await.unwrap(), "1.0.0");
    let changes = [&WIDER_GAP[..], &ANY_FLIPS[..]].concat();
    let open = running.publish(files("cn-instalment", "2.0.1", &changes)).await;
    let proposed = running.propose(proposal(&open, "2026-07-22")).await.unwrap();
    let confirmed = running.confirm(BO, &proposed.activation_id).await.unwrap();
    let check = confirmed.flip_check.unwrap();
    assert_eq!((check.decisions, check.flips), (20, 3));
    // A month later nothing of it counts any more.
    running.clock.advance(DAY * 31).unwrap();
    let proposed = running.propose(proposal(&strict, "2026-08-20")).await.unwrap();
    let confirmed = running.confirm(BO, &proposed.activation_id).await.unwrap();
    assert_eq!(confirmed.flip_check.unwrap().decisions, 0);
}

/// Writes the default pack under another version into a folder of the operator's.
fn folder(version: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files("cn-instalment", version, &[]) {
        let target = folder.path().join("cn-instalment").join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
    folder
}

#[tokio::test]
async fn newer_software_brings_its_pack_from_its_day_on_and_yields_to_people() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("policy.db");
    let open = || Store::open_inline(Some(&path), &SCHEMA).unwrap();
    let at = |text: &str| chassis::Clock::manual(text.parse().unwrap());
    let mut running = start_at(open(), &PolicyConfig::default(), at("2026-07-20T02:00:00Z")).await;
    let decided = running.client.assess(ask(question(1, li()))).await.unwrap().into_inner().decision.unwrap();
    running.stop().await.close().await;

    // A restart with the same packs records nothing.
    let running = start_at(open(), &PolicyConfig::default(), at("2026-07-20T03:00:00Z")).await;
    assert_eq!(running.store.count("activation", Vec::new()).await.unwrap(), 3);
    running.stop().await.close().await;

    let newer = folder("1.1.0");
    let config = PolicyConfig { packs_dir: Some(newer.path().to_owned()), ..PolicyConfig::default() };
    let mut running = start_at(open(), &config, at("2026-07-22T02:00:00Z")).await;
    for (day, version) in [("2026-07-21", "1.0.0"), ("2026-07-22", "1.1.0")] {
        assert_eq!(running.in_force(day, "").await.unwrap(), version, "{day}");
    }
    assert_eq!(running.in_force("2026-07-22", "2026-07-21T00:00:00Z").await.unwrap(), "1.0.0");
    // The old pack is in no software any more, and its decision still proves itself.
    let read = policy::GetDecisionRequest { decision_id: decided.decision_id };
    let proof = running.client.get_decision(ask_as("auditor:wu", read)).await.unwrap().into_inner();
    assert_eq!(proof.verification.unwrap().verdict(), policy::VerificationVerdict::SameBytes);
    assert_eq!(proof.decision.unwrap().pack_version, "1.0.0");

    let theirs = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let proposed = running.propose(proposal(&theirs, "2026-07-23")).await.unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    running.stop().await.close().await;
    let newest = folder("1.2.0");
    let config = PolicyConfig { packs_dir: Some(newest.path().to_owned()), ..PolicyConfig::default() };
    let mut running = start_at(open(), &config, at("2026-07-25T02:00:00Z")).await;
    for (day, version) in [("2026-07-22", "1.1.0"), ("2026-07-23", "2.0.0"), ("2026-07-26", "2.0.0")] {
        assert_eq!(running.in_force(day, "").await.unwrap(), version, "{day}");
    }
    running.stop().await.close().await;
}

#[tokio::test]
async fn software_that_cannot_read_the_pack_in_force_does_not_start() {
    let store = Store::open_inline(None, &SCHEMA).unwrap();
    let mut running = super::start_with(store.clone(), &PolicyConfig::default()).await;
    let pack = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let proposed = running.propose(proposal(&pack, "2026-07-20")).await.unwrap();
    running.confirm(BO, &proposed.activation_id).await.unwrap();
    running.stop().await;
    let open = || async {
        let clock = chassis::Clock::manual("2026-07-20T03:00:00Z".parse().unwrap());
        let parts = crate::Parts { store: store.clone(), clock, ids: chassis::Ids::seeded(8) };
        crate::Service::open(&PolicyConfig::default(), parts).await
    };
    assert!(open().await.is_ok());
    // As a later engine would find it that knows another catalogue.
    let content = store.get("pack_content", &pack.digest).await.unwrap().unwrap();
    let write = store::Write::Put {
        kind: "pack_content",
        id: pack.digest.clone(),
        expected_revision: content.revision,
        body_version: 1,
        body: content.body.replace("overload_weight", "overload_factor"),
        index: Vec::new(),
    };
    store.commit(store::Commit { writes: vec![write], ..store::Commit::default() }).await.unwrap();
    let refusal = open().await.err().unwrap().to_string();
    assert!(refusal.contains(&pack.digest) && refusal.contains("overload_factor"), "{refusal}");
}
