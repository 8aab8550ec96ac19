//! Words that no file of the repository holds: paths of the machine it was written on, hosts of package registries, and
//! marks of unfinished work.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Findings, Violation};
use crate::tools::Workspace;

// In halves, or this file would break its own rule.
const WORDS: [&str; 11] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("index", ".crates.io"),
    concat!("static", ".crates.io"),
    concat!("pypi", ".org"),
    concat!("files", ".pythonhosted.org"),
    concat!("registry", ".npmjs.org"),
    concat!("deb", ".debian.org"),
];

/// Reads every text file that git tracks or would track.
pub fn check(workspace: &Workspace) -> Result<Findings> {
    let mut words: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    words.extend(machine_folder(env::var_os("HOME").as_deref().map(Path::new)));
    words.extend(machine_folder(workspace.root.parent()));
    let mut violations = Vec::new();
    let mut count = 0_usize;
    for path in workspace.files()? {
        let Ok(text) = String::from_utf8(fs::read(workspace.root.join(&path))?) else { continue };
        count = count.saturating_add(1);
        for (line, word) in find(&text, &words) {
            violations.push(Violation::new(&path, format!("line {line} holds `{word}`")));
        }
    }
    Ok(Findings { summary: format!("{count} text files"), violations })
}

/// A folder of this machine as a path of it begins. Folders that every machine has say nothing.
fn machine_folder(folder: Option<&Path>) -> Option<String> {
    let folder = folder?.to_str()?.trim_end_matches('/');
    let everywhere = ["", "/tmp", "/var/tmp", "/home", "/usr/src", "/app"];
    (!everywhere.contains(&folder)).then(|| format!("{folder}/"))
}

/// Lines, counted from 1, with the words they hold.
fn find<'a>(text: &str, words: &'a [String]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        found.extend(words.iter().filter(|word| holds(line, word)).map(|word| (number, word.as_str())));
    }
    found
}

/// A word counts when it isn't part of a longer word, a path when it isn't the end of a longer path.
fn holds(line: &str, word: &str) -> bool {
    let is_path = word.starts_with('/');
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at.saturating_add(word.len())..).and_then(|text| text.chars().next());
        let joins_before = |c: char| is_word(c) || (is_path && "./-*})>".contains(c));
        let ends_in_word = word.chars().next_back().is_some_and(is_word);
        !(before.is_some_and(joins_before) || (ends_in_word && after.is_some_and(is_word)))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_as_wholes() {
        let (mark, host, call) = (WORDS[0], WORDS[7], WORDS[3]);
        let rows = [
            (format!("// {mark}: later"), mark, true),
            (mark.to_owned(), mark, true),
            (format!("MAS{mark}N {mark}S {mark}_2"), mark, false),
            (mark.to_lowercase(), mark, false),
            (format!("https://{host}/simple"), host, true),
            (format!("fn f() {{ {call}() }}"), call, true),
            (format!("my_{call}()"), call, false),
            ("open /srv/build/a.txt".to_owned(), "/srv/build/", true),
            ("\"/srv/build/a.txt\"".to_owned(), "/srv/build/", true),
            ("crates/srv/build/a.txt, ./srv/build/".to_owned(), "/srv/build/", false),
        ];
        for (line, word, expected) in rows {
            assert_eq!(holds(&line, word), expected, "{line}");
        }
    }

    #[test]
    fn lines_are_named() {
        let words = ["a".to_owned(), "b".to_owned()];
        assert_eq!(find("a\n\nb a", &words), [(1, "a"), (3, "a"), (3, "b")]);
    }

    #[test]
    fn only_folders_that_tell_one_machine_apart() {
        let rows = [
            (Some("/srv/build"), Some("/srv/build/")),
            (Some("/srv/build/"), Some("/srv/build/")),
            (Some("/tmp"), None),
            (Some("/"), None),
            (None, None),
        ];
        for (folder, expected) in rows {
            assert_eq!(machine_folder(folder.map(Path::new)).as_deref(), expected, "{folder:?}");
        }
    }
}
