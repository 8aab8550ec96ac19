//! Static checks over the rules of a pack: conditions that can't hold or always do, conditions that exclude each
//! other, and gates that an earlier gate always forestalls.
//!
//! A condition's region is the set of values for which it holds. Facts are numbers with known bounds, so regions
//! are ranges, or sets of codes as bits.

use super::reader::Problems;
use super::rules::{Condition, Match, Operator, Rule, Stage};
use crate::catalogue::{Fact, FactType, FactValue};
use crate::sheet;

/// A ratio of 1 as a number of the fact sheet.
const ONE: i128 = 1_000_000_000_000_000_000;

/// Values for which a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    /// From the first to the last number, both included.
    Range(i128, i128),
    /// A code whose bit is set.
    Code(i128),
    /// Any set of codes that shares a bit with this one.
    Any(i128),
    /// Any set of codes that holds every bit of this one.
    All(i128),
}

/// Refuses what can be told from the rules alone.
pub(crate) fn check(rules: &[Rule], problems: &mut Problems) {
    for rule in rules {
        check_conditions(rule, problems);
    }
    for (place, rule) in rules.iter().enumerate() {
        let above = rules.get(..place).unwrap_or_default();
        if let Some(twin) = above.iter().find(|other| other.stage == rule.stage && same(other, rule)) {
            let what =
                format!("rule `{}` asks the same as rule `{}` on line {}", rule.id, twin.id, twin.line);
            problems.add(rule.line, what, "join them, or let them ask different things");
        } else if rule.stage == Stage::Gate
            && let Some(first) =
                above.iter().find(|other| other.stage == Stage::Gate && forestalls(other, rule))
        {
            let what = format!(
                "gate `{}` can't be reached: gate `{}` on line {} fires whenever it would",
                rule.id, first.id, first.line
            );
            problems.add(rule.line, what, "put it before the other, or remove it");
        }
    }
}

fn check_conditions(rule: &Rule, problems: &mut Problems) {
    for (place, condition) in rule.conditions.iter().enumerate() {
        let (fact, region) = (condition.fact, region(condition));
        if is_empty(region) {
            let what = format!("condition can never hold: {}", bounds(fact));
            problems.add(condition.line, what, "correct the threshold, or remove the condition");
            continue;
        }
        if covers_all(fact, region) {
            let what = format!("condition always holds: {}", bounds(fact));
            problems.add(condition.line, what, "correct the threshold, or remove the condition");
            continue;
        }
        let above = rule.conditions.get(..place).unwrap_or_default();
        for other in above.iter().filter(|other| other.fact == fact) {
            let other_region = self::region(other);
            if other_region == region {
                let what = format!("condition stands twice, first on line {}", other.line);
                problems.add(condition.line, what, "remove one");
            } else if rule.matching == Match::All && excludes(region, other_region) {
                let what = format!("rule `{}` can never fire: this excludes line {}", rule.id, other.line);
                problems.add(condition.line, what, "correct one threshold, or match any");
            }
        }
        check_codes(condition, problems);
    }
}

/// A list of codes names each once.
fn check_codes(condition: &Condition, problems: &mut Problems) {
    let FactValue::Codes(codes) = &condition.threshold else { return };
    let twice = codes.iter().enumerate().find(|(place, code)| {
        // INVARIANT: the words of a list are few, and a list longer than them repeats one of them early.
        codes.iter().take(*place).any(|other| other == *code)
    });
    if let Some((_, code)) = twice {
        problems.add(condition.line, format!("code `{code}` stands twice"), "name each code once");
    }
}

fn region(condition: &Condition) -> Region {
    let fact = condition.fact;
    let (low, high) = domain(fact);
    let number = |value: &FactValue| sheet::number(fact, value).unwrap_or(i128::MAX);
    match (&condition.threshold, condition.operator) {
        (FactValue::Codes(codes), Operator::In) => Region::Code(sheet::bits(fact, codes)),
        (FactValue::Codes(codes), Operator::All) => Region::All(sheet::bits(fact, codes)),
        (FactValue::Codes(codes), _) => Region::Any(sheet::bits(fact, codes)),
        (FactValue::Code(code), _) => Region::Code(sheet::bits(fact, &[*code])),
        (value, Operator::Less) => Region::Range(low, high.min(number(value).saturating_sub(1))),
        (value, Operator::LessOrEqual) => Region::Range(low, high.min(number(value))),
        (value, Operator::Greater) => Region::Range(low.max(number(value).saturating_add(1)), high),
        (value, Operator::GreaterOrEqual) => Region::Range(low.max(number(value)), high),
        (value, _) => Region::Range(low.max(number(value)), high.min(number(value))),
    }
}

/// Lowest and highest number that a fact can have.
fn domain(fact: Fact) -> (i128, i128) {
    match (fact, fact.kind()) {
        (_, FactType::Flag) => (0, 1),
        (Fact::IncomeGap, _) => (0, ONE),
        (Fact::LowestSurplus, _) => (i128::MIN, i128::MAX),
        _ => (0, i128::MAX),
    }
}

fn bounds(fact: Fact) -> String {
    let name = fact.name();
    match (fact, fact.kind()) {
        (_, FactType::Flag) => format!("`{name}` is true or false"),
        (Fact::IncomeGap, _) => format!("`{name}` lies between 0 and 1"),
        (_, FactType::Code(list) | FactType::Codes(list)) => {
            format!("`{name}` is one of {}", list.words().join(", "))
        }
        _ => format!("`{name}` is never below 0"),
    }
}

fn is_empty(region: Region) -> bool {
    match region {
        Region::Range(low, high) => low > high,
        Region::Code(bits) | Region::Any(bits) => bits == 0,
        Region::All(_) => false,
    }
}

fn covers_all(fact: Fact, region: Region) -> bool {
    match (region, fact.kind()) {
        (Region::Range(low, high), _) => (low, high) == domain(fact),
        (Region::Code(bits), FactType::Code(list)) => bits == sheet::bits(fact, &list.words()),
        _ => false,
    }
}

/// Whether no value lies in both.
fn excludes(one: Region, other: Region) -> bool {
    match (one, other) {
        (Region::Range(low, high), Region::Range(other_low, other_high)) => {
            low.max(other_low) > high.min(other_high)
        }
        (Region::Code(bits), Region::Code(other)) => bits & other == 0,
        _ => false,
    }
}

/// Whether every value of `inner` lies in `outer`.
fn within(inner: Region, outer: Region) -> bool {
    match (inner, outer) {
        (Region::Range(low, high), Region::Range(outer_low, outer_high)) => {
            low >= outer_low && high <= outer_high
        }
        (Region::Code(bits), Region::Code(outer)) | (Region::Any(bits), Region::Any(outer)) => {
            bits & !outer == 0
        }
        (Region::All(bits), Region::All(outer)) => outer & !bits == 0,
        (Region::All(bits), Region::Any(outer)) => bits & outer != 0,
        _ => false,
    }
}

fn implies(condition: &Condition, other: &Condition) -> bool {
    condition.fact == other.fact && within(region(condition), region(other))
}

/// The same conditions in any order, matched alike.
fn same(one: &Rule, other: &Rule) -> bool {
    let alike = one.matching == other.matching || one.conditions.len() == 1;
    let asked = |condition: &Condition, rule: &Rule| {
        rule.conditions.iter().any(|other| other.fact == condition.fact && region(other) == region(condition))
    };
    alike
        && one.conditions.len() == other.conditions.len()
        && one.conditions.iter().all(|condition| asked(condition, other))
}

/// Whether `first` fires whenever `later` would.
fn forestalls(first: &Rule, later: &Rule) -> bool {
    match later.matching {
        Match::All => forestalls_all(first, &later.conditions),
        Match::Any => later.conditions.iter().all(|one| forestalls_all(first, std::slice::from_ref(one))),
    }
}

/// Whether `first` fires whenever all of these hold.
fn forestalls_all(first: &Rule, hold: &[Condition]) -> bool {
    let implied = |condition: &Condition| hold.iter().any(|one| implies(one, condition));
    match first.matching {
        Match::All => !first.conditions.is_empty() && first.conditions.iter().all(implied),
        Match::Any => first.conditions.iter().any(implied),
    }
}
