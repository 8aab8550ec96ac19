//! Packs and facts that mean harm, or that somebody mangled: refused or answered, never a panic, never beyond the bounds.

use assessment::{
    Facts, MAX_CONDITIONS, MAX_RULES, Pack, PackFiles, Trace, assess, candidates, check_pack, load_pack,
};
use loan::Amount;

use crate::support::{files, li, pack, wang, zhang};

/// Mangled packs that are read, and as many sets of facts that are assessed; `HOSTILE_CASES` tries more.
const CASES: u64 = 800;
/// Of the packs that can be read, every so manyth has its tests run too: they take long in a debug build.
const CHECKED: u64 = 40;
/// Most candidates that any tier may make; see `MAX_CANDIDATES` of the checker.
const MAX_CANDIDATES: usize = 4_096;

const PACKS: [&str; 3] = ["cn-instalment", "uk-consumer", "us-consumer"];

/// What numbers, words and whole lines are replaced by.
const POISON: [&str; 26] = [
    "",
    "0",
    "-1",
    "1",
    "0.0000000000000000001",
    "99999999999999999999",
    "-9223372036854775808",
    "1e308",
    "NaN",
    "0.5",
    "2",
    "\"",
    "]",
    "{",
    "}}",
    ",",
    "\n",
    "|",
    "1..60000",
    "M9",
    "EVERYTHING",
    "\u{0}",
    "é",
    "#",
    "= =",
    "[[rule]]",
];

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn cases() -> u64 {
    std::env::var("HOSTILE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// One to four changes: a token, a line or a byte of some file.
fn mangled(numbers: &mut Numbers, original: &PackFiles) -> PackFiles {
    let mut files = original.clone();
    for _ in 0..=numbers.below(4) {
        let names: Vec<String> = files.0.keys().filter(|name| !name.starts_with("tests/")).cloned().collect();
        let name = &names[numbers.below(names.len())];
        let bytes = &files.0[name];
        let text = String::from_utf8_lossy(bytes).into_owned();
        let changed = match numbers.below(5) {
            0 => {
                let mut bytes = bytes.clone();
                let place = numbers.below(bytes.len());
                bytes[place] = u8::try_from(numbers.below(256)).unwrap();
                bytes
            }
            1 => without_a_line(numbers, &text).into_bytes(),
            2 => with_a_line_twice(numbers, &text).into_bytes(),
            _ => with_a_token_replaced(numbers, &text).into_bytes(),
        };
        files.0.insert(name.clone(), changed);
    }
    files
}

fn without_a_line(numbers: &mut Numbers, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let gone = numbers.below(lines.len());
    let kept = lines.iter().enumerate().filter(|(place, _)| *place != gone);
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

fn with_a_line_twice(numbers: &mut Numbers, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let (line, place) = (numbers.pick(&lines), numbers.below(lines.len()));
    lines.insert(place, line);
    lines.join("\n")
}

/// A run of letters, digits and dots becomes poison, or another run of the same file.
fn with_a_token_replaced(numbers: &mut Numbers, text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '_';
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    for (place, letter) in text.char_indices().filter(|(_, letter)| is_part(*letter)) {
        match tokens.last_mut() {
            Some((_, end)) if *end == place => *end = place + letter.len_utf8(),
            _ => tokens.push((place, place + letter.len_utf8())),
        }
    }
    if tokens.is_empty() {
        return numbers.pick(&POISON).to_owned();
    }
    let (begin, end) = numbers.pick(&tokens);
    let (other, other_end) = numbers.pick(&tokens);
    let new = if numbers.below(3) == 0 { &text[other..other_end] } else { numbers.pick(&POISON) };
    format!("{}{new}{}", &text[..begin], &text[end..])
}

/// Assesses under a pack that could be read, whatever it says; checks the bounds.
fn within_bounds(pack: &Pack, facts: &Facts) {
    if let Ok(decision) = assess(pack, facts, Trace::Full) {
        let conditions: usize = decision.rules.iter().map(|rule| rule.conditions.len()).sum();
        assert!(conditions <= MAX_RULES * MAX_CONDITIONS);
        assert!(decision.offers.len() <= 4);
        let again = assess(pack, facts, Trace::Full).unwrap();
        assert_eq!(decision, again, "the same answer each time");
    }
    if let Ok(terms) = candidates(pack, facts) {
        assert!(terms.len() <= MAX_CANDIDATES, "{} candidates", terms.len());
    }
}

fn of_currency(facts: Facts, pack: &Pack) -> Facts {
    let account = facts.loan.account.clone();
    let mut contract = account.contract().clone();
    contract.currency = pack.currency;
    let mut facts = facts;
    facts.loan.account.origin = loan::Origin::Computed(contract);
    facts
}

#[test]
fn mangled_packs_are_refused_or_work() {
    let originals = PACKS.map(files);
    let (mut refused, mut read) = (0, 0);
    for case in 0..cases() {
        let mut numbers = Numbers(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let original = &originals[numbers.below(3)];
        let files = mangled(&mut numbers, original);
        match load_pack(&files) {
            Err(errors) => {
                refused += 1;
                for problem in &errors.0 {
                    assert!(!problem.what.is_empty() && !problem.mend.is_empty(), "{problem}");
                }
            }
            Ok(pack) => {
                read += 1;
                let facts = [li, zhang, wang][numbers.below(3)]();
                within_bounds(&pack, &of_currency(facts, &pack));
                if case % CHECKED == 0
                    && let Err(errors) = check_pack(&files)
                {
                    assert!(!errors.0.is_empty());
                }
            }
        }
    }
    assert!(refused > cases() / 4 && read > cases() / 20, "{refused} refused, {read} read");
}

/// Facts in JSON with one number after the other replaced by extremes; what can still be read is assessed.
#[test]
fn mangled_facts_are_refused_or_answered() {
    let packs = PACKS.map(pack);
    // Mostly of the kind that stands there, so that many can still be read.
    let numbers_too_far =
        ["0", "1", "-1", "255", "4294967295", "9223372036854775807", "-9223372036854775808"];
    let texts = [
        "\"0\"",
        "\"-0.5\"",
        "\"0.000000000001\"",
        "\"10\"",
        "\"79228162514264337593543950335\"",
        "\"2026-02-29\"",
        "\"9999-12-31\"",
        "\"0001-01-01\"",
        "\"2026-07-20\"",
        "\"\"",
    ];
    let others = ["null", "true", "[]", "1000000000000", "false"];
    let (mut read, mut answered) = (0, 0);
    for case in 0..cases() {
        let mut numbers = Numbers(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 7);
        let facts = [li, zhang, wang][numbers.below(3)]();
        let mut json = serde_json::to_value(&facts).unwrap();
        for _ in 0..=numbers.below(3) {
            let mut leaves = Vec::new();
            pointers(&json, String::new(), &mut leaves);
            let pointer = &leaves[numbers.below(leaves.len())];
            let extreme = match json.pointer(pointer) {
                _ if numbers.below(8) == 0 => numbers.pick(&others),
                Some(serde_json::Value::Number(_)) => numbers.pick(&numbers_too_far),
                Some(serde_json::Value::String(_)) => numbers.pick(&texts),
                _ => numbers.pick(&others),
            };
            let extreme = serde_json::from_str(extreme).unwrap();
            *json.pointer_mut(pointer).unwrap() = extreme;
        }
        let Ok(facts) = serde_json::from_value::<Facts>(json) else { continue };
        read += 1;
        let pack = &packs[numbers.below(3)];
        let facts = if numbers.below(2) == 0 { facts } else { of_currency(facts, pack) };
        answered += u64::from(assess(pack, &facts, Trace::None).is_ok());
        within_bounds(pack, &facts);
    }
    assert!(read > cases() / 10 && answered > cases() / 50, "{read} read, {answered} answered");
}

/// Where every number, text, flag and empty value of a document stands.
fn pointers(json: &serde_json::Value, at: String, into: &mut Vec<String>) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                pointers(value, format!("{at}/{key}"), into);
            }
        }
        serde_json::Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{place}"), into);
            }
        }
        _ => into.push(at),
    }
}

#[test]
fn the_largest_sums_that_facts_may_hold_are_exact_or_refused() {
    let pack = pack("cn-instalment");
    for amount in [1_000_000_000_000, 1_000_000_000_001, i64::MAX, -1] {
        let mut facts = zhang();
        facts.statement.verified_income[0].amount = Amount::new(amount);
        facts.statement.other_debt_balance = Amount::new(amount.clamp(0, 1_000_000_000_000));
        let answer = assess(&pack, &facts, Trace::Full);
        assert_eq!(answer.is_ok(), amount == 1_000_000_000_000, "{amount}: {:?}", answer.err());
    }
}
