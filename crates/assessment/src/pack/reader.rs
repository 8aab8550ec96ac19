//! Reads TOML with the line of everything, and collects every problem.

use std::collections::BTreeMap;
use std::fmt;

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

/// Most problems of one file that are listed; whoever mends these will see the others.
pub const MAX_PROBLEMS: usize = 100;
/// Deepest nesting of lists and tables in a TOML file.
pub const MAX_NESTING: usize = 8;
/// Most characters of a word for which the nearest known one is looked for.
pub(crate) const MAX_SUGGESTED: usize = 64;

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
        if !self.is_full() {
            self.list.push(PackProblem {
                file: self.file.clone(),
                line,
                what: what.into(),
                mend: mend.into(),
            });
        }
    }

    /// Whether further problems would not be listed, so that looking for them is idle.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
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
    let text = utf8(bytes, problems)?;
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => {
            let mut reading = Reading { lines, too_deep: None };
            let root = reading.table(table.get_ref(), 0);
            if let Some(line) = reading.too_deep {
                problems.add(line, "values are nested too deep", format!("keep to {MAX_NESTING} levels"));
                return None;
            }
            Some(root)
        }
        Err(error) => {
            let line = error.span().map_or(0, |span| lines.line(span.start));
            problems.add(line, format!("not TOML: {}", error.message()), "mend the syntax");
            None
        }
    }
}

/// The text of a file; `None` after reporting the line of the first byte that isn't UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], problems: &mut Problems) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let newlines = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            let line = u32::try_from(newlines.saturating_add(1)).unwrap_or(u32::MAX);
            problems.add(line, "file is not UTF-8", "save it as UTF-8");
            None
        }
    }
}

/// Where each line of a text ends, so that an offset's line needs no second walk over the text.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|newline| *newline < offset);
        u32::try_from(before.saturating_add(1)).unwrap_or(u32::MAX)
    }
}

/// Turns what was parsed into nodes with lines.
struct Reading {
    lines: Lines,
    /// Line of the first value beyond the deepest nesting.
    too_deep: Option<u32>,
}

impl Reading {
    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> BTreeMap<String, Node> {
        let mut found = BTreeMap::new();
        for (key, value) in table {
            let mut node = self.node(value, depth);
            if !matches!(node.value, Value::Table(_) | Value::List(_)) {
                node.line = self.lines.line(key.span().start);
            }
            found.insert(key.get_ref().to_string(), node);
        }
        found
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
        let line = self.lines.line(value.span().start);
        let nested = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        if nested && depth >= MAX_NESTING {
            self.too_deep.get_or_insert(line);
            return Node { line, value: Value::Other("nested too deep") };
        }
        let value = match value.get_ref() {
            DeValue::String(string) => Value::Text(string.to_string()),
            DeValue::Integer(integer) => {
                integer.as_str().parse().map_or(Value::Other("an integer outside 64 bits"), Value::Integer)
            }
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item, depth + 1)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, depth + 1)),
            DeValue::Float(_) => Value::Other("a float"),
            DeValue::Datetime(_) => Value::Other("a bare date"),
        };
        Node { line, value }
    }
}
