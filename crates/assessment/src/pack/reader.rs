//! Reads TOML with the line of everything, collects every problem, and names the nearest known word.

use std::collections::BTreeMap;
use std::fmt;

use loan::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackProblem {
    /// File, relative to the pack's folder.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for PackProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.mend)
    }
}

/// Every problem found in a pack, in order of file and line. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackErrors(pub Vec<PackProblem>);

impl fmt::Display for PackErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PackErrors {}

/// The problems of one file while it is read.
#[derive(Debug)]
pub(crate) struct Problems {
    pub file: String,
    pub list: Vec<PackProblem>,
}

impl Problems {
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    pub fn add(&mut self, line: u32, what: impl Into<String>, mend: impl Into<String>) {
        self.list.push(PackProblem { file: self.file.clone(), line, what: what.into(), mend: mend.into() });
    }
}

/// A TOML value with the line it starts on.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub line: u32,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// A kind that packs don't use.
    Other(&'static str),
}

impl Value {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "an integer",
            Self::Flag(_) => "a flag",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Parses a TOML document; `None` after reporting where it can't be parsed.
pub(crate) fn parse(bytes: &[u8], problems: &mut Problems) -> Option<BTreeMap<String, Node>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        problems.add(0, "file is not UTF-8", "save it as UTF-8");
        return None;
    };
    match DeTable::parse(text) {
        Ok(table) => Some(convert_table(table.get_ref(), text)),
        Err(error) => {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            problems.add(line, format!("not TOML: {}", error.message()), "mend the syntax");
            None
        }
    }
}

fn convert_table(table: &DeTable<'_>, text: &str) -> BTreeMap<String, Node> {
    table
        .iter()
        .map(|(key, value)| {
            let mut node = convert(value, text);
            if !matches!(node.value, Value::Table(_) | Value::List(_)) {
                node.line = line_of(text, key.span().start);
            }
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn convert(value: &Spanned<DeValue<'_>>, text: &str) -> Node {
    let line = line_of(text, value.span().start);
    let value = match value.get_ref() {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(integer) => {
            integer.as_str().parse().map_or(Value::Other("an integer outside 64 bits"), Value::Integer)
        }
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(items) => Value::List(items.iter().map(|item| convert(item, text)).collect()),
        DeValue::Table(table) => Value::Table(convert_table(table, text)),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a bare date"),
    };
    Node { line, value }
}

fn line_of(text: &str, offset: usize) -> u32 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u32::try_from(newlines.saturating_add(1)).unwrap_or(u32::MAX)
}

/// Reads the keys of one table; `finish` reports the keys nobody asked for.
pub(crate) struct Section<'a> {
    table: &'a BTreeMap<String, Node>,
    line: u32,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn new(table: &'a BTreeMap<String, Node>, line: u32) -> Self {
        Self { table, line, asked: Vec::new() }
    }

    /// The node under a key, if it is there.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// The node under a key; its absence is a problem.
    pub fn required(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'a Node> {
        let node = self.optional(key);
        if node.is_none() {
            problems.add(self.line, format!("key `{key}` is missing"), format!("add `{key}`"));
        }
        node
    }

    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<(&'a str, u32)> {
        let node = self.required(key, problems)?;
        as_text(node, key, problems)
    }

    pub fn optional_text(&mut self, key: &'static str, problems: &mut Problems) -> Option<(&'a str, u32)> {
        let node = self.optional(key)?;
        as_text(node, key, problems)
    }

    pub fn integer(&mut self, key: &'static str, problems: &mut Problems) -> Option<i64> {
        let node = self.required(key, problems)?;
        match node.value {
            Value::Integer(integer) => Some(integer),
            ref other => {
                mismatch(node.line, key, ("an integer", other.kind()), problems);
                None
            }
        }
    }

    pub fn date(&mut self, key: &'static str, problems: &mut Problems) -> Option<Date> {
        let (text, line) = self.text(key, problems)?;
        let date = text.parse().ok();
        if date.is_none() {
            problems.add(line, format!("`{key}` is not a date: `{text}`"), "write it as 2026-01-31");
        }
        date
    }

    /// Texts of a list; an absent key is an empty list.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(&'a str, u32)> {
        let Some(node) = self.optional(key) else { return Vec::new() };
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| as_text(item, key, problems)).collect(),
            other => {
                mismatch(node.line, key, ("a list of texts", other.kind()), problems);
                Vec::new()
            }
        }
    }

    pub fn finish(self, problems: &mut Problems) {
        for (key, node) in self.table {
            if !self.asked.contains(&key.as_str()) {
                let mend = suggest(key, self.asked.iter().copied());
                problems.add(node.line, format!("unknown key `{key}`"), mend);
            }
        }
    }
}

fn as_text<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<(&'a str, u32)> {
    match &node.value {
        Value::Text(text) => Some((text.as_str(), node.line)),
        other => {
            mismatch(node.line, key, ("text", other.kind()), problems);
            None
        }
    }
}

pub(crate) fn mismatch(line: u32, key: &str, (wanted, found): (&str, &str), problems: &mut Problems) {
    problems.add(line, format!("`{key}` must be {wanted}, found {found}"), format!("write {wanted}"));
}

/// `did you mean …` with the nearest known word, or the whole list where nothing is near.
pub(crate) fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.chars().count() / 2);
    match nearest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None => format!("known are: {}", known.join(", ")),
    }
}
