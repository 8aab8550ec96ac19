//! Cases to decide: a plain loan with means that vary, and something unusual in some of them, so that every rule fires
//! somewhere and most cases pass every gate.

use anyhow::Context as _;
use assessment::{
    CaseFlags, EvidenceFact, EvidenceState, EvidenceType, Facts, HardshipReason, LoanFacts, LumpSum,
    MaliciousIndicator, MonthlyAmount, PriorRelief, Proposal, ProposedMeasure, StatementOfAffairs,
};
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Currency, Date, Event, EventKind, Origin,
    OverdueInterest, Overpayment, Part, PayOffInterest, Product, Rate, Ratio,
};

/// How many cases.
const CASES: i64 = 256;
/// Rows of the loan whose due day has passed.
const PAST_ROWS: usize = 16;

/// Cases that differ in income, reason, history and what went before.
pub fn varied() -> anyhow::Result<Vec<Facts>> {
    let accounts = Accounts {
        missed: account(PAST_ROWS - 1, &[])?,
        paid: account(PAST_ROWS, &[])?,
        often_late: account(PAST_ROWS, &[2, 6, 10])?,
    };
    (0..CASES).map(|number| case(number, &accounts)).collect()
}

struct Accounts {
    /// The newest instalment is five days late.
    missed: Account,
    /// Nothing is due.
    paid: Account,
    /// Nothing is due, but three instalments were late.
    often_late: Account,
}

fn case(number: i64, accounts: &Accounts) -> anyhow::Result<Facts> {
    let account = match number {
        _ if number % 31 == 30 => &accounts.often_late,
        _ if number % 5 == 4 => &accounts.paid,
        _ => &accounts.missed,
    };
    let reasons = HardshipReason::ALL;
    let place = usize::try_from(number)? % reasons.len();
    Ok(Facts {
        case_id: format!("case-{number}"),
        borrower_id: format!("borrower-{number}"),
        as_of: date("2026-07-20")?,
        loan: LoanFacts { loan_id: format!("loan-{number}"), account: account.clone(), closed: false },
        reason: *reasons.get(place).context("no reason")?,
        hardship_end: None,
        statement: statement(number),
        evidence: vec![document(number)],
        flags: CaseFlags {
            moratorium: number % 29 == 0,
            vulnerable: number % 13 == 0,
            malicious_indicators: if number % 37 == 36 {
                vec![MaliciousIndicator::Absconding]
            } else {
                vec![]
            },
            litigation: number % 17 == 16,
        },
        prior: PriorRelief {
            plans_12m: u32::from(number % 7 == 0),
            broken_plans_12m: u32::from(number % 11 == 0),
            ..PriorRelief::default()
        },
        proposal: (number % 3 == 0).then(redate),
        other_own_balance: Amount::ZERO,
        submitter_is_not_borrower: number % 41 == 40,
    })
}

/// Three months of a low income, then a higher one. Some borrowers spend so much that a document has to prove it, some
/// declare more than they can show, some could pay a sum at once.
fn statement(number: i64) -> StatementOfAffairs {
    let income = 600_000 + number * 500;
    let essentials = if number % 4 == 0 { 420_000 } else { 650_000 };
    let monthly = |amount: i64, from_month: u32, months: u32| MonthlyAmount {
        amount: Amount::new(amount),
        from_month,
        months,
    };
    let earned =
        |surplus: i64| vec![monthly(income + surplus, 0, 3), monthly(income + surplus + 150_000, 3, 0)];
    let declared = if number % 19 == 18 { earned(200_000) } else { earned(0) };
    let lump_sum =
        LumpSum { amount: Amount::new(900_000), source: "savings".to_owned(), proved: true, borrowed: false };
    StatementOfAffairs {
        declared_income: declared,
        verified_income: earned(0),
        essentials: vec![monthly(essentials, 0, 0)],
        adults: 1,
        lump_sum: (number % 9 == 8).then_some(lump_sum),
        ..StatementOfAffairs::default()
    }
}

fn document(number: i64) -> EvidenceFact {
    let evidence_type =
        if number % 6 == 5 { EvidenceType::IncomeCertificate } else { EvidenceType::BankStatement };
    let state = if number % 47 == 46 { EvidenceState::Falsified } else { EvidenceState::Received };
    EvidenceFact {
        evidence_id: format!("document-{number}"),
        evidence_type,
        state,
        passed_automatic_checks: true,
        duplicate_of_other_borrower: number % 43 == 42,
        submitter_is_not_borrower: false,
        issuer_denies: false,
    }
}

/// No more than a later day for the next instalment.
fn redate() -> Proposal {
    let measures = vec![ProposedMeasure::Deferral { months: 1, interest: None }];
    Proposal { measures, first_payment: None }
}

/// 36,000.00 over 36 months at 15 %; the first `paid` rows are paid, those at the places of `late` ten days late.
fn account(paid: usize, late: &[usize]) -> anyhow::Result<Account> {
    let contract = Contract {
        currency: Currency::parse("CNY")?,
        principal: Amount::new(3_600_000),
        annual_rate: Rate::parse("0.15")?,
        amortisation: Amortisation::EqualInstalments,
        instalments: 36,
        interest_from: date("2025-03-15")?,
        first_due: date("2025-04-15")?,
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    };
    let product = Product {
        penalty_multiplier: Ratio::parse("1.5")?,
        cost_cap: Rate::parse("0.24")?,
        allocation: vec![Part::Penalty, Part::Fee, Part::Interest, Part::Principal],
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    };
    let origin = Origin::Computed(contract);
    let rows = origin.rows()?;
    let mut account = Account::open(origin, product)?;
    for (place, row) in rows.iter().take(paid).enumerate() {
        // A late payment also covers the penalty, or the instalment would stay open for ever.
        let (days, penalty) = if late.contains(&place) { (10, 10_000) } else { (0, 0) };
        let amount = row.total()?.add(Amount::new(penalty))?;
        let kind = EventKind::Payment { id: format!("payment-{}", row.nr), amount };
        let effective = row.due.checked_add(jiff::Span::new().days(days))?;
        account = account.record(Event { effective, entered: jiff::Timestamp::UNIX_EPOCH, kind })?;
    }
    Ok(account)
}

fn date(text: &str) -> anyhow::Result<Date> {
    text.parse().with_context(|| format!("`{text}` is not a date"))
}
