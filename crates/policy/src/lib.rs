//! The policy service: packs, decisions with a trace, exact schedules.
//!
//! It owns packs and decision records. The arithmetic is `loan`'s, the rules are `assessment`'s; here are only the RPCs (one a
//! file), the shelf of packs and the stored record. Decisions are never changed and never deleted.

mod calendars;
mod config;
mod convert;
mod packs;
mod problems;
mod record;
mod refusals;
mod rpc;
mod schedules;
mod service;

#[cfg(test)]
mod tests;

pub use config::PolicyConfig;
pub use packs::{PackShelf, ShelfError, read_pack_folder};
pub use record::SCHEMA;
pub use service::{Parts, Service};
