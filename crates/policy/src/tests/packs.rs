//! GetPack, and packs of the operator's own.

use std::fs;
use std::path::Path;

use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use tonic::Code;

use super::{ask, ask_as, fields, refused, start};
use crate::packs::EMBEDDED;
use crate::{PackShelf, ShelfError};

fn named(pack_name: &str, digest: &str) -> policy::GetPackRequest {
    policy::GetPackRequest {
        pack_name: pack_name.into(),
        digest: digest.into(),
        ..policy::GetPackRequest::default()
    }
}

#[tokio::test]
async fn the_packs_are_told_section_by_section() {
    let mut running = start().await;
    for (name, currency, zone) in [
        ("cn-instalment", "CNY", "Asia/Shanghai"),
        ("uk-consumer", "GBP", "Europe/London"),
        ("us-consumer", "USD", "America/New_York"),
    ] {
        let pack = running.client.get_pack(ask(named(name, ""))).await.unwrap().into_inner().pack.unwrap();
        assert_eq!(
            (pack.name.as_str(), pack.currency_code.as_str(), pack.time_zone.as_str()),
            (name, currency, zone)
        );
        assert_eq!(pack.digest.len(), 64);
        assert!(!pack.parameters.is_empty() && !pack.evidence.is_empty());
        for parameter in &pack.parameters {
            assert!(!parameter.value.is_empty() && !parameter.source.is_empty(), "{parameter:?}");
            assert!(["law", "guidance", "house"].contains(&parameter.status.as_str()), "{parameter:?}");
            assert!(parameter.effective_from_date.is_some(), "{parameter:?}");
        }
        let process = pack.process.as_ref().unwrap();
        assert!(process.answer_deadline_hours > 0 && process.offer_valid_days > 0);
        let contact = pack.contact.as_ref().unwrap();
        assert!(contact.first_hour < contact.last_hour && contact.max_attempts > 0);
        let codes: Vec<i32> = pack.reasons.iter().map(|reason| reason.code).collect();
        assert_eq!(codes, (1..=15).collect::<Vec<i32>>());
        for reason in &pack.reasons {
            for text in [reason.reason.as_ref().unwrap(), reason.remedy.as_ref().unwrap()] {
                assert!(!text.en.is_empty() && !text.zh_cn.is_empty(), "{reason:?}");
            }
        }
        let again = running.client.get_pack(ask(named(name, &pack.digest))).await.unwrap().into_inner();
        assert_eq!(again.pack.unwrap(), pack);
    }
}

#[tokio::test]
async fn caring_for_a_dependant_is_proved_by_a_diagnosis() {
    let mut running = start().await;
    let pack =
        running.client.get_pack(ask(named("cn-instalment", ""))).await.unwrap().into_inner().pack.unwrap();
    let rule =
        pack.evidence.iter().find(|rule| rule.reason() == common::HardshipReason::CaringDependant).unwrap();
    assert!(rule.accepted().any(|accepted| accepted == common::EvidenceType::DiagnosisCertificate));
}

#[tokio::test]
async fn unknown_packs_are_not_found() {
    let mut running = start().await;
    for (name, digest) in [("mars", ""), ("cn-instalment", "00")] {
        let status = running.client.get_pack(ask(named(name, digest))).await.unwrap_err();
        assert_eq!(refused(&status), (Code::NotFound, "ERROR_REASON_NOT_FOUND".into()));
    }
    let status = running.client.get_pack(ask(named("", ""))).await.unwrap_err();
    assert_eq!(fields(&status), ["pack_name"]);
    let status =
        running.client.get_pack(ask_as("borrower:li", named("cn-instalment", ""))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

/// Writes an embedded pack into a folder; `change` may alter its files.
fn write(folder: &Path, name: &str, change: impl Fn(&str, String) -> String) {
    let (_, files) = EMBEDDED.iter().find(|(pack, _)| *pack == "us-consumer").unwrap();
    for (path, bytes) in *files {
        let target = folder.join(name).join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, change(path, String::from_utf8(bytes.to_vec()).unwrap())).unwrap();
    }
}

fn in_head(path: &str, text: String, from: &str, to: &str) -> String {
    if path == "pack.toml" { text.replacen(from, to, 1) } else { text }
}

#[test]
fn a_folder_replaces_and_joins_what_ships() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "us-consumer", |path, text| {
        in_head(path, text, "version = \"1.0.0\"", "version = \"2.0.0\"")
    });
    write(folder.path(), "us-other", |path, text| {
        in_head(path, text, "name = \"us-consumer\"", "name = \"us-other\"")
    });
    fs::create_dir(folder.path().join(".git")).unwrap();
    let shelf = PackShelf::open(Some(folder.path())).unwrap();
    let names: Vec<(&str, &str)> =
        shelf.all().map(|pack| (pack.name.as_str(), pack.version.as_str())).collect();
    let expected = [
        ("cn-instalment", "1.0.0"),
        ("uk-consumer", "1.0.0"),
        ("us-consumer", "2.0.0"),
        ("us-other", "1.0.0"),
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_folder_whose_own_tests_fail_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "us-consumer", |path, text| match path {
        "tests/r1-moratorium-holds.toml" => text.replace("outcome = \"HOLD\"", "outcome = \"REVIEW\""),
        _ => text,
    });
    let error = PackShelf::open(Some(folder.path())).unwrap_err().to_string();
    assert!(error.contains("tests/r1-moratorium-holds.toml:") && error.contains("found HOLD"), "{error}");
}

#[test]
fn packs_that_are_wrong_stop_the_start_and_say_where() {
    let broken = tempfile::tempdir().unwrap();
    write(broken.path(), "us-consumer", |path, text| {
        in_head(path, text, "currency = \"USD\"", "curency = \"USD\"")
    });
    let error = PackShelf::open(Some(broken.path())).unwrap_err();
    assert!(matches!(error, ShelfError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`us-consumer`") && text.contains("pack.toml") && text.contains("curency"),
        "{text}"
    );

    let renamed = tempfile::tempdir().unwrap();
    write(renamed.path(), "elsewhere", |_, text| text);
    assert!(matches!(PackShelf::open(Some(renamed.path())), Err(ShelfError::OtherName { .. })));

    let stray = tempfile::tempdir().unwrap();
    fs::write(stray.path().join("README"), "packs").unwrap();
    assert!(matches!(PackShelf::open(Some(stray.path())), Err(ShelfError::Misplaced { .. })));

    let absent = stray.path().join("absent");
    assert!(matches!(PackShelf::open(Some(&absent)), Err(ShelfError::Unreadable { .. })));
}
