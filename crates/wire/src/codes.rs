//! Enums: the same words on both sides. Zero and unknown numbers are refused, zero is never written.

use api::leeway::common::v1;
use api::leeway::policy::v1 as policy;
use chassis::Violations;
use loan::{DeferralInterest, InterestScope, ReductionInterest};

use crate::primitives::{missing, reason, refuse};

/// Both directions for an enum whose words are equal: `name_in(v, field, number)` and `name_out(word)`.
macro_rules! same_words {
    ($what:literal, $read:ident, $write:ident, $module:ident::$message:ident, $domain:ty, [$($word:ident),+ $(,)?]) => {
        #[doc = concat!("Reads ", $what, ".")]
        pub fn $read(v: &mut Violations, field: &str, number: i32) -> Option<$domain> {
            match $module::$message::try_from(number) {
                $(Ok($module::$message::$word) => Some(<$domain>::$word),)+
                Ok($module::$message::Unspecified) => missing(v, field),
                Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, concat!("not ", $what)),
            }
        }

        #[doc = concat!("Writes ", $what, ".")]
        pub fn $write(word: $domain) -> $module::$message {
            match word {
                $(<$domain>::$word => $module::$message::$word,)+
            }
        }
    };
}

same_words!(
    "a hardship reason",
    hardship_reason_in,
    hardship_reason_out,
    v1::HardshipReason,
    assessment::HardshipReason,
    [
        Unemployment,
        IncomeReduction,
        IllnessDisability,
        Bereavement,
        Separation,
        FamilyViolence,
        Disaster,
        BusinessFailure,
        CaringDependant,
        EducationCosts,
        MilitaryService,
        Poverty,
        OverIndebtedness,
        PaymentDelayed,
        Other,
    ]
);

same_words!(
    "a type of document",
    evidence_type_in,
    evidence_type_out,
    v1::EvidenceType,
    assessment::EvidenceType,
    [
        IncomeCertificate,
        Payslips,
        BankStatement,
        DiagnosisCertificate,
        HospitalBill,
        TerminationLetter,
        UnemploymentRegistration,
        SchoolHardshipCertificate,
        CommunityHardshipCertificate,
        DeathCertificate,
        CourtOrPoliceDocument,
        DisasterNotice,
        TaxReturn,
        HouseholdSituationStatement,
        SelfDeclaration,
        Other,
    ]
);

same_words!(
    "a state of a document's review",
    evidence_state_in,
    evidence_state_out,
    v1::EvidenceState,
    assessment::EvidenceState,
    [Incomplete, Received, Accepted, Rejected, Falsified]
);

same_words!(
    "a malicious indicator",
    malicious_indicator_in,
    malicious_indicator_out,
    v1::MaliciousIndicator,
    assessment::MaliciousIndicator,
    [FalseDocuments, Absconding, HidingAssets, BorrowingWithoutMeans, CriminalUse]
);

same_words!(
    "a decline code",
    decline_code_in,
    decline_code_out,
    v1::DeclineCode,
    assessment::DeclineCode,
    [
        NotInArrearsOrAtRisk,
        IdentityUnverified,
        SubmitterNotBorrower,
        EvidenceMissing,
        EvidenceUnverifiable,
        EvidenceFalsified,
        NoReasonableCause,
        UnsustainableEvenIfChanged,
        CanAffordCurrent,
        ReliefLimitReached,
        PriorPlanBroken,
        OutsideMaxTerm,
        MaliciousIndicatorConfirmed,
        LitigationOrEnforcement,
        InformationNotReceived,
    ]
);

same_words!(
    "an authority",
    authority_in,
    authority_out,
    v1::Authority,
    assessment::Authority,
    [Automatic, Officer, OfficerAndSupervisor]
);

same_words!(
    "an offer's label",
    offer_label_in,
    offer_label_out,
    v1::OfferLabel,
    assessment::OfferLabel,
    [LowestPayment, LowestTotal, SoonestFree, Recommended, Proposal, NearestToProposal]
);

same_words!(
    "a way of credit reporting",
    credit_reporting_in,
    credit_reporting_out,
    v1::CreditReporting,
    assessment::CreditReporting,
    [Current, Frozen, Settled]
);

same_words!("a bucket", bucket_in, bucket_out, v1::Bucket, loan::Bucket, [M0, M1, M2, M3, M4Plus]);

same_words!(
    "an outcome",
    outcome_in,
    outcome_out,
    policy::Outcome,
    assessment::Outcome,
    [Offer, Review, SpecialistReview, Hold, EvidenceRequired, Refuse]
);

same_words!(
    "a verdict",
    verdict_in,
    verdict_out,
    policy::Verdict,
    assessment::Verdict,
    [Fired, Missed, NotReached]
);

same_words!(
    "an outcome of a proposal",
    proposal_outcome_in,
    proposal_outcome_out,
    policy::ProposalOutcome,
    assessment::ProposalOutcome,
    [AsProposed, Completed, Changed, Infeasible]
);

/// Reads an amortisation.
pub fn amortisation_in(v: &mut Violations, field: &str, number: i32) -> Option<loan::Amortisation> {
    match v1::Amortisation::try_from(number) {
        Ok(v1::Amortisation::EqualInstalments) => Some(loan::Amortisation::EqualInstalments),
        Ok(v1::Amortisation::EqualPrincipal) => Some(loan::Amortisation::EqualPrincipal),
        Ok(v1::Amortisation::Unspecified) => missing(v, field),
        Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, "not an amortisation"),
    }
}

/// Reads what an overpayment reduces; zero means the next instalments.
pub fn overpayment_in(v: &mut Violations, field: &str, number: i32) -> Option<loan::Overpayment> {
    match v1::Overpayment::try_from(number) {
        Ok(v1::Overpayment::Unspecified | v1::Overpayment::ReduceNext) => Some(loan::Overpayment::ReduceNext),
        Ok(v1::Overpayment::ReduceLast) => Some(loan::Overpayment::ReduceLast),
        Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, "not a use of overpayments"),
    }
}

/// Writes what an overpayment reduces.
pub fn overpayment_out(overpayment: loan::Overpayment) -> v1::Overpayment {
    match overpayment {
        loan::Overpayment::ReduceNext => v1::Overpayment::ReduceNext,
        loan::Overpayment::ReduceLast => v1::Overpayment::ReduceLast,
    }
}

/// Reads which interest; zero is `Some(None)`.
pub(crate) fn interest_scope_in(
    v: &mut Violations,
    field: &str,
    number: i32,
) -> Option<Option<InterestScope>> {
    match v1::InterestScope::try_from(number) {
        Ok(v1::InterestScope::Unspecified) => Some(None),
        Ok(v1::InterestScope::Overdue) => Some(Some(InterestScope::Overdue)),
        Ok(v1::InterestScope::Future) => Some(Some(InterestScope::Future)),
        Ok(v1::InterestScope::All) => Some(Some(InterestScope::All)),
        Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, "not a scope of interest"),
    }
}

pub(crate) fn interest_scope_out(scope: InterestScope) -> v1::InterestScope {
    match scope {
        InterestScope::Overdue => v1::InterestScope::Overdue,
        InterestScope::Future => v1::InterestScope::Future,
        InterestScope::All => v1::InterestScope::All,
    }
}

/// Reads what interest does during a deferral; zero is `Some(None)`.
pub(crate) fn deferral_interest_in(
    v: &mut Violations,
    field: &str,
    number: i32,
) -> Option<Option<DeferralInterest>> {
    match v1::DeferralInterest::try_from(number) {
        Ok(v1::DeferralInterest::Unspecified) => Some(None),
        Ok(v1::DeferralInterest::None) => Some(Some(DeferralInterest::None)),
        Ok(v1::DeferralInterest::Paid) => Some(Some(DeferralInterest::Paid)),
        Ok(v1::DeferralInterest::Spread) => Some(Some(DeferralInterest::Spread)),
        Ok(v1::DeferralInterest::AtEnd) => Some(Some(DeferralInterest::AtEnd)),
        Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, "not a use of interest during a deferral"),
    }
}

pub(crate) fn deferral_interest_out(interest: DeferralInterest) -> v1::DeferralInterest {
    match interest {
        DeferralInterest::None => v1::DeferralInterest::None,
        DeferralInterest::Paid => v1::DeferralInterest::Paid,
        DeferralInterest::Spread => v1::DeferralInterest::Spread,
        DeferralInterest::AtEnd => v1::DeferralInterest::AtEnd,
    }
}

/// Reads whether put-off principal bears interest; zero is `Some(None)`.
pub(crate) fn reduction_interest_in(
    v: &mut Violations,
    field: &str,
    number: i32,
) -> Option<Option<ReductionInterest>> {
    match v1::ReductionInterest::try_from(number) {
        Ok(v1::ReductionInterest::Unspecified) => Some(None),
        Ok(v1::ReductionInterest::None) => Some(Some(ReductionInterest::None)),
        Ok(v1::ReductionInterest::Contract) => Some(Some(ReductionInterest::Contract)),
        Err(_) => refuse(v, field, reason::UNKNOWN_VALUE, "not a use of interest during a reduction"),
    }
}

pub(crate) fn reduction_interest_out(interest: ReductionInterest) -> v1::ReductionInterest {
    match interest {
        ReductionInterest::None => v1::ReductionInterest::None,
        ReductionInterest::Contract => v1::ReductionInterest::Contract,
    }
}
