//! The readable account of a story.

use api::google::r#type::Date;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as inbox;
use api::leeway::policy::v1 as policy;

/// What is about to happen.
pub const INTRODUCTION: &str = "\
Leeway plays three stories, and one refusal, over its own API. Every line below was answered by a running service; the platform's
clock is moved to the stories' days.";

/// Rules that missed by one condition are worth a line; more would hide them.
const MAX_NEARLY: usize = 4;
const LABEL_WIDTH: usize = 24;
const COLUMN_WIDTH: usize = 26;

/// What a borrower said, in the account's words.
pub struct Said {
    pub words: &'static str,
    pub income: &'static str,
    pub essentials: &'static str,
    pub asks: &'static str,
}

/// Who, which loan, what was said, what came back.
pub fn opening(who: &str, loan: &pb::Loan, application: &pb::Application, said: &Said) {
    let contract = loan.contract.clone().unwrap_or_default();
    println!("\n━━ {who} {}", "━".repeat(100_usize.saturating_sub(who.chars().count())));
    println!(
        "\n  loan       {}, {} over {} months at {} a year; {} past due ({} days, {})",
        loan.loan_id,
        money(contract.principal.as_ref()),
        contract.instalments,
        percent(&contract.annual_rate),
        money(loan.arrears.clone().unwrap_or_default().total().as_ref()),
        loan.days_past_due.unwrap_or_default().current,
        loan.bucket().as_str_name().trim_start_matches("BUCKET_"),
    );
    println!("  says       “{}”", said.words);
    println!("  income     {}; essentials {}", said.income, said.essentials);
    println!("  asks for   {}", said.asks);
    for evidence in &application.evidence {
        let kind = evidence.r#type().as_str_name().trim_start_matches("EVIDENCE_TYPE_").to_lowercase();
        println!("  document   {}, passed the automatic checks", kind.replace('_', " "));
    }
    step("Submitted", Some(application));
}

/// A step and what the borrower reads as next step.
pub fn step(what: &str, application: Option<&pb::Application>) {
    let application = application.cloned().unwrap_or_default();
    let state = application.state().as_str_name().trim_start_matches("APPLICATION_STATE_").to_owned();
    println!("\n  ▸ {what} → {state}");
    if let Some(next) = &application.next_step {
        println!("      {}\n      {}", next.zh_cn, next.en);
    }
}

/// Outcome, rules that fired, rules that nearly did, the months that decided.
pub fn assessment(decision: &policy::Decision) {
    println!(
        "\n  Policy: {} by {}; pack {} {} ({}…)",
        decision.outcome().as_str_name().trim_start_matches("OUTCOME_"),
        authority(decision.required_authority()),
        decision.pack_name,
        decision.pack_version,
        decision.pack_digest.get(..12).unwrap_or_default(),
    );
    for rule in decision.rules.iter().filter(|rule| rule.verdict() == policy::Verdict::Fired) {
        println!("    fired   {:<4} {}", rule.rule_id, rule.title);
    }
    let mut nearest: Vec<_> = decision.rules.iter().filter_map(nearly).collect();
    nearest.sort_by_key(|(_, condition)| distance(condition));
    for (rule, condition) in nearest.into_iter().take(MAX_NEARLY) {
        let flip = Some(&condition.nearest_flip).filter(|flip| !flip.is_empty());
        let flip = flip.map(|flip| format!("; would fire at {flip}")).unwrap_or_default();
        println!(
            "    nearly  {:<4} {} — {} is {}, needs {} {}{flip} [{}]",
            rule.rule_id,
            rule.title,
            condition.fact,
            condition.value,
            condition.operator,
            condition.threshold,
            condition.source,
        );
    }
    for reason in &decision.decline_reasons {
        let code = reason.code().as_str_name().trim_start_matches("DECLINE_CODE_");
        println!("    leans to {code}: {}", reason.reason.clone().unwrap_or_default().en);
    }
    let months = decision.affordability.iter().take(4);
    let shares =
        months.map(|m| format!("month {}: {}", m.month, money(m.share.as_ref()))).collect::<Vec<_>>();
    println!("    our share of what is left to live on — {}", shares.join(", "));
    if let Some(search) = &decision.search {
        println!(
            "    {} candidates priced to the cent: {} not affordable, {} beaten by others, {} on the front",
            search.considered, search.infeasible, search.dominated, search.front
        );
    }
}

/// A rule that missed by exactly one condition on a number; flags that nobody set are no near miss.
fn nearly(rule: &policy::RuleVerdict) -> Option<(&policy::RuleVerdict, &policy::ConditionVerdict)> {
    if rule.verdict() != policy::Verdict::Missed {
        return None;
    }
    let mut missed = rule.conditions.iter().filter(|c| c.verdict() == policy::Verdict::Missed);
    let only = missed.next()?;
    let numeric = number(&only.value).is_some() && number(&only.threshold).is_some();
    (missed.next().is_none() && numeric).then_some((rule, only))
}

/// How far a value is from its threshold, as a share of the larger of the two.
fn distance(condition: &policy::ConditionVerdict) -> rust_decimal::Decimal {
    let (Some(value), Some(threshold)) = (number(&condition.value), number(&condition.threshold)) else {
        return rust_decimal::Decimal::MAX;
    };
    let larger = value.abs().max(threshold.abs()).max(rust_decimal::Decimal::ONE);
    (value - threshold).abs() / larger
}

/// The number in `CNY 1,079.70`, `31 days` or `0.05`.
fn number(text: &str) -> Option<rust_decimal::Decimal> {
    let digits = text.split_whitespace().map(|word| word.replace(',', ""));
    digits.filter_map(|word| word.parse().ok()).next()
}

/// What the platform added to a proposal.
pub fn completed(decision: &policy::Decision) {
    let Some(verdict) = &decision.proposal else { return };
    let outcome = verdict.outcome().as_str_name().trim_start_matches("PROPOSAL_OUTCOME_").to_lowercase();
    println!("\n  The proposal: {}", outcome.replace('_', " "));
    for change in &verdict.changes {
        println!("    {}\n    {}", change.zh_cn, change.en);
    }
}

/// Offers side by side.
pub fn offers(offers: &[common::Offer]) {
    println!("\n  Offers");
    let row = |label: &str, cell: &dyn Fn(&common::Offer) -> String| {
        let cells = offers.iter().map(|offer| format!("{:>COLUMN_WIDTH$}", cell(offer))).collect::<String>();
        println!("    {label:<LABEL_WIDTH$}{cells}");
    };
    row("", &|offer| kind(offer));
    row("", &|offer| labels(offer).first().cloned().unwrap_or_default());
    row("", &|offer| labels(offer).get(1).cloned().unwrap_or_default());
    row("first payment", &|o| money(o.first_payment.as_ref()));
    row("  on", &|o| date(o.first_payment_date.as_ref()));
    row("highest payment", &|o| money(o.highest_payment.as_ref()));
    row("total to pay", &|o| money(o.total_to_pay.as_ref()));
    row("against the contract", &|o| money(o.difference_to_contract.as_ref()));
    row("waived", &|o| money(o.waived.clone().unwrap_or_default().total().as_ref()));
    row("interest added", &|o| money(o.relief_interest.as_ref()));
    row("end", &|o| date(o.end_date.as_ref()));
    row("yearly cost", &|o| {
        if o.annual_cost.is_empty() { "–".to_owned() } else { percent(&o.annual_cost) }
    });
    row("present-value loss", &|o| {
        format!("{} ({})", money(o.present_value_loss.as_ref()), percent(&o.present_value_loss_share))
    });
    row("highest share of means", &|o| percent(&o.burden));
    row("borrower gains", &|o| money(o.witness.as_ref().and_then(|w| w.borrower_gain.as_ref())));
    row("lender gains", &|o| money(o.witness.as_ref().and_then(|w| w.lender_gain.as_ref())));
    row("decided by", &|o| authority(o.required_authority()).to_owned());
}

/// The plan that came of it.
pub fn accepted(answer: &pb::AcceptOfferResponse, what: &str) {
    let plan = answer.plan.clone().unwrap_or_default();
    step(what, answer.application.as_ref());
    println!(
        "      plan {} is in force; next payment {} on {}; reported to the bureau as {} days past due",
        plan.plan_id,
        money(plan.next_amount.as_ref()),
        date(plan.next_due_date.as_ref()),
        plan.reported_days_past_due,
    );
}

/// A payment and where it left the loan.
pub fn paid(loan: Option<&pb::Loan>, amount: Option<&common::Money>) {
    let closed = loan.is_some_and(|loan| loan.closed);
    let state = if closed { "the loan is closed" } else { "the loan goes on" };
    println!("\n  ▸ {} paid on 2026-07-18, two days before the last day → {state}", money(amount));
}

/// Rows that changed, side by side.
pub fn schedules(before: &pb::Loan, after: &pb::Loan) {
    println!("\n  Schedule                  before                          after");
    println!("    nr  due         amount due           due         amount due");
    for row in &before.instalments {
        let Some(new) = after.instalments.iter().find(|new| new.nr == row.nr) else { continue };
        if row.paid_date.is_some() {
            continue;
        }
        println!(
            "    {:>2}  {}  {:>14}       {}  {:>14}",
            row.nr,
            date(row.due_date.as_ref()),
            money(row.total_due.as_ref()),
            date(new.due_date.as_ref()),
            money(new.total_due.as_ref()),
        );
    }
    let longest = before.instalments.iter().map(|row| row.nr).max().unwrap_or_default();
    for row in after.instalments.iter().filter(|row| row.nr > longest) {
        println!(
            "    {:>2}  {:<40}{}  {:>14}",
            row.nr,
            "",
            date(row.due_date.as_ref()),
            money(row.total_due.as_ref())
        );
    }
}

/// A refusal as the borrower reads it.
pub fn refused(application: &pb::Application) {
    for reason in &application.decline_reasons {
        let code = reason.code().as_str_name().trim_start_matches("DECLINE_CODE_");
        println!("\n  {code}");
        for text in [&reason.reason, &reason.remedy].into_iter().flatten() {
            println!("      {}\n      {}", text.zh_cn, text.en);
        }
    }
}

/// The borrower's inbox.
pub fn messages(messages: &[inbox::InboxMessage]) {
    println!("\n  Messages in the inbox");
    for message in messages {
        println!("    ✉ {} — {}", message.title, message.body.replace('\n', " "));
    }
}

/// The offer that carries the borrower's proposal.
pub fn proposed(offers: &[common::Offer]) -> Option<&common::Offer> {
    offers.iter().find(|offer| offer.labels().any(|label| label == common::OfferLabel::Proposal))
}

/// An offer that closes the loan at once.
pub fn is_settlement(offer: &common::Offer) -> bool {
    measures(offer).any(|kind| matches!(kind, common::measure::Kind::Settlement(_)))
}

fn measures(offer: &common::Offer) -> impl Iterator<Item = &common::measure::Kind> {
    offer.terms.iter().flat_map(|terms| terms.measures.iter()).filter_map(|measure| measure.kind.as_ref())
}

/// What an offer is, in two or three words.
fn kind(offer: &common::Offer) -> String {
    use common::measure::Kind;
    let words = measures(offer).filter_map(|kind| match kind {
        Kind::Deferral(d) => Some(format!("defer {} mo", d.months)),
        Kind::PaymentReduction(r) => Some(format!("reduce {}+{}", r.instalments, r.shortfall_rows)),
        Kind::TermExtension(common::TermExtension {
            by: Some(common::term_extension::By::ExtraInstalments(n)),
        }) => Some(format!("extend {n}")),
        Kind::TermExtension(_) => Some("extend".to_owned()),
        Kind::RateReduction(r) => Some(format!("rate {}", percent(&r.annual_rate))),
        Kind::Settlement(s) => Some(match &s.sum {
            Some(sum) => format!("settle {}", money(Some(sum))),
            None => format!("settle {}", percent(&s.principal_share)),
        }),
        Kind::TokenPayments(t) => Some(format!("token {} mo", t.months)),
        Kind::ReAge(_) => Some("re-age".to_owned()),
        Kind::WaivePenalty(_) | Kind::WaiveInterest(_) | Kind::ForgivePrincipal(_) => None,
    });
    words.collect::<Vec<_>>().join(" + ")
}

fn labels(offer: &common::Offer) -> Vec<String> {
    let word = |label: common::OfferLabel| {
        label.as_str_name().trim_start_matches("OFFER_LABEL_").to_lowercase().replace('_', " ")
    };
    offer.labels().map(word).collect()
}

fn authority(authority: common::Authority) -> &'static str {
    match authority {
        common::Authority::Automatic => "the rules alone",
        common::Authority::Officer => "an officer",
        common::Authority::OfficerAndSupervisor => "officer + supervisor",
        common::Authority::Unspecified => "–",
    }
}

/// `1,079.70 CNY`, or a dash.
pub fn money(amount: Option<&common::Money>) -> String {
    let Some(amount) = amount else { return "–".to_owned() };
    match loan::Currency::parse(&amount.currency_code) {
        Ok(currency) => {
            format!("{} {}", loan::Amount::new(amount.minor_units).format(currency), currency.code())
        }
        Err(_) => format!("{} minor units", amount.minor_units),
    }
}

fn date(date: Option<&Date>) -> String {
    date.map_or("–".to_owned(), |d| format!("{:04}-{:02}-{:02}", d.year, d.month, d.day))
}

/// A decimal share as per cent.
fn percent(share: &str) -> String {
    match share.parse::<rust_decimal::Decimal>() {
        Ok(share) => format!("{} %", (share * rust_decimal::Decimal::ONE_HUNDRED).round_dp(2).normalize()),
        Err(_) => "–".to_owned(),
    }
}

/// The sum of an amount split by part.
trait Total {
    fn total(&self) -> Option<common::Money>;
}

impl Total for common::Parts {
    fn total(&self) -> Option<common::Money> {
        let parts = [&self.penalty, &self.fee, &self.interest, &self.principal];
        let currency_code =
            parts.iter().find_map(|part| part.as_ref()).map(|part| part.currency_code.clone())?;
        let minor_units = parts.iter().filter_map(|part| part.as_ref()).map(|part| part.minor_units).sum();
        Some(common::Money { currency_code, minor_units })
    }
}
