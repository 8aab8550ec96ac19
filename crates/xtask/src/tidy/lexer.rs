//! A lexer for Rust and proto files that is just good enough to count: it drops comments, strings and characters and
//! keeps words, punctuation and lines.

/// A word or a punctuation character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// The tokens of a file.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

/// Index of the token that closes the bracket opened at `open`, of whichever kind.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth = depth.saturating_add(1),
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// Index of the token an item ends with, its `;` or the brace that closes its body, searching from inside its head.
pub fn item_end(tokens: &[Token], head: usize) -> Option<usize> {
    let mut index = head;
    loop {
        match tokens.get(index)?.text.as_str() {
            ";" => return Some(index),
            "{" => return closing(tokens, index),
            "(" | "[" => index = closing(tokens, index)?.saturating_add(1),
            _ => index = index.saturating_add(1),
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Consumes one token, comment, literal or space; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some(length) = raw_string(self.rest) {
            self.skip(length);
        } else if first == '"' {
            self.skip(quoted(self.rest, '"'));
        } else if first == '\'' {
            self.skip(if is_character(self.rest) { quoted(self.rest, '\'') } else { 1 });
        } else if is_word(first) {
            self.take(self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()));
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else {
            self.take(first.len_utf8());
        }
        true
    }

    fn skip(&mut self, length: usize) {
        let (skipped, rest) = self.rest.split_at(length);
        self.line = self.line.saturating_add(skipped.matches('\n').count());
        self.rest = rest;
    }

    fn take(&mut self, length: usize) {
        let text = self.rest.get(..length).unwrap_or_default().to_owned();
        self.tokens.push(Token { text, line: self.line });
        self.skip(length);
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth = depth.saturating_add(1);
            at = at.saturating_add(2);
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at = at.saturating_add(2);
        } else {
            at = at.saturating_add(rest.chars().next().map_or(1, char::len_utf8));
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of `r"…"`, `r#"…"#` and the `b` and `c` forms, if the text starts with one.
fn raw_string(text: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].into_iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let opened = after.trim_start_matches('#');
    let content = opened.strip_prefix('"')?;
    let hashes = after.len().saturating_sub(opened.len());
    let end = format!("\"{}", "#".repeat(hashes));
    let rest = content.find(&end).map_or(0, |at| content.len().saturating_sub(at).saturating_sub(end.len()));
    Some(text.len().saturating_sub(rest))
}

/// Length of a literal between two quotes with `\` escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

/// A `'` begins a character, not a lifetime, when an escape follows or the character after next closes it.
fn is_character(text: &str) -> bool {
    let mut following = text.chars().skip(1);
    following.next() == Some('\\') || following.next() == Some('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_vanish_and_lines_stay() {
        let rows = [
            ("fn f() {}", "1:fn 1:f 1:( 1:) 1:{ 1:}"),
            ("a // { b\nc", "1:a 2:c"),
            ("a /* { /* { */ \n { */ b", "1:a 2:b"),
            ("a \"{ \\\" {\n\" b", "1:a 2:b"),
            ("a r\"{ \\\" b", "1:a 1:b"),
            ("a br##\"{ \"# {\n\"## b", "1:a 2:b"),
            ("r#type for_r \"{\"", "1:r 1:# 1:type 1:for_r"),
            ("'{' '\\'' '\\u{7b}' b'{' x", "1:b 1:x"),
            ("&'a str, 'b: loop {}", "1:& 1:a 1:str 1:, 1:b 1:: 1:loop 1:{ 1:}"),
            ("\"付 {\" '付' 'é x", "1:é 1:x"),
            ("\"never closed {", ""),
        ];
        for (source, expected) in rows {
            let shown: Vec<String> =
                tokens(source).iter().map(|token| format!("{}:{}", token.line, token.text)).collect();
            assert_eq!(shown.join(" "), expected, "{source}");
        }
    }
}
