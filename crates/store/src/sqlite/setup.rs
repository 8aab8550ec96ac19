//! Opening connections and bringing the tables up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::StoreError;
use crate::migration::Version;
use crate::schema::{ColumnType, Kind, Schema};

/// How long another process may hold the database, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache of the writer and of each reader. Keys are random, so a commit touches pages all over its indexes.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
const READER_CACHE_KIB: i64 = 16 * 1024;
/// Distinct statements kept prepared a connection.
const CACHED_STATEMENTS: usize = 256;
/// The log file is cut back to this after a checkpoint.
const MAX_LOG_BYTES: i64 = 64 * 1024 * 1024;

/// The connection that writes, with all tables in place. In memory if there is no path.
pub(super) fn open_writer(path: Option<&Path>, schema: &Schema) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = match path {
        Some(path) => Connection::open_with_flags(path, flags)?,
        None => Connection::open_in_memory_with_flags(flags)?,
    };
    configure(&conn, WRITER_CACHE_KIB)?;
    if path.is_some() {
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Unavailable(format!(
                "the file system gives journal mode `{mode}`, not wal"
            )));
        }
        conn.pragma_update(None, "journal_size_limit", MAX_LOG_BYTES)?;
    }
    migrate(&mut conn, schema)?;
    Ok(conn)
}

/// A connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    configure(&conn, READER_CACHE_KIB)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// A connection to a database that must be there and stays as it is, in use or left behind.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    let ours: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'journal_head')",
        [],
        |row| row.get(0),
    )?;
    if ours { Ok(conn) } else { Err(StoreError::Invalid("the file is no database of a service".to_owned())) }
}

/// A connection to a database of ours, brought up to date first, for whoever reads all of it.
pub(crate) fn open_current(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    drop(open_writer(Some(path), schema)?);
    open_read_only(path)
}

fn configure(conn: &Connection, cache_kib: i64) -> Result<(), StoreError> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // FULL: with the log, a commit that was answered survives the loss of power.
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Negative: KiB instead of pages.
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    // Savepoints keep their undo pages here.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

fn migrate(conn: &mut Connection, schema: &Schema) -> Result<(), StoreError> {
    let change = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    change.execute_batch(
        "CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let read = |key: &str| {
        change.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
    };
    let found =
        Version { version: read("schema_version")?.unwrap_or(0), compatible_from: read("compatible_from")? };
    for (version, migration) in found.missing()? {
        change.execute_batch(migration.sqlite)?;
        note(&change, "schema_version", version)?;
        if version > 1 {
            note(&change, "compatible_from", migration.compatible_from)?;
        }
    }
    for kind in schema.kinds {
        declare(&change, kind)?;
    }
    change.commit()?;
    Ok(())
}

fn note(conn: &Connection, key: &str, value: i64) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, value],
    )?;
    Ok(())
}

/// Creates the kind's table, or adds the columns and indexes it lacks. Columns no longer declared stay, with defaults.
fn declare(conn: &Connection, kind: &Kind) -> Result<(), StoreError> {
    let columns: String = kind.columns.iter().map(|c| format!("{}, ", column(c.name, c.ty))).collect();
    // The body comes last, so that reading an index column doesn't walk through it.
    conn.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS \"doc_{}\" (id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, \
         body_version INTEGER NOT NULL, {columns}body TEXT NOT NULL) STRICT",
        kind.name
    ))?;
    for declared in kind.columns {
        let found: Option<String> = conn
            .query_row(
                "SELECT type FROM pragma_table_info(?1) WHERE name = ?2",
                params![format!("doc_{}", kind.name), declared.name],
                |row| row.get(0),
            )
            .optional()?;
        match found {
            None => conn.execute_batch(&format!(
                "ALTER TABLE \"doc_{}\" ADD COLUMN {}",
                kind.name,
                column(declared.name, declared.ty)
            ))?,
            Some(found) if found == sql_type(declared.ty) => {}
            Some(found) => {
                return Err(StoreError::Invalid(format!(
                    "column `{}.{}` is stored as `{found}`",
                    kind.name, declared.name
                )));
            }
        }
    }
    for index in kind.indexes {
        let name = index.join("__");
        let listed: String = index.iter().map(|column| format!("\"{column}\", ")).collect();
        conn.execute_batch(&format!(
            "CREATE INDEX IF NOT EXISTS \"doc_{0}_by_{name}\" ON \"doc_{0}\" ({listed}id)",
            kind.name
        ))?;
    }
    Ok(())
}

fn column(name: &str, ty: ColumnType) -> String {
    let default = match ty {
        ColumnType::BigInt => "0",
        ColumnType::Text => "''",
    };
    format!("\"{name}\" {} NOT NULL DEFAULT {default}", sql_type(ty))
}

/// SQLite's INTEGER holds 64 bits; its strict tables know no BIGINT.
fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::BigInt => "INTEGER",
        ColumnType::Text => "TEXT",
    }
}
