//! What end-to-end tests share: the three services in this process over real gRPC on free ports of loopback, a
//! temporary data folder, a clock that only the test moves, people with their own identity, and the stories' cases.
//!
//! A test reads: [`Stage::start`], then calls as somebody ([`Stage::cases`], [`Stage::desk`], …), then
//! [`Stage::until`] to move time. Whatever follows from a step has happened once [`Stage::settle`] returns, so no
//! test sleeps, and none depends on how fast anything is.

pub mod flows;
pub mod make;
pub mod marks;
pub mod packs;
pub mod people;
pub mod refusal;
pub mod replicas;
pub mod stage;
pub mod wire;

pub use refusal::Refusal;
pub use stage::Stage;
