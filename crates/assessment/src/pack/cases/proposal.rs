//! The proposal of a test, in the words of packs.

use std::collections::BTreeMap;

use loan::{Currency, InterestScope, Rate, SettlementSum, Waiver};

use crate::codes::MeasureKind;
use crate::facts::{Proposal, ProposedExtension, ProposedMeasure, ProposedPay, ProposedReAge};
use crate::pack::parameters::{DEFERRAL_INTEREST, REDUCTION_INTEREST};
use crate::pack::reader::{Node, Problems};
use crate::pack::section::{Section, word};

const SCOPES: [(&str, InterestScope); 3] =
    [("OVERDUE", InterestScope::Overdue), ("FUTURE", InterestScope::Future), ("ALL", InterestScope::All)];
const RE_AGE_OVER: [(&str, ProposedReAge); 2] =
    [("REMAINING", ProposedReAge::Remaining), ("END", ProposedReAge::End)];

/// Reads `[proposal]`: `measures`, a list of tables with a `kind` each, and `first_payment`.
pub(super) fn read(
    (table, line): (&BTreeMap<String, Node>, u32),
    currency: Currency,
    problems: &mut Problems,
) -> Option<Proposal> {
    let mut section = Section::new(table, line);
    let first_payment = section.optional_date("first_payment", problems);
    let tables = section.tables("measures", problems);
    section.finish(problems);
    let count = tables.len();
    let measures: Vec<_> =
        tables.into_iter().filter_map(|found| measure(found, currency, problems)).collect();
    (measures.len() == count).then_some(Proposal { measures, first_payment })
}

fn measure(
    (table, line): (&BTreeMap<String, Node>, u32),
    currency: Currency,
    problems: &mut Problems,
) -> Option<ProposedMeasure> {
    let kinds: Vec<_> = MeasureKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let mut section = Section::new(table, line);
    let kind = section.text("kind", problems).and_then(|found| word(found, &kinds, problems))?;
    let mut reading = Reading { section, line, currency, problems };
    let measure = reading.measure(kind);
    let Reading { section, problems, .. } = reading;
    section.finish(problems);
    measure
}

struct Reading<'a, 'p> {
    section: Section<'a>,
    line: u32,
    currency: Currency,
    problems: &'p mut Problems,
}

impl Reading<'_, '_> {
    fn measure(&mut self, kind: MeasureKind) -> Option<ProposedMeasure> {
        Some(match kind {
            MeasureKind::WaivePenalty => ProposedMeasure::WaivePenalty { waiver: self.waiver() },
            MeasureKind::WaiveInterest => {
                let scope = self.section.optional_word("scope", &SCOPES, self.problems);
                ProposedMeasure::WaiveInterest { scope, waiver: self.waiver() }
            }
            MeasureKind::ForgivePrincipal => ProposedMeasure::ForgivePrincipal {
                share: self.section.optional_ratio("share", self.problems),
            },
            MeasureKind::ReAge => self.re_age()?,
            MeasureKind::Deferral => {
                let months = self.count("months")?;
                let interest = self.section.optional_word("interest", &DEFERRAL_INTEREST, self.problems);
                ProposedMeasure::Deferral { months, interest }
            }
            MeasureKind::PaymentReduction => self.reduction()?,
            MeasureKind::TermExtension => self.extension()?,
            MeasureKind::RateReduction => {
                let rate = self.section.text("rate", self.problems)?;
                let until = self.section.optional_date("until", self.problems);
                let Ok(rate) = Rate::parse(rate.0) else {
                    self.problems.add(
                        rate.1,
                        format!("`rate` is not a rate: `{}`", rate.0),
                        "write it as \"0.09\"",
                    );
                    return None;
                };
                ProposedMeasure::RateReduction { rate, until }
            }
            MeasureKind::Settlement => self.settlement()?,
            MeasureKind::TokenPayments => {
                let amount = self.section.required_money("amount", self.currency, self.problems);
                ProposedMeasure::TokenPayments { amount: amount?, months: self.count("months")? }
            }
        })
    }

    fn count<T: TryFrom<u32>>(&mut self, key: &'static str) -> Option<T> {
        let count = self.section.required_count(key, self.problems)?;
        let fitting = T::try_from(count).ok();
        if fitting.is_none() {
            self.problems.add(self.line, format!("`{key}` is too large: {count}"), "write a smaller number");
        }
        fitting
    }

    fn waiver(&mut self) -> Option<Waiver> {
        let share = self.section.optional_ratio("share", self.problems).map(Waiver::Share);
        let amount = self.section.optional_money("amount", self.currency, self.problems).map(Waiver::Amount);
        share.or(amount)
    }

    fn re_age(&mut self) -> Option<ProposedMeasure> {
        let over = self.section.optional_word("over", &RE_AGE_OVER, self.problems);
        let rows = if over.is_none() { self.count("rows").map(ProposedReAge::Rows) } else { None };
        Some(ProposedMeasure::ReAge { over: over.or(rows)? })
    }

    fn reduction(&mut self) -> Option<ProposedMeasure> {
        let factor = self.section.optional_ratio("factor", self.problems).map(ProposedPay::Factor);
        let amount =
            self.section.optional_money("amount", self.currency, self.problems).map(ProposedPay::Amount);
        let instalments = self.count("instalments");
        let rows = self.section.optional_count("shortfall_rows", self.problems);
        let interest = self.section.optional_word("interest", &REDUCTION_INTEREST, self.problems);
        let Some(pay) = factor.or(amount) else {
            self.problems.add(
                self.line,
                "reduction says nothing of what is paid",
                "add `factor` or `amount`",
            );
            return None;
        };
        let shortfall_rows = rows.map(|rows| u16::try_from(rows).unwrap_or(u16::MAX));
        Some(ProposedMeasure::PaymentReduction { pay, instalments: instalments?, shortfall_rows, interest })
    }

    fn extension(&mut self) -> Option<ProposedMeasure> {
        let target = self.section.optional_money("target_payment", self.currency, self.problems);
        let by = match target {
            Some(target) => ProposedExtension::TargetPayment(target),
            None => ProposedExtension::Instalments(self.count("instalments")?),
        };
        Some(ProposedMeasure::TermExtension { by })
    }

    fn settlement(&mut self) -> Option<ProposedMeasure> {
        let share = self.section.optional_ratio("share", self.problems).map(SettlementSum::PrincipalShare);
        let sum = self.section.optional_money("sum", self.currency, self.problems).map(SettlementSum::Sum);
        let pay_by = self.section.optional_date("pay_by", self.problems);
        let parts = self.section.optional_count("parts", self.problems);
        let parts = parts.map(|parts| u8::try_from(parts).unwrap_or(u8::MAX));
        Some(ProposedMeasure::Settlement { sum: share.or(sum), pay_by, parts })
    }
}
