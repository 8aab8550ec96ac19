//! Reads the files of a pack into one, with everything that can be checked without a case.

use std::collections::BTreeMap;

use loan::{Currency, Date};

use super::parameters::{Parameter, ParameterReader, Process, Settings};
use super::program::Program;
use super::reader::{self, Node, PackErrors, PackProblem, Problems, Value};
use super::section::{Section, mismatch, suggest};
use super::tables::{self, RowLines, Tables};
use super::{
    MAX_PACK_BYTES, MAX_PACK_FILES, Pack, PackFiles, calendar, check_rules, derivation_digest, digest,
    grades, measures, references, rules, shocks, texts,
};
use crate::facts::FACTS_VERSION;
use crate::reached::{RowKey, TableRow};

const FILES: [&str; 15] = [
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
    "tables/shocks.csv",
    "tables/tiers.csv",
];

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

fn check_files(files: &PackFiles, all: &mut Vec<PackProblem>) {
    let mut problem = |file: &str, what: &str, mend: String| {
        all.push(PackProblem { file: file.to_owned(), line: 0, what: what.to_owned(), mend });
    };
    let bytes: usize = files.0.values().map(Vec::len).sum();
    if files.0.len() > MAX_PACK_FILES || bytes > MAX_PACK_BYTES {
        problem(
            "pack.toml",
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
        let mut root = reader::parse(bytes, problems)?;
        references::resolve(&mut root, &head.parameters, problems);
        let rules = rules::read(&root, head.currency, problems);
        check_rules::check(&rules, problems);
        Some(rules)
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
    check_tiers(&tables, &rows, all);
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

/// Every tier that a case can have has measures, and every tier with measures has cases.
fn check_tiers(tables: &Tables, rows: &[TableRow], all: &mut Vec<PackProblem>) {
    let mut problem = |line, what, mend: &str| {
        let file = "tables/measures.csv".to_owned();
        all.push(PackProblem { file, line, what, mend: mend.to_owned() });
    };
    for tier in tables.tiers_without_measures() {
        problem(0, format!("gap: tier {tier} has no measures"), "add its measures");
    }
    for row in rows {
        if let RowKey::Measure(tier, _) = &row.key
            && !tables.tiers.values().any(|given| given == tier)
        {
            let what = format!("row can't be reached: no bucket and grade has tier {tier}");
            problem(row.line, what, "remove it, or mend `tables/tiers.csv`");
        }
    }
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

fn read_tables(files: &PackFiles, currency: Currency, all: &mut Vec<PackProblem>) -> (Tables, Vec<TableRow>) {
    let mut reading = TablesReader { files, all, rows: Vec::new() };
    let grades = reading.read("tables/history.csv", grades::grades);
    // A history table that is itself wrong says nothing about the tables beside it.
    let reachable = grades::reachable(&grades);
    let reachable = reachable.as_ref();
    let tables = Tables {
        grades,
        tiers: reading.read("tables/tiers.csv", |bytes, lines, problems| {
            tables::tiers(bytes, reachable, lines, problems)
        }),
        measures: reading.read("tables/measures.csv", measures::read),
        hazard: reading.read("tables/hazard.csv", |bytes, lines, problems| {
            tables::hazard(bytes, reachable, lines, problems)
        }),
        recovery: reading.read("tables/recovery.csv", tables::recovery),
        settlement_floor: reading.read("tables/settlement.csv", tables::settlement_floor),
        authority: reading.read("tables/authority.csv", |bytes, lines, problems| {
            tables::authority(bytes, currency, lines, problems)
        }),
        evidence: reading.read("tables/evidence.csv", tables::evidence),
        // Cases state their own incomes: no test could reach a shock.
        shocks: reading.read("tables/shocks.csv", |bytes, _, problems| shocks::shocks(bytes, problems)),
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
        let table =
            with_file(self.files, file, self.all, |bytes, problems| read(bytes, &mut lines, problems));
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
    let until_line = section.optional("effective_until").map_or(0, |node| node.line);
    let effective_until = section.optional_date("effective_until", problems);
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
    if let (Some(from), Some(until)) = (effective_from, effective_until)
        && until < from
    {
        let what = format!("`effective_until` {until} lies before `effective_from` {from}");
        problems.add(until_line, what, "let the pack end on or after the day it begins");
    }
    let node = parameters?;
    let Value::Table(table) = &node.value else {
        mismatch(node.line, "parameters", ("a table", node.value.kind()), problems);
        return None;
    };
    let mut reader = ParameterReader::new(Section::new(table, node.line), currency, effective_from);
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
