//! A decision for people: what came out, every rule with its conditions, affordability by month, offers side by side.

use std::fmt::Write as _;
use std::path::Path;

use assessment::{AssessError, ConditionVerdict, Decision, Offer, Pack, PackTest, RuleVerdict, Verdict};
use loan::{Amount, Currency};

use super::grid::{Align, aligned};

/// The case, how it was decided and why.
pub(super) fn case(
    pack: &Pack,
    dir: &Path,
    case: &PackTest,
    decision: &Result<Decision, AssessError>,
) -> String {
    let head = format!("{} under {} {}, read on {}\n", case.name, pack.name, pack.version, case.facts.as_of);
    match decision {
        Ok(decision) => {
            let parts = [
                head,
                outcome(decision),
                rules(dir, decision),
                affordability(pack, decision),
                offers(pack, decision),
            ];
            parts.join("\n")
        }
        Err(error) => format!("{head}\n  can't be assessed: {}, {error}\n", error.code()),
    }
}

fn outcome(decision: &Decision) -> String {
    let mut text =
        format!("{}, decided by {}\n", decision.outcome.as_str(), decision.required_authority.as_str());
    for reason in &decision.decline_reasons {
        let _ = writeln!(text, "  {}: {} {}", reason.code.as_str(), reason.reason.en, reason.remedy.en);
    }
    if !decision.requested_evidence.is_empty() {
        let words: Vec<&str> = decision.requested_evidence.iter().map(|kind| kind.as_str()).collect();
        let _ = writeln!(text, "  any of these documents would count: {}", words.join(", "));
    }
    if let Some(proposal) = &decision.proposal {
        let _ = writeln!(text, "  proposal {}", proposal.outcome.as_str());
        for change in &proposal.changes {
            let _ = writeln!(text, "    {}", change.en);
        }
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fired => "fired",
        Verdict::Missed => "missed",
        Verdict::NotReached => "not reached",
    }
}

fn rules(dir: &Path, decision: &Decision) -> String {
    let mut text = "Rules\n".to_owned();
    let held = |verdict| match verdict {
        Verdict::Fired => "held",
        Verdict::Missed => "failed",
        Verdict::NotReached => "not reached",
    };
    let line = |condition: &ConditionVerdict| {
        vec![
            format!("  {} {} {}", condition.fact, condition.operator, condition.threshold),
            format!("is {}", shown(&condition.value)),
            held(condition.verdict).to_owned(),
            flip(condition),
            dir.join(&condition.source).display().to_string(),
        ]
    };
    for rule in &decision.rules {
        let _ = writeln!(text, "  {}", heading(rule));
        let lines: Vec<_> = rule.conditions.iter().map(line).collect();
        text.push_str(&aligned(&lines, &[Align::Left; 5]));
    }
    text
}

fn heading(rule: &RuleVerdict) -> String {
    let code = if rule.code.is_empty() { String::new() } else { format!(" [{}]", rule.code) };
    format!("{} {}: {}{code}", rule.rule_id, word(rule.verdict), rule.title)
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

fn flip(condition: &ConditionVerdict) -> String {
    match condition.verdict {
        Verdict::NotReached => String::new(),
        Verdict::Fired | Verdict::Missed => format!("flips at {}", shown(&condition.nearest_flip)),
    }
}

fn affordability(pack: &Pack, decision: &Decision) -> String {
    let headings = ["month", "income", "essentials", "surplus", "available", "share", "contract asks"]
        .map(str::to_owned);
    let mut lines = vec![headings.to_vec()];
    for month in &decision.affordability {
        let amounts =
            [month.income, month.essentials, month.surplus, month.available, month.share, month.contract_due];
        let mut line = vec![month.month.to_string()];
        line.extend(amounts.map(|amount| amount.format(pack.currency)));
        lines.push(line);
    }
    format!("Affordability by month, {}\n{}", pack.currency.code(), aligned(&lines, &[]))
}

fn offers(pack: &Pack, decision: &Decision) -> String {
    let search = &decision.search;
    let mut text = format!(
        "Offers: {} of {} candidates can't be kept, {} are beaten by another, {} are left\n",
        search.infeasible, search.considered, search.dominated, search.front
    );
    for (letter, offer) in ('A'..).zip(&decision.offers) {
        let labels: Vec<&str> = offer.labels.iter().map(|label| label.as_str()).collect();
        let labels = if labels.is_empty() { "of another kind".to_owned() } else { labels.join(", ") };
        let _ = writeln!(text, "  {letter}: {labels}\n     {}", offer.terms.canonical_key());
    }
    if !decision.offers.is_empty() {
        text.push_str(&side_by_side(&decision.offers, pack.currency));
    }
    text
}

fn side_by_side(offers: &[Offer], currency: Currency) -> String {
    type Cell = fn(&Offer, Currency) -> String;
    fn money(amount: Amount, currency: Currency) -> String {
        amount.format(currency)
    }
    let rows: [(&str, Cell); 16] = [
        ("authority", |offer, _| offer.required_authority.as_str().to_owned()),
        ("first payment", |offer, currency| money(offer.first_payment, currency)),
        ("on", |offer, _| {
            offer.first_payment_date.map_or_else(|| "never".to_owned(), |date| date.to_string())
        }),
        ("highest payment", |offer, currency| money(offer.highest_payment, currency)),
        ("total to pay", |offer, currency| money(offer.total_to_pay, currency)),
        ("against the contract", |offer, currency| money(offer.difference_to_contract, currency)),
        ("waived", |offer, currency| {
            offer.waived.total().map_or_else(|_| "beyond range".to_owned(), |sum| money(sum, currency))
        }),
        ("interest added", |offer, currency| money(offer.relief_interest, currency)),
        ("ends on", |offer, _| offer.end_date.to_string()),
        ("reported as", |offer, _| offer.credit_reporting.as_str().to_owned()),
        ("cost a year", |offer, _| offer.annual_cost.clone()),
        ("present-value loss", |offer, _| offer.present_value_loss_share.clone()),
        ("highest burden", |offer, _| offer.burden.clone()),
        ("lender's value, none", |offer, currency| money(offer.witness.lender_none, currency)),
        ("lender's gain", |offer, currency| money(offer.witness.lender_gain, currency)),
        ("borrower's gain", |offer, currency| money(offer.witness.borrower_gain, currency)),
    ];
    let mut lines =
        vec![std::iter::once(String::new()).chain(('A'..).take(offers.len()).map(String::from)).collect()];
    for (name, cell) in rows {
        let cells = offers.iter().map(|offer| cell(offer, currency));
        lines.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    aligned(&lines, &[Align::Left])
}
