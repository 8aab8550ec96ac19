//! The answer about a closed loan: nothing is owed, so nothing is to be negotiated.

use std::collections::BTreeMap;

use crate::assess::{Trace, decline_reasons};
use crate::catalogue::{Fact, FactValue};
use crate::codes::{Authority, DeclineCode, Outcome, Verdict};
use crate::decision::{ConditionVerdict, Decision, ENGINE_VERSION, RuleVerdict, SearchWitness};
use crate::error::AssessError;
use crate::facts::{FACTS_VERSION, Facts};
use crate::pack::{Pack, Rule};
use crate::sheet::FactSheet;

/// A refusal that a person confirms. No rule is reached, for no fact about the loan can be derived; only whether the
/// borrower is protected is asked, since who is protected is never refused by rules alone.
pub(crate) fn decide(pack: &Pack, facts: &Facts, detail: Trace) -> Result<Decision, AssessError> {
    Ok(Decision {
        case_id: facts.case_id.clone(),
        pack_name: pack.name.clone(),
        pack_version: pack.version.clone(),
        pack_digest: pack.digest.clone(),
        facts_version: FACTS_VERSION,
        engine_version: ENGINE_VERSION.to_owned(),
        outcome: outcome(pack, facts)?,
        required_authority: Authority::Officer,
        decline_reasons: decline_reasons(pack, &[DeclineCode::NotInArrearsOrAtRisk]),
        requested_evidence: Vec::new(),
        offers: Vec::new(),
        proposal: None,
        affordability: Vec::new(),
        rules: if detail == Trace::Full {
            pack.rules.iter().map(|rule| not_reached(pack, rule)).collect()
        } else {
            Vec::new()
        },
        derived_facts: BTreeMap::new(),
        search: SearchWitness::default(),
        as_of: facts.as_of,
    })
}

fn outcome(pack: &Pack, facts: &Facts) -> Result<Outcome, AssessError> {
    let mut sheet = FactSheet::empty();
    sheet.set(Fact::Vulnerable, &FactValue::Flag(facts.flags.vulnerable))?;
    sheet.set(Fact::Reason, &FactValue::Code(facts.reason.as_str()))?;
    let protector = pack.rule_on(&sheet).protector(&pack.rules);
    Ok(protector.map_or(Outcome::Refuse, |rule| rule.outcome.unwrap_or(Outcome::SpecialistReview)))
}

fn not_reached(pack: &Pack, rule: &Rule) -> RuleVerdict {
    let conditions = rule.conditions.iter().map(|condition| ConditionVerdict {
        fact: condition.fact.name().to_owned(),
        value: String::new(),
        operator: condition.operator.word().to_owned(),
        threshold: condition.threshold.show(pack.currency),
        verdict: Verdict::NotReached,
        source: format!("rules.toml:{}", condition.line),
        nearest_flip: String::new(),
    });
    RuleVerdict {
        rule_id: rule.id.clone(),
        title: rule.title.clone(),
        verdict: Verdict::NotReached,
        conditions: conditions.collect(),
        code: rule.code.map_or("", DeclineCode::as_str).to_owned(),
    }
}
