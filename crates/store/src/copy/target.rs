//! The PostgreSQL side: one transaction.

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::{CopiedTable, RowDigest, Table};
use crate::error::StoreError;
use crate::postgres::told;
use crate::schema::{ColumnType, Value};

/// The one table that has a row from the beginning.
const FEED_HEAD: &str = "feed_head";

pub(super) struct Target(PgConnection);

impl Target {
    pub(super) async fn begin(connect: &PgConnectOptions) -> Result<Self, StoreError> {
        let mut connection = PgConnection::connect_with(connect).await.map_err(told)?;
        connection.execute("SET statement_timeout = 0").await.map_err(told)?;
        connection.execute("BEGIN").await.map_err(told)?;
        Ok(Self(connection))
    }

    /// Nobody's data is mixed with another's: every table must be empty. Nobody else writes until the end.
    pub(super) async fn refuse_rows(&mut self, table: &Table) -> Result<(), StoreError> {
        let name = &table.name;
        self.run(format!("LOCK TABLE \"{name}\" IN EXCLUSIVE MODE")).await?;
        let used = if name == FEED_HEAD { "WHERE position > 0" } else { "" };
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{name}\" {used})");
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut self.0).await.map_err(told)?;
        if row.try_get(0).map_err(told)? {
            return Err(StoreError::Invalid(format!("table `{name}` of the target isn't empty")));
        }
        if name == FEED_HEAD {
            self.run(format!("DELETE FROM \"{name}\"")).await?;
        }
        Ok(())
    }

    pub(super) async fn insert(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let arrays: Vec<String> = (1..)
            .zip(&table.columns)
            .map(|(at, (_, ty))| match ty {
                ColumnType::BigInt => format!("${at}::bigint[]"),
                ColumnType::Text => format!("${at}::text[]"),
            })
            .collect();
        let sql = format!(
            "INSERT INTO \"{}\" ({}) SELECT * FROM unnest({})",
            table.name,
            table.names(),
            arrays.join(", ")
        );
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for (at, (name, ty)) in table.columns.iter().enumerate() {
            let misfit =
                || StoreError::Corrupt(format!("`{}.{name}` holds a value of another type", table.name));
            let column = rows.iter().map(|row| row.get(at));
            insert = match ty {
                ColumnType::BigInt => {
                    let numbers = column.map(|value| match value {
                        Some(Value::Int(number)) => Ok(*number),
                        Some(Value::Text(_)) | None => Err(misfit()),
                    });
                    insert.bind(numbers.collect::<Result<Vec<i64>, _>>()?)
                }
                ColumnType::Text => {
                    let texts = column.map(|value| match value {
                        Some(Value::Text(text)) => Ok(text.clone()),
                        Some(Value::Int(_)) | None => Err(misfit()),
                    });
                    insert.bind(texts.collect::<Result<Vec<String>, _>>()?)
                }
            };
        }
        insert.execute(&mut self.0).await.map_err(told)?;
        Ok(())
    }

    /// The next effect gets an id that was never given.
    pub(super) async fn continue_effects(&mut self, last: i64) -> Result<(), StoreError> {
        if last > 0 {
            self.run(format!("SELECT setval(pg_get_serial_sequence('effects', 'id'), {last})")).await?;
        }
        Ok(())
    }

    /// Reads the table back, row by row.
    pub(super) async fn digest(&mut self, table: &Table) -> Result<CopiedTable, StoreError> {
        let mut digest = RowDigest::default();
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(name, ty)| match ty {
                ColumnType::BigInt => format!("\"{name}\"::bigint"),
                ColumnType::Text => format!("\"{name}\""),
            })
            .collect();
        let sql = table.select().replacen(&table.names(), &columns.join(", "), 1);
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.0);
        while let Some(row) = rows.try_next().await.map_err(told)? {
            digest.add(&values(table, &row)?);
        }
        Ok(digest.end(table))
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.run("COMMIT".to_owned()).await?;
        self.0.close().await.map_err(told)
    }

    async fn run(&mut self, sql: String) -> Result<(), StoreError> {
        self.0.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(told)?;
        Ok(())
    }
}

fn values(table: &Table, row: &PgRow) -> Result<Vec<Value>, StoreError> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(at, (_, ty))| match ty {
            ColumnType::BigInt => row.try_get(at).map(Value::Int).map_err(told),
            ColumnType::Text => row.try_get(at).map(Value::Text).map_err(told),
        })
        .collect()
}
