//! Entries that count from before relief was accepted: the money came, so it is never refused.

use loan::{
    Accrual, ChargePart, DeferralInterest, EventKind, Measure, Origin, OverdueInterest, Parts,
    PayOffInterest, ReAgeOver, ReducedPayment, ReductionInterest, ShortfallOver, VersionCause,
};

use super::common::{account, contract, date, event, money, payment, ratio, terms, waive_penalty};

#[test]
fn relief_is_fitted_to_the_rows_that_a_late_entry_leaves() {
    let re_age = Measure::ReAge { over: ReAgeOver::NextRows(8) };
    let reduction = Measure::PaymentReduction {
        pay: ReducedPayment::Factor(ratio("0.5")),
        instalments: 4,
        shortfall_over: ShortfallOver::Rows(5),
        interest: ReductionInterest::None,
    };
    let tokens = Measure::TokenPayments { amount: money("5.00"), months: 7 };
    let deferral = Measure::Deferral { months: 2, interest: DeferralInterest::None };
    // Overdue on 2026-05-20: rows 2 to 4; to come: 5 to 12.
    let table = [
        ("re-age over eight, three left to come", vec![re_age], "900.00"),
        ("reduction and its shortfall over nine, three left", vec![reduction], "900.00"),
        ("token payments of seven, one left", vec![tokens], "1090.00"),
        ("deferral", vec![deferral], "900.00"),
        ("nothing left", vec![Measure::ReAge { over: ReAgeOver::NextRows(8) }], "1400.00"),
    ];
    for (what, measures, late) in table {
        let plan = terms([vec![waive_penalty()], measures].concat(), None);
        let relief = EventKind::Relief { id: "plan".into(), terms: plan };
        let loan = account(contract("1200.00", 12, "0.12", "2026-01-15"))
            .record(payment("2026-02-15", "first", "106.62"))
            .unwrap()
            .record(event("2026-05-20", relief))
            .unwrap();
        let late = loan
            .record(payment("2026-02-20", "late", late))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let state = late.state(date("2026-06-20")).unwrap();
        let relief_version = VersionCause::Relief("plan".into());
        assert!(state.versions.iter().any(|version| version.cause == relief_version), "{what}");
        let paid = state.paid.total().unwrap().add(state.unallocated).unwrap();
        let came = late.events.iter().map(|event| match &event.kind {
            EventKind::Payment { amount, .. } => amount.minor(),
            _ => 0,
        });
        assert_eq!(paid.minor(), came.sum::<i64>(), "{what}");
        let undone = EventKind::ReliefUndone { id: "plan".into(), kept_to: None };
        if !state.closed {
            let plain = late.record(event("2026-06-20", undone)).unwrap().state(date("2026-06-20")).unwrap();
            assert_eq!(plain.principal_left, state.principal_left, "{what}: nothing was forgiven");
        }
    }
}

/// Overdue principal bears interest until the day it is paid, not to the end of the period that the rest is charged for.
#[test]
fn what_is_charged_after_a_pay_off_adds_no_interest() {
    let mut loan = account(contract("1200.00", 4, "0.12", "2026-01-15"));
    if let Origin::Computed(contract) = &mut loan.origin {
        contract.conventions.accrual = Accrual::Daily;
    }
    loan.product.overdue_interest = OverdueInterest::ContractRate;
    loan.product.pay_off_interest = PayOffInterest::ToPeriodEnd;
    let amount = loan.pay_off_sum(date("2026-03-01")).unwrap();
    let loan = loan.record(event("2026-03-01", EventKind::PayOff { id: "off".into(), amount })).unwrap();
    let fee = EventKind::Charge {
        id: "fee".into(),
        part: ChargePart::Fee,
        due: date("2026-04-15"),
        amount: money("5.00"),
    };
    let charged = loan.record(event("2026-04-01", fee)).unwrap().state(date("2026-04-01")).unwrap();
    let paid_off = loan.state(date("2026-03-01")).unwrap();
    assert_eq!(charged.paid, paid_off.paid);
    assert_eq!(charged.owed, Parts { fee: money("5.00"), ..Parts::default() });
}
