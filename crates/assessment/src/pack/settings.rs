//! Parameters of a pack as they are shown, and the typed values that the engine reads.

use loan::{Amount, Date, DeferralInterest, Ratio, ReductionInterest};

use crate::codes::{EvidenceType, MeasureKind};

/// One parameter with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Value as text with its unit.
    pub value: String,
    /// Source, e.g. an article of law.
    pub source: String,
    /// `law`, `guidance` or `house`.
    pub status: String,
    /// Since when.
    pub effective_from: Date,
}

/// Parameter values as the engine reads them. Shares are fractions, money is minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Longest total term from the day interest runs, months.
    pub max_total_term_months: u32,
    /// Penalty rate as a multiple of the contract rate.
    pub penalty_multiplier: Ratio,
    /// Highest nominal all-in cost a year, as a fraction; `None`: no cap.
    pub cost_cap: Option<Ratio>,
    /// Share of the surplus kept as a buffer.
    pub buffer_share: Ratio,
    /// Highest buffer a month.
    pub buffer_cap: Amount,
    /// Essential outgoings of one adult a month.
    pub benchmark_adult: Amount,
    /// Weight of each further adult.
    pub benchmark_further_adult: Ratio,
    /// Weight of each dependant.
    pub benchmark_dependant: Ratio,
    /// Declared essentials above this multiple of the benchmark need evidence.
    pub excess_factor: Ratio,
    /// Documents that prove such an excess.
    pub excess_evidence: Vec<EvidenceType>,
    /// κ: weight of what a borrower pays beyond their share.
    pub overload_weight: Ratio,
    /// Shortfall rows = this × reduced rows, where a proposal leaves them out.
    pub reduction_shortfall_multiple: u16,
    /// Overdue rows of a reduction are payable at the end of the month this many days after the assessment.
    pub first_payment_min_days: u32,
    /// Days a borrower has to pay a settlement.
    pub settlement_days: u32,
    /// Deferral interest, where a proposal leaves it out.
    pub deferral_interest: DeferralInterest,
    /// Reduction interest, where a proposal leaves it out.
    pub reduction_interest: ReductionInterest,
    /// Longest trial plan, months.
    pub trial_months: u32,
    /// Longest deferral that counts as a mere re-date, months.
    pub redate_months: u32,
    /// Measures that the automatic mandate may hold.
    pub automatic_measures: Vec<MeasureKind>,
    /// Most months of deferral in the automatic mandate.
    pub automatic_deferral_months: u32,
    /// Highest present-value loss in the automatic mandate, as a share of the principal left.
    pub automatic_pv_loss: Ratio,
    /// ε: offers of one kind that differ by no more than this share, for both sides, are one offer.
    pub offer_tolerance: Ratio,
    /// Plans in the last 12 months from which on nothing is automatic; `None`: no limit.
    pub relief_limit_12m: Option<u32>,
    /// Plans in the last 60 months from which on nothing is automatic; `None`: no limit.
    pub relief_limit_60m: Option<u32>,
    /// Highest share of stored decisions that may come out otherwise when the pack is activated.
    pub activation_flip_budget: Ratio,
}

/// How a case is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Hours in which the platform owes an answer.
    pub answer_deadline_hours: u32,
    /// Days a borrower has to send a document.
    pub information_request_days: u32,
    /// Days an offer stands.
    pub offer_valid_days: u32,
    /// Days after a refusal before any measure.
    pub hold_after_refusal_days: u32,
    /// Days after a refusal in which another look can be asked for.
    pub review_window_days: u32,
    /// Days of grace after a missed plan payment.
    pub plan_grace_days: u32,
    /// Share of a payment that counts as paid.
    pub paid_share: Ratio,
    /// Days past due up to which an accepted plan is reported as current.
    pub reporting_threshold_days: u32,
    /// Days of a moratorium that the law gives on demand; `None`: it gives none.
    pub moratorium_days: Option<u32>,
}
