//! Completes a proposal from the pack, and says in both languages what was completed or changed and why.

use loan::{
    Amount, Currency, Date, DeferralInterest, Extension, InterestScope, LoanError, Measure, Ratio, ReAgeOver,
    ReducedPayment, ReductionInterest, SettlementSum, ShortfallOver, Terms, Waiver,
};
use rust_decimal::Decimal;

use crate::candidate::{Infeasible, measure_kind};
use crate::case::Case;
use crate::codes::MeasureKind;
use crate::decision::LocalizedText;
use crate::error::AssessError;
use crate::facts::{Proposal, ProposedExtension, ProposedMeasure, ProposedPay, ProposedReAge};
use crate::generation::Space;
use crate::pack::Settings;

/// A proposal with every part filled in.
pub(crate) struct Completed {
    pub terms: Terms,
    /// What was filled in, a sentence each.
    pub changes: Vec<LocalizedText>,
}

/// Fills in what a proposal leaves out: the pack's interest and shortfall, the waivers that the rules add, the
/// first payment date and a settlement's last day.
pub(crate) fn complete(
    case: &Case<'_>,
    space: &Space<'_>,
    proposal: &Proposal,
) -> Result<Completed, AssessError> {
    let mut completion = Completion { settings: &case.pack.settings, space, changes: Vec::new() };
    let mut measures = Vec::new();
    for measure in &proposal.measures {
        measures.extend(completion.measure(measure)?);
    }
    let has = |measures: &[Measure], kind| measures.iter().any(|measure| measure_kind(measure) == kind);
    if space.waives_penalty() && !has(&measures, MeasureKind::WaivePenalty) {
        measures.insert(0, Measure::WaivePenalty { waiver: Waiver::ALL });
        completion.say("逾期罚息全部减免。", "The penalty accrued so far is waived.");
    }
    let settles = has(&measures, MeasureKind::Settlement);
    if settles && space.allows(MeasureKind::WaiveInterest) && !has(&measures, MeasureKind::WaiveInterest) {
        measures.insert(0, Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::ALL });
        completion.say("未付利息全部减免。", "Unpaid interest is waived.");
    }
    let first_payment = completion.first_payment(proposal, &measures)?;
    measures.sort_by_key(Measure::rank);
    Ok(Completed { terms: Terms { measures, first_payment }, changes: completion.changes })
}

struct Completion<'a, 'b> {
    settings: &'a Settings,
    space: &'a Space<'b>,
    changes: Vec<LocalizedText>,
}

impl Completion<'_, '_> {
    fn say(&mut self, zh_cn: impl Into<String>, en: impl Into<String>) {
        self.changes.push(LocalizedText { zh_cn: zh_cn.into(), en: en.into() });
    }

    /// The day on which overdue rows are payable, filled in where it is missing and dropped where none is left:
    /// a plan that is accepted later must not find a date that moves what falls due until then.
    fn first_payment(
        &mut self,
        proposal: &Proposal,
        measures: &[Measure],
    ) -> Result<Option<Date>, AssessError> {
        if !self.space.stays_overdue(measures)? {
            if proposal.first_payment.is_some() {
                self.say(
                    "没有分期仍处于逾期，各期按安排中的日期支付。",
                    "Nothing stays overdue, so the dates of the instalments hold.",
                );
            }
            return Ok(None);
        }
        if proposal.first_payment.is_none() {
            let date = self.space.first_payment()?;
            self.say(
                format!("已逾期的分期改在 {date} 支付。"),
                format!("What is overdue is payable on {date}."),
            );
            return Ok(Some(date));
        }
        Ok(proposal.first_payment)
    }

    /// The measure with its parts filled in; `None` for one that another measure implies.
    fn measure(&mut self, measure: &ProposedMeasure) -> Result<Option<Measure>, AssessError> {
        let measure = match measure {
            ProposedMeasure::WaivePenalty { waiver } => {
                Measure::WaivePenalty { waiver: waiver.unwrap_or(Waiver::ALL) }
            }
            ProposedMeasure::WaiveInterest { scope, waiver } => Measure::WaiveInterest {
                scope: scope.unwrap_or(InterestScope::All),
                waiver: waiver.unwrap_or(Waiver::ALL),
            },
            ProposedMeasure::ForgivePrincipal { share } => match share {
                Some(share) => Measure::ForgivePrincipal { share: *share },
                None => return Ok(None),
            },
            ProposedMeasure::ReAge { over } => Measure::ReAge { over: re_age(*over) },
            ProposedMeasure::Deferral { months, interest } => {
                let filled = self.settings.deferral_interest;
                if interest.is_none() {
                    let (zh_cn, en) = deferral_sentence(filled);
                    self.say(zh_cn, en);
                }
                let interest = interest.unwrap_or(filled);
                Measure::Deferral { months: *months, interest }
            }
            ProposedMeasure::PaymentReduction { .. } => self.reduction(measure),
            ProposedMeasure::TermExtension { by } => Measure::TermExtension { by: extension(*by) },
            ProposedMeasure::RateReduction { rate, until } => {
                Measure::RateReduction { rate: *rate, until: *until }
            }
            ProposedMeasure::Settlement { .. } => self.settlement(measure)?,
            ProposedMeasure::TokenPayments { amount, months } => {
                Measure::TokenPayments { amount: *amount, months: *months }
            }
        };
        Ok(Some(measure))
    }

    fn reduction(&mut self, measure: &ProposedMeasure) -> Measure {
        let ProposedMeasure::PaymentReduction { pay, instalments, shortfall_rows, interest } = measure else {
            return Measure::WaivePenalty { waiver: Waiver::Share(Ratio::ZERO) };
        };
        let shortfall_over = match shortfall_rows {
            Some(rows) => ShortfallOver::Rows(*rows),
            None => {
                let rows = instalments.saturating_mul(self.settings.reduction_shortfall_multiple);
                self.say(
                    format!("少付的部分分摊到随后的 {rows} 期。"),
                    format!("What is put off is spread over the next {rows} instalments."),
                );
                ShortfallOver::Rows(rows)
            }
        };
        if interest.is_none() {
            let (zh_cn, en) = reduction_sentence(self.settings.reduction_interest);
            self.say(zh_cn, en);
        }
        Measure::PaymentReduction {
            pay: match pay {
                ProposedPay::Factor(factor) => ReducedPayment::Factor(*factor),
                ProposedPay::Amount(amount) => ReducedPayment::Amount(*amount),
            },
            instalments: *instalments,
            shortfall_over,
            interest: interest.unwrap_or(self.settings.reduction_interest),
        }
    }

    fn settlement(&mut self, measure: &ProposedMeasure) -> Result<Measure, AssessError> {
        let ProposedMeasure::Settlement { sum, pay_by, parts } = measure else {
            return Ok(Measure::WaivePenalty { waiver: Waiver::Share(Ratio::ZERO) });
        };
        let parts = parts.unwrap_or(1).max(1);
        let sum = match sum {
            Some(sum) => *sum,
            None => {
                let share = self.space.settlement_floor();
                let percent = (share.decimal() * Decimal::ONE_HUNDRED).normalize();
                self.say(
                    format!("结清金额为剩余本金的 {percent}%。"),
                    format!("The settlement is {percent} % of the principal left."),
                );
                SettlementSum::PrincipalShare(share)
            }
        };
        let pay_by = match pay_by {
            Some(date) => *date,
            None => {
                let date = self.space.settlement_pay_by(u16::from(parts))?;
                self.say(format!("最迟于 {date} 付清。"), format!("It can be paid until {date}."));
                date
            }
        };
        Ok(Measure::Settlement { sum, pay_by, parts })
    }
}

fn deferral_sentence(interest: DeferralInterest) -> (&'static str, &'static str) {
    match interest {
        DeferralInterest::None => ("延期期间不计利息。", "No interest is charged for the deferral."),
        DeferralInterest::Paid => {
            ("延期期间每月只付利息。", "During the deferral only the interest is paid each month.")
        }
        DeferralInterest::Spread => (
            "延期期间的利息分摊到其后各期。",
            "Interest for the deferral is spread over the instalments that follow.",
        ),
        DeferralInterest::AtEnd => {
            ("延期期间的利息在最后一期支付。", "Interest for the deferral is paid with the last instalment.")
        }
    }
}

fn reduction_sentence(interest: ReductionInterest) -> (&'static str, &'static str) {
    match interest {
        ReductionInterest::None => ("延后的本金不计利息。", "No interest is charged on what is put off."),
        ReductionInterest::Contract => {
            ("延后的本金按合同利率计息。", "What is put off bears interest at the contract rate.")
        }
    }
}

fn re_age(over: ProposedReAge) -> ReAgeOver {
    match over {
        ProposedReAge::Rows(rows) => ReAgeOver::NextRows(rows),
        ProposedReAge::Remaining => ReAgeOver::Remaining,
        ProposedReAge::End => ReAgeOver::End,
    }
}

fn extension(by: ProposedExtension) -> Extension {
    match by {
        ProposedExtension::Instalments(extra) => Extension::Instalments(extra),
        ProposedExtension::TargetPayment(target) => Extension::TargetPayment(target),
    }
}

/// The first measure that the rules or the tier don't allow, or not as far; overdue rows can't wait longer than
/// in the platform's own offers.
pub(crate) fn not_allowed(space: &Space<'_>, terms: &Terms) -> Result<Option<Infeasible>, AssessError> {
    let latest = space.first_payment()?;
    if terms.first_payment.is_some_and(|date| date > latest) {
        return Ok(Some(Infeasible::FirstPayment { latest }));
    }
    Ok(measure_not_allowed(space, terms).or_else(|| penalty_left_alone(space, terms)))
}

/// Penalty that is neither waived nor spread: re-ageing empties its instalment, so that it would be due at once.
fn penalty_left_alone(space: &Space<'_>, terms: &Terms) -> Option<Infeasible> {
    let re_ages = terms.measures.iter().any(|measure| matches!(measure, Measure::ReAge { .. }));
    let waived = terms
        .measures
        .iter()
        .any(|measure| matches!(measure, Measure::WaivePenalty { waiver } if *waiver == Waiver::ALL));
    (re_ages && !waived && space.owes_penalty()).then_some(Infeasible::PenaltyAlone)
}

fn measure_not_allowed(space: &Space<'_>, terms: &Terms) -> Option<Infeasible> {
    let tier = space.tier();
    let most = |values: &[u16]| values.iter().max().copied().unwrap_or(0).min(space.month_limit());
    let allowed = |measure: &Measure| match measure {
        Measure::WaivePenalty { .. } | Measure::WaiveInterest { .. } | Measure::ForgivePrincipal { .. } => {
            space.allows_waiver(measure_kind(measure))
        }
        Measure::ReAge { .. } => !tier.re_age_rows.is_empty(),
        Measure::Deferral { months, interest } => {
            u16::from(*months) <= most(&tier.deferral_months) && tier.deferral_interest.contains(interest)
        }
        Measure::PaymentReduction { instalments, interest, .. } => {
            *instalments <= most(&tier.reduction_instalments) && tier.reduction_interest.contains(interest)
        }
        Measure::TermExtension { by: Extension::Instalments(extra) } => {
            tier.extension_instalments.iter().max().is_some_and(|most| extra <= most)
        }
        Measure::TermExtension { by: Extension::TargetPayment(_) } => !tier.extension_instalments.is_empty(),
        Measure::RateReduction { .. } => !tier.rate_factors.is_empty(),
        Measure::Settlement { sum, pay_by, parts } => {
            let latest = space.settlement_pay_by(u16::from(*parts));
            space.may_settle_for(*sum)
                && u16::from(*parts) <= tier.settlement_parts.iter().max().copied().unwrap_or(0)
                && latest.is_ok_and(|latest| *pay_by <= latest)
        }
        Measure::TokenPayments { months, .. } => u16::from(*months) <= most(&tier.token_months),
    };
    terms
        .measures
        .iter()
        .find(|measure| {
            let kind = measure_kind(measure);
            !allowed(measure) || (!crate::candidate::is_waiver(kind) && !space.allows(kind))
        })
        .map(|measure| Infeasible::NotAllowed(measure_kind(measure)))
}

/// A kind of measure in both languages, as a borrower reads it.
fn kind_words(kind: MeasureKind) -> (&'static str, &'static str) {
    match kind {
        MeasureKind::WaivePenalty => ("减免罚息", "a waiver of penalties"),
        MeasureKind::WaiveInterest => ("减免利息", "a waiver of interest"),
        MeasureKind::ForgivePrincipal => ("减免本金", "giving up principal"),
        MeasureKind::ReAge => ("将逾期款项分摊到后续各期", "spreading what is overdue"),
        MeasureKind::Deferral => ("延期", "a deferral"),
        MeasureKind::PaymentReduction => ("降低月供", "lower payments"),
        MeasureKind::TermExtension => ("展期", "more instalments"),
        MeasureKind::RateReduction => ("降低利率", "a lower rate"),
        MeasureKind::Settlement => ("一次性结清优惠", "a settlement"),
        MeasureKind::TokenPayments => ("象征性还款", "token payments"),
    }
}

/// Why a proposal can't stand as it is, as a sentence.
pub(crate) fn explain(problem: &Infeasible, currency: Currency) -> LocalizedText {
    let show = |amount: Amount| format!("{} {}", amount.format(currency), currency.code());
    let (zh_cn, en) = match problem {
        Infeasible::Share { month, pay, means } => (
            format!("第 {} 个月需付 {}，而可用于还款的是 {}。", month + 1, show(*pay), show(*means)),
            format!("In month {} it asks for {}, and {} can be spared.", month + 1, show(*pay), show(*means)),
        ),
        Infeasible::Term => (
            "期限超过允许的最长期限。".to_owned(),
            "It would run beyond the longest term that is allowed.".to_owned(),
        ),
        Infeasible::CatchUp { pay } => (
            format!("其中一期 {} 高于合同分期，而届时的收入尚未核实。", show(*pay)),
            format!(
                "A payment of {} is above the contract's instalment, and no verified income shows it.",
                show(*pay)
            ),
        ),
        Infeasible::NotAllowed(kind) => (
            format!("规则不允许{}，或不允许达到该幅度。", kind_words(*kind).0),
            format!("The rules don't allow {}, or not as far.", kind_words(*kind).1),
        ),
        Infeasible::PenaltyAlone => (
            "分摊逾期款项后，未减免的罚息须立即支付；罚息不能分摊。".to_owned(),
            "Penalties can't be spread; what isn't waived of them would be due at once.".to_owned(),
        ),
        Infeasible::Cost => {
            ("综合成本将超过上限。".to_owned(), "The all-in cost would exceed the cap.".to_owned())
        }
        Infeasible::FirstPayment { latest } => (
            format!("已逾期的分期最迟须在 {latest} 支付。"),
            format!("What is overdue must be paid by {latest} at the latest."),
        ),
        Infeasible::Past => {
            ("有款项的付款日早于今天。".to_owned(), "A payment would lie before today.".to_owned())
        }
        Infeasible::Schedule(LoanError::NotEnoughInstalments { open, .. }) => (
            format!("该安排所需的期数多于剩余的 {open} 期。"),
            format!("It needs more instalments than the {open} that are left."),
        ),
        Infeasible::Schedule(_) => {
            ("该条款无法生成还款计划。".to_owned(), "No schedule follows from these terms.".to_owned())
        }
    };
    LocalizedText { zh_cn, en }
}
