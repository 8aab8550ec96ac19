//! Reads TOML with the line of everything, collects every problem, and names the nearest known word.

use std::collections::BTreeMap;
use std::fmt;

use loan::{Amount, Currency, Date, Ratio};
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
const MAX_SUGGESTED: usize = 64;

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
            self.list.push(PackProblem { file: self.file.clone(), line, what: what.into(), mend: mend.into() });
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
    let Ok(text) = std::str::from_utf8(bytes) else {
        problems.add(0, "file is not UTF-8", "save it as UTF-8");
        return None;
    };
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
        as_integer(node, key, problems)
    }

    /// A whole number of 0 or more; an absent key is `None`.
    pub fn optional_count(&mut self, key: &'static str, problems: &mut Problems) -> Option<u32> {
        let node = self.optional(key)?;
        let count = u32::try_from(as_integer(node, key, problems)?).ok();
        if count.is_none() {
            problems.add(node.line, format!("`{key}` must be a count of 0 or more"), "write such a count");
        }
        count
    }

    /// A word of a closed list; an absent key is `None`.
    pub fn optional_word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let found = self.optional_text(key, problems)?;
        word(found, words, problems)
    }

    /// A share or factor as exact decimal text; an absent key is `None`.
    pub fn optional_ratio(&mut self, key: &'static str, problems: &mut Problems) -> Option<Ratio> {
        let (text, line) = self.optional_text(key, problems)?;
        let ratio = Ratio::parse(text).ok();
        if ratio.is_none() {
            problems.add(line, format!("`{key}` is not a ratio: `{text}`"), "write it as \"0.10\"");
        }
        ratio
    }

    /// An amount of the pack's currency, such as `500.00 CNY`; an absent key is `None`.
    pub fn optional_money(
        &mut self,
        key: &'static str,
        currency: Currency,
        problems: &mut Problems,
    ) -> Option<Amount> {
        let found = self.optional_text(key, problems)?;
        money(key, found, currency, problems)
    }

    pub fn optional_date(&mut self, key: &'static str, problems: &mut Problems) -> Option<Date> {
        let found = self.optional_text(key, problems)?;
        as_date(key, found, problems)
    }

    /// Tables of a list with the line of each; an absent key is an empty list.
    pub fn tables(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<(&'a BTreeMap<String, Node>, u32)> {
        let Some(node) = self.optional(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            mismatch(node.line, key, ("a list of tables", node.value.kind()), problems);
            return Vec::new();
        };
        items.iter().filter_map(|item| as_table(item, key, problems)).collect()
    }

    /// A table with its line; an absent key is `None`.
    pub fn optional_table(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<(&'a BTreeMap<String, Node>, u32)> {
        let node = self.optional(key)?;
        as_table(node, key, problems)
    }

    pub fn date(&mut self, key: &'static str, problems: &mut Problems) -> Option<Date> {
        let found = self.text(key, problems)?;
        as_date(key, found, problems)
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
            if problems.is_full() {
                return;
            }
            if !self.asked.contains(&key.as_str()) {
                let mend = suggest(key, self.asked.iter().copied());
                problems.add(node.line, format!("unknown key `{key}`"), mend);
            }
        }
    }
}

fn as_integer(node: &Node, key: &str, problems: &mut Problems) -> Option<i64> {
    match node.value {
        Value::Integer(integer) => Some(integer),
        ref other => {
            mismatch(node.line, key, ("an integer", other.kind()), problems);
            None
        }
    }
}

fn as_date(key: &str, (text, line): (&str, u32), problems: &mut Problems) -> Option<Date> {
    let date = text.parse().ok();
    if date.is_none() {
        problems.add(line, format!("`{key}` is not a date: `{text}`"), "write it as 2026-01-31");
    }
    date
}

pub(crate) fn as_table<'a>(
    node: &'a Node,
    key: &str,
    problems: &mut Problems,
) -> Option<(&'a BTreeMap<String, Node>, u32)> {
    match &node.value {
        Value::Table(table) => Some((table, node.line)),
        other => {
            mismatch(node.line, key, ("a table", other.kind()), problems);
            None
        }
    }
}

/// Reads an amount such as `500.00 CNY` that stands under a key.
pub(crate) fn money(
    key: &str,
    (text, line): (&str, u32),
    currency: Currency,
    problems: &mut Problems,
) -> Option<Amount> {
    let amount = parse_money(text, currency);
    if amount.is_none() {
        let wanted = format!("an amount in {0}, such as \"500.00 {0}\"", currency.code());
        problems.add(line, format!("`{key}` must be {wanted}, found `{text}`"), format!("write {wanted}"));
    }
    amount
}

/// Reads `500.00 CNY`; `None` where the amount is unreadable or the currency another one.
pub(crate) fn parse_money(text: &str, currency: Currency) -> Option<Amount> {
    let number = text.strip_suffix(currency.code())?.trim_end();
    Amount::parse(number, currency).ok()
}

/// The value of a word of a closed list; another word is a problem.
pub(crate) fn word<T: Copy>(
    (text, line): (&str, u32),
    words: &[(&'static str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let mend = suggest(text, words.iter().map(|(word, _)| *word));
        problems.add(line, format!("unknown word `{text}`"), mend);
    }
    found
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
        .filter(|_| word.chars().count() <= MAX_SUGGESTED)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.chars().count() / 2);
    match nearest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None => format!("known are: {}", known.join(", ")),
    }
}
