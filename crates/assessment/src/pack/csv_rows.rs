//! Rows of a CSV file by column, each with its line.

use std::collections::BTreeMap;

use loan::{Bucket, Ratio};

use super::reader::{Problems, utf8};
use super::section::suggest;
use crate::catalogue::BUCKETS;
use crate::sheet::MAX_RATIO_PLACES;

/// Most rows of a table.
pub const MAX_TABLE_ROWS: usize = 1024;

/// A row of a CSV file, by column.
pub(crate) struct CsvRow {
    pub line: u32,
    cells: BTreeMap<&'static str, String>,
}

impl CsvRow {
    pub fn cell(&self, column: &'static str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// A parsed cell; a cell that can't be read is a problem.
    pub fn parse<T>(
        &self,
        column: &'static str,
        (wanted, read): (&str, impl Fn(&str) -> Option<T>),
        problems: &mut Problems,
    ) -> Option<T> {
        let value = read(self.cell(column));
        if value.is_none() {
            let what = format!("column `{column}` must be {wanted}, found `{}`", self.cell(column));
            problems.add(self.line, what, format!("write {wanted}"));
        }
        value
    }

    pub fn bucket(&self, column: &'static str, problems: &mut Problems) -> Option<Bucket> {
        self.parse(column, ("a bucket M0 to M3 or M4_PLUS", read_bucket), problems)
    }

    pub fn ratio(&self, column: &'static str, problems: &mut Problems) -> Option<Ratio> {
        // More places would make the edge of a band finer than what payments over shares are rounded to.
        let read = |text: &str| read_ratio(text).filter(|ratio| ratio.decimal().scale() <= MAX_RATIO_PLACES);
        self.parse(column, ("a ratio of at least 0, with at most 6 places", read), problems)
    }

    pub fn share(&self, column: &'static str, problems: &mut Problems) -> Option<Ratio> {
        let read = |text: &str| read_ratio(text).filter(|ratio| *ratio <= Ratio::ONE);
        self.parse(column, ("a share of 0 to 1", read), problems)
    }
}

/// Reads a CSV file whose header is exactly `columns`; lines that start with `#` are comments.
pub(crate) fn rows(bytes: &[u8], columns: &[&'static str], problems: &mut Problems) -> Vec<CsvRow> {
    if utf8(bytes, problems).is_none() {
        return Vec::new();
    }
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(bytes);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => {
            problems.add(1, format!("not CSV: {error}"), "mend the syntax");
            return Vec::new();
        }
    };
    for name in &header {
        if problems.is_full() {
            return Vec::new();
        }
        if !columns.contains(&name.as_str()) {
            problems.add(1, format!("unknown column `{name}`"), suggest(name, columns.iter().copied()));
        }
    }
    for column in columns {
        if !header.iter().any(|name| name == column) {
            problems.add(1, format!("column `{column}` is missing"), format!("add `{column}`"));
        }
    }
    let mut found = Vec::new();
    for record in reader.records() {
        if found.len() == MAX_TABLE_ROWS {
            problems.add(0, format!("table has more than {MAX_TABLE_ROWS} rows"), "join or remove rows");
            break;
        }
        match record {
            Ok(record) => {
                let line =
                    record.position().map_or(0, |position| u32::try_from(position.line()).unwrap_or(0));
                let cells = columns.iter().filter_map(|column| {
                    let index = header.iter().position(|name| name == column)?;
                    record.get(index).map(|cell| (*column, cell.to_owned()))
                });
                found.push(CsvRow { line, cells: cells.collect() });
            }
            Err(error) => {
                let line = error.position().map_or(0, |position| u32::try_from(position.line()).unwrap_or(0));
                problems.add(line, format!("not CSV: {error}"), "give every row as many cells as the header");
            }
        }
    }
    found
}

fn read_bucket(text: &str) -> Option<Bucket> {
    BUCKETS.iter().find(|(word, _)| *word == text).map(|(_, bucket)| *bucket)
}

pub(crate) fn read_ratio(text: &str) -> Option<Ratio> {
    Ratio::parse(text).ok().filter(|ratio| *ratio >= Ratio::ZERO)
}
