//! The rules of a pack made ready to be evaluated: comparisons of numbers, in the order in which they are asked.
//!
//! An evaluation asks every condition at most once, allocates nothing and can't fail: its cost is bounded by
//! [`MAX_RULES`] × [`MAX_CONDITIONS`] comparisons.

use super::Pack;
use super::rules::{Condition, Limits, Match, Operator, Rule, Stage};
use crate::catalogue::{Fact, FactType, FactValue};
use crate::codes::{Authority, DeclineCode, MeasureKind, Outcome, Verdict};
use crate::sheet::{self, FactSheet};

/// Most rules of a pack.
pub const MAX_RULES: usize = 128;
/// Most conditions of one rule.
pub const MAX_CONDITIONS: usize = 32;

/// What the rules say about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesAnswer {
    /// Rules that fired, a bit a place in the pack.
    fired: u128,
    /// Rules that were asked.
    reached: u128,
    /// Place of the gate that decided.
    gate: Option<u8>,
    /// Place of the protecting overlay.
    protector: Option<u8>,
    effect: Effect,
}

/// What follows from the rules that fired, whatever pack they stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Outcome of the gate that decided.
    pub gate_outcome: Option<Outcome>,
    /// What the gate limits the offers to.
    pub limits: Option<Limits>,
    /// Outcome of the protecting overlay.
    pub protected: Option<Outcome>,
    /// Least authority that the rules ask for.
    pub authority: Authority,
    /// The automatic mandate is open.
    pub mandate: bool,
    codes: u32,
    adds: u16,
}

impl Effect {
    /// Whether a rule that fired gives this code.
    pub fn gives(&self, code: DeclineCode) -> bool {
        self.codes & place_of(&code, DeclineCode::ALL) != 0
    }

    /// Whether a rule that fired adds measures of this kind.
    pub fn adds(&self, kind: MeasureKind) -> bool {
        u32::from(self.adds) & place_of(&kind, MeasureKind::ALL) != 0
    }

    /// Whether any decline code was given.
    pub fn gives_any(&self) -> bool {
        self.codes != 0
    }

    fn take(&mut self, rule: &Rule) {
        self.authority = self.authority.max(rule.authority.unwrap_or(Authority::Automatic));
        self.mandate |= rule.opens_mandate;
        self.codes |= rule.code.map_or(0, |code| place_of(&code, DeclineCode::ALL));
        for kind in &rule.adds {
            self.adds |= u16::try_from(place_of(kind, MeasureKind::ALL)).unwrap_or_default();
        }
    }
}

/// A bit a place in a list of words.
fn place_of<T: PartialEq>(word: &T, all: &[T]) -> u32 {
    let place = all.iter().position(|other| other == word).and_then(|place| u32::try_from(place).ok());
    place.and_then(|place| 1_u32.checked_shl(place)).unwrap_or_default()
}

impl RulesAnswer {
    /// What follows from it.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Ids of the rules that fired, in the order of the pack that gave this answer.
    pub fn fired<'a>(&self, pack: &'a Pack) -> impl Iterator<Item = &'a str> {
        let fired = self.fired;
        let rules = pack.rules.iter().zip(0_u8..);
        rules.filter(move |(_, place)| fired & bit(*place) != 0).map(|(rule, _)| rule.id.as_str())
    }

    pub(crate) fn gate<'a>(&self, rules: &'a [Rule]) -> Option<&'a Rule> {
        self.gate.and_then(|place| rules.get(usize::from(place)))
    }

    pub(crate) fn protector<'a>(&self, rules: &'a [Rule]) -> Option<&'a Rule> {
        self.protector.and_then(|place| rules.get(usize::from(place)))
    }

    fn verdict(&self, place: u8) -> Verdict {
        let bit = bit(place);
        match (self.reached & bit != 0, self.fired & bit != 0) {
            (false, _) => Verdict::NotReached,
            (true, true) => Verdict::Fired,
            (true, false) => Verdict::Missed,
        }
    }
}

/// What became of one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionTrace {
    /// Place of the rule in the pack.
    pub rule: u8,
    /// Place of the condition in the rule.
    pub condition: u8,
    /// Held, failed or not reached.
    pub verdict: Verdict,
    /// The fact as a number, see [`FactSheet`].
    pub value: i128,
    /// The nearest value of the fact for which it turns over; `None` where there is none.
    pub flip: Option<i128>,
}

/// An answer with what became of every condition of every rule, in the order of the pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTrace {
    /// The same answer as without a trace.
    pub answer: RulesAnswer,
    /// Every condition of every rule.
    pub conditions: Vec<ConditionTrace>,
}

impl RuleTrace {
    /// Verdict of the rule at a place.
    pub(crate) fn verdict(&self, place: u8) -> Verdict {
        self.answer.verdict(place)
    }
}

/// The rules of a pack, ready to be evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Program {
    steps: Vec<Step>,
    tests: Vec<Test>,
}

/// A rule, in the order of evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    place: u8,
    stage: Stage,
    any: bool,
    /// Its conditions among the tests.
    tests: std::ops::Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Test {
    fact: Fact,
    ask: Ask,
    number: i128,
    /// Bits of every code that the fact can hold; 0 where it holds none.
    codes: i128,
}

/// How a fact is compared with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Below,
    AtMost,
    Above,
    AtLeast,
    Is,
    /// The code's bit is among those of the number.
    Among,
    /// A bit in common.
    Any,
    /// Every bit of the number.
    All,
}

impl Program {
    /// Gates first, in their order, then overlays, then families. Rules beyond the limits were refused before.
    pub fn of(rules: &[Rule]) -> Self {
        let mut program = Self::default();
        for stage in [Stage::Gate, Stage::Overlay, Stage::Family] {
            for (rule, place) in rules.iter().zip(0_u8..).filter(|(rule, _)| rule.stage == stage) {
                let first = program.tests.len();
                program.tests.extend(rule.conditions.iter().map(Test::of));
                program.steps.push(Step {
                    place,
                    stage,
                    any: rule.matching == Match::Any,
                    tests: first..program.tests.len(),
                });
            }
        }
        program
    }

    /// Gates in order, then overlays and families. A gate that holds the case stops everything.
    pub fn run(&self, rules: &[Rule], facts: &FactSheet) -> RulesAnswer {
        let mut answer = RulesAnswer { fired: 0, reached: 0, gate: None, protector: None, effect: NOTHING };
        for step in &self.steps {
            let reached = match (answer.gate, step.stage) {
                (None, _) => true,
                (Some(_), Stage::Gate) => false,
                (Some(_), Stage::Overlay) => answer.effect.gate_outcome != Some(Outcome::Hold),
                // Terms are only looked for where the gate still allows some.
                (Some(_), Stage::Family) => answer.effect.limits.is_some(),
            };
            if !reached {
                continue;
            }
            answer.reached |= bit(step.place);
            let tests = self.tests.get(step.tests.clone()).unwrap_or_default();
            let mut held = tests.iter().map(|test| test.holds(facts.number(test.fact)));
            let fired = if step.any { held.any(|held| held) } else { held.all(|held| held) };
            if fired && let Some(rule) = rules.get(usize::from(step.place)) {
                answer.fire(step, rule);
            }
        }
        answer
    }

    /// The same with every condition, in the order of the pack.
    pub fn trace(&self, rules: &[Rule], facts: &FactSheet) -> RuleTrace {
        let answer = self.run(rules, facts);
        let mut conditions = Vec::with_capacity(self.tests.len());
        for step in &self.steps {
            let rule = answer.verdict(step.place);
            let tests = self.tests.get(step.tests.clone()).unwrap_or_default();
            for (test, condition) in tests.iter().zip(0_u8..) {
                let value = facts.number(test.fact);
                let held = test.holds(value);
                let (verdict, flip) = match (rule, held) {
                    (Verdict::NotReached, _) => (Verdict::NotReached, None),
                    (_, true) => (Verdict::Fired, test.flip(value, true)),
                    (_, false) => (Verdict::Missed, test.flip(value, false)),
                };
                conditions.push(ConditionTrace { rule: step.place, condition, verdict, value, flip });
            }
        }
        conditions.sort_by_key(|one| (one.rule, one.condition));
        RuleTrace { answer, conditions }
    }

    /// Decline codes of the rules that fired, in their order.
    pub fn codes(&self, rules: &[Rule], answer: &RulesAnswer) -> Vec<DeclineCode> {
        let mut codes = Vec::new();
        for step in self.steps.iter().filter(|step| answer.fired & bit(step.place) != 0) {
            let code = rules.get(usize::from(step.place)).and_then(|rule| rule.code);
            codes.extend(code.filter(|code| answer.effect.gives(*code) && !codes.contains(code)));
        }
        codes
    }
}

const NOTHING: Effect = Effect {
    gate_outcome: None,
    limits: None,
    protected: None,
    authority: Authority::Automatic,
    mandate: false,
    codes: 0,
    adds: 0,
};

impl RulesAnswer {
    fn fire(&mut self, step: &Step, rule: &Rule) {
        self.fired |= bit(step.place);
        if step.stage == Stage::Gate {
            self.gate = Some(step.place);
            self.effect.gate_outcome = rule.outcome;
            self.effect.limits = rule.limits;
        }
        if rule.protects && self.protector.is_none() {
            self.protector = Some(step.place);
            self.effect.protected = Some(rule.outcome.unwrap_or(Outcome::SpecialistReview));
        }
        // Relief limits don't apply to a protected borrower; the protecting overlay stands before them.
        if self.protector.is_none() || rule.code != Some(DeclineCode::ReliefLimitReached) {
            self.effect.take(rule);
        }
    }
}

fn bit(place: u8) -> u128 {
    1_u128.checked_shl(place.into()).unwrap_or_default()
}

impl Test {
    fn of(condition: &Condition) -> Self {
        let fact = condition.fact;
        let (ask, number) = match (&condition.threshold, condition.operator) {
            (FactValue::Codes(codes), Operator::In) => (Ask::Among, sheet::bits(fact, codes)),
            (FactValue::Codes(codes), Operator::All) => (Ask::All, sheet::bits(fact, codes)),
            (FactValue::Codes(codes), _) => (Ask::Any, sheet::bits(fact, codes)),
            // INVARIANT: the checker refuses a threshold outside the range of numbers.
            (value, operator) => (ask(operator), sheet::number(fact, value).unwrap_or(i128::MAX)),
        };
        Self { fact, ask, number, codes: all_codes(fact) }
    }

    fn holds(&self, value: i128) -> bool {
        match self.ask {
            Ask::Below => value < self.number,
            Ask::AtMost => value <= self.number,
            Ask::Above => value > self.number,
            Ask::AtLeast => value >= self.number,
            Ask::Is => value == self.number,
            Ask::Among => code_bit(value) & self.number != 0,
            Ask::Any => value & self.number != 0,
            Ask::All => value & self.number == self.number,
        }
    }

    /// The value nearest to `value` for which it turns over; of sets, the one that differs in the fewest codes.
    fn flip(&self, value: i128, held: bool) -> Option<i128> {
        let step = sheet::step(self.fact);
        Some(match (self.ask, held) {
            (Ask::Below | Ask::Above, true) | (Ask::AtMost | Ask::AtLeast | Ask::Is, false) => self.number,
            (Ask::Below, false) | (Ask::AtLeast, true) => self.number.saturating_sub(step),
            (Ask::AtMost, true) | (Ask::Above, false) => self.number.saturating_add(step),
            (Ask::Is, true) => return self.other_than(step),
            (Ask::Among, true) => first_code(!self.number & self.codes)?,
            (Ask::Among, false) => first_code(self.number)?,
            (Ask::Any, true) => value & !self.number,
            (Ask::Any, false) => value | lowest_bit(self.number),
            (Ask::All, true) => value & !lowest_bit(self.number),
            (Ask::All, false) => value | self.number,
        })
    }

    /// The nearest value of an equality that isn't its own.
    fn other_than(&self, step: i128) -> Option<i128> {
        match self.fact.kind() {
            FactType::Flag => Some(1 - self.number),
            FactType::Code(_) => first_code(self.codes & !code_bit(self.number)),
            _ => Some(self.number.saturating_add(step)),
        }
    }
}

fn all_codes(fact: Fact) -> i128 {
    match fact.kind() {
        FactType::Code(list) | FactType::Codes(list) => sheet::bits(fact, &list.words()),
        _ => 0,
    }
}

fn ask(operator: Operator) -> Ask {
    match operator {
        Operator::Less => Ask::Below,
        Operator::LessOrEqual => Ask::AtMost,
        Operator::Greater => Ask::Above,
        Operator::GreaterOrEqual => Ask::AtLeast,
        Operator::Equal | Operator::Is => Ask::Is,
        Operator::In => Ask::Among,
        Operator::Any => Ask::Any,
        Operator::All => Ask::All,
    }
}

fn code_bit(place: i128) -> i128 {
    u32::try_from(place).map_or(0, sheet::bit)
}

fn first_code(bits: i128) -> Option<i128> {
    (bits != 0).then(|| i128::from(bits.trailing_zeros()))
}

fn lowest_bit(bits: i128) -> i128 {
    bits & bits.wrapping_neg()
}
