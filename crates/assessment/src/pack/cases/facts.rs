//! Facts of a test: the loan, what happened, the statement of affairs and what went before.

use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Date, Event, EventKind, LoanError, Origin,
    OverdueInterest, Overpayment, PayOffInterest, Product, Rate,
};

use loan::contract::MAX_ANNUAL_RATE;

use super::proposal;
use crate::codes::{EvidenceState, EvidenceType, HardshipReason, MaliciousIndicator};
use crate::facts::{
    CaseFlags, EvidenceFact, Facts, LoanFacts, LumpSum, MonthlyAmount, PriorRelief, StatementOfAffairs,
};
use crate::pack::Pack;
use crate::pack::reader::{Node, Problems, Value};
use crate::pack::section::{Section, as_table, mismatch, money, word};

const AMORTISATIONS: [(&str, Amortisation); 4] = [
    ("EQUAL_INSTALMENTS", Amortisation::EqualInstalments),
    ("EQUAL_PRINCIPAL", Amortisation::EqualPrincipal),
    ("INTEREST_ONLY", Amortisation::InterestOnly),
    ("FLAT", Amortisation::Flat),
];

/// Flags of a case, as tests write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Moratorium,
    Vulnerable,
    Litigation,
    SubmitterNotBorrower,
}

const FLAGS: [(&str, Flag); 4] = [
    ("MORATORIUM", Flag::Moratorium),
    ("VULNERABLE", Flag::Vulnerable),
    ("LITIGATION", Flag::Litigation),
    ("SUBMITTER_NOT_BORROWER", Flag::SubmitterNotBorrower),
];

/// What speaks against a document, as tests write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Duplicate,
    SubmitterNotBorrower,
    IssuerDenies,
}

const DOUBTS: [(&str, Doubt); 3] = [
    ("DUPLICATE", Doubt::Duplicate),
    ("SUBMITTER_NOT_BORROWER", Doubt::SubmitterNotBorrower),
    ("ISSUER_DENIES", Doubt::IssuerDenies),
];

/// Reads everything of a test but what it expects.
pub(super) fn read(
    pack: &Pack,
    name: &str,
    section: &mut Section<'_>,
    problems: &mut Problems,
) -> Option<Facts> {
    let reasons: Vec<_> = HardshipReason::ALL.iter().map(|word| (word.as_str(), *word)).collect();
    let indicators: Vec<_> = MaliciousIndicator::ALL.iter().map(|word| (word.as_str(), *word)).collect();
    let as_of = section.date("as_of", problems);
    let reason = section.optional_word("reason", &reasons, problems).unwrap_or(HardshipReason::Other);
    let hardship_end = section.optional_date("hardship_end", problems);
    let flags: Vec<Flag> = section.words("flags", &FLAGS, problems);
    let malicious_indicators = section.words("malicious_indicators", &indicators, problems);
    let evidence = evidence(section, problems);
    let other_own_balance = section.optional_money("other_own_balance", pack.currency, problems);
    let loan = section.required_table("loan", problems).and_then(|found| account(pack, found, problems));
    let statement = section
        .optional_table("statement", problems)
        .map(|found| statement(pack, found, problems))
        .unwrap_or_else(|| StatementOfAffairs { adults: 1, ..StatementOfAffairs::default() });
    let prior = section.optional_table("prior", problems).map(|found| prior(found, problems));
    let proposal = section
        .optional_table("proposal", problems)
        .and_then(|found| proposal::read(found, pack.currency, problems));
    Some(Facts {
        case_id: name.to_owned(),
        borrower_id: format!("borrower of {name}"),
        as_of: as_of?,
        loan: LoanFacts { loan_id: format!("loan of {name}"), account: loan?, closed: false },
        reason,
        hardship_end,
        statement,
        evidence,
        flags: CaseFlags {
            moratorium: flags.contains(&Flag::Moratorium),
            vulnerable: flags.contains(&Flag::Vulnerable),
            malicious_indicators,
            litigation: flags.contains(&Flag::Litigation),
        },
        prior: prior.unwrap_or_default(),
        proposal,
        other_own_balance: other_own_balance.unwrap_or_default(),
        submitter_is_not_borrower: flags.contains(&Flag::SubmitterNotBorrower),
    })
}

type Found<'a> = (&'a std::collections::BTreeMap<String, Node>, u32);

/// A word is a document that was received and passed; a table says more about it.
fn evidence(section: &mut Section<'_>, problems: &mut Problems) -> Vec<EvidenceFact> {
    let types: Vec<_> = EvidenceType::ALL.iter().map(|word| (word.as_str(), *word)).collect();
    let states: Vec<_> = EvidenceState::ALL.iter().map(|word| (word.as_str(), *word)).collect();
    let mut found = Vec::new();
    for node in section.items("evidence", problems) {
        let (kind, state, doubts) = match &node.value {
            Value::Text(text) => (word((text, node.line), &types, problems), None, Vec::new()),
            _ => {
                let Some((table, line)) = as_table(node, "evidence", problems) else { continue };
                let mut document = Section::new(table, line);
                let kind = document.text("type", problems).and_then(|found| word(found, &types, problems));
                let state = document.optional_word("state", &states, problems);
                let doubts: Vec<Doubt> = document.words("doubts", &DOUBTS, problems);
                document.finish(problems);
                (kind, state, doubts)
            }
        };
        let Some(evidence_type) = kind else { continue };
        found.push(EvidenceFact {
            evidence_id: format!("document {}", found.len() + 1),
            evidence_type,
            state: state.unwrap_or(EvidenceState::Received),
            passed_automatic_checks: doubts.is_empty(),
            duplicate_of_other_borrower: doubts.contains(&Doubt::Duplicate),
            submitter_is_not_borrower: doubts.contains(&Doubt::SubmitterNotBorrower),
            issuer_denies: doubts.contains(&Doubt::IssuerDenies),
        });
    }
    found
}

fn prior((table, line): Found<'_>, problems: &mut Problems) -> PriorRelief {
    let mut section = Section::new(table, line);
    let mut count = |key| section.optional_count(key, problems).unwrap_or(0);
    let prior = PriorRelief {
        plans_12m: count("plans_12m"),
        plans_60m: count("plans_60m"),
        broken_plans_12m: count("broken_plans_12m"),
        applications: count("applications"),
    };
    section.finish(problems);
    prior
}

fn statement(pack: &Pack, (table, line): Found<'_>, problems: &mut Problems) -> StatementOfAffairs {
    let currency = pack.currency;
    let mut section = Section::new(table, line);
    // Stated once where what the borrower said was found to be so.
    let income = amounts(pack, &mut section, "income", problems);
    let declared = amounts(pack, &mut section, "declared_income", problems);
    let verified = amounts(pack, &mut section, "verified_income", problems);
    let essentials = amounts(pack, &mut section, "essentials", problems).unwrap_or_default();
    if income.is_some() && (declared.is_some() || verified.is_some()) {
        let mend = "keep `income`, which is both, or the other two";
        problems.add(line, "`income` stands beside declared or verified income", mend);
    }
    let priority_debt_payments = section.optional_money("priority_debt_payments", currency, problems);
    let other_debt_balance = section.optional_money("other_debt_balance", currency, problems);
    let mut count = |key: &'static str, least: u32| {
        let found = section.optional_count(key, problems).unwrap_or(least);
        u8::try_from(found).unwrap_or(u8::MAX)
    };
    let (adults, dependants) = (count("adults", 1), count("dependants", 0));
    let lump_sum = section.optional_table("lump_sum", problems).and_then(|(table, line)| {
        let mut lump = Section::new(table, line);
        let amount = lump.required_money("amount", currency, problems);
        let proved = lump.flag("proved", true, problems);
        let borrowed = lump.flag("borrowed", false, problems);
        lump.finish(problems);
        Some(LumpSum { amount: amount?, source: "as stated".to_owned(), proved, borrowed })
    });
    section.finish(problems);
    StatementOfAffairs {
        declared_income: declared.or_else(|| income.clone()).unwrap_or_default(),
        verified_income: verified.or(income).unwrap_or_default(),
        essentials,
        priority_debt_payments: priority_debt_payments.unwrap_or_default(),
        other_debt_balance: other_debt_balance.unwrap_or_default(),
        adults,
        dependants,
        lump_sum,
    }
}

/// An amount for good, or a list of amounts and of tables with `amount`, `from_month` and `months`.
fn amounts(
    pack: &Pack,
    section: &mut Section<'_>,
    key: &'static str,
    problems: &mut Problems,
) -> Option<Vec<MonthlyAmount>> {
    let node = section.optional(key)?;
    let one = [node.clone()];
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => &one,
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match &item.value {
            Value::Text(text) => {
                let amount = money(key, (text, item.line), pack.currency, problems);
                found.extend(amount.map(|amount| MonthlyAmount { amount, from_month: 0, months: 0 }));
            }
            Value::Table(table) => {
                let mut entry = Section::new(table, item.line);
                let amount = entry.required_money("amount", pack.currency, problems);
                let from_month = entry.optional_count("from_month", problems).unwrap_or(0);
                let months = entry.optional_count("months", problems).unwrap_or(0);
                entry.finish(problems);
                found.extend(amount.map(|amount| MonthlyAmount { amount, from_month, months }));
            }
            other => mismatch(item.line, key, ("an amount or a table", other.kind()), problems),
        }
    }
    Some(found)
}

fn account(pack: &Pack, (table, line): Found<'_>, problems: &mut Problems) -> Option<Account> {
    let mut section = Section::new(table, line);
    let principal = section.required_money("principal", pack.currency, problems);
    let rate = section.text("rate", problems).and_then(|(text, line)| {
        let rate = Rate::parse(text).ok();
        if rate.is_none() {
            problems.add(line, format!("`rate` is not a rate: `{text}`"), "write it as \"0.144\" for 14.4 %");
        }
        rate
    });
    let amortisation = section.optional_word("amortisation", &AMORTISATIONS, problems);
    let instalments = section.required_count("instalments", problems);
    let interest_from = section.date("interest_from", problems);
    let first_due = section.optional_date("first_due", problems);
    let paid = section.optional_count("paid", problems).unwrap_or(0);
    let late = late(&mut section, problems);
    let payments = payments(pack, &mut section, problems);
    section.finish(problems);
    let interest_from = interest_from?;
    let anchor = u8::try_from(interest_from.day()).unwrap_or(1);
    let first_due = first_due.or_else(|| loan::calendar::month_after(anchor, interest_from, 1).ok())?;
    let contract = Contract {
        currency: pack.currency,
        principal: principal?,
        annual_rate: rate?,
        amortisation: amortisation.unwrap_or(Amortisation::EqualInstalments),
        instalments: u16::try_from(instalments?).unwrap_or(u16::MAX),
        interest_from,
        first_due,
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    };
    let account = opened(pack, contract).and_then(|account| {
        let account = with_paid(account, paid, &late)?;
        with_payments(account, payments)
    });
    account
        .map_err(|error| problems.add(line, format!("loan can't be computed: {error}"), "mend the loan"))
        .ok()
}

/// An instalment that was paid some days after its due date.
struct Late {
    nr: u32,
    days: u32,
}

fn late(section: &mut Section<'_>, problems: &mut Problems) -> Vec<Late> {
    let mut found = Vec::new();
    for (table, line) in section.tables("late", problems) {
        let mut entry = Section::new(table, line);
        let nr = entry.required_count("nr", problems);
        let days = entry.required_count("days", problems);
        entry.finish(problems);
        found.extend(nr.zip(days).map(|(nr, days)| Late { nr, days }));
    }
    found
}

fn payments(pack: &Pack, section: &mut Section<'_>, problems: &mut Problems) -> Vec<(Date, Amount)> {
    let mut found = Vec::new();
    for (table, line) in section.tables("payments", problems) {
        let mut entry = Section::new(table, line);
        let on = entry.date("on", problems);
        let amount = entry.required_money("amount", pack.currency, problems);
        entry.finish(problems);
        found.extend(on.zip(amount));
    }
    found
}

/// The loan under the pack's own penalty and cap; other settings are the usual ones.
fn opened(pack: &Pack, contract: Contract) -> Result<Account, LoanError> {
    let cap = pack.settings.cost_cap.map_or(MAX_ANNUAL_RATE, |cap| cap.decimal());
    let product = Product {
        penalty_multiplier: pack.settings.penalty_multiplier,
        cost_cap: Rate::from(cap),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    };
    Account::open(Origin::Computed(contract), product)
}

/// The first `paid` instalments, each on its due date or some days later, then with the penalty of those days.
fn with_paid(mut account: Account, paid: u32, late: &[Late]) -> Result<Account, LoanError> {
    let days_late = |nr: u32| late.iter().find(|late| late.nr == nr).map_or(0, |late| late.days);
    let mut dates = Vec::new();
    for row in account.origin.rows()?.iter().take(usize::try_from(paid).unwrap_or(usize::MAX)) {
        let days = days_late(row.nr);
        let on = loan::calendar::days_after(row.due, i32::try_from(days).unwrap_or(i32::MAX))?;
        dates.push((on, row.nr, row.total()?, days > 0));
    }
    dates.sort_unstable_by_key(|(on, nr, ..)| (*on, *nr));
    for (on, nr, total, late) in dates {
        let amount = if late {
            let state = account.state(on)?;
            let row = state.rows.iter().find(|state| state.row.nr == nr);
            row.map_or(Ok(total), |row| row.left()?.total())?
        } else {
            total
        };
        if !amount.is_zero() {
            account.events.push(payment(format!("instalment {nr}"), on, amount));
        }
    }
    Ok(account)
}

fn with_payments(account: Account, payments: Vec<(Date, Amount)>) -> Result<Account, LoanError> {
    let events =
        payments.into_iter().zip(1..).map(|((on, amount), nr)| payment(format!("payment {nr}"), on, amount));
    account.record_all(events.collect()).map_err(|(_, error)| error)
}

fn payment(id: String, effective: Date, amount: Amount) -> Event {
    Event { effective, entered: jiff::Timestamp::UNIX_EPOCH, kind: EventKind::Payment { id, amount } }
}
