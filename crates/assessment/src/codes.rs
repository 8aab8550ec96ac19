//! The closed lists of words that facts, packs and decisions share. Each has one spelling, in capitals,
//! the same in JSON, in pack files and (with the enum's prefix) on the wire.

use serde::{Deserialize, Serialize};

/// Declares an enum of words with `ALL`, `as_str` and `parse`; the order is the order of the source.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as it is written everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// Reads a word; `None` where it isn't in the list.
            pub fn parse(text: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

codes! {
    /// What happened to the borrower (`domain.md` section 6).
    HardshipReason {
        /// Lost the job.
        Unemployment = "UNEMPLOYMENT",
        /// Earns less.
        IncomeReduction = "INCOME_REDUCTION",
        /// Own illness or disability.
        IllnessDisability = "ILLNESS_DISABILITY",
        /// A death in the family.
        Bereavement = "BEREAVEMENT",
        /// Separation or divorce.
        Separation = "SEPARATION",
        /// Violence at home.
        FamilyViolence = "FAMILY_VIOLENCE",
        /// Natural or other disaster.
        Disaster = "DISASTER",
        /// The business failed.
        BusinessFailure = "BUSINESS_FAILURE",
        /// Cares for a dependant.
        CaringDependant = "CARING_DEPENDANT",
        /// Costs of education.
        EducationCosts = "EDUCATION_COSTS",
        /// Military service.
        MilitaryService = "MILITARY_SERVICE",
        /// Poverty.
        Poverty = "POVERTY",
        /// Too many debts.
        OverIndebtedness = "OVER_INDEBTEDNESS",
        /// A payment to the borrower is late.
        PaymentDelayed = "PAYMENT_DELAYED",
        /// Something else, told in the narrative.
        Other = "OTHER",
    }
}

codes! {
    /// What a document is.
    EvidenceType {
        /// Certificate of income.
        IncomeCertificate = "INCOME_CERTIFICATE",
        /// Payslips.
        Payslips = "PAYSLIPS",
        /// Bank statement.
        BankStatement = "BANK_STATEMENT",
        /// Certificate of diagnosis.
        DiagnosisCertificate = "DIAGNOSIS_CERTIFICATE",
        /// Hospital bill.
        HospitalBill = "HOSPITAL_BILL",
        /// Letter of termination.
        TerminationLetter = "TERMINATION_LETTER",
        /// Registration as unemployed.
        UnemploymentRegistration = "UNEMPLOYMENT_REGISTRATION",
        /// Certificate of hardship by a school.
        SchoolHardshipCertificate = "SCHOOL_HARDSHIP_CERTIFICATE",
        /// Certificate of hardship by a community.
        CommunityHardshipCertificate = "COMMUNITY_HARDSHIP_CERTIFICATE",
        /// Death certificate.
        DeathCertificate = "DEATH_CERTIFICATE",
        /// Document of a court or the police.
        CourtOrPoliceDocument = "COURT_OR_POLICE_DOCUMENT",
        /// Notice of a disaster.
        DisasterNotice = "DISASTER_NOTICE",
        /// Tax return.
        TaxReturn = "TAX_RETURN",
        /// Household-situation statement (家庭情况说明).
        HouseholdSituationStatement = "HOUSEHOLD_SITUATION_STATEMENT",
        /// The borrower's own declaration.
        SelfDeclaration = "SELF_DECLARATION",
        /// Something else.
        Other = "OTHER",
    }
}

codes! {
    /// State of a document's review.
    EvidenceState {
        /// Bytes are still missing.
        Incomplete = "INCOMPLETE",
        /// Complete and checked automatically; no person has looked.
        Received = "RECEIVED",
        /// An officer accepted it.
        Accepted = "ACCEPTED",
        /// An officer rejected it.
        Rejected = "REJECTED",
        /// An officer confirmed that it is falsified.
        Falsified = "FALSIFIED",
    }
}

codes! {
    /// The listed indicators of malice; never inferred from non-payment.
    MaliciousIndicator {
        /// False documents.
        FalseDocuments = "FALSE_DOCUMENTS",
        /// Absconding.
        Absconding = "ABSCONDING",
        /// Hiding assets.
        HidingAssets = "HIDING_ASSETS",
        /// Borrowing knowingly without means.
        BorrowingWithoutMeans = "BORROWING_WITHOUT_MEANS",
        /// Criminal use of the money.
        CriminalUse = "CRIMINAL_USE",
    }
}

codes! {
    /// Why an application is declined.
    DeclineCode {
        /// Nothing is overdue or about to be.
        NotInArrearsOrAtRisk = "NOT_IN_ARREARS_OR_AT_RISK",
        /// Identity isn't verified.
        IdentityUnverified = "IDENTITY_UNVERIFIED",
        /// Whoever applied isn't the borrower.
        SubmitterNotBorrower = "SUBMITTER_NOT_BORROWER",
        /// Evidence is missing.
        EvidenceMissing = "EVIDENCE_MISSING",
        /// Evidence can't be verified.
        EvidenceUnverifiable = "EVIDENCE_UNVERIFIABLE",
        /// Evidence was falsified.
        EvidenceFalsified = "EVIDENCE_FALSIFIED",
        /// No reason that relief is for.
        NoReasonableCause = "NO_REASONABLE_CAUSE",
        /// Not sustainable even with every change allowed.
        UnsustainableEvenIfChanged = "UNSUSTAINABLE_EVEN_IF_CHANGED",
        /// The instalment is affordable.
        CanAffordCurrent = "CAN_AFFORD_CURRENT",
        /// Relief limit of the period is reached.
        ReliefLimitReached = "RELIEF_LIMIT_REACHED",
        /// An earlier plan was broken.
        PriorPlanBroken = "PRIOR_PLAN_BROKEN",
        /// Would run beyond the longest term allowed.
        OutsideMaxTerm = "OUTSIDE_MAX_TERM",
        /// A malicious indicator is confirmed.
        MaliciousIndicatorConfirmed = "MALICIOUS_INDICATOR_CONFIRMED",
        /// A court case or enforcement runs.
        LitigationOrEnforcement = "LITIGATION_OR_ENFORCEMENT",
        /// Asked-for information didn't come.
        InformationNotReceived = "INFORMATION_NOT_RECEIVED",
    }
}

codes! {
    /// Who must decide, in order of strictness (`Ord` is that order).
    Authority {
        /// The rules alone.
        Automatic = "AUTOMATIC",
        /// An officer.
        Officer = "OFFICER",
        /// An officer and a supervisor, two different people.
        OfficerAndSupervisor = "OFFICER_AND_SUPERVISOR",
    }
}

codes! {
    /// What distinguishes an offer from the others.
    OfferLabel {
        /// Lowest highest payment.
        LowestPayment = "LOWEST_PAYMENT",
        /// Lowest total.
        LowestTotal = "LOWEST_TOTAL",
        /// Earliest end.
        SoonestFree = "SOONEST_FREE",
        /// The Nash point: the best balance of both sides' gains.
        Recommended = "RECOMMENDED",
        /// What was proposed, completed by the platform where parts were left out.
        Proposal = "PROPOSAL",
        /// The nearest feasible terms to a proposal that isn't.
        NearestToProposal = "NEAREST_TO_PROPOSAL",
    }
}

codes! {
    /// What is reported to the credit bureau while an offer is kept.
    CreditReporting {
        /// As current.
        Current = "CURRENT",
        /// With the days past due of the acceptance day, frozen.
        Frozen = "FROZEN",
        /// As settled for less than owed.
        Settled = "SETTLED",
    }
}

codes! {
    /// What the policy recommends.
    Outcome {
        /// Offer at once; every offer lies within the automatic mandate.
        Offer = "OFFER",
        /// An officer decides.
        Review = "REVIEW",
        /// An officer trained for vulnerable borrowers decides.
        SpecialistReview = "SPECIALIST_REVIEW",
        /// Hold: no assessment, no contact.
        Hold = "HOLD",
        /// A named document is needed first.
        EvidenceRequired = "EVIDENCE_REQUIRED",
        /// Refusal is recommended; a person confirms it.
        Refuse = "REFUSE",
    }
}

codes! {
    /// Whether a rule or condition held.
    Verdict {
        /// It held.
        Fired = "FIRED",
        /// It did not hold.
        Missed = "MISSED",
        /// An earlier one decided.
        NotReached = "NOT_REACHED",
    }
}

codes! {
    /// How a proposal came out.
    ProposalOutcome {
        /// Feasible as it stands.
        AsProposed = "AS_PROPOSED",
        /// Feasible once completed.
        Completed = "COMPLETED",
        /// Not feasible; the nearest feasible terms are offered.
        Changed = "CHANGED",
        /// Neither feasible nor close to anything feasible.
        Infeasible = "INFEASIBLE",
    }
}

codes! {
    /// Grade of the repayment history, best first.
    Grade {
        /// On time, or never beyond a few days late.
        Good = "GOOD",
        /// Late now and then.
        Fair = "FAIR",
        /// Late again and again, never for long.
        Mixed = "MIXED",
        /// Far behind.
        Poor = "POOR",
        /// Far behind, and for months.
        Bad = "BAD",
    }
}

codes! {
    /// Kinds of measure, as packs name them (`domain.md` section 4).
    MeasureKind {
        /// Penalty is waived.
        WaivePenalty = "WAIVE_PENALTY",
        /// Unpaid interest is waived.
        WaiveInterest = "WAIVE_INTEREST",
        /// Principal is forgiven, inside a settlement.
        ForgivePrincipal = "FORGIVE_PRINCIPAL",
        /// Arrears are spread over coming rows.
        ReAge = "RE_AGE",
        /// Payments stop for some months.
        Deferral = "DEFERRAL",
        /// Lower payments for some instalments.
        PaymentReduction = "PAYMENT_REDUCTION",
        /// More instalments.
        TermExtension = "TERM_EXTENSION",
        /// A lower rate.
        RateReduction = "RATE_REDUCTION",
        /// One sum that closes the loan.
        Settlement = "SETTLEMENT",
        /// A small amount for some months, then review.
        TokenPayments = "TOKEN_PAYMENTS",
    }
}
