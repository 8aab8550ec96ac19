//! When a borrower may be contacted (domain.md section 8): message classes, hours, frequency caps, the reminder
//! ladder and back-off.
//!
//! Pure: `now`, zones and earlier attempts are parameters. Every day and hour is one of the borrower's own zone.

mod backoff;
mod decision;
mod error;
mod message;
mod reminders;
mod rules;
mod window;

pub use backoff::{MAX_FAILED_ATTEMPTS, retry_after};
pub use decision::{Decision, Recipient, next_allowed};
pub use error::ContactError;
pub use message::{About, Channel, Message, MessageClass, Stop};
pub use reminders::reminder_times;
pub use rules::{ContactRules, MAX_ATTEMPTS, MAX_PERIOD_DAYS, MAX_REMINDER_DAYS, RulesError};
pub use window::is_open;
