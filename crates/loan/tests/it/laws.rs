//! The laws of the arithmetic, each tried on random loans of every convention and random histories of every event.
//!
//! A law reads its case from a tape of bytes. One that fails shrinks to a short row of hex; rows that ever failed stand in
//! `found.csv` and are tried first.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::tape::{Reach, Tape};
use crate::{laws_of_change, laws_of_outlines, laws_of_terms};

pub type Law = fn(&mut Tape<'_>) -> Result<(), TestCaseError>;

/// Cases of each law, unless PROPTEST_CASES says otherwise.
const CASES: u32 = 1_000;
const LONGEST_TAPE_BYTES: usize = 320;

const LAWS: [(&str, Law); 20] = [
    ("contract_rows_add_up", laws_of_terms::contract_rows_add_up),
    ("longer_terms_are_no_dearer", laws_of_terms::longer_terms_are_no_dearer),
    ("terms_conserve_what_is_owed", laws_of_terms::terms_conserve_what_is_owed),
    ("terms_can_be_paid_as_agreed", laws_of_terms::terms_can_be_paid_as_agreed),
    ("more_waiver_costs_no_more", laws_of_terms::more_waiver_costs_no_more),
    ("everything_survives_json", laws_of_terms::everything_survives_json),
    ("refusals_are_honest", laws_of_change::refusals_are_honest),
    ("principal_is_conserved", laws_of_change::principal_is_conserved),
    ("no_money_lies_idle", laws_of_change::no_money_lies_idle),
    ("no_part_is_negative", laws_of_change::no_part_is_negative),
    ("every_day_can_be_read", laws_of_change::every_day_can_be_read),
    ("order_of_entry_is_irrelevant", laws_of_change::order_of_entry_is_irrelevant),
    ("splitting_changes_nothing", laws_of_change::splitting_changes_nothing),
    ("undo_is_identity", laws_of_change::undo_is_identity),
    ("reversal_is_identity", laws_of_change::reversal_is_identity),
    ("pay_off_closes", laws_of_change::pay_off_closes),
    ("overlapping_pauses_are_one", laws_of_change::overlapping_pauses_are_one),
    ("stated_rows_behave_like_computed", laws_of_change::stated_rows_behave_like_computed),
    ("penalty_only_grows", laws_of_change::penalty_only_grows),
    ("outlines_are_what_apply_makes", laws_of_outlines::outlines_are_what_apply_makes),
];

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// The same cases each time; LAWS_SEED gives others.
fn seed() -> u64 {
    std::env::var("LAWS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn holds(name: &str) {
    let (_, law) = LAWS.iter().find(|(known, _)| *known == name).unwrap();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tapes = proptest::collection::vec(any::<u8>(), 16..LONGEST_TAPE_BYTES);
    let result = runner.run(&tapes, |bytes| law(&mut Tape::new(&bytes, Reach::Believable)));
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, bytes)) => {
            panic!("{reason}\nadd this row to found.csv:\n{name},{},", hex(&bytes));
        }
        Err(error) => panic!("{error}"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..end].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes();
    assert_eq!(digits.len() % 2, 0, "half a byte: {text}");
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn what_once_failed_holds() {
    let mut reader = csv::Reader::from_reader(include_bytes!("found.csv").as_slice());
    for row in reader.records() {
        let row = row.unwrap();
        let (_, law) = LAWS.iter().find(|(name, _)| *name == &row[0]).unwrap();
        let bytes = unhex(&row[1]);
        match law(&mut Tape::new(&bytes, Reach::Believable)) {
            Ok(()) | Err(TestCaseError::Reject(_)) => {}
            Err(TestCaseError::Fail(reason)) => panic!("{}: {}: {reason}", &row[0], &row[2]),
        }
    }
}

macro_rules! tests {
    ($($law:ident)*) => {
        $(#[test] fn $law() { holds(stringify!($law)); })*

        #[test]
        fn every_law_is_tried() {
            let tried = [$(stringify!($law)),*];
            assert_eq!(tried.as_slice(), LAWS.map(|(name, _)| name).as_slice());
        }
    };
}

tests! {
    contract_rows_add_up
    longer_terms_are_no_dearer
    terms_conserve_what_is_owed
    terms_can_be_paid_as_agreed
    more_waiver_costs_no_more
    everything_survives_json
    refusals_are_honest
    principal_is_conserved
    no_money_lies_idle
    no_part_is_negative
    every_day_can_be_read
    order_of_entry_is_irrelevant
    splitting_changes_nothing
    undo_is_identity
    reversal_is_identity
    pay_off_closes
    overlapping_pauses_are_one
    stated_rows_behave_like_computed
    penalty_only_grows
    outlines_are_what_apply_makes
}
