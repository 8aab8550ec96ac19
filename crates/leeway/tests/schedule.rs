//! `leeway schedule` as people and programs call it, on the example cases of this crate.
#![cfg(test)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/schedule_cases.json");

fn leeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leeway")).arg("schedule").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let output = leeway(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn cents(row: &Value, field: &str) -> i64 {
    row[field].as_str().unwrap().replace('.', "").parse().unwrap()
}

#[test]
fn json_has_rows_or_an_error_for_each_case() {
    let answers = json(&["--cases", EXAMPLES, "--json"]);
    let ids: Vec<&str> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["level", "holiday", "arrears", "unclear"]);
    for (answer, principal) in answers.iter().zip([240_000, 240_000, 90_000]) {
        let rows = answer["rows"].as_array().unwrap();
        let total: i64 = rows.iter().map(|row| cents(row, "principal")).sum();
        assert_eq!(total, principal, "{}", answer["id"]);
        assert_eq!(rows.last().unwrap()["balance_after"], "0.00", "{}", answer["id"]);
        for row in rows {
            let parts = ["principal", "interest", "fees", "penalties"];
            assert_eq!(parts.iter().map(|part| cents(row, part)).sum::<i64>(), cents(row, "total_due"));
        }
    }
    assert_eq!(
        answers[0]["rows"][0],
        serde_json::json!({"nr": 1, "due_date": "2026-02-15", "principal": "388.17", "interest": "28.80",
            "fees": "0.00", "penalties": "0.00", "total_due": "416.97", "balance_after": "2011.83"})
    );
    assert_eq!(answers[3]["error"]["code"], "CASE_FIELD_UNREADABLE");
    assert!(answers[3].get("rows").is_none());
}

#[test]
fn one_case_can_be_chosen_from_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_leeway"))
        .args(["schedule", "--cases", "-", "--id", "holiday", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(EXAMPLES).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), 1);
    let due: Vec<&str> =
        answers[0]["rows"].as_array().unwrap().iter().map(|row| row["due_date"].as_str().unwrap()).collect();
    assert_eq!(due, ["2026-02-15", "2026-04-15", "2026-05-15", "2026-06-15", "2026-07-15", "2026-08-15"]);
}

#[test]
fn the_table_names_the_case_and_adds_up() {
    let output = leeway(&["--cases", EXAMPLES]);
    assert!(output.status.success());
    let table = text(&output.stdout);
    assert!(table.starts_with("level – Six level instalments, 30/360\nCNY, read on 2026-01-15\n"), "{table}");
    assert!(
        table.contains("\n    total        2,400.00    101.80  0.00       0.00   2,501.80\n"),
        "totals stand below their columns:\n{table}"
    );
    assert!(table.contains("  can't be computed: `interest_method` is `by guess`"), "{table}");
}

#[test]
fn what_can_not_be_used_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.json");
    std::fs::write(&other, "{\"format\": \"loans/1\", \"cases\": []}").unwrap();
    let other = other.to_str().unwrap();
    let table = [
        (vec!["--cases", "no-such-file.json"], "`no-such-file.json` can't be read"),
        (vec!["--cases", EXAMPLES, "--id", "nobody"], "has no case `nobody`"),
        (vec!["--cases", other], "format `loans/1` is unknown"),
    ];
    for (arguments, says) in table {
        let output = leeway(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_picture_says_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |name: &str, more: &[&str]| -> String {
        let path = folder.path().join(name);
        let plot = path.to_str().unwrap();
        let output = leeway(&[&["--cases", EXAMPLES, "--plot", plot], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        read(&path)
    };
    let one = draw("one.svg", &["--id", "holiday"]);
    for part in [
        "Before: 6 instalments to 2026-07-15, interest 101.80, total 2,501.80. After: 6 instalments to 2026-08-15",
        ">balance before<",
        ">balance after<",
        "before, nr 2, due 2026-03-15: principal 392.83, interest 24.14, fees and penalties 0.00",
        ">442.27<",
        "prefers-color-scheme:dark",
    ] {
        assert!(one.contains(part), "`{part}` is missing");
    }
    assert_eq!(one, draw("again.svg", &["--id", "holiday"]), "the same cases give the same picture");
    assert_well_formed(&one);
    let all = draw("all.svg", &[]);
    assert!(all.contains("Can&#39;t be computed") && all.contains(">unchanged<"));
    assert_well_formed(&all);
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Every element that is opened is closed in its order, and nothing is loaded from elsewhere.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('>'), "a bare > in `{text}`");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(!svg.contains("href") && !svg.contains("url("));
}
