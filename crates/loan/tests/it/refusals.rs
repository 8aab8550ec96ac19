//! Every reason to refuse something, provoked, with what it names.

use std::collections::BTreeSet;

use loan::{
    Account, Amortisation, Amount, ArithmeticError, BusinessCalendar, BusinessDayRule, BusinessDays,
    ChargePart, Contract, Conventions, Currency, DeferralInterest, Event, EventKind, Extension, Frequency,
    FrequencyUnit, Grace, LateAllocation, LoanError, Measure, Origin, Part, Product, Rate, Ratio, ReAge,
    ReAgeInterest, ReAgeOver, ReAmortiseInterest, ReducedPayment, ReductionInterest, Reschedule,
    SettlementSum, ShortfallOver, StatedRow, Terms, Waiver, relief as terms_on, schedule,
};
use rust_decimal::Decimal;

use crate::common::*;

fn plain() -> Contract {
    contract("1,200.00", 4, "0.12", "2026-01-15")
}

fn loan() -> Account {
    account(plain())
}

fn with(change: fn(&mut Contract)) -> Contract {
    let mut contract = plain();
    change(&mut contract);
    contract
}

#[test]
fn contracts() {
    let more = Amount::new(loan::contract::MAX_PRINCIPAL_MINOR + 1);
    let table: [(Contract, &str); 26] = [
        (with(|c| c.principal = Amount::ZERO), "principal"),
        (with(|c| c.principal = Amount::new(-1)), "principal"),
        (Contract { principal: more, ..plain() }, "principal"),
        (with(|c| c.annual_rate = rate("-0.000001")), "annual_rate"),
        (with(|c| c.annual_rate = rate("10.000001")), "annual_rate"),
        (with(|c| c.annual_rate = rate("0.1234567890123")), "annual_rate"),
        (with(|c| c.instalments = 0), "instalments"),
        (with(|c| c.instalments = 601), "instalments"),
        (with(|c| c.first_due = c.interest_from), "first_due"),
        (with(|c| c.instalment_multiple_of = Some(Amount::ZERO)), "instalment_multiple_of"),
        (with(|c| c.conventions.frequency.every = 0), "frequency"),
        (with(|c| c.conventions.frequency.every = 13), "frequency"),
        (
            with(|c| c.conventions.frequency = Frequency { every: 53, unit: FrequencyUnit::Weeks }),
            "frequency",
        ),
        (
            with(|c| c.conventions.frequency = Frequency { every: 367, unit: FrequencyUnit::Days }),
            "frequency",
        ),
        (with(|c| c.anchor_day = Some(16)), "anchor_day"),
        (with(|c| c.anchor_day = Some(0)), "anchor_day"),
        (with(|c| c.conventions.down_payment = ratio("1")), "down_payment"),
        (with(|c| c.conventions.down_payment = ratio("-0.01")), "down_payment"),
        (with(|c| c.conventions.grace.principal = 4), "grace"),
        (with(|c| c.conventions.grace.interest_deferred = 4), "grace"),
        (with(|c| c.conventions.fixed_instalment = Some(Amount::ZERO)), "fixed_instalment"),
        (
            Contract {
                amortisation: Amortisation::Flat,
                ..with(|c| c.conventions.fixed_instalment = Some(Amount::new(1)))
            },
            "fixed_instalment",
        ),
        // Every day from the 26th is moved to the 1st.
        (with(closed_week), "business_days"),
        (with(|c| c.instalments = u16::MAX), "instalments"),
        (with(|c| c.principal = Amount::new(i64::MIN)), "principal"),
        (with(|c| c.annual_rate = Rate::from(Decimal::MAX)), "annual_rate"),
    ];
    for (contract, named) in table {
        match schedule::build(&contract) {
            Err(LoanError::ContractInvalid { field, reason }) => {
                assert_eq!(field, named, "{reason}: {contract:?}");
            }
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[test]
fn contracts_at_the_edge() {
    let most = Amount::new(loan::contract::MAX_PRINCIPAL_MINOR);
    let accepted = [
        Contract { principal: most, ..plain() },
        with(|c| c.annual_rate = rate("10")),
        with(|c| c.annual_rate = rate("0.123456789012")),
        with(|c| c.annual_rate = Rate::ZERO),
        with(|c| c.instalments = 600),
        with(|c| c.conventions.grace.principal = 3),
        with(|c| c.conventions.grace.interest_deferred = 3),
        with(|c| c.conventions.grace.interest = 9),
        with(|c| c.conventions.down_payment = ratio("0.99")),
        with(|c| c.instalment_multiple_of = Some(Amount::new(1))),
    ];
    for contract in accepted {
        assert!(schedule::build(&contract).is_ok(), "{contract:?}");
    }
}

fn closed_week(contract: &mut Contract) {
    contract.conventions.frequency = Frequency { every: 1, unit: FrequencyUnit::Days };
    contract.first_due = date("2026-01-26");
    contract.instalments = 3;
    let holidays = (26..=31).map(|day| date(&format!("2026-01-{day}"))).collect();
    let calendar = BusinessCalendar { holidays, ..BusinessCalendar::default() };
    contract.conventions.business_days = Some(BusinessDays { rule: BusinessDayRule::Following, calendar });
}

#[test]
fn contracts_that_no_calendar_or_instalment_fits() {
    let never =
        BusinessCalendar { weekend: (1..=7).collect::<BTreeSet<u8>>(), ..BusinessCalendar::default() };
    let conventions = Conventions {
        business_days: Some(BusinessDays { rule: BusinessDayRule::Preceding, calendar: never }),
        ..Conventions::default()
    };
    let error = schedule::build(&Contract { conventions, ..plain() }).unwrap_err();
    assert_eq!(error, LoanError::NoBusinessDay { near: date("2026-02-15") });

    let late = Contract { interest_from: date("9999-10-15"), first_due: date("9999-11-15"), ..plain() };
    assert_eq!(schedule::build(&late).unwrap_err(), LoanError::DateOutOfRange { date: date("9999-11-15") });

    // 12.00 of interest a month: 12.00 never repays it.
    for (target, instalments) in [("12.00", 600), ("400.00", 3)] {
        let conventions = Conventions { fixed_instalment: Some(money(target)), ..Conventions::default() };
        let error = schedule::build(&Contract { conventions, instalments, ..plain() }).unwrap_err();
        assert_eq!(error, LoanError::TargetTooLow { target: money(target) });
    }
}

#[test]
fn products() {
    let part = |part| vec![part; 4];
    let table = [
        (Product { penalty_multiplier: ratio("-0.1"), ..product() }, "penalty_multiplier"),
        (Product { penalty_multiplier: ratio("10.1"), ..product() }, "penalty_multiplier"),
        (Product { cost_cap: rate("-0.1"), ..product() }, "cost_cap"),
        (Product { cost_cap: rate("10.1"), ..product() }, "cost_cap"),
        (Product { allocation: part(Part::Fee), ..product() }, "allocation"),
        (Product { allocation: Vec::new(), ..product() }, "allocation"),
        (
            Product {
                late_allocation: Some(LateAllocation { beyond_dpd: 1, order: part(Part::Fee) }),
                ..product()
            },
            "late_allocation",
        ),
    ];
    for (product, named) in table {
        match Account::open(Origin::Computed(plain()), product.clone()) {
            Err(LoanError::ProductInvalid { field, .. }) => assert_eq!(field, named),
            other => panic!("{named}: {other:?}"),
        }
    }
    for edge in ["0", "10"] {
        let product = Product { penalty_multiplier: ratio(edge), cost_cap: rate(edge), ..product() };
        assert_eq!(product.check(), Ok(()));
    }
}

#[test]
fn stated_rows_name_the_first_that_does_not_add_up() {
    type Row = (u32, &'static str, i64, i64, i64);
    let too_much = loan::contract::MAX_PRINCIPAL_MINOR + 1;
    let table: [(&[Row], u32, &str); 12] = [
        (&[], 1, "there are no rows"),
        (&[(2, "2026-02-15", 120_000, 0, 0)], 2, "numbers run from 1"),
        (&[(1, "2026-02-15", 60_000, 0, 0), (3, "2026-03-15", 60_000, 0, 0)], 3, "numbers run from 1"),
        (&[(1, "2026-01-15", 120_000, 0, 0)], 1, "does not lie after the one before"),
        (&[(1, "2026-02-15", 60_000, 0, 0), (2, "2026-02-15", 60_000, 0, 0)], 2, "does not lie after"),
        (&[(1, "2026-02-15", -1, 0, 0)], 1, "a part is negative"),
        (&[(1, "2026-02-15", 120_000, -1, 0)], 1, "a part is negative"),
        (&[(1, "2026-02-15", 120_000, 0, -1)], 1, "a part is negative"),
        (&[(1, "2026-02-15", 120_000, too_much, 0)], 1, "above 10^15"),
        (&[(1, "2026-02-15", 120_000, 0, too_much)], 1, "above 10^15"),
        (&[(1, "2026-02-15", 120_000, 0, 0), (2, "2026-03-15", 1, 0, 0)], 2, "exceeds the loan's"),
        (&[(1, "2026-02-15", 60_000, 0, 0), (2, "2026-03-15", 59_999, 0, 0)], 2, "falls short"),
    ];
    for (rows, number, why) in table {
        let stated = |(nr, due, principal, interest, fee): &Row| StatedRow {
            nr: *nr,
            due: date(due),
            principal: Amount::new(*principal),
            interest: Amount::new(*interest),
            fee: Amount::new(*fee),
        };
        let origin = Origin::Stated { contract: plain(), rows: rows.iter().map(stated).collect() };
        match Account::open(origin, product()) {
            Err(LoanError::StatedRowInvalid { nr, reason }) => {
                assert_eq!(nr, number, "{reason}");
                assert!(reason.contains(why), "{reason}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }
}

fn charge(id: &str, due: &str, minor: i64) -> EventKind {
    EventKind::Charge { id: id.to_owned(), part: ChargePart::Fee, due: date(due), amount: Amount::new(minor) }
}

fn back(minor: i64) -> EventKind {
    EventKind::Chargeback { id: "b".to_owned(), amount: Amount::new(minor) }
}

fn undo(id: &str) -> EventKind {
    EventKind::Undone { id: id.to_owned() }
}

fn pause(from: &str, to: &str) -> EventKind {
    EventKind::InterestPaused { id: "n".to_owned(), from: date(from), to: date(to) }
}

fn reschedule(from: &str, change: fn(&mut Reschedule)) -> EventKind {
    let mut reschedule = Reschedule {
        from: date(from),
        new_due: None,
        extra_instalments: 0,
        grace_on_principal: 0,
        grace_on_interest: 0,
        annual_rate: None,
    };
    change(&mut reschedule);
    EventKind::Reschedule { id: "n".to_owned(), change: reschedule }
}

fn re_age(first_due: &str, instalments: u16, every: u16) -> EventKind {
    let frequency = Frequency { every, unit: FrequencyUnit::Months };
    let interest = ReAgeInterest::Default;
    let re_age = ReAge { first_due: date(first_due), instalments, frequency, interest };
    EventKind::ReAge { id: "n".to_owned(), re_age }
}

/// Row 1 is paid; a fee of 20 February stands, one of the 21st was undone.
fn lived() -> Account {
    record(
        &loan(),
        [
            payment("2026-02-15", "paid", "307.54"),
            event("2026-02-20", charge("fee", "2026-03-01", 500)),
            event("2026-02-21", charge("gone", "2026-03-01", 500)),
            event("2026-02-22", undo("gone")),
        ],
    )
}

fn refuse(table: Vec<(&str, EventKind, &str, &str)>) {
    for (on, kind, code, named) in table {
        let error = lived().record(event(on, kind.clone())).unwrap_err();
        assert_eq!(error.code(), code, "{error}: {kind:?}");
        assert!(error.to_string().contains(named), "{error}: {named}");
    }
}

#[test]
fn entries() {
    let stop = |id: &str| EventKind::Terminated { id: id.to_owned() };
    let pay_off = |minor| EventKind::PayOff { id: "n".to_owned(), amount: Amount::new(minor) };
    let too_long = loan::contract::MAX_PRINCIPAL_MINOR + 1;
    refuse(vec![
        ("2026-01-14", charge("n", "2026-03-01", 1), "EVENT_BEFORE_LOAN", "2026-01-14"),
        ("2026-02-14", charge("n", "2026-01-14", 1), "EVENT_BEFORE_LOAN", "2026-01-14"),
        ("2026-02-14", charge("n", "2026-03-14", 0), "PAYMENT_NOT_POSITIVE", "`0`"),
        ("2026-02-14", charge("n", "2026-03-14", too_long), "PAYMENT_NOT_POSITIVE", "1000000000000001"),
        ("2026-02-14", back(-1), "PAYMENT_NOT_POSITIVE", "`-1`"),
        ("2026-02-14", pay_off(0), "PAYMENT_NOT_POSITIVE", "`0`"),
        ("2026-02-14", charge("fee", "2026-03-14", 1), "DUPLICATE_ID", "fee"),
        ("2026-02-14", stop("paid"), "DUPLICATE_ID", "paid"),
        ("2026-02-14", back(1), "CHANGE_INVALID", "takes back more than was paid"),
        ("2026-02-16", back(30_755), "CHANGE_INVALID", "takes back more than was paid"),
        (
            "2026-02-25",
            pay_off(100),
            "PAY_OFF_DIFFERS",
            "`100` minor units don't pay off the loan on `2026-02-25`",
        ),
        ("2026-02-25", undo("nobody"), "CHANGE_UNKNOWN", "nobody"),
        ("2026-02-25", undo("paid"), "CHANGE_UNKNOWN", "paid"),
        ("2026-02-25", undo("gone"), "CHANGE_UNKNOWN", "gone"),
        ("2026-02-19", undo("fee"), "CHANGE_UNKNOWN", "2026-02-19"),
        ("2026-02-25", pause("2026-03-02", "2026-03-01"), "PERIOD_REVERSED", "2026-03-02"),
    ]);
}

#[test]
fn changes() {
    refuse(vec![
        ("2026-02-25", reschedule("2026-05-16", |_| {}), "CHANGE_INVALID", "2026-05-16"),
        (
            "2026-02-25",
            reschedule("2026-03-15", |change| change.new_due = Some(date("2026-02-15"))),
            "CHANGE_INVALID",
            "2026-02-15",
        ),
        (
            "2026-02-25",
            reschedule("2026-03-15", |change| change.annual_rate = Some(rate("10.1"))),
            "CHANGE_INVALID",
            "0 to 10",
        ),
        (
            "2026-02-25",
            reschedule("2026-03-15", |change| change.annual_rate = Some(rate("-0.1"))),
            "CHANGE_INVALID",
            "0 to 10",
        ),
        (
            "2026-02-25",
            reschedule("2026-03-15", |change| change.annual_rate = Some(rate("0.1234567890123"))),
            "CHANGE_INVALID",
            "12 places",
        ),
        (
            "2026-02-25",
            reschedule("2026-03-15", |change| change.extra_instalments = 597),
            "CHANGE_INVALID",
            "600",
        ),
        ("2026-02-25", re_age("2026-04-15", 0, 1), "CHANGE_INVALID", "600"),
        ("2026-02-25", re_age("2026-04-15", 600, 1), "CHANGE_INVALID", "600"),
        ("2026-02-25", re_age("2026-02-24", 3, 1), "CHANGE_INVALID", "2026-02-24"),
        ("2026-02-25", re_age("2026-04-15", 3, 13), "CHANGE_INVALID", "12 months"),
        (
            "2026-06-01",
            EventKind::ReAmortise { id: "n".to_owned(), interest: ReAmortiseInterest::Default },
            "CHANGE_INVALID",
            "2026-06-01",
        ),
    ]);
}

#[test]
fn events_at_the_edge() {
    for (on, kind) in [
        ("2026-02-15", back(30_754)),
        ("2026-02-20", undo("fee")),
        ("2026-02-25", pause("2026-03-01", "2026-03-01")),
        ("2026-02-25", reschedule("2026-03-15", |change| change.extra_instalments = 596)),
        ("2026-02-25", reschedule("2026-03-15", |change| change.new_due = Some(date("2026-02-16")))),
        ("2026-02-25", re_age("2026-02-25", 3, 12)),
    ] {
        assert!(lived().record(event(on, kind.clone())).is_ok(), "{kind:?}");
    }
}

#[test]
fn nothing_is_left_to_change_on_a_closed_loan() {
    let closed = record(&loan(), [payment("2026-02-01", "all", "2,000.00")]);
    let date_of = "2026-03-01";
    let kinds = [
        reschedule("2026-03-15", |_| {}),
        re_age("2026-04-15", 3, 1),
        pause("2026-03-01", "2026-03-02"),
        EventKind::ReAmortise { id: "n".to_owned(), interest: ReAmortiseInterest::Default },
        EventKind::Terminated { id: "n".to_owned() },
    ];
    for kind in kinds {
        let error = closed.record(event(date_of, kind)).unwrap_err();
        assert_eq!(error, LoanError::NothingOpen { date: date(date_of) });
    }
}

#[test]
fn terms_out_of_range() {
    let on = date("2026-02-20");
    let reduction = |pay, instalments, rows| Measure::PaymentReduction {
        pay,
        instalments,
        shortfall_over: ShortfallOver::Rows(rows),
        interest: ReductionInterest::None,
    };
    let half = ReducedPayment::Factor(ratio("0.5"));
    let settlement = |sum, pay_by: &str, parts| Measure::Settlement { sum, pay_by: date(pay_by), parts };
    let all = SettlementSum::PrincipalShare(Ratio::ONE);
    let table = [
        (Measure::WaivePenalty { waiver: Waiver::Amount(Amount::new(-1)) }, "amount must not be negative"),
        (Measure::ForgivePrincipal { share: ratio("1.1") }, "share must be 0 to 1"),
        (Measure::ReAge { over: ReAgeOver::NextRows(0) }, "at least one instalment"),
        (Measure::Deferral { months: 0, interest: DeferralInterest::None }, "at least one month"),
        (reduction(ReducedPayment::Factor(ratio("1.1")), 1, 1), "factor must be 0 to 1"),
        (reduction(ReducedPayment::Amount(Amount::new(-1)), 1, 1), "amount must not be negative"),
        (reduction(half, 0, 1), "at least one instalment"),
        (reduction(half, 1, 0), "at least one instalment"),
        (Measure::TermExtension { by: Extension::Instalments(0) }, "at least one instalment"),
        (Measure::TermExtension { by: Extension::TargetPayment(Amount::ZERO) }, "target must be positive"),
        (Measure::RateReduction { rate: rate("-0.1"), until: None }, "rate must not be negative"),
        (
            Measure::RateReduction { rate: rate("0.1"), until: Some(date("2026-02-19")) },
            "ends before it starts",
        ),
        (Measure::RateReduction { rate: rate("0.121"), until: None }, "above the contract rate"),
        (settlement(SettlementSum::PrincipalShare(ratio("1.1")), "2026-03-20", 1), "share must be 0 to 1"),
        (settlement(SettlementSum::Sum(Amount::new(-1)), "2026-03-20", 1), "sum must not be negative"),
        (settlement(all, "2026-02-19", 1), "pay-by date lies in the past"),
        (settlement(all, "2026-03-20", 0), "at least one part"),
        (settlement(all, "2026-03-19", 2), "first part would lie in the past"),
        (Measure::TokenPayments { amount: Amount::new(-1), months: 1 }, "amount must not be negative"),
        (Measure::TokenPayments { amount: Amount::ZERO, months: 0 }, "at least one month"),
        (Measure::TermExtension { by: Extension::Instalments(597) }, "more than 600 instalments"),
    ];
    for (measure, why) in table {
        let error = loan().preview(&terms(vec![measure.clone()], None), on).unwrap_err();
        assert_eq!(error.code(), "TERMS_INVALID", "{measure:?}");
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains(measure.name()) || why.contains("600"), "{error}");
    }
    let forgive = Measure::ForgivePrincipal { share: ratio("0.1") };
    let by_sum = settlement(SettlementSum::Sum(Amount::new(1)), "2026-03-20", 1);
    let error = loan().preview(&terms(vec![by_sum, forgive], None), on).unwrap_err();
    assert!(error.to_string().contains("beside a settlement by sum"), "{error}");
    let target = Measure::TermExtension { by: Extension::TargetPayment(Amount::new(5)) };
    let error = loan().preview(&terms(vec![target], None), on).unwrap_err();
    assert_eq!(error, LoanError::TargetTooLow { target: Amount::new(5) });
    let error = loan().preview(&terms(vec![reduction(half, 3, 2)], None), on).unwrap_err();
    assert_eq!(error, LoanError::NotEnoughInstalments { needed: 5, open: 4 });
}

/// A state that was tampered with doesn't add up, whatever is asked of it.
#[test]
fn states_that_do_not_add_up() {
    let on = date("2026-02-20");
    let deferral = terms(vec![Measure::Deferral { months: 1, interest: DeferralInterest::None }], None);
    let apply = |change: fn(&mut loan::State)| {
        let mut state = state(&loan(), "2026-02-20");
        change(&mut state);
        terms_on::apply(&state, &plain(), &deferral, on)
    };
    assert!(apply(|_| {}).is_ok());
    let more_owed = apply(|state| state.owed.interest = money("99.00")).unwrap_err();
    assert_eq!(more_owed.code(), "NOT_CONSERVED");
    assert!(more_owed.to_string().starts_with("relief: `"), "{more_owed}");
    let less_principal = apply(|state| state.principal_left = money("1.00")).unwrap_err();
    assert_eq!(less_principal.code(), "NOT_CONSERVED");
    let negative = apply(|state| {
        state.rows[0].row.fee = money("-5.00");
        state.owed.fee = money("-5.00");
    });
    assert_eq!(negative.unwrap_err(), LoanError::NegativePart { nr: 1, amount: money("-5.00") });
}

#[test]
fn texts_and_sums() {
    let unreadable = |what, text: &str| LoanError::Unreadable { what, text: text.to_owned() };
    assert_eq!(Amount::parse("1.005", cny()), Err(unreadable("money amount", "1.005")));
    assert_eq!(Currency::parse("yuan"), Err(unreadable("currency code", "yuan")));
    assert_eq!(Ratio::parse("half"), Err(unreadable("ratio", "half")));
    assert_eq!(Rate::parse("12%"), Err(unreadable("rate", "12%")));
    let most = Amount::new(i64::MAX);
    assert_eq!(most.add(Amount::new(1)).map_err(LoanError::from).unwrap_err().code(), "ARITHMETIC_OVERFLOW");
    let none = most.equal_shares(0).unwrap_err();
    assert_eq!(none, ArithmeticError::DivisionByZero);
    assert_eq!(LoanError::from(none).code(), "DIVISION_BY_ZERO");
    let other =
        terms_on::apply(&state(&loan(), "2026-02-19"), &plain(), &Terms::default(), date("2026-02-20"));
    assert_eq!(
        other.unwrap_err(),
        LoanError::StateOfOtherDay { state: date("2026-02-19"), on: date("2026-02-20") }
    );
}

/// Sums beyond 64 bits are refused, whatever brought them there.
#[test]
fn sums_beyond_the_range() {
    let most = loan::contract::MAX_PRINCIPAL_MINOR;
    let wide = Contract {
        principal: Amount::new(most),
        annual_rate: rate("10"),
        conventions: Conventions {
            grace: Grace { interest_deferred: 500, ..Grace::default() },
            ..Conventions::default()
        },
        ..contract("1.00", 600, "0", "2026-01-15")
    };
    let interest_only = Contract { amortisation: Amortisation::InterestOnly, ..wide };
    let rows = schedule::build(&interest_only).unwrap();
    let interest = Amount::try_sum(rows.iter().map(|row| row.interest)).unwrap();
    // 600 months of 10/12 each, a third of a cent rounded off.
    assert_eq!(interest.minor(), most * 10 / 12 * 600);
    let flooded = (0..9_300).fold(account(contract("1.00", 1, "0", "2026-01-15")), |mut account, index| {
        account.events.push(Event {
            kind: EventKind::Payment { id: format!("p{index}"), amount: Amount::new(most) },
            ..event("2026-02-01", charge("x", "2026-03-01", 1))
        });
        account
    });
    assert_eq!(flooded.state(date("2026-02-01")).unwrap_err().code(), "ARITHMETIC_OVERFLOW");
}

/// Six hundred rows and parts of 10^15 are the most there may be.
#[test]
fn stated_rows_at_the_edge() {
    let most = Amount::new(loan::contract::MAX_PRINCIPAL_MINOR);
    let open = |count: u32| {
        let row = |nr: u32| StatedRow {
            nr,
            due: loan::calendar::days_after(date("2026-01-15"), i32::try_from(nr).unwrap()).unwrap(),
            principal: if nr == count { money("1,200.00") } else { Amount::ZERO },
            interest: if nr == 1 { most } else { Amount::ZERO },
            fee: if nr == 1 { most } else { Amount::ZERO },
        };
        Account::open(Origin::Stated { contract: plain(), rows: (1..=count).map(row).collect() }, product())
    };
    assert!(open(600).is_ok());
    let error = open(601).unwrap_err();
    assert!(error.to_string().starts_with("stated row `601` does not add up"), "{error}");
}

#[test]
fn six_hundred_instalments_are_the_most_that_changes_leave() {
    let add =
        |extra: fn(&mut Reschedule)| lived().record(event("2026-02-25", reschedule("2026-03-15", extra)));
    assert!(add(|change| change.extra_instalments = 596).is_ok());
    assert!(add(|change| change.extra_instalments = 597).is_err());
    let age = |instalments| lived().record(event("2026-02-25", re_age("2026-02-25", instalments, 1)));
    // Rows 1 and 2 stay: what was paid, and the running one.
    assert!(age(596).is_ok());
    assert!(age(597).is_err());
    let extend = |extra| {
        let by = Extension::Instalments(extra);
        loan().preview(&terms(vec![Measure::TermExtension { by }], None), date("2026-02-20"))
    };
    assert!(extend(596).is_ok());
    assert!(extend(597).is_err());
}
