//! Parameters as thresholds of rules: `{ fact = "prior.plans_12m", op = ">=", parameter = "relief_limit_12m" }`.
//!
//! Each is replaced by the parameter's value before the rules are read, so that they only ever compare with values.

use std::collections::{BTreeMap, BTreeSet};

use super::parameters::{LIMITS, NONE, PLANS, Parameter};
use super::reader::{Node, Problems, Value};
use super::section::suggest;

/// Puts values where rules name parameters, and refuses limits that no rule asks for.
pub(crate) fn resolve(root: &mut BTreeMap<String, Node>, parameters: &[Parameter], problems: &mut Problems) {
    let mut named = BTreeSet::new();
    if let Some(Node { value: Value::List(rules), .. }) = root.get_mut("rule") {
        for rule in rules {
            let Value::Table(rule) = &mut rule.value else { continue };
            let Some(Node { value: Value::List(conditions), .. }) = rule.get_mut("when") else { continue };
            for condition in conditions {
                if let Value::Table(condition) = &mut condition.value {
                    named.extend(resolve_one(condition, parameters, problems));
                }
            }
        }
    }
    for (name, fact) in LIMITS {
        let limited = parameters.iter().any(|parameter| parameter.name == name && parameter.value != NONE);
        if limited && !named.contains(&(name.to_owned(), fact.to_owned())) {
            let mend =
                format!("add a rule with {{ fact = \"{fact}\", op = \">=\", parameter = \"{name}\" }}");
            problems.add(0, format!("no rule asks for `{name}`"), mend);
        }
    }
}

/// The parameter that a condition names and the fact it is compared with, after its value was put there.
fn resolve_one(
    condition: &mut BTreeMap<String, Node>,
    parameters: &[Parameter],
    problems: &mut Problems,
) -> Option<(String, String)> {
    let node = condition.remove("parameter")?;
    let Value::Text(name) = &node.value else {
        problems.add(node.line, "`parameter` must be text", "write the name of a parameter of pack.toml");
        return None;
    };
    if condition.contains_key("value") {
        problems.add(node.line, "condition has a value and a parameter", "keep one of them");
        return None;
    }
    let Some(parameter) = parameters.iter().find(|parameter| parameter.name == *name) else {
        let mend = suggest(name, parameters.iter().map(|parameter| parameter.name.as_str()));
        problems.add(node.line, format!("unknown parameter `{name}`"), mend);
        return None;
    };
    if parameter.value == NONE {
        let mend = "remove the rule, or give the parameter a value";
        problems.add(node.line, format!("`{name}` is none: there is nothing to compare with"), mend);
    }
    let count = parameter.value.strip_suffix(PLANS).and_then(|count| count.trim_end().parse().ok());
    let value = count.map_or_else(|| Value::Text(parameter.value.clone()), Value::Integer);
    condition.insert("value".to_owned(), Node { line: node.line, value });
    let Some(Node { value: Value::Text(fact), .. }) = condition.get("fact") else { return None };
    Some((name.clone(), fact.clone()))
}
