//! The policy in `cel`.
//!
//! Its fair form: every rule is compiled once into a program of its own, and the host walks them with the same
//! short-circuits as Leeway, so that rules which a gate makes needless cost nothing. Facts stand in a context before the
//! clock starts, one a case, as Leeway's fact sheets do; all contexts share one environment. (A variable resolver over
//! borrowed values is as fast and no faster.) Programs are evaluated with
//! `Value::resolve_val`, as the crate's own benchmark does it, which leaves out the copy that `Program::execute` makes
//! of its answer.

use std::sync::Arc;

use anyhow::Context as _;
use cel::common::types::CelBool;
use cel::{Context, Env, Program};

use crate::policy::{Dialect, Gate, Policy, Rule, Value, Values};

const DIALECT: Dialect = Dialect { and: " && ", or: " || ", not: "!" };

/// The compiled rules and a filled context a case.
pub struct CelRules {
    gates: Vec<(Program, Left)>,
    overlays: Vec<Program>,
    families: Vec<Program>,
    contexts: Vec<Context<'static, 'static>>,
}

/// What is still asked once a gate has fired.
#[derive(Clone, Copy)]
struct Left {
    overlays: bool,
    families: bool,
}

impl CelRules {
    pub fn new(policy: &Policy, cases: &[Values]) -> anyhow::Result<Self> {
        let env = Arc::new(Env::stdlib());
        let compile = |rule: &Rule| {
            let source = rule.expression(&DIALECT);
            Program::compile(&source).with_context(|| format!("rule {} as `{source}`", rule.id))
        };
        let gate = |gate: &Gate| {
            let left = Left { overlays: !gate.holds, families: gate.allows_terms };
            anyhow::Ok((compile(&gate.rule)?, left))
        };
        Ok(Self {
            gates: policy.gates.iter().map(gate).collect::<Result<_, _>>()?,
            overlays: policy.overlays.iter().map(compile).collect::<Result<_, _>>()?,
            families: policy.families.iter().map(compile).collect::<Result<_, _>>()?,
            contexts: cases.iter().map(|values| context(&env, values)).collect(),
        })
    }

    /// The rules that fire, a bit a rule in the order of evaluation.
    pub fn decide(&self, case: usize) -> anyhow::Result<u64> {
        let context = self.contexts.get(case).context("no such case")?;
        let mut fired = 0;
        let mut left = Left { overlays: true, families: true };
        for (place, (gate, after)) in (0_u32..).zip(&self.gates) {
            if holds(gate, context)? {
                fired |= 1_u64 << place;
                left = *after;
                break;
            }
        }
        let mut place = u32::try_from(self.gates.len())?;
        for (asked, rules) in [(left.overlays, &self.overlays), (left.families, &self.families)] {
            for rule in rules {
                if asked && holds(rule, context)? {
                    fired |= 1_u64 << place;
                }
                place += 1;
            }
        }
        Ok(fired)
    }

    pub fn cases(&self) -> usize {
        self.contexts.len()
    }
}

fn holds(program: &Program, context: &Context<'static, 'static>) -> anyhow::Result<bool> {
    let answer = cel::Value::resolve_val(program.expression(), context)?;
    Ok(*answer.downcast_ref::<CelBool>().context("not a flag")?.inner())
}

fn context(env: &Arc<Env>, values: &Values) -> Context<'static, 'static> {
    let mut context = Context::with_env(Arc::clone(env));
    for (name, value) in values {
        let name = name.as_str();
        match value {
            Value::Flag(flag) => context.add_variable_from_value(name, *flag),
            Value::Whole(number) => context.add_variable_from_value(name, *number),
            Value::Ratio(ratio) => context.add_variable_from_value(name, *ratio),
            Value::Word(word) => context.add_variable_from_value(name, word.clone()),
            Value::Words(words) => context.add_variable_from_value(name, words.clone()),
        }
    }
    context
}
