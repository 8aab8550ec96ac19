//! Enums of cases and decisions: the same words on both sides. Unknown numbers are refused, and so is zero unless the proto comment gives it a meaning;
//! zero is never written.

use api::leeway::common::v1;
use api::leeway::policy::v1 as policy;
use chassis::Violations;

use crate::primitives::{missing, reason, refuse};

/// Both directions for an enum whose words are equal: `name_in(v, field, number)` and `name_out(word)`. Zero means the word
/// behind `unspecified`; without one it is refused.
macro_rules! same_words {
    (@zero $v:ident, $field:ident, $domain:ty, $default:ident) => {
        Some(<$domain>::$default)
    };
    (@zero $v:ident, $field:ident, $domain:ty) => {
        missing($v, $field)
    };
    (
        $what:literal, $read:ident, $write:ident, $module:ident::$message:ident, $domain:ty,
        [$($word:ident),+ $(,)?] $(, unspecified = $default:ident)?
    ) => {
        #[doc = concat!("Reads ", $what, ".")]
        pub fn $read(v: &mut Violations, field: &str, number: i32) -> Option<$domain> {
            match $module::$message::try_from(number) {
                $(Ok($module::$message::$word) => Some(<$domain>::$word),)+
                Ok($module::$message::Unspecified) => same_words!(@zero v, field, $domain $(, $default)?),
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

pub(crate) use same_words;

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
