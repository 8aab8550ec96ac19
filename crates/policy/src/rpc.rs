//! The RPCs, one a file.

pub(crate) mod assess;
pub(crate) mod assess_stream;
pub(crate) mod check_pack;
pub(crate) mod confirm_activation;
pub(crate) mod get_decision;
pub(crate) mod get_pack;
pub(crate) mod list_packs;
pub(crate) mod preview_schedule;
pub(crate) mod propose_activation;
pub(crate) mod publish_pack;
pub(crate) mod replay_decisions;
pub(crate) mod withdraw_activation;
