//! What the rules of a pack say about a case, and every condition of it as text.

use crate::case::Case;
use crate::codes::{Authority, DeclineCode, Verdict};
use crate::decision::{ConditionVerdict, RuleVerdict};
use crate::pack::program::{ConditionTrace, Effect};
use crate::pack::rules::Condition;
use crate::pack::{Pack, Rule, RuleTrace};
use crate::sheet;

/// What the rules say about a case.
pub(crate) struct Ruling<'a> {
    /// The gate that decided, if one did.
    pub gate: Option<&'a Rule>,
    /// A protecting overlay fired.
    pub protected: Option<&'a Rule>,
    /// Decline codes of the rules that fired, in their order.
    pub codes: Vec<DeclineCode>,
    /// Least authority that the rules ask for.
    pub authority: Authority,
    /// The automatic mandate is open.
    pub mandate: bool,
    /// Everything that follows from the rules.
    pub effect: Effect,
}

impl<'a> Ruling<'a> {
    /// Evaluates the rules of the case's pack.
    pub fn of(case: &Case<'a>) -> Self {
        let pack = case.pack;
        let answer = pack.rule_on(&case.sheet);
        let effect = *answer.effect();
        Self {
            gate: answer.gate(&pack.rules),
            protected: answer.protector(&pack.rules),
            codes: pack.codes_of(&answer),
            authority: effect.authority,
            mandate: effect.mandate,
            effect,
        }
    }
}

/// Every condition of every rule as text, in the order of the pack.
pub(crate) fn told(pack: &Pack, trace: &RuleTrace) -> Vec<RuleVerdict> {
    let mut told = Vec::with_capacity(pack.rules.len());
    let mut conditions = trace.conditions.iter().peekable();
    for (rule, place) in pack.rules.iter().zip(0_u8..) {
        let mut lines = Vec::with_capacity(rule.conditions.len());
        for condition in &rule.conditions {
            let Some(traced) = conditions.next_if(|one| one.rule == place) else { break };
            lines.push(line(pack, condition, traced));
        }
        told.push(verdict(rule, trace.verdict(place), lines));
    }
    told
}

/// The same where no rule was asked.
pub(crate) fn untold(pack: &Pack) -> Vec<RuleVerdict> {
    let lines = |rule: &Rule| rule.conditions.iter().map(|condition| unasked(pack, condition)).collect();
    pack.rules.iter().map(|rule| verdict(rule, Verdict::NotReached, lines(rule))).collect()
}

fn verdict(rule: &Rule, verdict: Verdict, conditions: Vec<ConditionVerdict>) -> RuleVerdict {
    RuleVerdict {
        rule_id: rule.id.clone(),
        title: rule.title.clone(),
        verdict,
        conditions,
        code: rule.code.map_or("", DeclineCode::as_str).to_owned(),
    }
}

/// A condition without a value.
fn unasked(pack: &Pack, condition: &Condition) -> ConditionVerdict {
    ConditionVerdict {
        fact: condition.fact.name().to_owned(),
        value: String::new(),
        operator: condition.operator.word().to_owned(),
        threshold: condition.threshold.show(pack.currency),
        verdict: Verdict::NotReached,
        source: format!("rules.toml:{}", condition.line),
        nearest_flip: String::new(),
    }
}

fn line(pack: &Pack, condition: &Condition, traced: &ConditionTrace) -> ConditionVerdict {
    let show = |number: i128| sheet::value(condition.fact, number).show(pack.currency);
    ConditionVerdict {
        value: show(traced.value),
        verdict: traced.verdict,
        nearest_flip: match traced.verdict {
            Verdict::NotReached => String::new(),
            Verdict::Fired | Verdict::Missed => traced.flip.map_or_else(String::new, show),
        },
        ..unasked(pack, condition)
    }
}
