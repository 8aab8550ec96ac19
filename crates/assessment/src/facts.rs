//! Facts of a case as the caller states them: what is known on the day of the assessment.
//!
//! All amounts are minor units of the loan's currency; the caller refuses a statement in another currency
//! before it builds these types. Text fields carry ids only, never narrative.

use loan::{
    Account, Amount, Date, DeferralInterest, InterestScope, Rate, Ratio, ReductionInterest, SettlementSum,
    Waiver,
};
use serde::{Deserialize, Serialize};

use crate::codes::{EvidenceState, EvidenceType, HardshipReason, MaliciousIndicator};

/// Version of the fact definitions; changes whenever the meaning of a fact changes.
pub const FACTS_VERSION: i32 = 1;

/// Most entries in each list of a statement of affairs.
pub const MAX_STATEMENT_ENTRIES: usize = 64;
/// Most documents of a case.
pub const MAX_EVIDENCE_ITEMS: usize = 64;
/// Furthest month, counted from the assessment day, that a statement may name.
pub const MAX_STATEMENT_MONTH: u32 = 600;
/// Largest amount in a statement, in minor units; keeps every sum of the assessment inside 128 bits.
pub const MAX_STATEMENT_MINOR: i64 = 1_000_000_000_000;

/// What is known about a case on the day of its assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The application; for portfolios any id of the caller's.
    pub case_id: String,
    /// The borrower.
    pub borrower_id: String,
    /// The day for which everything is computed.
    pub as_of: Date,
    /// The loan.
    pub loan: LoanFacts,
    /// What happened.
    pub reason: HardshipReason,
    /// When the hardship is expected to end; `None`: unknown, then the whole term counts as hardship.
    pub hardship_end: Option<Date>,
    /// Income and outgoings.
    pub statement: StatementOfAffairs,
    /// Documents.
    pub evidence: Vec<EvidenceFact>,
    /// Flags.
    pub flags: CaseFlags,
    /// What went before.
    pub prior: PriorRelief,
    /// Terms to price beside the generated ones; parts may be left out.
    pub proposal: Option<Proposal>,
    /// Balances of the borrower's other loans with us.
    pub other_own_balance: Amount,
    /// Whoever applied is not the borrower.
    pub submitter_is_not_borrower: bool,
}

/// A loan as the core system states it: contract or stated rows, product settings and events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanFacts {
    /// The loan.
    pub loan_id: String,
    /// Contract, product and everything that happened since.
    pub account: Account,
    /// Closed outside (fully paid, charged off), whatever the account says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// Income, essential outgoings and other debts, by month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementOfAffairs {
    /// Income a month by the borrower's own word. The last entry that has begun and not ended counts.
    pub declared_income: Vec<MonthlyAmount>,
    /// Income a month as verified by the platform; where it covers a month it is what counts.
    pub verified_income: Vec<MonthlyAmount>,
    /// Essential outgoings a month; entries that overlap add up.
    pub essentials: Vec<MonthlyAmount>,
    /// Payments on priority debts (rent arrears, taxes, maintenance) a month.
    pub priority_debt_payments: Amount,
    /// Balances of other, non-priority debts.
    pub other_debt_balance: Amount,
    /// Adults in the household, 1 to 20; 0 means 1.
    pub adults: u8,
    /// Dependants, 0 to 20.
    pub dependants: u8,
    /// A sum that could be paid at once.
    pub lump_sum: Option<LumpSum>,
}

/// An amount a month for some months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthlyAmount {
    /// The amount.
    pub amount: Amount,
    /// First calendar month counted from the assessment's, 0 is the assessment's own.
    pub from_month: u32,
    /// For how many months; 0 means for good.
    pub months: u32,
}

/// A sum that could be paid at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LumpSum {
    /// The sum.
    pub amount: Amount,
    /// Where it comes from, in a few words.
    pub source: String,
    /// Proved by a document.
    pub proved: bool,
    /// It is a new loan; then it never counts.
    pub borrowed: bool,
}

/// A document as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFact {
    /// Document id.
    pub evidence_id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub evidence_type: EvidenceType,
    /// State of its review.
    pub state: EvidenceState,
    /// It passed the automatic checks: readable, of the stated type, no duplicate, sent by the borrower.
    pub passed_automatic_checks: bool,
    /// The same file was sent by other borrowers.
    pub duplicate_of_other_borrower: bool,
    /// Whoever sent it is not the borrower.
    pub submitter_is_not_borrower: bool,
    /// Its issuer denies it.
    pub issuer_denies: bool,
}

/// Flags on a case, set by officers or stated by the borrower.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFlags {
    /// Legal moratorium or protection.
    pub moratorium: bool,
    /// Bereavement, own severe illness, violence: a specialist decides.
    pub vulnerable: bool,
    /// Confirmed malicious indicators, each with evidence and an officer's signature.
    pub malicious_indicators: Vec<MaliciousIndicator>,
    /// A court case or enforcement runs.
    pub litigation: bool,
}

/// What went before on this loan and borrower, as of the assessment day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorRelief {
    /// Plans that became active in the last 12 calendar months.
    pub plans_12m: u32,
    /// Plans that became active in the last 60 calendar months.
    pub plans_60m: u32,
    /// Plans broken in the last 12 months.
    pub broken_plans_12m: u32,
    /// Applications before this one, whatever became of them.
    pub applications: u32,
}

/// Terms in which parts may be missing; the platform completes them from the pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The measures, each kind at most once.
    pub measures: Vec<ProposedMeasure>,
    /// First payment under the plan.
    pub first_payment: Option<Date>,
}

/// One measure of a proposal; `None` is what the platform completes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedMeasure {
    /// Penalty is waived; waiver `None`: all.
    WaivePenalty {
        #[serde(flatten)]
        waiver: Option<Waiver>,
    },
    /// Unpaid interest is waived; waiver `None`: all; scope `None`: all.
    WaiveInterest {
        scope: Option<InterestScope>,
        #[serde(flatten)]
        waiver: Option<Waiver>,
    },
    /// Principal is forgiven; share `None`: what the settlement leaves.
    ForgivePrincipal { share: Option<Ratio> },
    /// Arrears are spread over coming rows.
    ReAge { over: ProposedReAge },
    /// Payments stop for some months; interest `None`: as the pack says.
    Deferral { months: u8, interest: Option<DeferralInterest> },
    /// Lower payments for some instalments.
    PaymentReduction {
        /// How much is paid meanwhile.
        pay: ProposedPay,
        /// For how many instalments.
        instalments: u16,
        /// Rows over which the shortfall is spread; `None`: the pack's multiple of `instalments`.
        shortfall_rows: Option<u16>,
        /// Interest on principal put off; `None`: as the pack says.
        interest: Option<ReductionInterest>,
    },
    /// More instalments.
    TermExtension { by: ProposedExtension },
    /// A lower rate.
    RateReduction { rate: Rate, until: Option<Date> },
    /// One sum that closes the loan.
    Settlement {
        /// How much of the principal left is paid; `None`: the pack's floor for the bucket.
        #[serde(flatten)]
        sum: Option<SettlementSum>,
        /// Last day; `None`: the assessment day plus the pack's `settlement_days`.
        pay_by: Option<Date>,
        /// Parts, a month apart; `None`: 1.
        parts: Option<u8>,
    },
    /// A small amount for some months, then review.
    TokenPayments { amount: Amount, months: u8 },
}

/// Over which rows a proposed re-ageing spreads the arrears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedReAge {
    /// The next rows.
    Rows(u16),
    /// All that remain.
    Remaining,
    /// Behind the last row.
    End,
}

/// What is paid during a proposed reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedPay {
    /// Share of the instalment, above 0 and under 1.
    Factor(Ratio),
    /// A fixed amount.
    Amount(Amount),
}

/// How far a proposed extension goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedExtension {
    /// Extra instalments.
    Instalments(u16),
    /// The payment to reach.
    TargetPayment(Amount),
}
