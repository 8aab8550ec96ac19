//! Documents and idempotency records: reads.

use std::fmt::Write as _;

use sqlx::postgres::PgRow;

use super::pool::Statement;
use super::rows::{column, one};
use crate::error::StoreError;
use crate::records::{Document, Filter, Query, StoredRequest};
use crate::schema::{Kind, Value};

pub(super) fn get(kind: &Kind, id: &str) -> Statement {
    let sql = format!("SELECT id, revision, body_version, body FROM \"doc_{}\" WHERE id = $1", kind.name);
    Statement::new(sql).bind(id)
}

pub(super) fn list(kind: &Kind, query: &Query) -> Result<Statement, StoreError> {
    let order_type = kind.column_type(query.order_by)?;
    let mut conditions = Conditions::new(kind, &query.filters)?;
    let (beyond, direction) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let by_id = query.order_by == "id";
    if let Some((value, id)) = &query.after {
        if by_id {
            let id = conditions.value(&Value::Text(id.clone()));
            conditions.add(&format!("id {beyond} {id}"));
        } else if value.ty() == order_type {
            let (value, id) = (conditions.value(value), conditions.value(&Value::Text(id.clone())));
            conditions.add(&format!("(\"{}\", id) {beyond} ({value}, {id})", query.order_by));
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
    let select = format!("SELECT id, revision, body_version, body FROM \"doc_{}\"", kind.name);
    Ok(conditions.statement(&select, &format!(" ORDER BY {order} LIMIT {}", query.limit)))
}

pub(super) fn count(kind: &Kind, filters: &[Filter]) -> Result<Statement, StoreError> {
    let select = format!("SELECT count(*) FROM \"doc_{}\"", kind.name);
    Ok(Conditions::new(kind, filters)?.statement(&select, ""))
}

pub(super) fn find_request(principal: &str, subject: &str, request_id: &str) -> Statement {
    Statement::new(
        "SELECT method, payload_hash, response_ref FROM requests \
         WHERE principal = $1 AND subject = $2 AND request_id = $3",
    )
    .bind(principal)
    .bind(subject)
    .bind(request_id)
}

pub(super) fn document(row: &PgRow) -> Result<Document, StoreError> {
    Ok(Document {
        id: column(row, 0)?,
        revision: column(row, 1)?,
        body_version: column(row, 2)?,
        body: column(row, 3)?,
    })
}

pub(super) fn request(rows: &[PgRow]) -> Result<Option<StoredRequest>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(StoredRequest {
        method: column(row, 0)?,
        payload_hash: column(row, 1)?,
        response_ref: column(row, 2)?,
    }))
}

pub(super) fn counted(rows: &[PgRow]) -> Result<i64, StoreError> {
    column(one(rows)?, 0)
}

/// A WHERE clause with numbered parameters.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn new(kind: &Kind, filters: &[Filter]) -> Result<Self, StoreError> {
        let mut conditions = Self { sql: String::new(), values: Vec::new() };
        for (name, op, value) in filters {
            if kind.column_type(name)? != value.ty() {
                return Err(StoreError::Invalid(format!("the filter doesn't fit `{}.{name}`", kind.name)));
            }
            let parameter = conditions.value(value);
            conditions.add(&format!("\"{name}\" {} {parameter}", op.sign()));
        }
        Ok(conditions)
    }

    /// The parameter that stands for a value.
    fn value(&mut self, value: &Value) -> String {
        self.values.push(value.clone());
        format!("${}", self.values.len())
    }

    fn add(&mut self, condition: &str) {
        let joint = if self.sql.is_empty() { " WHERE " } else { " AND " };
        // Writing to a String cannot fail.
        let _ = write!(self.sql, "{joint}{condition}");
    }

    fn statement(self, select: &str, rest: &str) -> Statement {
        let statement = Statement::new(format!("{select}{}{rest}", self.sql));
        self.values.into_iter().fold(statement, |statement, value| match value {
            Value::Int(number) => statement.bind(number),
            Value::Text(text) => statement.bind(text),
        })
    }
}
