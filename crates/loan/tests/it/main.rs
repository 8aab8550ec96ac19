//! The crate's public face: cases of other systems, the stories, measures, accounts and laws.
#![cfg(test)]

mod accounts;
mod cases;
mod common;
mod measures;
mod properties;
mod stories;
mod values;
