//! How long functions and files are.

use super::lexer::{Token, item_end, tokens};
use super::{Findings, Violation};

const MAX_FUNCTION_LINES: usize = 70;
/// Of a file, tests left out.
const MAX_FILE_LINES: usize = 400;
/// Of a file with its tests, and of a file that is a test.
const MAX_FILE_LINES_WITH_TESTS: usize = 600;

/// Measures Rust files, given as path and text.
pub fn check(files: &[(String, String)]) -> [(&'static str, Findings); 2] {
    let mut functions = Vec::new();
    let mut long_files = Vec::new();
    for (path, text) in files {
        let tokens = tokens(text);
        long_files.extend(long_file(path, text.lines().count(), test_lines(&tokens)));
        for function in functions_of(&tokens) {
            functions.push((function.lines, format!("{path} fn {}", function.name)));
        }
    }
    functions.sort();
    let violations = functions
        .iter()
        .filter(|(lines, _)| *lines > MAX_FUNCTION_LINES)
        .map(|(lines, item)| Violation::new(item, format!("{lines} lines, at most {MAX_FUNCTION_LINES}")))
        .collect();
    let summary = function_summary(&functions);
    [
        ("function length", Findings { summary, violations }),
        ("file length", Findings { summary: format!("{} files", files.len()), violations: long_files }),
    ]
}

/// Takes the functions by rising length.
fn function_summary(functions: &[(usize, String)]) -> String {
    let index = functions.len().saturating_mul(95).div_ceil(100).saturating_sub(1);
    let p95 = functions.get(index).map_or(0, |(lines, _)| *lines);
    let longest = functions.last().map_or_else(String::new, |(lines, item)| format!("{lines} ({item})"));
    format!("{} functions, 95 % have at most {p95} lines, longest {longest}", functions.len())
}

fn long_file(path: &str, lines: usize, test_lines: usize) -> Option<Violation> {
    let is_test = path.split('/').any(|folder| folder == "tests" || folder == "benches");
    let own = lines.saturating_sub(test_lines);
    if !is_test && own > MAX_FILE_LINES {
        return Some(Violation::new(path, format!("{own} lines without tests, at most {MAX_FILE_LINES}")));
    }
    (lines > MAX_FILE_LINES_WITH_TESTS)
        .then(|| Violation::new(path, format!("{lines} lines, at most {MAX_FILE_LINES_WITH_TESTS}")))
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// From the line of `fn` to the line of the closing brace.
    lines: usize,
}

/// Every function that has a body, those inside others and inside macro calls too.
fn functions_of(tokens: &[Token]) -> Vec<Function> {
    let mut functions = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        // `fn(` is a type.
        if keyword.text != "fn" || name.text == "(" {
            continue;
        }
        let end = item_end(tokens, index).and_then(|end| tokens.get(end));
        // One that ends with `;` is declared here and written elsewhere.
        if let Some(end) = end.filter(|end| end.text == "}") {
            let lines = end.line.saturating_sub(keyword.line).saturating_add(1);
            functions.push(Function { name: name.text.clone(), lines });
        }
    }
    functions
}

/// Lines of the items under `#[cfg(test)]`, attribute included.
fn test_lines(tokens: &[Token]) -> usize {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut total = 0_usize;
    // Where the last test item ends, so that one inside it isn't counted again.
    let mut counted_to = 0_usize;
    for (index, window) in tokens.windows(ATTRIBUTE.len()).enumerate() {
        let starts = window.iter().zip(ATTRIBUTE).all(|(token, expected)| token.text == expected);
        let Some(first) = window.first().filter(|first| starts && first.line > counted_to) else { continue };
        let after = index.saturating_add(ATTRIBUTE.len());
        let Some(last) = item_end(tokens, after).and_then(|end| tokens.get(end)) else { continue };
        total = total.saturating_add(last.line.saturating_sub(first.line).saturating_add(1));
        counted_to = last.line;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_end_at_their_own_brace() {
        let rows = [
            ("fn a() {}", "a=1"),
            ("fn a(\n) -> u8\n{\n1\n}\nfn b() {\n}", "a=5 b=2"),
            ("trait T {\n fn a();\n fn b(&self) -> [u8; 2] {\n [0; 2] }\n}", "b=2"),
            ("type F = fn(u8) -> u8;\nfn a() {}", "a=1"),
            ("fn a() {\n let x = \"}\"; // }\n let y = '}';\n fn b() {\n }\n}", "a=6 b=2"),
            ("proptest! {\n fn a(x in 0..9) {\n }\n}", "a=2"),
            ("// fn a() {\n// }\nconst S: &str = r#\"fn b() {}\"#;", ""),
        ];
        for (source, expected) in rows {
            let found: Vec<String> =
                functions_of(&tokens(source)).iter().map(|f| format!("{}={}", f.name, f.lines)).collect();
            assert_eq!(found.join(" "), expected, "{source}");
        }
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        for (lines, expected) in [(70, 0), (71, 1)] {
            let text = format!("fn a() {{\n{}}}", "x();\n".repeat(lines - 2));
            let [(_, functions), _] = check(&[("a.rs".to_owned(), text)]);
            assert_eq!(functions.violations.len(), expected, "{lines} lines");
        }
    }

    #[test]
    fn test_items_are_not_counted_twice() {
        let rows = [
            ("fn a() {}", 0),
            ("fn a() {}\n#[cfg(test)]\nmod tests {\n\n}\nfn b() {}", 4),
            ("#[cfg(test)]\nmod tests;\nfn b() {\n}", 2),
            ("#[cfg(test)]\n#[expect(x)]\nfn a(y: [u8; 2]) {\n}", 4),
            ("#[cfg(test)]\nmod tests {\n#[cfg(test)]\nfn a() {}\n}", 5),
            ("#[cfg(any(test, x))]\nmod a {}", 0),
        ];
        for (source, expected) in rows {
            assert_eq!(test_lines(&tokens(source)), expected, "{source}");
        }
    }

    #[test]
    fn files_are_bounded_without_and_with_tests() {
        let rows = [
            ("crates/loan/src/a.rs", 400, 0, true),
            ("crates/loan/src/a.rs", 401, 0, false),
            ("crates/loan/src/a.rs", 600, 200, true),
            ("crates/loan/src/a.rs", 601, 300, false),
            ("crates/loan/tests/a.rs", 600, 0, true),
            ("crates/loan/tests/a.rs", 601, 0, false),
        ];
        for (path, lines, test_lines, expected) in rows {
            assert_eq!(long_file(path, lines, test_lines).is_none(), expected, "{path} {lines} {test_lines}");
        }
    }
}
