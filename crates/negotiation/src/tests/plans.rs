//! Plans against real schedules: kept, missed, repaired, broken, lapsed and completed.

use assessment::{Authority, Offer};
use jiff::Timestamp;
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Date, Event, EventKind, InterestScope, Measure,
    Origin, OverdueInterest, Overpayment, PayOffInterest, Product, Rate, Ratio, SettlementSum, State, Terms,
    Waiver,
};

use super::samples::{day, offer, start, yuan};
use crate::{MissedPayment, Plan, PlanMoved, PlanNews, PlanState, Process};

/// Three instalments of 1,000.00 without interest, due on 15 August, September and October; the plan began on
/// 20 July.
pub fn account(rate: &str) -> Account {
    let contract = Contract {
        currency: yuan(),
        principal: Amount::new(300_000),
        annual_rate: Rate::parse(rate).unwrap(),
        amortisation: Amortisation::EqualPrincipal,
        instalments: 3,
        interest_from: day("2026-07-15"),
        first_due: day("2026-08-15"),
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    };
    let product = Product {
        penalty_multiplier: Ratio::parse("1.5").unwrap(),
        cost_cap: Rate::parse("0.24").unwrap(),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    };
    Account::open(Origin::Computed(contract), product).unwrap()
}

fn entered(account: &Account, on: &str, kind: EventKind) -> Account {
    account.record(Event { effective: day(on), entered: start(), kind }).unwrap()
}

fn paid(account: &Account, on: &str, minor: i64) -> Account {
    let id = format!("p-{on}-{minor}");
    entered(account, on, EventKind::Payment { id, amount: Amount::new(minor) })
}

fn state(account: &Account, on: &str) -> State {
    account.state(day(on)).unwrap()
}

pub fn plan(measures: Vec<Measure>) -> Plan {
    Plan {
        plan_id: "plan-1".to_owned(),
        application_id: "app-1".to_owned(),
        loan_id: "loan-1".to_owned(),
        borrower_id: "li".to_owned(),
        pack_name: "cn-instalment".to_owned(),
        currency: yuan(),
        offer: Offer { terms: Terms { measures, first_payment: None }, ..offer("o1", Authority::Automatic) },
        effective: day("2026-07-20"),
        reported_days_past_due: 0,
        state: PlanState::Active { missed: None },
    }
}

fn look(plan: Plan, account: &Account, on: &str) -> PlanMoved {
    plan.advance(&state(account, on), day(on), start(), &Process::default()).unwrap()
}

fn news(plan: Plan, account: &Account, on: &str) -> (PlanNews, Option<Date>) {
    let moved = look(plan, account, on);
    (moved.news, moved.next_look)
}

fn told(due: &str, repair_until: &str) -> PlanState {
    PlanState::Active { missed: Some(MissedPayment { due: day(due), repair_until: day(repair_until) }) }
}

fn missed(due: &str, repair_until: &str) -> PlanNews {
    PlanNews::Missed { due: day(due), repair_until: day(repair_until) }
}

#[test]
fn a_payment_is_missed_after_its_grace_and_below_95_per_cent() {
    let check = |minor: i64, on: &str, expected: (PlanNews, &str)| {
        let account = if minor == 0 { account("0") } else { paid(&account("0"), "2026-08-15", minor) };
        let found = news(plan(Vec::new()), &account, on);
        assert_eq!(found, (expected.0, Some(day(expected.1))), "{minor} on {on}");
    };
    let late = || missed("2026-08-15", "2026-08-25");
    check(0, "2026-07-20", (PlanNews::Kept, "2026-08-19"));
    check(0, "2026-08-18", (PlanNews::Kept, "2026-08-19"));
    check(0, "2026-08-19", (late(), "2026-08-26"));
    check(94_999, "2026-08-19", (late(), "2026-08-26"));
    // What counts as paid isn't looked at again because of its cents.
    check(95_000, "2026-08-19", (PlanNews::Kept, "2026-09-19"));
    check(100_000, "2026-08-19", (PlanNews::Kept, "2026-09-19"));
    // A look that comes late leaves the whole week.
    check(0, "2026-09-01", (missed("2026-08-15", "2026-09-07"), "2026-09-08"));
}

#[test]
fn a_missed_payment_is_told_once_then_repaired_or_broken() {
    let warned = || Plan { state: told("2026-08-15", "2026-08-25"), ..plan(Vec::new()) };
    let first = look(plan(Vec::new()), &account("0"), "2026-08-19");
    assert_eq!(first.plan, warned());
    let check =
        |payment: Option<(&str, i64)>, on: &str, expected: PlanNews, next: Option<&str>, after: PlanState| {
            let account = match payment {
                Some((day, minor)) => paid(&account("0"), day, minor),
                None => account("0"),
            };
            let moved = look(warned(), &account, on);
            assert_eq!((moved.news, moved.next_look), (expected, next.map(day)), "{payment:?} on {on}");
            assert_eq!(moved.plan.state, after, "{payment:?} on {on}");
        };
    let still = || told("2026-08-15", "2026-08-25");
    let active = || PlanState::Active { missed: None };
    let broken = || PlanState::Broken { at: start(), kept_until: day("2026-08-15") };
    check(None, "2026-08-20", PlanNews::Kept, Some("2026-08-26"), still());
    check(None, "2026-08-25", PlanNews::Kept, Some("2026-08-26"), still());
    check(None, "2026-08-26", PlanNews::Broken { kept_until: day("2026-08-15") }, None, broken());
    check(
        Some(("2026-08-25", 90_000)),
        "2026-08-26",
        PlanNews::Broken { kept_until: day("2026-08-15") },
        None,
        broken(),
    );
    check(Some(("2026-08-25", 100_000)), "2026-08-25", PlanNews::Repaired, Some("2026-09-19"), active());
    check(Some(("2026-08-25", 95_000)), "2026-08-26", PlanNews::Repaired, Some("2026-09-19"), active());
    // The next one is a payment of its own, with a notice of its own.
    check(
        Some(("2026-09-25", 100_000)),
        "2026-09-25",
        missed("2026-09-15", "2026-10-01"),
        Some("2026-10-02"),
        told("2026-09-15", "2026-10-01"),
    );
}

#[test]
fn what_the_plan_left_overdue_is_due_with_its_first_day() {
    let late = Plan { effective: day("2026-09-01"), ..plan(Vec::new()) };
    let check = |on: &str, expected: (PlanNews, &str)| {
        assert_eq!(news(late.clone(), &account("0"), on), (expected.0, Some(day(expected.1))), "{on}");
    };
    check("2026-09-01", (PlanNews::Kept, "2026-09-05"));
    check("2026-09-04", (PlanNews::Kept, "2026-09-05"));
    check("2026-09-05", (missed("2026-09-01", "2026-09-11"), "2026-09-12"));
    let warned = Plan { state: told("2026-09-01", "2026-09-11"), ..late.clone() };
    // The loan's books refuse a plan that was kept to a day before it began.
    let broken = PlanNews::Broken { kept_until: day("2026-09-01") };
    assert_eq!(news(warned, &account("0"), "2026-09-12"), (broken, None));
}

#[test]
fn waived_sums_are_not_owed_and_not_deducted_twice() {
    let measures = vec![Measure::WaiveInterest {
        scope: InterestScope::All,
        waiver: Waiver::Share(Ratio::parse("0.5").unwrap()),
    }];
    let terms = Terms { measures: measures.clone(), first_payment: None };
    let account =
        entered(&account("0.24"), "2026-07-20", EventKind::Relief { id: "plan-1".to_owned(), terms });
    let row = state(&account, "2026-08-15").rows[0].clone();
    let owed = row.row.total().unwrap();
    assert!(!row.waived.interest.is_zero());
    let enough = owed.mul_ratio(Process::default().paid_share).unwrap().minor();
    let check = |minor: i64, expected: PlanNews| {
        let account = paid(&account, "2026-08-15", minor);
        assert_eq!(
            look(plan(measures.clone()), &account, "2026-08-19").news,
            expected,
            "{minor} of {owed:?}"
        );
    };
    check(enough - 1, missed("2026-08-15", "2026-08-25"));
    check(enough, PlanNews::Kept);
}

#[test]
fn a_settlement_has_no_grace() {
    let settlement = |parts| Measure::Settlement {
        sum: SettlementSum::PrincipalShare(Ratio::parse("0.95").unwrap()),
        pay_by: day("2026-09-20"),
        parts,
    };
    let check = |parts: u8, payments: &[(&str, i64)], on: &str, expected: (PlanNews, Option<&str>)| {
        let terms = Terms { measures: vec![settlement(parts)], first_payment: None };
        let mut account =
            entered(&account("0"), "2026-07-20", EventKind::Relief { id: "plan-1".to_owned(), terms });
        for (day, minor) in payments {
            account = paid(&account, day, *minor);
        }
        let found = news(plan(vec![settlement(parts)]), &account, on);
        assert_eq!(found, (expected.0, expected.1.map(day)), "{parts} {payments:?} on {on}");
    };
    let lapsed = || (PlanNews::Broken { kept_until: day("2026-09-20") }, None);
    check(1, &[], "2026-07-20", (PlanNews::Kept, Some("2026-09-21")));
    check(1, &[], "2026-09-20", (PlanNews::Kept, Some("2026-09-21")));
    check(1, &[], "2026-09-21", lapsed());
    check(1, &[("2026-09-20", 284_999)], "2026-09-21", lapsed());
    check(1, &[("2026-09-20", 285_000)], "2026-09-20", (PlanNews::Completed, None));
    check(1, &[("2026-09-20", 285_000)], "2026-09-25", (PlanNews::Completed, None));
    // Of two parts the first is looked after on its own day.
    check(2, &[], "2026-07-20", (PlanNews::Kept, Some("2026-08-24")));
    check(2, &[], "2026-08-24", (missed("2026-08-20", "2026-08-30"), Some("2026-08-31")));
    check(2, &[("2026-08-20", 142_500)], "2026-08-24", (PlanNews::Kept, Some("2026-09-21")));
    check(2, &[], "2026-09-15", (missed("2026-08-20", "2026-09-21"), Some("2026-09-21")));
}

#[test]
fn a_plan_is_completed_when_nothing_more_is_to_be_paid() {
    let check = |minor: i64, on: &str, completed: bool| {
        let account = paid(&account("0"), "2026-08-15", minor);
        let moved = look(plan(Vec::new()), &account, on);
        assert_eq!(moved.news == PlanNews::Completed, completed, "{minor} on {on}");
        assert_eq!(matches!(moved.plan.state, PlanState::Completed { .. }), completed, "{minor} on {on}");
        assert_eq!(moved.next_look.is_none(), completed, "{minor} on {on}");
    };
    check(300_000, "2026-08-15", true);
    check(299_000, "2026-08-15", false);
    // The last payment counts as made once its grace is over.
    check(299_000, "2026-10-18", false);
    check(299_000, "2026-10-19", true);
}

#[test]
fn a_plan_that_has_ended_stays_as_it_is() {
    let at: Timestamp = start();
    for ended in [PlanState::Completed { at }, PlanState::Broken { at, kept_until: day("2026-08-15") }] {
        let plan = Plan { state: ended, ..plan(Vec::new()) };
        assert!(!plan.is_active());
        let moved = look(plan.clone(), &account("0"), "2026-12-01");
        assert_eq!(moved, PlanMoved { plan, news: PlanNews::Kept, next_look: None });
    }
}
