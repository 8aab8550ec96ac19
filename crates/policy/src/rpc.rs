//! The RPCs, one a file.

pub(crate) mod assess;
pub(crate) mod assess_stream;
pub(crate) mod get_decision;
pub(crate) mod get_pack;
pub(crate) mod preview_schedule;
