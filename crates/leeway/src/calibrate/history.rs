//! The grade of a history against default in the next month, on UCI's credit card clients.
//!
//! Inputs are the six statuses alone. A status counts months late: the newest, `PAY_0`, is the bucket of the day (0 and below
//! M0, 1 M1, 2 M2, 3 M3, more M4+), and late months are those of the six with a status of 1 or more. The grade comes from the
//! pack's own table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use assessment::calibration::history_grade;
use assessment::{Grade, Pack};
use loan::Bucket;
use rust_decimal::Decimal;
use serde::Serialize;

use super::columns::{Row, Table};
use super::{Share, Unusable};

/// What is read: the newest status first.
pub const COLUMNS: [&str; 7] = ["PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6", DEFAULT];

const DEFAULT: &str = "default.payment.next.month";

/// Rows from which on a grade counts where the ladder must rise.
const LEAST_ROWS: u64 = 300;

/// What the grade says about the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Probability that of a defaulter and another one the defaulter has the worse grade, a tie counting half.
    pub auc: Share,
    /// Every grade, best first.
    pub ladder: Vec<Step>,
    /// Rows that were graded.
    pub rows: u64,
    /// Rows passed over because a status or the default column is empty.
    pub skipped: u64,
    /// Whether the share of defaults rises from grade to grade, grades of fewer than 300 rows apart.
    pub monotone: bool,
}

/// One grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub grade: &'static str,
    pub rows: u64,
    pub defaults: u64,
    pub share: Share,
}

/// Grades every row.
pub fn figures(pack: &Pack, table: &Table) -> Result<Figures, Unusable> {
    let mut counts: BTreeMap<Grade, (u64, u64)> = Grade::ALL.iter().map(|grade| (*grade, (0, 0))).collect();
    let mut skipped = 0;
    for row in table.rows() {
        let Some((bucket, late_months, defaulted)) = read(&row)? else {
            skipped += 1;
            continue;
        };
        let (rows, defaults) = counts.entry(history_grade(pack, bucket, late_months)).or_default();
        *rows += 1;
        *defaults += u64::from(defaulted);
    }
    let ladder: Vec<Step> = counts
        .into_iter()
        .map(|(grade, (rows, defaults))| Step {
            grade: grade.as_str(),
            rows,
            defaults,
            share: Share::of(defaults, rows),
        })
        .collect();
    let wide: Vec<Option<Decimal>> =
        ladder.iter().filter(|step| step.rows >= LEAST_ROWS).map(|step| step.share.0).collect();
    Ok(Figures {
        auc: auc(&ladder),
        rows: ladder.iter().map(|step| step.rows).sum(),
        skipped,
        monotone: wide.is_sorted_by(|better, worse| better < worse),
        ladder,
    })
}

/// Bucket of the day, late months and whether the next month defaulted; `None` where a cell is empty.
fn read(row: &Row<'_>) -> Result<Option<(Bucket, u32, bool)>, Unusable> {
    let mut statuses = Vec::with_capacity(COLUMNS.len());
    for column in COLUMNS.into_iter().filter(|column| *column != DEFAULT) {
        match row.whole(column, ("a status of -2 to 9", -2..=9))? {
            Some(status) => statuses.push(status),
            None => return Ok(None),
        }
    }
    let Some(defaulted) = row.whole(DEFAULT, ("0 or 1", 0..=1))? else { return Ok(None) };
    let bucket = match statuses.first().copied().unwrap_or_default() {
        ..=0 => Bucket::M0,
        1 => Bucket::M1,
        2 => Bucket::M2,
        3 => Bucket::M3,
        4.. => Bucket::M4Plus,
    };
    let late = statuses.iter().filter(|status| **status >= 1).count();
    Ok(Some((bucket, u32::try_from(late).unwrap_or(u32::MAX), defaulted == 1)))
}

fn auc(ladder: &[Step]) -> Share {
    let (mut twice_above, mut kept, mut defaults) = (0_u64, 0_u64, 0_u64);
    for step in ladder {
        let kept_here = step.rows.saturating_sub(step.defaults);
        twice_above += step.defaults * (2 * kept + kept_here);
        kept += kept_here;
        defaults += step.defaults;
    }
    Share::of(twice_above, 2 * kept * defaults)
}

impl Figures {
    /// As a person reads it.
    pub fn table(&self) -> String {
        let mut text = format!("\n{:<8}{:>8}{:>10}{:>10}\n", "grade", "rows", "defaults", "share");
        for step in &self.ladder {
            // INVARIANT: writing to a string can't fail.
            let _ =
                writeln!(text, "{:<8}{:>8}{:>10}{:>10}", step.grade, step.rows, step.defaults, step.share);
        }
        let auc = self.auc.0.map_or_else(|| "–".to_owned(), |auc| auc.round_dp(4).to_string());
        let rises = if self.monotone { "rises" } else { "doesn't rise" };
        let _ = writeln!(
            text,
            "\n{} rows graded, {} with empty cells passed over\nAUC {auc}; the share of defaults {rises} from grade to grade",
            self.rows, self.skipped
        );
        text
    }
}
