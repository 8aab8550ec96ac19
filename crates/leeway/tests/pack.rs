//! `leeway pack` as people and programs call it, on the packs that ship.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const PACKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policy/packs");

fn leeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leeway")).arg("pack").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn shipped(name: &str) -> String {
    format!("{PACKS}/{name}")
}

/// A copy of a pack that ships with the change of one file.
fn changed(folder: &Path, file: &str, (from, to): (&str, &str)) -> PathBuf {
    let target = folder.join("us-consumer");
    copy(&PathBuf::from(shipped("us-consumer")), &target);
    let path = target.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
    target
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_pack_that_is_right_is_accepted() {
    let output = leeway(&["check", &shipped("us-consumer")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let said = text(&output.stdout);
    assert!(said.starts_with("us-consumer 1.0.0 is accepted: ") && said.contains("\ndigest "), "{said}");
}

#[test]
fn what_is_wrong_stands_on_lines_that_editors_open() {
    let folder = tempfile::tempdir().unwrap();
    let pack = changed(folder.path(), "rules.toml", ("case.moratorium", "case.moratorum"));
    let rules = pack.join("rules.toml");
    let output = leeway(&["check", pack.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let line =
        format!("{}:12: unknown fact `case.moratorum`; did you mean `case.moratorium`?\n", rules.display());
    assert_eq!(text(&output.stdout), line);
    assert!(text(&output.stderr).contains("is refused: 1 problem"), "{}", text(&output.stderr));
    let output = leeway(&["check", pack.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["accepted"], &value["problems"][0]["line"]), (&Value::from(false), &Value::from(12)));
    // The same pack can't be tested or explained: it isn't readable.
    for command in [vec!["test"], vec!["explain", "--case", "tests/r1-moratorium-holds.toml"]] {
        let output = leeway(&[&command[..], &[pack.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!(text(&output.stdout), line);
    }
}

#[test]
fn tests_are_run_one_by_one() {
    let output = leeway(&["test", &shipped("cn-instalment"), "--filter", "r6-", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let results: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(results.len() >= 3);
    for result in &results {
        assert!(result["test"].as_str().unwrap().starts_with("r6-"));
        assert_eq!(result["passed"], true);
    }
    let folder = tempfile::tempdir().unwrap();
    let change = ("outcome = \"HOLD\"", "outcome = \"OFFER\"");
    let pack = changed(folder.path(), "tests/r1-moratorium-holds.toml", change);
    let output = leeway(&["test", pack.to_str().unwrap(), "--filter", "moratorium"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.starts_with("FAIL r1-moratorium-holds\n"), "{said}");
    assert!(
        said.contains("r1-moratorium-holds.toml:") && said.contains("expects outcome OFFER, found HOLD"),
        "{said}"
    );
    assert!(text(&output.stderr).contains("1 of 1 tests fail"));
}

#[test]
fn a_decision_is_explained_with_every_condition() {
    let pack = shipped("cn-instalment");
    let output = leeway(&["explain", &pack, "--case", "tests/li-deferral.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in [
        "li-deferral under cn-instalment 1.0.0, read on 2026-07-20\n",
        "\nOFFER, decided by AUTOMATIC\n",
        "\n  R7 fired: Good history",
        "  loan.balance <= 50000.00 CNY ",
        "flips at 50000.01 CNY",
        &format!("{pack}/rules.toml:"),
        "\n      3  9,000.00    6,500.00  2,500.00   2,250.00  2,250.00       1,079.70\n",
        "waive_penalty:1|deferral:3:none",
        "\n  lender's gain",
    ] {
        assert!(said.contains(part), "`{part}` is missing in\n{said}");
    }
    let output = leeway(&["explain", &pack, "--case", "tests/li-deferral.toml", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value[0]["case"], "li-deferral");
    assert_eq!(value[0]["decision"]["outcome"], "OFFER");
    assert!(
        value[0]["decision"]["rules"][0]["conditions"][0]["source"]
            .as_str()
            .unwrap()
            .starts_with("rules.toml:")
    );
}

#[test]
fn a_case_of_ones_own_need_not_say_what_it_expects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.toml");
    let case = fs::read_to_string(format!("{}/tests/li-deferral.toml", shipped("cn-instalment"))).unwrap();
    fs::write(&path, case.split("[expect]").next().unwrap()).unwrap();
    let output = leeway(&["explain", &shipped("cn-instalment"), "--case", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("case under cn-instalment"), "{}", text(&output.stdout));
}

#[test]
fn what_can_not_be_read_ends_with_2() {
    let pack = shipped("us-consumer");
    let table = [
        (vec!["check", "no-such-pack"], "`no-such-pack` can't be read"),
        (vec!["test", &pack, "--filter", "nothing-of-the-kind"], "has `nothing-of-the-kind` in its name"),
        (vec!["explain", &pack, "--case", "no-such-case.toml"], "`no-such-case.toml` can't be read"),
    ];
    for (arguments, says) in table {
        let output = leeway(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}

#[test]
fn every_command_shows_an_example() {
    for command in ["check", "test", "explain"] {
        let output = leeway(&[command, "--help"]);
        assert!(output.status.success());
        let said = text(&output.stdout);
        assert!(
            said.contains(&format!("leeway pack {command} ")) && said.contains("Exit codes: 0 "),
            "{said}"
        );
    }
}
