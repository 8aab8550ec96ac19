//! Loan arithmetic: money, calendar, schedules, payments, arrears, relief and present values.
//!
//! Everything here is a pure function of its arguments: no clock, no input or output, no randomness. An
//! [`Account`] is a loan's origin and its dated events; what stands on a day is a replay of them, so that
//! back-dated payments, reversals and undone relief need no special path.
//!
//! Rounding happens at named points only, always HALF_EVEN to the currency's minor unit; an overflow is an error.

pub mod account;
pub mod calendar;
pub mod cases;
pub mod contract;
pub mod conventions;
pub mod error;
pub mod event;
pub mod history;
pub mod interest;
mod ledger;
mod level;
mod meter;
mod model;
pub mod money;
pub mod origin;
pub mod parts;
pub mod preview;
pub mod product;
pub mod relief;
pub mod schedule;
pub mod state;
pub mod terms;
pub mod value;

pub use account::Account;
pub use calendar::Date;
pub use contract::{Amortisation, Contract};
pub use conventions::{
    Accrual, BusinessCalendar, BusinessDayRule, BusinessDays, Conventions, DayCount, Frequency,
    FrequencyUnit, Grace, MonthBasis, Rounding, RoundingPoint, YearBasis,
};
pub use error::{ArithmeticError, LoanError};
pub use event::{ChargePart, Event, EventKind, ReAge, ReAgeInterest, ReAmortiseInterest, Reschedule};
pub use history::{DpdRun, DuePaid, History, LATE_MONTHS_WINDOW, MonthsInBucket};
pub use money::{Amount, Currency, Rate, Ratio};
pub use origin::{Origin, StatedRow};
pub use parts::{Part, Parts};
pub use preview::{Preview, ReliefCost};
pub use product::{LateAllocation, OverdueInterest, Overpayment, PayOffInterest, Product};
pub use relief::{Applied, ChargedFor};
pub use schedule::Row;
pub use state::{
    Bucket, Dpd, PaymentShare, RateStep, RowState, ScheduleVersion, Spell, Standing, State, VersionCause,
};
pub use terms::{
    DeferralInterest, Extension, InterestScope, Measure, ReAgeOver, ReducedPayment, ReductionInterest,
    SettlementSum, ShortfallOver, Terms, Waiver,
};
