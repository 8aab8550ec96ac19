//! One relief measure. A message may leave parts out, so it is always read as a proposed measure; [`complete`] turns that into
//! a measure proper and refuses what must not be left out.

use std::ops::RangeInclusive;

use api::leeway::common::v1::{self, measure::Kind, payment_reduction::Pay, term_extension::By};
use assessment::{ProposedExtension, ProposedMeasure, ProposedPay, ProposedReAge};
use chassis::Violations;
use loan::contract::MAX_INSTALMENTS;
use loan::{
    Currency, Extension, InterestScope, Measure, Ratio, ReAgeOver, ReducedPayment, SettlementSum,
    ShortfallOver, Waiver,
};
use rust_decimal::Decimal;

use crate::loan_codes::{
    deferral_interest_in, deferral_interest_out, interest_scope_in, interest_scope_out,
    reduction_interest_in, reduction_interest_out,
};
use crate::money::{money_out, money_positive_in};
use crate::primitives::{
    at, count_in, date_optional_in, date_out, missing, rate_in, rate_out, ratio_in, ratio_out, reason, refuse,
};

/// Most months of a deferral.
const MAX_DEFERRAL_MONTHS: u32 = 12;
/// Most instalments of a reduction.
const MAX_REDUCED_INSTALMENTS: u32 = 24;
/// Most instalments of an extension.
const MAX_EXTRA_INSTALMENTS: u32 = 60;
/// Most parts of a settlement, a month apart.
const MAX_SETTLEMENT_PARTS: u32 = 24;
/// Most months of token payments.
const MAX_TOKEN_MONTHS: u32 = 6;

/// Reads a measure; what is left out is `None`.
pub(crate) fn proposed_measure_in(
    v: &mut Violations,
    field: &str,
    measure: &v1::Measure,
    currency: Currency,
) -> Option<ProposedMeasure> {
    let Some(kind) = &measure.kind else { return missing(v, field) };
    match kind {
        Kind::WaivePenalty(m) => {
            let waiver = waiver_in(v, &at(field, "waive_penalty"), &m.share, m.amount.as_ref(), currency)?;
            Some(ProposedMeasure::WaivePenalty { waiver })
        }
        Kind::WaiveInterest(m) => {
            let scope = interest_scope_in(v, &at(field, "waive_interest.scope"), m.scope);
            let waiver = waiver_in(v, &at(field, "waive_interest"), &m.share, m.amount.as_ref(), currency);
            Some(ProposedMeasure::WaiveInterest { scope: scope?, waiver: waiver? })
        }
        Kind::ForgivePrincipal(m) => {
            let share = share_in(v, &at(field, "forgive_principal.share"), &m.share)?;
            Some(ProposedMeasure::ForgivePrincipal { share })
        }
        Kind::ReAge(m) => re_age_in(v, &at(field, "re_age"), m),
        Kind::Deferral(m) => {
            let months = small_in(v, &at(field, "deferral.months"), m.months, 1..=MAX_DEFERRAL_MONTHS);
            let interest = deferral_interest_in(v, &at(field, "deferral.interest"), m.interest);
            Some(ProposedMeasure::Deferral { months: months?, interest: interest? })
        }
        Kind::PaymentReduction(m) => reduction_in(v, &at(field, "payment_reduction"), m, currency),
        Kind::TermExtension(m) => extension_in(v, &at(field, "term_extension"), m, currency),
        Kind::RateReduction(m) => {
            let rate = rate_in(v, &at(field, "rate_reduction.annual_rate"), &m.annual_rate);
            let until = date_optional_in(v, &at(field, "rate_reduction.until_date"), m.until_date.as_ref());
            Some(ProposedMeasure::RateReduction { rate: rate?, until: until? })
        }
        Kind::Settlement(m) => settlement_in(v, &at(field, "settlement"), m, currency),
        Kind::TokenPayments(m) => {
            let amount =
                money_positive_in(v, &at(field, "token_payments.amount"), m.amount.as_ref(), currency);
            let months = small_in(v, &at(field, "token_payments.months"), m.months, 1..=MAX_TOKEN_MONTHS);
            Some(ProposedMeasure::TokenPayments { amount: amount?, months: months? })
        }
    }
}

fn re_age_in(v: &mut Violations, field: &str, m: &v1::ReAge) -> Option<ProposedMeasure> {
    let rows = rows_in(v, &at(field, "rows"), m.rows, 0..=u32::from(MAX_INSTALMENTS))?;
    let over = match (m.to_end, rows) {
        (true, 0) => ProposedReAge::End,
        (true, _) => {
            return refuse(v, &at(field, "to_end"), reason::CONTRADICTION, "stands beside a number of rows");
        }
        (false, 0) => ProposedReAge::Remaining,
        (false, rows) => ProposedReAge::Rows(rows),
    };
    Some(ProposedMeasure::ReAge { over })
}

fn reduction_in(
    v: &mut Violations,
    field: &str,
    m: &v1::PaymentReduction,
    currency: Currency,
) -> Option<ProposedMeasure> {
    let pay = match &m.pay {
        Some(Pay::Factor(factor)) => part_in(v, &at(field, "factor"), factor, false).map(ProposedPay::Factor),
        Some(Pay::Amount(amount)) => {
            money_positive_in(v, &at(field, "amount"), Some(amount), currency).map(ProposedPay::Amount)
        }
        None => missing(v, &at(field, "pay")),
    };
    let instalments = rows_in(v, &at(field, "instalments"), m.instalments, 1..=MAX_REDUCED_INSTALMENTS);
    let shortfall =
        rows_in(v, &at(field, "shortfall_rows"), m.shortfall_rows, 0..=u32::from(MAX_INSTALMENTS));
    let interest = reduction_interest_in(v, &at(field, "interest"), m.interest);
    Some(ProposedMeasure::PaymentReduction {
        pay: pay?,
        instalments: instalments?,
        shortfall_rows: Some(shortfall?).filter(|rows| *rows > 0),
        interest: interest?,
    })
}

fn extension_in(
    v: &mut Violations,
    field: &str,
    m: &v1::TermExtension,
    currency: Currency,
) -> Option<ProposedMeasure> {
    let by = match &m.by {
        Some(By::ExtraInstalments(extra)) => {
            rows_in(v, &at(field, "extra_instalments"), *extra, 1..=MAX_EXTRA_INSTALMENTS)
                .map(ProposedExtension::Instalments)
        }
        Some(By::TargetPayment(amount)) => {
            money_positive_in(v, &at(field, "target_payment"), Some(amount), currency)
                .map(ProposedExtension::TargetPayment)
        }
        None => missing(v, &at(field, "by")),
    };
    Some(ProposedMeasure::TermExtension { by: by? })
}

fn settlement_in(
    v: &mut Violations,
    field: &str,
    m: &v1::Settlement,
    currency: Currency,
) -> Option<ProposedMeasure> {
    let share_field = at(field, "principal_share");
    let sum = match (m.principal_share.as_str(), &m.sum) {
        ("", None) => Some(None),
        (share, None) => {
            part_in(v, &share_field, share, true).map(|share| Some(SettlementSum::PrincipalShare(share)))
        }
        ("", Some(sum)) => money_positive_in(v, &at(field, "sum"), Some(sum), currency)
            .map(|sum| Some(SettlementSum::Sum(sum))),
        (_, Some(_)) => {
            refuse(v, &at(field, "sum"), reason::CONTRADICTION, "stands beside a share of the principal")
        }
    };
    let pay_by = date_optional_in(v, &at(field, "pay_by_date"), m.pay_by_date.as_ref());
    let parts = small_in(v, &at(field, "parts"), m.parts, 0..=MAX_SETTLEMENT_PARTS);
    Some(ProposedMeasure::Settlement {
        sum: sum?,
        pay_by: pay_by?,
        parts: Some(parts?).filter(|parts| *parts > 0),
    })
}

/// A share of 0 to 1; left out is `Some(None)`.
fn share_in(v: &mut Violations, field: &str, text: &str) -> Option<Option<Ratio>> {
    if text.is_empty() {
        Some(None)
    } else {
        ratio_in(v, field, text, Decimal::ZERO..=Decimal::ONE).map(Some)
    }
}

/// How much is given up, by share or by amount; left out is `Some(None)`.
fn waiver_in(
    v: &mut Violations,
    field: &str,
    share: &str,
    amount: Option<&v1::Money>,
    currency: Currency,
) -> Option<Option<Waiver>> {
    let Some(amount) = amount else {
        return share_in(v, &at(field, "share"), share).map(|share| share.map(Waiver::Share));
    };
    let field = at(field, "amount");
    if !share.is_empty() {
        return refuse(v, &field, reason::CONTRADICTION, "stands beside a share");
    }
    money_positive_in(v, &field, Some(amount), currency).map(|amount| Some(Waiver::Amount(amount)))
}

fn waiver_out(waiver: Option<Waiver>, currency: Currency) -> (String, Option<v1::Money>) {
    match waiver {
        Some(Waiver::Share(share)) => (ratio_out(share), None),
        Some(Waiver::Amount(amount)) => (String::new(), Some(money_out(amount, currency))),
        None => (String::new(), None),
    }
}

/// A share above 0 and under 1, or at most 1 where the whole is allowed.
fn part_in(v: &mut Violations, field: &str, text: &str, whole_allowed: bool) -> Option<Ratio> {
    let ratio = ratio_in(v, field, text, Decimal::ZERO..=Decimal::ONE)?;
    if ratio == Ratio::ZERO {
        return refuse(v, field, reason::OUT_OF_RANGE, "must be above 0");
    }
    if ratio == Ratio::ONE && !whole_allowed {
        return refuse(v, field, reason::OUT_OF_RANGE, "must be under 1");
    }
    Some(ratio)
}

fn small_in(v: &mut Violations, field: &str, number: i32, bounds: RangeInclusive<u32>) -> Option<u8> {
    u8::try_from(count_in(v, field, number, bounds)?).ok()
}

fn rows_in(v: &mut Violations, field: &str, number: i32, bounds: RangeInclusive<u32>) -> Option<u16> {
    u16::try_from(count_in(v, field, number, bounds)?).ok()
}

/// A measure from a proposed one. A left-out share and amount of a waiver mean all, a left-out scope means all interest, left-out parts
/// mean one, and left-out shortfall rows put the shortfall into the last instalment; everything else must be there.
pub(crate) fn complete(v: &mut Violations, field: &str, proposed: ProposedMeasure) -> Option<Measure> {
    match proposed {
        ProposedMeasure::WaivePenalty { waiver } => {
            Some(Measure::WaivePenalty { waiver: waiver.unwrap_or(Waiver::ALL) })
        }
        ProposedMeasure::WaiveInterest { scope, waiver } => Some(Measure::WaiveInterest {
            scope: scope.unwrap_or(InterestScope::All),
            waiver: waiver.unwrap_or(Waiver::ALL),
        }),
        ProposedMeasure::ForgivePrincipal { share } => {
            let share = set(v, &at(field, "forgive_principal.share"), share)?;
            Some(Measure::ForgivePrincipal { share })
        }
        ProposedMeasure::ReAge { over } => Some(Measure::ReAge {
            over: match over {
                ProposedReAge::Rows(rows) => ReAgeOver::NextRows(rows),
                ProposedReAge::Remaining => ReAgeOver::Remaining,
                ProposedReAge::End => ReAgeOver::End,
            },
        }),
        ProposedMeasure::Deferral { months, interest } => {
            let interest = set(v, &at(field, "deferral.interest"), interest)?;
            Some(Measure::Deferral { months, interest })
        }
        ProposedMeasure::PaymentReduction { pay, instalments, shortfall_rows, interest } => {
            let interest = set(v, &at(field, "payment_reduction.interest"), interest)?;
            let pay = match pay {
                ProposedPay::Factor(factor) => ReducedPayment::Factor(factor),
                ProposedPay::Amount(amount) => ReducedPayment::Amount(amount),
            };
            let shortfall_over = shortfall_rows.map_or(ShortfallOver::ToEnd, ShortfallOver::Rows);
            Some(Measure::PaymentReduction { pay, instalments, shortfall_over, interest })
        }
        ProposedMeasure::TermExtension { by } => Some(Measure::TermExtension {
            by: match by {
                ProposedExtension::Instalments(extra) => Extension::Instalments(extra),
                ProposedExtension::TargetPayment(amount) => Extension::TargetPayment(amount),
            },
        }),
        ProposedMeasure::RateReduction { rate, until } => Some(Measure::RateReduction { rate, until }),
        ProposedMeasure::Settlement { sum, pay_by, parts } => {
            let sum = set(v, &at(field, "settlement.principal_share"), sum);
            let pay_by = set(v, &at(field, "settlement.pay_by_date"), pay_by);
            Some(Measure::Settlement { sum: sum?, pay_by: pay_by?, parts: parts.unwrap_or(1) })
        }
        ProposedMeasure::TokenPayments { amount, months } => Some(Measure::TokenPayments { amount, months }),
    }
}

fn set<T>(v: &mut Violations, field: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        return missing(v, field);
    }
    value
}

/// A measure as a proposed one that leaves nothing out (except the shortfall's rows where it goes to the end).
pub(crate) fn as_proposed(measure: &Measure) -> ProposedMeasure {
    match measure {
        Measure::WaivePenalty { waiver } => ProposedMeasure::WaivePenalty { waiver: Some(*waiver) },
        Measure::WaiveInterest { scope, waiver } => {
            ProposedMeasure::WaiveInterest { scope: Some(*scope), waiver: Some(*waiver) }
        }
        Measure::ForgivePrincipal { share } => ProposedMeasure::ForgivePrincipal { share: Some(*share) },
        Measure::ReAge { over } => ProposedMeasure::ReAge {
            over: match over {
                ReAgeOver::NextRows(rows) => ProposedReAge::Rows(*rows),
                ReAgeOver::Remaining => ProposedReAge::Remaining,
                ReAgeOver::End => ProposedReAge::End,
            },
        },
        Measure::Deferral { months, interest } => {
            ProposedMeasure::Deferral { months: *months, interest: Some(*interest) }
        }
        Measure::PaymentReduction { pay, instalments, shortfall_over, interest } => {
            ProposedMeasure::PaymentReduction {
                pay: match pay {
                    ReducedPayment::Factor(factor) => ProposedPay::Factor(*factor),
                    ReducedPayment::Amount(amount) => ProposedPay::Amount(*amount),
                },
                instalments: *instalments,
                shortfall_rows: match shortfall_over {
                    ShortfallOver::Rows(rows) => Some(*rows),
                    ShortfallOver::ToEnd => None,
                },
                interest: Some(*interest),
            }
        }
        Measure::TermExtension { by } => ProposedMeasure::TermExtension {
            by: match by {
                Extension::Instalments(extra) => ProposedExtension::Instalments(*extra),
                Extension::TargetPayment(amount) => ProposedExtension::TargetPayment(*amount),
            },
        },
        Measure::RateReduction { rate, until } => {
            ProposedMeasure::RateReduction { rate: *rate, until: *until }
        }
        Measure::Settlement { sum, pay_by, parts } => {
            ProposedMeasure::Settlement { sum: Some(*sum), pay_by: Some(*pay_by), parts: Some(*parts) }
        }
        Measure::TokenPayments { amount, months } => {
            ProposedMeasure::TokenPayments { amount: *amount, months: *months }
        }
    }
}

/// Writes a proposed measure.
pub(crate) fn proposed_measure_out(measure: &ProposedMeasure, currency: Currency) -> v1::Measure {
    let kind = match measure {
        ProposedMeasure::WaivePenalty { waiver } => {
            let (share, amount) = waiver_out(*waiver, currency);
            Kind::WaivePenalty(v1::WaivePenalty { share, amount })
        }
        ProposedMeasure::WaiveInterest { scope, waiver } => {
            let (share, amount) = waiver_out(*waiver, currency);
            let scope = scope.map_or(v1::InterestScope::Unspecified, interest_scope_out);
            Kind::WaiveInterest(v1::WaiveInterest { share, scope: scope.into(), amount })
        }
        ProposedMeasure::ForgivePrincipal { share } => {
            Kind::ForgivePrincipal(v1::ForgivePrincipal { share: share.map(ratio_out).unwrap_or_default() })
        }
        ProposedMeasure::ReAge { over } => Kind::ReAge(match over {
            ProposedReAge::Rows(rows) => v1::ReAge { rows: i32::from(*rows), to_end: false },
            ProposedReAge::Remaining => v1::ReAge { rows: 0, to_end: false },
            ProposedReAge::End => v1::ReAge { rows: 0, to_end: true },
        }),
        ProposedMeasure::Deferral { months, interest } => Kind::Deferral(v1::Deferral {
            months: i32::from(*months),
            interest: interest.map_or(v1::DeferralInterest::Unspecified, deferral_interest_out).into(),
        }),
        ProposedMeasure::PaymentReduction { pay, instalments, shortfall_rows, interest } => {
            Kind::PaymentReduction(v1::PaymentReduction {
                pay: Some(match pay {
                    ProposedPay::Factor(factor) => Pay::Factor(ratio_out(*factor)),
                    ProposedPay::Amount(amount) => Pay::Amount(money_out(*amount, currency)),
                }),
                instalments: i32::from(*instalments),
                shortfall_rows: shortfall_rows.map(i32::from).unwrap_or_default(),
                interest: interest.map_or(v1::ReductionInterest::Unspecified, reduction_interest_out).into(),
            })
        }
        ProposedMeasure::TermExtension { by } => Kind::TermExtension(v1::TermExtension {
            by: Some(match by {
                ProposedExtension::Instalments(extra) => By::ExtraInstalments(i32::from(*extra)),
                ProposedExtension::TargetPayment(amount) => By::TargetPayment(money_out(*amount, currency)),
            }),
        }),
        ProposedMeasure::RateReduction { rate, until } => Kind::RateReduction(v1::RateReduction {
            annual_rate: rate_out(*rate),
            until_date: until.map(date_out),
        }),
        ProposedMeasure::Settlement { sum, pay_by, parts } => {
            let (principal_share, sum) = match sum {
                Some(SettlementSum::PrincipalShare(share)) => (ratio_out(*share), None),
                Some(SettlementSum::Sum(sum)) => (String::new(), Some(money_out(*sum, currency))),
                None => (String::new(), None),
            };
            Kind::Settlement(v1::Settlement {
                principal_share,
                pay_by_date: pay_by.map(date_out),
                parts: parts.map(i32::from).unwrap_or_default(),
                sum,
            })
        }
        ProposedMeasure::TokenPayments { amount, months } => Kind::TokenPayments(v1::TokenPayments {
            amount: Some(money_out(*amount, currency)),
            months: i32::from(*months),
        }),
    };
    v1::Measure { kind: Some(kind) }
}
