//! The policy in `zen-engine`, in two forms; the faster one is what Leeway is compared with.
//!
//! Decision tables are how people write policies there: gates in a table of which the first row counts, overlays and
//! families in tables that collect. One expression node is the quickest form the engine offers for the same rules: all
//! of them as one compiled expression whose branches stop where Leeway stops. (The same expression in a policy document,
//! compiled by `DecisionEngine::compile`, runs at less than half its speed.)
//!
//! Fair for both: the graph is compiled before the clock starts (`Decision::compile`: bytecode and table indexes), facts
//! stand in the engine's own values, of which an evaluation takes a reference, the results of other nodes
//! aren't copied into each node's context (`nodes_in_context`), and a future that never waits is polled without a run
//! time. Reading the answer isn't timed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value as Json, json};
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, DecisionEngine, DecisionGraphResponse, EvaluationOptions, Variable, ZEN_CONFIG};

use crate::policy::{Condition, Dialect, Policy, Rule, Test, Value, Values};

const DIALECT: Dialect = Dialect { and: " and ", or: " or ", not: "not " };

/// Deepest nesting of graphs; ours has one level.
const MAX_DEPTH: u8 = 10;

/// How the policy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Expression,
    Tables,
}

/// A compiled graph and the facts of every case.
pub struct ZenRules {
    form: Form,
    decision: Decision,
    inputs: Vec<Variable>,
    /// Ids of the rules in the order of evaluation.
    ids: Vec<String>,
    gates: usize,
}

impl ZenRules {
    pub fn new(form: Form, policy: &Policy, cases: &[Values]) -> anyhow::Result<Self> {
        ZEN_CONFIG.nodes_in_context.store(false, Ordering::Relaxed);
        let graph = match form {
            Form::Expression => expression_graph(policy),
            Form::Tables => table_graph(policy),
        };
        let content: DecisionContent = serde_json::from_value(graph)?;
        let mut decision = DecisionEngine::default()
            .create_decision(Arc::new(content))
            .map_err(|error| anyhow!("not a graph: {error:?}"))?;
        decision.compile();
        decision.validate().map_err(|error| anyhow!("refused: {error:?}"))?;
        Ok(Self {
            form,
            decision,
            inputs: cases.iter().map(|values| Variable::from(json(values))).collect(),
            ids: policy.rules().map(|rule| rule.id.clone()).collect(),
            gates: policy.gates.len(),
        })
    }

    /// One decision as the engine gives it.
    pub fn decide(&self, case: usize, trace: bool) -> anyhow::Result<DecisionGraphResponse> {
        let input = self.inputs.get(case).context("no such case")?.clone();
        let options = EvaluationOptions { trace, max_depth: MAX_DEPTH };
        let answer = at_once(self.decision.evaluate_with_opts(input, options))?;
        answer.map_err(|error| anyhow!("{error}"))
    }

    /// The rules that fired, a bit a rule in the order of evaluation.
    pub fn fired(&self, response: &DecisionGraphResponse) -> anyhow::Result<u64> {
        let result = response.result.to_value();
        match self.form {
            Form::Expression => self.fired_flags(&result).with_context(|| format!("answer {result}")),
            Form::Tables => self.fired_rows(&result).with_context(|| format!("answer {result}")),
        }
    }

    pub fn cases(&self) -> usize {
        self.inputs.len()
    }

    /// The place of the gate, or -1, and a flag for every rule behind the gates that was asked.
    fn fired_flags(&self, result: &Json) -> anyhow::Result<u64> {
        let fired = result.pointer("/fired").and_then(Json::as_array).context("no `fired`")?;
        let (gate, flags) = fired.split_first().context("`fired` is empty")?;
        let gate = gate.as_i64().context("the gate is no place")?;
        let mut bits = u32::try_from(gate).map_or(0, |place| 1_u64 << place);
        for (place, flag) in (self.gates..).zip(flags) {
            bits |= u64::from(flag.as_bool().context("not a flag")?) << place;
        }
        Ok(bits)
    }

    fn fired_rows(&self, result: &Json) -> anyhow::Result<u64> {
        let list = |pointer| result.pointer(pointer).and_then(Json::as_array).cloned().unwrap_or_default();
        let gate = result.pointer("/gate").cloned().into_iter().filter(|gate| !gate.is_null());
        let mut bits = 0;
        for row in gate.chain(list("/overlays")).chain(list("/families")) {
            let id = row.pointer("/rule").and_then(Json::as_str).context("a row without `rule`")?;
            let place = self.ids.iter().position(|other| other == id).context("no such rule")?;
            bits |= 1_u64 << place;
        }
        Ok(bits)
    }
}

fn at_once<F: Future>(future: F) -> anyhow::Result<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => bail!("an evaluation without input or output had to wait"),
    }
}

fn json(values: &Values) -> Json {
    let one = |value: &Value| match value {
        Value::Flag(flag) => json!(flag),
        Value::Whole(number) => json!(number),
        Value::Ratio(ratio) => json!(ratio),
        Value::Word(word) => json!(word),
        Value::Words(words) => json!(words),
    };
    Json::Object(values.iter().map(|(name, value)| (name.clone(), one(value))).collect())
}

/// `gate 0 ? [0, …] : gate 1 ? [1, …] : [-1, …]`, each list with a flag for every rule that the gate leaves to be asked.
fn expression_graph(policy: &Policy) -> Json {
    let flags = |place: &str, overlays: bool, families: bool| {
        let asked = [(overlays, &policy.overlays), (families, &policy.families)];
        let rules = asked.iter().filter(|(asked, _)| *asked).flat_map(|(_, rules)| rules.iter());
        let flags = rules.map(|rule| rule.expression(&DIALECT));
        let items: Vec<String> = std::iter::once(place.to_owned()).chain(flags).collect();
        format!("[{}]", items.join(", "))
    };
    let mut source = flags("-1", true, true);
    for (place, gate) in policy.gates.iter().enumerate().rev() {
        let list = flags(&place.to_string(), !gate.holds, gate.allows_terms);
        source = format!("({}) ? {list} : ({source})", gate.rule.expression(&DIALECT));
    }
    let rules = json!({
        "id": "rules", "name": "rules", "type": "expressionNode",
        "content": { "expressions": [{ "id": "fired", "key": "fired", "value": source }] },
    });
    graph(&[rules])
}

/// Three tables in a row, each with a column a fact. The gate's row says whether the others are still asked.
fn table_graph(policy: &Policy) -> Json {
    let mut gates = Table::new("gate", "first");
    for gate in &policy.gates {
        gates.add(&gate.rule, None, &[("holds", gate.holds), ("terms", gate.allows_terms)]);
    }
    let mut overlays = Table::new("overlays", "collect");
    for rule in &policy.overlays {
        overlays.add(rule, Some(("gate.holds", "$ != true")), &[]);
    }
    let mut families = Table::new("families", "collect");
    for rule in &policy.families {
        families.add(rule, Some(("gate.terms", "$ != false")), &[]);
    }
    graph(&[gates.node(), overlays.node(), families.node()])
}

/// The nodes in a row behind an input node. What the last one says is the answer.
fn graph(nodes: &[Json]) -> Json {
    let mut all = vec![json!({ "id": "facts", "name": "facts", "type": "inputNode", "content": {} })];
    all.extend(nodes.iter().cloned());
    let edges: Vec<Json> = all
        .windows(2)
        .enumerate()
        .filter_map(|(place, pair)| {
            let [from, to] = pair else { return None };
            let id = format!("edge-{place}");
            Some(json!({ "id": id, "sourceId": from["id"], "targetId": to["id"] }))
        })
        .collect();
    json!({ "nodes": all, "edges": edges })
}

/// A decision table: a column a fact, a row a rule; a rule of which any condition is enough takes a row each.
struct Table {
    name: &'static str,
    hit_policy: &'static str,
    columns: Vec<String>,
    rows: Vec<Map<String, Json>>,
}

impl Table {
    fn new(name: &'static str, hit_policy: &'static str) -> Self {
        Self { name, hit_policy, columns: Vec::new(), rows: Vec::new() }
    }

    /// Adds a rule, behind one more condition on `first` where there is one, with flags to put out beside its id.
    fn add(&mut self, rule: &Rule, first: Option<(&str, &str)>, flags: &[(&str, bool)]) {
        let alternatives: Vec<&[Condition]> =
            if rule.any { rule.conditions.chunks(1).collect() } else { vec![&rule.conditions] };
        for conditions in alternatives {
            let mut row = Map::new();
            row.insert("_id".to_owned(), json!(format!("{}-{}", rule.id, self.rows.len())));
            row.insert("rule".to_owned(), json!(format!("\"{}\"", rule.id)));
            for (name, flag) in flags {
                row.insert((*name).to_owned(), json!(flag.to_string()));
            }
            if let Some((fact, cell)) = first {
                self.cell(&mut row, fact, cell.to_owned());
            }
            for condition in conditions {
                self.cell(&mut row, &condition.fact, cell(&condition.test));
            }
            self.rows.push(row);
        }
    }

    fn cell(&mut self, row: &mut Map<String, Json>, fact: &str, cell: String) {
        if !self.columns.iter().any(|column| column == fact) {
            self.columns.push(fact.to_owned());
        }
        row.insert(fact.to_owned(), json!(cell));
    }

    fn node(&self) -> Json {
        let column = |fact: &String| json!({ "id": fact, "name": fact, "field": fact });
        let outputs = if self.name == "gate" { &["rule", "holds", "terms"][..] } else { &["rule"] };
        json!({
            "id": self.name, "name": self.name, "type": "decisionTableNode",
            "content": {
                "hitPolicy": self.hit_policy,
                "inputs": self.columns.iter().map(column).collect::<Vec<_>>(),
                "outputs": outputs.iter().map(|name| json!({ "id": name, "name": name, "field": name })).collect::<Vec<_>>(),
                "rules": self.rows,
                "passThrough": true,
                "outputPath": self.name,
            },
        })
    }
}

/// A condition as the cell of its fact's column.
fn cell(test: &Test) -> String {
    let each = |words: &[String], between: &str| {
        let parts: Vec<String> = words.iter().map(|word| format!("\"{word}\" in $")).collect();
        parts.join(between)
    };
    match test {
        Test::Flag(flag) => flag.to_string(),
        Test::Number("==", number) => number.clone(),
        Test::Number(sign, number) => format!("{sign} {number}"),
        Test::Among(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "),
        Test::Any(words) => each(words, DIALECT.or),
        Test::All(words) => each(words, DIALECT.and),
    }
}
