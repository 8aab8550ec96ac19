//! The contact rules as they stand for one message and its borrower.

use api::leeway::common::v1::ErrorReason;
use chassis::Problem;
use contact::{About, Channel, Decision, Message, Recipient, next_allowed};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::documents::{ContactLog, ContactProfile, Content, Versioned, read_or};
use crate::service::Core;

/// The channel this service delivers over.
pub const CHANNEL: Channel = Channel::InApp;

/// What the rules said, and what it was read from: a commit that relies on it names these revisions.
pub struct Asked {
    pub decision: Decision,
    pub profile: Versioned<ContactProfile>,
    pub log: Versioned<ContactLog>,
    pub zone: TimeZone,
}

/// The message as the rules see it.
pub fn message(content: &Content) -> Message {
    // Stops are known to the sender, who cancels by key; what a reminder is about makes no difference without them.
    Message { class: content.class, channel: CHANNEL, about: About::Loan }
}

/// Whether the message may go at `at`.
pub async fn ask(core: &Core, content: &Content, at: Timestamp) -> Result<Asked, Problem> {
    let borrower = content.borrower_id.as_str();
    let profile = read_or(&core.store, borrower, ContactProfile::unstated(borrower)).await?;
    let log = read_or(&core.store, borrower, ContactLog::empty(borrower)).await?;
    let zone = profile.record.zone()?;
    let rules = core.contact.rules(&content.pack).ok_or_else(|| {
        Problem::precondition(ErrorReason::PackUnknown, content.pack.clone(), "no contact rules of that pack")
    })?;
    let recipient = Recipient { zone: &zone, stops: &[], attempts: &log.record.attempts };
    let decision = next_allowed(&message(content), &recipient, rules, at)
        .map_err(|error| Problem::internal("the next allowed moment can't be found").source(error))?;
    Ok(Asked { decision, profile, log, zone })
}
