//! The crate's public face: cases of other systems, the stories, measures, accounts and laws.
#![cfg(test)]

mod accounts;
mod agreed_rows;
mod case_reading;
mod cases;
mod changes;
mod charges;
mod common;
mod costs;
mod differential;
mod fuzz;
mod golden;
mod happenings;
mod history;
mod late_entries;
mod laws;
mod laws_of_change;
mod laws_of_outlines;
mod laws_of_terms;
mod lending_club;
mod measures;
mod plans_refitted;
mod refusals;
mod relief_on_any_loan;
mod schedules;
mod stories;
mod tape;
mod unearned_relief;
mod values;
mod worlds;
