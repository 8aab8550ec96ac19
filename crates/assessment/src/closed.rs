//! The answer about a closed loan: nothing is owed, so nothing is to be negotiated.

use std::collections::BTreeMap;

use crate::assess::{Trace, decline_reasons};
use crate::catalogue::{Fact, FactValue};
use crate::codes::{Authority, DeclineCode, Outcome};
use crate::decision::{Decision, ENGINE_VERSION, SearchWitness};
use crate::error::AssessError;
use crate::facts::{FACTS_VERSION, Facts};
use crate::pack::Pack;
use crate::ruling::untold;
use crate::sheet::FactSheet;

/// A refusal that a person confirms. No rule is reached, for no fact about the loan can be derived; only whether a
/// moratorium holds the case and whether the borrower is protected is asked: neither is refused by rules alone.
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
        rules: if detail == Trace::Full { untold(pack) } else { Vec::new() },
        derived_facts: BTreeMap::new(),
        search: SearchWitness::default(),
        as_of: facts.as_of,
    })
}

fn outcome(pack: &Pack, facts: &Facts) -> Result<Outcome, AssessError> {
    let mut sheet = FactSheet::empty();
    sheet.set(Fact::Moratorium, &FactValue::Flag(facts.flags.moratorium))?;
    sheet.set(Fact::Vulnerable, &FactValue::Flag(facts.flags.vulnerable))?;
    sheet.set(Fact::Reason, &FactValue::Code(facts.reason.as_str()))?;
    let effect = *pack.rule_on(&sheet).effect();
    if effect.gate_outcome == Some(Outcome::Hold) {
        return Ok(Outcome::Hold);
    }
    Ok(effect.protected.unwrap_or(Outcome::Refuse))
}
