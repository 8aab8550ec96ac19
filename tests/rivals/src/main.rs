//! Leeway's rules against other engines: the same policy, the same cases, one run, one core.
//!
//! First every engine decides every case, and the rules that fired must be the same everywhere. Then the engines take
//! turns, round by round, so that whatever else the machine does falls on all of them.

mod cases;
mod cel_rules;
mod clock;
mod pack;
mod policy;
mod report;
mod zen;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use assessment::{FactSheet, Pack, fact_sheet};

use cel_rules::CelRules;
use clock::Contender;
use policy::{Policy, Values};
use report::{Ratio, Report};
use zen::{Form, ZenRules};

const USAGE: &str = "usage: rivals [--json] [--rounds N]   (N is 5 to 101, 7 without it)";
/// Fewest rounds that a median is told of.
const FEWEST_ROUNDS: u32 = 5;
const MOST_ROUNDS: u32 = 101;

const OURS: &str = "leeway";
const OURS_TRACED: &str = "leeway, with trace";
const ZEN: &str = "zen-engine, one expression";
const ZEN_TRACED: &str = "zen-engine, one expression, with trace";
const TABLES: &str = "zen-engine, decision tables";
const TABLES_TRACED: &str = "zen-engine, decision tables, with trace";
const CEL: &str = "cel";

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse(std::env::args().skip(1))?;
    let (pack, policy) = pack::load()?;
    let facts = cases::varied()?;
    let sheets: Vec<FactSheet> =
        facts.iter().map(|facts| fact_sheet(&pack, facts)).collect::<Result<_, _>>()?;
    let values: Vec<Values> =
        sheets.iter().map(|sheet| policy.values(sheet, pack.currency)).collect::<Result<_, _>>()?;
    let engines = Engines {
        pack: &pack,
        sheets: &sheets,
        cel: CelRules::new(&policy, &values)?,
        zen: ZenRules::new(Form::Expression, &policy, &values)?,
        tables: ZenRules::new(Form::Tables, &policy, &values)?,
    };
    let agreement = agree(&engines, &policy)?;
    let rates = clock::take_turns(&mut engines.contenders(), options.rounds, u32::try_from(sheets.len())?)?;
    // Each compares like with like; `cel` has no trace, and the faster form of `zen-engine` counts.
    let ratios = vec![
        Ratio::of(&rates, OURS, &[ZEN, TABLES])?,
        Ratio::of(&rates, OURS, &[CEL])?,
        Ratio::of(&rates, OURS_TRACED, &[ZEN_TRACED, TABLES_TRACED])?,
    ];
    let report = Report { agreement, rates, ratios };
    report.print(options.json)?;
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Options {
    json: bool,
    rounds: u32,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self { json: false, rounds: 7 };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => options.json = true,
                "--rounds" => options.rounds = words.next().context(USAGE)?.parse().context(USAGE)?,
                _ => bail!(USAGE),
            }
        }
        ensure!((FEWEST_ROUNDS..=MOST_ROUNDS).contains(&options.rounds), USAGE);
        Ok(options)
    }
}

/// Every engine with its rules compiled and the facts of every case in its own form.
struct Engines<'a> {
    pack: &'a Pack,
    sheets: &'a [FactSheet],
    cel: CelRules,
    zen: ZenRules,
    tables: ZenRules,
}

impl Engines<'_> {
    /// What takes turns: each decides every case once a call.
    fn contenders(&self) -> Vec<Contender<'_>> {
        let zen = |name, rules, trace| Contender::new(name, move || decide_all(rules, trace));
        vec![
            Contender::new(OURS, || {
                for sheet in self.sheets {
                    black_box(self.pack.rule_on(black_box(sheet)));
                }
                Ok(())
            }),
            Contender::new(OURS_TRACED, || {
                for sheet in self.sheets {
                    black_box(self.pack.trace_on(black_box(sheet)));
                }
                Ok(())
            }),
            zen(ZEN, &self.zen, false),
            zen(ZEN_TRACED, &self.zen, true),
            zen(TABLES, &self.tables, false),
            zen(TABLES_TRACED, &self.tables, true),
            Contender::new(CEL, || {
                for case in 0..self.cel.cases() {
                    black_box(self.cel.decide(black_box(case))?);
                }
                Ok(())
            }),
        ]
    }

    /// The rules that fired in a case, by each engine; the first is Leeway.
    fn fired(&self, case: usize) -> anyhow::Result<Vec<(&'static str, Fired<'_>)>> {
        let sheet = self.sheets.get(case).context("no such case")?;
        let zen = |rules: &ZenRules, trace| {
            let response = rules.decide(case, trace)?;
            rules.fired(&response).map(Fired::Bits)
        };
        Ok(vec![
            (OURS, Fired::Ids(self.pack.rule_on(sheet).fired(self.pack).collect())),
            (OURS_TRACED, Fired::Ids(self.pack.trace_on(sheet).answer.fired(self.pack).collect())),
            (ZEN, zen(&self.zen, false)?),
            (ZEN_TRACED, zen(&self.zen, true)?),
            (TABLES, zen(&self.tables, false)?),
            (TABLES_TRACED, zen(&self.tables, true)?),
            (CEL, Fired::Bits(self.cel.decide(case)?)),
        ])
    }
}

fn decide_all(rules: &ZenRules, trace: bool) -> anyhow::Result<()> {
    for case in 0..rules.cases() {
        black_box(rules.decide(black_box(case), trace)?);
    }
    Ok(())
}

/// Rules that fired: by id, or a bit a rule in the order of evaluation.
enum Fired<'a> {
    Ids(BTreeSet<&'a str>),
    Bits(u64),
}

impl<'a> Fired<'a> {
    fn ids(&self, policy: &'a Policy) -> BTreeSet<&'a str> {
        match self {
            Self::Ids(ids) => ids.clone(),
            Self::Bits(bits) => {
                let placed = (0_u32..).zip(policy.rules());
                placed
                    .filter(|(place, _)| bits & (1 << place) != 0)
                    .map(|(_, rule)| rule.id.as_str())
                    .collect()
            }
        }
    }
}

/// Fails unless all engines agree on every case, and unless every rule fires in some case: a policy of which half sleeps
/// would compare nothing. Answers with what was checked.
fn agree(engines: &Engines<'_>, policy: &Policy) -> anyhow::Result<String> {
    let mut awake = BTreeSet::new();
    let mut past_gates = 0;
    for case in 0..engines.sheets.len() {
        let answers = engines.fired(case).with_context(|| format!("case {case}"))?;
        let (first, rest) = answers.split_first().context("no engine")?;
        let expected = first.1.ids(policy);
        for (name, fired) in rest {
            let found = fired.ids(policy);
            let differing: Vec<_> = expected.symmetric_difference(&found).collect();
            ensure!(
                differing.is_empty(),
                "case {case}: {name} disagrees with {OURS} on {differing:?}: {found:?} instead of {expected:?}"
            );
        }
        past_gates += u32::from(!policy.gates.iter().any(|gate| expected.contains(gate.rule.id.as_str())));
        awake.extend(expected.iter().map(|id| (*id).to_owned()));
    }
    let asleep: Vec<&str> =
        policy.rules().map(|rule| rule.id.as_str()).filter(|id| !awake.contains(*id)).collect();
    ensure!(asleep.is_empty(), "no case fires {asleep:?}");
    let (cases, rules) = (engines.sheets.len(), awake.len());
    Ok(format!("{cases} cases, {past_gates} of them past every gate, {rules} rules; all engines agree"))
}
