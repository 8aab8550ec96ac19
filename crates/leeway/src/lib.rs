//! The binary's parts: configuration, the services in one process, the stories and the import.

pub mod cli;
pub mod config;
pub mod data_dir;
pub mod demo;
pub mod import;
pub mod retention;
pub mod serve;
pub mod stack;
pub mod up;
