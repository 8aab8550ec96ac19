//! Facts of a case: statement of affairs, documents, flags, what went before, and the loan.

use std::collections::BTreeSet;

use api::leeway::common::v1;
use api::leeway::policy::v1 as policy;
use assessment::{
    CaseFlags, EvidenceFact, Facts, LoanFacts, LumpSum, MAX_EVIDENCE_ITEMS, MAX_STATEMENT_ENTRIES,
    MAX_STATEMENT_MINOR, MAX_STATEMENT_MONTH, MaliciousIndicator, MonthlyAmount, PriorRelief,
    StatementOfAffairs,
};
use chassis::Violations;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use loan::{Account, Amount, Currency, Date};

use crate::account::{LoanMessages, account_in, loan_currency, origin_out, product_out};
use crate::codes::{
    evidence_state_in, evidence_state_out, evidence_type_in, evidence_type_out, hardship_reason_in,
    hardship_reason_out, malicious_indicator_in, malicious_indicator_out,
};
use crate::events::event_out;
use crate::money::{money_in, money_or_zero_in, money_out};
use crate::primitives::{
    at, count_in, date_in, date_optional_in, date_out, id_in, item, list_in, missing, number_out, reason,
    refuse, text_in,
};
use crate::terms::{proposal_in, proposal_out};

/// Longest text in a statement, characters.
pub const MAX_STATEMENT_TEXT_CHARS: usize = 200;
/// Most adults or dependants of a household.
const MAX_PEOPLE: u32 = 20;
/// Most plans, applications or broken plans that are believed.
const MAX_PRIOR_COUNT: u32 = 10_000;

/// A statement of affairs.
pub fn statement_in(
    v: &mut Violations,
    field: &str,
    statement: Option<&v1::StatementOfAffairs>,
    currency: Currency,
) -> Option<StatementOfAffairs> {
    let Some(message) = statement else { return missing(v, field) };
    let mut months = |name: &str, list: &[v1::MonthlyAmount]| {
        list_in(v, &at(field, name), list, MAX_STATEMENT_ENTRIES, |v, field, entry| {
            monthly_amount_in(v, field, entry, currency)
        })
    };
    let declared_income = months("declared_income", &message.declared_income);
    let verified_income = months("verified_income", &message.verified_income);
    let essentials = months("essentials", &message.essentials);
    let priority_field = at(field, "priority_debt_payments");
    let priority = stated_sum_in(v, &priority_field, message.priority_debt_payments.as_ref(), currency);
    let other_field = at(field, "other_debt_balance");
    let other = stated_sum_in(v, &other_field, message.other_debt_balance.as_ref(), currency);
    let adults = count_in(v, &at(field, "adults"), message.adults, 0..=MAX_PEOPLE);
    let dependants = count_in(v, &at(field, "dependants"), message.dependants, 0..=MAX_PEOPLE);
    let lump_sum = match &message.lump_sum {
        Some(lump_sum) => lump_sum_in(v, &at(field, "lump_sum"), lump_sum, currency).map(Some),
        None => Some(None),
    };
    Some(StatementOfAffairs {
        declared_income: declared_income?,
        verified_income: verified_income?,
        essentials: essentials?,
        priority_debt_payments: priority?,
        other_debt_balance: other?,
        adults: u8::try_from(adults?).ok()?,
        dependants: u8::try_from(dependants?).ok()?,
        lump_sum: lump_sum?,
    })
}

/// Writes a statement of affairs.
pub fn statement_out(statement: &StatementOfAffairs, currency: Currency) -> v1::StatementOfAffairs {
    let months =
        |list: &[MonthlyAmount]| list.iter().map(|entry| monthly_amount_out(entry, currency)).collect();
    v1::StatementOfAffairs {
        declared_income: months(&statement.declared_income),
        verified_income: months(&statement.verified_income),
        essentials: months(&statement.essentials),
        priority_debt_payments: Some(money_out(statement.priority_debt_payments, currency)),
        other_debt_balance: Some(money_out(statement.other_debt_balance, currency)),
        adults: statement.adults.into(),
        dependants: statement.dependants.into(),
        lump_sum: statement.lump_sum.as_ref().map(|lump_sum| v1::LumpSum {
            amount: Some(money_out(lump_sum.amount, currency)),
            source: lump_sum.source.clone(),
            proved: lump_sum.proved,
            borrowed: lump_sum.borrowed,
        }),
    }
}

fn monthly_amount_in(
    v: &mut Violations,
    field: &str,
    entry: &v1::MonthlyAmount,
    currency: Currency,
) -> Option<MonthlyAmount> {
    let amount = money_in(v, &at(field, "amount"), entry.amount.as_ref(), currency);
    let amount = amount.and_then(|amount| believable(v, &at(field, "amount"), amount));
    let from_month = count_in(v, &at(field, "from_month"), entry.from_month, 0..=MAX_STATEMENT_MONTH);
    let months = count_in(v, &at(field, "months"), entry.months, 0..=MAX_STATEMENT_MONTH);
    Some(MonthlyAmount { amount: amount?, from_month: from_month?, months: months? })
}

fn monthly_amount_out(entry: &MonthlyAmount, currency: Currency) -> v1::MonthlyAmount {
    v1::MonthlyAmount {
        amount: Some(money_out(entry.amount, currency)),
        from_month: number_out(entry.from_month),
        months: number_out(entry.months),
    }
}

fn lump_sum_in(
    v: &mut Violations,
    field: &str,
    lump_sum: &v1::LumpSum,
    currency: Currency,
) -> Option<LumpSum> {
    let amount = money_in(v, &at(field, "amount"), lump_sum.amount.as_ref(), currency);
    let amount = amount.and_then(|amount| believable(v, &at(field, "amount"), amount));
    let source = text_in(v, &at(field, "source"), &lump_sum.source, MAX_STATEMENT_TEXT_CHARS);
    Some(LumpSum { amount: amount?, source: source?, proved: lump_sum.proved, borrowed: lump_sum.borrowed })
}

fn stated_sum_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Amount> {
    let amount = money_or_zero_in(v, field, money, currency)?;
    believable(v, field, amount)
}

/// Refuses amounts that nobody's statement holds.
fn believable(v: &mut Violations, field: &str, amount: Amount) -> Option<Amount> {
    if amount.minor() > MAX_STATEMENT_MINOR {
        let description = format!("must be at most {MAX_STATEMENT_MINOR}");
        return refuse(v, &at(field, "minor_units"), reason::OUT_OF_RANGE, description);
    }
    Some(amount)
}

/// Documents, each id once.
pub fn evidence_facts_in(
    v: &mut Violations,
    field: &str,
    list: &[v1::EvidenceFact],
) -> Option<Vec<EvidenceFact>> {
    let facts = list_in(v, field, list, MAX_EVIDENCE_ITEMS, evidence_fact_in)?;
    let mut known = BTreeSet::new();
    let twice = facts.iter().position(|fact| !known.insert(fact.evidence_id.as_str()));
    if let Some(index) = twice {
        let field = at(&item(field, index), "evidence_id");
        return refuse(v, &field, reason::DUPLICATE, "used by an earlier document");
    }
    Some(facts)
}

/// A document as the rules see it.
pub fn evidence_fact_in(v: &mut Violations, field: &str, fact: &v1::EvidenceFact) -> Option<EvidenceFact> {
    let evidence_id = id_in(v, &at(field, "evidence_id"), &fact.evidence_id);
    let evidence_type = evidence_type_in(v, &at(field, "type"), fact.r#type);
    let state = evidence_state_in(v, &at(field, "state"), fact.state);
    Some(EvidenceFact {
        evidence_id: evidence_id?,
        evidence_type: evidence_type?,
        state: state?,
        passed_automatic_checks: fact.passed_automatic_checks,
        duplicate_of_other_borrower: fact.duplicate_of_other_borrower,
        submitter_is_not_borrower: fact.submitter_is_not_borrower,
        issuer_denies: fact.issuer_denies,
    })
}

/// Writes a document.
pub fn evidence_fact_out(fact: &EvidenceFact) -> v1::EvidenceFact {
    v1::EvidenceFact {
        evidence_id: fact.evidence_id.clone(),
        r#type: evidence_type_out(fact.evidence_type).into(),
        state: evidence_state_out(fact.state).into(),
        passed_automatic_checks: fact.passed_automatic_checks,
        duplicate_of_other_borrower: fact.duplicate_of_other_borrower,
        submitter_is_not_borrower: fact.submitter_is_not_borrower,
        issuer_denies: fact.issuer_denies,
    }
}

/// Flags; not set means none.
pub fn case_flags_in(v: &mut Violations, field: &str, flags: Option<&v1::CaseFlags>) -> Option<CaseFlags> {
    let Some(message) = flags else { return Some(CaseFlags::default()) };
    let list = at(field, "malicious_indicators");
    let indicators = list_in(
        v,
        &list,
        &message.malicious_indicators,
        MaliciousIndicator::ALL.len(),
        |v, field, number| malicious_indicator_in(v, field, *number),
    )?;
    let mut known = BTreeSet::new();
    if let Some(index) = indicators.iter().position(|indicator| !known.insert(*indicator)) {
        return refuse(v, &item(&list, index), reason::DUPLICATE, "stands in the list already");
    }
    Some(CaseFlags {
        moratorium: message.moratorium,
        vulnerable: message.vulnerable,
        malicious_indicators: indicators,
        litigation: message.litigation,
    })
}

/// Writes flags.
pub fn case_flags_out(flags: &CaseFlags) -> v1::CaseFlags {
    v1::CaseFlags {
        moratorium: flags.moratorium,
        vulnerable: flags.vulnerable,
        malicious_indicators: flags
            .malicious_indicators
            .iter()
            .map(|indicator| malicious_indicator_out(*indicator).into())
            .collect(),
        litigation: flags.litigation,
    }
}

/// What went before; not set means nothing.
pub fn prior_relief_in(
    v: &mut Violations,
    field: &str,
    prior: Option<&v1::PriorRelief>,
) -> Option<PriorRelief> {
    let Some(message) = prior else { return Some(PriorRelief::default()) };
    let mut count = |name: &str, number: i32| count_in(v, &at(field, name), number, 0..=MAX_PRIOR_COUNT);
    let plans_12m = count("plans_12m", message.plans_12m);
    let plans_60m = count("plans_60m", message.plans_60m);
    let broken_plans_12m = count("broken_plans_12m", message.broken_plans_12m);
    let applications = count("applications", message.applications);
    let (plans_12m, plans_60m) = (plans_12m?, plans_60m?);
    if plans_60m < plans_12m {
        return refuse(v, &at(field, "plans_60m"), reason::CONTRADICTION, "must be at least plans_12m");
    }
    Some(PriorRelief {
        plans_12m,
        plans_60m,
        broken_plans_12m: broken_plans_12m?,
        applications: applications?,
    })
}

/// Writes what went before.
pub fn prior_relief_out(prior: &PriorRelief) -> v1::PriorRelief {
    v1::PriorRelief {
        plans_12m: number_out(prior.plans_12m),
        plans_60m: number_out(prior.plans_60m),
        broken_plans_12m: number_out(prior.broken_plans_12m),
        applications: number_out(prior.applications),
    }
}

/// A loan; its events count as entered from midnight (UTC) of `as_of` on, so that equal messages give equal facts.
pub fn loan_facts_in(
    v: &mut Violations,
    field: &str,
    loan: Option<&policy::LoanFacts>,
    as_of: Option<Date>,
) -> Option<LoanFacts> {
    let Some(message) = loan else { return missing(v, field) };
    let loan_id = id_in(v, &at(field, "loan_id"), &message.loan_id);
    let messages = LoanMessages {
        contract: message.contract.as_ref(),
        product: message.product.as_ref(),
        stated_instalments: &message.stated_instalments,
        events: &message.events,
    };
    let account = account_in(v, field, messages, midnight(as_of));
    Some(LoanFacts { loan_id: loan_id?, account: account?, closed: message.closed })
}

fn midnight(day: Option<Date>) -> Timestamp {
    day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Writes a loan that nobody closed outside.
pub fn loan_facts_out(loan_id: &str, account: &Account) -> policy::LoanFacts {
    let currency = account.contract().currency;
    let (contract, stated_instalments) = origin_out(&account.origin);
    policy::LoanFacts {
        loan_id: loan_id.to_owned(),
        contract: Some(contract),
        product: Some(product_out(&account.product)),
        stated_instalments,
        events: account.events.iter().map(|event| event_out(event, currency)).collect(),
        closed: false,
    }
}

/// Facts of a case.
pub fn facts_in(v: &mut Violations, field: &str, facts: Option<&policy::Facts>) -> Option<Facts> {
    let Some(message) = facts else { return missing(v, field) };
    let currency = loan_currency(message.loan.as_ref().and_then(|loan| loan.contract.as_ref()))?;
    let case_id = id_in(v, &at(field, "case_id"), &message.case_id);
    let borrower_id = id_in(v, &at(field, "borrower_id"), &message.borrower_id);
    let as_of = date_in(v, &at(field, "as_of_date"), message.as_of_date.as_ref());
    let loan = loan_facts_in(v, &at(field, "loan"), message.loan.as_ref(), as_of);
    let hardship = hardship_reason_in(v, &at(field, "reason"), message.reason);
    let hardship_end =
        date_optional_in(v, &at(field, "hardship_end_date"), message.hardship_end_date.as_ref());
    let statement = statement_in(v, &at(field, "statement"), message.statement.as_ref(), currency);
    let evidence = evidence_facts_in(v, &at(field, "evidence"), &message.evidence);
    let flags = case_flags_in(v, &at(field, "flags"), message.flags.as_ref());
    let prior = prior_relief_in(v, &at(field, "prior"), message.prior.as_ref());
    let proposal = match &message.proposal {
        Some(terms) => proposal_in(v, &at(field, "proposal"), Some(terms), currency).map(Some),
        None => Some(None),
    };
    let other_field = at(field, "other_own_balance");
    let other_own_balance = stated_sum_in(v, &other_field, message.other_own_balance.as_ref(), currency);
    Some(Facts {
        case_id: case_id?,
        borrower_id: borrower_id?,
        as_of: as_of?,
        loan: loan?,
        reason: hardship?,
        hardship_end: hardship_end?,
        statement: statement?,
        evidence: evidence?,
        flags: flags?,
        prior: prior?,
        proposal: proposal?,
        other_own_balance: other_own_balance?,
        submitter_is_not_borrower: message.submitter_is_not_borrower,
    })
}

/// Writes facts of a case.
pub fn facts_out(facts: &Facts) -> policy::Facts {
    let currency = facts.loan.account.contract().currency;
    let loan = loan_facts_out(&facts.loan.loan_id, &facts.loan.account);
    policy::Facts {
        case_id: facts.case_id.clone(),
        borrower_id: facts.borrower_id.clone(),
        as_of_date: Some(date_out(facts.as_of)),
        loan: Some(policy::LoanFacts { closed: facts.loan.closed, ..loan }),
        reason: hardship_reason_out(facts.reason).into(),
        hardship_end_date: facts.hardship_end.map(date_out),
        statement: Some(statement_out(&facts.statement, currency)),
        evidence: facts.evidence.iter().map(evidence_fact_out).collect(),
        flags: Some(case_flags_out(&facts.flags)),
        prior: Some(prior_relief_out(&facts.prior)),
        proposal: facts.proposal.as_ref().map(|proposal| proposal_out(proposal, currency)),
        other_own_balance: Some(money_out(facts.other_own_balance, currency)),
        submitter_is_not_borrower: facts.submitter_is_not_borrower,
    }
}
