//! The assessment of one case: rules, affordability, search, offers, decision.

use loan::Terms;

use crate::candidate::{Candidate, Infeasible, Kinds};
use crate::case::Case;
use crate::closed;
use crate::codes::{Authority, DeclineCode, EvidenceType, OfferLabel, Outcome, ProposalOutcome};
use crate::decision::{
    Decision, DeclineReason, ENGINE_VERSION, LocalizedText, Offer, ProposalVerdict, SearchWitness,
};
use crate::error::AssessError;
use crate::facts::{FACTS_VERSION, Facts};
use crate::front;
use crate::generation::Space;
use crate::offer;
use crate::pack::{Limits, Pack, Rule};
use crate::proposal::{self, Completed};
use crate::reached::Reached;
use crate::ruling::{Ruling, told};
use crate::search::Search;
use crate::selection::{self, Choice};
use crate::sheet::FactSheet;
use crate::valuation::Valuer;

/// How much of the trace a decision carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Every condition of every rule.
    Full,
    /// None; the outcome is the same.
    None,
}

/// Assesses a case under a pack. Deterministic: the same facts and pack give the same decision.
/// Errors: see [`AssessError`]; none of them is a decision about the borrower.
pub fn assess(pack: &Pack, facts: &Facts, detail: Trace) -> Result<Decision, AssessError> {
    assess_noting(pack, facts, detail, None)
}

/// The same, where `reached` learns what the assessment used of the pack.
pub(crate) fn assess_noting(
    pack: &Pack,
    facts: &Facts,
    detail: Trace,
    reached: Option<&Reached>,
) -> Result<Decision, AssessError> {
    let mut case = match Case::new(pack, facts) {
        Err(AssessError::Closed) => return closed::decide(pack, facts, detail),
        case => case?,
    };
    case.reached = reached;
    let ruling = Ruling::of(&case);
    let answer = answer(&case, &ruling)?;
    let derived = case.sheet.shown(pack.currency).map(|(name, value)| (name.to_owned(), value));
    let decision = Decision {
        case_id: facts.case_id.clone(),
        pack_name: pack.name.clone(),
        pack_version: pack.version.clone(),
        pack_digest: pack.digest.clone(),
        facts_version: FACTS_VERSION,
        engine_version: ENGINE_VERSION.to_owned(),
        outcome: answer.outcome,
        required_authority: answer.authority,
        decline_reasons: decline_reasons(pack, &answer.codes),
        requested_evidence: answer.requested,
        offers: answer.offers,
        proposal: answer.proposal,
        affordability: case.affordability.months.clone(),
        rules: if detail == Trace::Full { told(pack, &pack.trace_on(&case.sheet)) } else { Vec::new() },
        derived_facts: derived.collect(),
        search: answer.search,
        as_of: facts.as_of,
    };
    if let Some(reached) = reached {
        reached.note_decision(&case, &decision)?;
    }
    Ok(decision)
}

/// The facts that a pack's rules see of a case; of a closed loan there are none. Errors: see [`AssessError`].
pub fn fact_sheet(pack: &Pack, facts: &Facts) -> Result<FactSheet, AssessError> {
    Ok(Case::new(pack, facts)?.sheet)
}

/// Every candidate that the pack allows for a case, feasible or not, in the order of the search: what an audit of the
/// offers starts from. None where the rules allow no terms. Errors: see [`AssessError`].
pub fn candidates(pack: &Pack, facts: &Facts) -> Result<Vec<Terms>, AssessError> {
    let case = Case::new(pack, facts)?;
    let ruling = Ruling::of(&case);
    let mut found = Vec::new();
    if let Some(space) = Space::of(&case, &ruling) {
        space.each(&mut |terms| {
            found.push(terms);
            Ok(())
        })?;
    }
    Ok(found)
}

/// What a decision says beside its facts and trace.
struct Answer {
    outcome: Outcome,
    authority: Authority,
    codes: Vec<DeclineCode>,
    requested: Vec<EvidenceType>,
    offers: Vec<Offer>,
    proposal: Option<ProposalVerdict>,
    search: SearchWitness,
}

fn answer(case: &Case<'_>, ruling: &Ruling<'_>) -> Result<Answer, AssessError> {
    let mut answer = Answer {
        outcome: Outcome::Review,
        authority: ruling.authority,
        codes: ruling.codes.clone(),
        requested: Vec::new(),
        offers: Vec::new(),
        proposal: None,
        search: SearchWitness::default(),
    };
    let gate = ruling.gate.and_then(|rule| rule.outcome);
    if gate == Some(Outcome::Hold) {
        answer.outcome = Outcome::Hold;
        return Ok(answer);
    }
    let goes_on = ruling.gate.is_none_or(is_mere_limit);
    if goes_on && case.accepted_evidence() == 0 {
        answer.outcome = Outcome::EvidenceRequired;
        answer.requested = case.pack.evidence().get(&case.facts.reason).cloned().unwrap_or_default();
        push(&mut answer.codes, DeclineCode::EvidenceMissing);
    } else if let Some(space) = Space::of(case, ruling) {
        negotiate(case, ruling, &space, &mut answer)?;
    }
    if let Some(outcome) = gate.filter(|_| !goes_on) {
        answer.outcome = outcome;
    }
    if let Some(protecting) = ruling.protected
        && answer.outcome != Outcome::Offer
    {
        answer.outcome = protecting.outcome.unwrap_or(Outcome::SpecialistReview);
    }
    let strictest = answer.offers.iter().map(|offer| offer.required_authority).max();
    let least = match answer.outcome {
        Outcome::Offer | Outcome::EvidenceRequired => Authority::Automatic,
        Outcome::Review | Outcome::SpecialistReview | Outcome::Refuse | Outcome::Hold => Authority::Officer,
    };
    answer.authority = answer.authority.max(least).max(strictest.unwrap_or(Authority::Automatic));
    Ok(answer)
}

/// A gate that only limits the terms and otherwise lets the case go on.
fn is_mere_limit(gate: &Rule) -> bool {
    gate.limits == Some(Limits::Redate) && gate.code.is_none() && gate.outcome == Some(Outcome::Review)
}

fn push(codes: &mut Vec<DeclineCode>, code: DeclineCode) {
    if !codes.contains(&code) {
        codes.push(code);
    }
}

pub(crate) fn decline_reasons(pack: &Pack, codes: &[DeclineCode]) -> Vec<DeclineReason> {
    // INVARIANT: the checker demands sentences for every code.
    codes.iter().filter_map(|code| pack.reason(*code).cloned()).collect()
}

/// A proposal once it was completed and tried.
struct Tried {
    completed: Vec<LocalizedText>,
    kinds: Kinds,
    /// Payments by month where a schedule follows from it, else nothing.
    pays: Vec<i64>,
    result: Result<Candidate, Infeasible>,
}

/// Searches, tries the proposal and chooses the offers.
fn negotiate(
    case: &Case<'_>,
    ruling: &Ruling<'_>,
    space: &Space<'_>,
    answer: &mut Answer,
) -> Result<(), AssessError> {
    let valuer = Valuer::new(case)?;
    let mut search = Search::run(case, &valuer, space)?;
    let tried = try_proposal(case, &valuer, space)?;
    let automatic =
        if may_be_automatic(case, ruling, tried.as_ref())? { search.automatic(ruling)? } else { Vec::new() };
    let is_automatic = !automatic.is_empty();
    let places = if is_automatic { automatic } else { (0..search.feasible.len()).collect() };
    let (front, beaten) = front::front(&mut search, &places)?;
    search.witness.dominated = beaten;
    search.witness.front = u64::try_from(front.len()).unwrap_or(u64::MAX);
    let near = match &tried {
        Some(Tried { result: Err(_), kinds, pays, .. }) => {
            let place = selection::nearest(&mut search, &places, *kinds, pays)?;
            place.map(|place| search.finalist(place)).transpose()?.flatten()
        }
        _ => None,
    };
    let carried = match (&tried, &near) {
        (Some(Tried { result: Ok(candidate), .. }), _) => Some((candidate, OfferLabel::Proposal)),
        (_, Some(candidate)) => Some((candidate, OfferLabel::NearestToProposal)),
        _ => None,
    };
    let choices = selection::choose(&mut search, ruling, &front, carried)?;
    for choice in &choices {
        answer.offers.push(offer::build(case, ruling, &valuer, choice)?);
    }
    answer.proposal = tried.as_ref().map(|tried| verdict(case, tried, &choices, &answer.offers));
    answer.search = search.witness;
    if let Some(Tried { result: Err(Infeasible::Term), .. }) = &tried {
        push(&mut answer.codes, DeclineCode::OutsideMaxTerm);
    }
    let nothing = answer.offers.is_empty();
    if nothing && ruling.gate.is_none() {
        let code = if search.term_failed {
            DeclineCode::OutsideMaxTerm
        } else {
            DeclineCode::UnsustainableEvenIfChanged
        };
        push(&mut answer.codes, code);
        push(&mut answer.codes, DeclineCode::UnsustainableEvenIfChanged);
    }
    let inside = answer.offers.iter().all(|offer| offer.required_authority == Authority::Automatic);
    if is_automatic && !nothing && inside && answer.codes.is_empty() {
        answer.outcome = Outcome::Offer;
    }
    Ok(())
}

/// The mandate is open, no rule asks for a person, and the proposal (if any) lies inside the mandate too.
fn may_be_automatic(
    case: &Case<'_>,
    ruling: &Ruling<'_>,
    tried: Option<&Tried>,
) -> Result<bool, AssessError> {
    if !ruling.mandate || ruling.authority != Authority::Automatic || !ruling.codes.is_empty() {
        return Ok(false);
    }
    match tried.map(|tried| &tried.result) {
        None => Ok(true),
        Some(Ok(candidate)) => Ok(candidate.authority(case, ruling)? == Authority::Automatic),
        Some(Err(_)) => Ok(false),
    }
}

fn try_proposal(case: &Case<'_>, valuer: &Valuer, space: &Space<'_>) -> Result<Option<Tried>, AssessError> {
    let Some(proposal) = case.facts.proposal.as_ref().filter(|proposal| !proposal.measures.is_empty()) else {
        return Ok(None);
    };
    let Completed { terms, changes } = proposal::complete(case, space, proposal)?;
    let kinds = Kinds::of(&terms);
    let pays = Candidate::payments_of(case, &terms)?;
    let result = match proposal::not_allowed(space, &terms)? {
        Some(problem) => Err(problem),
        None => Candidate::evaluate(case, valuer, terms)?,
    };
    let result = match result {
        Ok(candidate) if !candidate.within_cost_cap(case)? => Err(Infeasible::Cost),
        other => other,
    };
    Ok(Some(Tried { completed: changes, kinds, pays, result }))
}

fn verdict(case: &Case<'_>, tried: &Tried, choices: &[Choice], offers: &[Offer]) -> ProposalVerdict {
    let carries = |choice: &Choice| {
        choice
            .labels
            .iter()
            .any(|label| matches!(label, OfferLabel::Proposal | OfferLabel::NearestToProposal))
    };
    let offer_id = choices
        .iter()
        .zip(offers)
        .find(|(choice, _)| carries(choice))
        .map_or_else(String::new, |(_, offer)| offer.offer_id.clone());
    let mut changes = tried.completed.clone();
    let outcome = match &tried.result {
        Ok(_) if changes.is_empty() => ProposalOutcome::AsProposed,
        Ok(_) => ProposalOutcome::Completed,
        Err(problem) => {
            changes.push(proposal::explain(problem, case.pack.currency));
            if offer_id.is_empty() {
                ProposalOutcome::Infeasible
            } else {
                changes.push(LocalizedText {
                    zh_cn: "因此改为提供与您的方案最接近的可行安排。".to_owned(),
                    en: "The nearest terms that can be kept are offered instead.".to_owned(),
                });
                ProposalOutcome::Changed
            }
        }
    };
    ProposalVerdict { outcome, offer_id, changes }
}
