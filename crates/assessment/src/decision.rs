//! The policy's answer about a case: outcome, offers, affordability and the verdict on every condition.
//!
//! The caller adds what needs a clock or an id (decision id, moment of storing, expiry of an offer).

use std::collections::BTreeMap;

use loan::{Amount, Date, Parts, Terms};
use serde::{Deserialize, Serialize};

use crate::codes::{
    Authority, CreditReporting, DeclineCode, EvidenceType, OfferLabel, Outcome, ProposalOutcome, Verdict,
};

/// Version of the engine; changes whenever the same facts and pack may give another answer.
pub const ENGINE_VERSION: &str = "1.1.0";

/// The answer about a case. Serialised, it is the same bytes for the same facts and pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The case.
    pub case_id: String,
    /// Pack name.
    pub pack_name: String,
    /// Pack version.
    pub pack_version: String,
    /// SHA-256 of the pack's content, hex.
    pub pack_digest: String,
    /// Version of the fact definitions.
    pub facts_version: i32,
    /// Version of the engine.
    pub engine_version: String,
    /// What the policy recommends.
    pub outcome: Outcome,
    /// Strictest authority over the offers, or over the outcome where there are none.
    pub required_authority: Authority,
    /// Decline codes with sentences, where the outcome is a refusal or a review leaning to one.
    pub decline_reasons: Vec<DeclineReason>,
    /// Documents that would count, where one is missing.
    pub requested_evidence: Vec<EvidenceType>,
    /// Offers, the recommended one first.
    pub offers: Vec<Offer>,
    /// What became of the proposal; `None` where there was none or it was never reached.
    pub proposal: Option<ProposalVerdict>,
    /// Affordability, a row a month.
    pub affordability: Vec<AffordabilityMonth>,
    /// Every condition of every rule; empty where the trace was left out.
    pub rules: Vec<RuleVerdict>,
    /// Derived facts by name, as text with their unit.
    pub derived_facts: BTreeMap<String, String>,
    /// The search behind the offers.
    pub search: SearchWitness,
    /// Day for which it was computed.
    pub as_of: Date,
}

/// Terms with their exact schedule and cost, which one click accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Id derived from case, day, pack and terms.
    pub offer_id: String,
    /// What distinguishes it.
    pub labels: Vec<OfferLabel>,
    /// The terms.
    pub terms: Terms,
    /// Every unpaid row under the offer.
    pub instalments: Vec<Instalment>,
    /// Day of the first payment; `None` where nothing is left to pay.
    pub first_payment_date: Option<Date>,
    /// Amount of the first payment.
    pub first_payment: Amount,
    /// Highest single payment.
    pub highest_payment: Amount,
    /// Sum of all payments from now on.
    pub total_to_pay: Amount,
    /// Total to pay less what the contract asks from now on, penalty of today included; negative is a saving.
    pub difference_to_contract: Amount,
    /// Waived sums by part, principal forgiven included.
    pub waived: Parts,
    /// Interest that the relief adds.
    pub relief_interest: Amount,
    /// Last due date.
    pub end_date: Date,
    /// What is reported to the credit bureau while it is kept.
    pub credit_reporting: CreditReporting,
    /// Nominal yearly cost of what remains, a decimal fraction; empty where it isn't defined.
    pub annual_cost: String,
    /// Who must decide it.
    pub required_authority: Authority,
    /// Both sides' values.
    pub witness: Witness,
    /// Present-value loss at the contract rate.
    pub present_value_loss: Amount,
    /// That loss as a share of the principal left, a decimal with 4 places.
    pub present_value_loss_share: String,
    /// Highest payment-to-share ratio over the months, a decimal with 4 places.
    pub burden: String,
    /// What breaks it, as a sentence for the borrower.
    pub breaks_if: LocalizedText,
}

/// A row of an offer's schedule: what falls due in it, and what was paid on it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// Number, from 1.
    pub nr: u32,
    /// Due date under the offer.
    pub due_date: Date,
    /// Due date by the contract.
    pub contract_due_date: Date,
    /// Principal due in this row.
    pub principal: Amount,
    /// Contract interest due in this row.
    pub interest: Amount,
    /// Fee due in this row.
    pub fee: Amount,
    /// Penalty left on this row.
    pub penalty: Amount,
    /// Interest that relief added to this row, part of no other column.
    pub relief_interest: Amount,
    /// Sum of the columns above.
    pub total_due: Amount,
    /// What has been paid on it.
    pub paid: Amount,
    /// What was waived or forgiven on it.
    pub waived: Amount,
    /// Principal left after this row by the schedule.
    pub balance_after: Amount,
}

/// Both sides' values under no agreement and under the offer, minor units, rounded HALF_EVEN for show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Lender's value under no agreement, V(none).
    pub lender_none: Amount,
    /// Lender's value under the offer, V(offer).
    pub lender_offer: Amount,
    /// Borrower's cost under no agreement, C(none).
    pub borrower_none: Amount,
    /// Borrower's cost under the offer, C(offer).
    pub borrower_offer: Amount,
    /// V(offer) − V(none).
    pub lender_gain: Amount,
    /// C(none) − C(offer).
    pub borrower_gain: Amount,
}

/// A text for the borrower in the languages of the pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalizedText {
    /// Chinese, as used in the People's Republic.
    pub zh_cn: String,
    /// English.
    pub en: String,
}

/// A decline code with its sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclineReason {
    /// The code.
    pub code: DeclineCode,
    /// Why, for the borrower.
    pub reason: LocalizedText,
    /// What would change the answer, for the borrower.
    pub remedy: LocalizedText,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalVerdict {
    /// How it came out.
    pub outcome: ProposalOutcome,
    /// The offer that carries it or the nearest to it; empty where there is none.
    pub offer_id: String,
    /// What had to be completed or changed, and why, a sentence each.
    pub changes: Vec<LocalizedText>,
}

/// One calendar month of the affordability computation; month 0 is the assessment's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffordabilityMonth {
    /// Month from the assessment day, 0 is the first.
    pub month: u32,
    /// Income that counts.
    pub income: Amount,
    /// Essential outgoings that count.
    pub essentials: Amount,
    /// Income less essentials less priority debts; may be negative.
    pub surplus: Amount,
    /// Surplus less the buffer, never negative.
    pub available: Amount,
    /// Our share of it for this loan.
    pub share: Amount,
    /// What the contract asks in the month; month 0 holds the arrears too.
    pub contract_due: Amount,
}

/// The verdict on one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// Rule id, e.g. `R7`.
    pub rule_id: String,
    /// What it says, in English.
    pub title: String,
    /// Fired, missed or not reached.
    pub verdict: Verdict,
    /// Its conditions, in order.
    pub conditions: Vec<ConditionVerdict>,
    /// Code that it gives where it fires; empty for rules that only add terms.
    pub code: String,
}

/// The verdict on one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionVerdict {
    /// Fact name, e.g. `arrears.dpd_current`.
    pub fact: String,
    /// Value of the fact, as text with its unit.
    pub value: String,
    /// Operator, e.g. `<=`.
    pub operator: String,
    /// Threshold, as text with its unit.
    pub threshold: String,
    /// Held, failed or not reached.
    pub verdict: Verdict,
    /// Source, `rules.toml:42`.
    pub source: String,
    /// The nearest value of this fact that would flip the condition; empty where there is none.
    pub nearest_flip: String,
}

/// The search behind a set of offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchWitness {
    /// Distinct candidates considered.
    pub considered: u64,
    /// Not feasible.
    pub infeasible: u64,
    /// Beaten by another on value, burden and total.
    pub dominated: u64,
    /// On the front.
    pub front: u64,
}
