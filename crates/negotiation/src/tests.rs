//! Tests beside the code: transitions, time, words, plans and properties.

mod plans;
mod properties;
mod review;
mod samples;
mod time;
mod verbs;
mod words;
