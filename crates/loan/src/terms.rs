//! Relief measures and their combination (domain section 4).

mod parameters;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::MAX_RATE_PLACES;
use crate::error::LoanError;
use crate::money::{Amount, Rate, Ratio};

use parameters::is_share;
pub use parameters::{
    DeferralInterest, Extension, InterestScope, ReAgeOver, ReducedPayment, ReductionInterest, SettlementSum,
    ShortfallOver, Waiver,
};

/// One relief measure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    WaivePenalty {
        #[serde(flatten)]
        waiver: Waiver,
    },
    WaiveInterest {
        scope: InterestScope,
        #[serde(flatten)]
        waiver: Waiver,
    },
    /// States the principal given up; only beside a settlement, and its complement.
    ForgivePrincipal {
        share: Ratio,
    },
    ReAge {
        over: ReAgeOver,
    },
    Deferral {
        months: u8,
        interest: DeferralInterest,
    },
    PaymentReduction {
        pay: ReducedPayment,
        instalments: u16,
        shortfall_over: ShortfallOver,
        interest: ReductionInterest,
    },
    TermExtension {
        by: Extension,
    },
    RateReduction {
        rate: Rate,
        until: Option<Date>,
    },
    /// `parts` monthly payments, the last on `pay_by`; forgiveness holds only if all is paid by then.
    Settlement {
        #[serde(flatten)]
        sum: SettlementSum,
        pay_by: Date,
        parts: u8,
    },
    /// The remainder goes into the last instalment, to be settled at the review.
    TokenPayments {
        amount: Amount,
        months: u8,
    },
}

impl Measure {
    /// Place in the order of effect: waive, re-age, reschedule.
    pub fn rank(&self) -> u8 {
        match self {
            Self::WaivePenalty { .. } => 0,
            Self::WaiveInterest { .. } => 1,
            Self::ForgivePrincipal { .. } => 2,
            Self::ReAge { .. } => 3,
            Self::Deferral { .. } => 4,
            Self::PaymentReduction { .. } => 5,
            Self::TermExtension { .. } => 6,
            Self::RateReduction { .. } => 7,
            Self::Settlement { .. } => 8,
            Self::TokenPayments { .. } => 9,
        }
    }

    /// Name as in the canonical key.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WaivePenalty { .. } => "waive_penalty",
            Self::WaiveInterest { .. } => "waive_interest",
            Self::ForgivePrincipal { .. } => "forgive_principal",
            Self::ReAge { .. } => "re_age",
            Self::Deferral { .. } => "deferral",
            Self::PaymentReduction { .. } => "payment_reduction",
            Self::TermExtension { .. } => "term_extension",
            Self::RateReduction { .. } => "rate_reduction",
            Self::Settlement { .. } => "settlement",
            Self::TokenPayments { .. } => "token_payments",
        }
    }

    fn arguments(&self) -> String {
        match self {
            Self::WaivePenalty { waiver } => waiver.to_string(),
            Self::ForgivePrincipal { share } => share.to_string(),
            Self::WaiveInterest { scope, waiver } => match scope {
                InterestScope::Overdue => format!("overdue:{waiver}"),
                InterestScope::Future => format!("future:{waiver}"),
                InterestScope::All => format!("all:{waiver}"),
            },
            Self::ReAge { over } => match over {
                ReAgeOver::NextRows(rows) => rows.to_string(),
                ReAgeOver::Remaining => "remaining".to_owned(),
                ReAgeOver::End => "end".to_owned(),
            },
            Self::Deferral { months, interest } => match interest {
                DeferralInterest::None => format!("{months}:none"),
                DeferralInterest::Paid => format!("{months}:paid"),
                DeferralInterest::Spread => format!("{months}:spread"),
                DeferralInterest::AtEnd => format!("{months}:at_end"),
            },
            Self::PaymentReduction { pay, instalments, shortfall_over, interest } => {
                let pay = match pay {
                    ReducedPayment::Factor(factor) => format!("factor {factor}"),
                    ReducedPayment::Amount(amount) => format!("amount {amount}"),
                };
                let over = match shortfall_over {
                    ShortfallOver::Rows(rows) => rows.to_string(),
                    ShortfallOver::ToEnd => "end".to_owned(),
                };
                let interest = match interest {
                    ReductionInterest::None => "none",
                    ReductionInterest::Contract => "contract",
                };
                format!("{pay}:{instalments}:{over}:{interest}")
            }
            Self::TermExtension { by } => match by {
                Extension::Instalments(extra) => format!("instalments {extra}"),
                Extension::TargetPayment(amount) => format!("target {amount}"),
            },
            Self::RateReduction { rate, until } => match until {
                Some(until) => format!("{rate}:{until}"),
                None => format!("{rate}:for_good"),
            },
            Self::Settlement { sum, pay_by, parts } => format!("{sum}:{pay_by}:{parts}"),
            Self::TokenPayments { amount, months } => format!("{amount}:{months}"),
        }
    }
}

/// A combination of relief measures, each kind at most once; they take effect in the fixed order of [`Measure::rank`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    pub measures: Vec<Measure>,
    /// The plan's first payment date: rows that are still overdue after the measures become payable then.
    #[serde(default)]
    pub first_payment: Option<Date>,
}

impl Terms {
    /// Stable text of these terms in the order of effect; equal for equal terms however they were listed.
    pub fn canonical_key(&self) -> String {
        let mut ordered: Vec<&Measure> = self.measures.iter().collect();
        ordered.sort_by_key(|measure| measure.rank());
        let mut words: Vec<String> =
            ordered.iter().map(|measure| format!("{}:{}", measure.name(), measure.arguments())).collect();
        if let Some(date) = self.first_payment {
            words.push(format!("first_payment:{date}"));
        }
        words.join("|")
    }

    /// The same for a loan with fewer unpaid instalments than the terms were accepted for, because payments were entered
    /// since that count from earlier: what was to be spread over more rows than there are goes over those that are left,
    /// and reductions that no row is left for fall away.
    pub(crate) fn for_fewer_rows(&self, open: u16) -> Self {
        let fitted = |measure: &Measure| match measure {
            Measure::ReAge { .. } if open == 0 => None,
            Measure::ReAge { over: ReAgeOver::NextRows(_) } => {
                Some(Measure::ReAge { over: ReAgeOver::Remaining })
            }
            Measure::PaymentReduction { pay, instalments, interest, .. } if open > 1 => {
                Some(Measure::PaymentReduction {
                    pay: *pay,
                    instalments: (*instalments).min(open - 1),
                    shortfall_over: ShortfallOver::ToEnd,
                    interest: *interest,
                })
            }
            Measure::TokenPayments { amount, months } if open > 1 => Some(Measure::TokenPayments {
                amount: *amount,
                months: (*months).min(u8::try_from(open - 1).unwrap_or(u8::MAX)),
            }),
            Measure::PaymentReduction { .. } | Measure::TokenPayments { .. } => None,
            Measure::Settlement { sum, pay_by, parts } => Some(Measure::Settlement {
                sum: *sum,
                pay_by: *pay_by,
                parts: (*parts).min(u8::try_from(open).unwrap_or(u8::MAX)).max(1),
            }),
            other => Some(other.clone()),
        };
        Self { measures: self.measures.iter().filter_map(fitted).collect(), ..self.clone() }
    }

    /// Refuses parameters out of range and measures that contradict each other; `on` is the acceptance day.
    pub fn check(&self, on: Date) -> Result<(), LoanError> {
        if self.measures.is_empty() {
            return Err(LoanError::TermsInvalid { measure: "terms", reason: "there are no measures" });
        }
        let mut seen = [false; 10];
        for measure in &self.measures {
            let invalid = |reason| Err(LoanError::TermsInvalid { measure: measure.name(), reason });
            if let Some(seen) = seen.get_mut(usize::from(measure.rank()))
                && std::mem::replace(seen, true)
            {
                return invalid("stands twice");
            }
            if let Some(reason) = out_of_range(measure, on) {
                return invalid(reason);
            }
        }
        if self.first_payment.is_some_and(|date| date < on) {
            return Err(LoanError::TermsInvalid {
                measure: "terms",
                reason: "first payment lies in the past",
            });
        }
        self.check_together()
    }

    fn check_together(&self) -> Result<(), LoanError> {
        let invalid = |measure, reason| Err(LoanError::TermsInvalid { measure, reason });
        let has = |rank: u8| self.measures.iter().any(|measure| measure.rank() == rank);
        let settlement = self.measures.iter().find_map(|measure| match measure {
            Measure::Settlement { sum, .. } => Some(*sum),
            _ => None,
        });
        let forgiven_share = self.measures.iter().find_map(|measure| match measure {
            Measure::ForgivePrincipal { share } => Some(*share),
            _ => None,
        });
        match (settlement, forgiven_share) {
            (None, Some(_)) => return invalid("forgive_principal", "stands without a settlement"),
            (Some(SettlementSum::PrincipalShare(kept)), Some(forgiven))
                if kept.decimal() + forgiven.decimal() != Ratio::ONE.decimal() =>
            {
                return invalid("forgive_principal", "is not the complement of the settlement's share");
            }
            (Some(SettlementSum::Sum(_)), Some(_)) => {
                return invalid("forgive_principal", "is stated beside a settlement by sum");
            }
            _ => {}
        }
        if settlement.is_some() && [3, 4, 5, 6, 7, 9].into_iter().any(has) {
            return invalid("settlement", "leaves no instalments to reschedule");
        }
        if (has(5) || has(9)) && (has(6) || has(7)) {
            return invalid("term_extension", "would undo the reduced instalments");
        }
        let future_waived = self.measures.iter().any(|measure| {
            matches!(
                measure,
                Measure::WaiveInterest { scope: InterestScope::Future | InterestScope::All, .. }
            )
        });
        if future_waived && (has(6) || has(7)) {
            return invalid(
                "waive_interest",
                "future interest would be charged anew by the re-solved instalments",
            );
        }
        let paid_meanwhile = self
            .measures
            .iter()
            .any(|measure| matches!(measure, Measure::Deferral { interest: DeferralInterest::Paid, .. }));
        if paid_meanwhile && (has(6) || has(7)) {
            return invalid(
                "deferral",
                "interest paid meanwhile would be charged again by the re-solved instalments",
            );
        }
        if has(5) && has(9) {
            return invalid("token_payments", "stands beside a payment reduction");
        }
        Ok(())
    }
}

fn out_of_range(measure: &Measure, on: Date) -> Option<&'static str> {
    match measure {
        Measure::WaivePenalty { waiver } | Measure::WaiveInterest { waiver, .. } => waiver.out_of_range(),
        Measure::ForgivePrincipal { share } if !is_share(share) => Some("share must be 0 to 1"),
        Measure::ReAge { over: ReAgeOver::NextRows(0) } => Some("needs at least one instalment"),
        Measure::Deferral { months: 0, .. } => Some("needs at least one month"),
        Measure::PaymentReduction { pay: ReducedPayment::Factor(factor), .. } if !is_share(factor) => {
            Some("factor must be 0 to 1")
        }
        Measure::PaymentReduction { pay: ReducedPayment::Amount(amount), .. } if amount.is_negative() => {
            Some("amount must not be negative")
        }
        Measure::PaymentReduction { instalments: 0, .. }
        | Measure::PaymentReduction { shortfall_over: ShortfallOver::Rows(0), .. } => {
            Some("needs at least one instalment")
        }
        Measure::TermExtension { by: Extension::Instalments(0) } => Some("needs at least one instalment"),
        Measure::TermExtension { by: Extension::TargetPayment(amount) } if amount.minor() < 1 => {
            Some("target must be positive")
        }
        Measure::RateReduction { rate, .. } if *rate < Rate::ZERO => Some("rate must not be negative"),
        Measure::RateReduction { rate, .. } if rate.decimal().scale() > MAX_RATE_PLACES => {
            Some("rate must have at most 12 decimal places")
        }
        Measure::RateReduction { until: Some(until), .. } if *until < on => Some("ends before it starts"),
        Measure::Settlement { sum: SettlementSum::PrincipalShare(share), .. } if !is_share(share) => {
            Some("share must be 0 to 1")
        }
        Measure::Settlement { sum: SettlementSum::Sum(amount), .. } if amount.is_negative() => {
            Some("sum must not be negative")
        }
        Measure::Settlement { pay_by, .. } if *pay_by < on => Some("pay-by date lies in the past"),
        Measure::Settlement { parts: 0, .. } => Some("needs at least one part"),
        Measure::TokenPayments { amount, .. } if amount.is_negative() => Some("amount must not be negative"),
        Measure::TokenPayments { months: 0, .. } => Some("needs at least one month"),
        _ => None,
    }
}
