//! Schedules asserted by other systems' own tests: every plain 30/360 case must come out exactly.

use loan::{Amortisation, Amount, Contract, Currency, Rate, schedule};
use serde_json::Value;

/// Declining-balance cases that are plain as the loan's fields say.
const DECLINING_CASES_AT_LEAST: usize = 5;
const FLAT_CASES_AT_LEAST: usize = 2;

fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases/schedule_cases.json");
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
        let hint = if ci { "CI must provide it" } else { "put the shared cases beside the workspace" };
        panic!("the schedule cases are missing at {path}: {error}; {hint}")
    });
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.parse::<f64>() == Ok(0.0),
        _ => false,
    }
}

/// Monthly, 30/360, no grace, no down payment, no events, the whole schedule asserted.
fn is_plain(case: &Value) -> bool {
    let loan = &case["loan"];
    let graces = [
        "grace_on_principal_instalments",
        "grace_on_interest_instalments",
        "interest_payment_deferred_instalments",
        "down_payment_pct",
        "fixed_instalment",
    ];
    case["events"].as_array().unwrap().is_empty()
        && loan["day_count"]["days_in_month"] == 30
        && loan["day_count"]["days_in_year"] == 360
        && loan["repay_every"] == 1
        && loan["repay_unit"] == "months"
        && loan["rounding"]["mode"] == "HALF_EVEN"
        && loan["n_instalments"].is_u64()
        && graces.iter().all(|grace| is_zero(&loan[*grace]))
        && case["expected"]["rows"].as_array().is_some_and(|rows| !rows.is_empty())
}

fn contract(case: &Value, amortisation: Amortisation) -> Contract {
    let loan = &case["loan"];
    let text = |name: &str| loan[name].as_str().unwrap();
    let currency = Currency::parse(text("currency")).unwrap();
    let percent = Rate::parse(text("annual_rate_pct")).unwrap().decimal();
    let multiple = loan["rounding"]["instalment_multiple_of"].as_str();
    let first_due = case["expected"]["rows"][0]["due_date"].as_str().unwrap();
    Contract {
        currency,
        principal: Amount::parse(text("principal"), currency).unwrap(),
        annual_rate: Rate::from(percent / rust_decimal::Decimal::ONE_HUNDRED),
        amortisation,
        instalments: u16::try_from(loan["n_instalments"].as_u64().unwrap()).unwrap(),
        interest_from: text("interest_from").parse().unwrap(),
        first_due: first_due.parse().unwrap(),
        anchor_day: None,
        instalment_multiple_of: multiple.map(|units| Amount::parse(units, currency).unwrap()),
    }
}

fn check(case: &Value, amortisation: Amortisation) {
    let id = &case["id"];
    let contract = contract(case, amortisation);
    let rows = schedule::build(&contract).unwrap();
    let expected = case["expected"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{id}");
    for (row, expected) in rows.iter().zip(expected) {
        let amount = |name: &str| Amount::parse(expected[name].as_str().unwrap(), contract.currency).unwrap();
        let what = format!("{id} row {}", row.nr);
        assert_eq!(row.due.to_string(), expected["due_date"].as_str().unwrap(), "{what}");
        assert_eq!(row.principal, amount("principal"), "principal of {what}");
        assert_eq!(row.interest, amount("interest"), "interest of {what}");
        assert_eq!(row.balance_after, amount("balance_after"), "balance of {what}");
        assert_eq!(row.total().unwrap(), amount("total_due"), "total of {what}");
    }
}

#[test]
fn plain_declining_cases_come_out_exactly() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| is_plain(case)) {
        let loan = &case["loan"];
        let amortisation = match (&loan["interest_method"], &loan["amortisation"]) {
            (method, kind) if method == "declining_balance" && kind == "equal_instalments" => {
                Amortisation::EqualInstalments
            }
            (method, kind) if method == "declining_balance" && kind == "equal_principal" => {
                Amortisation::EqualPrincipal
            }
            _ => continue,
        };
        check(case, amortisation);
        ran += 1;
    }
    assert!(ran >= DECLINING_CASES_AT_LEAST, "only {ran} cases ran");
}

#[test]
fn plain_flat_cases_come_out_exactly() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| is_plain(case) && case["loan"]["interest_method"] == "flat") {
        check(case, Amortisation::Flat);
        ran += 1;
    }
    assert!(ran >= FLAT_CASES_AT_LEAST, "only {ran} cases ran");
}
