//! Enums of loans and terms: the same words on both sides, as in [`crate::codes`].

use api::leeway::common::v1;
use chassis::Violations;
use loan::{DeferralInterest, InterestScope, ReductionInterest};

use crate::codes::same_words;
use crate::primitives::{missing, reason, refuse};

same_words!(
    "an amortisation",
    amortisation_in,
    amortisation_out,
    v1::Amortisation,
    loan::Amortisation,
    [EqualInstalments, EqualPrincipal, InterestOnly, Flat]
);

same_words!(
    "a rule for days without business",
    business_day_rule_in,
    business_day_rule_out,
    v1::BusinessDayRule,
    loan::BusinessDayRule,
    [Following, Preceding, ModifiedFollowing]
);

same_words!(
    "a part of what is owed",
    part_in,
    part_out,
    v1::Part,
    loan::Part,
    [Penalty, Fee, Interest, Principal]
);

same_words!(
    "a part that charges add to",
    charge_part_in,
    charge_part_out,
    v1::ChargePart,
    loan::ChargePart,
    [Penalty, Fee]
);

same_words!(
    "a use of overpayments",
    overpayment_in,
    overpayment_out,
    v1::Overpayment,
    loan::Overpayment,
    [ReduceNext, ReduceLast, ReduceTerm, ReduceInstalment],
    unspecified = ReduceNext
);

same_words!(
    "a unit of time between instalments",
    frequency_unit_in,
    frequency_unit_out,
    v1::FrequencyUnit,
    loan::FrequencyUnit,
    [Days, Weeks, Months],
    unspecified = Months
);

same_words!(
    "a measure of interest periods",
    accrual_in,
    accrual_out,
    v1::Accrual,
    loan::Accrual,
    [Nominal, Daily],
    unspecified = Nominal
);

same_words!(
    "a count of a month's days",
    month_basis_in,
    month_basis_out,
    v1::MonthBasis,
    loan::MonthBasis,
    [Thirty, Actual],
    unspecified = Thirty
);

same_words!(
    "a count of a year's days",
    year_basis_in,
    year_basis_out,
    v1::YearBasis,
    loan::YearBasis,
    [Days360, Days364, Days365, Actual],
    unspecified = Days360
);

same_words!(
    "a way of rounding",
    rounding_in,
    rounding_out,
    v1::Rounding,
    loan::Rounding,
    [HalfEven, HalfUp, Up, Down],
    unspecified = HalfEven
);

same_words!(
    "a point of rounding",
    rounding_point_in,
    rounding_point_out,
    v1::RoundingPoint,
    loan::RoundingPoint,
    [Period, SubPeriod],
    unspecified = Period
);

same_words!(
    "a use of interest on overdue principal",
    overdue_interest_in,
    overdue_interest_out,
    v1::OverdueInterest,
    loan::OverdueInterest,
    [None, ContractRate],
    unspecified = None
);

same_words!(
    "an interest of a pay-off",
    pay_off_interest_in,
    pay_off_interest_out,
    v1::PayOffInterest,
    loan::PayOffInterest,
    [ToDate, ToPeriodEnd],
    unspecified = ToDate
);

same_words!(
    "a use of interest in a re-age",
    re_age_interest_in,
    re_age_interest_out,
    v1::ReAgeInterest,
    loan::ReAgeInterest,
    [Default, EqualPayable, EqualFull],
    unspecified = Default
);

same_words!(
    "a use of interest in a re-amortisation",
    re_amortise_interest_in,
    re_amortise_interest_out,
    v1::ReAmortiseInterest,
    loan::ReAmortiseInterest,
    [Default, Waived, EqualShares],
    unspecified = Default
);

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
