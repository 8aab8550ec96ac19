/// A moment or day that the calendar doesn't have, or that no window ever holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Adding days left the calendar.
    #[error("the calendar ends before the next allowed moment after `{after}`")]
    OutOfRange { after: String },
    /// The rules were not checked: their window is empty.
    #[error("no hour of any day lies inside the contact window")]
    WindowEmpty,
}
