//! Packs that somebody bent on harm could send: whatever their bytes are, they are read or refused, and soon.

use std::sync::OnceLock;

use assessment::{MAX_PACK_BYTES, MAX_PROBLEMS, PackFiles, load_pack, read_tests};
use proptest::prelude::*;

use crate::support::files;

fn shipped() -> &'static PackFiles {
    static FILES: OnceLock<PackFiles> = OnceLock::new();
    FILES.get_or_init(|| files("uk-consumer"))
}

/// One change of a file's text.
#[derive(Debug, Clone)]
enum Bend {
    /// Bytes in place of others.
    Overwrite { at: usize, bytes: Vec<u8> },
    /// Lines that stand again elsewhere.
    Repeat { from: usize, lines: usize, to: usize },
    /// The rest is gone.
    Cut { at: usize },
    /// A number of the text becomes another one.
    Number { nth: usize, to: i128 },
}

fn bend() -> impl Strategy<Value = Bend> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..8),
        Just(b"\"".to_vec()),
        Just(b"[[".to_vec()),
        Just(b"= {".to_vec()),
        Just(b",".to_vec()),
        Just(b"|".to_vec()),
    ];
    prop_oneof![
        (any::<usize>(), bytes).prop_map(|(at, bytes)| Bend::Overwrite { at, bytes }),
        (any::<usize>(), 1_usize..40, any::<usize>()).prop_map(|(from, lines, to)| Bend::Repeat {
            from,
            lines,
            to
        }),
        any::<usize>().prop_map(|at| Bend::Cut { at }),
        (any::<usize>(), prop_oneof![Just(i128::from(i64::MAX)), Just(-1), Just(0), any::<i128>()])
            .prop_map(|(nth, to)| Bend::Number { nth, to }),
    ]
}

fn bent(text: &[u8], bend: &Bend) -> Vec<u8> {
    let mut text = text.to_vec();
    match bend {
        Bend::Overwrite { at, bytes } => {
            let at = at % (text.len() + 1);
            let end = (at + bytes.len()).min(text.len());
            text.splice(at..end, bytes.iter().copied());
        }
        Bend::Repeat { from, lines, to } => {
            let all: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            let from = from % all.len();
            let some = all[from..(from + lines).min(all.len())].concat();
            let to = to % (all.len() + 1);
            text = [all[..to].concat(), some, all[to..].concat()].concat();
        }
        Bend::Cut { at } => text.truncate(at % (text.len() + 1)),
        Bend::Number { nth, to } => {
            let starts: Vec<usize> = (0..text.len())
                .filter(|at| text[*at].is_ascii_digit() && (*at == 0 || !text[at - 1].is_ascii_digit()))
                .collect();
            if let Some(start) = starts.get(nth % starts.len().max(1)) {
                let length = text[*start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                text.splice(*start..start + length, to.to_string().into_bytes());
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bent_packs_are_read_or_refused(file in any::<prop::sample::Index>(), bends in prop::collection::vec(bend(), 1..4)) {
        let mut files = shipped().clone();
        let name = file.get(&files.0.keys().cloned().collect::<Vec<_>>()).clone();
        let text = bends.iter().fold(files.0[&name].clone(), |text, bend| if text.is_empty() { text } else { bent(&text, bend) });
        files.0.insert(name.clone(), text);
        match load_pack(&files) {
            Ok(pack) => {
                if let Err(errors) = read_tests(&pack, &files) {
                    prop_assert!(errors.0.iter().all(|problem| problem.file == name), "{errors}");
                }
            }
            Err(errors) => {
                prop_assert!(!errors.0.is_empty() && errors.0.len() <= 2 * MAX_PROBLEMS, "{}", errors.0.len());
                for problem in &errors.0 {
                    prop_assert!(!problem.what.is_empty() && !problem.mend.is_empty(), "{problem}");
                }
            }
        }
    }
}

/// As large as a pack may be, and as nasty: each is refused without a walk over its bytes for every one of them.
#[test]
fn the_largest_packs_are_refused_soon() {
    let many = |piece: &str| piece.repeat((MAX_PACK_BYTES - 200_000) / piece.len());
    let rows = [
        ("rules.toml", format!("rule = [{}]", many("{},"))),
        ("rules.toml", many("[[rule]]\n")),
        ("rules.toml", "a = ".to_owned() + &many("[")),
        ("pack.toml", "a.".to_owned() + &many("b.") + "c = 1"),
        ("pack.toml", format!("name = \"{}\"", many("x"))),
        ("contact.toml", format!("reminder_days = [{}]", many("1,"))),
        ("tables/measures.csv", format!("tier,measure,parameter,values\nA,RE_AGE,rows,{}", many("1..60|"))),
        ("tables/evidence.csv", format!("reason,accepted\nOTHER,{}", many("OTHR|"))),
        ("tables/tiers.csv", format!("bucket,grade,tier\n{}", many("M0,GOOD,A\n"))),
        ("tables/tiers.csv", many(",")),
        ("reasons/en.toml", many("[A]\n")),
    ];
    for (file, text) in rows {
        let mut files = shipped().clone();
        files.0.insert(file.to_owned(), text.into_bytes());
        let errors = load_pack(&files).unwrap_err();
        assert!(errors.0.iter().any(|problem| problem.file == file), "{file}: {errors}");
    }
}
