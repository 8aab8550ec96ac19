//! Present values and annual cost.

use loan::value::{Flow, annual_cost, flows, pv};
use loan::{Amount, schedule};

use crate::common::*;

#[test]
fn a_contract_is_worth_its_principal_at_its_own_rate() {
    for (principal, months, rate_text) in
        [("12,000.00", 12, "0.144"), ("24,000.00", 24, "0.18"), ("500.00", 60, "0")]
    {
        let contract = contract(principal, months, rate_text, "2026-01-15");
        let flows = flows(&schedule::build(&contract).unwrap()).unwrap();
        let value = pv(&flows, contract.annual_rate, contract.interest_from).unwrap();
        // Each row rounds its interest by up to half a fen.
        assert!(value.sub(contract.principal).unwrap().minor().abs() <= i64::from(months / 2));
        let cost = annual_cost(contract.principal, &flows, contract.interest_from).unwrap().unwrap();
        let off = (cost.decimal() - contract.annual_rate.decimal()).abs();
        assert!(off < rust_decimal::Decimal::new(1, 4), "{cost} for {rate_text}");
    }
}

#[test]
fn months_discount_whole_and_parts_linearly() {
    let at = date("2026-01-15");
    let table = [
        ("2025-12-01", "100.00", "100.00"),
        ("2026-01-15", "100.00", "100.00"),
        ("2026-02-15", "101.00", "100.00"),
        ("2026-03-15", "102.01", "100.00"),
        ("2026-01-30", "100.50", "100.00"),
        ("2026-02-28", "101.44", "100.00"),
    ];
    for (on, amount, value) in table {
        let flow = Flow { date: date(on), amount: money(amount) };
        assert_eq!(pv(&[flow], rate("0.12"), at).unwrap(), money(value), "{on}");
    }
}

#[test]
fn cost_needs_a_gain_for_the_lender() {
    let at = date("2026-01-15");
    let flow = |amount| [Flow { date: date("2026-02-15"), amount: money(amount) }];
    let cost = |amount| annual_cost(money("100.00"), &flow(amount), at).unwrap().map(|rate| rate.to_string());
    assert_eq!(cost("99.99"), None);
    assert_eq!(cost("100.00"), Some("0".to_owned()));
    assert_eq!(cost("102.00"), Some("0.24".to_owned()));
    assert_eq!(cost("500.00"), None);
    assert_eq!(annual_cost(Amount::ZERO, &flow("1.00"), at).unwrap(), None);
}
