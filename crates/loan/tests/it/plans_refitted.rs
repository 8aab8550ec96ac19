//! Payments that are entered after a plan was accepted and count from before it: the plan fits itself to the rows that
//! are then left.

use loan::{
    Account, Amortisation, Contract, Measure, Overpayment, Product, ReAgeOver, ReducedPayment,
    ReductionInterest, SettlementSum, ShortfallOver,
};

use crate::common::*;

/// 300.00 of principal a month with 12.00, 9.00, 6.00 and 3.00 of interest; overpayments go to the last rows.
fn loan(overpayment: Overpayment) -> Account {
    let contract = Contract {
        amortisation: Amortisation::EqualPrincipal,
        ..contract("1,200.00", 4, "0.12", "2026-01-15")
    };
    let product = Product { overpayment, cost_cap: rate("0"), ..product() };
    Account::open(loan::Origin::Computed(contract), product).unwrap()
}

/// What is left to pay of each open row: its number and the sum.
fn left(account: &Account, on: &str) -> Vec<(u32, String)> {
    state(account, on)
        .rows
        .iter()
        .map(|row| (row.row.nr, row.left().unwrap().instalment().unwrap()))
        .filter(|(_, left)| !left.is_zero())
        .map(|(nr, left)| (nr, left.plain(cny())))
        .collect()
}

/// Accepts `measure` on 20 March, and then enters a payment that counts from 14 February.
fn check(measure: Measure, overpayment: Overpayment, paid: &str, expected: &[(u32, &str)]) {
    let planned =
        record(&loan(overpayment), [relief("2026-03-20", "plan", &terms(vec![measure.clone()], None))]);
    let late = record(&planned, [payment("2026-02-14", "late", paid)]);
    let expected: Vec<(u32, String)> = expected.iter().map(|(nr, sum)| (*nr, (*sum).to_owned())).collect();
    assert_eq!(left(&late, "2026-03-20"), expected, "{measure:?}");
}

fn half(instalments: u16, rows: u16) -> Measure {
    Measure::PaymentReduction {
        pay: ReducedPayment::Factor(ratio("0.5")),
        instalments,
        shortfall_over: ShortfallOver::Rows(rows),
        interest: ReductionInterest::None,
    }
}

#[test]
fn reductions() {
    use Overpayment::ReduceNext;
    // Four rows are open when the plan is accepted: two are halved, two take 156.00 + 154.50 more.
    check(half(2, 2), ReduceNext, "1.00", &[(1, "155.50"), (2, "154.50"), (3, "461.00"), (4, "458.00")]);
    // Rows 1 and 2 were paid: 3 is halved and 4 takes what it left.
    check(half(2, 2), ReduceNext, "621.00", &[(3, "153.00"), (4, "456.00")]);
    // Three were left: as many as before one last row.
    check(half(2, 2), ReduceNext, "312.00", &[(2, "154.50"), (3, "153.00"), (4, "610.50")]);
    // One row has nothing to spread over.
    check(half(2, 2), ReduceNext, "927.00", &[(4, "303.00")]);
}

#[test]
fn token_payments() {
    let tokens = || Measure::TokenPayments { amount: money("10.00"), months: 3 };
    use Overpayment::ReduceNext;
    check(tokens(), ReduceNext, "312.00", &[(2, "10.00"), (3, "10.00"), (4, "898.00")]);
    check(tokens(), ReduceNext, "621.00", &[(3, "10.00"), (4, "599.00")]);
    check(tokens(), ReduceNext, "927.00", &[(4, "303.00")]);
}

#[test]
fn re_ages() {
    let next = |rows| Measure::ReAge { over: ReAgeOver::NextRows(rows) };
    use Overpayment::{ReduceLast, ReduceNext};
    // Rows 1 and 2 are overdue: 600.00 and 21.00 over two rows; row 4 was paid, so that row 3 takes all of row 2.
    check(next(2), ReduceNext, "312.00", &[(3, "460.50"), (4, "457.50")]);
    check(next(2), ReduceLast, "615.00", &[(3, "615.00")]);
}

#[test]
fn settlements() {
    let settle = Measure::Settlement {
        sum: SettlementSum::PrincipalShare(ratio("0.5")),
        pay_by: date("2026-05-20"),
        parts: 3,
    };
    use Overpayment::ReduceNext;
    // Three parts of 450.00 principal, and 18.00 of interest with the first.
    check(settle.clone(), ReduceNext, "312.00", &[(2, "168.00"), (3, "150.00"), (4, "150.00")]);
    check(settle.clone(), ReduceNext, "621.00", &[(3, "159.00"), (4, "150.00")]);
    check(settle, ReduceNext, "927.00", &[(4, "153.00")]);
}
