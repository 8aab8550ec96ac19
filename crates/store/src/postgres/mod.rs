//! PostgreSQL: every mutation one statement, which is the whole transaction.
//!
//! - `function` makes the commit function of a schema, `commit` speaks to it; `effects`, `journal`, `documents` and `sweep`
//!   are the other statements;
//! - `pool` runs statements on connections; `bell` tells and hears of changes; `migrate` brings a database up to date.

mod bell;
mod commit;
mod documents;
mod effects;
mod engine;
mod fault;
mod function;
mod journal;
mod migrate;
mod pool;
mod rows;
mod sweep;

pub(crate) use engine::{Freshness, Postgres, connect_options};
pub use migrate::Migrate;
pub(crate) use migrate::{migrate, told};
