//! Stored decisions made again under a candidate: which come out otherwise, what that costs, and who has to look.
//!
//! [`rules_only`] and [`with_offers`] are plain functions over stored rows and a candidate; reading the rows page by page
//! and computing off the threads that serve is `driver`'s.

mod driver;
mod row;
mod tally;
mod verdict;

use std::sync::Arc;

use assessment::{AssessError, FactSheet, Facts, Pack, Trace, assess, fact_sheet};

pub(crate) use self::driver::{Filter, Mode, Replay};
pub use self::row::{Segment, StoredRow};
pub use self::tally::{Count, Tally};
pub use self::verdict::{FlipKind, Verdict};

/// A stored decision, ready to be made again.
#[derive(Debug, Clone)]
pub struct Case {
    /// The decision in short.
    pub row: StoredRow,
    /// The pack that decided it; `None` where this engine can't read it.
    pub decided_under: Option<Arc<Pack>>,
    /// Its full facts. Rules alone can do without where the candidate derives facts as the deciding pack did.
    pub facts: Option<Facts>,
}

/// A decision that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The decision.
    pub decision_id: String,
    /// Its case.
    pub case_id: String,
    /// What is other; never empty.
    pub kinds: Vec<FlipKind>,
    /// What was said.
    pub before: Verdict,
    /// What the candidate says; `Err` with a code where it can't assess the case.
    pub after: Result<Verdict, &'static str>,
}

/// Code of a case whose stored facts this engine can't read.
const SHEET_UNREADABLE: &str = "SHEET_UNREADABLE";

/// Asks the rules alone: what they lead to expect, before any offer is looked for. Counts into `tally`, returns the flips.
pub fn rules_only(cases: impl IntoIterator<Item = Case>, candidate: &Pack, tally: &mut Tally) -> Vec<Flip> {
    again(cases, tally, |case| {
        let row = &case.row;
        let stored = || FactSheet::decode(&row.sheet).ok_or(SHEET_UNREADABLE);
        let after = if row.derivation_digest == candidate.derivation_digest() {
            let sheet = stored();
            let effect = sheet.map(|sheet| *candidate.rule_on(&sheet).effect());
            effect.map(|effect| (effect, row.no_evidence))
        } else {
            derived(candidate, case.facts.as_ref())
        };
        let before = match &case.decided_under {
            Some(pack) => stored().map(|sheet| *pack.rule_on(&sheet).effect()),
            None => Err(SHEET_UNREADABLE),
        };
        match (before, after) {
            // Nearly every case: nothing to write down but its outcome.
            (Ok(before), Ok((after, no_evidence))) if before == after && no_evidence == row.no_evidence => {
                Answer::Same(Verdict::expected(&before, no_evidence))
            }
            (Ok(before), Ok((after, no_evidence))) => Answer::Compared {
                kinds: verdict::rule_kinds((&before, row.no_evidence), (&after, no_evidence)),
                before: Verdict::expected(&before, row.no_evidence),
                after: Ok(Verdict::expected(&after, no_evidence)),
            },
            (Ok(before), Err(code)) => {
                Answer::lost(Verdict::expected(&before, row.no_evidence), code)
            }
            // What decided it can't be asked again: what was decided stands for it.
            (Err(_), Ok((after, no_evidence))) => {
                let (before, after) = (row.verdict.without_offer(), Verdict::expected(&after, no_evidence));
                Answer::Compared { kinds: before.kinds(&after), before, after: Ok(after) }
            }
            (Err(_), Err(code)) => Answer::lost(row.verdict.without_offer(), code),
        }
    })
}

/// Makes the whole assessment again, offers included. Counts into `tally`, returns the flips.
pub fn with_offers(cases: impl IntoIterator<Item = Case>, candidate: &Pack, tally: &mut Tally) -> Vec<Flip> {
    again(cases, tally, |case| {
        let before = case.row.verdict.clone();
        let Some(facts) = &case.facts else { return Answer::lost(before, SHEET_UNREADABLE) };
        match assess(candidate, facts, Trace::None) {
            Ok(decision) => {
                let after = Verdict::of(&decision);
                Answer::Compared { kinds: before.kinds(&after), before, after: Ok(after) }
            }
            Err(error) => Answer::lost(before, error.code()),
        }
    })
}

/// What became of one case.
enum Answer {
    Same(Verdict),
    Compared { kinds: Vec<FlipKind>, before: Verdict, after: Result<Verdict, &'static str> },
}

impl Answer {
    fn lost(before: Verdict, code: &'static str) -> Self {
        Self::Compared { kinds: vec![FlipKind::Unassessable], before, after: Err(code) }
    }
}

fn again(
    cases: impl IntoIterator<Item = Case>,
    tally: &mut Tally,
    answer: impl Fn(&Case) -> Answer,
) -> Vec<Flip> {
    let mut flips = Vec::new();
    for case in cases {
        match answer(&case) {
            Answer::Same(verdict) => tally.count(&case.row, &[], &verdict, Some(&verdict)),
            Answer::Compared { kinds, before, after } => {
                tally.count(&case.row, &kinds, &before, after.as_ref().ok());
                if !kinds.is_empty() {
                    let StoredRow { decision_id, case_id, .. } = case.row;
                    flips.push(Flip { decision_id, case_id, kinds, before, after });
                }
            }
        }
    }
    flips
}

/// What the candidate's rules say of full facts, and whether no document counts.
fn derived(candidate: &Pack, facts: Option<&Facts>) -> Result<(assessment::Effect, bool), &'static str> {
    let facts = facts.ok_or(SHEET_UNREADABLE)?;
    let sheet = fact_sheet(candidate, facts).map_err(|error: AssessError| error.code())?;
    Ok((*candidate.rule_on(&sheet).effect(), row::no_evidence(&sheet, candidate)))
}
