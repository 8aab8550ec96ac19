//! Rules over fact sheets: the same answer with and without trace, told flips that flip, sheets that survive their text.

use assessment::{FactSheet, Facts, Trace, Verdict, assess, fact_sheet};
use loan::Amount;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use crate::support::{li, monthly, pack, wang, zhang};

fn varied(which: u8, income: i64, plans: (u32, u32), flags: u8) -> Facts {
    let mut facts = match which % 3 {
        0 => li(),
        1 => zhang(),
        _ => wang(),
    };
    let mut entry = monthly("0.00", 0, 0);
    entry.amount = Amount::new(income);
    facts.statement.verified_income = vec![entry];
    (facts.prior.plans_12m, facts.prior.broken_plans_12m) = plans;
    facts.flags.moratorium = flags & 1 != 0;
    facts.flags.vulnerable = flags & 2 != 0;
    facts.flags.litigation = flags & 4 != 0;
    facts.submitter_is_not_borrower = flags & 8 != 0;
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_changes_no_answer_and_its_flips_flip(
        which in any::<u8>(), income in 0_i64..1_500_000, plans in (0_u32..3, 0_u32..2), flags in 0_u8..16,
    ) {
        let pack = pack("cn-instalment");
        let sheet = fact_sheet(&pack, &varied(which, income, plans, flags)).unwrap();
        let trace = pack.trace_on(&sheet);
        prop_assert_eq!(trace.answer, pack.rule_on(&sheet));
        let text = sheet.encode();
        prop_assert_eq!(FactSheet::decode(&text).unwrap(), sheet.clone());
        for (place, condition) in trace.conditions.iter().enumerate() {
            let Some(flip) = condition.flip else { continue };
            // The fact's place in the text: the values are unique enough to find it by trying each.
            let numbers: Vec<&str> = text.split(' ').collect();
            let turned = (1..numbers.len()).any(|cell| {
                let mut changed: Vec<String> = numbers.iter().map(|word| (*word).to_owned()).collect();
                if changed[cell] != condition.value.to_string() {
                    return false;
                }
                changed[cell] = flip.to_string();
                let changed = FactSheet::decode(&changed.join(" ")).unwrap();
                let after = pack.trace_on(&changed);
                // Where an earlier gate turns over with it, it is no longer reached.
                after.conditions[place].verdict != condition.verdict
            });
            prop_assert!(turned, "{condition:?}");
        }
    }
}

#[test]
fn an_answer_names_the_rules_that_the_decision_says_fired() {
    let pack = pack("cn-instalment");
    for flags in 0..16 {
        let facts = varied(flags, 500_000, (u32::from(flags % 2), 0), flags);
        let answer = pack.rule_on(&fact_sheet(&pack, &facts).unwrap());
        let decision = assess(&pack, &facts, Trace::Full).unwrap();
        let fired = decision.rules.iter().filter(|rule| rule.verdict == Verdict::Fired);
        let expected: Vec<&str> = fired.map(|rule| rule.rule_id.as_str()).collect();
        assert_eq!(answer.fired(&pack).collect::<Vec<_>>(), expected, "flags {flags}");
        // A moratorium holds the case before anything else is asked.
        assert_eq!(expected == ["R1"], flags & 1 != 0, "flags {flags}");
    }
}

#[test]
fn a_sheet_of_another_version_is_not_read() {
    let pack = pack("cn-instalment");
    let text = fact_sheet(&pack, &li()).unwrap().encode();
    let rows = [
        ("", false),
        ("7", false),
        (text.as_str(), true),
        (&format!("{text} 1"), false),
        (text.rsplit_once(' ').unwrap().0, false),
        (&text.replacen('1', "x", 1), false),
    ];
    for (text, read) in rows {
        assert_eq!(FactSheet::decode(text).is_some(), read, "{text}");
    }
}

#[test]
fn derived_facts_hold_under_packs_that_derive_alike() {
    let digest = pack("cn-instalment").derivation_digest().to_owned();
    // (file, text, its replacement, derived alike)
    let rows = [
        ("rules.toml", "value = \"0.10\"", "value = \"0.11\"", true),
        ("pack.toml", "value = \"500.00 CNY\"", "value = \"400.00 CNY\"", false),
        ("pack.toml", "value = \"24 hours\"", "value = \"23 hours\"", true),
        ("tables/evidence.csv", "BEREAVEMENT,DEATH_CERTIFICATE", "BEREAVEMENT,OTHER", false),
    ];
    for (file, text, replacement, alike) in rows {
        let mut files = crate::support::files("cn-instalment");
        let content = String::from_utf8(files.0[file].clone()).unwrap();
        assert!(content.contains(text), "{file}: {text}");
        files.0.insert(file.to_owned(), content.replacen(text, replacement, 1).into_bytes());
        let other = assessment::load_pack(&files).unwrap();
        assert_eq!(other.derivation_digest() == digest, alike, "{file}");
    }
}
