//! The closed catalogue of facts that rules may ask for, each with its type. Derived facts are computed in
//! `derive.rs`; a pack can neither add one nor change its meaning.

use loan::{Amount, Bucket, Currency};
use rust_decimal::Decimal;

use crate::codes::{EvidenceType, Grade, HardshipReason, MaliciousIndicator};

/// Type of a fact; says which operators and thresholds fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactType {
    Money,
    Days,
    Ratio,
    Count,
    Flag,
    Code(CodeList),
    Codes(CodeList),
}

/// Lists that codes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeList {
    Reason,
    Bucket,
    Malicious,
    Evidence,
    Grade,
}

/// Buckets as packs write them.
pub(crate) const BUCKETS: [(&str, Bucket); 5] = [
    ("M0", Bucket::M0),
    ("M1", Bucket::M1),
    ("M2", Bucket::M2),
    ("M3", Bucket::M3),
    ("M4_PLUS", Bucket::M4Plus),
];

/// The word of a bucket.
pub(crate) fn bucket_word(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::M0 => "M0",
        Bucket::M1 => "M1",
        Bucket::M2 => "M2",
        Bucket::M3 => "M3",
        Bucket::M4Plus => "M4_PLUS",
    }
}

impl CodeList {
    /// Every word of the list.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Self::Reason => HardshipReason::ALL.iter().map(|word| word.as_str()).collect(),
            Self::Bucket => BUCKETS.iter().map(|(word, _)| *word).collect(),
            Self::Malicious => MaliciousIndicator::ALL.iter().map(|word| word.as_str()).collect(),
            Self::Evidence => EvidenceType::ALL.iter().map(|word| word.as_str()).collect(),
            Self::Grade => Grade::ALL.iter().map(|word| word.as_str()).collect(),
        }
    }
}

impl FactType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Days => "days",
            Self::Ratio => "a ratio",
            Self::Count => "a count",
            Self::Flag => "a flag",
            Self::Code(_) => "a code",
            Self::Codes(_) => "a set of codes",
        }
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $kind:expr,)+) => {
        /// A fact of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fact { $($(#[$doc])* $variant,)+ }

        impl Fact {
            pub const ALL: &'static [Fact] = &[$(Fact::$variant,)+];

            pub const fn name(self) -> &'static str {
                match self { $(Fact::$variant => $name,)+ }
            }

            /// Its place in a fact sheet.
            pub const fn place(self) -> usize {
                self as usize
            }

            pub const fn kind(self) -> FactType {
                match self { $(Fact::$variant => $kind,)+ }
            }
        }
    };
}

facts! {
    /// Legal moratorium or protection.
    Moratorium = "case.moratorium": FactType::Flag,
    /// Flagged as vulnerable by borrower or officer.
    Vulnerable = "case.vulnerable": FactType::Flag,
    /// A court case or enforcement runs.
    Litigation = "case.litigation": FactType::Flag,
    /// Whoever applied is not the borrower.
    SubmitterNotBorrower = "case.submitter_not_borrower": FactType::Flag,
    /// Confirmed malicious indicators.
    MaliciousIndicators = "case.malicious_indicators": FactType::Codes(CodeList::Malicious),
    /// Hardship reason.
    Reason = "case.reason": FactType::Code(CodeList::Reason),
    /// The proposal asks for no more than a re-date or a deferral of the pack's `redate_months`.
    RedateOnly = "proposal.redate_only": FactType::Flag,
    /// A document was confirmed as falsified.
    EvidenceFalsified = "evidence.falsified": FactType::Flag,
    /// A document is a duplicate of another borrower's.
    EvidenceDuplicate = "evidence.duplicate": FactType::Flag,
    /// A document was sent by somebody else.
    EvidenceForeign = "evidence.submitter_not_borrower": FactType::Flag,
    /// An issuer denies a document.
    EvidenceDenied = "evidence.issuer_denies": FactType::Flag,
    /// Documents of a type accepted for the reason that passed the automatic checks or an officer.
    EvidenceAccepted = "evidence.accepted": FactType::Count,
    /// Types of all documents that passed the automatic checks or an officer.
    EvidenceTypes = "evidence.types": FactType::Codes(CodeList::Evidence),
    /// Plans that became active in the last 12 calendar months.
    Plans12m = "prior.plans_12m": FactType::Count,
    /// Plans that became active in the last 60 calendar months.
    Plans60m = "prior.plans_60m": FactType::Count,
    /// Plans broken in the last 12 months.
    BrokenPlans12m = "prior.broken_plans_12m": FactType::Count,
    /// Applications before this one.
    Applications = "prior.applications": FactType::Count,
    /// Days past due by the schedule in force.
    DpdCurrent = "arrears.dpd_current": FactType::Days,
    /// Days past due by the original due dates.
    DpdContract = "arrears.dpd_contract": FactType::Days,
    /// Bucket of `arrears.dpd_current`.
    Bucket = "arrears.bucket": FactType::Code(CodeList::Bucket),
    /// Due and unpaid, penalty included.
    Arrears = "arrears.total": FactType::Money,
    /// Principal left.
    Balance = "loan.balance": FactType::Money,
    /// Instalment of the oldest open row by the schedule in force.
    Instalment = "loan.instalment": FactType::Money,
    /// Whole months since interest runs.
    MonthsOnBook = "loan.months_on_book": FactType::Count,
    /// Worst bucket in the last 12 months.
    WorstBucket12m = "history.worst_bucket_12m": FactType::Code(CodeList::Bucket),
    /// Episodes of arrears in the last 24 months.
    Episodes24m = "history.episodes_24m": FactType::Count,
    /// Highest days past due ever.
    LongestDpd = "history.longest_dpd": FactType::Days,
    /// Late months of the last six, as the history counts them.
    LateMonths6m = "history.late_months_6m": FactType::Count,
    /// Grade that the pack gives the history.
    HistoryGrade = "history.grade": FactType::Code(CodeList::Grade),
    /// Income of every month of the hardship is verified.
    IncomeVerified = "income.verified": FactType::Flag,
    /// Largest gap between declared and verified income, as a share of the larger.
    IncomeGap = "income.gap": FactType::Ratio,
    /// Essentials beyond the pack's multiple of the benchmark, without a document for it.
    ExcessUnproved = "essentials.excess_unproved": FactType::Flag,
    /// Lowest surplus during the hardship.
    LowestSurplus = "surplus.lowest": FactType::Money,
    /// Lowest share for this loan during the hardship.
    LowestShare = "share.lowest": FactType::Money,
    /// That share divided by the instalment.
    ShareToInstalment = "share.to_instalment": FactType::Ratio,
    /// Proved lump sum that is not borrowed.
    LumpSum = "lump_sum.proved": FactType::Money,
}

impl Fact {
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fact| fact.name() == name)
    }
}

/// Value of a fact or threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FactValue {
    Money(Amount),
    Days(i64),
    Ratio(Decimal),
    Count(i64),
    Flag(bool),
    Code(&'static str),
    Codes(Vec<&'static str>),
}

/// Most places of a ratio as it is shown; it is compared exactly.
const SHOWN_PLACES: u32 = 9;

impl FactValue {
    /// Text with its unit.
    pub fn show(&self, currency: Currency) -> String {
        match self {
            Self::Money(amount) => format!("{} {}", amount.plain(currency), currency.code()),
            Self::Days(days) => format!("{days} days"),
            Self::Ratio(ratio) => ratio.round_dp(SHOWN_PLACES).to_string(),
            Self::Count(count) => count.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Code(code) => (*code).to_owned(),
            Self::Codes(codes) => codes.join(" "),
        }
    }
}
