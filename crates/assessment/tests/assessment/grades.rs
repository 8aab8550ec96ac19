//! The grade of a history, and what it opens: tables of packs that ship.

use std::collections::BTreeMap;

use assessment::calibration::history_grade;
use assessment::{Facts, Grade, Trace, assess};
use loan::Bucket;

use crate::support::{account, contract, date, files, li, pack, wang, zhang};

const PACKS: [&str; 3] = ["cn-instalment", "uk-consumer", "us-consumer"];
const BUCKETS: [Bucket; 5] = [Bucket::M0, Bucket::M1, Bucket::M2, Bucket::M3, Bucket::M4Plus];

#[test]
fn the_first_row_that_holds_gives_the_grade() {
    use Bucket::{M0, M1, M2, M3, M4Plus};
    use Grade::{Bad, Fair, Good, Mixed, Poor};
    let table = [
        (M0, 0, Good),
        (M0, 1, Fair),
        (M0, 2, Fair),
        (M0, 3, Mixed),
        (M0, 6, Mixed),
        // Up to three days past due: in M1, and no month counts as late.
        (M1, 0, Fair),
        (M1, 2, Fair),
        (M1, 3, Mixed),
        (M2, 1, Poor),
        (M2, 3, Poor),
        (M2, 4, Bad),
        (M3, 2, Poor),
        (M4Plus, 3, Poor),
        (M4Plus, 6, Bad),
    ];
    for name in PACKS {
        let pack = pack(name);
        for (bucket, late_months, grade) in table {
            assert_eq!(history_grade(&pack, bucket, late_months), grade, "{name} {bucket:?} {late_months}");
        }
    }
}

#[test]
fn later_is_never_graded_better() {
    for name in PACKS {
        let pack = pack(name);
        for late_months in 0..=6 {
            for (better, worse) in BUCKETS.iter().zip(&BUCKETS[1..]) {
                assert!(
                    history_grade(&pack, *better, late_months) <= history_grade(&pack, *worse, late_months)
                );
                assert!(
                    history_grade(&pack, *better, late_months)
                        <= history_grade(&pack, *better, late_months + 1)
                );
            }
        }
    }
}

fn derived(facts: &Facts, fact: &str) -> String {
    assess(&pack("cn-instalment"), facts, Trace::None).unwrap().derived_facts[fact].clone()
}

#[test]
fn rules_see_grade_and_late_months() {
    let mut current = li();
    current.loan.account = account(contract("12000.00", "0.144", 12, "2026-01-15"), 6);
    let mut two_days = li();
    two_days.as_of = date("2026-07-17");
    let table = [
        ("li", li(), "FAIR", "1"),
        ("zhang", zhang(), "FAIR", "1"),
        ("wang", wang(), "POOR", "2"),
        ("current", current, "GOOD", "0"),
        ("two days late", two_days, "FAIR", "0"),
    ];
    for (name, facts, grade, late_months) in table {
        assert_eq!(derived(&facts, "history.grade"), grade, "{name}");
        assert_eq!(derived(&facts, "history.late_months_6m"), late_months, "{name}");
    }
}

/// Hazards of a pack as its file states them, by band, bucket and grade, in thousandths of a thousandth.
fn hazards(name: &str) -> BTreeMap<(u32, String, String), u32> {
    let text = String::from_utf8(files(name).0["tables/hazard.csv"].clone()).unwrap();
    let micro = |cell: &str| (cell.parse::<f64>().unwrap() * 1e6).round() as u32;
    let rows = text.lines().filter(|line| !line.starts_with(['#', 'x']));
    rows.map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        ((micro(cells[0]), cells[1].to_owned(), cells[2].to_owned()), micro(cells[3]))
    })
    .collect()
}

#[test]
fn plans_break_more_often_the_heavier_the_later_and_the_worse_the_history() {
    let grades: Vec<&str> = Grade::ALL.iter().map(|grade| grade.as_str()).collect();
    let place = |grade: &str| grades.iter().position(|other| *other == grade).unwrap();
    for name in PACKS {
        let hazards = hazards(name);
        assert_eq!(hazards.len(), 66, "{name}: six bands of eleven pairs");
        for ((x, bucket, grade), hazard) in &hazards {
            for ((other_x, other_bucket, other_grade), other) in &hazards {
                // Buckets are in order as words.
                if x <= other_x && bucket <= other_bucket && place(grade) <= place(other_grade) {
                    assert!(
                        hazard <= other,
                        "{name}: {x} {bucket} {grade} above {other_x} {other_bucket} {other_grade}"
                    );
                }
            }
            // The anchor that origins name: LendingClub's plans, of which 71 % lasted three months.
            if ["M1", "M2"].contains(&bucket.as_str()) && *x <= 1_000_000 {
                assert!(*hazard <= 108_000, "{name}: {x} {bucket} {grade}");
            }
        }
    }
}
