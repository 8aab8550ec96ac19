//! Packs and cases shared by the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assessment::{
    CaseFlags, EvidenceFact, EvidenceState, EvidenceType, Facts, HardshipReason, LoanFacts, LumpSum,
    MonthlyAmount, Pack, PackFiles, PriorRelief, Proposal, ProposedMeasure, ProposedPay, StatementOfAffairs,
    load_pack,
};
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Currency, Date, Event, EventKind, Origin,
    OverdueInterest, Overpayment, Part, PayOffInterest, Product, Rate, Ratio,
};

/// The bytes of a pack that ships.
pub fn files(name: &str) -> PackFiles {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../policy/packs")).join(name);
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    PackFiles(found)
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

pub fn pack(name: &str) -> Pack {
    load_pack(&files(name)).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// Major units with two decimal places.
pub fn money(text: &str) -> Amount {
    Amount::parse(text, Currency::parse("CNY").unwrap()).unwrap()
}

pub fn product() -> Product {
    Product {
        penalty_multiplier: Ratio::parse("1.5").unwrap(),
        cost_cap: Rate::parse("0.24").unwrap(),
        allocation: vec![Part::Penalty, Part::Fee, Part::Interest, Part::Principal],
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    }
}

/// A loan of which the first `paid` instalments were paid on their due dates.
pub fn account(contract: Contract, paid: usize) -> Account {
    let origin = Origin::Computed(contract);
    let rows = origin.rows().unwrap();
    let mut account = Account::open(origin, product()).unwrap();
    for row in rows.iter().take(paid) {
        let kind = EventKind::Payment { id: format!("p{}", row.nr), amount: row.total().unwrap() };
        let entered = jiff::Timestamp::UNIX_EPOCH;
        account = account.record(Event { effective: row.due, entered, kind }).unwrap();
    }
    account
}

/// The same loan in the currency of a pack; events and amounts stay.
pub fn in_currency_of(pack_name: &str, mut account: Account) -> Account {
    let mut contract = account.contract().clone();
    contract.currency = pack(pack_name).currency;
    account.origin = Origin::Computed(contract);
    account
}

pub fn contract(principal: &str, rate: &str, instalments: u16, interest_from: &str) -> Contract {
    let interest_from = date(interest_from);
    Contract {
        currency: Currency::parse("CNY").unwrap(),
        principal: money(principal),
        annual_rate: Rate::parse(rate).unwrap(),
        amortisation: Amortisation::EqualInstalments,
        instalments,
        interest_from,
        first_due: loan::calendar::month_after(15, interest_from, 1).unwrap(),
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    }
}

pub fn monthly(amount: &str, from_month: u32, months: u32) -> MonthlyAmount {
    MonthlyAmount { amount: money(amount), from_month, months }
}

pub fn document(evidence_type: EvidenceType) -> EvidenceFact {
    EvidenceFact {
        evidence_id: format!("ev-{}", evidence_type.as_str()),
        evidence_type,
        state: EvidenceState::Received,
        passed_automatic_checks: true,
        duplicate_of_other_borrower: false,
        submitter_is_not_borrower: false,
        issuer_denies: false,
    }
}

fn facts(case_id: &str, as_of: &str, account: Account) -> Facts {
    Facts {
        case_id: case_id.to_owned(),
        borrower_id: format!("borrower-{case_id}"),
        as_of: date(as_of),
        loan: LoanFacts { loan_id: format!("loan-{case_id}"), account, closed: false },
        reason: HardshipReason::Other,
        hardship_end: None,
        statement: StatementOfAffairs { adults: 1, ..StatementOfAffairs::default() },
        evidence: Vec::new(),
        flags: CaseFlags::default(),
        prior: PriorRelief::default(),
        proposal: None,
        other_own_balance: Amount::ZERO,
        submitter_is_not_borrower: false,
    }
}

pub fn deferral(months: u8) -> Proposal {
    Proposal { measures: vec![ProposedMeasure::Deferral { months, interest: None }], first_payment: None }
}

pub fn li() -> Facts {
    let account = account(contract("12000.00", "0.144", 12, "2026-01-15"), 5);
    let mut facts = facts("li", "2026-07-20", account);
    facts.reason = HardshipReason::CaringDependant;
    facts.evidence = vec![document(EvidenceType::DiagnosisCertificate), document(EvidenceType::HospitalBill)];
    facts.statement.declared_income = vec![monthly("9000.00", 0, 0)];
    facts.statement.verified_income = vec![monthly("9000.00", 0, 0)];
    facts.statement.essentials = vec![monthly("6500.00", 0, 0), monthly("2600.00", 0, 3)];
    facts.proposal = Some(deferral(3));
    facts
}

pub fn zhang() -> Facts {
    let account = account(contract("24000.00", "0.18", 24, "2025-10-15"), 8);
    let mut facts = facts("zhang", "2026-07-20", account);
    facts.reason = HardshipReason::PaymentDelayed;
    facts.evidence = vec![document(EvidenceType::BankStatement)];
    facts.statement.declared_income = vec![monthly("7400.00", 0, 3), monthly("9000.00", 3, 0)];
    facts.statement.verified_income = facts.statement.declared_income.clone();
    facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
    facts.proposal = Some(Proposal {
        measures: vec![ProposedMeasure::PaymentReduction {
            pay: ProposedPay::Factor(Ratio::parse("0.5").unwrap()),
            instalments: 3,
            shortfall_rows: None,
            interest: None,
        }],
        first_payment: None,
    });
    facts
}

pub fn wang() -> Facts {
    let account = account(contract("6000.00", "0.12", 12, "2026-01-15"), 3);
    let mut facts = facts("wang", "2026-06-20", account);
    facts.reason = HardshipReason::EducationCosts;
    facts.evidence = vec![document(EvidenceType::SchoolHardshipCertificate)];
    facts.statement.declared_income = vec![monthly("1500.00", 0, 0)];
    facts.statement.verified_income = vec![monthly("1500.00", 0, 0)];
    facts.statement.essentials = vec![monthly("1200.00", 0, 0)];
    facts.statement.lump_sum = Some(LumpSum {
        amount: money("4400.00"),
        source: "family".to_owned(),
        proved: true,
        borrowed: false,
    });
    facts
}
