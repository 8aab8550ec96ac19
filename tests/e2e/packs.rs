//! Packs from publication to the cases they decide: two people, a day, a shadow before, a proof after.

use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::replay_decisions_response::Part;
use e2e::flows::assessment;
use e2e::make::request_id;
use e2e::packs::{ANN, BO, PACK, pack_files, proposal};
use e2e::people::{li, zhang};
use e2e::refusal::refused;
use e2e::{Refusal, Stage};
use tonic::Code;

const JULY: &str = "2026-07-20T10:00+08:00";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pack_is_watched_in_shadow_and_decides_from_its_day_on() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let check = policy::CheckPackRequest { files: pack_files("2.0.0")? };
    let checked = stage.policy(ANN)?.check_pack(check).await?.into_inner();
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    let pack = stage.publish("2.0.0").await?;
    assert_eq!(checked.pack.unwrap().digest, pack.digest);
    let whole =
        policy::ProposeActivationRequest { shadow_share: "1".to_owned(), ..proposal(&pack, "2026-07-21") };
    let proposed = stage.propose(whole).await?;

    // Today's case is today's pack's; the candidate is asked behind its back.
    let first = stage.apply(&li()).await?;
    let first = assessment(&first)?.clone();
    assert_ne!(first.pack_digest, pack.digest);
    let told = stage.decision(&first.decision_id).await?;
    assert_eq!(told.verification.unwrap().verdict(), policy::VerificationVerdict::SameBytes);
    let [said] = told.shadows.as_slice() else { panic!("{:?}", told.shadows) };
    assert_eq!((said.pack_digest.as_str(), said.kinds.len()), (pack.digest.as_str(), 0), "the same rules");

    let replay = policy::ReplayDecisionsRequest {
        candidate_digest: pack.digest.clone(),
        mode: policy::ReplayMode::WithOffers.into(),
        ..policy::ReplayDecisionsRequest::default()
    };
    let mut parts = stage.policy("auditor:wu")?.replay_decisions(replay).await?.into_inner();
    let mut summary = None;
    while let Some(message) = parts.message().await? {
        if let Some(Part::Summary(part)) = message.part {
            summary = Some(part);
        }
    }
    let summary = summary.unwrap();
    assert_eq!((summary.decisions, summary.flips), (1, 0));
    assert_eq!(summary.relief_cost_before, summary.relief_cost_after);

    let confirmed = stage.confirm(&proposed.activation_id).await?;
    assert_eq!(confirmed.shadow.unwrap(), policy::ShadowTally { evaluated: 1, flips: 0 });
    let today = stage.apply(&li().of("today")).await?;
    assert_eq!(assessment(&today)?.pack_digest, first.pack_digest, "not before its day");
    stage.until("2026-07-21T08:00+08:00").await?;
    let next = stage.apply(&zhang()).await?;
    assert_eq!(assessment(&next)?.pack_digest, pack.digest);
    // Yesterday's decision is still yesterday's.
    let told = stage.decision(&first.decision_id).await?;
    assert_eq!(told.verification.unwrap().verdict(), policy::VerificationVerdict::SameBytes);

    let list = policy::ListPacksRequest { pack_name: PACK.to_owned(), ..policy::ListPacksRequest::default() };
    let listed = stage.policy("officer:chen")?.list_packs(list).await?.into_inner().packs;
    let mut versions: Vec<_> = listed.iter().map(|one| one.pack.clone().unwrap().version).collect();
    // Both came at one moment of the standing clock.
    versions.sort();
    assert_eq!(versions, ["1.0.0", "2.0.0"]);
    assert!(listed.iter().all(|one| one.activations.len() == 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_changes_nothing() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let pack = stage.publish("2.0.0").await?;
    let proposed = stage.propose(proposal(&pack, "2026-07-21")).await?;
    let id = &proposed.activation_id;
    let subject = [format!("activation/{id}")];
    let confirm = || policy::ConfirmActivationRequest { request_id: request_id(), activation_id: id.clone() };
    let own = Refusal::expected(stage.policy(ANN)?.confirm_activation(confirm()).await)?;
    assert_eq!(own.short(), (Code::FailedPrecondition, "SAME_PERSON"));
    assert_eq!(own.about, subject);
    let withdraw =
        || policy::WithdrawActivationRequest { request_id: request_id(), activation_id: id.clone() };
    stage.policy(BO)?.withdraw_activation(withdraw()).await?;
    let wrong = (Code::FailedPrecondition, "WRONG_STATE".to_owned());
    assert_eq!(refused(stage.policy(BO)?.confirm_activation(confirm()).await)?, wrong);
    assert_eq!(refused(stage.policy(BO)?.withdraw_activation(withdraw()).await)?, wrong);
    let late = stage.policy(ANN)?.propose_activation(proposal(&pack, "2026-07-19")).await;
    assert_eq!(refused(late)?, (Code::FailedPrecondition, "ACTIVATION_DATE_REFUSED".to_owned()));

    let mut other = pack_files("2.0.0")?;
    other.get_mut("contact.toml").unwrap().extend(b"# another content\n");
    let other = policy::PublishPackRequest { request_id: request_id(), files: other };
    let taken = (Code::AlreadyExists, "ALREADY_EXISTS".to_owned());
    assert_eq!(refused(stage.policy(ANN)?.publish_pack(other).await)?, taken);
    let mut broken = pack_files("3.0.0")?;
    broken.insert("rules.toml".to_owned(), b"[[rule]]\n".to_vec());
    let broken = policy::PublishPackRequest { request_id: request_id(), files: broken };
    let refusal = Refusal::expected(stage.policy(ANN)?.publish_pack(broken).await)?;
    assert_eq!(refusal.short(), (Code::InvalidArgument, "VALIDATION_FAILED"));
    assert!(refusal.about.iter().all(|field| field == "files[rules.toml]"), "{:?}", refusal.about);
    // A pack beyond any size, and a request beyond any frame.
    let mut large = pack_files("3.0.0")?;
    large.insert("tests/large.toml".to_owned(), vec![b'#'; 5 << 20]);
    let large = policy::PublishPackRequest { request_id: request_id(), files: large };
    let too_large = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".to_owned());
    assert_eq!(refused(stage.policy(ANN)?.publish_pack(large).await)?, too_large);
    assert_eq!(stage.policy_store()?.count("pack", Vec::new()).await?, 4);
    Ok(())
}
