//! The shock table: what a hardship leaves of an income of which only the level before is known.

use std::collections::BTreeMap;

use loan::Ratio;

use super::csv_rows::rows;
use super::reader::Problems;
use super::tables::check_interval;
use crate::codes::HardshipReason;

/// `reason,income_factor,low,high,origin`: share of the income that is left while the hardship lasts; every reason
/// exactly once. House figures, used where nobody states an income for those months.
pub(crate) fn shocks(bytes: &[u8], problems: &mut Problems) -> BTreeMap<HardshipReason, Ratio> {
    let mut found = BTreeMap::new();
    for row in rows(bytes, &["reason", "income_factor", "low", "high", "origin"], problems) {
        let reason = row.parse("reason", ("a hardship reason", HardshipReason::parse), problems);
        let shares =
            [row.share("low", problems), row.share("income_factor", problems), row.share("high", problems)];
        check_interval(&row, shares, problems);
        let (Some(reason), [_, Some(factor), _]) = (reason, shares) else { continue };
        if found.insert(reason, factor).is_some() {
            problems.add(row.line, "reason stands twice", "remove one row");
        }
    }
    for reason in HardshipReason::ALL.iter().filter(|reason| !found.contains_key(reason)) {
        let mend = format!("add a row for {}", reason.as_str());
        problems.add(0, format!("gap: no shock for {}", reason.as_str()), mend);
    }
    found
}
