//! Effects: what happens after a commit, one topic a file.

mod assess;
mod case_timer;
mod notify;
mod plan_check;

pub use assess::assessment_of;

use chassis::{Failure, Topic};
use serde::de::DeserializeOwned;
use store::Effect;

use crate::shared::Shared;

/// Ask policy about a case.
pub const ASSESS: &str = "assess";
/// Send a message to a borrower.
pub const NOTIFY: &str = "notify";
/// Time passed on a case.
pub const CASE_TIMER: &str = "case-timer";
/// Time passed on a plan.
pub const PLAN_CHECK: &str = "plan-check";
/// Version of every effect body that this code writes and reads.
pub const BODY_VERSION: i32 = 1;

/// Every topic of this service.
pub fn topics(shared: &Shared) -> Vec<Topic> {
    let (a, b, c, d) = (shared.clone(), shared.clone(), shared.clone(), shared.clone());
    vec![
        Topic::new(ASSESS, BODY_VERSION, move |effect| {
            let shared = a.clone();
            async move { assess::run(&shared, &effect).await }
        }),
        Topic::new(NOTIFY, BODY_VERSION, move |effect| {
            let shared = b.clone();
            async move { notify::run(&shared, &effect).await }
        }),
        Topic::new(CASE_TIMER, BODY_VERSION, move |effect| {
            let shared = c.clone();
            async move { case_timer::run(&shared, &effect).await }
        }),
        Topic::new(PLAN_CHECK, BODY_VERSION, move |effect| {
            let shared = d.clone();
            async move { plan_check::run(&shared, &effect).await }
        }),
    ]
}

/// Reads the body of an effect; one that can't be read parks.
fn body<B: DeserializeOwned>(effect: &Effect) -> Result<B, Failure> {
    serde_json::from_str(&effect.body).map_err(|error| {
        // Only where it broke: the parser's own text may quote the body.
        Failure::permanent(format!("body can't be read, {:?} at column {}", error.classify(), error.column()))
    })
}
