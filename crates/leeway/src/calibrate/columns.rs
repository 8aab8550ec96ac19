//! A CSV file by named columns, as public data comes: amounts as `1.00E+05`, per cent signs, cells that are empty.

use std::io::Read;

use rust_decimal::Decimal;

use super::Unusable;

/// Cells that say nothing.
const EMPTY: [&str; 5] = ["", "NA", "NaN", "nan", "NULL"];
/// Largest number either way: what is computed from two of them stays exact.
const MOST: u64 = 1_000_000_000_000_000;

/// The wanted columns of a file.
#[derive(Debug)]
pub struct Table {
    file: String,
    columns: Vec<&'static str>,
    rows: Vec<(u64, Vec<String>)>,
}

/// A row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    line: u64,
    cells: &'a [String],
}

impl Table {
    /// Reads the columns and passes over all others. Refuses a file that lacks one, naming every missing column.
    pub fn read(file: &str, source: impl Read, columns: &[&'static str]) -> Result<Self, Unusable> {
        let not_csv = |source| Unusable::NotCsv { file: file.to_owned(), source };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
        let header = reader.headers().map_err(not_csv)?;
        let header: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
        let place = |column: &&str| header.iter().position(|name| name == column);
        let missing: Vec<&'static str> =
            columns.iter().copied().filter(|column| place(column).is_none()).collect();
        if !missing.is_empty() {
            return Err(Unusable::MissingColumns { file: file.to_owned(), columns: missing });
        }
        let places: Vec<usize> = columns.iter().filter_map(place).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(not_csv)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = places.iter().map(|place| record.get(*place).unwrap_or("").to_owned()).collect();
            rows.push((line, cells));
        }
        Ok(Self { file: file.to_owned(), columns: columns.to_vec(), rows })
    }

    /// Every row in the order of the file.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

impl Row<'_> {
    /// A cell as it stands; `None` where it is empty.
    pub fn text(&self, column: &'static str) -> Option<&str> {
        let place = self.table.columns.iter().position(|name| *name == column)?;
        self.cells.get(place).map(String::as_str).filter(|cell| !EMPTY.contains(cell))
    }

    /// A number; `None` where the cell is empty, an error where it is none.
    pub fn number(&self, column: &'static str) -> Result<Option<Decimal>, Unusable> {
        let Some(text) = self.text(column) else { return Ok(None) };
        match read_number(text) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(column, "a number")),
        }
    }

    /// A whole number in a range.
    pub fn whole(
        &self,
        column: &'static str,
        (wanted, range): (&'static str, std::ops::RangeInclusive<i64>),
    ) -> Result<Option<i64>, Unusable> {
        let Some(number) = self.number(column)? else { return Ok(None) };
        let whole = i64::try_from(number.trunc()).ok().filter(|whole| Decimal::from(*whole) == number);
        match whole.filter(|whole| range.contains(whole)) {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.refuse(column, wanted)),
        }
    }

    /// Refuses what a cell holds.
    pub fn refuse(&self, column: &'static str, wanted: &'static str) -> Unusable {
        let found = self.text(column).unwrap_or_default().to_owned();
        Unusable::Cell { file: self.table.file.clone(), line: self.line, column, wanted, found }
    }

    /// A refusal of the arithmetic, with its place.
    pub fn failed(&self, source: assessment::AssessError) -> Unusable {
        Unusable::Row { file: self.table.file.clone(), line: self.line, source }
    }
}

fn read_number(text: &str) -> Option<Decimal> {
    let text = text.trim_end_matches('%').trim_end();
    let number = text.parse().or_else(|_| Decimal::from_scientific(text)).ok();
    number.filter(|number: &Decimal| number.abs() <= Decimal::from(MOST))
}
