//! What an assessment used of its pack: so that a pack whose tests leave a rule or row out can be refused.
//!
//! Only tests of packs ask for it; assessments of cases carry `None` and note nothing.

use std::cell::Cell;
use std::collections::BTreeSet;

use loan::{Amount, Bucket, Measure, Ratio};

use crate::affordability::month_of;
use crate::case::Case;
use crate::codes::{Grade, HardshipReason, MeasureKind, Outcome, Verdict};
use crate::decision::{Decision, Offer};
use crate::error::AssessError;
use crate::pack::{Pack, grades};

/// A row of a table by what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowKey {
    /// By its place from the top.
    History(usize),
    Tier(Bucket, Grade),
    /// All parameters of a measure are used together.
    Measure(String, MeasureKind),
    /// Band of payment over share by its upper end.
    Hazard(Ratio, Bucket, Grade),
    Recovery(Bucket),
    Settlement(Bucket),
    /// By its place from the top.
    Authority(usize),
    Evidence(HardshipReason),
}

/// A row of a table, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRow {
    pub file: &'static str,
    pub line: u32,
    pub key: RowKey,
}

/// Rules that fired and rows that were used.
#[derive(Default)]
pub(crate) struct Reached {
    standing: Cell<Option<(Bucket, Grade)>>,
    rules: Cell<BTreeSet<String>>,
    rows: Cell<BTreeSet<RowKey>>,
}

impl Reached {
    /// Bucket of the day and grade of the history; `None` where the case couldn't be assessed.
    pub fn standing(&self) -> Option<(Bucket, Grade)> {
        self.standing.get()
    }

    pub fn has_rule(&self, id: &str) -> bool {
        with(&self.rules, |rules| rules.contains(id))
    }

    pub fn has_row(&self, key: &RowKey) -> bool {
        with(&self.rows, |rows| rows.contains(key))
    }

    /// Adds what another assessment reached.
    pub fn join(&self, other: Self) {
        with(&self.rules, |rules| rules.extend(other.rules.into_inner()));
        with(&self.rows, |rows| rows.extend(other.rows.into_inner()));
    }

    pub fn note(&self, key: RowKey) {
        with(&self.rows, |rows| rows.insert(key));
    }

    /// Kinds of measures in the terms that were generated: they use the tier's values and the floor of a settlement.
    pub fn note_kinds(&self, case: &Case<'_>, used: impl Fn(MeasureKind) -> bool) {
        let (tier, _) = case.pack.tables.tier(case.state.bucket, case.grade);
        for kind in MeasureKind::ALL.iter().copied().filter(|kind| used(*kind)) {
            self.note(RowKey::Measure(tier.to_owned(), kind));
            if kind == MeasureKind::Settlement {
                self.note(RowKey::Settlement(case.state.bucket));
            }
        }
    }

    /// Everything that can be told from the decision. Bands of hazard are those that no agreement and the offers
    /// pass through.
    pub fn note_decision(&self, case: &Case<'_>, decision: &Decision) -> Result<(), AssessError> {
        let (bucket, grade) = (case.state.bucket, case.grade);
        self.standing.set(Some((bucket, grade)));
        let fired = decision.rules.iter().filter(|rule| rule.verdict == Verdict::Fired);
        with(&self.rules, |rules| rules.extend(fired.map(|rule| rule.rule_id.clone())));
        if decision.outcome == Outcome::Hold {
            return Ok(());
        }
        self.note(RowKey::Evidence(case.facts.reason));
        let history = grades::place_of(&case.pack.tables.grades, bucket, case.history.late_months_6m);
        if let Some(place) = history {
            self.note(RowKey::History(place));
        }
        if decision.search.considered == 0 {
            return Ok(());
        }
        self.note(RowKey::Tier(bucket, grade));
        self.note(RowKey::Recovery(bucket));
        let bands = bands(case.pack, (bucket, grade));
        for month in &decision.affordability {
            self.note_band(&bands, (bucket, grade), (month.contract_due, month.share));
        }
        for offer in decision.offers.iter().filter(|offer| !settles(offer)) {
            for (month, due) in by_month(case, offer)?.into_iter().enumerate() {
                self.note_band(&bands, (bucket, grade), (due, case.affordability.share(month)));
            }
        }
        Ok(())
    }

    fn note_band(&self, bands: &[Ratio], (bucket, grade): (Bucket, Grade), (pay, share): (Amount, Amount)) {
        let within =
            |band: &&Ratio| share.exact().checked_mul(band.decimal()).is_some_and(|most| pay.exact() <= most);
        let band = if pay.is_zero() {
            bands.first()
        } else if share.is_zero() {
            bands.last()
        } else {
            bands.iter().find(within).or(bands.last())
        };
        if let Some(band) = band {
            self.note(RowKey::Hazard(*band, bucket, grade));
        }
    }
}

/// Looks into a cell that nobody else can look into meanwhile.
fn with<T: Default, R>(cell: &Cell<T>, look: impl FnOnce(&mut T) -> R) -> R {
    let mut value = cell.take();
    let result = look(&mut value);
    cell.set(value);
    result
}

/// Upper ends of the bands for a bucket and grade, ascending.
fn bands(pack: &Pack, standing: (Bucket, Grade)) -> Vec<Ratio> {
    let mut bands: Vec<Ratio> = pack
        .rows
        .iter()
        .filter_map(|row| match row.key {
            RowKey::Hazard(band, bucket, grade) if (bucket, grade) == standing => Some(band),
            _ => None,
        })
        .collect();
    bands.sort_unstable();
    bands
}

fn settles(offer: &Offer) -> bool {
    offer.terms.measures.iter().any(|measure| matches!(measure, Measure::Settlement { .. }))
}

fn by_month(case: &Case<'_>, offer: &Offer) -> Result<Vec<Amount>, AssessError> {
    let mut months = Vec::new();
    for row in &offer.instalments {
        let month = month_of(case.facts.as_of, row.due_date);
        if months.len() <= month {
            months.resize(month + 1, Amount::ZERO);
        }
        if let Some(due) = months.get_mut(month) {
            *due = due.add(row.total_due.sub_floor0(row.paid)?)?;
        }
    }
    Ok(months)
}
