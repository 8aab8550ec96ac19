//! An evaluator of its own for the offers of a case: schedules by `loan`, values in integers of 40 places, tables read from
//! the pack's files. It shares no code with the search.

use std::collections::{BTreeMap, BTreeSet};

use assessment::{Decision, Facts, PackFiles, candidates};
use loan::{Amount, Applied, Bucket, Date, Measure, Terms};
use num_bigint::BigInt;
use rust_decimal::Decimal;

use crate::support::pack;

/// Places of every value.
const PLACES: u32 = 40;

/// A number with 40 places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(BigInt);

impl Exact {
    fn of(decimal: Decimal) -> Self {
        let missing = PLACES - decimal.scale();
        Self(BigInt::from(decimal.mantissa()) * BigInt::from(10).pow(missing))
    }

    fn one() -> Self {
        Self(BigInt::from(10).pow(PLACES))
    }

    fn times(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0 / Self::one().0)
    }

    fn by(&self, amount: i64) -> Self {
        Self(&self.0 * amount)
    }

    fn over(&self, other: &Self) -> Self {
        Self(&self.0 * Self::one().0 / &other.0)
    }

    fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    fn less(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// Larger by more than what 18 places can hide in sums of some hundred products of money.
    pub fn exceeds(&self, other: &Self) -> bool {
        &self.0 - &other.0 > BigInt::from(10).pow(PLACES - 6)
    }
}

/// A feasible candidate as the auditor sees it.
#[derive(Debug, Clone)]
pub struct Audited {
    pub key: String,
    pub lender: Exact,
    pub burden: Exact,
    pub total: Amount,
    pub in_mandate: bool,
}

impl Audited {
    /// Payment over share as offers tell it: four places, half to even.
    pub fn burden_shown(&self) -> String {
        let units = BigInt::from(10).pow(PLACES - 28);
        let mantissa: i128 = (&self.burden.0 / units).try_into().unwrap();
        let mut shown = Decimal::from_i128_with_scale(mantissa, 28).round_dp(4);
        shown.rescale(4);
        shown.to_string()
    }
}

/// The tables that values follow from, for one bucket and grade.
struct Tables {
    bands: Vec<(Decimal, Decimal)>,
    recovery: Decimal,
    delay: usize,
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn rows(files: &PackFiles, name: &str) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(&files.0[name]).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

impl Tables {
    fn of(files: &PackFiles, bucket: &str, grade: &str) -> Self {
        let hazard = rows(files, "tables/hazard.csv");
        let own = hazard.iter().filter(|row| row[1] == bucket && row[2] == grade);
        let mut bands: Vec<_> = own.map(|row| (decimal(&row[0]), decimal(&row[3]))).collect();
        bands.sort();
        let recovery = rows(files, "tables/recovery.csv");
        let own = recovery.iter().find(|row| row[0] == bucket).unwrap();
        Self { bands, recovery: decimal(&own[1]), delay: own[4].parse().unwrap() }
    }

    fn hazard(&self, x: &Exact) -> Exact {
        let band = self.bands.iter().find(|(x_max, _)| *x <= Exact::of(*x_max));
        Exact::of(band.or(self.bands.last()).unwrap().1)
    }
}

/// One case under audit.
pub struct Auditor<'a> {
    facts: &'a Facts,
    state: loan::State,
    shares: Vec<i64>,
    tables: Tables,
    months: Vec<Exact>,
    lump: i64,
}

fn month(from: Date, to: Date) -> usize {
    let index = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
    usize::try_from(index(to) - index(from)).unwrap()
}

impl<'a> Auditor<'a> {
    pub fn new(files: &PackFiles, facts: &'a Facts, decision: &Decision) -> Self {
        let state = facts.loan.account.state(facts.as_of).unwrap();
        let bucket = match state.bucket {
            Bucket::M0 => "M0",
            Bucket::M1 => "M1",
            Bucket::M2 => "M2",
            Bucket::M3 => "M3",
            Bucket::M4Plus => "M4_PLUS",
        };
        let tables = Tables::of(files, bucket, &decision.derived_facts["history.grade"]);
        let rate = facts.loan.account.contract().annual_rate.decimal();
        let growth = Exact::one().plus(&Exact::of(rate).over(&Exact::one().by(12)));
        let mut months = vec![Exact::one()];
        for before in 0..150 {
            months.push(months[before].over(&growth));
        }
        let lump = facts.statement.lump_sum.as_ref().filter(|lump| lump.proved && !lump.borrowed);
        let lump = lump.map_or(0, |lump| lump.amount.minor());
        let shares = decision.affordability.iter().map(|month| month.share.minor()).collect();
        Self { facts, state, shares, tables, months, lump }
    }

    fn share(&self, month: usize) -> i64 {
        *self.shares.get(month).or(self.shares.last()).unwrap()
    }

    /// Every distinct feasible candidate, by what it pays.
    pub fn audit(&self, pack_name: &str) -> Vec<Audited> {
        let mut seen = BTreeSet::new();
        let mut audited = Vec::new();
        for terms in candidates(&pack(pack_name), self.facts).unwrap() {
            let account = &self.facts.loan.account;
            let applied = loan::relief::apply(&self.state, account.contract(), &terms, self.facts.as_of);
            let Ok(applied) = applied else { continue };
            let pays = self.pays(&applied);
            if !self.is_feasible(&terms, &applied, &pays) {
                continue;
            }
            if seen.insert((kinds(&terms), pays.clone(), applied.end)) {
                let (lender, burden) = self.value(&terms, &pays);
                let key = terms.canonical_key();
                let in_mandate = self.is_in_mandate(&terms, &applied);
                audited.push(Audited { key, lender, burden, total: applied.total_to_pay, in_mandate });
            }
        }
        audited
    }

    fn pays(&self, applied: &Applied) -> Vec<i64> {
        let mut months: BTreeMap<usize, i64> = BTreeMap::new();
        for flow in &applied.flows {
            if flow.date < self.facts.as_of {
                return vec![i64::MAX];
            }
            *months.entry(month(self.facts.as_of, flow.date)).or_default() += flow.amount.minor();
        }
        let penalty = self.state.arrears.penalty.minor() - applied.waived.penalty.minor();
        let first = months.keys().next().copied().unwrap_or(0);
        *months.entry(first).or_default() += penalty.max(0);
        let last = months.keys().next_back().copied().unwrap_or(0);
        (0..=last).map(|month| months.get(&month).copied().unwrap_or(0)).collect()
    }

    fn is_feasible(&self, terms: &Terms, applied: &Applied, pays: &[i64]) -> bool {
        let settles = is_settlement(terms);
        let mut lump = if settles { self.lump } else { 0 };
        for (month, pay) in pays.iter().enumerate() {
            let over = (pay - self.share(month)).max(0);
            if over > lump {
                return false;
            }
            lump -= over;
        }
        let contract = self.facts.loan.account.contract();
        let sixty = contract.interest_from.checked_add(jiff::Span::new().months(60)).unwrap();
        let highest = self.state.rows.iter().filter(|row| row.is_open().unwrap());
        let highest = highest.map(|row| row.row.principal.add(row.row.interest).unwrap()).max().unwrap();
        let verified = |month: usize| {
            self.facts.statement.verified_income.iter().any(|entry| {
                let from = usize::try_from(entry.from_month).unwrap();
                let months = usize::try_from(entry.months).unwrap();
                from <= month && (months == 0 || month < from + months)
            })
        };
        let proved = |flow: &loan::value::Flow| {
            settles || flow.amount <= highest || verified(month(self.facts.as_of, flow.date))
        };
        applied.end <= sixty && applied.flows.iter().all(proved) && self.is_under_cap(applied)
    }

    fn is_under_cap(&self, applied: &Applied) -> bool {
        let arrears = &self.state.arrears;
        let outlay = Amount::try_sum([self.state.principal_left, arrears.interest, arrears.fee]).unwrap();
        let cost = loan::value::annual_cost(outlay, &applied.flows, self.state.value_date()).unwrap();
        // A plan that pays back less costs nothing.
        cost.is_none_or(|cost| cost.decimal().round_dp(4) <= decimal("0.24"))
    }

    fn value(&self, terms: &Terms, pays: &[i64]) -> (Exact, Exact) {
        let zero = Exact(BigInt::ZERO);
        let (mut lender, mut burden, mut survival) = (zero.clone(), zero, Exact::one());
        let arrears = &self.state.arrears;
        let mut claim = self.state.principal_left.minor()
            + arrears.interest.minor()
            + arrears.fee.minor()
            + arrears.penalty.minor();
        let mut interest: BTreeMap<usize, i64> = BTreeMap::new();
        for row in self.state.rows.iter().filter(|row| row.row.due > self.facts.as_of) {
            let left = row.left().unwrap();
            *interest.entry(month(self.facts.as_of, row.row.due)).or_default() +=
                left.interest.minor() + left.fee.minor();
        }
        let mut lump = if is_settlement(terms) { self.lump } else { 0 };
        for (month, pay) in pays.iter().copied().enumerate() {
            let means = self.share(month) + lump;
            lump = (lump - (pay - self.share(month)).max(0)).max(0);
            let cap = Exact::one().by(3);
            let x = match (pay, means) {
                (0, _) => Exact(BigInt::ZERO),
                (_, ..=0) => cap,
                _ => Exact::one().by(pay).over(&Exact::one().by(means)).min(cap),
            };
            let after = survival.times(&Exact::one().less(&self.tables.hazard(&x)));
            claim += interest.get(&month).copied().unwrap_or(0);
            let back = survival.less(&after).times(&Exact::of(self.tables.recovery));
            lender = lender
                .plus(&self.months[month].times(&after).by(pay))
                .plus(&back.times(&self.months[month + self.tables.delay]).by(claim.max(0)));
            claim -= pay;
            survival = after;
            burden = burden.max(x);
        }
        (lender, burden)
    }

    /// A deferral or an extension alone, beside waivers of penalty, that loses at most a twentieth.
    fn is_in_mandate(&self, terms: &Terms, applied: &Applied) -> bool {
        let others: Vec<&Measure> = terms
            .measures
            .iter()
            .filter(|measure| !matches!(measure, Measure::WaivePenalty { .. }))
            .collect();
        let alone = matches!(others.as_slice(), [Measure::Deferral { .. } | Measure::TermExtension { .. }]);
        let (_, loss) = loan::value::pv_loss(&loan::value::Change {
            before: &loan::preview::open_flows(&self.state).unwrap(),
            after: &applied.flows,
            annual_rate: self.facts.loan.account.contract().annual_rate,
            at: self.state.value_date(),
            principal_left: self.state.principal_left,
        })
        .unwrap();
        alone && loss.decimal() <= decimal("0.05")
    }
}

fn is_settlement(terms: &Terms) -> bool {
    terms.measures.iter().any(|measure| matches!(measure, Measure::Settlement { .. }))
}

/// Kinds of measure, waivers apart.
fn kinds(terms: &Terms) -> BTreeSet<u8> {
    let waives =
        |measure: &&Measure| matches!(measure, Measure::WaivePenalty { .. } | Measure::WaiveInterest { .. });
    terms.measures.iter().filter(|measure| !waives(measure)).map(Measure::rank).collect()
}
