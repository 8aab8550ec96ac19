//! Values out of rows.

use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

use crate::error::StoreError;

/// A column by its position; one that doesn't fit is damage.
pub(super) fn column<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    at: usize,
) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The row of a statement that always returns one.
pub(super) fn one(rows: &[PgRow]) -> Result<&PgRow, StoreError> {
    rows.first().ok_or_else(|| StoreError::Corrupt("a row is missing".to_owned()))
}

/// Every row through the same reader.
pub(super) fn each<T>(
    rows: &[PgRow],
    read: impl Fn(&PgRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// A text column that is never null; empty means none.
pub(super) fn optional(row: &PgRow, at: usize) -> Result<Option<String>, StoreError> {
    Ok(Some(column::<String>(row, at)?).filter(|text| !text.is_empty()))
}
