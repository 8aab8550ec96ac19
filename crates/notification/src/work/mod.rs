//! Effects: what the service does at its own time, a file each.

use std::sync::Arc;

use chassis::Topic;

use crate::service::Core;

pub(crate) mod deliver;
pub(crate) mod moment;

pub use deliver::{DELIVER_TOPIC, DELIVER_VERSION};

/// Everything the worker knows to do.
pub(crate) fn topics(core: &Arc<Core>) -> Vec<Topic> {
    let core = Arc::clone(core);
    vec![Topic::new(DELIVER_TOPIC, DELIVER_VERSION, move |effect| deliver::run(Arc::clone(&core), effect))]
}
