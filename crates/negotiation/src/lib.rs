//! Life cycles of applications and plans.
//!
//! Pure: no clock, no input or output, no randomness. A verb consumes an application and returns it moved, with
//! the consequences the shell must carry out in the same commit. A forbidden step is an error, a repeated one
//! is *already applied*, and neither is ever swapped for the other.

mod advance;
mod application;
mod clock;
mod consequence;
mod desk;
mod error;
mod next_step;
mod plan;
mod process;
mod statement;
mod verbs;

#[cfg(test)]
mod tests;

pub use application::{
    Actor, AnswerClock, Application, Assessment, Hardship, MAX_STEPS, RefusalBy, State, Step, Submission,
};
pub use consequence::{AssessPurpose, Consequence, Moved, Notice, TimerKind};
pub use error::StepError;
pub use next_step::{NextActor, NextStep};
pub use plan::{MissedPayment, Plan, PlanMoved, PlanNews, PlanState};
pub use process::Process;
