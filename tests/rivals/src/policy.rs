//! The rules of a pack as its `rules.toml` writes them, and the facts they ask for, in a form that every engine's own
//! text is made from.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use assessment::{FactSheet, Pack, PackFiles};
use loan::{Amount, Currency};
use serde::Deserialize;

/// Decimal places of a ratio in a fact sheet.
const RATIO_SCALE: f64 = 1e18;

/// Rules in the order of evaluation: gates, then overlays, then families.
pub struct Policy {
    pub gates: Vec<Gate>,
    pub overlays: Vec<Rule>,
    pub families: Vec<Rule>,
    kinds: BTreeMap<String, Kind>,
}

/// A gate, with what it leaves to be asked once it has fired.
pub struct Gate {
    pub rule: Rule,
    /// Overlays aren't asked any more.
    pub holds: bool,
    /// Families are still asked.
    pub allows_terms: bool,
}

/// A rule: all or any of its conditions.
pub struct Rule {
    pub id: String,
    pub any: bool,
    pub conditions: Vec<Condition>,
}

/// A condition: `fact` is its name with `_` for every dot, so that engines take it for one name, not a path.
pub struct Condition {
    pub fact: String,
    pub test: Test,
}

/// What a fact is compared with.
pub enum Test {
    Flag(bool),
    /// One of `<`, `<=`, `>`, `>=`, `==`, and a number as every engine here writes it.
    Number(&'static str, String),
    /// The fact is one of these words.
    Among(Vec<String>),
    /// The fact lists one of these words.
    Any(Vec<String>),
    /// The fact lists every one of these words.
    All(Vec<String>),
}

/// What a fact is, as the conditions that ask for it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Ratio,
    Word,
    Words,
}

/// A fact of one case.
pub enum Value {
    Flag(bool),
    /// Money in minor units, days, or a count.
    Whole(i64),
    Ratio(f64),
    Word(String),
    Words(Vec<String>),
}

/// The facts of one case that the rules ask for, by name with `_` for every dot.
pub type Values = BTreeMap<String, Value>;

#[derive(Deserialize)]
struct RulesFile {
    rule: Vec<RuleEntry>,
}

#[derive(Deserialize)]
struct RuleEntry {
    id: String,
    stage: String,
    #[serde(rename = "match")]
    matching: String,
    outcome: Option<String>,
    limits: Option<String>,
    when: Vec<ConditionEntry>,
}

#[derive(Deserialize)]
struct ConditionEntry {
    fact: String,
    op: String,
    value: Option<toml::Value>,
    parameter: Option<String>,
}

impl Policy {
    /// Reads `rules.toml` of a pack; `pack` is the same pack as Leeway loads it, for the values of its parameters.
    pub fn read(files: &PackFiles, pack: &Pack) -> anyhow::Result<Self> {
        let bytes = files.0.get("rules.toml").context("the pack has no rules.toml")?;
        let file: RulesFile = toml::from_str(std::str::from_utf8(bytes)?)?;
        let mut policy =
            Self { gates: Vec::new(), overlays: Vec::new(), families: Vec::new(), kinds: BTreeMap::new() };
        for entry in &file.rule {
            let rule = policy.rule(entry, pack).with_context(|| format!("rule {}", entry.id))?;
            match entry.stage.as_str() {
                "gate" => policy.gates.push(Gate {
                    rule,
                    holds: entry.outcome.as_deref() == Some("HOLD"),
                    allows_terms: entry.limits.is_some(),
                }),
                "overlay" => policy.overlays.push(rule),
                "family" => policy.families.push(rule),
                other => bail!("stage `{other}` of rule {}", entry.id),
            }
        }
        Ok(policy)
    }

    /// Every rule in the order of evaluation.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let gates = self.gates.iter().map(|gate| &gate.rule);
        gates.chain(&self.overlays).chain(&self.families)
    }

    /// The facts that the rules ask for, out of a sheet. Values are exact but for ratios, which become the nearest
    /// binary fraction.
    pub fn values(&self, sheet: &FactSheet, currency: Currency) -> anyhow::Result<Values> {
        let encoded = sheet.encode();
        // The first word is the version of the fact definitions.
        let numbers = encoded.split(' ').skip(1);
        let mut values = Values::new();
        for ((name, shown), number) in sheet.shown(currency).zip(numbers) {
            let name = name.replace('.', "_");
            let Some(kind) = self.kinds.get(&name) else { continue };
            let value = match kind {
                Kind::Flag => Value::Flag(number == "1"),
                Kind::Whole => Value::Whole(number.parse()?),
                Kind::Ratio => Value::Ratio(number.parse::<f64>()? / RATIO_SCALE),
                Kind::Word => Value::Word(shown),
                Kind::Words => Value::Words(shown.split_whitespace().map(str::to_owned).collect()),
            };
            values.insert(name, value);
        }
        ensure!(values.len() == self.kinds.len(), "the sheet lacks facts that the rules ask for");
        Ok(values)
    }

    fn rule(&mut self, entry: &RuleEntry, pack: &Pack) -> anyhow::Result<Rule> {
        let any = match entry.matching.as_str() {
            "all" => false,
            "any" => true,
            other => bail!("match `{other}`"),
        };
        let conditions: Result<_, _> =
            entry.when.iter().map(|condition| self.condition(condition, pack)).collect();
        Ok(Rule { id: entry.id.clone(), any, conditions: conditions? })
    }

    fn condition(&mut self, entry: &ConditionEntry, pack: &Pack) -> anyhow::Result<Condition> {
        let value = match (&entry.value, &entry.parameter) {
            (Some(value), None) => value.clone(),
            (None, Some(name)) => {
                let parameter = pack.parameters.iter().find(|parameter| parameter.name == *name);
                toml::Value::String(
                    parameter.with_context(|| format!("no parameter `{name}`"))?.value.clone(),
                )
            }
            _ => bail!("`{}` needs a value or a parameter", entry.fact),
        };
        let (kind, test) = test(&entry.op, &value, pack.currency).with_context(|| entry.fact.clone())?;
        let fact = entry.fact.replace('.', "_");
        let known = *self.kinds.entry(fact.clone()).or_insert(kind);
        ensure!(known == kind, "`{}` is compared as {known:?} and as {kind:?}", entry.fact);
        Ok(Condition { fact, test })
    }
}

fn test(op: &str, value: &toml::Value, currency: Currency) -> anyhow::Result<(Kind, Test)> {
    Ok(match (op, value) {
        ("is", toml::Value::Boolean(flag)) => (Kind::Flag, Test::Flag(*flag)),
        ("in", toml::Value::Array(_)) => (Kind::Word, Test::Among(words(value)?)),
        ("any", toml::Value::Array(_)) => (Kind::Words, Test::Any(words(value)?)),
        ("all", toml::Value::Array(_)) => (Kind::Words, Test::All(words(value)?)),
        (_, toml::Value::Integer(count)) => (Kind::Whole, Test::Number(comparison(op)?, count.to_string())),
        (_, toml::Value::String(text)) => {
            let (kind, number) = number(text, currency)?;
            (kind, Test::Number(comparison(op)?, number))
        }
        _ => bail!("`{op}` with {value}"),
    })
}

fn words(value: &toml::Value) -> anyhow::Result<Vec<String>> {
    Ok(value.clone().try_into()?)
}

fn comparison(op: &str) -> anyhow::Result<&'static str> {
    let known = [("<", "<"), ("<=", "<="), (">", ">"), (">=", ">="), ("=", "==")];
    let found = known.iter().find(|(word, _)| *word == op).map(|(_, sign)| *sign);
    found.with_context(|| format!("operator `{op}`"))
}

/// A number of the pack: money such as `500.00 CNY`, whole units such as `3 days`, or a bare ratio such as `0.10`.
fn number(text: &str, currency: Currency) -> anyhow::Result<(Kind, String)> {
    match text.split_once(' ') {
        Some((major, unit)) if unit == currency.code() => {
            Ok((Kind::Whole, Amount::parse(major, currency)?.minor().to_string()))
        }
        Some((count, _)) => Ok((Kind::Whole, count.parse::<i64>()?.to_string())),
        None => {
            text.parse::<f64>().with_context(|| format!("`{text}` is no ratio"))?;
            // With a point, or engines would take it for a whole number.
            let number = if text.contains('.') { text.to_owned() } else { format!("{text}.0") };
            Ok((Kind::Ratio, number))
        }
    }
}

/// How a language writes what the rules need; comparisons, `in`, words and numbers are the same in those used here.
pub struct Dialect {
    pub and: &'static str,
    pub or: &'static str,
    pub not: &'static str,
}

impl Rule {
    /// The rule as one expression. Conditions stand in the order of the pack, as Leeway asks them, and `and` and `or` stop
    /// early in every language used. Lists of words are written out as comparisons, which spares engines that don't
    /// fold constants the making of a list each time.
    pub fn expression(&self, dialect: &Dialect) -> String {
        let conditions: Vec<String> =
            self.conditions.iter().map(|condition| condition.expression(dialect)).collect();
        conditions.join(if self.any { dialect.or } else { dialect.and })
    }
}

impl Condition {
    fn expression(&self, dialect: &Dialect) -> String {
        let fact = &self.fact;
        let each = |words: &[String], form: &dyn Fn(&String) -> String, between: &str| {
            let parts: Vec<String> = words.iter().map(form).collect();
            format!("({})", parts.join(between))
        };
        match &self.test {
            Test::Flag(true) => fact.clone(),
            Test::Flag(false) => format!("{}{fact}", dialect.not),
            Test::Number(sign, number) => format!("{fact} {sign} {number}"),
            Test::Among(words) => each(words, &|word| format!("{fact} == \"{word}\""), dialect.or),
            Test::Any(words) => each(words, &|word| format!("\"{word}\" in {fact}"), dialect.or),
            Test::All(words) => each(words, &|word| format!("\"{word}\" in {fact}"), dialect.and),
        }
    }
}
