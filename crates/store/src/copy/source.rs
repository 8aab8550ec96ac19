//! The SQLite side.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Rows, Statement};

use super::Table;
use crate::error::StoreError;
use crate::schema::{Schema, Value};
use crate::sqlite;

/// One snapshot of the database: what is committed later isn't seen.
pub(super) struct Source(Connection);

impl Source {
    pub(super) fn open(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Invalid(format!("there is no database `{}`", path.display())));
        }
        let conn = sqlite::open_current(path, schema)?;
        conn.execute_batch("BEGIN")?;
        Ok(Self(conn))
    }

    /// Reads a table in the order of its key.
    pub(super) fn select(&self, table: &Table) -> Result<Statement<'_>, StoreError> {
        Ok(self.0.prepare(&table.select())?)
    }

    /// The highest effect id ever given.
    pub(super) fn last_effect(&self) -> Result<i64, StoreError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'effects'";
        Ok(self.0.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
    }
}

/// The next rows, at most so many; fewer are the last.
pub(super) fn next(rows: &mut Rows<'_>, table: &Table, most: usize) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut batch = Vec::new();
    while batch.len() < most
        && let Some(row) = rows.next()?
    {
        let values = (0..table.columns.len()).map(|at| value(row.get_ref(at)?));
        batch.push(values.collect::<Result<_, _>>()?);
    }
    Ok(batch)
}

fn value(found: ValueRef<'_>) -> Result<Value, StoreError> {
    match found {
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .map(Value::from)
            .map_err(|_| StoreError::Corrupt("a text that isn't UTF-8".to_owned())),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(StoreError::Corrupt("a value that no column of ours holds".to_owned()))
        }
    }
}
