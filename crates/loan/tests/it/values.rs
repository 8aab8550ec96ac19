//! Present values and annual cost.

use loan::value::{
    Flow, HIGHEST_EFFECTIVE_RATE, LOWEST_EFFECTIVE_RATE, annual_cost, effective_annual_cost, flows, pv,
    pv_exact,
};
use loan::{Amount, Date, Rate, calendar, schedule};
use proptest::prelude::*;
use rust_decimal::Decimal;

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
        assert!(off < Decimal::new(1, 4), "{cost} for {rate_text}");
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

fn flow(on: &str, minor: i64) -> Flow {
    Flow { date: date(on), amount: Amount::new(minor) }
}

fn effective(outlay: i64, flows: &[Flow], at: &str) -> Option<String> {
    effective_annual_cost(Amount::new(outlay), flows, date(at)).unwrap().map(|rate| rate.to_string())
}

/// `count` equal payments, a month apart from the month after `at`.
fn monthly(at: &str, count: i32, minor: i64) -> Vec<Flow> {
    let at = date(at);
    let anchor = u8::try_from(at.day()).unwrap();
    let due = |months| calendar::month_after(anchor, at, months).unwrap();
    (1..=count).map(|months| Flow { date: due(months), amount: Amount::new(minor) }).collect()
}

#[test]
fn effective_costs_of_published_examples() {
    // Excel's manual, XIRR: 37.34 %.
    let excel = [
        flow("2008-03-01", 2750),
        flow("2008-10-30", 4250),
        flow("2009-02-15", 3250),
        flow("2009-04-01", 2750),
    ];
    assert_eq!(effective(10_000, &excel, "2008-01-01"), Some("0.373363".to_owned()));
    // Directive 98/7/EC, annex II, on a calendar basis: 12.96 % and 13.07 %.
    assert_eq!(effective(1_000, &[flow("1995-07-01", 1_200)], "1994-01-01"), Some("0.12962".to_owned()));
    let twice = [flow("1995-01-01", 600), flow("1996-01-01", 600)];
    assert_eq!(effective(1_000, &twice, "1994-01-01"), Some("0.130662".to_owned()));
}

/// Expected figures are from 60-digit logarithms, found by a different method outside this repository.
#[test]
fn effective_costs_at_the_extremes() {
    let most = 10_i64.pow(15);
    let at = "2026-01-15";
    let table: [(&str, i64, Vec<Flow>, Option<&str>); 21] = [
        ("same day, all back", 100, vec![flow(at, 100)], Some("0")),
        ("same day, more back", 100, vec![flow(at, 101)], None),
        ("same day, less back", 100, vec![flow(at, 99)], None),
        ("all due before", 100, vec![flow("2025-01-15", 60), flow("2025-12-15", 60)], None),
        ("due and later", 1_000, vec![flow("2025-12-01", 400), flow("2026-07-15", 650)], Some("0.175169")),
        ("due is enough", 1_000, vec![flow("2025-12-01", 1_000), flow("2026-07-15", 1)], None),
        ("no flows", 100, vec![], None),
        ("nothing comes back", 100, vec![flow("2027-01-15", 0)], None),
        ("nothing laid out", 0, vec![flow("2027-01-15", 100)], None),
        ("a negative flow", 100, vec![flow("2027-01-15", 300), flow("2028-01-15", -100)], None),
        ("0 %", 1_200, monthly(at, 12, 100), Some("0")),
        ("1,000 %", 100, vec![flow("2027-01-15", 1_100)], Some("10")),
        ("the highest", 1, vec![flow("2027-01-15", 1_001)], Some("1000")),
        ("beyond the highest", 1, vec![flow("2027-01-15", 1_002)], None),
        ("forgiven", 10_000, vec![flow("2027-01-15", 100)], Some("-0.99")),
        ("the lowest", 1_000_000, vec![flow("2027-01-15", 1)], Some("-0.999999")),
        ("beyond the lowest", 10_000_000, vec![flow("2027-01-15", 1)], None),
        ("half to even, up", 10_000_000, vec![flow("2027-01-15", 11_234_575)], Some("0.123458")),
        ("half to even, down", 10_000_000, vec![flow("2027-01-15", 11_234_565)], Some("0.123456")),
        ("one day", 1_000_000, vec![flow("2026-01-16", 1_000_100)], Some("0.037172")),
        ("10^15", most, monthly(at, 12, 88 * 10_i64.pow(12)), Some("0.107158")),
    ];
    for (name, outlay, flows, expected) in table {
        assert_eq!(effective(outlay, &flows, at).as_deref(), expected, "{name}");
    }
    let at = "2026-01-31";
    assert_eq!(effective(most, &monthly(at, 600, 12 * 10_i64.pow(12)), at).as_deref(), Some("0.153746"));
    assert_eq!(effective(most, &monthly(at, 600, most), at), None);
    assert_eq!(effective(100_000_000, &monthly(at, 600, 166_666), at).as_deref(), Some("0"));
    let end = [flow("2076-01-31", most)];
    assert_eq!(effective(1, &end, at).as_deref(), Some("0.994357"));
    assert_eq!(effective(most, &[flow("2076-01-31", 1)], at).as_deref(), Some("-0.498585"));
    assert_eq!(
        effective(i64::MAX, &[flow("9999-12-31", i64::MAX - 1)], "-009999-01-01").as_deref(),
        Some("0")
    );
    // A settlement at 95 % within a month: a yearly figure far below zero, yet a figure.
    assert_eq!(effective(4_566_490, &[flow("2026-03-02", 4_338_170)], at).as_deref(), Some("-0.464233"));
}

#[test]
fn nominal_costs_at_the_extremes() {
    let at = date("2026-01-15");
    let most = 10_i64.pow(15);
    let cost = |outlay: i64, flows: &[Flow]| {
        annual_cost(Amount::new(outlay), flows, at).unwrap().map(|rate| rate.to_string())
    };
    // 10/12 a month: 1,000 % is the most that is told.
    assert_eq!(cost(1_200, &[flow("2026-02-15", 2_200)]).as_deref(), Some("10"));
    assert_eq!(cost(1_200, &[flow("2026-02-15", 2_201)]), None);
    // Half a month at 1 % a month.
    assert_eq!(cost(1_000, &[flow("2026-01-30", 1_005)]).as_deref(), Some("0.12"));
    assert_eq!(cost(100, &[flow("2025-01-15", 150)]), None);
    assert_eq!(cost(100, &[flow("2026-02-15", 300), flow("2026-03-15", -100)]), None);
    let flows = monthly("2026-01-15", 600, most / 100);
    let found = annual_cost(Amount::new(most), &flows, at).unwrap().unwrap();
    let back = pv(&flows, found, at).unwrap().minor();
    // Within half a unit of the sixth place of the rate, at 100 months' duration or less.
    assert!((back - most).abs() < most / 200_000, "{back}");
}

fn any_flows() -> impl Strategy<Value = Vec<(i32, i64)>> {
    let amount = prop_oneof![1_i64..1_000, 1_i64..10_000_000, 1_i64..=1_000_000_000_000_000];
    proptest::collection::vec((-400_i32..20_000, amount), 1..40)
}

/// Σ flow / (1 + i)^(days / 365); floats will do for a test of six places.
fn discounted(flows: &[Flow], at: Date, rate: f64) -> f64 {
    let days = |flow: &Flow| calendar::days_between(at, flow.date).max(0) as f64;
    flows.iter().map(|flow| flow.amount.minor() as f64 / (1.0 + rate).powf(days(flow) / 365.0)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Discounted at half a reported unit less the flows are worth more than the outlay, at half a unit more less.
    #[test]
    fn effective_cost_discounts_to_the_outlay(flows in any_flows(), outlay in 1_i64..=1_000_000_000_000_000) {
        let at = date("2026-01-15");
        let flows: Vec<Flow> = flows
            .iter()
            .map(|(days, minor)| Flow {
                date: calendar::days_after(at, *days).unwrap(),
                amount: Amount::new(*minor),
            })
            .collect();
        let target = outlay as f64;
        let found = effective_annual_cost(Amount::new(outlay), &flows, at).unwrap();
        let worth = |rate: f64| discounted(&flows, at, rate);
        match found {
            Some(found) => {
                prop_assert!((LOWEST_EFFECTIVE_RATE..=HIGHEST_EFFECTIVE_RATE).contains(&found.decimal()));
                let found: f64 = found.to_string().parse().unwrap();
                let unit = 0.502e-6;
                prop_assert!(found - unit <= -1.0 || worth(found - unit) >= target * (1.0 - 1e-9));
                prop_assert!(worth(found + unit) <= target * (1.0 + 1e-9));
            }
            None => {
                let no_more = worth(1_000.0) >= target * (1.0 - 1e-9);
                let no_less = worth(-0.999_999) <= target * (1.0 + 1e-9);
                prop_assert!(no_more || no_less, "{} {}", worth(1_000.0), worth(-0.999_999));
            }
        }
    }

    /// More paid, or the same paid earlier, never costs less.
    #[test]
    fn effective_cost_rises_with_what_is_paid(
        flows in any_flows(),
        outlay in 1_i64..1_000_000_000,
        more in 1_i64..1_000_000,
    ) {
        let at = date("2026-01-15");
        let on = |days: i32| calendar::days_after(at, days).unwrap();
        let flows: Vec<Flow> =
            flows.iter().map(|(days, minor)| Flow { date: on(*days), amount: Amount::new(*minor) }).collect();
        let mut dearer = flows.clone();
        dearer.push(Flow { date: on(100), amount: Amount::new(more) });
        let earlier: Vec<Flow> = flows
            .iter()
            .map(|flow| Flow { date: calendar::days_after(flow.date, -1).unwrap(), amount: flow.amount })
            .collect();
        let cost = |flows: &[Flow]| effective_annual_cost(Amount::new(outlay), flows, at).unwrap();
        let total: i64 = flows.iter().map(|flow| flow.amount.minor()).sum();
        if let (Some(less), Some(more)) = (cost(&flows), cost(&dearer)) {
            prop_assert!(less <= more);
        }
        if let (Some(later), Some(earlier)) = (cost(&flows), cost(&earlier)) {
            // Money that comes back sooner: dearer where it is a gain, a steeper loss where it isn't.
            let steeper = if total >= outlay { later <= earlier } else { earlier <= later };
            prop_assert!(steeper);
        }
    }

    /// The nominal rate too, by the exact present value of decimals.
    #[test]
    fn nominal_cost_discounts_to_the_outlay(
        flows in proptest::collection::vec((-60_i32..1_500, 1_i64..10_000_000), 1..30),
        outlay in 1_i64..50_000_000,
    ) {
        let at = date("2026-01-31");
        let on = |days: i32| calendar::days_after(at, days).unwrap();
        let flows: Vec<Flow> =
            flows.iter().map(|(days, minor)| Flow { date: on(*days), amount: Amount::new(*minor) }).collect();
        let total: i64 = flows.iter().map(|flow| flow.amount.minor()).sum();
        let target = Amount::new(outlay).exact();
        let worth = |rate: Decimal| pv_exact(&flows, Rate::from(rate), at).unwrap();
        match annual_cost(Amount::new(outlay), &flows, at).unwrap() {
            Some(found) => {
                let unit = Decimal::new(502, 9);
                prop_assert!(found == Rate::ZERO || worth(found.decimal() - unit) >= target);
                prop_assert!(worth(found.decimal() + unit) <= target);
            }
            None => prop_assert!(total < outlay || worth(Decimal::TEN) >= target),
        }
    }
}
