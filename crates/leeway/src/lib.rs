//! The binary's parts: configuration, the services in one process, the stories, the import and schedules of cases.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod calibrate;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod database;
pub mod demo;
pub mod import;
pub mod migrate;
pub mod pack;
pub mod progress;
pub mod retention;
pub mod schedule;
pub mod serve;
pub mod stack;
pub mod up;
