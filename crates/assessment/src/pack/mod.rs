//! Packs: versioned policy data of a jurisdiction or product, as a folder of TOML and CSV.
//!
//! [`load_pack`] reads the bytes of such a folder, checks everything that can be checked without a case, and
//! refuses with every problem at once. A pack's identity is the digest of its content.

mod calendar;
mod cases;
mod check;
mod check_rules;
mod csv_rows;
pub(crate) mod grades;
mod load;
pub(crate) mod measures;
pub(crate) mod parameters;
pub(crate) mod program;
mod reader;
mod references;
pub(crate) mod rules;
mod section;
mod settings;
mod shocks;
pub(crate) mod tables;
mod texts;

use std::collections::BTreeMap;

use loan::{BusinessCalendar, Currency, Date};
use sha2::{Digest, Sha256};

pub use calendar::{BusinessDaysSection, CalendarSource, MAX_CALENDAR_DATES, PackCalendar};
pub use cases::{MAX_PACK_TESTS, PackTest, read_cases, read_tests};
pub use check::{CheckedPack, check_pack};
pub use csv_rows::MAX_TABLE_ROWS;
pub use load::load_pack;
pub use parameters::{Parameter, Process, Settings};
use program::Program;
pub use program::{ConditionTrace, Effect, MAX_CONDITIONS, MAX_RULES, RuleTrace, RulesAnswer};
pub use reader::{MAX_NESTING, MAX_PROBLEMS, PackErrors, PackProblem};
pub use rules::{Limits, Match, Rule, Stage};
use tables::Tables;
pub use texts::Contact;

use crate::codes::{DeclineCode, EvidenceType, HardshipReason};
use crate::decision::DeclineReason;
use crate::facts::FACTS_VERSION;
use crate::reached::TableRow;
use crate::sheet::FactSheet;

/// Most files of a pack.
pub const MAX_PACK_FILES: usize = 128;
/// Most bytes of a pack, all files together.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;

/// The bytes of a pack's folder by path relative to it, with `/` between folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackFiles(pub BTreeMap<String, Vec<u8>>);

/// A checked pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Name, e.g. `cn-instalment`.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its content, hex.
    pub digest: String,
    /// Jurisdiction, ISO 3166.
    pub jurisdiction: String,
    /// Currency of the loans it is for.
    pub currency: Currency,
    /// IANA time zone of its dates.
    pub time_zone: String,
    /// First day on which it may be in force.
    pub effective_from: Date,
    /// Last day; `None`: open.
    pub effective_until: Option<Date>,
    /// Every parameter with where it comes from, by name.
    pub parameters: Vec<Parameter>,
    /// Parameter values as the engine reads them.
    pub settings: Settings,
    /// How a case is run.
    pub process: Process,
    /// Ordered rules.
    pub rules: Vec<Rule>,
    /// Sentences of every decline code, in the order of the codes.
    pub reasons: Vec<DeclineReason>,
    /// Rules of contact.
    pub contact: Contact,
    /// Which days are business days, for which years, and by which source.
    pub business_days: BusinessDaysSection,
    pub(crate) tables: Tables,
    /// Every row of every table with its place.
    pub(crate) rows: Vec<TableRow>,
    program: Program,
    derivation_digest: String,
}

impl Pack {
    /// Which documents count for a reason, any of them.
    pub fn evidence(&self) -> &BTreeMap<HardshipReason, Vec<EvidenceType>> {
        &self.tables.evidence
    }

    /// Which days are business days, in the years that [`Pack::business_days`] covers.
    pub fn calendar(&self) -> &BusinessCalendar {
        &self.business_days.calendar.business
    }

    /// Evaluates the rules over derived facts: no trace, no allocation.
    pub fn rule_on(&self, facts: &FactSheet) -> RulesAnswer {
        self.program.run(&self.rules, facts)
    }

    /// The same with what became of every condition, and what would flip it.
    pub fn trace_on(&self, facts: &FactSheet) -> RuleTrace {
        self.program.trace(&self.rules, facts)
    }

    /// Decline codes of the rules that fired, in their order.
    pub fn codes_of(&self, answer: &RulesAnswer) -> Vec<DeclineCode> {
        self.program.codes(&self.rules, answer)
    }

    /// SHA-256 of everything in the pack that derived facts depend on, hex. Facts that were derived under one pack hold
    /// under every pack with the same digest.
    pub fn derivation_digest(&self) -> &str {
        &self.derivation_digest
    }

    /// Code and sentences of a decline code.
    pub fn reason(&self, code: DeclineCode) -> Option<&DeclineReason> {
        self.reasons.iter().find(|reason| reason.code == code)
    }
}

/// SHA-256 over every path and content, each with its length in front, in order of path.
fn digest(files: &PackFiles) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in &files.0 {
        hasher.update((path.len() as u64).to_be_bytes());
        hasher.update(path.as_bytes());
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    }
    hex::encode(hasher.finalize())
}

/// Parameters that derived facts depend on.
const DERIVING: [&str; 8] = [
    "benchmark_adult",
    "benchmark_dependant",
    "benchmark_further_adult",
    "buffer_cap",
    "buffer_share",
    "excess_evidence",
    "excess_factor",
    "redate_months",
];
/// Tables that derived facts depend on.
const DERIVING_TABLES: [&str; 2] = ["tables/evidence.csv", "tables/history.csv"];

fn derivation_digest(files: &PackFiles, parameters: &[Parameter]) -> String {
    let mut hasher = Sha256::new();
    let mut take = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    take(&FACTS_VERSION.to_be_bytes());
    for parameter in parameters.iter().filter(|parameter| DERIVING.contains(&parameter.name.as_str())) {
        take(parameter.name.as_bytes());
        take(parameter.value.as_bytes());
    }
    for table in DERIVING_TABLES {
        take(files.0.get(table).map_or(&[], Vec::as_slice));
    }
    hex::encode(hasher.finalize())
}
