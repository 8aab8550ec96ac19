//! Decisions with their trace.

use api::leeway::policy::v1 as policy;
use assessment::{
    AffordabilityMonth, ConditionVerdict, Decision, ProposalVerdict, RuleVerdict, SearchWitness,
};
use chassis::Violations;
use jiff::Timestamp;
use loan::Currency;

use crate::codes::{
    authority_in, authority_out, evidence_type_in, evidence_type_out, outcome_in, outcome_out,
    proposal_outcome_in, proposal_outcome_out, verdict_in, verdict_out,
};
use crate::money::{money_in, money_out, money_signed_in};
use crate::offer::{
    decline_reason_in, decline_reason_out, localized_text_in, localized_text_out, offer_in, offer_out,
};
use crate::primitives::{
    at, count_in, date_in, date_out, id_in, list_in, missing, number_out, reason, refuse, text_in,
    timestamp_in, timestamp_out,
};

/// Longest text of a trace, characters.
const MAX_TRACE_CHARS: usize = 1_000;
/// Most entries of a list of a decision.
const MAX_DECISION_ENTRIES: usize = 1_000;

/// A decision with what only its store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    /// Id; empty where it was not stored.
    pub decision_id: String,
    /// When it was stored; `None` where it was not.
    pub create_time: Option<Timestamp>,
    /// The decision.
    pub decision: Decision,
}

/// Writes a decision.
pub fn decision_out(stored: &StoredDecision, currency: Currency) -> policy::Decision {
    let decision = &stored.decision;
    policy::Decision {
        decision_id: stored.decision_id.clone(),
        case_id: decision.case_id.clone(),
        pack_name: decision.pack_name.clone(),
        pack_version: decision.pack_version.clone(),
        pack_digest: decision.pack_digest.clone(),
        facts_version: decision.facts_version,
        engine_version: decision.engine_version.clone(),
        outcome: outcome_out(decision.outcome).into(),
        required_authority: authority_out(decision.required_authority).into(),
        decline_reasons: decision.decline_reasons.iter().map(decline_reason_out).collect(),
        requested_evidence: decision
            .requested_evidence
            .iter()
            .map(|evidence| evidence_type_out(*evidence).into())
            .collect(),
        offers: decision.offers.iter().map(|offer| offer_out(offer, currency)).collect(),
        proposal: decision.proposal.as_ref().map(|proposal| policy::ProposalVerdict {
            outcome: proposal_outcome_out(proposal.outcome).into(),
            offer_id: proposal.offer_id.clone(),
            changes: proposal.changes.iter().map(localized_text_out).collect(),
        }),
        affordability: decision.affordability.iter().map(|month| month_out(month, currency)).collect(),
        rules: decision.rules.iter().map(rule_out).collect(),
        derived_facts: decision
            .derived_facts
            .iter()
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect(),
        search: Some(policy::SearchWitness {
            considered: tally_out(decision.search.considered),
            infeasible: tally_out(decision.search.infeasible),
            dominated: tally_out(decision.search.dominated),
            front: tally_out(decision.search.front),
        }),
        as_of_date: Some(date_out(decision.as_of)),
        create_time: stored.create_time.map(timestamp_out),
    }
}

fn month_out(month: &AffordabilityMonth, currency: Currency) -> policy::AffordabilityMonth {
    let money = |amount| Some(money_out(amount, currency));
    policy::AffordabilityMonth {
        month: number_out(month.month),
        income: money(month.income),
        essentials: money(month.essentials),
        surplus: money(month.surplus),
        available: money(month.available),
        share: money(month.share),
        contract_due: money(month.contract_due),
    }
}

fn rule_out(rule: &RuleVerdict) -> policy::RuleVerdict {
    policy::RuleVerdict {
        rule_id: rule.rule_id.clone(),
        title: rule.title.clone(),
        verdict: verdict_out(rule.verdict).into(),
        conditions: rule.conditions.iter().map(condition_out).collect(),
        code: rule.code.clone(),
    }
}

fn condition_out(condition: &ConditionVerdict) -> policy::ConditionVerdict {
    policy::ConditionVerdict {
        fact: condition.fact.clone(),
        value: condition.value.clone(),
        operator: condition.operator.clone(),
        threshold: condition.threshold.clone(),
        verdict: verdict_out(condition.verdict).into(),
        source: condition.source.clone(),
        nearest_flip: condition.nearest_flip.clone(),
    }
}

fn tally_out(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A decision as the policy service sent it; `currency` is the loan's.
pub fn decision_in(
    v: &mut Violations,
    field: &str,
    decision: Option<&policy::Decision>,
    currency: Currency,
) -> Option<StoredDecision> {
    let Some(message) = decision else { return missing(v, field) };
    let head = head_in(v, field, message);
    let outcome = outcome_in(v, &at(field, "outcome"), message.outcome);
    let authority = authority_in(v, &at(field, "required_authority"), message.required_authority);
    let declines = &message.decline_reasons;
    let declines =
        list_in(v, &at(field, "decline_reasons"), declines, MAX_DECISION_ENTRIES, decline_reason_in);
    let wanted = &message.requested_evidence;
    let wanted =
        list_in(v, &at(field, "requested_evidence"), wanted, MAX_DECISION_ENTRIES, |v, field, number| {
            evidence_type_in(v, field, *number)
        });
    let offers =
        list_in(v, &at(field, "offers"), &message.offers, MAX_DECISION_ENTRIES, |v, field, offer| {
            offer_in(v, field, offer, currency)
        });
    let proposal = match &message.proposal {
        Some(proposal) => proposal_verdict_in(v, &at(field, "proposal"), proposal).map(Some),
        None => Some(None),
    };
    let months = &message.affordability;
    let months = list_in(v, &at(field, "affordability"), months, MAX_DECISION_ENTRIES, |v, field, month| {
        month_in(v, field, month, currency)
    });
    let rules = list_in(v, &at(field, "rules"), &message.rules, MAX_DECISION_ENTRIES, rule_in);
    let search = search_in(v, &at(field, "search"), message.search.as_ref());
    let derived = &message.derived_facts;
    let derived_fits = derived.len() <= MAX_DECISION_ENTRIES;
    v.require(&at(field, "derived_facts"), derived_fits, reason::TOO_LONG, "too many entries");
    let head = head?;
    Some(StoredDecision {
        decision_id: message.decision_id.clone(),
        create_time: head.create_time,
        decision: Decision {
            case_id: head.case_id,
            pack_name: head.pack_name,
            pack_version: message.pack_version.clone(),
            pack_digest: message.pack_digest.clone(),
            facts_version: message.facts_version,
            engine_version: message.engine_version.clone(),
            outcome: outcome?,
            required_authority: authority?,
            decline_reasons: declines?,
            requested_evidence: wanted?,
            offers: offers?,
            proposal: proposal?,
            affordability: months?,
            rules: rules?,
            derived_facts: Some(derived)
                .filter(|_| derived_fits)?
                .iter()
                .map(|(name, text)| (name.clone(), text.clone()))
                .collect(),
            search: search?,
            as_of: head.as_of,
        },
    })
}

struct Head {
    case_id: String,
    pack_name: String,
    as_of: loan::Date,
    create_time: Option<Timestamp>,
}

fn head_in(v: &mut Violations, field: &str, message: &policy::Decision) -> Option<Head> {
    let case_id = id_in(v, &at(field, "case_id"), &message.case_id);
    let pack_name = id_in(v, &at(field, "pack_name"), &message.pack_name);
    let as_of = date_in(v, &at(field, "as_of_date"), message.as_of_date.as_ref());
    let texts = [
        ("decision_id", &message.decision_id),
        ("pack_version", &message.pack_version),
        ("pack_digest", &message.pack_digest),
        ("engine_version", &message.engine_version),
    ];
    let texts: Vec<Option<String>> =
        texts.iter().map(|(name, text)| text_in(v, &at(field, name), text, MAX_TRACE_CHARS)).collect();
    let create_time = match &message.create_time {
        Some(moment) => timestamp_in(v, &at(field, "create_time"), Some(moment)).map(Some),
        None => Some(None),
    };
    texts.into_iter().collect::<Option<Vec<String>>>()?;
    Some(Head { case_id: case_id?, pack_name: pack_name?, as_of: as_of?, create_time: create_time? })
}

fn proposal_verdict_in(
    v: &mut Violations,
    field: &str,
    proposal: &policy::ProposalVerdict,
) -> Option<ProposalVerdict> {
    let outcome = proposal_outcome_in(v, &at(field, "outcome"), proposal.outcome);
    let offer_id = text_in(v, &at(field, "offer_id"), &proposal.offer_id, MAX_TRACE_CHARS);
    let changes = &proposal.changes;
    let changes = list_in(v, &at(field, "changes"), changes, MAX_DECISION_ENTRIES, |v, field, text| {
        localized_text_in(v, field, Some(text))
    });
    Some(ProposalVerdict { outcome: outcome?, offer_id: offer_id?, changes: changes? })
}

fn month_in(
    v: &mut Violations,
    field: &str,
    month: &policy::AffordabilityMonth,
    currency: Currency,
) -> Option<AffordabilityMonth> {
    let number = count_in(v, &at(field, "month"), month.month, 0..=u32::MAX);
    let income = money_in(v, &at(field, "income"), month.income.as_ref(), currency);
    let essentials = money_in(v, &at(field, "essentials"), month.essentials.as_ref(), currency);
    let surplus = money_signed_in(v, &at(field, "surplus"), month.surplus.as_ref(), currency);
    let available = money_in(v, &at(field, "available"), month.available.as_ref(), currency);
    let share = money_in(v, &at(field, "share"), month.share.as_ref(), currency);
    let contract_due = money_in(v, &at(field, "contract_due"), month.contract_due.as_ref(), currency);
    Some(AffordabilityMonth {
        month: number?,
        income: income?,
        essentials: essentials?,
        surplus: surplus?,
        available: available?,
        share: share?,
        contract_due: contract_due?,
    })
}

fn rule_in(v: &mut Violations, field: &str, rule: &policy::RuleVerdict) -> Option<RuleVerdict> {
    let rule_id = id_in(v, &at(field, "rule_id"), &rule.rule_id);
    let title = text_in(v, &at(field, "title"), &rule.title, MAX_TRACE_CHARS);
    let verdict = verdict_in(v, &at(field, "verdict"), rule.verdict);
    let conditions = &rule.conditions;
    let conditions = list_in(v, &at(field, "conditions"), conditions, MAX_DECISION_ENTRIES, condition_in);
    let code = text_in(v, &at(field, "code"), &rule.code, MAX_TRACE_CHARS);
    Some(RuleVerdict {
        rule_id: rule_id?,
        title: title?,
        verdict: verdict?,
        conditions: conditions?,
        code: code?,
    })
}

fn condition_in(
    v: &mut Violations,
    field: &str,
    condition: &policy::ConditionVerdict,
) -> Option<ConditionVerdict> {
    let verdict = verdict_in(v, &at(field, "verdict"), condition.verdict);
    let mut text = |name: &str, text: &str| text_in(v, &at(field, name), text, MAX_TRACE_CHARS);
    let fact = text("fact", &condition.fact);
    let value = text("value", &condition.value);
    let operator = text("operator", &condition.operator);
    let threshold = text("threshold", &condition.threshold);
    let source = text("source", &condition.source);
    let nearest_flip = text("nearest_flip", &condition.nearest_flip);
    Some(ConditionVerdict {
        fact: fact?,
        value: value?,
        operator: operator?,
        threshold: threshold?,
        verdict: verdict?,
        source: source?,
        nearest_flip: nearest_flip?,
    })
}

fn search_in(
    v: &mut Violations,
    field: &str,
    search: Option<&policy::SearchWitness>,
) -> Option<SearchWitness> {
    let Some(search) = search else { return Some(SearchWitness::default()) };
    let mut tally = |name: &str, count: i64| match u64::try_from(count) {
        Ok(count) => Some(count),
        Err(_) => refuse(v, &at(field, name), reason::OUT_OF_RANGE, "must be at least 0"),
    };
    let considered = tally("considered", search.considered);
    let infeasible = tally("infeasible", search.infeasible);
    let dominated = tally("dominated", search.dominated);
    let front = tally("front", search.front);
    Some(SearchWitness {
        considered: considered?,
        infeasible: infeasible?,
        dominated: dominated?,
        front: front?,
    })
}
