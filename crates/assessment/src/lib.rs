//! Assessment of hardship cases: facts and a pack in, a decision with its trace out.
//!
//! Pure: parses bytes given to it, opens no paths, knows no clock, no randomness and no network. The same
//! facts under the same pack give the same bytes.

mod affordability;
mod assess;
pub mod calibration;
mod candidate;
mod case;
mod catalogue;
mod closed;
mod codes;
mod cost;
mod decision;
mod error;
mod facts;
mod fixed;
mod front;
mod generation;
mod offer;
mod pack;
mod proposal;
mod quick;
mod reached;
mod ruling;
mod search;
mod seen;
mod selection;
mod sheet;
mod valuation;

pub use assess::{Trace, assess, candidates, fact_sheet};
pub use codes::*;
pub use decision::*;
pub use error::AssessError;
pub use facts::*;
pub use pack::*;
pub use sheet::FactSheet;
