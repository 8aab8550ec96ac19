//! The same promises with two replicas of each service on PostgreSQL; calls go to both in turn. See `Stage::start`.

#[path = "main.rs"]
mod promises;
