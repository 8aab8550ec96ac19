//! Stored decisions made again under a candidate: which come out otherwise, what that costs, and who has to look.
//!
//! [`rules_only`] and [`with_offers`] are plain functions over stored rows and a candidate; reading the rows page by page
//! and computing off the threads that serve is `driver`'s.

mod driver;
mod row;
mod tally;
mod verdict;

use std::sync::Arc;

use assessment::{AssessError, ENGINE_VERSION, FactSheet, Facts, Pack, Trace, assess, fact_sheet};

pub(crate) use self::driver::{Filter, Mode, Replay};
pub(crate) use self::row::sheet_of;
pub use self::row::{Segment, StoredRow};
pub use self::tally::{Count, Tally};
pub use self::verdict::{FlipKind, Verdict};

/// A stored decision, ready to be made again.
#[derive(Debug, Clone)]
pub struct Case {
    /// The decision in short.
    pub row: StoredRow,
    /// The pack that decided it; `None` where this engine can't read it, or where the decision itself says what is needed.
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
const FACTS_UNREADABLE: &str = "FACTS_UNREADABLE";

/// Asks the rules alone: what they lead to expect, before any offer is looked for. Counts into `tally`, returns the flips.
pub fn rules_only(cases: impl IntoIterator<Item = Case>, candidate: &Pack, tally: &mut Tally) -> Vec<Flip> {
    again(cases, tally, |case| {
        // Of a closed loan no rule is asked, and nothing is searched either.
        if case.row.sheet.is_empty() { whole(case, candidate) } else { ruled(case, candidate) }
    })
}

/// Makes the whole assessment again, offers included. Counts into `tally`, returns the flips.
pub fn with_offers(cases: impl IntoIterator<Item = Case>, candidate: &Pack, tally: &mut Tally) -> Vec<Flip> {
    again(cases, tally, |case| whole(case, candidate))
}

fn whole(case: &Case, candidate: &Pack) -> Answer {
    let Some(facts) = &case.facts else { return Answer::lost(case.row.verdict.clone(), FACTS_UNREADABLE) };
    let before = said(case, facts);
    match assess(candidate, facts, Trace::None) {
        Ok(decision) => Answer::compared(before, Verdict::of(&decision)),
        Err(error) => Answer::lost(before, error.code()),
    }
}

/// What was decided; where another engine decided, what this one says under the same pack, so that a flip is the candidate's
/// doing and not the engine's.
fn said(case: &Case, facts: &Facts) -> Verdict {
    let own = case.row.engine_version == ENGINE_VERSION;
    let pack = case.decided_under.as_deref().filter(|_| !own);
    let again = pack.and_then(|pack| assess(pack, facts, Trace::None).ok());
    again.map_or_else(|| case.row.verdict.clone(), |decision| Verdict::of(&decision))
}

fn ruled(case: &Case, candidate: &Pack) -> Answer {
    let row = &case.row;
    let sheet = FactSheet::decode(&row.sheet);
    let asked = |pack: &Pack| sheet.as_ref().map(|sheet| (*pack.rule_on(sheet).effect(), row.no_evidence));
    let before = case.decided_under.as_deref().and_then(asked);
    let after = if row.derivation_digest == candidate.derivation_digest() {
        asked(candidate).ok_or(FACTS_UNREADABLE)
    } else {
        derived(candidate, case.facts.as_ref())
    };
    let said = before.map(|(effect, no_evidence)| Verdict::expected(&effect, no_evidence));
    // What decided it can't always be asked again: what was decided stands for it then.
    let said = said.unwrap_or_else(|| row.verdict.without_offer());
    match after {
        // Nearly every case: nothing else to write down.
        Ok(after) if before == Some(after) => Answer::Same(said),
        Ok(after) => {
            let says = Verdict::expected(&after.0, after.1);
            let mut kinds = said.kinds(&says);
            kinds.extend(
                before.filter(|before| verdict::other_measures(&before.0, &after.0)).map(|_| FlipKind::Offer),
            );
            Answer::Compared { kinds, before: said, after: Ok(says) }
        }
        Err(code) => Answer::lost(said, code),
    }
}

/// What became of one case.
enum Answer {
    Same(Verdict),
    Compared { kinds: Vec<FlipKind>, before: Verdict, after: Result<Verdict, &'static str> },
}

impl Answer {
    fn compared(before: Verdict, after: Verdict) -> Self {
        Self::Compared { kinds: before.kinds(&after), before, after: Ok(after) }
    }

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
    let facts = facts.ok_or(FACTS_UNREADABLE)?;
    let sheet = fact_sheet(candidate, facts).map_err(|error: AssessError| error.code())?;
    Ok((*candidate.rule_on(&sheet).effect(), row::no_evidence(&sheet, candidate)))
}
