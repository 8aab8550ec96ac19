//! Bringing a PostgreSQL database up to date, and looking whether it is.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::fault;
use super::function::{CommitFunction, PREFIX};
use crate::error::StoreError;
use crate::migration::{SUPPORTED, Version};
use crate::schema::{ColumnType, Kind, Schema};

/// Key of the advisory lock under which one migration runs at a time; the database's own.
const LOCK: i64 = 0x6C65_6577_6179;
/// A change of a table waits no longer for those who use it: nobody shall queue up behind it.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '5s'";

/// What `leeway migrate` is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Says what is missing.
    DryRun,
    /// Does it.
    Apply,
}

/// One step, as it is told and as it is run.
struct Step {
    told: String,
    sql: String,
    /// Outside the transaction: an index on a table in use is built beside it.
    apart: bool,
}

impl Step {
    fn new(told: impl Into<String>, sql: String) -> Self {
        Self { told: told.into(), sql, apart: false }
    }
}

/// Runs what is missing, or only says it. Either everything but the building of indexes happens, or nothing.
pub(crate) async fn migrate(
    connect: &PgConnectOptions,
    schema: &Schema,
    migrate: Migrate,
) -> Result<Vec<String>, StoreError> {
    let mut connection = PgConnection::connect_with(connect).await.map_err(told)?;
    let steps = run(&mut connection, schema, migrate).await;
    // The lock goes with the connection.
    let _ = connection.close().await;
    steps
}

async fn run(
    connection: &mut PgConnection,
    schema: &Schema,
    migrate: Migrate,
) -> Result<Vec<String>, StoreError> {
    connection.execute(LOCK_TIMEOUT).await.map_err(told)?;
    connection.execute("SET statement_timeout = 0").await.map_err(told)?;
    let mut waiting = 0;
    while !try_lock(connection).await? {
        waiting += 1;
        if waiting > MAX_LOCK_WAITS {
            return Err(StoreError::Unavailable("another migration is running".to_owned()));
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let steps = plan(connection, schema).await?;
    let told_steps = steps.iter().map(|step| step.told.clone()).collect();
    if migrate == Migrate::DryRun {
        return Ok(told_steps);
    }
    let mut change = connection.begin().await.map_err(told)?;
    for step in steps.iter().filter(|step| !step.apart) {
        execute(&mut change, &step.sql).await?;
    }
    change.commit().await.map_err(told)?;
    for step in steps.iter().filter(|step| step.apart) {
        execute(connection, &step.sql).await?;
    }
    Ok(told_steps)
}

/// How long another migration is waited for: replicas that start together all want the same one.
const MAX_LOCK_WAITS: u32 = 600;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

async fn try_lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(connection).await;
    row.map_err(told)?.try_get(0).map_err(told)
}

async fn plan(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    for (version, migration) in version(connection).await?.missing()? {
        steps.push(Step::new(format!("common tables, version {version}"), migration.postgres.to_owned()));
        steps.push(note("schema_version", version));
        if version > 1 {
            steps.push(note("compatible_from", migration.compatible_from));
        }
    }
    if !steps.is_empty() {
        let meta = "CREATE TABLE IF NOT EXISTS meta (key TEXT COLLATE \"C\" NOT NULL PRIMARY KEY, value BIGINT NOT NULL)";
        steps.insert(0, Step::new("table `meta`", meta.to_owned()));
    }
    for kind in schema.kinds {
        declare(connection, kind, &mut steps).await?;
    }
    commit_function(connection, schema, &mut steps).await?;
    Ok(steps)
}

/// What a database must be for this software to work on it.
pub(super) async fn check(connection: &mut PgConnection, schema: &Schema) -> Result<(), StoreError> {
    let mut missing = version(connection).await?.missing()?;
    if let Some((version, _)) = missing.next() {
        return Err(StoreError::Outdated(format!("version {version} of the common tables")));
    }
    let name = CommitFunction::of(schema).name;
    let sql = "SELECT to_regproc($1) IS NOT NULL";
    let row = sqlx::query(sql).persistent(false).bind(&name).fetch_one(connection).await;
    if row.map_err(told)?.try_get(0).map_err(told)? { Ok(()) } else { Err(StoreError::Outdated(name)) }
}

async fn version(connection: &mut PgConnection) -> Result<Version, StoreError> {
    let sql = "SELECT to_regclass('meta') IS NOT NULL";
    let row = sqlx::query(sql).persistent(false).fetch_one(&mut *connection).await.map_err(told)?;
    if !row.try_get::<bool, _>(0).map_err(told)? {
        return Ok(Version { version: 0, compatible_from: None });
    }
    let sql = "SELECT (SELECT value FROM meta WHERE key = 'schema_version'), \
        (SELECT value FROM meta WHERE key = 'compatible_from')";
    let row = sqlx::query(sql).persistent(false).fetch_one(connection).await.map_err(told)?;
    let version: Option<i64> = row.try_get(0).map_err(told)?;
    Ok(Version { version: version.unwrap_or(0), compatible_from: row.try_get(1).map_err(told)? })
}

fn note(key: &str, value: i64) -> Step {
    let sql = format!(
        "INSERT INTO meta (key, value) VALUES ('{key}', {value}) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    );
    Step::new(format!("`{key}` is {value}"), sql)
}

/// The kind's table, or the columns and indexes it lacks. Columns no longer declared stay, with defaults.
async fn declare(
    connection: &mut PgConnection,
    kind: &Kind,
    steps: &mut Vec<Step>,
) -> Result<(), StoreError> {
    let table = format!("doc_{}", kind.name);
    let columns = columns(connection, &table).await?;
    if columns.is_empty() {
        let declared: String = kind.columns.iter().map(|c| format!("{}, ", column(c.name, c.ty))).collect();
        let sql = format!(
            "CREATE TABLE \"{table}\" (id TEXT COLLATE \"C\" NOT NULL PRIMARY KEY, revision BIGINT NOT NULL, \
             body_version INTEGER NOT NULL, {declared}body TEXT COLLATE \"C\" NOT NULL) WITH (fillfactor = 80)"
        );
        steps.push(Step::new(format!("table `{table}`"), sql));
    }
    for declared in kind.columns.iter().filter(|_| !columns.is_empty()) {
        match columns.iter().find(|(name, _)| name == declared.name) {
            None => steps.push(Step::new(
                format!("column `{table}.{}`", declared.name),
                format!("ALTER TABLE \"{table}\" ADD COLUMN {}", column(declared.name, declared.ty)),
            )),
            Some((_, found)) if found == sql_type(declared.ty) => {}
            Some((name, found)) => {
                return Err(StoreError::Invalid(format!("column `{table}.{name}` is stored as `{found}`")));
            }
        }
    }
    for index in kind.indexes {
        let name = format!("{table}_by_{}", index.join("__"));
        let listed: String = index.iter().map(|column| format!("\"{column}\", ")).collect();
        if has_index(connection, &name).await? {
            continue;
        }
        let apart = !columns.is_empty();
        let how = if apart { "CONCURRENTLY " } else { "" };
        if apart {
            // One whose building broke off is in the way.
            let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS \"{name}\"");
            steps.push(Step { told: format!("no unfinished `{name}`"), sql: drop, apart });
        }
        let sql = format!("CREATE INDEX {how}\"{name}\" ON \"{table}\" ({listed}id)");
        steps.push(Step { told: format!("index `{name}`"), sql, apart });
    }
    Ok(())
}

/// Ours, if it isn't there. The one before it stays for software of the version before; older ones go.
async fn commit_function(
    connection: &mut PgConnection,
    schema: &Schema,
    steps: &mut Vec<Step>,
) -> Result<(), StoreError> {
    let ours = CommitFunction::of(schema);
    let sql = "SELECT proname::text, COALESCE(obj_description(oid, 'pg_proc'), '0')::bigint FROM pg_proc \
        WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, $1) ORDER BY 2";
    let rows = sqlx::query(sql).bind(PREFIX).fetch_all(connection).await.map_err(told)?;
    let mut found = Vec::new();
    for row in rows {
        found.push((row.try_get::<String, _>(0).map_err(told)?, row.try_get::<i64, _>(1).map_err(told)?));
    }
    if found.iter().any(|(name, _)| *name == ours.name) {
        return Ok(());
    }
    let newest = found.last().map_or(0, |(_, generation)| *generation);
    for (name, _) in found.iter().filter(|(_, generation)| *generation < newest) {
        steps.push(Step::new(format!("no function `{name}`"), format!("DROP FUNCTION {name}(TEXT)")));
    }
    steps.push(Step::new(format!("function `{}`", ours.name), ours.create));
    let comment = format!("COMMENT ON FUNCTION {}(TEXT) IS '{}'", ours.name, newest + 1);
    steps.push(Step::new(format!("its generation, {}", newest + 1), comment));
    Ok(())
}

/// Names and types; none if there is no such table.
async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
        WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped";
    let rows = sqlx::query(sql).bind(table).fetch_all(connection).await.map_err(told)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(told)?, row.try_get(1).map_err(told)?))).collect()
}

async fn has_index(connection: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(quote_ident($1)) AND indisvalid)";
    let row = sqlx::query(sql).bind(name).fetch_one(connection).await.map_err(told)?;
    row.try_get(0).map_err(told)
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), StoreError> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(told)?;
    Ok(())
}

fn column(name: &str, ty: ColumnType) -> String {
    match ty {
        ColumnType::BigInt => format!("\"{name}\" bigint NOT NULL DEFAULT 0"),
        ColumnType::Text => format!("\"{name}\" text COLLATE \"C\" NOT NULL DEFAULT ''"),
    }
}

fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::BigInt => "bigint",
        ColumnType::Text => "text",
    }
}

/// The driver's error in the store's words.
pub(crate) fn told(error: sqlx::Error) -> StoreError {
    fault::of(&error).into_error()
}

const _: () = assert!(SUPPORTED >= 2, "`compatible_from` is part of every version that PostgreSQL has");
