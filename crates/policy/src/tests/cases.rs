//! Cases as messages.

use api::leeway::policy::v1 as policy;
use assessment::{
    CaseFlags, EvidenceFact, EvidenceState, EvidenceType, Facts, HardshipReason, LoanFacts, MonthlyAmount,
    PriorRelief, Proposal, ProposedMeasure, StatementOfAffairs,
};
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Currency, Event, EventKind, Origin,
    OverdueInterest, Overpayment, PayOffInterest, Product, Rate, Ratio,
};

/// A loan with instalments on the 15th, of which the first `paid` were paid on their due dates.
pub fn account(
    principal: i64,
    rate: &str,
    instalments: u16,
    (interest_from, first_due): (&str, &str),
    paid: usize,
) -> Account {
    let origin = Origin::Computed(Contract {
        currency: Currency::parse("CNY").unwrap(),
        principal: Amount::new(principal),
        annual_rate: Rate::parse(rate).unwrap(),
        amortisation: Amortisation::EqualInstalments,
        instalments,
        interest_from: interest_from.parse().unwrap(),
        first_due: first_due.parse().unwrap(),
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    });
    let product = Product {
        penalty_multiplier: Ratio::parse("1.5").unwrap(),
        cost_cap: Rate::parse("0.24").unwrap(),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    };
    let rows = origin.rows().unwrap();
    let events = rows
        .iter()
        .take(paid)
        .map(|row| Event {
            effective: row.due,
            entered: jiff::Timestamp::UNIX_EPOCH,
            kind: EventKind::Payment { id: format!("pay-{}", row.nr), amount: row.total().unwrap() },
        })
        .collect();
    Account { origin, product, events }
}

/// Li's loan: instalment 6 of 12 was missed.
pub fn li_account() -> Account {
    account(1_200_000, "0.144", 12, ("2026-01-15", "2026-02-15"), 5)
}

/// Zhang's loan: instalment 9 of 24 was missed.
pub fn zhang_account() -> Account {
    account(2_400_000, "0.18", 24, ("2025-10-15", "2025-11-15"), 8)
}

/// Li asks for a deferral of three months.
pub fn li() -> policy::Facts {
    let month = |minor, from_month, months| MonthlyAmount { amount: Amount::new(minor), from_month, months };
    let document = |id: &str, evidence_type| EvidenceFact {
        evidence_id: id.into(),
        evidence_type,
        state: EvidenceState::Received,
        passed_automatic_checks: true,
        duplicate_of_other_borrower: false,
        submitter_is_not_borrower: false,
        issuer_denies: false,
    };
    let facts = Facts {
        case_id: "app-li".into(),
        borrower_id: "li".into(),
        as_of: "2026-07-20".parse().unwrap(),
        loan: LoanFacts { loan_id: "loan-li".into(), account: li_account(), closed: false },
        reason: HardshipReason::CaringDependant,
        hardship_end: None,
        statement: StatementOfAffairs {
            declared_income: vec![month(900_000, 0, 0)],
            verified_income: vec![month(900_000, 0, 0)],
            essentials: vec![month(650_000, 0, 0), month(260_000, 0, 3)],
            adults: 1,
            ..StatementOfAffairs::default()
        },
        evidence: vec![
            document("ev-1", EvidenceType::DiagnosisCertificate),
            document("ev-2", EvidenceType::HospitalBill),
        ],
        flags: CaseFlags::default(),
        prior: PriorRelief::default(),
        proposal: Some(Proposal {
            measures: vec![ProposedMeasure::Deferral { months: 3, interest: None }],
            first_payment: None,
        }),
        other_own_balance: Amount::ZERO,
        submitter_is_not_borrower: false,
    };
    wire::facts_out(&facts)
}

/// The same case with every amount in another currency.
pub fn li_in(currency: &str) -> policy::Facts {
    let mut facts = li();
    let change = |money: &mut Option<api::leeway::common::v1::Money>| {
        if let Some(money) = money {
            money.currency_code = currency.to_owned();
        }
    };
    let loan = facts.loan.as_mut().unwrap();
    change(&mut loan.contract.as_mut().unwrap().principal);
    for event in &mut loan.events {
        if let Some(api::leeway::common::v1::loan_event::Kind::Payment(payment)) = &mut event.kind {
            change(&mut payment.amount);
        }
    }
    let statement = facts.statement.as_mut().unwrap();
    let lists = [&mut statement.declared_income, &mut statement.verified_income, &mut statement.essentials];
    for entry in lists.into_iter().flatten() {
        change(&mut entry.amount);
    }
    change(&mut statement.priority_debt_payments);
    change(&mut statement.other_debt_balance);
    change(&mut facts.other_own_balance);
    facts
}

/// A case without documents, which costs little to assess: 1,500.00 of income are verified and `declared` is stated.
pub fn lean(case_id: &str, declared: i64) -> policy::Facts {
    let mut facts = li();
    facts.case_id = case_id.to_owned();
    facts.evidence.clear();
    facts.proposal = None;
    let statement = facts.statement.as_mut().unwrap();
    statement.essentials.truncate(1);
    let amounts = [
        (&mut statement.verified_income, 150_000),
        (&mut statement.declared_income, declared),
        (&mut statement.essentials, 90_000),
    ];
    for (entries, minor) in amounts {
        entries[0].amount.as_mut().unwrap().minor_units = minor;
    }
    facts
}
