//! Events in any order with any amounts and dates: never a panic, never a wrapped sum; an error, or a state that adds up.
//!
//! Inputs are tapes of hex in `tests/corpus`, which replay as an ordinary test. `cargo xtask long fuzz` tries new ones and
//! writes those that break something into the corpus.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use loan::{Account, Amount, Date, LoanError, Origin, State, StatedRow};

use crate::happenings::terms;
use crate::laws::{hex, unhex};
use crate::tape::{Reach, Tape};

/// Most events of one input.
const MOST_EVENTS: u16 = 12;
const LONGEST_INPUT_BYTES: usize = 600;
/// Errors that only a wrong sum can cause, as long as every event was accepted.
const WRONG_SUMS: [&str; 3] = ["NOT_CONSERVED", "NEGATIVE_PART", "DIVISION_BY_ZERO"];

/// Runs one input and says in short what became of it; panics where a sum is wrong.
fn run(bytes: &[u8]) -> String {
    let mut tape = Tape::new(bytes, Reach::Extreme);
    let contract = tape.contract();
    let product = tape.product();
    let origin = if tape.chance(3) { stated(&mut tape, contract) } else { Origin::Computed(contract) };
    let mut account = match Account::open(origin, product) {
        Ok(account) => account,
        Err(error) => return error.code().to_owned(),
    };
    let mut seen = BTreeSet::new();
    for index in 0..tape.count(MOST_EVENTS).min(MOST_EVENTS) {
        let event = tape.event(&account, index);
        let kind = serde_json::to_string(&event.kind).unwrap();
        let kind = kind.split('"').nth(1).unwrap_or_default().to_owned();
        // What a store holds was recorded once, but nobody knows by which program: some events go in unchecked.
        if tape.chance(1) {
            account.events.push(event);
            return unchecked(&account, &mut tape);
        }
        match account.record(event.clone()) {
            Ok(next) => {
                seen.insert(kind);
                account = next;
            }
            Err(error) => {
                seen.insert(format!("{kind} {}", honest(&error, &account, &event)));
            }
        }
    }
    let start = account.contract().interest_from;
    let on = tape.day(start, 4_000);
    seen.insert(format!("state {}", looked_at(&account, on, &mut tape)));
    seen.into_iter().collect::<Vec<_>>().join(" | ")
}

/// Whatever stands in a store, reading it gives a state or an error.
fn unchecked(account: &Account, tape: &mut Tape<'_>) -> String {
    let on = tape.day(account.contract().interest_from, 4_000);
    let code = |error: LoanError| error.code();
    let state = account.state(on).map_or_else(code, |_| "state");
    let pay_off = account.pay_off_sum(on).map_or_else(code, |_| "sum");
    let preview = account.preview(&terms(tape, on), on).map_or_else(code, |_| "preview");
    format!("unchecked {state} {pay_off} {preview}")
}

fn stated(tape: &mut Tape<'_>, contract: loan::Contract) -> Origin {
    let rows = loan::schedule::build(&contract).unwrap_or_default();
    let rows = rows
        .iter()
        .map(|row| StatedRow {
            nr: row.nr,
            due: if tape.chance(1) { tape.day(row.due, 3) } else { row.due },
            principal: if tape.chance(1) { tape.amount(1_000) } else { row.principal },
            interest: if tape.chance(2) { tape.amount(1_000) } else { row.interest },
            fee: if tape.chance(2) { tape.amount(1_000) } else { Amount::ZERO },
        })
        .collect();
    Origin::Stated { contract, rows }
}

fn looked_at(account: &Account, on: Date, tape: &mut Tape<'_>) -> &'static str {
    let code = match account.state(on) {
        Ok(state) => {
            adds_up(account, &state);
            let _ = state.history(on).map_err(|error| honest(&error, account, &on));
            if state.closed { "closed" } else { "open" }
        }
        Err(error) => honest(&error, account, &on),
    };
    let _ = account.pay_off_sum(on).map_err(|error| honest(&error, account, &on));
    let terms = terms(tape, on);
    let _ = account.preview(&terms, on).map_err(|error| honest(&error, account, &terms));
    code
}

fn honest(error: &LoanError, account: &Account, what: &impl Debug) -> &'static str {
    assert!(!error.to_string().is_empty());
    if WRONG_SUMS.contains(&error.code()) {
        panic!("{error}: {what:?}\n{}", serde_json::to_string(account).unwrap());
    }
    error.code()
}

fn adds_up(account: &Account, state: &State) {
    let principal = account.contract().principal.minor() + state.charged_back.minor();
    let sum = |amounts: [Amount; 3]| amounts.iter().map(|amount| i128::from(amount.minor())).sum::<i128>();
    assert_eq!(
        sum([state.owed.principal, state.paid.principal, state.waived.principal]),
        i128::from(principal)
    );
    for row in &state.rows {
        let left = row.left().unwrap();
        for amount in [left.penalty, left.fee, left.interest, left.principal, row.row.interest] {
            assert!(!amount.is_negative(), "row {}", row.row.nr);
        }
    }
    assert_eq!(state.closed, state.owed.is_zero());
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"))
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, unhex(&std::fs::read_to_string(path).unwrap()))
    };
    paths.iter().map(read).collect()
}

#[test]
fn the_corpus_breaks_nothing() {
    let corpus = corpus();
    assert!(!corpus.is_empty());
    let (mut seen, mut broken) = (BTreeSet::new(), Vec::new());
    for (name, bytes) in &corpus {
        match catch_unwind(|| run(bytes)) {
            Ok(what) => drop(seen.insert(what)),
            Err(_) => broken.push(name),
        }
    }
    assert!(broken.is_empty(), "their own messages stand above: {broken:?}");
    // The corpus is worth its time: it holds every event and the loans' ends.
    for word in ["re_age", "terminated", "relief", "pay_off", "undone", "reschedule", "chargeback", "closed"]
    {
        assert!(seen.iter().any(|what| what.split([' ', '|']).any(|found| found == word)), "{word}");
    }
}

/// Numbers for mutations: splitmix64, the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn fresh(&mut self) -> Vec<u8> {
        let length = 24 + self.below(LONGEST_INPUT_BYTES - 24);
        (0..length).map(|_| self.byte()).collect()
    }

    /// One to four changes of an input.
    fn mutate(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = pool[self.below(pool.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 | 1 if !bytes.is_empty() => bytes[at] = self.byte(),
                2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 => bytes.insert(at, self.byte()),
                4 => bytes.truncate(at),
                _ => {
                    let other = &pool[self.below(pool.len())];
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from.min(other.len())..]);
                }
            }
            bytes.truncate(LONGEST_INPUT_BYTES);
        }
        bytes
    }
}

fn breaks(bytes: &[u8]) -> bool {
    catch_unwind(|| run(bytes)).is_err()
}

/// Takes out and zeroes ever smaller blocks as long as the input still breaks something.
fn shrink(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut block = 128;
    while block > 0 {
        let mut at = 0;
        while at < bytes.len() {
            let end = (at + block).min(bytes.len());
            let shorter = [&bytes[..at], &bytes[end..]].concat();
            let zeroed = [&bytes[..at], &vec![0; end - at], &bytes[end..]].concat();
            if breaks(&shorter) {
                bytes = shorter;
            } else if zeroed != bytes && breaks(&zeroed) {
                bytes = zeroed;
                at = end;
            } else {
                at = end;
            }
        }
        block /= 2;
    }
    bytes
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
#[ignore = "runs for FUZZ_SECONDS; started by `cargo xtask long fuzz`"]
#[expect(clippy::disallowed_methods, reason = "how long to look, no domain time")]
fn new_inputs_break_nothing() {
    let (start, seconds) = (Instant::now(), Duration::from_secs(setting("FUZZ_SECONDS", 60)));
    let mut numbers = Numbers(setting("FUZZ_SEED", 0));
    let mut to_keep = setting("FUZZ_KEEP", 0);
    let mut pool: Vec<Vec<u8>> = corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let mut seen: BTreeSet<String> =
        pool.iter().filter_map(|bytes| catch_unwind(|| run(bytes)).ok()).collect();
    // Shrinking breaks things on purpose; the corpus' own test says how.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut tried, mut broken, mut slowest) = (0_u64, Vec::new(), Duration::ZERO);
    while start.elapsed() < seconds {
        let mut bytes =
            if pool.is_empty() || numbers.below(4) == 0 { numbers.fresh() } else { numbers.mutate(&pool) };
        tried += 1;
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        slowest = slowest.max(begun.elapsed());
        let name = match outcome {
            Ok(what) => {
                if !seen.insert(what) {
                    continue;
                }
                pool.push(bytes.clone());
                if to_keep == 0 {
                    continue;
                }
                to_keep -= 1;
                format!("kept-{tried}")
            }
            Err(_) => {
                bytes = shrink(bytes);
                broken.push(hex(&bytes));
                format!("broken-{}-{tried}", setting("FUZZ_SEED", 0))
            }
        };
        std::fs::write(folder().join(format!("{name}.hex")), hex(&bytes) + "\n").unwrap();
    }
    println!(
        "{tried} inputs, {} different outcomes, slowest {slowest:?}, {} broke something",
        seen.len(),
        broken.len()
    );
    assert!(broken.is_empty(), "kept in the corpus: {broken:#?}");
}
