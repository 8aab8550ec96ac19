//! Packs: versioned policy data of a jurisdiction or product, as a folder of TOML and CSV.
//!
//! [`load_pack`] reads the bytes of such a folder, checks everything that can be checked without a case, and
//! refuses with every problem at once. A pack's identity is the digest of its content.

mod calendar;
mod cases;
mod csv_rows;
pub(crate) mod measures;
pub(crate) mod parameters;
pub(crate) mod program;
mod reader;
pub(crate) mod rules;
mod section;
pub(crate) mod tables;
mod texts;

use std::collections::BTreeMap;

use loan::{BusinessCalendar, Currency, Date};
use sha2::{Digest, Sha256};

pub use calendar::{BusinessDaysSection, CalendarSource, MAX_CALENDAR_DATES, PackCalendar};
use parameters::ParameterReader;
pub use parameters::{Parameter, Process, Settings};
use program::Program;
pub use program::{ConditionTrace, Effect, MAX_CONDITIONS, MAX_RULES, RuleTrace, RulesAnswer};
use reader::{Node, Problems, Value};
pub use cases::{MAX_PACK_TESTS, PackTest, read_tests};
pub use reader::{MAX_NESTING, MAX_PROBLEMS, PackErrors, PackProblem};
use section::{Section, mismatch, suggest};
pub use rules::{Limits, Match, Rule, Stage};
use tables::{RowLines, Tables};
pub use texts::Contact;

use crate::codes::{DeclineCode, EvidenceType, HardshipReason};
use crate::decision::DeclineReason;
use crate::facts::FACTS_VERSION;
use crate::reached::TableRow;
use crate::sheet::FactSheet;

/// Most files of a pack.
pub const MAX_PACK_FILES: usize = 64;
/// Most bytes of a pack, all files together.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;

const FILES: [&str; 14] = [
    "pack.toml",
    "calendar.toml",
    "rules.toml",
    "contact.toml",
    "reasons/en.toml",
    "reasons/zh-CN.toml",
    "tables/authority.csv",
    "tables/evidence.csv",
    "tables/hazard.csv",
    "tables/history.csv",
    "tables/measures.csv",
    "tables/recovery.csv",
    "tables/settlement.csv",
    "tables/tiers.csv",
];

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

/// Reads and checks a pack. Errors: every problem with file, line, what is wrong and how to mend it.
pub fn load_pack(files: &PackFiles) -> Result<Pack, PackErrors> {
    let mut all: Vec<PackProblem> = Vec::new();
    check_files(files, &mut all);
    if !all.is_empty() {
        return Err(PackErrors(all));
    }
    let pack = read_pack(files, &mut all);
    all.sort();
    match pack {
        Some(pack) if all.is_empty() => Ok(pack),
        _ => Err(PackErrors(all)),
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

fn check_files(files: &PackFiles, all: &mut Vec<PackProblem>) {
    let mut problem = |file: &str, what: &str, mend: String| {
        all.push(PackProblem { file: file.to_owned(), line: 0, what: what.to_owned(), mend });
    };
    let bytes: usize = files.0.values().map(Vec::len).sum();
    if files.0.len() > MAX_PACK_FILES || bytes > MAX_PACK_BYTES {
        problem(
            "",
            "pack is too large",
            format!("keep it under {MAX_PACK_FILES} files and {MAX_PACK_BYTES} bytes"),
        );
    }
    for name in FILES {
        if !files.0.contains_key(name) {
            problem(name, "file is missing", format!("add `{name}`"));
        }
    }
    for name in files.0.keys() {
        let test = name.starts_with("tests/") && name.ends_with(".toml");
        if !test && !FILES.contains(&name.as_str()) {
            problem(name, "unknown file", suggest(name, FILES.into_iter()));
        }
    }
}

/// Everything at the head of `pack.toml`.
struct Head {
    name: String,
    version: String,
    jurisdiction: String,
    currency: Currency,
    time_zone: String,
    effective_from: Date,
    effective_until: Option<Date>,
    parameters: Vec<Parameter>,
    settings: Settings,
    process: Process,
}

fn read_pack(files: &PackFiles, all: &mut Vec<PackProblem>) -> Option<Pack> {
    let head = with_file(files, "pack.toml", all, |bytes, problems| {
        let root = reader::parse(bytes, problems)?;
        read_head(&root, problems)
    })?;
    let rules = with_file(files, "rules.toml", all, |bytes, problems| {
        reader::parse(bytes, problems).map(|root| rules::read(&root, head.currency, problems))
    });
    let contact = with_file(files, "contact.toml", all, |bytes, problems| {
        reader::parse(bytes, problems).and_then(|root| texts::contact(&root, problems))
    });
    let business_days = with_file(files, "calendar.toml", all, |bytes, problems| {
        reader::parse(bytes, problems).and_then(|root| calendar::read(&root, problems))
    });
    let chinese = with_file(files, "reasons/zh-CN.toml", all, |bytes, problems| {
        reader::parse(bytes, problems).map(|root| texts::reasons(&root, problems))
    });
    let english = with_file(files, "reasons/en.toml", all, |bytes, problems| {
        reader::parse(bytes, problems).map(|root| texts::reasons(&root, problems))
    });
    let (tables, rows) = read_tables(files, head.currency, all);
    for tier in tables.tiers_without_measures() {
        all.push(PackProblem {
            file: "tables/measures.csv".to_owned(),
            line: 0,
            what: format!("gap: tier {tier} has no measures"),
            mend: "add its measures".to_owned(),
        });
    }
    let rules = rules?;
    Some(Pack {
        program: Program::of(&rules),
        derivation_digest: derivation_digest(files, &head.parameters),
        name: head.name,
        version: head.version,
        digest: digest(files),
        jurisdiction: head.jurisdiction,
        currency: head.currency,
        time_zone: head.time_zone,
        effective_from: head.effective_from,
        effective_until: head.effective_until,
        parameters: head.parameters,
        settings: head.settings,
        process: head.process,
        rules,
        reasons: texts::join(&chinese?, &english?),
        contact: contact?,
        business_days: business_days?,
        tables,
        rows,
    })
}

/// Runs a reader over one file and keeps its problems.
fn with_file<T>(
    files: &PackFiles,
    name: &str,
    all: &mut Vec<PackProblem>,
    read: impl FnOnce(&[u8], &mut Problems) -> T,
) -> T {
    let mut problems = Problems::new(name);
    let value = read(files.0.get(name).map_or(&[], Vec::as_slice), &mut problems);
    all.append(&mut problems.list);
    value
}

fn read_tables(
    files: &PackFiles,
    currency: Currency,
    all: &mut Vec<PackProblem>,
) -> (Tables, Vec<TableRow>) {
    let mut reading = TablesReader { files, all, rows: Vec::new() };
    let tables = Tables {
        grades: reading.read("tables/history.csv", tables::grades),
        tiers: reading.read("tables/tiers.csv", tables::tiers),
        measures: reading.read("tables/measures.csv", measures::read),
        hazard: reading.read("tables/hazard.csv", tables::hazard),
        recovery: reading.read("tables/recovery.csv", tables::recovery),
        settlement_floor: reading.read("tables/settlement.csv", tables::settlement_floor),
        authority: reading.read("tables/authority.csv", |bytes, lines, problems| {
            tables::authority(bytes, currency, lines, problems)
        }),
        evidence: reading.read("tables/evidence.csv", tables::evidence),
    };
    (tables, reading.rows)
}

/// Reads tables and keeps the place of every row.
struct TablesReader<'a> {
    files: &'a PackFiles,
    all: &'a mut Vec<PackProblem>,
    rows: Vec<TableRow>,
}

impl TablesReader<'_> {
    fn read<T>(
        &mut self,
        file: &'static str,
        read: impl FnOnce(&[u8], &mut RowLines, &mut Problems) -> T,
    ) -> T {
        let mut lines = RowLines::new();
        let table = with_file(self.files, file, self.all, |bytes, problems| read(bytes, &mut lines, problems));
        self.rows.extend(lines.into_iter().map(|(line, key)| TableRow { file, line, key }));
        table
    }
}

fn read_head(root: &BTreeMap<String, Node>, problems: &mut Problems) -> Option<Head> {
    let mut section = Section::new(root, 1);
    let name = section.text("name", problems);
    let version = section.text("version", problems);
    let facts_version = section.integer("facts_version", problems);
    let jurisdiction = section.text("jurisdiction", problems);
    let currency = section.text("currency", problems);
    let time_zone = section.text("time_zone", problems);
    let effective_from = section.date("effective_from", problems);
    let until = section.optional_text("effective_until", problems);
    let parameters = section.required("parameters", problems);
    section.finish(problems);
    if facts_version.is_some_and(|version| version != i64::from(FACTS_VERSION)) {
        problems.add(1, "facts_version is another one", format!("this engine knows version {FACTS_VERSION}"));
    }
    let (code, line) = currency?;
    let Ok(currency) = Currency::parse(code) else {
        problems.add(line, format!("`{code}` is not a currency"), "write an ISO 4217 code such as CNY");
        return None;
    };
    let (zone, line) = time_zone?;
    if jiff::tz::TimeZone::get(zone).is_err() {
        problems.add(
            line,
            format!("`{zone}` is not a time zone"),
            "write an IANA zone such as Asia/Shanghai",
        );
    }
    let effective_until = until.and_then(|(text, line)| {
        let date = text.parse().ok();
        if date.is_none() {
            problems.add(
                line,
                format!("`effective_until` is not a date: `{text}`"),
                "write it as 2026-01-31",
            );
        }
        date
    });
    let node = parameters?;
    let Value::Table(table) = &node.value else {
        mismatch(node.line, "parameters", ("a table", node.value.kind()), problems);
        return None;
    };
    let mut reader = ParameterReader::new(Section::new(table, node.line), currency);
    let process = reader.process(problems);
    let (settings, parameters) = reader.settings(problems);
    Some(Head {
        name: name?.0.to_owned(),
        version: version?.0.to_owned(),
        jurisdiction: jurisdiction?.0.to_owned(),
        currency,
        time_zone: zone.to_owned(),
        effective_from: effective_from?,
        effective_until,
        parameters,
        settings: settings?,
        process: process?,
    })
}
