//! The policy service: packs, decisions with a trace, exact schedules.
//!
//! It owns packs and decision records. The arithmetic is `loan`'s, the rules are `assessment`'s; here are only the RPCs (one a
//! file), the packs with what puts them in force, the stored record, and what is made of stored records: proof, shadow and
//! replay. Decisions are never changed and never deleted, nor are packs.

mod activation;
mod activations;
mod calendars;
mod config;
mod convert;
mod documents;
mod library;
mod packs;
mod pages;
mod problems;
mod publishing;
mod record;
mod refusals;
pub mod replay;
mod rpc;
mod schedules;
mod service;
mod shadow;
mod shipped;
mod told;
mod verify;
mod work;

#[cfg(test)]
mod tests;

pub use config::PolicyConfig;
pub use documents::SCHEMA;
pub use packs::{PackShelf, ShelfError, read_pack_folder};
pub use service::{OpenError, Parts, Service};
