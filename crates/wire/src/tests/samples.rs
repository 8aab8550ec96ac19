//! Values that use every field.

use assessment::*;
use loan::{
    Account, Amortisation, Amount, Contract, Currency, Date, DeferralInterest, Event, EventKind, Extension,
    InterestScope, Measure, Origin, Overpayment, Parts, Product, Rate, Ratio, ReAgeOver, ReducedPayment,
    ReductionInterest, ShortfallOver, StatedRow, Terms,
};

pub fn cny() -> Currency {
    Currency::parse("CNY").unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn amount(minor: i64) -> Amount {
    Amount::new(minor)
}

pub fn ratio(text: &str) -> Ratio {
    Ratio::parse(text).unwrap()
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

/// Every measure in every shape that a message can carry.
pub fn measures() -> Vec<Measure> {
    vec![
        Measure::WaivePenalty { share: ratio("0.5") },
        Measure::WaiveInterest { scope: InterestScope::Overdue, share: ratio("0.25") },
        Measure::WaiveInterest { scope: InterestScope::Future, share: ratio("1") },
        Measure::WaiveInterest { scope: InterestScope::All, share: ratio("1") },
        Measure::ForgivePrincipal { share: ratio("0.05") },
        Measure::ReAge { over: ReAgeOver::NextRows(3) },
        Measure::ReAge { over: ReAgeOver::Remaining },
        Measure::ReAge { over: ReAgeOver::End },
        Measure::Deferral { months: 3, interest: DeferralInterest::None },
        Measure::Deferral { months: 12, interest: DeferralInterest::Paid },
        Measure::Deferral { months: 1, interest: DeferralInterest::Spread },
        Measure::Deferral { months: 2, interest: DeferralInterest::AtEnd },
        Measure::PaymentReduction {
            pay: ReducedPayment::Factor(ratio("0.5")),
            instalments: 3,
            shortfall_over: ShortfallOver::Rows(6),
            interest: ReductionInterest::None,
        },
        Measure::PaymentReduction {
            pay: ReducedPayment::Amount(amount(59_909)),
            instalments: 24,
            shortfall_over: ShortfallOver::ToEnd,
            interest: ReductionInterest::Contract,
        },
        Measure::TermExtension { by: Extension::Instalments(60) },
        Measure::TermExtension { by: Extension::TargetPayment(amount(50_000)) },
        Measure::RateReduction { rate: rate("0.08"), until: Some(day("2027-01-15")) },
        Measure::RateReduction { rate: rate("0"), until: None },
        Measure::Settlement { principal_share: ratio("0.95"), pay_by: day("2026-07-20"), parts: 1 },
        Measure::TokenPayments { amount: amount(10_000), months: 6 },
    ]
}

pub fn contract() -> Contract {
    Contract {
        currency: cny(),
        principal: amount(1_200_000),
        annual_rate: rate("0.144"),
        amortisation: Amortisation::EqualInstalments,
        instalments: 12,
        interest_from: day("2026-01-15"),
        first_due: day("2026-02-15"),
        anchor_day: None,
        instalment_multiple_of: None,
    }
}

pub fn product() -> Product {
    Product {
        penalty_multiplier: ratio("1.5"),
        cost_cap: rate("0.24"),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceLast,
    }
}

/// A loan with stated rows and one event of every kind that a message can carry.
pub fn account() -> Account {
    let row = |nr: u32, due: &str, principal: i64| StatedRow {
        nr,
        due: day(due),
        principal: amount(principal),
        interest: amount(1_000),
        fee: amount(50),
    };
    let rows = vec![row(1, "2026-02-15", 700_000), row(2, "2026-03-15", 500_000)];
    let relief = Terms {
        measures: vec![Measure::Deferral { months: 1, interest: DeferralInterest::None }],
        first_payment: Some(day("2026-04-15")),
    };
    let kinds = [
        ("2026-02-15", EventKind::Payment { id: "pay-1".into(), amount: amount(10_000) }),
        ("2026-02-16", EventKind::PaymentReversed { payment_id: "pay-1".into() }),
        ("2026-02-20", EventKind::Relief { id: "plan-1".into(), terms: relief }),
        ("2026-03-20", EventKind::ReliefUndone { id: "plan-1".into(), kept_to: Some(day("2026-03-19")) }),
    ];
    let midnight: jiff::Timestamp = "2026-07-20T00:00:00Z".parse().unwrap();
    let events = kinds
        .into_iter()
        .enumerate()
        .map(|(index, (effective, kind))| Event {
            effective: day(effective),
            entered: jiff::Timestamp::from_microsecond(midnight.as_microsecond() + index as i64).unwrap(),
            kind,
        })
        .collect();
    Account { origin: Origin::Stated { contract: contract(), rows }, product: product(), events }
}

/// Facts in which nothing is at its default.
pub fn facts() -> Facts {
    let month = |minor, from_month, months| MonthlyAmount { amount: amount(minor), from_month, months };
    Facts {
        case_id: "app-1".into(),
        borrower_id: "li".into(),
        as_of: day("2026-07-20"),
        loan: LoanFacts { loan_id: "loan-1".into(), account: account() },
        reason: HardshipReason::CaringDependant,
        hardship_end: Some(day("2026-10-20")),
        statement: StatementOfAffairs {
            declared_income: vec![month(900_000, 0, 0)],
            verified_income: vec![month(740_000, 0, 3), month(900_000, 3, 0)],
            essentials: vec![month(650_000, 0, 0), month(260_000, 0, 3)],
            priority_debt_payments: amount(1_000),
            other_debt_balance: amount(2_000),
            adults: 2,
            dependants: 1,
            lump_sum: Some(LumpSum {
                amount: amount(440_000),
                source: "sale of a bicycle".into(),
                proved: true,
                borrowed: true,
            }),
        },
        evidence: vec![EvidenceFact {
            evidence_id: "ev-1".into(),
            evidence_type: EvidenceType::HospitalBill,
            state: EvidenceState::Accepted,
            passed_automatic_checks: true,
            duplicate_of_other_borrower: true,
            submitter_is_not_borrower: true,
            issuer_denies: true,
        }],
        flags: CaseFlags {
            moratorium: true,
            vulnerable: true,
            malicious_indicators: vec![MaliciousIndicator::Absconding, MaliciousIndicator::HidingAssets],
            litigation: true,
        },
        prior: PriorRelief { plans_12m: 1, plans_60m: 2, broken_plans_12m: 3, applications: 4 },
        proposal: Some(Proposal {
            measures: vec![ProposedMeasure::Deferral { months: 3, interest: None }],
            first_payment: Some(day("2026-10-15")),
        }),
        other_own_balance: amount(3_000),
        submitter_is_not_borrower: true,
    }
}

fn text(words: &str) -> LocalizedText {
    LocalizedText { zh_cn: format!("{words}（中文）"), en: words.into() }
}

pub fn offer() -> Offer {
    Offer {
        offer_id: "offer-1".into(),
        labels: OfferLabel::ALL.to_vec(),
        terms: Terms {
            measures: vec![
                Measure::WaivePenalty { share: ratio("1") },
                Measure::Deferral { months: 3, interest: DeferralInterest::None },
            ],
            first_payment: Some(day("2026-10-15")),
        },
        instalments: vec![Instalment {
            nr: 6,
            due_date: day("2026-10-15"),
            contract_due_date: day("2026-07-15"),
            principal: amount(99_321),
            interest: amount(8_649),
            fee: amount(1),
            penalty: amount(2),
            relief_interest: amount(3),
            total_due: amount(107_976),
            paid: amount(4),
            waived: amount(5),
            balance_after: amount(621_465),
        }],
        first_payment_date: Some(day("2026-10-15")),
        first_payment: amount(107_970),
        highest_payment: amount(107_976),
        total_to_pay: amount(755_796),
        difference_to_contract: amount(-210),
        waived: Parts { penalty: amount(210), fee: amount(1), interest: amount(2), principal: amount(3) },
        relief_interest: amount(-4),
        end_date: day("2027-04-15"),
        credit_reporting: CreditReporting::Frozen,
        annual_cost: "0.093217".into(),
        required_authority: Authority::OfficerAndSupervisor,
        witness: Witness {
            lender_none: amount(1),
            lender_offer: amount(2),
            borrower_none: amount(3),
            borrower_offer: amount(4),
            lender_gain: amount(-5),
            borrower_gain: amount(6),
        },
        present_value_loss: amount(25_642),
        present_value_loss_share: "0.0356".into(),
        burden: "0.8123".into(),
        breaks_if: text("it breaks"),
    }
}

/// A decision in which every list has an entry.
pub fn decision() -> Decision {
    Decision {
        case_id: "app-1".into(),
        pack_name: "cn-instalment".into(),
        pack_version: "1".into(),
        pack_digest: "ab".repeat(32),
        facts_version: 1,
        engine_version: "1.0.0".into(),
        outcome: Outcome::SpecialistReview,
        required_authority: Authority::Officer,
        decline_reasons: vec![DeclineReason {
            code: DeclineCode::CanAffordCurrent,
            reason: text("why"),
            remedy: text("what would change it"),
        }],
        requested_evidence: vec![EvidenceType::Payslips, EvidenceType::BankStatement],
        offers: vec![offer()],
        proposal: Some(ProposalVerdict {
            outcome: ProposalOutcome::Completed,
            offer_id: "offer-1".into(),
            changes: vec![text("interest: none")],
        }),
        affordability: vec![AffordabilityMonth {
            month: 1,
            income: amount(900_000),
            essentials: amount(910_000),
            surplus: amount(-10_000),
            available: amount(1),
            share: amount(2),
            contract_due: amount(107_970),
        }],
        rules: vec![RuleVerdict {
            rule_id: "R7".into(),
            title: "temporary shock".into(),
            verdict: Verdict::Fired,
            conditions: vec![ConditionVerdict {
                fact: "arrears.dpd_current".into(),
                value: "5 days".into(),
                operator: "<=".into(),
                threshold: "90 days".into(),
                verdict: Verdict::Missed,
                source: "rules.toml:42".into(),
                nearest_flip: "91 days".into(),
            }],
            code: "EVIDENCE_MISSING".into(),
        }],
        derived_facts: [("arrears.dpd_current".to_owned(), "5 days".to_owned())].into(),
        search: SearchWitness { considered: 400, infeasible: 300, dominated: 90, front: 10 },
        as_of: day("2026-07-20"),
    }
}
