//! The three services, two replicas of each, with their stores and workers, over a simulated network and clock: what
//! happens in a run follows from its seed alone, so that a run that failed fails again.
//!
//! A run is a [`Scenario`]. People go about their business while hosts crash, links break, databases fail and days
//! pass ([`trouble`]); then everything heals, time goes on until every case rests, and the run is held against what
//! must be true ([`checks`]): whatever was answered is there, once.

mod acts;
mod audit;
mod borrowers;
mod caller;
mod checks;
mod desk;
mod hosts;
mod platform;
mod readers;
mod record;
mod run;
mod town;
mod trouble;

pub use record::{Counts, Report};
pub use run::{Scenario, play, repeat};
pub use store::simulation::Sabotage;
