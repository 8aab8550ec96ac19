//! `leeway calibrate` on files made by hand, on the shared public data, and as programs call it.
#![cfg(test)]

use std::path::PathBuf;
use std::process::{Command, Output};

use assessment::Pack;
use leeway::calibrate::columns::Table;
use leeway::calibrate::{Share, Unusable, hardship, history, open, pack, settlements};
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn us() -> Pack {
    pack("us-consumer").unwrap()
}

fn table(columns: &[&'static str], text: &str) -> Result<Table, Unusable> {
    Table::read("made.csv", text.as_bytes(), columns)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn known(share: Share) -> Decimal {
    share.0.unwrap()
}

const HISTORY: &str = "ID,PAY_0,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6,default.payment.next.month\n";
const SETTLEMENTS: &str =
    "settlement_status,settlement_amount,settlement_percentage,settlement_term,int_rate,installment\n";
const HARDSHIP: &str = "annual_inc,dti,int_rate,hardship_reason,hardship_amount,hardship_payoff_balance_amount,\
    orig_projected_additional_accrued_interest\n";

#[test]
fn histories_by_hand() {
    let rows = "1,0,0,0,0,0,0,0\n\
        2,0,0,-1,-2,0,0,1\n\
        3,-1,-1,-1,-1,-1,-1,0\n\
        4,-2,-2,-2,-2,-2,-2,0.0\n\
        5,1,0,0,0,0,0,1\n\
        6,1.0,2,2,0,0,0,1\n\
        7,2,2,0,0,0,0,0\n\
        8,4,3,2,2,0,0,1.0E+00\n\
        9,2,,0,0,0,0,1\n";
    let found = history::figures(&us(), &table(&history::COLUMNS, &format!("{HISTORY}{rows}")).unwrap());
    let found = found.unwrap();
    let steps: Vec<(&str, u64, u64)> =
        found.ladder.iter().map(|step| (step.grade, step.rows, step.defaults)).collect();
    let expected = [("GOOD", 4, 1), ("FAIR", 1, 1), ("MIXED", 1, 1), ("POOR", 1, 0), ("BAD", 1, 1)];
    assert_eq!(steps, expected);
    assert_eq!((found.rows, found.skipped, found.monotone), (8, 1, true));
    // 16 pairs: 1.5 by the good defaulter (three ties), 3 by the fair one, 3 by the mixed one, 4 by the bad one.
    assert_eq!(known(found.auc), decimal("0.71875"));
}

#[test]
fn a_ladder_that_falls_is_not_monotone() {
    // (defaults of 300 who were never late, defaults of 300 who were late once, rises)
    for (good, fair, rises) in [(30, 60, true), (60, 60, false), (60, 30, false)] {
        let mut text = HISTORY.to_owned();
        for row in 0..300 {
            text += &format!("1,0,0,0,0,0,0,{}\n", u8::from(row < good));
            text += &format!("1,1,0,0,0,0,0,{}\n", u8::from(row < fair));
        }
        // One bad history that was paid: too few to count.
        text += "1,6,5,4,3,2,2,0\n";
        let found = history::figures(&us(), &table(&history::COLUMNS, &text).unwrap()).unwrap();
        assert_eq!(found.monotone, rises, "{good} {fair}");
    }
}

#[test]
fn settlements_by_hand() {
    let rows = "COMPLETE,4500.00,45,0,12,332.14\n\
        COMPLETE,2900.00,29.00,6,12,332.14\n\
        COMPLETE,7600.00,76,0,12,332.14\n\
        COMPLETE,3000.00,30,0,12%,332.14\n\
        ACTIVE,1000.00,10,0,12,332.14\n\
        BROKEN,1500.00,15,33,12,332.14\n\
        BROKEN,1.50E+03,15,32.0,12,332.14\n\
        COMPLETE,1500.00,,32,12,332.14\n";
    let table = table(&settlements::COLUMNS, &format!("{SETTLEMENTS}{rows}")).unwrap();
    let found = settlements::figures(&us(), &table).unwrap();
    assert_eq!((found.rows, found.skipped, found.complete), (7, 1, 4));
    // Floor 0.30, ceiling 0.75: 29 and 76 % lie outside.
    assert_eq!(known(found.complete_within_share), decimal("0.5"));
    assert_eq!(known(found.widest_interval), decimal("0.45"));
    // 0.785 × 0.10 = 0.0785 is below 0.10; 0.785 × 0.15 stays above it for 32 months at 12 %, not for 33.
    assert_eq!(known(found.beats_recovery_share).round_dp(6), decimal("0.714286"));
}

#[test]
fn hardship_by_hand() {
    // 60,000.00 a year, 20 % of it for debts, out of work: 2,750.00 − 900.00 − 1,000.00 = 850.00 can be spared.
    let rows = "60000,20,12,UNEMPLOYMENT,100,10000,300.0\n\
        6.00E+04,20,12.0,UNEMPLOYMENT,884,8.50E+04,2652\n\
        60000,20,12%,UNEMPLOYMENT,884.02,85001,2652.07\n\
        ,20,12,MEDICAL,100,10000,\n\
        0,469,12,SOMETHING_ELSE,,10000,300\n";
    let table = table(&hardship::COLUMNS, &format!("{HARDSHIP}{rows}")).unwrap();
    let found = hardship::figures(&us(), &table).unwrap();
    assert_eq!(found.rows, 5);
    // 884 is 4 % above 850; 884.02 is more than 4 % above 850.01; the last states no amount.
    assert_eq!(known(found.amount_within_4pct_share), decimal("0.75"));
    assert_eq!(known(found.interest_exact_share).round_dp(6), decimal("0.666667"));
    // 850.01 is a cent more than can be spared, and without income nothing can be.
    assert_eq!(known(found.feasible_share), decimal("0.5"));
}

#[test]
fn a_file_that_says_nothing_has_no_shares() {
    let found = settlements::figures(&us(), &table(&settlements::COLUMNS, SETTLEMENTS).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&found).unwrap()["complete_within_share"], Value::Null);
    let found = history::figures(&us(), &table(&history::COLUMNS, HISTORY).unwrap()).unwrap();
    assert_eq!(found.auc, Share(None));
    assert!(found.table().contains("AUC –"), "{}", found.table());
}

/// A file of the shared data, beside the repository; these tests need it.
fn shared(file: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(file);
    assert!(
        path.exists(),
        "`{}` is missing: this test needs the shared data beside the repository",
        path.display()
    );
    path
}

#[test]
fn the_grade_tells_who_defaults_next_month() {
    let table = open(&shared("uci_repayment_status.csv"), &history::COLUMNS).unwrap();
    for name in ["us-consumer", "cn-instalment"] {
        let found = history::figures(&pack(name).unwrap(), &table).unwrap();
        assert!(known(found.auc) >= decimal("0.73"), "{name}: {:?}", found.auc);
        assert!(found.monotone, "{name}: {:?}", found.ladder);
        assert!(found.ladder.iter().all(|step| step.rows >= 300), "{name}: {:?}", found.ladder);
        assert_eq!((found.rows, found.skipped), (18_000, 0), "{name}");
    }
}

#[test]
fn completed_settlements_lie_in_the_range() {
    let table = open(&shared("lc_settlements.csv"), &settlements::COLUMNS).unwrap();
    let found = settlements::figures(&us(), &table).unwrap();
    assert!(known(found.complete_within_share) >= decimal("0.8"), "{found:?}");
    assert!(known(found.beats_recovery_share) >= decimal("0.9"), "{found:?}");
    assert!(known(found.widest_interval) <= decimal("0.45"), "{found:?}");
    assert_eq!((found.rows, found.complete, found.skipped), (311, 161, 0));
}

#[test]
fn interest_only_was_feasible() {
    let table = open(&shared("lc_hardship_plans.csv"), &hardship::COLUMNS).unwrap();
    let found = hardship::figures(&us(), &table).unwrap();
    assert!(known(found.feasible_share) >= decimal("0.8"), "{found:?}");
    assert_eq!(
        (known(found.amount_within_4pct_share), known(found.interest_exact_share)),
        (Decimal::ONE, Decimal::ONE)
    );
    assert_eq!(found.rows, 26);
}

fn leeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leeway")).arg("calibrate").args(arguments).output().unwrap()
}

#[test]
fn json_and_table_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.csv");
    std::fs::write(
        &file,
        format!("{SETTLEMENTS}COMPLETE,4500.00,45,0,12,332.14\nACTIVE,1000.00,10,0,12,332.14\n"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let output = leeway(&["settlements", "--file", file, "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({"complete_within_share": 1.0, "beats_recovery_share": 0.5, "rows": 2, "skipped": 0,
        "complete": 1, "widest_interval": 0.45});
    assert_eq!(found, expected);
    let output = leeway(&["settlements", "--file", file]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("completed ones between floor and ceiling    100.0 %"), "{text}");
    assert!(text.contains("all that are worth more than recovery        50.0 %"), "{text}");
}

#[test]
fn what_can_not_be_used_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write("good.csv", &format!("{SETTLEMENTS}COMPLETE,4500.00,45,0,12,332.14\n"));
    let short = write("short.csv", "PAY_0,PAY_2,PAY_4,PAY_5,PAY_6\n0,0,0,0,0\n");
    let word = write("word.csv", &format!("{SETTLEMENTS}COMPLETE,much,45,0,12,332.14\n"));
    let huge = write("huge.csv", &format!("{SETTLEMENTS}COMPLETE,1e16,45,0,12,332.14\n"));
    let status = write("status.csv", &format!("{HISTORY}1,12,0,0,0,0,0,1\n"));
    let ragged = write("ragged.csv", &format!("{HISTORY}1,1,0,0\n"));
    let rate = write("rate.csv", &format!("{HARDSHIP}60000,20,-3,MEDICAL,100,10000,300\n"));
    let table: [(&[&str], &str); 10] = [
        (&["history", "--file", "no-such-file.csv"], "`no-such-file.csv` can't be read"),
        (&["history", "--file", &short], "lacks the columns `PAY_3`, `default.payment.next.month`"),
        (&["settlements", "--file", &short], "lacks the columns `settlement_status`, `settlement_amount`"),
        (
            &["settlements", "--file", &word],
            "line 2: column `settlement_amount` must be a number, found `much`",
        ),
        (&["settlements", "--file", &huge], "column `settlement_amount` must be a number, found `1e16`"),
        (&["history", "--file", &status], "line 2: column `PAY_0` must be a status of -2 to 9, found `12`"),
        (&["history", "--file", &ragged], "is not CSV"),
        (&["hardship", "--file", &rate], "column `int_rate` must be per cent a year, 0 to 1000, found `-3`"),
        (
            &["settlements", "--file", &good, "--pack", "mars"],
            "no pack `mars` ships; there are cn-instalment",
        ),
        (
            &["settlements", "--file", &good, "--pack", "cn-instalment"],
            "in USD, and pack `cn-instalment` is for CNY",
        ),
    ];
    for (arguments, says) in table {
        let output = leeway(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
