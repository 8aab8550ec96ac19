//! Effects: what happens after a commit, one topic a file.

mod ask_candidates;

use chassis::Topic;

use crate::service::State;
use crate::shadow;

/// Every topic of this service.
pub(crate) fn topics(state: &State) -> Vec<Topic> {
    let state = state.clone();
    vec![Topic::new(shadow::SHADOW, shadow::BODY_VERSION, move |effect| {
        let state = state.clone();
        async move { ask_candidates::run(&state, &effect).await }
    })]
}
