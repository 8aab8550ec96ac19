//! Figures that a pack gives about borrowers outside any case, against hand-computed ones.

use assessment::calibration::{
    ChargedOff, Household, beats_recovery, settlement_range, share_under_hardship,
};
use assessment::{HardshipReason, Pack, load_pack};
use loan::{Amount, Rate, Ratio};
use rust_decimal::Decimal;

use crate::support::{files, money, pack};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// `us-consumer` with another floor of settlements in M4+.
fn with_floor(floor: &str) -> Pack {
    let mut files = files("us-consumer");
    let table = String::from_utf8(files.0["tables/settlement.csv"].clone()).unwrap();
    assert!(table.contains("\nM4_PLUS,0.30,"));
    let changed = table.replace("\nM4_PLUS,0.30,", &format!("\nM4_PLUS,{floor},"));
    files.0.insert("tables/settlement.csv".to_owned(), changed.into_bytes());
    load_pack(&files).unwrap()
}

#[test]
fn a_settlement_lies_between_no_agreement_and_the_contract() {
    // 10,000.00 at 12 % a year: at once with probability 0.08, else a tenth 18 months later:
    // 0.08 + 0.92 × 0.10 × 1.01^-18 = 0.156914.
    let none = decimal("0.156914");
    let loan = ChargedOff {
        balance: money("10000.00"),
        annual_rate: Rate::parse("0.12").unwrap(),
        instalment: money("332.14"),
    };
    let rows = [
        ("0.30", decimal("0.30"), decimal("0.75")),
        ("0.05", none, none + decimal("0.45")),
        ("0.50", decimal("0.50"), decimal("0.95")),
        ("0.60", decimal("0.60"), Decimal::ONE),
        ("1", Decimal::ONE, Decimal::ONE),
    ];
    for (pack_floor, floor, ceiling) in rows {
        let range = settlement_range(&with_floor(pack_floor), &loan).unwrap();
        assert_eq!(range.floor, floor, "{pack_floor}");
        // The kept contract is worth the balance, up to what the rounding of its interest moves.
        assert!((range.ceiling - ceiling).abs() < decimal("0.00001"), "{pack_floor}: {range:?}");
    }
}

#[test]
fn odd_instalments_and_rates_have_a_range_too() {
    let pack = pack("us-consumer");
    for (balance, rate, instalment) in [
        ("0.01", "0.10", "100.00"),
        ("10000.00", "0", "10.00"),
        ("10000.00", "0.3099", "1.00"),
        ("10000.00", "0.3099", "0.00"),
        ("40000.00", "0.05", "99999.00"),
    ] {
        let loan = ChargedOff {
            balance: money(balance),
            annual_rate: Rate::parse(rate).unwrap(),
            instalment: money(instalment),
        };
        let range = settlement_range(&pack, &loan).unwrap();
        assert_eq!((range.floor, range.ceiling), (decimal("0.30"), decimal("0.75")), "{balance} {rate}");
    }
    let nothing = ChargedOff {
        balance: Amount::ZERO,
        annual_rate: Rate::parse("0.1").unwrap(),
        instalment: money("10.00"),
    };
    assert_eq!(settlement_range(&pack, &nothing).unwrap_err().code(), "NOT_ASSESSABLE");
}

#[test]
fn settling_is_weighed_against_recovery() {
    let pack = pack("us-consumer");
    // (share, rate, months, worth more than 0.10): 0.785 × 0.1274 = 0.100009; 0.785 × 0.15 = 0.11775, and
    // 1.01^16 = 1.1726 < 1.1775 < 1.01^16.5 = 1.1784.
    let rows = [
        ("0.1274", "0.12", 0, true),
        ("0.1273", "0.12", 0, false),
        ("0.15", "0.12", 32, true),
        ("0.15", "0.12", 33, false),
        ("0.15", "0", 240, true),
        ("0.45", "0.24", 24, true),
        ("0", "0.24", 0, false),
    ];
    for (share, rate, months, beats) in rows {
        let (share_of, rate_of) = (Ratio::parse(share).unwrap(), Rate::parse(rate).unwrap());
        let found = beats_recovery(&pack, share_of, rate_of, months).unwrap();
        assert_eq!(found, beats, "{share} {rate} {months}");
    }
}

#[test]
fn a_hardship_leaves_what_the_shock_table_says() {
    let pack = pack("us-consumer");
    let rows = [
        // 5,000.00 × 0.55 − 900.00 − 1,000.00
        ("5000.00", "0.2", HardshipReason::Unemployment, "850.00"),
        // 5,000.00 × 0.75 − 900.00 − 1,000.00
        ("5000.00", "0.2", HardshipReason::Disaster, "1850.00"),
        ("5000.00", "0", HardshipReason::OverIndebtedness, "3600.00"),
        ("5000.00", "4.69", HardshipReason::Other, "0.00"),
        ("1000.00", "0", HardshipReason::Unemployment, "0.00"),
        ("0.00", "4.69", HardshipReason::Other, "0.00"),
    ];
    for (income, debts, reason, share) in rows {
        let household =
            Household { monthly_income: money(income), debt_to_income: Ratio::parse(debts).unwrap(), reason };
        assert_eq!(share_under_hardship(&pack, &household).unwrap(), money(share), "{income} {debts}");
    }
}
