//! Decision tables of a pack. Each is read with the line of every row and refused where a case has no row, a
//! row stands twice or can't be reached.

use std::collections::BTreeMap;

use loan::{Amount, Bucket, Currency, Ratio};

use super::csv_rows::{CsvRow, read_ratio, rows};
use super::grades::{self, GradeRow, Pairs};
use super::measures::TierMeasures;
use super::reader::Problems;
use super::section::{parse_money, suggest};
use crate::catalogue::{BUCKETS, bucket_word};
use crate::codes::{Authority, EvidenceType, Grade, HardshipReason};
use crate::fixed::Fixed;
use crate::reached::RowKey;

/// Highest payment-to-share ratio that the hazard table knows; ratios are capped there.
pub(crate) const MAX_BURDEN: u32 = 3;

/// Lines of a table's rows.
pub(crate) type RowLines = Vec<(u32, RowKey)>;

/// Row of the authority matrix: the first whose limits all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorityRow {
    /// Highest sum of penalty, accrued interest and principal given up; `None`: any.
    pub max_waived: Option<Amount>,
    /// Highest present-value loss as a share of the principal left.
    pub max_pv_loss: Option<Ratio>,
    /// Most months by which the end moves.
    pub max_extension_months: Option<u32>,
    /// Highest principal left.
    pub max_balance: Option<Amount>,
    pub authority: Authority,
    pub line: u32,
}

/// What comes back after a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub share: Fixed,
    pub delay_months: u32,
}

/// Hazard of a break in a month, by band of payment to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HazardBand {
    pub x_max: Fixed,
    pub hazards: BTreeMap<(Bucket, Grade), Fixed>,
}

/// Every table of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    pub grades: Vec<GradeRow>,
    pub tiers: BTreeMap<(Bucket, Grade), String>,
    pub measures: BTreeMap<String, TierMeasures>,
    pub hazard: Vec<HazardBand>,
    pub recovery: BTreeMap<Bucket, Recovery>,
    pub settlement_floor: BTreeMap<Bucket, Ratio>,
    pub authority: Vec<AuthorityRow>,
    pub evidence: BTreeMap<HardshipReason, Vec<EvidenceType>>,
    /// Share of the income that is left, by reason.
    pub shocks: BTreeMap<HardshipReason, Ratio>,
}

/// `bucket,grade,tier`: every bucket and grade that a case can have exactly once.
pub(crate) fn tiers(
    bytes: &[u8],
    reachable: Option<&Pairs>,
    lines: &mut RowLines,
    problems: &mut Problems,
) -> BTreeMap<(Bucket, Grade), String> {
    let mut found = BTreeMap::new();
    for row in rows(bytes, &["bucket", "grade", "tier"], problems) {
        let Some(pair) = grades::read_pair(&row, reachable, problems) else { continue };
        lines.push((row.line, RowKey::Tier(pair.0, pair.1)));
        if found.insert(pair, row.cell("tier").to_owned()).is_some() {
            problems.add(row.line, "bucket and grade stand twice", "remove one row");
        }
    }
    grades::every_pair(|pair| found.contains_key(&pair), reachable, "tier", problems);
    found
}

/// `x_max,bucket,grade,hazard,low,high,origin`: for every band every bucket and grade that a case can have exactly
/// once; the highest band ends at the cap.
pub(crate) fn hazard(
    bytes: &[u8],
    reachable: Option<&Pairs>,
    lines: &mut RowLines,
    problems: &mut Problems,
) -> Vec<HazardBand> {
    let mut bands: BTreeMap<Ratio, BTreeMap<(Bucket, Grade), Fixed>> = BTreeMap::new();
    for row in rows(bytes, &["x_max", "bucket", "grade", "hazard", "low", "high", "origin"], problems) {
        let x_max = row.ratio("x_max", problems);
        let pair = grades::read_pair(&row, reachable, problems);
        let shares = [row.share("low", problems), row.share("hazard", problems), row.share("high", problems)];
        check_interval(&row, shares, problems);
        let (Some(x_max), Some(pair), [_, Some(hazard), _]) = (x_max, pair, shares) else { continue };
        let Some(hazard) = read_fixed(hazard) else { continue };
        lines.push((row.line, RowKey::Hazard(x_max, pair.0, pair.1)));
        if bands.entry(x_max).or_default().insert(pair, hazard).is_some() {
            problems.add(row.line, "band, bucket and grade stand twice", "remove one row");
        }
    }
    for (x_max, hazards) in &bands {
        let what = format!("hazard up to {x_max}");
        grades::every_pair(|pair| hazards.contains_key(&pair), reachable, &what, problems);
    }
    if bands.keys().next_back().map(|ratio| ratio.decimal()) != Some(MAX_BURDEN.into()) {
        problems.add(
            0,
            format!("gap: the highest band must end at {MAX_BURDEN}"),
            format!("add x_max {MAX_BURDEN}"),
        );
    }
    bands
        .into_iter()
        .filter_map(|(x_max, hazards)| Some(HazardBand { x_max: read_fixed(x_max)?, hazards }))
        .collect()
}

pub(super) fn check_interval(row: &CsvRow, [low, value, high]: [Option<Ratio>; 3], problems: &mut Problems) {
    if let (Some(low), Some(value), Some(high)) = (low, value, high)
        && !(low <= value && value <= high)
    {
        problems.add(row.line, "value lies outside its interval", "keep low ≤ value ≤ high");
    }
    if row.cell("origin").is_empty() {
        problems.add(row.line, "origin is missing", "say where the figure comes from");
    }
}

/// `bucket,share,low,high,delay_months,origin`: every bucket exactly once.
pub(crate) fn recovery(
    bytes: &[u8],
    lines: &mut RowLines,
    problems: &mut Problems,
) -> BTreeMap<Bucket, Recovery> {
    let mut found = BTreeMap::new();
    for row in rows(bytes, &["bucket", "share", "low", "high", "delay_months", "origin"], problems) {
        let shares = [row.share("low", problems), row.share("share", problems), row.share("high", problems)];
        check_interval(&row, shares, problems);
        let read = |text: &str| text.parse().ok().filter(|months: &u32| *months <= 120);
        let delay_months = row.parse("delay_months", ("0 to 120 months", read), problems);
        let (Some(bucket), [_, Some(share), _], Some(delay_months)) =
            (row.bucket("bucket", problems), shares, delay_months)
        else {
            continue;
        };
        let Some(share) = read_fixed(share) else { continue };
        lines.push((row.line, RowKey::Recovery(bucket)));
        if found.insert(bucket, Recovery { share, delay_months }).is_some() {
            problems.add(row.line, "bucket stands twice", "remove one row");
        }
    }
    every_bucket(|bucket| found.contains_key(&bucket), "recovery", problems);
    found
}

/// `bucket,floor`: lowest share of the principal that a settlement may ask; every bucket exactly once.
pub(crate) fn settlement_floor(
    bytes: &[u8],
    lines: &mut RowLines,
    problems: &mut Problems,
) -> BTreeMap<Bucket, Ratio> {
    let mut found = BTreeMap::new();
    for row in rows(bytes, &["bucket", "floor", "origin"], problems) {
        let (Some(bucket), Some(floor)) = (row.bucket("bucket", problems), row.share("floor", problems))
        else {
            continue;
        };
        lines.push((row.line, RowKey::Settlement(bucket)));
        if found.insert(bucket, floor).is_some() {
            problems.add(row.line, "bucket stands twice", "remove one row");
        }
    }
    every_bucket(|bucket| found.contains_key(&bucket), "settlement floor", problems);
    found
}

fn every_bucket(has: impl Fn(Bucket) -> bool, what: &str, problems: &mut Problems) {
    for (word, bucket) in BUCKETS {
        if !has(bucket) {
            problems.add(0, format!("gap: no {what} for {word}"), format!("add a row for {word}"));
        }
    }
}

/// `max_waived,max_pv_loss,max_extension_months,max_balance,authority`: first hit; an empty cell is any; the
/// last row takes everything.
pub(crate) fn authority(
    bytes: &[u8],
    currency: Currency,
    lines: &mut RowLines,
    problems: &mut Problems,
) -> Vec<AuthorityRow> {
    let columns = ["max_waived", "max_pv_loss", "max_extension_months", "max_balance", "authority"];
    let money_text = format!("an amount such as `500.00 {}`, or nothing for any", currency.code());
    let money = |text: &str| optional(text, |text| parse_money(text, currency));
    let mut found: Vec<AuthorityRow> = Vec::new();
    for row in rows(bytes, &columns, problems) {
        let max_waived = row.parse("max_waived", (&money_text, money), problems);
        let max_balance = row.parse("max_balance", (&money_text, money), problems);
        let loss = |text: &str| optional(text, read_ratio);
        let max_pv_loss = row.parse("max_pv_loss", ("a ratio, or nothing for any", loss), problems);
        let months = |text: &str| optional(text, |text| text.parse::<u32>().ok());
        let max_extension =
            row.parse("max_extension_months", ("months, or nothing for any", months), problems);
        let authority = row.parse(
            "authority",
            ("AUTOMATIC, OFFICER or OFFICER_AND_SUPERVISOR", Authority::parse),
            problems,
        );
        let (
            Some(max_waived),
            Some(max_balance),
            Some(max_pv_loss),
            Some(max_extension_months),
            Some(authority),
        ) = (max_waived, max_balance, max_pv_loss, max_extension, authority)
        else {
            continue;
        };
        let line = row.line;
        let row =
            AuthorityRow { max_waived, max_pv_loss, max_extension_months, max_balance, authority, line };
        check_order(&row, &found, problems);
        lines.push((line, RowKey::Authority(found.len())));
        found.push(row);
    }
    let closed = found.last().is_some_and(|row| {
        row.max_waived.is_none()
            && row.max_pv_loss.is_none()
            && row.max_extension_months.is_none()
            && row.max_balance.is_none()
    });
    if !closed {
        problems.add(0, "gap: some terms have no authority", "end with `,,,,OFFICER_AND_SUPERVISOR`");
    }
    found
}

fn check_order(row: &AuthorityRow, above: &[AuthorityRow], problems: &mut Problems) {
    let covers = |outer: &AuthorityRow| {
        within(row.max_waived, outer.max_waived)
            && within(row.max_pv_loss, outer.max_pv_loss)
            && within(row.max_extension_months, outer.max_extension_months)
            && within(row.max_balance, outer.max_balance)
    };
    if above.iter().any(covers) {
        problems.add(row.line, "row can't be reached: one above takes all of it", "remove or reorder it");
    }
}

fn within<T: Ord>(inner: Option<T>, outer: Option<T>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner <= outer,
    }
}

/// An empty cell is `Some(None)`, an unreadable one `None`.
fn optional<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

/// `reason,accepted`: every reason exactly once, accepted types separated by `|`.
pub(crate) fn evidence(
    bytes: &[u8],
    lines: &mut RowLines,
    problems: &mut Problems,
) -> BTreeMap<HardshipReason, Vec<EvidenceType>> {
    let mut found = BTreeMap::new();
    for row in rows(bytes, &["reason", "accepted"], problems) {
        let Some(reason) = row.parse("reason", ("a hardship reason", HardshipReason::parse), problems) else {
            continue;
        };
        let mut accepted = Vec::new();
        for word in row.cell("accepted").split('|') {
            if problems.is_full() {
                break;
            }
            match EvidenceType::parse(word) {
                Some(evidence) if accepted.contains(&evidence) => {
                    problems.add(row.line, format!("`{word}` stands twice"), "name each type once");
                }
                Some(evidence) => accepted.push(evidence),
                None => {
                    let mend = suggest(word, EvidenceType::ALL.iter().map(|known| known.as_str()));
                    problems.add(row.line, format!("unknown evidence type `{word}`"), mend);
                }
            }
        }
        lines.push((row.line, RowKey::Evidence(reason)));
        if found.insert(reason, accepted).is_some() {
            problems.add(row.line, "reason stands twice", "remove one row");
        }
    }
    for reason in HardshipReason::ALL {
        if !found.contains_key(reason) {
            let mend = format!("add a row for {}", reason.as_str());
            problems.add(0, format!("gap: no evidence for {}", reason.as_str()), mend);
        }
    }
    found
}

impl Tables {
    /// Grade by the bucket of the day and the late months of the last six: the first row that holds.
    pub fn grade(&self, bucket: Bucket, late_months: u32) -> Grade {
        // INVARIANT: the checker demands a row for every bucket and count of late months.
        grades::first(&self.grades, bucket, late_months).map_or(Grade::Bad, |row| row.grade)
    }

    /// Measures of the tier for a bucket and grade, with the tier's name.
    pub fn tier(&self, bucket: Bucket, grade: Grade) -> (&str, Option<&TierMeasures>) {
        let name = self.tiers.get(&(bucket, grade)).map_or("", String::as_str);
        (name, self.measures.get(name))
    }

    /// Tiers that have no measures, for the checker.
    pub fn tiers_without_measures(&self) -> Vec<String> {
        let mut missing: Vec<String> = self
            .tiers
            .iter()
            .filter(|(_, tier)| !self.measures.contains_key(*tier))
            .map(|((bucket, grade), tier)| format!("{tier} ({}, {})", bucket_word(*bucket), grade.as_str()))
            .collect();
        missing.dedup();
        missing
    }
}

pub(super) fn read_fixed(ratio: Ratio) -> Option<Fixed> {
    Fixed::from_decimal(ratio.decimal()).ok()
}
