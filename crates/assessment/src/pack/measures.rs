//! The measures that each tier allows, with their values.

use std::collections::{BTreeMap, BTreeSet};

use loan::{DeferralInterest, Ratio, ReductionInterest};

use super::csv_rows::rows;
use super::parameters::{DEFERRAL_INTEREST, REDUCTION_INTEREST};
use super::reader::Problems;
use super::section::suggest;
use super::tables::RowLines;
use crate::codes::MeasureKind;
use crate::reached::RowKey;

/// Most candidates of one case.
pub(crate) const MAX_CANDIDATES: usize = 4096;
/// Most values of one measure parameter.
const MAX_VALUES: usize = 64;

/// Measures and values that a tier allows; an empty list: the measure isn't allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TierMeasures {
    /// Shares of the penalty that may be waived; an empty list: all of it or nothing.
    pub waived_penalty_shares: Vec<Ratio>,
    pub deferral_months: Vec<u16>,
    pub deferral_interest: Vec<DeferralInterest>,
    pub reduction_factors: Vec<Ratio>,
    pub reduction_instalments: Vec<u16>,
    /// Shortfall rows = this × reduced rows; 0: into the last row.
    pub reduction_multiples: Vec<u16>,
    pub reduction_interest: Vec<ReductionInterest>,
    pub extension_instalments: Vec<u16>,
    /// 0: all that remain.
    pub re_age_rows: Vec<u16>,
    /// Share of the contract rate.
    pub rate_factors: Vec<Ratio>,
    pub settlement_shares: Vec<Ratio>,
    pub settlement_parts: Vec<u16>,
    /// Share of the lowest share.
    pub token_factors: Vec<Ratio>,
    pub token_months: Vec<u16>,
}

/// `tier,measure,parameter,values`: a measure that a tier names needs all its parameters.
pub(crate) fn read(
    bytes: &[u8],
    lines: &mut RowLines,
    problems: &mut Problems,
) -> BTreeMap<String, TierMeasures> {
    let mut found: BTreeMap<String, TierMeasures> = BTreeMap::new();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for row in rows(bytes, &["tier", "measure", "parameter", "values"], problems) {
        let key = format!("{}.{}", row.cell("measure"), row.cell("parameter"));
        if !PARAMETERS.contains(&key.as_str()) {
            problems.add(
                row.line,
                format!("unknown parameter `{key}`"),
                suggest(&key, PARAMETERS.into_iter()),
            );
            continue;
        }
        let kind = MeasureKind::parse(row.cell("measure"));
        lines.extend(kind.map(|kind| (row.line, RowKey::Measure(row.cell("tier").to_owned(), kind))));
        let tier = found.entry(row.cell("tier").to_owned()).or_default();
        if read_measure(tier, &key, row.cell("values")).is_none() {
            let mend = "separate values by `|`, each once; whole numbers may be a range `1..12`; at most 64";
            problems.add(
                row.line,
                format!("values of `{key}` can't be read: `{}`", row.cell("values")),
                mend,
            );
        }
        if !seen.insert((row.cell("tier").to_owned(), key.clone())) {
            problems.add(row.line, format!("`{key}` stands twice for its tier"), "remove one row");
        }
    }
    for (tier, measures) in &found {
        let most = measures.most_candidates();
        if most > MAX_CANDIDATES {
            let what = format!("tier {tier} makes up to {most} candidates, more than {MAX_CANDIDATES}");
            problems.add(0, what, "allow fewer values of a measure");
        }
        for (name, sizes) in measures.groups() {
            if sizes.contains(&0) && sizes.iter().any(|size| *size > 0) {
                problems.add(
                    0,
                    format!("gap: tier {tier} lacks a parameter of {name}"),
                    "give all its parameters",
                );
            }
        }
    }
    found
}

const PARAMETERS: [&str; 14] = [
    "WAIVE_PENALTY.share",
    "DEFERRAL.months",
    "DEFERRAL.interest",
    "PAYMENT_REDUCTION.factor",
    "PAYMENT_REDUCTION.instalments",
    "PAYMENT_REDUCTION.shortfall_multiple",
    "PAYMENT_REDUCTION.interest",
    "TERM_EXTENSION.instalments",
    "RE_AGE.rows",
    "RATE_REDUCTION.factor",
    "SETTLEMENT.share",
    "SETTLEMENT.parts",
    "TOKEN_PAYMENTS.share_factor",
    "TOKEN_PAYMENTS.months",
];

impl TierMeasures {
    /// How many candidates a case of this tier can have at most.
    fn most_candidates(&self) -> usize {
        let times =
            |sizes: &[usize]| sizes.iter().fold(1_usize, |product, size| product.saturating_mul(*size));
        let unpaid = self.deferral_interest.iter().filter(|one| **one != DeferralInterest::Paid).count();
        let months = self.deferral_months.len();
        let re_ages = self.re_age_rows.len();
        let changes = times(&[self.extension_instalments.len() + 1, self.rate_factors.len() + 1]) - 1;
        let families = [
            times(&[months, self.deferral_interest.len()]),
            times(&[
                self.reduction_factors.len(),
                self.reduction_instalments.len(),
                self.reduction_multiples.len(),
                self.reduction_interest.len(),
            ]),
            times(&[self.token_factors.len(), self.token_months.len()]),
            re_ages,
            times(&[changes, 1 + re_ages + times(&[months, unpaid])]),
            times(&[self.settlement_shares.len(), self.settlement_parts.len()]),
        ];
        let all = families.iter().fold(0_usize, |sum, family| sum.saturating_add(*family));
        times(&[all, self.waived_penalty_shares.len().max(1)])
    }

    fn groups(&self) -> [(&'static str, Vec<usize>); 4] {
        [
            ("DEFERRAL", vec![self.deferral_months.len(), self.deferral_interest.len()]),
            (
                "PAYMENT_REDUCTION",
                vec![
                    self.reduction_factors.len(),
                    self.reduction_instalments.len(),
                    self.reduction_multiples.len(),
                    self.reduction_interest.len(),
                ],
            ),
            ("SETTLEMENT", vec![self.settlement_shares.len(), self.settlement_parts.len()]),
            ("TOKEN_PAYMENTS", vec![self.token_factors.len(), self.token_months.len()]),
        ]
    }
}

fn read_measure(tier: &mut TierMeasures, key: &str, values: &str) -> Option<()> {
    match key {
        "WAIVE_PENALTY.share" => tier.waived_penalty_shares = shares(values)?,
        "DEFERRAL.months" => tier.deferral_months = integers(values, 1..=12)?,
        "DEFERRAL.interest" => tier.deferral_interest = words(values, &DEFERRAL_INTEREST)?,
        "PAYMENT_REDUCTION.factor" => tier.reduction_factors = shares(values)?,
        "PAYMENT_REDUCTION.instalments" => tier.reduction_instalments = integers(values, 1..=24)?,
        "PAYMENT_REDUCTION.shortfall_multiple" => tier.reduction_multiples = integers(values, 0..=12)?,
        "PAYMENT_REDUCTION.interest" => tier.reduction_interest = words(values, &REDUCTION_INTEREST)?,
        "TERM_EXTENSION.instalments" => tier.extension_instalments = integers(values, 1..=60)?,
        "RE_AGE.rows" => tier.re_age_rows = integers(values, 0..=60)?,
        "RATE_REDUCTION.factor" => tier.rate_factors = shares(values)?,
        "SETTLEMENT.share" => tier.settlement_shares = shares(values)?,
        "SETTLEMENT.parts" => tier.settlement_parts = integers(values, 1..=12)?,
        "TOKEN_PAYMENTS.share_factor" => tier.token_factors = shares(values)?,
        "TOKEN_PAYMENTS.months" => tier.token_months = integers(values, 1..=6)?,
        _ => return None,
    }
    Some(())
}

fn integers(values: &str, range: std::ops::RangeInclusive<u16>) -> Option<Vec<u16>> {
    let mut found = Vec::new();
    for part in values.split('|') {
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if !range.contains(&first) || !range.contains(&last) || first > last {
            return None;
        }
        for value in first..=last {
            if found.len() == MAX_VALUES || found.contains(&value) {
                return None;
            }
            found.push(value);
        }
    }
    Some(found)
}

fn shares(values: &str) -> Option<Vec<Ratio>> {
    let read = |text| Ratio::parse(text).ok().filter(|ratio| *ratio >= Ratio::ZERO && *ratio <= Ratio::ONE);
    each_once(values.split('|').map(read))
}

/// Values of which none stands twice, and not too many.
fn each_once<T: PartialEq>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for value in values {
        let value = value?;
        if found.len() == MAX_VALUES || found.contains(&value) {
            return None;
        }
        found.push(value);
    }
    Some(found)
}

fn words<T: Copy + PartialEq>(values: &str, known: &[(&'static str, T)]) -> Option<Vec<T>> {
    let read = |text| known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    each_once(values.split('|').map(read))
}
