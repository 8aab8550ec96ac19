//! The history table, and which grades a bucket can have by it.

use std::collections::BTreeSet;

use loan::{Bucket, LATE_MONTHS_WINDOW};

use super::csv_rows::{CsvRow, rows};
use super::reader::Problems;
use super::tables::RowLines;
use crate::catalogue::{BUCKETS, bucket_word};
use crate::codes::Grade;
use crate::reached::RowKey;

/// Row of the history table: first hit from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GradeRow {
    pub max_bucket: Bucket,
    pub max_late_months: u32,
    pub grade: Grade,
}

/// Buckets of the day with the grades that a case in them can have.
pub(crate) type Pairs = BTreeSet<(Bucket, Grade)>;

/// `max_bucket,max_late_months,grade`: first hit; every history has a row, and every row a history.
pub(crate) fn grades(bytes: &[u8], lines: &mut RowLines, problems: &mut Problems) -> Vec<GradeRow> {
    let mut found: Vec<GradeRow> = Vec::new();
    for row in rows(bytes, &["max_bucket", "max_late_months", "grade"], problems) {
        let max_bucket = row.bucket("max_bucket", problems);
        let read = |text: &str| if text.is_empty() { Some(u32::MAX) } else { text.parse().ok() };
        let max_late_months = row.parse("max_late_months", ("a count, or nothing for any", read), problems);
        let grade = read_grade(&row, problems);
        if let (Some(max_bucket), Some(max_late_months), Some(grade)) = (max_bucket, max_late_months, grade) {
            lines.push((row.line, RowKey::History(found.len())));
            found.push(GradeRow { max_bucket, max_late_months, grade });
        }
    }
    for (place, (line, _)) in lines.iter().enumerate() {
        let hit = |(bucket, late)| place_of(&found, bucket, late) == Some(place);
        if !histories().any(hit) {
            let what = "row can't be reached: those above take every history that it holds for";
            problems.add(*line, what, "remove or reorder it");
        }
    }
    if reachable(&found).is_none() {
        problems.add(0, "some histories have no row", "end with `M4_PLUS,,BAD`");
    }
    found
}

/// The first row that holds.
pub(crate) fn first(rows: &[GradeRow], bucket: Bucket, late_months: u32) -> Option<&GradeRow> {
    rows.get(place_of(rows, bucket, late_months)?)
}

/// Its place from the top.
pub(crate) fn place_of(rows: &[GradeRow], bucket: Bucket, late_months: u32) -> Option<usize> {
    rows.iter().position(|row| bucket <= row.max_bucket && late_months <= row.max_late_months)
}

/// The grades that each bucket can have; `None` where some history has no row.
pub(crate) fn reachable(rows: &[GradeRow]) -> Option<Pairs> {
    histories().map(|(bucket, late)| Some((bucket, first(rows, bucket, late)?.grade))).collect()
}

/// Every bucket of the day with the late months that can go with it. Who is current may have been late in any of the
/// months, and M1 begins before a month counts as late; from M2 on the newest month is late.
fn histories() -> impl Iterator<Item = (Bucket, u32)> {
    BUCKETS.into_iter().flat_map(|(_, bucket)| {
        let least = u32::from(bucket > Bucket::M1);
        (least..=LATE_MONTHS_WINDOW).map(move |late| (bucket, late))
    })
}

/// Columns `bucket` and `grade`; a pair that no case can have is refused.
pub(crate) fn read_pair(
    row: &CsvRow,
    reachable: Option<&Pairs>,
    problems: &mut Problems,
) -> Option<(Bucket, Grade)> {
    let bucket = row.bucket("bucket", problems);
    let grade = read_grade(row, problems);
    let pair = (bucket?, grade?);
    if reachable.is_some_and(|reachable| !reachable.contains(&pair)) {
        let (bucket, grade) = (bucket_word(pair.0), pair.1.as_str());
        let what = format!("row can't be reached: no history in {bucket} has grade {grade}");
        problems.add(row.line, what, "remove it, or mend `tables/history.csv`");
    }
    Some(pair)
}

/// Names every pair that a case can have and a table lacks.
pub(crate) fn every_pair(
    has: impl Fn((Bucket, Grade)) -> bool,
    reachable: Option<&Pairs>,
    what: &str,
    problems: &mut Problems,
) {
    for pair in reachable.into_iter().flatten().filter(|pair| !has(**pair)) {
        let (bucket, grade) = (bucket_word(pair.0), pair.1.as_str());
        let mend = format!("add a row for {bucket} and {grade}");
        problems.add(0, format!("gap: no {what} for {bucket} and {grade}"), mend);
    }
}

fn read_grade(row: &CsvRow, problems: &mut Problems) -> Option<Grade> {
    row.parse("grade", ("GOOD, FAIR, MIXED, POOR or BAD", Grade::parse), problems)
}
