//! Rules, assessments, pack checks and replays.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use assessment::{FactSheet, Facts, Pack, PackFiles, Trace, assess, check_pack, fact_sheet, load_pack};
use policy::PackShelf;
use policy::replay::{Case, StoredRow, Tally, rules_only, with_offers};

use super::{Figure, cases, clock};

/// The pack that is measured.
const PACK: &str = "cn-instalment";
/// Distinct feasible candidates that a full assessment is measured with, at least.
const FEASIBLE: u64 = 1_000;
/// A threshold of the pack, and the one that the candidate of a replay has instead.
const CHANGED: (&str, &str) = (
    "{ fact = \"income.gap\", op = \">\", value = \"0.10\" }",
    "{ fact = \"income.gap\", op = \">\", value = \"0.12\" }",
);
/// Stored decisions of one replay.
const STORED: usize = 5_120;

/// Every figure, in order.
pub fn measure(rounds: u32) -> anyhow::Result<Vec<Figure>> {
    let shelf = PackShelf::open(None)?;
    let pack = shelf.get(PACK).with_context(|| format!("no pack `{PACK}`"))?;
    let varied = cases::varied()?;
    let mut figures = rules(pack, &varied, rounds)?;
    figures.push(assessment(pack, rounds)?);
    for (pack, files) in shelf.contents() {
        let tests = check_pack(files).with_context(|| format!("pack `{}` is refused", pack.name))?.tests;
        let note = format!("{}, {tests} tests", pack.name);
        figures.push(clock::milliseconds(("pack check, tests included", note), rounds, || {
            let _ = black_box(check_pack(black_box(files)));
        }));
    }
    let own = shelf.contents().find(|(own, _)| own.name == PACK).context("the pack has no files")?;
    figures.extend(replays(pack, &changed(own.1)?, &varied, rounds)?);
    Ok(figures)
}

fn rules(pack: &Pack, varied: &[Facts], rounds: u32) -> anyhow::Result<Vec<Figure>> {
    let sheets: Vec<FactSheet> =
        varied.iter().map(|facts| fact_sheet(pack, facts)).collect::<Result<_, _>>()?;
    let count = u32::try_from(sheets.len())?;
    let note = || format!("{count} cases in turn");
    Ok(vec![
        clock::per_second(("rules, without trace", note()), rounds, count, || {
            for sheet in &sheets {
                black_box(pack.rule_on(black_box(sheet)));
            }
        }),
        clock::per_second(("rules, with trace", note()), rounds, count, || {
            for sheet in &sheets {
                black_box(pack.trace_on(black_box(sheet)));
            }
        }),
    ])
}

fn assessment(pack: &Pack, rounds: u32) -> anyhow::Result<Figure> {
    let facts = cases::many_terms()?;
    let search = assess(pack, &facts, Trace::None)?.search;
    let feasible = search.considered - search.infeasible;
    ensure!(feasible >= FEASIBLE, "only {feasible} candidates are feasible");
    let note = format!("{} candidates, {feasible} of them feasible", search.considered);
    Ok(clock::per_second(("full assessment, with trace", note), rounds, 1, || {
        let _ = black_box(assess(pack, black_box(&facts), Trace::Full));
    }))
}

/// The pack with one threshold changed.
fn changed(files: &PackFiles) -> anyhow::Result<Pack> {
    let mut files = files.clone();
    let rules = files.0.get_mut("rules.toml").context("the pack has no rules")?;
    let text = String::from_utf8(std::mem::take(rules))?;
    ensure!(text.contains(CHANGED.0), "the pack has no condition `{}`", CHANGED.0);
    *rules = text.replacen(CHANGED.0, CHANGED.1, 1).into_bytes();
    Ok(load_pack(&files)?)
}

/// Stored decisions made again: by rules from their stored text, and with offers from their facts beside plain assessments
/// of the same facts.
fn replays(pack: &Arc<Pack>, candidate: &Pack, varied: &[Facts], rounds: u32) -> anyhow::Result<Vec<Figure>> {
    let rows: Vec<StoredRow> =
        varied.iter().map(|facts| StoredRow::made(&facts.case_id, facts, pack)).collect::<Result<_, _>>()?;
    let texts: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let stored: Vec<&String> = texts.iter().cycle().take(STORED).collect();
    let decided_under = Some(Arc::clone(pack));
    let read = |text: &String| {
        let row = serde_json::from_str(text).ok()?;
        Some(Case { row, decided_under: decided_under.clone(), facts: None })
    };
    let note = format!("{STORED} stored decisions, one threshold changed");
    let by_rules = clock::per_second(
        ("replay by rules, stored text included", note),
        rounds,
        u32::try_from(STORED)?,
        || {
            let cases = stored.iter().filter_map(|text| read(text));
            black_box(rules_only(cases, candidate, &mut Tally::default()));
        },
    );
    let count = u32::try_from(varied.len())?;
    let note = || format!("{count} cases in turn");
    let again = clock::per_second(("replay with offers", note()), rounds, count, || {
        let cases = rows.iter().zip(varied).map(|(row, facts)| Case {
            row: row.clone(),
            decided_under: decided_under.clone(),
            facts: Some(facts.clone()),
        });
        black_box(with_offers(cases, candidate, &mut Tally::default()));
    });
    let plain = clock::per_second(("assessments of the same cases", note()), rounds, count, || {
        for facts in varied {
            let _ = black_box(assess(candidate, black_box(facts), Trace::Full));
        }
    });
    Ok(vec![by_rules, again, plain])
}
