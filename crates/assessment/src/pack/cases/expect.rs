//! What a test expects, and how it is compared with a decision: as text, so that expected and found read alike.

use std::collections::BTreeMap;
use std::fmt::Display;

use loan::{Amount, Currency, Date};

use super::PackTest;
use crate::catalogue::{Fact, bucket_word};
use crate::codes::{
    Authority, CreditReporting, DeclineCode, EvidenceType, Grade, OfferLabel, Outcome, ProposalOutcome,
    Verdict,
};
use crate::decision::{Decision, Instalment, Offer};
use crate::error::AssessError;
use crate::pack::Pack;
use crate::pack::reader::{Node, Problems, Value};
use crate::pack::section::{Section, money, suggest, word};
use crate::reached::Reached;

/// Everything that one test expects.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected(Vec<Expectation>);

#[derive(Debug, Clone)]
struct Expectation {
    what: What,
    expected: String,
    line: u32,
}

/// What of an answer is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Outcome,
    /// Code of the error instead of an outcome.
    Error,
    Authority,
    Codes,
    Requested,
    Rules,
    Bucket,
    Grade,
    Tier,
    Proposal,
    Offers,
    Fact(Fact),
    Offer(OfferLabel, Field),
}

/// What of an offer is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Terms,
    Authority,
    FirstPayment,
    FirstPaymentDate,
    HighestPayment,
    Total,
    Difference,
    WaivedPenalty,
    WaivedInterest,
    ForgivenPrincipal,
    ReliefInterest,
    End,
    CreditReporting,
    AnnualCost,
    PresentValueLoss,
    Burden,
    Rows,
}

const AMOUNTS: [(&str, Field); 9] = [
    ("first_payment", Field::FirstPayment),
    ("highest_payment", Field::HighestPayment),
    ("total", Field::Total),
    ("difference", Field::Difference),
    ("waived_penalty", Field::WaivedPenalty),
    ("waived_interest", Field::WaivedInterest),
    ("forgiven_principal", Field::ForgivenPrincipal),
    ("relief_interest", Field::ReliefInterest),
    ("present_value_loss", Field::PresentValueLoss),
];
const DATES: [(&str, Field); 2] = [("first_payment_date", Field::FirstPaymentDate), ("end", Field::End)];
const TEXTS: [(&str, Field); 3] =
    [("terms", Field::Terms), ("annual_cost", Field::AnnualCost), ("burden", Field::Burden)];

/// Reads `[expect]`: an outcome or an error, and whatever else is stated.
pub(super) fn read(
    (table, line): (&BTreeMap<String, Node>, u32),
    currency: Currency,
    problems: &mut Problems,
) -> Option<Expected> {
    let mut section = Section::new(table, line);
    let mut reading = Reading { list: Vec::new(), currency };
    let words = [
        ("outcome", What::Outcome, names(Outcome::ALL, Outcome::as_str)),
        ("authority", What::Authority, names(Authority::ALL, Authority::as_str)),
        ("grade", What::Grade, names(Grade::ALL, Grade::as_str)),
        ("proposal", What::Proposal, names(ProposalOutcome::ALL, ProposalOutcome::as_str)),
        ("bucket", What::Bucket, crate::catalogue::BUCKETS.iter().map(|(word, _)| (*word, *word)).collect()),
    ];
    for (key, what, known) in &words {
        reading.word(&mut section, (key, *what), known, problems);
    }
    for (key, what) in [("error", What::Error), ("tier", What::Tier)] {
        if let Some((text, line)) = section.optional_text(key, problems) {
            reading.add(what, text, line);
        }
    }
    let lists = [
        ("codes", What::Codes, names(DeclineCode::ALL, DeclineCode::as_str)),
        ("requested", What::Requested, names(EvidenceType::ALL, EvidenceType::as_str)),
    ];
    for (key, what, known) in &lists {
        if let Some(node) = section.optional(key) {
            let found = section.words(key, known, problems);
            reading.add(*what, list(found), node.line);
        }
    }
    if let Some(node) = section.optional("rules") {
        let found = section.texts("rules", problems).into_iter().map(|(id, _)| id);
        reading.add(What::Rules, list(found), node.line);
    }
    if let Some(node) = section.optional("offers") {
        let count = section.optional_count("offers", problems)?;
        reading.add(What::Offers, count, node.line);
    }
    if let Some((facts, _)) = section.optional_table("facts", problems) {
        reading.facts(facts, problems);
    }
    for (offer, line) in section.tables("offer", problems) {
        reading.offer(Section::new(offer, line), problems);
    }
    section.finish(problems);
    let has = |what| reading.list.iter().any(|one| one.what == what);
    if has(What::Outcome) == has(What::Error) {
        problems.add(line, "a test expects either an outcome or an error", "add `outcome`");
    }
    Some(Expected(reading.list))
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<(&'static str, &'static str)> {
    all.iter().map(|word| (name(*word), name(*word))).collect()
}

/// In order of the alphabet: what a list holds is compared, not in which order.
fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    words.sort_unstable();
    format!("[{}]", words.join(", "))
}

struct Reading {
    list: Vec<Expectation>,
    currency: Currency,
}

impl Reading {
    fn add(&mut self, what: What, expected: impl Display, line: u32) {
        self.list.push(Expectation { what, expected: expected.to_string(), line });
    }

    fn word(
        &mut self,
        section: &mut Section<'_>,
        (key, what): (&'static str, What),
        known: &[(&'static str, &'static str)],
        problems: &mut Problems,
    ) {
        if let Some(found) = section.optional_text(key, problems)
            && let Some(text) = word(found, known, problems)
        {
            self.add(what, text, found.1);
        }
    }

    fn facts(&mut self, facts: &BTreeMap<String, Node>, problems: &mut Problems) {
        for (name, node) in facts {
            let Some(fact) = Fact::parse(name) else {
                let mend = suggest(name, Fact::ALL.iter().map(|fact| fact.name()));
                problems.add(node.line, format!("unknown fact `{name}`"), mend);
                continue;
            };
            match &node.value {
                Value::Text(text) => self.add(What::Fact(fact), text, node.line),
                Value::Integer(count) => self.add(What::Fact(fact), count, node.line),
                Value::Flag(flag) => self.add(What::Fact(fact), flag, node.line),
                other => {
                    let what = format!("`{name}` can't be {}", other.kind());
                    problems.add(node.line, what, "write it as the trace shows it");
                }
            }
        }
    }

    fn offer(&mut self, mut section: Section<'_>, problems: &mut Problems) {
        let labels: Vec<_> = OfferLabel::ALL.iter().map(|label| (label.as_str(), *label)).collect();
        let label = section.text("label", problems).and_then(|found| word(found, &labels, problems));
        let label = label.unwrap_or(OfferLabel::Recommended);
        for (key, field) in AMOUNTS {
            if let Some(found) = section.optional_text(key, problems)
                && let Some(amount) = money(key, found, self.currency, problems)
            {
                self.add(What::Offer(label, field), shown(amount, self.currency), found.1);
            }
        }
        for (key, field) in DATES {
            let line = section.optional(key).map_or(0, |node| node.line);
            if let Some(date) = section.optional_date(key, problems) {
                self.add(What::Offer(label, field), date, line);
            }
        }
        for (key, field) in TEXTS {
            if let Some((text, line)) = section.optional_text(key, problems) {
                self.add(What::Offer(label, field), text, line);
            }
        }
        let authorities = names(Authority::ALL, Authority::as_str);
        self.word(&mut section, ("authority", What::Offer(label, Field::Authority)), &authorities, problems);
        let reporting = names(CreditReporting::ALL, CreditReporting::as_str);
        let key = ("credit_reporting", What::Offer(label, Field::CreditReporting));
        self.word(&mut section, key, &reporting, problems);
        let line = section.optional("rows").map(|node| node.line);
        let rows = section.texts("rows", problems);
        if let Some(line) = line {
            let read: Vec<String> = rows.into_iter().filter_map(|row| self.row(row, problems)).collect();
            self.add(What::Offer(label, Field::Rows), read.join(", "), line);
        }
        section.finish(problems);
    }

    /// `9 2026-07-31 599.09 CNY`: number, due date and what is due.
    fn row(&self, (text, line): (&str, u32), problems: &mut Problems) -> Option<String> {
        let mut words = text.splitn(3, ' ');
        let nr = words.next().and_then(|word| word.parse::<u32>().ok());
        let due = words.next().and_then(|word| word.parse::<Date>().ok());
        let (Some(nr), Some(due), Some(amount)) = (nr, due, words.next()) else {
            let mend =
                format!("write number, date and amount: \"9 2026-07-31 599.09 {}\"", self.currency.code());
            problems.add(line, format!("row can't be read: `{text}`"), mend);
            return None;
        };
        money("rows", (amount, line), self.currency, problems)
            .map(|amount| format!("{nr} {due} {}", shown(amount, self.currency)))
    }
}

fn shown(amount: Amount, currency: Currency) -> String {
    format!("{} {}", amount.plain(currency), currency.code())
}

impl Expected {
    /// Adds a problem for everything that isn't as expected.
    pub(super) fn compare(
        &self,
        test: &PackTest,
        pack: &Pack,
        (answer, reached): (&Result<Decision, AssessError>, &Reached),
        problems: &mut Problems,
    ) {
        let decision = match answer {
            Ok(decision) => decision,
            Err(error) => {
                let code = error.code();
                if !self.0.iter().any(|one| one.what == What::Error && one.expected == code) {
                    let what = format!("`{}` can't be assessed: {code}, {error}", test.name);
                    problems.add(test.line, what, "mend the facts, or expect the error");
                }
                return;
            }
        };
        for one in &self.0 {
            let found = one.what.found(decision, pack, reached);
            if found != one.expected {
                let (name, what) = (&test.name, one.what.name());
                let said = format!("`{name}` expects {what} {}, found {found}", one.expected);
                problems.add(
                    one.line,
                    said,
                    "mend rules or tables; if the new answer is right, write it here",
                );
            }
        }
    }
}

impl What {
    fn name(self) -> String {
        match self {
            Self::Outcome => "outcome".to_owned(),
            Self::Error => "error".to_owned(),
            Self::Authority => "authority".to_owned(),
            Self::Codes => "codes".to_owned(),
            Self::Requested => "requested evidence".to_owned(),
            Self::Rules => "fired rules".to_owned(),
            Self::Bucket => "bucket".to_owned(),
            Self::Grade => "grade".to_owned(),
            Self::Tier => "tier".to_owned(),
            Self::Proposal => "proposal".to_owned(),
            Self::Offers => "number of offers".to_owned(),
            Self::Fact(fact) => format!("fact {}", fact.name()),
            Self::Offer(label, field) => format!("{} of offer {}", field.name(), label.as_str()),
        }
    }

    fn found(self, decision: &Decision, pack: &Pack, reached: &Reached) -> String {
        let fired = || decision.rules.iter().filter(|rule| rule.verdict == Verdict::Fired);
        match self {
            Self::Outcome => decision.outcome.as_str().to_owned(),
            Self::Error => decision.outcome.as_str().to_owned(),
            Self::Authority => decision.required_authority.as_str().to_owned(),
            Self::Codes => list(decision.decline_reasons.iter().map(|reason| reason.code.as_str())),
            Self::Requested => list(decision.requested_evidence.iter().map(|kind| kind.as_str())),
            Self::Rules => list(fired().map(|rule| &rule.rule_id)),
            Self::Bucket => reached.standing().map_or("none", |(bucket, _)| bucket_word(bucket)).to_owned(),
            Self::Grade => reached.standing().map_or("none", |(_, grade)| grade.as_str()).to_owned(),
            Self::Tier => reached
                .standing()
                .map_or("none", |(bucket, grade)| pack.tables.tier(bucket, grade).0)
                .to_owned(),
            Self::Proposal => {
                decision.proposal.as_ref().map_or("none", |verdict| verdict.outcome.as_str()).to_owned()
            }
            Self::Offers => decision.offers.len().to_string(),
            Self::Fact(fact) => decision.derived_facts.get(fact.name()).cloned().unwrap_or_default(),
            Self::Offer(label, field) => decision
                .offers
                .iter()
                .find(|offer| offer.labels.contains(&label))
                .map_or_else(|| "no such offer".to_owned(), |offer| field.found(offer, pack.currency)),
        }
    }
}

impl Field {
    fn name(self) -> &'static str {
        let listed = AMOUNTS.iter().chain(&DATES).chain(&TEXTS);
        listed.clone().find(|(_, field)| *field == self).map_or(
            match self {
                Self::Authority => "authority",
                Self::CreditReporting => "credit_reporting",
                _ => "rows",
            },
            |(name, _)| name,
        )
    }

    fn found(self, offer: &Offer, currency: Currency) -> String {
        let money = |amount| shown(amount, currency);
        match self {
            Self::Terms => offer.terms.canonical_key(),
            Self::Authority => offer.required_authority.as_str().to_owned(),
            Self::FirstPayment => money(offer.first_payment),
            Self::FirstPaymentDate => {
                offer.first_payment_date.map_or_else(|| "none".to_owned(), |date| date.to_string())
            }
            Self::HighestPayment => money(offer.highest_payment),
            Self::Total => money(offer.total_to_pay),
            Self::Difference => money(offer.difference_to_contract),
            Self::WaivedPenalty => money(offer.waived.penalty),
            Self::WaivedInterest => money(offer.waived.interest),
            Self::ForgivenPrincipal => money(offer.waived.principal),
            Self::ReliefInterest => money(offer.relief_interest),
            Self::End => offer.end_date.to_string(),
            Self::CreditReporting => offer.credit_reporting.as_str().to_owned(),
            Self::AnnualCost => offer.annual_cost.clone(),
            Self::PresentValueLoss => money(offer.present_value_loss),
            Self::Burden => offer.burden.clone(),
            Self::Rows => {
                let row = |row: &Instalment| format!("{} {} {}", row.nr, row.due_date, money(row.total_due));
                offer.instalments.iter().map(row).collect::<Vec<_>>().join(", ")
            }
        }
    }
}
