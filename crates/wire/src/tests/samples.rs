//! Values that use every field.

use assessment::*;
use loan::{
    Account, Accrual, Amortisation, Amount, BusinessCalendar, BusinessDayRule, BusinessDays, ChargePart,
    Contract, Conventions, Currency, Date, DayCount, DeferralInterest, Event, EventKind, Extension,
    Frequency, FrequencyUnit, Grace, InterestScope, LateAllocation, Measure, Origin, OverdueInterest,
    Overpayment, Part, Parts, PayOffInterest, Product, Rate, Ratio, ReAge, ReAgeInterest, ReAgeOver,
    ReAmortiseInterest, ReducedPayment, ReductionInterest, Reschedule, Rounding, RoundingPoint,
    SettlementSum, ShortfallOver, StatedRow, Terms, Waiver,
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
        Measure::WaivePenalty { waiver: Waiver::Share(ratio("0.5")) },
        Measure::WaivePenalty { waiver: Waiver::Amount(amount(210)) },
        Measure::WaiveInterest { scope: InterestScope::Overdue, waiver: Waiver::Share(ratio("0.25")) },
        Measure::WaiveInterest { scope: InterestScope::Future, waiver: Waiver::ALL },
        Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::Amount(amount(1)) },
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
        Measure::Settlement {
            sum: SettlementSum::PrincipalShare(ratio("0.95")),
            pay_by: day("2026-07-20"),
            parts: 1,
        },
        Measure::Settlement { sum: SettlementSum::Sum(amount(433_817)), pay_by: day("2026-09-20"), parts: 3 },
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
        conventions: Conventions::default(),
    }
}

/// A contract in which nothing is at its default: every other week, by exact days, on business days.
pub fn rich_contract() -> Contract {
    Contract {
        anchor_day: Some(15),
        instalment_multiple_of: Some(amount(100)),
        conventions: Conventions {
            frequency: Frequency { every: 2, unit: FrequencyUnit::Weeks },
            accrual: Accrual::Daily,
            day_count: DayCount::ACTUAL_365_FIXED,
            rounding: Rounding::HalfUp,
            rounding_point: RoundingPoint::SubPeriod,
            grace: Grace { principal: 3, interest: 2, interest_deferred: 1 },
            down_payment: ratio("0.25"),
            fixed_instalment: Some(amount(100_000)),
            business_days: Some(BusinessDays {
                rule: BusinessDayRule::ModifiedFollowing,
                calendar: BusinessCalendar {
                    weekend: [6, 7].into(),
                    holidays: [day("2026-10-01"), day("2026-10-02")].into(),
                    working_days: [day("2026-10-10")].into(),
                },
            }),
        },
        ..contract()
    }
}

pub fn product() -> Product {
    Product {
        penalty_multiplier: ratio("1.5"),
        cost_cap: rate("0.24"),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceLast,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    }
}

/// Product settings in which nothing is at its default.
pub fn rich_product() -> Product {
    Product {
        allocation: vec![Part::Principal, Part::Interest, Part::Fee, Part::Penalty],
        late_allocation: Some(LateAllocation {
            beyond_dpd: 90,
            order: vec![Part::Fee, Part::Principal, Part::Interest, Part::Penalty],
        }),
        overdue_interest: OverdueInterest::ContractRate,
        pay_off_interest: PayOffInterest::ToPeriodEnd,
        ..product()
    }
}

/// An event of every kind, in every shape that a message can carry, so that each id is new and each reference known.
pub fn kinds() -> Vec<EventKind> {
    let reschedule = Reschedule {
        from: day("2026-05-15"),
        new_due: Some(day("2026-06-15")),
        extra_instalments: 2,
        grace_on_principal: 1,
        grace_on_interest: 3,
        annual_rate: Some(rate("0.12")),
    };
    let only_rate = Reschedule {
        new_due: None,
        extra_instalments: 0,
        grace_on_principal: 0,
        grace_on_interest: 0,
        ..reschedule.clone()
    };
    let re_age = |interest| ReAge {
        first_due: day("2026-06-15"),
        instalments: 6,
        frequency: Frequency { every: 14, unit: FrequencyUnit::Days },
        interest,
    };
    let id = str::to_owned;
    let charge =
        |name, part| EventKind::Charge { id: id(name), part, due: day("2026-05-15"), amount: amount(500) };
    let undone = |name| EventKind::Undone { id: id(name) };
    vec![
        EventKind::Payment { id: id("pay-1"), amount: amount(10_000) },
        EventKind::PaymentReversed { payment_id: id("pay-1") },
        charge("charge-1", ChargePart::Penalty),
        charge("charge-2", ChargePart::Fee),
        EventKind::Chargeback { id: id("back-1"), amount: amount(300) },
        EventKind::Reschedule { id: id("move-1"), change: reschedule },
        EventKind::Reschedule { id: id("move-2"), change: only_rate },
        EventKind::ReAge { id: id("age-1"), re_age: re_age(ReAgeInterest::Default) },
        EventKind::ReAge { id: id("age-2"), re_age: re_age(ReAgeInterest::EqualPayable) },
        EventKind::ReAge { id: id("age-3"), re_age: re_age(ReAgeInterest::EqualFull) },
        EventKind::ReAmortise { id: id("fold-1"), interest: ReAmortiseInterest::Default },
        EventKind::ReAmortise { id: id("fold-2"), interest: ReAmortiseInterest::Waived },
        EventKind::ReAmortise { id: id("fold-3"), interest: ReAmortiseInterest::EqualShares },
        EventKind::InterestPaused { id: id("pause-1"), from: day("2026-05-01"), to: day("2026-05-01") },
        EventKind::Terminated { id: id("end-1") },
        undone("end-1"),
        undone("pause-1"),
        undone("fold-3"),
        undone("age-3"),
        undone("move-2"),
        undone("charge-2"),
        undone("back-1"),
        EventKind::PayOff { id: id("off-1"), amount: amount(1_000) },
        undone("off-1"),
        EventKind::PayOff { id: id("off-2"), amount: amount(1_000) },
        EventKind::PaymentReversed { payment_id: id("off-2") },
        EventKind::Relief {
            id: id("plan-1"),
            terms: Terms { measures: measures().into_iter().take(1).collect(), first_payment: None },
        },
        EventKind::ReliefUndone { id: id("plan-1"), kept_to: None },
        EventKind::PenaltySuspended { from: day("2026-05-01"), to: day("2026-05-02") },
    ]
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
        loan: LoanFacts { loan_id: "loan-1".into(), account: account(), closed: true },
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
                Measure::WaivePenalty { waiver: Waiver::ALL },
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
