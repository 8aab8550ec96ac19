//! What became of eight hundred random histories, to the last minor unit, against a committed table.
//!
//! It says that nothing changed, not that it is right: laws, cases and hand-computed tables say that. Where the engine is
//! meant to change, `GOLDEN=write cargo test -p loan --test it golden` writes the table anew, and the difference is reviewed.

use std::fmt::Write;
use std::path::PathBuf;

use loan::{Account, Date, calendar};
use serde::Serialize;

use crate::happenings::terms;
use crate::tape::{Reach, Tape};
use crate::worlds::long_after;

const HISTORIES: u64 = 800;
const TAPE_BYTES: usize = 320;
const MOST_EVENTS: u16 = 9;

/// FNV-1a of 64 bits: short, and the same everywhere.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, value: &impl Serialize) {
        for byte in serde_json::to_vec(value).unwrap() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// A tape of one number, by splitmix64.
fn tape(number: u64) -> Vec<u8> {
    let mut state = number;
    let mut bytes = Vec::with_capacity(TAPE_BYTES);
    while bytes.len() < TAPE_BYTES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(number << 32);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((mixed ^ (mixed >> 31)).to_le_bytes());
    }
    bytes
}

fn kinds(account: &Account) -> String {
    let kind = |event: &loan::Event| {
        let text = serde_json::to_string(&event.kind).unwrap();
        text.split('"').nth(1).unwrap_or_default().to_owned()
    };
    account.events.iter().map(kind).collect::<Vec<_>>().join(" ")
}

/// One history as a row: its events, its last figures, and a digest of all it says on the way.
fn row(number: u64) -> String {
    let bytes = tape(number);
    let mut tape = Tape::new(&bytes, Reach::Believable);
    let loan = tape.loan();
    let account = tape.history(loan, MOST_EVENTS);
    let mut digest = Digest::new();
    digest.add(&account.origin.rows().unwrap());
    digest.add(&account.events);
    let start = account.contract().interest_from;
    let end = long_after(&account);
    let days = i32::try_from(calendar::days_between(start, end)).unwrap();
    let on = |part: i32| -> Date { calendar::days_after(start, days / 4 * part).unwrap() };
    for day in [on(1), on(2), on(3), end] {
        match account.state(day) {
            Ok(state) => {
                digest.add(&state);
                digest.add(&state.history(day).unwrap());
                digest.add(&account.pay_off_sum(day).map_err(|error| error.to_string()));
                let terms = terms(&mut tape, day);
                digest.add(&account.preview(&terms, day).map_err(|error| error.to_string()));
            }
            Err(error) => digest.add(&error.to_string()),
        }
    }
    let figures = account.state(end).map_or_else(
        |error| error.code().to_owned(),
        |state| {
            let parts = |parts: loan::Parts| {
                format!("{}/{}/{}/{}", parts.principal, parts.interest, parts.fee, parts.penalty)
            };
            let (owed, paid, waived) = (parts(state.owed), parts(state.paid), parts(state.waived));
            format!("{owed},{paid},{waived},{},{}", state.unallocated, state.dpd.contract)
        },
    );
    format!("{number},{},{figures},{:016x}", kinds(&account), digest.0)
}

#[test]
fn histories_come_out_as_before() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/histories.csv"));
    let mut found = "history,events,owed,paid,waived,unallocated,dpd_contract,digest\n".to_owned();
    for number in 0..HISTORIES {
        writeln!(found, "{}", row(number)).unwrap();
    }
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differing: Vec<String> = expected
        .lines()
        .zip(found.lines())
        .filter(|(expected, found)| expected != found)
        .map(|(expected, found)| format!("{expected}\n{found}"))
        .collect();
    let first: Vec<&String> = differing.iter().take(5).collect();
    assert!(differing.is_empty(), "{} rows differ, the first: {first:#?}", differing.len());
    assert_eq!(expected.lines().count(), found.lines().count());
}
