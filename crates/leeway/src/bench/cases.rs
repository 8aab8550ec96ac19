//! Cases to measure with: a plain loan with one instalment missed, and means that vary.

use anyhow::Context as _;
use assessment::{
    CaseFlags, EvidenceFact, EvidenceState, EvidenceType, Facts, HardshipReason, LoanFacts, MonthlyAmount,
    PriorRelief, StatementOfAffairs,
};
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Currency, Date, Event, EventKind, Origin,
    OverdueInterest, Overpayment, Part, PayOffInterest, Product, Rate, Ratio,
};

/// Cases that differ in income, reason and what went before: some of them fire every gate and family.
const VARIED: i64 = 256;

/// A borrower whose income falls short for one month and then more than recovers: nearly every term that the pack allows
/// can be kept.
pub fn many_terms() -> anyhow::Result<Facts> {
    facts("many-terms", &[(786_000, 0, 1), (1_650_000, 1, 0)])
}

/// Cases for rules and replays.
pub fn varied() -> anyhow::Result<Vec<Facts>> {
    let reasons = HardshipReason::ALL;
    let mut cases = Vec::new();
    for number in 0..VARIED {
        let income = 600_000 + number * 2_000;
        let mut case = facts(&format!("varied-{number}"), &[(income, 0, 3), (income + 150_000, 3, 0)])?;
        let place = usize::try_from(number)? % reasons.len();
        case.reason = reasons.get(place).copied().context("no reason")?;
        case.prior.plans_12m = u32::from(number % 7 == 0);
        case.prior.broken_plans_12m = u32::from(number % 11 == 0);
        case.flags.vulnerable = number % 13 == 0;
        case.flags.moratorium = number % 29 == 0;
        cases.push(case);
    }
    Ok(cases)
}

/// 36,000.00 over 36 months at 15 %, fifteen paid, the sixteenth five days late; `income` as (minor units, from month, months).
fn facts(case_id: &str, income: &[(i64, u32, u32)]) -> anyhow::Result<Facts> {
    let monthly = |(amount, from_month, months): (i64, u32, u32)| MonthlyAmount {
        amount: Amount::new(amount),
        from_month,
        months,
    };
    let income: Vec<MonthlyAmount> = income.iter().copied().map(monthly).collect();
    let statement = StatementOfAffairs {
        declared_income: income.clone(),
        verified_income: income,
        essentials: vec![monthly((650_000, 0, 0))],
        adults: 1,
        ..StatementOfAffairs::default()
    };
    let document = EvidenceFact {
        evidence_id: "statement".to_owned(),
        evidence_type: EvidenceType::BankStatement,
        state: EvidenceState::Received,
        passed_automatic_checks: true,
        duplicate_of_other_borrower: false,
        submitter_is_not_borrower: false,
        issuer_denies: false,
    };
    Ok(Facts {
        case_id: case_id.to_owned(),
        borrower_id: format!("borrower of {case_id}"),
        as_of: date("2026-07-20")?,
        loan: LoanFacts { loan_id: format!("loan of {case_id}"), account: account()?, closed: false },
        reason: HardshipReason::PaymentDelayed,
        hardship_end: None,
        statement,
        evidence: vec![document],
        flags: CaseFlags::default(),
        prior: PriorRelief::default(),
        proposal: None,
        other_own_balance: Amount::ZERO,
        submitter_is_not_borrower: false,
    })
}

fn account() -> anyhow::Result<Account> {
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
    for row in rows.iter().take(15) {
        let kind = EventKind::Payment { id: format!("payment-{}", row.nr), amount: row.total()? };
        let entered = jiff::Timestamp::UNIX_EPOCH;
        account = account.record(Event { effective: row.due, entered, kind })?;
    }
    Ok(account)
}

fn date(text: &str) -> anyhow::Result<Date> {
    text.parse().with_context(|| format!("`{text}` is not a date"))
}
