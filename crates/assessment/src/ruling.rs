//! Evaluates the rules of a pack over a case, with a verdict and the nearest flip for every condition.

use rust_decimal::Decimal;

use crate::case::Case;
use crate::catalogue::FactValue;
use crate::codes::{Authority, DeclineCode, MeasureKind, Verdict};
use crate::decision::{ConditionVerdict, RuleVerdict};
use crate::pack::rules::{Condition, Operator};
use crate::pack::{Match, Rule, Stage};

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
    /// Measures that families added.
    pub adds: Vec<MeasureKind>,
    /// The automatic mandate is open.
    pub mandate: bool,
    /// Verdict of every rule, in the order of the pack.
    verdicts: Vec<(&'a Rule, Verdict)>,
}

impl<'a> Ruling<'a> {
    /// Evaluates gates in order, then overlays and families. A gate that holds the case stops everything.
    pub fn of(case: &Case<'a>) -> Self {
        let mut ruling = Self {
            gate: None,
            protected: None,
            codes: Vec::new(),
            authority: Authority::Automatic,
            adds: Vec::new(),
            mandate: false,
            verdicts: Vec::new(),
        };
        let rules = &case.pack.rules;
        let mut fired: Vec<&'a Rule> = Vec::new();
        for stage in [Stage::Gate, Stage::Overlay, Stage::Family] {
            for rule in rules.iter().filter(|rule| rule.stage == stage) {
                let verdict = ruling.verdict(case, rule);
                if verdict == Verdict::Fired {
                    fired.push(rule);
                    if rule.stage == Stage::Gate {
                        ruling.gate = Some(rule);
                    }
                }
                ruling.verdicts.push((rule, verdict));
            }
        }
        for rule in fired {
            ruling.take(rule);
        }
        ruling
    }

    fn verdict(&self, case: &Case<'_>, rule: &Rule) -> Verdict {
        let reached = match (self.gate, rule.stage) {
            (None, _) => true,
            (Some(_), Stage::Gate) => false,
            (Some(gate), Stage::Overlay) => gate.outcome != Some(crate::codes::Outcome::Hold),
            // Terms are only looked for where the gate still allows some.
            (Some(gate), Stage::Family) => gate.limits.is_some(),
        };
        if !reached {
            return Verdict::NotReached;
        }
        let mut held = rule.conditions.iter().map(|condition| holds(case, condition));
        let fired = match rule.matching {
            Match::All => held.all(|held| held),
            Match::Any => held.any(|held| held),
        };
        if fired { Verdict::Fired } else { Verdict::Missed }
    }

    fn take(&mut self, rule: &'a Rule) {
        if rule.protects && self.protected.is_none() {
            self.protected = Some(rule);
        }
        // Relief limits don't apply to a protected borrower; the protecting overlay stands before them.
        if self.protected.is_some() && rule.code == Some(DeclineCode::ReliefLimitReached) {
            return;
        }
        self.codes.extend(rule.code.filter(|code| !self.codes.contains(code)));
        self.authority = self.authority.max(rule.authority.unwrap_or(Authority::Automatic));
        for kind in &rule.adds {
            if !self.adds.contains(kind) {
                self.adds.push(*kind);
            }
        }
        self.mandate |= rule.opens_mandate;
    }

    /// The trace: every condition of every rule.
    pub fn trace(&self, case: &Case<'_>) -> Vec<RuleVerdict> {
        let mut in_order: Vec<RuleVerdict> = Vec::with_capacity(self.verdicts.len());
        for rule in &case.pack.rules {
            let verdict = self
                .verdicts
                .iter()
                .find(|(other, _)| other.id == rule.id)
                .map_or(Verdict::NotReached, |(_, verdict)| *verdict);
            in_order.push(RuleVerdict {
                rule_id: rule.id.clone(),
                title: rule.title.clone(),
                verdict,
                conditions: rule
                    .conditions
                    .iter()
                    .map(|condition| explain(case, condition, verdict))
                    .collect(),
                code: rule.code.map_or("", DeclineCode::as_str).to_owned(),
            });
        }
        in_order
    }
}

fn explain(case: &Case<'_>, condition: &Condition, rule: Verdict) -> ConditionVerdict {
    let currency = case.pack.currency;
    let value = case.values.get(&condition.fact);
    let verdict = match rule {
        Verdict::NotReached => Verdict::NotReached,
        Verdict::Fired | Verdict::Missed if holds(case, condition) => Verdict::Fired,
        Verdict::Fired | Verdict::Missed => Verdict::Missed,
    };
    let flip = match (verdict, value) {
        (Verdict::NotReached, _) | (_, None) => None,
        (verdict, Some(value)) => nearest_flip(condition, value, verdict),
    };
    ConditionVerdict {
        fact: condition.fact.name().to_owned(),
        value: value.map_or_else(String::new, |value| value.show(currency)),
        operator: condition.operator.word().to_owned(),
        threshold: condition.threshold.show(currency),
        verdict,
        source: format!("rules.toml:{}", condition.line),
        nearest_flip: flip.map_or_else(String::new, |flip| flip.show(currency)),
    }
}

fn holds(case: &Case<'_>, condition: &Condition) -> bool {
    let Some(value) = case.values.get(&condition.fact) else { return false };
    match (value, &condition.threshold) {
        (FactValue::Flag(value), FactValue::Flag(wanted)) => value == wanted,
        (FactValue::Code(value), FactValue::Code(wanted)) => value == wanted,
        (FactValue::Code(value), FactValue::Codes(wanted)) => wanted.contains(value),
        (FactValue::Codes(values), FactValue::Codes(wanted)) => match condition.operator {
            Operator::All => wanted.iter().all(|code| values.contains(code)),
            _ => wanted.iter().any(|code| values.contains(code)),
        },
        (value, threshold) => match (number(value), number(threshold)) {
            (Some(value), Some(threshold)) => compare(condition.operator, value, threshold),
            // INVARIANT: the checker gives every threshold the type of its fact.
            _ => false,
        },
    }
}

fn compare(operator: Operator, value: Decimal, threshold: Decimal) -> bool {
    match operator {
        Operator::Less => value < threshold,
        Operator::LessOrEqual => value <= threshold,
        Operator::Greater => value > threshold,
        Operator::GreaterOrEqual => value >= threshold,
        Operator::Equal => value == threshold,
        Operator::In | Operator::Is | Operator::Any | Operator::All => false,
    }
}

fn number(value: &FactValue) -> Option<Decimal> {
    match value {
        FactValue::Money(amount) => Some(amount.exact()),
        FactValue::Days(count) | FactValue::Count(count) => Some(Decimal::from(*count)),
        FactValue::Ratio(ratio) => Some(*ratio),
        FactValue::Flag(_) | FactValue::Code(_) | FactValue::Codes(_) => None,
    }
}

/// The value of the fact nearest to its own for which the condition turns over; one step is a minor unit, a
/// day, a count or 0.0001.
fn nearest_flip(condition: &Condition, value: &FactValue, verdict: Verdict) -> Option<FactValue> {
    let held = verdict == Verdict::Fired;
    match (value, &condition.threshold) {
        (FactValue::Flag(flag), _) => Some(FactValue::Flag(!flag)),
        (FactValue::Code(_), FactValue::Code(wanted)) if !held => Some(FactValue::Code(wanted)),
        (FactValue::Code(_), FactValue::Codes(wanted)) if !held => {
            wanted.first().map(|code| FactValue::Code(code))
        }
        (FactValue::Codes(_), FactValue::Codes(wanted)) if !held && condition.operator == Operator::Any => {
            wanted.first().map(|code| FactValue::Codes(vec![code]))
        }
        (FactValue::Codes(_), FactValue::Codes(wanted)) if !held => Some(FactValue::Codes(wanted.clone())),
        (FactValue::Codes(_), FactValue::Codes(_)) => Some(FactValue::Codes(Vec::new())),
        (value, threshold) => {
            let step = if matches!(value, FactValue::Ratio(_)) { Decimal::new(1, 4) } else { Decimal::ONE };
            let threshold = number(threshold)?;
            let flipped = match (condition.operator, held) {
                (Operator::Less, true) | (Operator::GreaterOrEqual, false) => threshold,
                (Operator::Less, false) | (Operator::GreaterOrEqual, true) => threshold - step,
                (Operator::LessOrEqual, true) | (Operator::Greater, false) => threshold + step,
                (Operator::LessOrEqual, false) | (Operator::Greater, true) | (Operator::Equal, false) => {
                    threshold
                }
                (Operator::Equal, true) => threshold + step,
                (Operator::In | Operator::Is | Operator::Any | Operator::All, _) => return None,
            };
            like(value, flipped)
        }
    }
}

fn like(value: &FactValue, number: Decimal) -> Option<FactValue> {
    Some(match value {
        FactValue::Money(_) => FactValue::Money(loan::Amount::round(number).ok()?),
        FactValue::Days(_) => FactValue::Days(loan::Amount::round(number).ok()?.minor()),
        FactValue::Count(_) => FactValue::Count(loan::Amount::round(number).ok()?.minor()),
        FactValue::Ratio(_) => FactValue::Ratio(number),
        FactValue::Flag(_) | FactValue::Code(_) | FactValue::Codes(_) => return None,
    })
}
