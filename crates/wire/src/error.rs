//! What a message can't say.

use chassis::Problem;
use thiserror::Error;

/// A domain value that doesn't add up. It didn't come in by a message, so it is a fault of
/// ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// A sum for a message overflowed.
    #[error("a sum for a message overflowed")]
    Arithmetic(#[from] loan::ArithmeticError),
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        Self::internal("a value could not be written as a message").source(error)
    }
}
