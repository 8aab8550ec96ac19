//! Documents: the SQL of a kind's table, and reads of it.

use std::fmt::Write as _;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use crate::error::StoreError;
use crate::records::{Document, Filter, Query};
use crate::schema::{Kind, Value};

/// The table of a kind. Its SQL is built from declared names only, which `Schema::validate` holds to identifiers.
pub(super) struct Table(pub(super) &'static Kind);

impl Table {
    /// Parameters: id, revision, body version, body, index columns. Inserts nothing if the id exists.
    ///
    /// No RETURNING here: SQLite keeps the rows it returns in a table made for the statement.
    pub(super) fn insert(&self, index: &[(&'static str, Value)]) -> String {
        let mut columns = String::new();
        let mut values = String::new();
        for (at, (column, _)) in index.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(columns, ", \"{column}\"");
            let _ = write!(values, ", ?{}", at + 5);
        }
        format!(
            "INSERT INTO \"doc_{}\" (id, revision, body_version, body{columns}) VALUES (?1, ?2, ?3, ?4{values}) \
             ON CONFLICT (id) DO NOTHING",
            self.0.name
        )
    }

    /// Parameters: id, expected revision, body version, body, index columns.
    pub(super) fn update(&self, index: &[(&'static str, Value)]) -> String {
        let mut columns = String::new();
        for (at, (column, _)) in index.iter().enumerate() {
            let _ = write!(columns, ", \"{column}\" = ?{}", at + 5);
        }
        format!(
            "UPDATE \"doc_{}\" SET revision = revision + 1, body_version = ?3, body = ?4{columns} \
             WHERE id = ?1 AND revision = ?2",
            self.0.name
        )
    }

    /// Parameters: id, expected revision.
    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM \"doc_{}\" WHERE id = ?1 AND revision = ?2", self.0.name)
    }
}

/// The document's revision, 0 if it is absent. `kind` must be declared.
pub(crate) fn revision_of(conn: &Connection, kind: &str, id: &str) -> Result<i64, StoreError> {
    let revision = conn
        .prepare_cached(&format!("SELECT revision FROM \"doc_{kind}\" WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(revision.unwrap_or(0))
}

pub(crate) fn get_document(
    conn: &Connection,
    kind: &'static Kind,
    id: &str,
) -> Result<Option<Document>, StoreError> {
    let sql = format!("SELECT id, revision, body_version, body FROM \"doc_{}\" WHERE id = ?1", kind.name);
    Ok(conn.prepare_cached(&sql)?.query_row([id], document).optional()?)
}

pub(crate) fn list_documents(
    conn: &Connection,
    kind: &'static Kind,
    query: &Query,
) -> Result<Vec<Document>, StoreError> {
    let order_type = kind.column_type(query.order_by)?;
    let mut conditions = Conditions::new(kind, &query.filters)?;
    let (beyond, direction) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let by_id = query.order_by == "id";
    if let Some((value, id)) = &query.after {
        if by_id {
            conditions.add(&format!("id {beyond} ?"), &[id]);
        } else if value.ty() == order_type {
            conditions.add(&format!("(\"{}\", id) {beyond} (?, ?)", query.order_by), &[value, id]);
        } else {
            return Err(StoreError::Invalid(format!(
                "the cursor doesn't fit `{}.{}`",
                kind.name, query.order_by
            )));
        }
    }
    let order = if by_id {
        format!("id {direction}")
    } else {
        format!("\"{}\" {direction}, id {direction}", query.order_by)
    };
    conditions.values.push(&query.limit);
    let sql = format!(
        "SELECT id, revision, body_version, body FROM \"doc_{}\"{} ORDER BY {order} LIMIT ?",
        kind.name, conditions.sql
    );
    let mut select = conn.prepare_cached(&sql)?;
    let rows = select.query_map(conditions.values.as_slice(), document)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn count_documents(
    conn: &Connection,
    kind: &'static Kind,
    filters: &[Filter],
) -> Result<i64, StoreError> {
    let conditions = Conditions::new(kind, filters)?;
    let sql = format!("SELECT count(*) FROM \"doc_{}\"{}", kind.name, conditions.sql);
    Ok(conn.prepare_cached(&sql)?.query_row(conditions.values.as_slice(), |row| row.get(0))?)
}

/// A WHERE clause with positional parameters.
struct Conditions<'a> {
    sql: String,
    values: Vec<&'a dyn ToSql>,
}

impl<'a> Conditions<'a> {
    fn new(kind: &Kind, filters: &'a [Filter]) -> Result<Self, StoreError> {
        let mut conditions = Self { sql: String::new(), values: Vec::new() };
        for (column, op, value) in filters {
            if kind.column_type(column)? != value.ty() {
                return Err(StoreError::Invalid(format!("the filter doesn't fit `{}.{column}`", kind.name)));
            }
            conditions.add(&format!("\"{column}\" {} ?", op.sign()), &[value]);
        }
        Ok(conditions)
    }

    fn add(&mut self, condition: &str, values: &[&'a dyn ToSql]) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend_from_slice(values);
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
        })
    }
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document { id: row.get(0)?, revision: row.get(1)?, body_version: row.get(2)?, body: row.get(3)? })
}
