//! A case with everything derived from its facts, before any rule is asked.

use loan::{Account, Amount, Bucket, Contract, Date, History, State};
use rust_decimal::Decimal;

use crate::affordability::{self, Affordability, Balances};
use crate::catalogue::{Fact, FactValue, bucket_word};
use crate::codes::{EvidenceState, EvidenceType, Grade, MeasureKind};
use crate::error::AssessError;
use crate::facts::{
    EvidenceFact, Facts, MAX_EVIDENCE_ITEMS, MAX_STATEMENT_ENTRIES, MAX_STATEMENT_MINOR, MAX_STATEMENT_MONTH,
    MonthlyAmount, Proposal, ProposedMeasure,
};
use crate::pack::Pack;
use crate::pack::measures::TierMeasures;
use crate::reached::Reached;
use crate::sheet::FactSheet;

/// Places of derived ratios.
const RATIO_PLACES: u32 = 4;

/// A case as rules and offers see it.
pub(crate) struct Case<'a> {
    pub pack: &'a Pack,
    pub facts: &'a Facts,
    pub state: State,
    pub history: History,
    pub grade: Grade,
    pub tier: Option<&'a TierMeasures>,
    pub affordability: Affordability,
    /// Contract's instalment for the oldest open row, whatever a plan in force asks.
    pub instalment: Amount,
    /// Contract's highest instalment for the open rows.
    pub highest_instalment: Amount,
    /// Proved lump sum that is left after the months in which essentials aren't covered.
    pub lump_sum: Amount,
    pub sheet: FactSheet,
    /// The last day on which a plan may end: the pack's months after interest began to run.
    pub latest_end: Date,
    /// Learns what is used of the pack; `None` outside the tests of packs.
    pub reached: Option<&'a Reached>,
}

impl<'a> Case<'a> {
    /// Validates the facts and derives everything. Errors: see [`AssessError`].
    pub fn new(pack: &'a Pack, facts: &'a Facts) -> Result<Self, AssessError> {
        check(facts)?;
        let contract = facts.loan.account.contract();
        if contract.currency != pack.currency {
            let (pack, loan) = (pack.currency.code().to_owned(), contract.currency.code().to_owned());
            return Err(AssessError::CurrencyMismatch { pack, loan });
        }
        if facts.as_of < contract.interest_from {
            return Err(AssessError::NotAssessable { reason: "the day lies before the loan" });
        }
        let state = facts.loan.account.state(facts.as_of)?;
        if facts.loan.closed || state.closed {
            return Err(AssessError::Closed);
        }
        let history = state.history(facts.as_of)?;
        let open = contract_instalments(&facts.loan.account, &state)?;
        let instalment = open.first().copied().unwrap_or(Amount::ZERO);
        let highest_instalment = open.iter().max().copied().unwrap_or(Amount::ZERO);
        let others = facts.other_own_balance.add(facts.statement.other_debt_balance)?;
        let balances = Balances { this_loan: state.principal_left.max(Amount::new(1)), others };
        let dues = contract_dues(&state)?;
        let affordability = Affordability::compute(facts, &pack.settings, balances, &dues)?;
        let grade = pack.tables.grade(state.bucket, history.late_months_6m);
        let (_, tier) = pack.tables.tier(state.bucket, grade);
        let lump_sum = usable_lump_sum(facts, &affordability)?;
        let longest = jiff::Span::new().months(i64::from(pack.settings.max_total_term_months));
        let mut case = Self {
            pack,
            facts,
            state,
            history,
            grade,
            tier,
            affordability,
            instalment,
            highest_instalment,
            lump_sum,
            sheet: FactSheet::empty(),
            latest_end: contract.interest_from.checked_add(longest).map_err(|_| out_of_calendar())?,
            reached: None,
        };
        case.sheet = derive(&case)?;
        Ok(case)
    }

    pub fn contract(&self) -> &'a Contract {
        self.facts.loan.account.contract()
    }

    /// Whether anything is overdue.
    pub fn in_arrears(&self) -> bool {
        self.state.dpd.current > 0
    }

    /// Documents of accepted types that passed.
    pub fn accepted_evidence(&self) -> usize {
        let accepted = self.pack.tables.evidence.get(&self.facts.reason);
        let counts = |item: &&EvidenceFact| {
            passed(item) && accepted.is_some_and(|types| types.contains(&item.evidence_type))
        };
        self.facts.evidence.iter().filter(counts).count()
    }
}

fn out_of_calendar() -> AssessError {
    AssessError::Arithmetic { at: "calendar" }
}

/// What the contract asks in each open row; a row that a plan added counts as the contract's last.
fn contract_instalments(account: &Account, state: &State) -> Result<Vec<Amount>, AssessError> {
    let contract = account.origin.rows()?;
    let mut open = Vec::new();
    for row in &state.rows {
        let promised = contract.iter().find(|promised| promised.nr == row.row.nr).or(contract.last());
        if row.is_open()?
            && let Some(promised) = promised
        {
            open.push(promised.total()?);
        }
    }
    Ok(open)
}

/// What the schedule in force asks by month; month 0 holds the arrears, penalty included.
pub(crate) fn contract_dues(state: &State) -> Result<Vec<(usize, Amount)>, AssessError> {
    let mut dues = vec![(0, state.arrears.total()?)];
    for row in state.rows.iter().filter(|row| row.row.due > state.as_of) {
        let left = row.left()?.instalment()?;
        if !left.is_zero() {
            dues.push((affordability::month_of(state.as_of, row.row.due), left));
        }
    }
    Ok(dues)
}

/// A document counts once an officer accepted it, or while it passed every automatic check.
pub(crate) fn passed(item: &EvidenceFact) -> bool {
    let clean = !item.duplicate_of_other_borrower && !item.submitter_is_not_borrower && !item.issuer_denies;
    match item.state {
        EvidenceState::Accepted => true,
        EvidenceState::Received => item.passed_automatic_checks && clean,
        EvidenceState::Incomplete | EvidenceState::Rejected | EvidenceState::Falsified => false,
    }
}

/// Proved, not borrowed, and not needed for essentials during the hardship.
fn usable_lump_sum(facts: &Facts, affordability: &Affordability) -> Result<Amount, AssessError> {
    let Some(lump) = facts.statement.lump_sum.as_ref().filter(|lump| lump.proved && !lump.borrowed) else {
        return Ok(Amount::ZERO);
    };
    let mut needed = Amount::ZERO;
    for month in affordability.hardship() {
        needed = needed.add(Amount::ZERO.sub_floor0(month.surplus)?)?;
    }
    Ok(lump.amount.sub_floor0(needed)?)
}

fn derive(case: &Case<'_>) -> Result<FactSheet, AssessError> {
    let (facts, state) = (case.facts, &case.state);
    let lowest_share = case.affordability.hardship().map(|month| month.share).min().unwrap_or(Amount::ZERO);
    let lowest_surplus =
        case.affordability.hardship().map(|month| month.surplus).min().unwrap_or(Amount::ZERO);
    // An officer who accepted a document has settled the doubt about it.
    let doubt = |holds: fn(&EvidenceFact) -> bool| {
        facts.evidence.iter().any(|item| item.state != EvidenceState::Accepted && holds(item))
    };
    let falsified = facts.evidence.iter().any(|item| item.state == EvidenceState::Falsified);
    let mut types: Vec<&'static str> =
        facts.evidence.iter().filter(|item| passed(item)).map(|item| item.evidence_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let malicious = facts.flags.malicious_indicators.iter().map(|word| word.as_str()).collect();
    let count = |value: u32| FactValue::Count(i64::from(value));
    let days = |value: u32| FactValue::Days(i64::from(value));
    let accepted = u32::try_from(case.accepted_evidence()).unwrap_or(u32::MAX);
    let values = [
        (Fact::Moratorium, FactValue::Flag(facts.flags.moratorium)),
        (Fact::Vulnerable, FactValue::Flag(facts.flags.vulnerable)),
        (Fact::Litigation, FactValue::Flag(facts.flags.litigation)),
        (Fact::SubmitterNotBorrower, FactValue::Flag(facts.submitter_is_not_borrower)),
        (Fact::MaliciousIndicators, FactValue::Codes(malicious)),
        (Fact::Reason, FactValue::Code(facts.reason.as_str())),
        (Fact::RedateOnly, FactValue::Flag(redate_only(facts, case.pack.settings.redate_months))),
        (Fact::EvidenceFalsified, FactValue::Flag(falsified)),
        (Fact::EvidenceDuplicate, FactValue::Flag(doubt(|item| item.duplicate_of_other_borrower))),
        (Fact::EvidenceForeign, FactValue::Flag(doubt(|item| item.submitter_is_not_borrower))),
        (Fact::EvidenceDenied, FactValue::Flag(doubt(|item| item.issuer_denies))),
        (Fact::EvidenceAccepted, count(accepted)),
        (Fact::EvidenceTypes, FactValue::Codes(types)),
        (Fact::Plans12m, count(facts.prior.plans_12m)),
        (Fact::Plans60m, count(facts.prior.plans_60m)),
        (Fact::BrokenPlans12m, count(facts.prior.broken_plans_12m)),
        (Fact::Applications, count(facts.prior.applications)),
        (Fact::DpdCurrent, days(state.dpd.current)),
        (Fact::DpdContract, days(state.dpd.contract)),
        (Fact::Bucket, FactValue::Code(bucket_word(state.bucket))),
        (Fact::Arrears, FactValue::Money(state.arrears.total()?)),
        (Fact::Balance, FactValue::Money(state.principal_left)),
        (Fact::Instalment, FactValue::Money(case.instalment)),
        (Fact::MonthsOnBook, count(case.history.months_on_book)),
        (Fact::WorstBucket12m, FactValue::Code(bucket_word(worst_bucket(case)))),
        (Fact::Episodes24m, count(case.history.episodes_24m)),
        (Fact::LongestDpd, days(case.history.longest_dpd)),
        (Fact::LateMonths6m, count(case.history.late_months_6m)),
        (Fact::HistoryGrade, FactValue::Code(case.grade.as_str())),
        (Fact::IncomeVerified, FactValue::Flag(income_verified(case))),
        (Fact::IncomeGap, FactValue::Ratio(income_gap(case)?)),
        (Fact::ExcessUnproved, FactValue::Flag(excess_unproved(case)?)),
        (Fact::LowestSurplus, FactValue::Money(lowest_surplus)),
        (Fact::LowestShare, FactValue::Money(lowest_share)),
        (Fact::ShareToInstalment, FactValue::Ratio(share_ratio(lowest_share, case.instalment))),
        (Fact::LumpSum, FactValue::Money(case.lump_sum)),
    ];
    let mut sheet = FactSheet::empty();
    for (fact, value) in &values {
        sheet.set(*fact, value)?;
    }
    Ok(sheet)
}

fn worst_bucket(case: &Case<'_>) -> Bucket {
    case.history.worst_bucket_12m.max(case.state.bucket)
}

/// Rounded towards zero, so that a share just below the instalment never reads as covering it.
fn share_ratio(share: Amount, instalment: Amount) -> Decimal {
    if instalment.is_zero() {
        return Decimal::ONE;
    }
    share.exact().checked_div(instalment.exact()).unwrap_or(Decimal::ZERO).trunc_with_scale(RATIO_PLACES)
}

fn income_verified(case: &Case<'_>) -> bool {
    let statement = &case.facts.statement;
    (0..case.affordability.hardship_months)
        .all(|month| affordability::current(&statement.verified_income, month).is_some())
}

/// Largest |declared − verified| / max(declared, verified) over the hardship's months that have both.
fn income_gap(case: &Case<'_>) -> Result<Decimal, AssessError> {
    let statement = &case.facts.statement;
    let mut largest = Decimal::ZERO;
    for month in 0..case.affordability.hardship_months {
        let declared = affordability::current(&statement.declared_income, month);
        let verified = affordability::current(&statement.verified_income, month);
        let (Some(declared), Some(verified)) = (declared, verified) else { continue };
        let larger = declared.max(verified);
        if !larger.is_zero() {
            let gap = declared.max(verified).sub(declared.min(verified))?.exact();
            let share =
                gap.checked_div(larger.exact()).ok_or(AssessError::Arithmetic { at: "income gap" })?;
            largest = largest.max(share);
        }
    }
    Ok(largest)
}

/// Declared essentials above the pack's multiple of the benchmark, without a document that shows them.
fn excess_unproved(case: &Case<'_>) -> Result<bool, AssessError> {
    let settings = &case.pack.settings;
    let limit = case.affordability.benchmark.mul_ratio(settings.excess_factor)?;
    if limit.is_zero() {
        return Ok(false);
    }
    let proves = |kind: &EvidenceType| settings.excess_evidence.contains(kind);
    if case.facts.evidence.iter().any(|item| passed(item) && proves(&item.evidence_type)) {
        return Ok(false);
    }
    for month in 0..case.affordability.hardship_months {
        if affordability::declared_essentials(case.facts, month)? > limit {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The proposal is no more than a deferral of `months`; waiving penalty beside it counts as more.
fn redate_only(facts: &Facts, months: u32) -> bool {
    let Some(Proposal { measures, .. }) = &facts.proposal else { return false };
    !measures.is_empty()
        && measures.iter().all(|measure| {
            matches!(measure, ProposedMeasure::Deferral { months: asked, .. } if u32::from(*asked) <= months)
        })
}

/// The kind of a proposed measure.
pub(crate) fn proposed_kind(measure: &ProposedMeasure) -> MeasureKind {
    match measure {
        ProposedMeasure::WaivePenalty { .. } => MeasureKind::WaivePenalty,
        ProposedMeasure::WaiveInterest { .. } => MeasureKind::WaiveInterest,
        ProposedMeasure::ForgivePrincipal { .. } => MeasureKind::ForgivePrincipal,
        ProposedMeasure::ReAge { .. } => MeasureKind::ReAge,
        ProposedMeasure::Deferral { .. } => MeasureKind::Deferral,
        ProposedMeasure::PaymentReduction { .. } => MeasureKind::PaymentReduction,
        ProposedMeasure::TermExtension { .. } => MeasureKind::TermExtension,
        ProposedMeasure::RateReduction { .. } => MeasureKind::RateReduction,
        ProposedMeasure::Settlement { .. } => MeasureKind::Settlement,
        ProposedMeasure::TokenPayments { .. } => MeasureKind::TokenPayments,
    }
}

fn check(facts: &Facts) -> Result<(), AssessError> {
    let statement = &facts.statement;
    let invalid = |field, reason: &str| Err(AssessError::InvalidFacts { field, reason: reason.to_owned() });
    check_entries("statement.declared_income", &statement.declared_income)?;
    check_entries("statement.verified_income", &statement.verified_income)?;
    check_entries("statement.essentials", &statement.essentials)?;
    check_amount("statement.priority_debt_payments", statement.priority_debt_payments)?;
    check_amount("statement.other_debt_balance", statement.other_debt_balance)?;
    check_amount("other_own_balance", facts.other_own_balance)?;
    if let Some(lump) = &statement.lump_sum {
        check_amount("statement.lump_sum.amount", lump.amount)?;
    }
    if statement.adults > 20 {
        return invalid("statement.adults", "must be 0 to 20");
    }
    if statement.dependants > 20 {
        return invalid("statement.dependants", "must be 0 to 20");
    }
    if facts.evidence.len() > MAX_EVIDENCE_ITEMS {
        return invalid("evidence", "holds too many documents");
    }
    let kinds = facts.proposal.iter().flat_map(|proposal| proposal.measures.iter().map(proposed_kind));
    let mut seen = Vec::new();
    for kind in kinds {
        if seen.contains(&kind) {
            return invalid("proposal.measures", "holds a kind twice");
        }
        seen.push(kind);
    }
    Ok(())
}

fn check_entries(field: &'static str, entries: &[MonthlyAmount]) -> Result<(), AssessError> {
    if entries.len() > MAX_STATEMENT_ENTRIES {
        let reason = format!("holds more than {MAX_STATEMENT_ENTRIES} entries");
        return Err(AssessError::InvalidFacts { field, reason });
    }
    for entry in entries {
        check_amount(field, entry.amount)?;
        if entry.from_month > MAX_STATEMENT_MONTH || entry.months > MAX_STATEMENT_MONTH {
            let reason = format!("names a month beyond {MAX_STATEMENT_MONTH}");
            return Err(AssessError::InvalidFacts { field, reason });
        }
    }
    Ok(())
}

fn check_amount(field: &'static str, amount: Amount) -> Result<(), AssessError> {
    if amount.is_negative() || amount.minor() > MAX_STATEMENT_MINOR {
        let reason = format!("must be 0 to {MAX_STATEMENT_MINOR} minor units");
        return Err(AssessError::InvalidFacts { field, reason });
    }
    Ok(())
}
