//! CheckPack, PublishPack and ListPacks.

use std::collections::BTreeMap;

use api::leeway::policy::v1 as policy;
use assessment::{PackFiles, load_pack};
use store::Op;
use tonic::Code;

use super::{Running, ask_as, fields, refused, request_id, start};
use crate::documents::put;
use crate::library::{PackContent, PackHead, PackVersion, Source};
use crate::packs::EMBEDDED;

pub const ANN: &str = "policy_admin:ann";
pub const BO: &str = "policy_admin:bo";

/// The files of a shipped pack under another version, with some words replaced; each must be there.
pub fn files(name: &str, version: &str, changes: &[Change]) -> BTreeMap<String, Vec<u8>> {
    let (_, embedded) = EMBEDDED.iter().find(|(pack, _)| *pack == name).unwrap();
    let mut files: BTreeMap<String, Vec<u8>> =
        embedded.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    let version = format!("version = \"{version}\"");
    let head = [("pack.toml", "version = \"1.0.0\"", version.as_str())];
    for (path, from, to) in head.iter().chain(changes) {
        let text = String::from_utf8(files[*path].clone()).unwrap();
        assert!(text.contains(from), "{path}: {from}");
        files.insert((*path).to_owned(), text.replacen(from, to, 1).into_bytes());
    }
    files
}

/// A change of one file: path, what is written there, what takes its place.
pub type Change = (&'static str, &'static str, &'static str);

/// Essentials need no document below twice the benchmark: facts are derived otherwise.
pub const OTHER_DERIVATION: [Change; 1] = [(
    "pack.toml",
    "[parameters.excess_factor]\nvalue = \"1.3\"",
    "[parameters.excess_factor]\nvalue = \"2.0\"",
)];
/// A gap of 15 % between declared and verified income is let pass, as a test inside the pack says.
pub const WIDER_GAP: [Change; 2] = [
    (
        "rules.toml",
        "fact = \"income.gap\", op = \">\", value = \"0.10\"",
        "fact = \"income.gap\", op = \">\", value = \"0.15\"",
    ),
    ("tests/o3-gap-above-a-tenth.toml", "amount = \"5000.01 CNY\"", "amount = \"6000.00 CNY\""),
];
/// Everything may turn over.
pub const ANY_FLIPS: [Change; 1] = [(
    "pack.toml",
    "[parameters.activation_flip_budget]\nvalue = \"0.05\"",
    "[parameters.activation_flip_budget]\nvalue = \"1\"",
)];

impl Running {
    /// Publishes files as Ann.
    pub async fn publish(&mut self, files: BTreeMap<String, Vec<u8>>) -> policy::PackHead {
        let request = policy::PublishPackRequest { request_id: request_id(), files };
        self.client.publish_pack(ask_as(ANN, request)).await.unwrap().into_inner().pack.unwrap()
    }

    /// Puts files into the database that their own tests would refuse: what an earlier or later software let pass.
    pub async fn shelve(&mut self, files: BTreeMap<String, Vec<u8>>) -> policy::PackHead {
        let files = PackFiles(files);
        let pack = load_pack(&files).unwrap();
        let head = PackHead::of(&pack, &files, (Source::Published, ANN), self.clock.now());
        let writes = vec![
            put(&head, 0).unwrap(),
            put(&PackContent::of(&pack.digest, &files), 0).unwrap(),
            put(&PackVersion::of(&head.pack), 0).unwrap(),
        ];
        self.store.commit(store::Commit { writes, ..store::Commit::default() }).await.unwrap();
        crate::told::head_out(&head)
    }

    async fn listed(&mut self, pack_name: &str) -> Vec<policy::ListedPack> {
        let request = policy::ListPacksRequest { pack_name: pack_name.into(), ..Default::default() };
        self.client.list_packs(ask_as("auditor:wu", request)).await.unwrap().into_inner().packs
    }
}

#[tokio::test]
async fn a_check_says_what_is_wrong_and_stores_nothing() {
    let mut running = start().await;
    let mut broken =
        files("cn-instalment", "2.0.0", &[("pack.toml", "currency = \"CNY\"", "curency = \"CNY\"")]);
    broken.insert("notes.txt".into(), b"later".to_vec());
    let check = policy::CheckPackRequest { files: broken };
    let answer = running.client.check_pack(ask_as("operator:o", check)).await.unwrap().into_inner();
    assert!(answer.pack.is_none() && answer.more_problems == 0);
    assert!(answer.problems.iter().any(|problem| problem.file == "notes.txt"), "{:?}", answer.problems);
    assert!(answer.problems.iter().all(|problem| !problem.what.is_empty() && !problem.mend.is_empty()));

    let check = policy::CheckPackRequest { files: files("cn-instalment", "2 0", &[]) };
    let answer = running.client.check_pack(ask_as(ANN, check)).await.unwrap().into_inner();
    assert_eq!(answer.problems.len(), 1, "a version is part of a name: {:?}", answer.problems);
    assert_eq!(answer.problems[0].file, "pack.toml");

    // A threshold that a test inside the pack holds: it says so.
    let check = policy::CheckPackRequest { files: files("cn-instalment", "2.0.0", &WIDER_GAP[..1]) };
    let answer = running.client.check_pack(ask_as(ANN, check)).await.unwrap().into_inner();
    let told: Vec<&str> = answer.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert!(told.contains(&"tests/o3-gap-above-a-tenth.toml") && answer.pack.is_none(), "{told:?}");

    let check = policy::CheckPackRequest { files: files("cn-instalment", "2.0.0", &[]) };
    let answer = running.client.check_pack(ask_as(ANN, check)).await.unwrap().into_inner();
    let pack = answer.pack.unwrap();
    assert!(answer.problems.is_empty());
    assert_eq!((pack.version.as_str(), pack.digest.len(), pack.publish_time), ("2.0.0", 64, None));
    assert_eq!(running.listed("").await.len(), 3, "only what ships");
    assert!(answer.tests > 10, "{}", answer.tests);
    let empty =
        running.client.check_pack(ask_as(ANN, policy::CheckPackRequest::default())).await.unwrap_err();
    assert_eq!(fields(&empty), ["files"]);
}

#[tokio::test]
async fn a_content_is_one_pack_and_a_version_one_content() {
    let mut running = start().await;
    let content = files("cn-instalment", "2.0.0", &[]);
    let first = running.publish(content.clone()).await;
    assert_eq!((first.source(), first.published_by.as_str()), (policy::PackSource::Published, ANN));
    let bytes: usize = content.values().map(Vec::len).sum();
    assert_eq!(usize::try_from(first.size_bytes).unwrap(), bytes);
    // The same content by somebody else is the same pack.
    let again = policy::PublishPackRequest { request_id: request_id(), files: content.clone() };
    let again = running.client.publish_pack(ask_as(BO, again)).await.unwrap().into_inner().pack.unwrap();
    assert_eq!(again, first);
    // So is the content that ships.
    let shipped = running.publish(files("us-consumer", "1.0.0", &[])).await;
    assert_eq!(shipped.source(), policy::PackSource::Shipped);

    let other = files("cn-instalment", "2.0.0", &WIDER_GAP);
    let other = policy::PublishPackRequest { request_id: request_id(), files: other };
    let status = running.client.publish_pack(ask_as(ANN, other)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::AlreadyExists, "ERROR_REASON_ALREADY_EXISTS".into()));

    let abroad = [("pack.toml", "time_zone = \"Asia/Shanghai\"", "time_zone = \"Asia/Tokyo\"")];
    let abroad = files("cn-instalment", "3.0.0", &abroad);
    let abroad = policy::PublishPackRequest { request_id: request_id(), files: abroad };
    let status = running.client.publish_pack(ask_as(ANN, abroad)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_PACK_MISMATCH".into()));

    let mut broken = files("cn-instalment", "3.0.0", &[]);
    broken.remove("contact.toml");
    let broken = policy::PublishPackRequest { request_id: "once".into(), files: broken };
    let status = running.client.publish_pack(ask_as(ANN, broken.clone())).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id"], "a request is read before a pack is checked");
    let broken = policy::PublishPackRequest { request_id: request_id(), ..broken };
    let status = running.client.publish_pack(ask_as(ANN, broken)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    assert_eq!(fields(&status), ["files[contact.toml]"]);

    assert_eq!(running.store.count("pack", Vec::new()).await.unwrap(), 4);
    let trail = running.store.read_stream("packs/cn-instalment", 0, 10).await.unwrap();
    let kinds: Vec<&str> = trail.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["pack_shipped", "pack_published"]);
    assert_eq!(trail[1].actor, ANN);
    assert!(trail[1].body.contains(&first.digest));
}

#[tokio::test]
async fn a_published_pack_is_told_by_its_digest_and_decides_nothing() {
    let mut running = start().await;
    let published = running.publish(files("cn-instalment", "2.0.0", &WIDER_GAP)).await;
    let ask = |digest: &str| policy::GetPackRequest {
        pack_name: "cn-instalment".into(),
        digest: digest.into(),
        ..Default::default()
    };
    let told =
        running.client.get_pack(ask_as("auditor:wu", ask(&published.digest))).await.unwrap().into_inner();
    assert_eq!((told.pack.unwrap().version.as_str(), told.activation), ("2.0.0", None));
    let now = running.client.get_pack(ask_as("auditor:wu", ask(""))).await.unwrap().into_inner();
    let activation = now.activation.unwrap();
    assert_eq!(now.pack.unwrap().version, "1.0.0");
    assert_eq!(activation.origin(), policy::ActivationOrigin::Shipped);
    assert_eq!(activation.activate_time.unwrap().seconds, 0, "known since ever");
    // The digest of another name.
    let other = policy::GetPackRequest { pack_name: "us-consumer".into(), ..ask(&published.digest) };
    let status = running.client.get_pack(ask_as("auditor:wu", other)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let both = policy::GetPackRequest {
        effective_date: Some(wire::date_out("2026-07-20".parse().unwrap())),
        ..ask(&published.digest)
    };
    let status = running.client.get_pack(ask_as("auditor:wu", both)).await.unwrap_err();
    assert_eq!(fields(&status), ["digest"]);
}

#[tokio::test]
async fn packs_are_listed_page_by_page_with_the_newest_first() {
    let mut running = start().await;
    for version in 2..=6 {
        running.clock.advance(jiff::SignedDuration::from_secs(1)).unwrap();
        running.shelve(files("cn-instalment", &format!("{version}.0.0"), &[])).await;
    }
    let mut versions = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            policy::ListPacksRequest { pack_name: "cn-instalment".into(), page_size: 2, page_token };
        let answer = running.client.list_packs(ask_as("officer:chen", request)).await.unwrap().into_inner();
        assert!(answer.packs.len() <= 2);
        versions.extend(answer.packs.into_iter().map(|listed| listed.pack.unwrap().version));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(versions, ["6.0.0", "5.0.0", "4.0.0", "3.0.0", "2.0.0", "1.0.0"]);
    let all = running.listed("").await;
    assert_eq!(all.len(), 8);
    let shipped: Vec<_> = all.iter().filter(|listed| !listed.activations.is_empty()).collect();
    assert_eq!(shipped.len(), 3, "what ships is in force");
    assert!(running.listed("mars").await.is_empty());
    let wrong =
        policy::ListPacksRequest { pack_name: "no name".into(), page_size: 101, page_token: "mine".into() };
    let status = running.client.list_packs(ask_as("officer:chen", wrong)).await.unwrap_err();
    assert_eq!(fields(&status), ["pack_name", "page_size", "page_token"]);
}

#[tokio::test]
async fn only_administrators_of_the_policy_publish() {
    let mut running = start().await;
    for who in ["officer:chen", "supervisor:zhao", "operator:o", "service:application", "auditor:wu"] {
        let request = policy::PublishPackRequest { request_id: request_id(), files: BTreeMap::new() };
        let status = running.client.publish_pack(ask_as(who, request)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{who}");
    }
    let published = vec![("name", Op::Eq, "cn-instalment".into())];
    assert_eq!(running.store.count("pack", published).await.unwrap(), 1);
}

#[tokio::test]
async fn a_hostile_pack_is_refused_in_a_few_words() {
    let mut running = start().await;
    let many: BTreeMap<String, Vec<u8>> = (0..5_000).map(|nr| (format!("f{nr}"), Vec::new())).collect();
    let long = BTreeMap::from([("x".repeat(1 << 20), Vec::new())]);
    let mut wordy = files("cn-instalment", "2.0.0", &[]);
    let rules: String =
        (0..100).map(|nr| format!("[[rule]]\nid = \"r{nr}\"\n{} = 1\n", "w".repeat(3_000))).collect();
    wordy.insert("rules.toml".into(), rules.into_bytes());
    wordy.insert("contact.toml".into(), vec![0xff, 0xfe, 0x00]);
    wordy.insert("tables/tiers.csv".into(), vec![0xff; 1_000]);
    for hostile in [many, long, wordy] {
        let check = policy::CheckPackRequest { files: hostile.clone() };
        let told = running.client.check_pack(ask_as(ANN, check)).await.unwrap().into_inner();
        assert!((1..=200).contains(&told.problems.len()) && told.pack.is_none());
        let longest = told.problems.iter().map(|problem| problem.what.len() + problem.mend.len()).max();
        assert!(longest < Some(2_000), "{longest:?}");
        let publish = policy::PublishPackRequest { request_id: request_id(), files: hostile };
        let status = running.client.publish_pack(ask_as(ANN, publish)).await.unwrap_err();
        assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
        assert!((1..=10).contains(&fields(&status).len()));
        assert!(status.details().len() < 8 * 1024, "{}", status.details().len());
    }
}
