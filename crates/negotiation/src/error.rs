//! Steps that are forbidden, and why.

use jiff::Timestamp;

/// A step that the rules of a case forbid. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The state does not know the step.
    #[error("the application is `{state}`; `{step}` is not possible")]
    WrongState { state: &'static str, step: &'static str },
    /// The case is held by somebody else, or by nobody.
    #[error("the application is not claimed by you{}", holder.as_ref().map(|h| format!(" but by `{h}`")).unwrap_or_default())]
    NotClaimed { holder: Option<String> },
    /// Four eyes need two people.
    #[error("`{person}` has decided on this before; it takes somebody else")]
    SamePerson { person: String },
    /// No such offer on the case.
    #[error("the application has no offer `{offer_id}`")]
    OfferUnknown { offer_id: String },
    /// The offer's time is over.
    #[error("the offer expired at {at}")]
    OfferExpired { at: Timestamp },
    /// The rules ask for more than this person may decide, or for evidence that isn't there.
    #[error("{why}")]
    AuthorityInsufficient { why: &'static str },
    /// A moment that can't be represented.
    #[error("a deadline lies outside the calendar")]
    Calendar,
}
