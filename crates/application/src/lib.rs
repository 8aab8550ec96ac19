//! The application service: loans, negotiations, the desk, plans and the feed of what became of them.

mod cases;
mod convert;
mod documents;
mod drafts;
mod evidence_files;
mod facts;
mod loans;
mod packs;
mod pages;
mod plans;
mod policy;
mod rpc;
mod service;
mod shared;
mod work;

pub use documents::SCHEMA;
pub use evidence_files::{EvidenceFiles, MAX_EVIDENCE_BYTES};
pub use service::{Parts, SERVICE_NAME, Service};
