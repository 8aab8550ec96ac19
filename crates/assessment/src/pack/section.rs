//! Reads the keys of a TOML table one by one, each as the type it must have.

use std::collections::BTreeMap;

use loan::{Amount, Currency, Date, Ratio};

use super::reader::{MAX_SUGGESTED, Node, Problems, Value};

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

    pub fn required_count(&mut self, key: &'static str, problems: &mut Problems) -> Option<u32> {
        self.required(key, problems)?;
        self.optional_count(key, problems)
    }

    pub fn required_money(
        &mut self,
        key: &'static str,
        currency: Currency,
        problems: &mut Problems,
    ) -> Option<Amount> {
        self.required(key, problems)?;
        self.optional_money(key, currency, problems)
    }

    /// A flag; an absent key is `default`.
    pub fn flag(&mut self, key: &'static str, default: bool, problems: &mut Problems) -> bool {
        match self.optional(key) {
            None => default,
            Some(Node { value: Value::Flag(flag), .. }) => *flag,
            Some(node) => {
                mismatch(node.line, key, ("a flag", node.value.kind()), problems);
                default
            }
        }
    }

    /// Items of a list; an absent key is an empty list.
    pub fn items(&mut self, key: &'static str, problems: &mut Problems) -> &'a [Node] {
        match self.optional(key) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                mismatch(node.line, key, ("a list", node.value.kind()), problems);
                &[]
            }
        }
    }

    /// Words of a closed list; an absent key is an empty list.
    pub fn words<T: Copy>(
        &mut self,
        key: &'static str,
        known: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Vec<T> {
        let texts = self.texts(key, problems);
        texts.into_iter().filter_map(|text| word(text, known, problems)).collect()
    }

    /// Tables of a list with the line of each; an absent key is an empty list.
    pub fn tables(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<(&'a BTreeMap<String, Node>, u32)> {
        self.optional(key).map_or_else(Vec::new, |node| tables(node, key, problems))
    }

    pub fn required_table(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<(&'a BTreeMap<String, Node>, u32)> {
        self.required(key, problems)?;
        self.optional_table(key, problems)
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

/// Tables of a list with the line of each.
pub(crate) fn tables<'a>(
    node: &'a Node,
    key: &str,
    problems: &mut Problems,
) -> Vec<(&'a BTreeMap<String, Node>, u32)> {
    let Value::List(items) = &node.value else {
        mismatch(node.line, key, ("a list of tables", node.value.kind()), problems);
        return Vec::new();
    };
    items.iter().filter_map(|item| as_table(item, key, problems)).collect()
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
