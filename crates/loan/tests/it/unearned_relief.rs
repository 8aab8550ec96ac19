//! Interest that a plan adds is owed for the time that runs, computed by hand.

use loan::{
    Account, Amortisation, Contract, DeferralInterest, EventKind, Extension, InterestScope, Measure,
    ReAgeOver, ReducedPayment, ReductionInterest, ShortfallOver, Waiver,
};

use crate::common::*;

/// 300.00 of principal a month; 12.00, 9.00, 6.00 and 3.00 of interest.
fn loan() -> Account {
    account(Contract {
        amortisation: Amortisation::EqualPrincipal,
        ..contract("1,200.00", 4, "0.12", "2026-01-15")
    })
}

fn under(measure: Measure) -> Account {
    record(&loan(), [relief("2026-02-15", "plan", &terms(vec![measure], None))])
}

/// Three months from 15 February to 15 May, 89 nights: 36.00, due last or in shares, or 12.00 a month.
fn deferred(interest: DeferralInterest) -> Account {
    under(Measure::Deferral { months: 3, interest })
}

#[test]
fn a_pay_off_or_termination_owes_what_has_run() {
    let reduction = under(Measure::PaymentReduction {
        pay: ReducedPayment::Factor(ratio("0.5")),
        instalments: 2,
        shortfall_over: ShortfallOver::Rows(2),
        interest: ReductionInterest::Contract,
    });
    let reduced = record(
        &reduction,
        [payment("2026-02-15", "first", "156.00"), payment("2026-03-15", "second", "154.50")],
    );
    let table = [
        // 12.00 of the first instalment had been earned; 36.00 × 59 / 89 since.
        ("at the end", deferred(DeferralInterest::AtEnd), "2026-04-15", "1,235.87"),
        ("spread", deferred(DeferralInterest::Spread), "2026-04-15", "1,235.87"),
        // Nothing has run but the first period.
        ("on the day", deferred(DeferralInterest::Spread), "2026-02-15", "1,212.00"),
        // Two months, and 15 nights of 31.
        ("paid", deferred(DeferralInterest::Paid), "2026-03-30", "1,229.81"),
        // 910.50 are left; 6.00 of the instalment; 1.56 + 3.10 on what was put off, none of the last 1.55.
        ("reduction", reduced, "2026-04-15", "921.16"),
        // 1,266.00, and penalty: 300.00 overdue for 92, 61 and 31 days at 18 %.
        ("all of it has run", deferred(DeferralInterest::AtEnd), "2026-08-15", "1,293.60"),
    ];
    for (what, account, on, sum) in table {
        let amount = account.pay_off_sum(date(on)).unwrap();
        assert_eq!(amount, money(sum), "{what}");
        let off = record(&account, [event(on, EventKind::PayOff { id: "off".into(), amount })]);
        assert!(state(&off, "2026-12-31").closed, "{what}");
        let ended = record(&account, [event(on, EventKind::Terminated { id: "end".into() })]);
        let owed = state(&ended, on).owed;
        assert_eq!(owed.instalment().unwrap(), money(sum).sub(owed.penalty).unwrap(), "{what}");
    }
}

#[test]
fn what_was_earned_before_stays_so_through_later_plans() {
    let deferral = Measure::Deferral { months: 3, interest: DeferralInterest::None };
    let later = [
        ("none", vec![]),
        ("extension", vec![Measure::TermExtension { by: Extension::Instalments(2) }]),
        ("re-age", vec![Measure::ReAge { over: ReAgeOver::Remaining }]),
        ("deferral", vec![Measure::Deferral { months: 1, interest: DeferralInterest::None }]),
        ("paid deferral", vec![Measure::Deferral { months: 1, interest: DeferralInterest::Paid }]),
    ];
    for (what, measures) in later {
        let first = under(deferral.clone());
        let both = match measures.as_slice() {
            [] => first,
            _ => record(&first, [relief("2026-03-15", "second", &terms(measures, None))]),
        };
        // The first 12.00; no other period has begun.
        assert_eq!(both.pay_off_sum(date("2026-04-15")).unwrap(), money("1,212.00"), "{what}");
    }
}

#[test]
fn nights_that_are_paused_add_nothing() {
    for interest in [DeferralInterest::AtEnd, DeferralInterest::Spread] {
        let pause = EventKind::InterestPaused {
            id: "pause".into(),
            from: date("2026-03-16"),
            to: date("2026-04-15"),
        };
        let paused = record(&deferred(interest), [event("2026-03-15", pause)]);
        // 30.00 of the instalments, and 36.00 less 31 / 89 of it.
        assert_eq!(state(&paused, "2026-03-15").owed.interest, money("53.46"));
        let back = EventKind::Undone { id: "pause".into() };
        let undone = record(&paused, [event("2026-03-20", back)]);
        assert_eq!(state(&undone, "2026-03-20").owed.interest, money("66.00"));
    }
}

#[test]
fn what_was_waived_is_not_given_back_again() {
    let half = Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::Share(ratio("0.5")) };
    let waived = record(
        &deferred(DeferralInterest::AtEnd),
        [relief("2026-03-15", "second", &terms(vec![half], None))],
    );
    // Half of 12.00 and of 36.00 × 59 / 89.
    assert_eq!(waived.pay_off_sum(date("2026-04-15")).unwrap(), money("1,217.93"));
}
