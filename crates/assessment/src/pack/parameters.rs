//! The closed catalogue of parameters: every name with its unit.

use loan::{Amount, Currency, Date, DeferralInterest, Ratio, ReductionInterest};

use super::reader::{Node, Problems, Value};
use super::section::{Section, mismatch, parse_money, suggest};
pub use super::settings::{Parameter, Process, Settings};
use crate::codes::{EvidenceType, MeasureKind};

pub(super) const STATUSES: [&str; 3] = ["law", "guidance", "house"];

/// Parameters that are shown to other services and people; the engine doesn't compute with them.
const FLAGS: [&str; 2] = ["human_review_on_demand", "health_data_consent"];
/// How a borrower learns of a report to a bureau before it is made.
const PRE_NOTICE: [(&str, ()); 3] = [("REQUIRED", ()), ("EXPLAINED_IN_OFFER", ()), ("NOT_REQUIRED", ())];
/// Parameters that no pack may set to anything but false, with the reason.
const NEVER: [(&str, &str); 2] = [
    ("capitalise_penalty", "penalty is never capitalised"),
    ("diagnosis_data_to_bureau", "diagnoses never go to a bureau"),
];
/// What a parameter without a value says.
pub(crate) const NONE: &str = "none";
/// Unit of limits on relief.
pub(crate) const PLANS: &str = "plans";
/// Limits on relief, each with the fact that a rule must compare with it.
pub(crate) const LIMITS: [(&str, &str); 2] =
    [("relief_limit_12m", "prior.plans_12m"), ("relief_limit_60m", "prior.plans_60m")];

/// Reads `[parameters]`; each is a table of value, source, status and effective date.
pub(crate) struct ParameterReader<'a> {
    section: Section<'a>,
    currency: Currency,
    /// First day on which the pack may be in force.
    pack_from: Option<Date>,
    pub parameters: Vec<Parameter>,
}

impl<'a> ParameterReader<'a> {
    pub fn new(section: Section<'a>, currency: Currency, pack_from: Option<Date>) -> Self {
        Self { section, currency, pack_from, parameters: Vec::new() }
    }

    /// The value node of a parameter, after recording where it comes from.
    fn value(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'a Node> {
        let node = self.section.required(name, problems)?;
        let Value::Table(table) = &node.value else {
            mismatch(
                node.line,
                name,
                ("a table of value, source, status, effective_from", node.value.kind()),
                problems,
            );
            return None;
        };
        let mut section = Section::new(table, node.line);
        let value = section.required("value", problems);
        let source = section.text("source", problems);
        let status = section.text("status", problems);
        let effective_from = section.date("effective_from", problems);
        section.finish(problems);
        if let Some((status, line)) = status
            && !STATUSES.contains(&status)
        {
            let mend = suggest(status, STATUSES.into_iter());
            problems.add(line, format!("unknown status `{status}`"), mend);
        }
        if let (Some(from), Some(pack_from)) = (effective_from, self.pack_from)
            && from > pack_from
        {
            let what =
                format!("`{name}` holds from {from}, later than the pack, which begins on {pack_from}");
            problems.add(node.line, what, "let it begin with the pack, or put it into a pack of its own day");
        }
        let (value, source, status) = (value?, source?.0, status?.0);
        self.parameters.push(Parameter {
            name: name.to_owned(),
            value: show(&value.value),
            source: source.to_owned(),
            status: status.to_owned(),
            effective_from: effective_from?,
        });
        Some(value)
    }

    /// A whole number with its unit, such as `60 months`.
    fn counted(&mut self, name: &'static str, unit: &str, problems: &mut Problems) -> Option<u32> {
        let node = self.value(name, problems)?;
        Self::count_of(node, name, unit, problems)
    }

    /// The same, or `none`.
    fn counted_or_none(
        &mut self,
        name: &'static str,
        unit: &str,
        problems: &mut Problems,
    ) -> Option<Option<u32>> {
        let node = self.value(name, problems)?;
        if is_none(node) { Some(None) } else { Self::count_of(node, name, unit, problems).map(Some) }
    }

    fn count_of(node: &Node, name: &str, unit: &str, problems: &mut Problems) -> Option<u32> {
        let parsed = match &node.value {
            Value::Text(text) => text.strip_suffix(unit).and_then(|number| number.trim_end().parse().ok()),
            _ => None,
        };
        if parsed.is_none() {
            wrong_unit(node, name, &format!("a number of {unit}, such as \"7 {unit}\""), problems);
        }
        parsed
    }

    fn ratio(&mut self, name: &'static str, problems: &mut Problems) -> Option<Ratio> {
        let node = self.value(name, problems)?;
        Self::ratio_of(node, name, problems)
    }

    fn ratio_or_none(&mut self, name: &'static str, problems: &mut Problems) -> Option<Option<Ratio>> {
        let node = self.value(name, problems)?;
        if is_none(node) { Some(None) } else { Self::ratio_of(node, name, problems).map(Some) }
    }

    fn ratio_of(node: &Node, name: &str, problems: &mut Problems) -> Option<Ratio> {
        let parsed = match &node.value {
            Value::Text(text) => Ratio::parse(text).ok().filter(|ratio| *ratio >= Ratio::ZERO),
            _ => None,
        };
        if parsed.is_none() {
            wrong_unit(node, name, "a ratio of at least 0, such as \"0.10\"", problems);
        }
        parsed
    }

    fn money(&mut self, name: &'static str, problems: &mut Problems) -> Option<Amount> {
        let node = self.value(name, problems)?;
        let parsed = match &node.value {
            Value::Text(text) => parse_money(text, self.currency).filter(|amount| !amount.is_negative()),
            _ => None,
        };
        if parsed.is_none() {
            let wanted = format!("an amount in {0}, such as \"500.00 {0}\"", self.currency.code());
            wrong_unit(node, name, &wanted, problems);
        }
        parsed
    }

    fn word<T>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<T>
    where
        T: Copy,
    {
        let node = self.value(name, problems)?;
        let Value::Text(text) = &node.value else {
            wrong_unit(node, name, "a word", problems);
            return None;
        };
        let found = words.iter().find(|(word, _)| word == text).map(|(_, value)| *value);
        if found.is_none() {
            let mend = suggest(text, words.iter().map(|(word, _)| *word));
            problems.add(node.line, format!("unknown word `{text}` for `{name}`"), mend);
        }
        found
    }

    fn words<T: Copy>(
        &mut self,
        name: &'static str,
        known: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<Vec<T>> {
        let node = self.value(name, problems)?;
        let Value::List(items) = &node.value else {
            wrong_unit(node, name, "a list of words", problems);
            return None;
        };
        let mut found = Vec::new();
        for item in items {
            let Value::Text(text) = &item.value else {
                wrong_unit(item, name, "a list of words", problems);
                continue;
            };
            match known.iter().find(|(word, _)| word == text) {
                Some((_, value)) => found.push(*value),
                None => {
                    let mend = suggest(text, known.iter().map(|(word, _)| *word));
                    problems.add(item.line, format!("unknown word `{text}` for `{name}`"), mend);
                }
            }
        }
        Some(found)
    }

    fn flag(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'a Node> {
        let node = self.value(name, problems)?;
        if !matches!(node.value, Value::Flag(_)) {
            wrong_unit(node, name, "true or false", problems);
        }
        Some(node)
    }

    /// Reads how a case is run.
    pub fn process(&mut self, problems: &mut Problems) -> Option<Process> {
        let answer_deadline_hours = self.counted("answer_deadline_hours", "hours", problems);
        let information_request_days = self.counted("information_request_days", "days", problems);
        let offer_valid_days = self.counted("offer_valid_days", "days", problems);
        let hold_after_refusal_days = self.counted("hold_after_refusal_days", "days", problems);
        let review_window_days = self.counted("review_window_days", "days", problems);
        let plan_grace_days = self.counted("plan_grace_days", "days", problems);
        let paid_share = self.ratio("paid_share", problems);
        let reporting_threshold_days = self.counted("reporting_threshold_days", "days", problems);
        let moratorium_days = self.counted_or_none("moratorium_days", "days", problems);
        Some(Process {
            answer_deadline_hours: answer_deadline_hours?,
            information_request_days: information_request_days?,
            offer_valid_days: offer_valid_days?,
            hold_after_refusal_days: hold_after_refusal_days?,
            review_window_days: review_window_days?,
            plan_grace_days: plan_grace_days?,
            paid_share: paid_share?,
            reporting_threshold_days: reporting_threshold_days?,
            moratorium_days: moratorium_days?,
        })
    }

    /// Reads everything that the engine computes with, and the flags; then refuses unknown parameters.
    pub fn settings(mut self, problems: &mut Problems) -> (Option<Settings>, Vec<Parameter>) {
        for name in FLAGS {
            self.flag(name, problems);
        }
        let _ = self.word("pre_notice_before_report", &PRE_NOTICE, problems);
        for (name, why) in NEVER {
            let node = self.flag(name, problems);
            if let Some(node) = node.filter(|node| matches!(node.value, Value::Flag(true))) {
                problems.add(node.line, format!("`{name}` is true, but {why}"), "write false");
            }
        }
        let settings = self.engine(problems);
        self.section.finish(problems);
        self.parameters.sort_by(|left, right| left.name.cmp(&right.name));
        (settings, self.parameters)
    }

    fn engine(&mut self, problems: &mut Problems) -> Option<Settings> {
        let evidence: Vec<_> = EvidenceType::ALL.iter().map(|word| (word.as_str(), *word)).collect();
        let measures: Vec<_> = MeasureKind::ALL.iter().map(|word| (word.as_str(), *word)).collect();
        let max_total_term_months = self.counted("max_total_term_months", "months", problems);
        let penalty_multiplier = self.ratio("penalty_multiplier", problems);
        let cost_cap = self.ratio_or_none("cost_cap", problems);
        let buffer_share = self.ratio("buffer_share", problems);
        let buffer_cap = self.money("buffer_cap", problems);
        let benchmark_adult = self.money("benchmark_adult", problems);
        let benchmark_further_adult = self.ratio("benchmark_further_adult", problems);
        let benchmark_dependant = self.ratio("benchmark_dependant", problems);
        let excess_factor = self.ratio("excess_factor", problems);
        let excess_evidence = self.words("excess_evidence", &evidence, problems);
        let overload_weight = self.ratio("overload_weight", problems);
        let shortfall = self.counted("reduction_shortfall_multiple", "times", problems);
        let first_payment_min_days = self.counted("first_payment_min_days", "days", problems);
        let settlement_days = self.counted("settlement_days", "days", problems);
        let deferral_interest = self.word("deferral_interest", &DEFERRAL_INTEREST, problems);
        let reduction_interest = self.word("reduction_interest", &REDUCTION_INTEREST, problems);
        let trial_months = self.counted("trial_months", "months", problems);
        let redate_months = self.counted("redate_months", "months", problems);
        let automatic_measures = self.words("automatic_measures", &measures, problems);
        let automatic_deferral_months = self.counted("automatic_deferral_months", "months", problems);
        let automatic_pv_loss = self.ratio("automatic_pv_loss", problems);
        let offer_tolerance = self.ratio("offer_tolerance", problems);
        let relief_limit_12m = self.counted_or_none("relief_limit_12m", PLANS, problems);
        let relief_limit_60m = self.counted_or_none("relief_limit_60m", PLANS, problems);
        let activation_flip_budget = self.ratio("activation_flip_budget", problems);
        Some(Settings {
            max_total_term_months: max_total_term_months?,
            penalty_multiplier: penalty_multiplier?,
            cost_cap: cost_cap?,
            buffer_share: buffer_share?,
            buffer_cap: buffer_cap?,
            benchmark_adult: benchmark_adult?,
            benchmark_further_adult: benchmark_further_adult?,
            benchmark_dependant: benchmark_dependant?,
            excess_factor: excess_factor?,
            excess_evidence: excess_evidence?,
            overload_weight: overload_weight?,
            reduction_shortfall_multiple: u16::try_from(shortfall?).unwrap_or(u16::MAX),
            first_payment_min_days: first_payment_min_days?,
            settlement_days: settlement_days?,
            deferral_interest: deferral_interest?,
            reduction_interest: reduction_interest?,
            trial_months: trial_months?,
            redate_months: redate_months?,
            automatic_measures: automatic_measures?,
            automatic_deferral_months: automatic_deferral_months?,
            automatic_pv_loss: automatic_pv_loss?,
            offer_tolerance: offer_tolerance?,
            relief_limit_12m: relief_limit_12m?,
            relief_limit_60m: relief_limit_60m?,
            activation_flip_budget: activation_flip_budget?,
        })
    }
}

/// Words for deferral interest in packs.
pub(crate) const DEFERRAL_INTEREST: [(&str, DeferralInterest); 4] = [
    ("NONE", DeferralInterest::None),
    ("PAID", DeferralInterest::Paid),
    ("SPREAD", DeferralInterest::Spread),
    ("AT_END", DeferralInterest::AtEnd),
];

/// Words for reduction interest in packs.
pub(crate) const REDUCTION_INTEREST: [(&str, ReductionInterest); 2] =
    [("NONE", ReductionInterest::None), ("CONTRACT", ReductionInterest::Contract)];

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text == NONE)
}

fn wrong_unit(node: &Node, name: &str, wanted: &str, problems: &mut Problems) {
    let found = show(&node.value);
    problems.add(node.line, format!("`{name}` must be {wanted}, found `{found}`"), format!("write {wanted}"));
}

fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(integer) => integer.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => items.iter().map(|item| show(&item.value)).collect::<Vec<_>>().join(" "),
        Value::Table(_) => "a table".to_owned(),
        Value::Other(kind) => (*kind).to_owned(),
    }
}
