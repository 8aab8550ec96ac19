//! Rules, assessments, pack checks and replays.

use std::hint::black_box;

use anyhow::{Context as _, ensure};
use assessment::{FactSheet, Trace, assess, fact_sheet};
use policy::PackShelf;

use super::{Figure, cases, clock};

/// The pack that is measured.
const PACK: &str = "cn-instalment";
/// Distinct feasible candidates that a full assessment is measured with, at least.
const FEASIBLE: u64 = 1_000;

/// Every figure, in order.
pub fn measure(rounds: u32) -> anyhow::Result<Vec<Figure>> {
    let shelf = PackShelf::open(None)?;
    let pack = shelf.get(PACK).with_context(|| format!("no pack `{PACK}`"))?;
    let varied = cases::varied()?;
    let sheets: Vec<FactSheet> =
        varied.iter().map(|facts| fact_sheet(pack, facts)).collect::<Result<_, _>>()?;
    let count = u32::try_from(sheets.len())?;
    let mut figures = vec![
        clock::per_second(("rules, without trace", rules_note(&sheets)), rounds, count, || {
            for sheet in &sheets {
                black_box(pack.rule_on(black_box(sheet)));
            }
        }),
        clock::per_second(("rules, with trace", rules_note(&sheets)), rounds, count, || {
            for sheet in &sheets {
                black_box(pack.trace_on(black_box(sheet)));
            }
        }),
    ];
    let facts = cases::many_terms()?;
    let search = assess(pack, &facts, Trace::None)?.search;
    let feasible = search.considered - search.infeasible;
    ensure!(feasible >= FEASIBLE, "only {feasible} candidates are feasible");
    let note = format!("{} candidates, {feasible} of them feasible", search.considered);
    figures.push(clock::per_second(("full assessment, with trace", note), rounds, 1, || {
        let _ = black_box(assess(pack, black_box(&facts), Trace::Full));
    }));
    Ok(figures)
}

fn rules_note(sheets: &[FactSheet]) -> String {
    format!("{} cases in turn", sheets.len())
}
