//! Rules of a pack: ordered, over the closed catalogue of facts, each with what it does where it fires.

use std::collections::BTreeMap;

use loan::{Currency, Ratio};

use super::program::{MAX_CONDITIONS, MAX_RULES};
use super::reader::{Node, Problems, Value};
use super::section::{Section, mismatch, parse_money, suggest, word};
use crate::catalogue::{CodeList, Fact, FactType, FactValue};
use crate::codes::{Authority, DeclineCode, MeasureKind, Outcome};
use crate::sheet::MAX_RATIO_PLACES;

/// When a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In order; the first that fires decides.
    Gate,
    /// Always, unless a gate holds the case.
    Overlay,
    /// All of them, after the gates; each adds terms.
    Family,
}

/// What a gate limits the offers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// A trial plan of the pack's `trial_months` at most.
    Trial,
    /// A deferral of the pack's `redate_months` at most.
    Redate,
}

/// Whether all conditions must hold or one is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// All of them.
    All,
    /// Any of them.
    Any,
}

/// Operators of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    In,
    Is,
    Any,
    All,
}

impl Operator {
    const ALL_WORDS: [(&'static str, Self); 9] = [
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("=", Self::Equal),
        ("in", Self::In),
        ("is", Self::Is),
        ("any", Self::Any),
        ("all", Self::All),
    ];

    pub fn word(self) -> &'static str {
        Self::ALL_WORDS.iter().find(|(_, operator)| *operator == self).map_or("", |(word, _)| word)
    }

    fn fits(self, kind: FactType) -> bool {
        match kind {
            FactType::Money | FactType::Days | FactType::Ratio | FactType::Count => {
                matches!(
                    self,
                    Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual | Self::Equal
                )
            }
            FactType::Flag => self == Self::Is,
            FactType::Code(_) => matches!(self, Self::Equal | Self::In),
            FactType::Codes(_) => matches!(self, Self::Any | Self::All),
        }
    }
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub fact: Fact,
    pub operator: Operator,
    pub threshold: FactValue,
    /// Line in `rules.toml`.
    pub line: u32,
}

/// A rule of the pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Id, e.g. `R7`.
    pub id: String,
    /// What it says, in English.
    pub title: String,
    /// Line in `rules.toml`.
    pub line: u32,
    /// When it is evaluated.
    pub stage: Stage,
    /// All or any of the conditions.
    pub matching: Match,
    pub(crate) conditions: Vec<Condition>,
    /// Outcome of a gate or overlay; `None`: the outcome follows from the offers.
    pub outcome: Option<Outcome>,
    /// Decline code it leans to.
    pub code: Option<DeclineCode>,
    /// Least authority once it fires.
    pub authority: Option<Authority>,
    /// What it limits the offers to.
    pub limits: Option<Limits>,
    /// Measures it adds.
    pub adds: Vec<MeasureKind>,
    /// It opens the automatic mandate.
    pub opens_mandate: bool,
    /// It lifts the relief limits and turns every outcome but an offer into its own.
    pub protects: bool,
}

/// Reads `rules.toml`.
pub(crate) fn read(root: &BTreeMap<String, Node>, currency: Currency, problems: &mut Problems) -> Vec<Rule> {
    let mut section = Section::new(root, 1);
    let node = section.required("rule", problems);
    section.finish(problems);
    let Some(node) = node else { return Vec::new() };
    let Value::List(items) = &node.value else {
        mismatch(node.line, "rule", ("a list of tables", node.value.kind()), problems);
        return Vec::new();
    };
    if items.len() > MAX_RULES {
        problems.add(node.line, format!("more than {MAX_RULES} rules"), "split the pack or join rules");
        return Vec::new();
    }
    let mut rules: Vec<Rule> = Vec::new();
    for item in items {
        if let Some(rule) = read_rule(item, currency, problems) {
            if rules.iter().any(|other| other.id == rule.id) {
                problems.add(
                    item.line,
                    format!("rule `{}` stands twice", rule.id),
                    "give it an id of its own",
                );
            }
            rules.push(rule);
        }
    }
    rules
}

const STAGES: [(&str, Stage); 3] =
    [("gate", Stage::Gate), ("overlay", Stage::Overlay), ("family", Stage::Family)];
const MATCHES: [(&str, Match); 2] = [("all", Match::All), ("any", Match::Any)];
const LIMITS: [(&str, Limits); 2] = [("trial", Limits::Trial), ("redate", Limits::Redate)];

fn read_rule(node: &Node, currency: Currency, problems: &mut Problems) -> Option<Rule> {
    let Value::Table(table) = &node.value else {
        mismatch(node.line, "rule", ("a table", node.value.kind()), problems);
        return None;
    };
    let mut section = Section::new(table, node.line);
    let id = section.text("id", problems);
    let title = section.text("title", problems);
    let stage = section.text("stage", problems).and_then(|text| word(text, &STAGES, problems));
    let matching = section.text("match", problems).and_then(|text| word(text, &MATCHES, problems));
    let outcomes: Vec<_> = Outcome::ALL.iter().map(|code| (code.as_str(), *code)).collect();
    let codes: Vec<_> = DeclineCode::ALL.iter().map(|code| (code.as_str(), *code)).collect();
    let authorities: Vec<_> = Authority::ALL.iter().map(|code| (code.as_str(), *code)).collect();
    let measures: Vec<_> = MeasureKind::ALL.iter().map(|code| (code.as_str(), *code)).collect();
    let outcome = section.optional_text("outcome", problems).and_then(|text| word(text, &outcomes, problems));
    let code = section.optional_text("code", problems).and_then(|text| word(text, &codes, problems));
    let authority =
        section.optional_text("authority", problems).and_then(|text| word(text, &authorities, problems));
    let limits = section.optional_text("limits", problems).and_then(|text| word(text, &LIMITS, problems));
    let adds = section.texts("adds", problems);
    let adds = adds.into_iter().filter_map(|text| word(text, &measures, problems)).collect();
    let opens_mandate = flag(&mut section, "opens_mandate", problems);
    let protects = flag(&mut section, "protects", problems);
    let when = section.required("when", problems);
    section.finish(problems);
    let conditions = read_conditions(when?, currency, problems);
    let (id, line) = id?;
    let rule = Rule {
        id: id.to_owned(),
        title: title?.0.to_owned(),
        line,
        stage: stage?,
        matching: matching?,
        conditions,
        outcome,
        code,
        authority,
        limits,
        adds,
        opens_mandate,
        protects,
    };
    check_effects(&rule, line, problems);
    Some(rule)
}

fn check_effects(rule: &Rule, line: u32, problems: &mut Problems) {
    let misplaced = match rule.stage {
        Stage::Gate => rule.opens_mandate || rule.protects || !rule.adds.is_empty() || rule.outcome.is_none(),
        Stage::Overlay => rule.opens_mandate || !rule.adds.is_empty() || rule.limits.is_some(),
        Stage::Family => rule.outcome.is_some() || rule.protects || rule.limits.is_some(),
    };
    if misplaced {
        let mend = "a gate has `outcome`, an overlay may protect, a family `adds` and may open the mandate";
        problems.add(line, format!("rule `{}` has effects that its stage can't have", rule.id), mend);
    }
}

fn flag(section: &mut Section<'_>, key: &'static str, problems: &mut Problems) -> bool {
    match section.optional(key) {
        None => false,
        Some(Node { value: Value::Flag(flag), .. }) => *flag,
        Some(node) => {
            mismatch(node.line, key, ("a flag", node.value.kind()), problems);
            false
        }
    }
}

fn read_conditions(node: &Node, currency: Currency, problems: &mut Problems) -> Vec<Condition> {
    let Value::List(items) = &node.value else {
        mismatch(node.line, "when", ("a list of conditions", node.value.kind()), problems);
        return Vec::new();
    };
    if items.is_empty() {
        problems.add(node.line, "rule has no condition", "add a condition under `when`");
    }
    if items.len() > MAX_CONDITIONS {
        let what = format!("rule has more than {MAX_CONDITIONS} conditions");
        problems.add(node.line, what, "split it into several rules");
        return Vec::new();
    }
    items.iter().filter_map(|item| read_condition(item, currency, problems)).collect()
}

fn read_condition(node: &Node, currency: Currency, problems: &mut Problems) -> Option<Condition> {
    let Value::Table(table) = &node.value else {
        mismatch(node.line, "when", ("a condition", node.value.kind()), problems);
        return None;
    };
    let mut section = Section::new(table, node.line);
    let fact = section.text("fact", problems);
    let operator = section.text("op", problems).and_then(|text| word(text, &Operator::ALL_WORDS, problems));
    let threshold = section.required("value", problems);
    section.finish(problems);
    let (name, line) = fact?;
    let Some(fact) = Fact::parse(name) else {
        let mend = suggest(name, Fact::ALL.iter().map(|fact| fact.name()));
        problems.add(line, format!("unknown fact `{name}`"), mend);
        return None;
    };
    let operator = operator?;
    if !operator.fits(fact.kind()) {
        let what =
            format!("operator `{}` doesn't fit `{name}`, which is {}", operator.word(), fact.kind().name());
        problems.add(
            line,
            what,
            "money, days, ratios and counts take < <= > >= =; a flag `is`; a code = in; codes any all",
        );
        return None;
    }
    let threshold = threshold?;
    let Some(value) = read_threshold(&threshold.value, (fact.kind(), operator), currency) else {
        let wanted = example(fact.kind(), operator, currency);
        let what =
            format!("threshold of `{name}` must be {}, found {}", fact.kind().name(), threshold.value.kind());
        problems.add(threshold.line, what, format!("write it as {wanted}"));
        return None;
    };
    Some(Condition { fact, operator, threshold: value, line: node.line })
}

fn read_threshold(
    value: &Value,
    (kind, operator): (FactType, Operator),
    currency: Currency,
) -> Option<FactValue> {
    match (kind, value) {
        (FactType::Money, Value::Text(text)) => parse_money(text, currency).map(FactValue::Money),
        (FactType::Days, Value::Text(text)) => {
            text.strip_suffix("days").and_then(|days| days.trim_end().parse().ok()).map(FactValue::Days)
        }
        (FactType::Ratio, Value::Text(text)) => {
            let ratio = Ratio::parse(text).ok().map(Ratio::decimal);
            ratio.filter(|ratio| ratio.scale() <= MAX_RATIO_PLACES).map(FactValue::Ratio)
        }
        (FactType::Count, Value::Integer(count)) => Some(FactValue::Count(*count)),
        (FactType::Flag, Value::Flag(flag)) => Some(FactValue::Flag(*flag)),
        (FactType::Code(list), Value::Text(text)) if operator == Operator::Equal => {
            known(list, text).map(FactValue::Code)
        }
        (FactType::Code(list), Value::List(items)) if operator == Operator::In => codes(list, items),
        (FactType::Codes(list), Value::List(items)) => codes(list, items),
        _ => None,
    }
}

fn codes(list: CodeList, items: &[Node]) -> Option<FactValue> {
    let words: Option<Vec<_>> = items
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) => known(list, text),
            _ => None,
        })
        .collect();
    words.filter(|words| !words.is_empty()).map(FactValue::Codes)
}

fn known(list: CodeList, text: &str) -> Option<&'static str> {
    list.words().into_iter().find(|word| *word == text)
}

fn example(kind: FactType, operator: Operator, currency: Currency) -> String {
    match kind {
        FactType::Money => format!("\"500.00 {}\"", currency.code()),
        FactType::Days => "\"30 days\"".to_owned(),
        FactType::Ratio => format!("\"0.10\", with at most {MAX_RATIO_PLACES} places"),
        FactType::Count => "3".to_owned(),
        FactType::Flag => "true or false".to_owned(),
        FactType::Code(list) if operator == Operator::Equal => format!("one of {}", list.words().join(", ")),
        FactType::Code(list) | FactType::Codes(list) => format!("a list of {}", list.words().join(", ")),
    }
}
