//! From SQLite to PostgreSQL: every row of every table, in one transaction, and both sides read again and compared.

mod source;
mod target;

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::options::PostgresOptions;
use crate::postgres::connect_options;
use crate::schema::{ColumnType, Schema, Value};

use source::Source;
use target::Target;

/// Rows sent at once.
const BATCH_ROWS: usize = 1_000;

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    pub table: String,
    pub rows: u64,
    /// SHA-256 over all rows in the order of their key, hex; the same on both sides.
    pub digest: String,
}

/// A table, its columns in the order in which they are read, and how many of the first ones order it.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<(String, ColumnType)>,
    key: usize,
}

/// The common tables: name, columns (those of texts are marked by `'`), columns of the key.
const COMMON: [(&str, &str, usize); 7] = [
    ("journal", "stream' seq time kind' actor' body' prev_hash' hash'", 2),
    ("journal_head", "stream' seq hash'", 1),
    (
        "effects",
        "id topic' key' version not_before body' trace' state' due_at attempts worker' token' error' settled_at",
        1,
    ),
    ("requests", "principal' subject' request_id' method' payload_hash' response_ref' time", 3),
    ("feed", "position time case_key' kind' body'", 1),
    ("feed_head", "id position floor", 1),
    ("tombstones", "kind' id' revision time", 2),
];

impl Table {
    fn all(schema: &Schema) -> Vec<Self> {
        let common = COMMON.iter().map(|(name, columns, key)| Self {
            name: (*name).to_owned(),
            columns: columns.split(' ').map(column).collect(),
            key: *key,
        });
        let documents = schema.kinds.iter().map(|kind| {
            let mut columns: Vec<_> = "id' revision body_version body'".split(' ').map(column).collect();
            columns.extend(kind.columns.iter().map(|declared| (declared.name.to_owned(), declared.ty)));
            Self { name: format!("doc_{}", kind.name), columns, key: 1 }
        });
        common.chain(documents).collect()
    }

    /// Quoted names, separated by commas.
    fn names(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        names.join(", ")
    }

    /// Every row, in the order of the key.
    fn select(&self) -> String {
        let key: Vec<String> = (1..=self.key).map(|at| at.to_string()).collect();
        format!("SELECT {} FROM \"{}\" ORDER BY {}", self.names(), self.name, key.join(", "))
    }
}

fn column(text: &str) -> (String, ColumnType) {
    match text.strip_suffix('\'') {
        Some(name) => (name.to_owned(), ColumnType::Text),
        None => (text.to_owned(), ColumnType::BigInt),
    }
}

/// Rows as one number that two databases can be compared by.
#[derive(Default)]
struct RowDigest {
    digest: Sha256,
    rows: u64,
}

impl RowDigest {
    fn add(&mut self, row: &[Value]) {
        for value in row {
            match value {
                Value::Int(number) => {
                    self.digest.update([b'i']);
                    self.digest.update(number.to_be_bytes());
                }
                Value::Text(text) => {
                    self.digest.update([b't']);
                    self.digest.update((text.len() as u64).to_be_bytes());
                    self.digest.update(text.as_bytes());
                }
            }
        }
        self.rows += 1;
    }

    fn end(self, table: &Table) -> CopiedTable {
        let digest = hex::encode(self.digest.finalize());
        CopiedTable { table: table.name.clone(), rows: self.rows, digest }
    }
}

/// Copies an SQLite database, as it is at this moment, into an empty PostgreSQL database that was migrated. Nothing is
/// there before all of it is. What the service commits to the SQLite file later is not in the copy: stop it before.
pub(crate) async fn copy(
    from: &Path,
    to: &PostgresOptions,
    schema: &Schema,
) -> Result<Vec<CopiedTable>, StoreError> {
    let source = Source::open(from, schema)?;
    let direct = PostgresOptions { pooler: false, ..to.clone() };
    let url = to.listen_url.as_ref().unwrap_or(&to.url);
    let mut target = Target::begin(&connect_options(url, &direct)?).await?;
    let tables = Table::all(schema);
    for table in &tables {
        target.refuse_rows(table).await?;
    }
    let mut copied = Vec::new();
    for table in &tables {
        let mut sent = RowDigest::default();
        let mut select = source.select(table)?;
        let mut rows = select.query([])?;
        loop {
            let batch = source::next(&mut rows, table, BATCH_ROWS)?;
            batch.iter().for_each(|row| sent.add(row));
            target.insert(table, &batch).await?;
            if batch.len() < BATCH_ROWS {
                break;
            }
        }
        copied.push(sent.end(table));
    }
    target.continue_effects(source.last_effect()?).await?;
    for (table, sent) in tables.iter().zip(&copied) {
        let found = target.digest(table).await?;
        if found != *sent {
            return Err(StoreError::Corrupt(format!(
                "the copy of `{}` differs from the original",
                table.name
            )));
        }
    }
    target.commit().await?;
    Ok(copied)
}
