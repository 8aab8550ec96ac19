//! What is kept of a decision so that thousands can be made again in a moment.

use assessment::{AssessError, Decision, FactSheet, Facts, HardshipReason, Pack, Trace, assess, fact_sheet};
use jiff::Timestamp;
use loan::Date;
use serde::{Deserialize, Serialize};
use store::Value;

use super::verdict::Verdict;
use crate::documents::{Record, epoch_day};

/// Fact whose zero means that a document is asked for first.
const ACCEPTED_EVIDENCE: &str = "evidence.accepted";
const BUCKET: &str = "arrears.bucket";
const GRADE: &str = "history.grade";

/// A decision in short, with the facts that its rules saw. Stored beside the full record, in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRow {
    /// The decision.
    pub decision_id: String,
    /// Its case.
    pub case_id: String,
    /// When it was made, epoch microseconds.
    pub created_us: i64,
    /// The day for which it was made.
    pub as_of: Date,
    /// Name of the pack that decided it.
    pub pack_name: String,
    /// Digest of that pack.
    pub pack_digest: String,
    /// What the facts were derived under; see `Pack::derivation_digest`. Empty with an empty sheet.
    pub derivation_digest: String,
    /// Engine that made it.
    pub engine_version: String,
    /// The facts that the rules saw; see `FactSheet::encode`. Empty where none was asked, as of a closed loan.
    pub sheet: String,
    /// No document counts for the reason.
    pub no_evidence: bool,
    /// Where it is counted.
    pub segment: Segment,
    /// What was decided.
    pub verdict: Verdict,
}

/// Where a decision is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Segment {
    /// Bucket of the day.
    pub bucket: String,
    /// Reason.
    pub reason: HardshipReason,
    /// Grade of the history; empty where the decision doesn't tell it.
    pub grade: String,
}

impl StoredRow {
    /// The row of a case as `pack` decides it now. Errors: see [`AssessError`].
    pub fn made(decision_id: &str, facts: &Facts, pack: &Pack) -> Result<Self, AssessError> {
        let decision = assess(pack, facts, Trace::None)?;
        let sheet = sheet_of(facts, pack);
        Ok(Self::of((decision_id, Timestamp::UNIX_EPOCH), (&decision, sheet.as_ref()), facts.reason, pack))
    }

    /// The row of a decision with its id and moment, made under `pack` from facts that gave the sheet.
    pub(crate) fn of(
        (decision_id, create_time): (&str, Timestamp),
        (decision, sheet): (&Decision, Option<&FactSheet>),
        reason: HardshipReason,
        pack: &Pack,
    ) -> Self {
        let fact = |name: &str| decision.derived_facts.get(name).cloned().unwrap_or_default();
        Self {
            decision_id: decision_id.to_owned(),
            case_id: decision.case_id.clone(),
            created_us: create_time.as_microsecond(),
            as_of: decision.as_of,
            pack_name: decision.pack_name.clone(),
            pack_digest: decision.pack_digest.clone(),
            derivation_digest: sheet.map(|_| pack.derivation_digest().to_owned()).unwrap_or_default(),
            engine_version: decision.engine_version.clone(),
            sheet: sheet.map(FactSheet::encode).unwrap_or_default(),
            no_evidence: fact(ACCEPTED_EVIDENCE) == "0",
            segment: Segment { bucket: fact(BUCKET), reason, grade: fact(GRADE) },
            verdict: Verdict::of(decision),
        }
    }
}

/// The facts that a pack's rules see of a case that it assessed; `None` where no rule was asked.
pub(crate) fn sheet_of(facts: &Facts, pack: &Pack) -> Option<FactSheet> {
    // Everything but a closed loan was refused by the assessment already.
    fact_sheet(pack, facts).ok()
}

/// Whether no document counts, by a sheet.
pub(super) fn no_evidence(sheet: &FactSheet, pack: &Pack) -> bool {
    sheet.shown(pack.currency).any(|(name, value)| name == ACCEPTED_EVIDENCE && value == "0")
}

impl Record for StoredRow {
    const KIND: &'static str = "decision_row";

    fn id(&self) -> String {
        self.decision_id.clone()
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("pack_name", self.pack_name.as_str().into()),
            ("bucket", self.segment.bucket.as_str().into()),
            ("reason", self.segment.reason.as_str().into()),
            ("as_of_day", epoch_day(self.as_of).into()),
            ("created_us", self.created_us.into()),
        ]
    }
}
