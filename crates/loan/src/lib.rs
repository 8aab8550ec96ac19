//! Loan arithmetic: money, calendar, schedules, payments, arrears, relief and present values.
//!
//! Everything here is a pure function of its arguments: no clock, no input or output, no randomness. An
//! [`Account`] is a loan's origin and its dated events; what stands on a day is a replay of them, so that
//! back-dated payments, reversals and undone relief need no special path.
//!
//! Rounding happens at named points only, always HALF_EVEN to the currency's minor unit; an overflow is an error.

pub mod account;
pub mod calendar;
pub mod contract;
pub mod error;
pub mod history;
mod ledger;
pub mod money;
pub mod parts;
pub mod preview;
pub mod relief;
pub mod schedule;
pub mod state;
pub mod terms;
pub mod value;

pub use account::{Account, Event, EventKind};
pub use calendar::Date;
pub use contract::{Amortisation, Contract, Origin, Overpayment, Product, StatedRow};
pub use error::{ArithmeticError, LoanError};
pub use history::History;
pub use money::{Amount, Currency, Rate, Ratio};
pub use parts::{Part, Parts};
pub use preview::Preview;
pub use relief::Applied;
pub use schedule::Row;
pub use state::{Bucket, Dpd, PaymentShare, RowState, ScheduleVersion, Spell, State, VersionCause};
pub use terms::{
    DeferralInterest, Extension, InterestScope, Measure, ReAgeOver, ReducedPayment, ReductionInterest,
    ShortfallOver, Terms,
};
