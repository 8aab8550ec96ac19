//! Where proto types and this service's types meet.

use api::leeway::notification::v1 as pb;
use chassis::mutation::require_request_id;
use chassis::{Problem, Violations};
use contact::{Channel, MessageClass};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use store::Value;

use crate::contact_book::DEFAULT_PACK;
use crate::documents::{Attempt, ContactProfile, Content, InboxMessage, Language, Notification, State};
use crate::limits::{
    DEFAULT_PAGE_ROWS, MAX_ID_BYTES, MAX_KEY_BYTES, MAX_PAGE_ROWS, MAX_PAGE_TOKEN_BYTES,
    MAX_SCHEDULE_AHEAD_DAYS,
};
use crate::service::Core;

/// A page of an inbox that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub borrower_id: String,
    /// 1 to [`MAX_PAGE_ROWS`].
    pub rows: u32,
    /// Moment (epoch microseconds) and id of the last message of the page before.
    pub after: Option<(i64, String)>,
}

/// Reads an Enqueue, or tells everything that is wrong with it.
pub fn content(core: &Core, request: pb::EnqueueRequest) -> Result<Content, Problem> {
    let mut violations = Violations::new();
    require_request_id(&request.request_id, &mut violations);
    require_key(&request.key, &mut violations);
    require_id("borrower_id", &request.borrower_id, &mut violations);
    if !request.application_id.is_empty() {
        require_id("application_id", &request.application_id, &mut violations);
    }
    let class = message_class(request.message_class);
    violations.require("message_class", class.is_some(), "REQUIRED", "a class of the API");
    let parameters = request.parameters.into_iter().collect();
    core.catalogue.check(&request.template, class, &parameters, &mut violations);
    let pack = if request.pack_name.is_empty() { DEFAULT_PACK.to_owned() } else { request.pack_name };
    let known = core.contact.rules(&pack).is_some();
    violations.require("pack_name", known, "PACK_UNKNOWN", "no contact rules of that pack");
    let not_before = request.not_before_time.and_then(|time| not_before(core, time, &mut violations));
    violations.into_result()?;
    Ok(Content {
        key: request.key,
        borrower_id: request.borrower_id,
        application_id: request.application_id,
        // INVARIANT: a missing class was a violation.
        class: class.ok_or_else(|| Problem::internal("a checked message has no class"))?,
        template: request.template,
        parameters,
        not_before,
        pack,
    })
}

/// Reads a Cancel.
pub fn cancelled_key(request: &pb::CancelRequest) -> Result<(), Problem> {
    let mut violations = Violations::new();
    require_request_id(&request.request_id, &mut violations);
    require_key(&request.key, &mut violations);
    violations.into_result()
}

/// Reads a notification id.
pub fn notification_id(request: &pb::GetNotificationRequest) -> Result<(), Problem> {
    let mut violations = Violations::new();
    require_id("notification_id", &request.notification_id, &mut violations);
    violations.into_result()
}

/// Reads a contact profile.
pub fn profile(request: pb::PutContactProfileRequest) -> Result<ContactProfile, Problem> {
    let mut violations = Violations::new();
    require_request_id(&request.request_id, &mut violations);
    require_id("borrower_id", &request.borrower_id, &mut violations);
    let zone = TimeZone::get(&request.time_zone).ok();
    let name = zone.as_ref().and_then(TimeZone::iana_name).map(str::to_owned);
    violations.require("time_zone", name.is_some(), "ZONE_UNKNOWN", "an IANA zone such as `Asia/Shanghai`");
    let language = match pb::Language::try_from(request.language) {
        Ok(pb::Language::Unspecified | pb::Language::ZhCn) => Some(Language::ZhCn),
        Ok(pb::Language::En) => Some(Language::En),
        Err(_) => None,
    };
    violations.require("language", language.is_some(), "LANGUAGE_UNKNOWN", "a language of the API");
    violations.require("revision", request.revision >= 1, "OUT_OF_RANGE", "from 1");
    violations.into_result()?;
    // INVARIANT: a missing zone or language was a violation.
    let (Some(time_zone), Some(language)) = (name, language) else {
        return Err(Problem::internal("a checked profile has no zone or language"));
    };
    Ok(ContactProfile { borrower_id: request.borrower_id, time_zone, language, revision: request.revision })
}

/// Reads a ListInbox.
pub fn page(request: pb::ListInboxRequest) -> Result<Page, Problem> {
    let mut violations = Violations::new();
    require_id("borrower_id", &request.borrower_id, &mut violations);
    let rows = match u32::try_from(request.page_size) {
        Ok(0) => Some(DEFAULT_PAGE_ROWS),
        Ok(rows) if rows <= MAX_PAGE_ROWS => Some(rows),
        Ok(_) | Err(_) => None,
    };
    violations.require("page_size", rows.is_some(), "OUT_OF_RANGE", "1 to 100, or 0 for 20");
    let after =
        if request.page_token.is_empty() { Some(None) } else { read_token(&request.page_token).map(Some) };
    violations.require("page_token", after.is_some(), "UNREADABLE", "a token that an earlier page returned");
    violations.into_result()?;
    // INVARIANT: a bad size or token was a violation.
    Ok(Page {
        borrower_id: request.borrower_id,
        rows: rows.unwrap_or(DEFAULT_PAGE_ROWS),
        after: after.flatten(),
    })
}

impl Page {
    /// Where the store goes on.
    pub fn cursor(&self) -> Option<(Value, String)> {
        self.after.clone().map(|(at, id)| (Value::Int(at), id))
    }
}

/// The token of the page after a message.
pub fn token(last: &InboxMessage) -> String {
    hex::encode(format!("{}.{}", last.delivered_at.as_microsecond(), last.notification_id))
}

/// A notification as the API shows it.
pub fn notification(notification: Notification) -> pb::Notification {
    let Notification { id, content, state, attempts, created_at } = notification;
    let (state, not_before_time) = match state {
        State::Scheduled { not_before } => (pb::NotificationState::Scheduled, Some(timestamp(not_before))),
        State::Delivered { .. } => (pb::NotificationState::Delivered, None),
        State::Cancelled { .. } => (pb::NotificationState::Cancelled, None),
    };
    pb::Notification {
        notification_id: id,
        key: content.key,
        borrower_id: content.borrower_id,
        application_id: content.application_id,
        message_class: class_number(content.class),
        template: content.template,
        state: state.into(),
        not_before_time,
        attempts: attempts.into_iter().map(attempt).collect(),
        create_time: Some(timestamp(created_at)),
    }
}

/// An inbox message as the API shows it.
pub fn inbox_message(message: InboxMessage) -> pb::InboxMessage {
    pb::InboxMessage {
        notification_id: message.notification_id,
        application_id: message.application_id,
        title: message.title,
        body: message.body,
        deliver_time: Some(timestamp(message.delivered_at)),
        message_class: class_number(message.class),
        template: message.template,
    }
}

fn attempt(attempt: Attempt) -> pb::DeliveryAttempt {
    let channel = match attempt.channel {
        Channel::InApp => pb::Channel::InApp,
        // Nothing is delivered over them, so no attempt names them; the API has no words for them.
        Channel::Email | Channel::Sms | Channel::Push => pb::Channel::Unspecified,
    };
    pb::DeliveryAttempt {
        attempt_time: Some(timestamp(attempt.at)),
        channel: channel.into(),
        delivered: attempt.error.is_none(),
        error: attempt.error.unwrap_or_default(),
    }
}

fn message_class(number: i32) -> Option<MessageClass> {
    match pb::MessageClass::try_from(number) {
        Ok(pb::MessageClass::Statutory) => Some(MessageClass::Statutory),
        Ok(pb::MessageClass::Service) => Some(MessageClass::Service),
        Ok(pb::MessageClass::Reminder) => Some(MessageClass::Reminder),
        Ok(pb::MessageClass::Collection) => Some(MessageClass::Collection),
        Ok(pb::MessageClass::Unspecified) | Err(_) => None,
    }
}

fn class_number(class: MessageClass) -> i32 {
    let class = match class {
        MessageClass::Statutory => pb::MessageClass::Statutory,
        MessageClass::Service => pb::MessageClass::Service,
        MessageClass::Reminder => pb::MessageClass::Reminder,
        MessageClass::Collection => pb::MessageClass::Collection,
    };
    class.into()
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    // `as_second` truncates towards zero; before 1970 the nanoseconds are negative and the second before holds them.
    let (seconds, nanos) = match at.subsec_nanosecond() {
        nanos @ 0.. => (at.as_second(), nanos),
        nanos => (at.as_second() - 1, nanos + 1_000_000_000),
    };
    prost_types::Timestamp { seconds, nanos }
}

/// A moment at the store's grain. One that has passed is fine and means at once.
fn not_before(core: &Core, time: prost_types::Timestamp, violations: &mut Violations) -> Option<Timestamp> {
    let sound = (0..1_000_000_000).contains(&time.nanos);
    let at = Timestamp::new(time.seconds, if sound { time.nanos } else { 0 }).ok().filter(|_| sound);
    let latest = core.now().saturating_add(SignedDuration::from_hours(24 * MAX_SCHEDULE_AHEAD_DAYS));
    let at = at.filter(|at| latest.is_ok_and(|latest| *at <= latest));
    violations.require("not_before_time", at.is_some(), "OUT_OF_RANGE", "a moment within the next ten years");
    at.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok())
}

fn require_key(key: &str, violations: &mut Violations) {
    let sound = !key.is_empty() && key.len() <= MAX_KEY_BYTES && key.bytes().all(|b| b.is_ascii_graphic());
    violations.require("key", sound, "KEY_REQUIRED", "1 to 200 printable ASCII characters without spaces");
}

fn require_id(field: &str, id: &str, violations: &mut Violations) {
    let sound = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic());
    violations.require(field, sound, "ID_REQUIRED", "1 to 128 printable ASCII characters without spaces");
}

fn read_token(token: &str) -> Option<(i64, String)> {
    if token.len() > MAX_PAGE_TOKEN_BYTES {
        return None;
    }
    let text = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let (at, id) = text.split_once('.')?;
    Some((at.parse().ok()?, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_leads_back() {
        let last = InboxMessage {
            notification_id: "ntf-00".to_owned(),
            borrower_id: "li".to_owned(),
            application_id: String::new(),
            class: MessageClass::Service,
            template: "withdrawn".to_owned(),
            language: Language::En,
            title: String::new(),
            body: String::new(),
            delivered_at: Timestamp::from_microsecond(1_784_512_800_000_001).unwrap(),
        };
        assert_eq!(read_token(&token(&last)), Some((1_784_512_800_000_001, "ntf-00".to_owned())));
        for wrong in ["zz", "00", &hex::encode("x.ntf"), &hex::encode("12"), &"0".repeat(202)] {
            assert_eq!(read_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_keep_their_fraction_on_both_sides_of_1970() {
        let rows = [
            (1_500_000, (1, 500_000_000)),
            (-1_500_000, (-2, 500_000_000)),
            (0, (0, 0)),
            (-1_000_000, (-1, 0)),
        ];
        for (micros, (seconds, nanos)) in rows {
            let shown = timestamp(Timestamp::from_microsecond(micros).unwrap());
            assert_eq!((shown.seconds, shown.nanos), (seconds, nanos), "{micros}");
        }
    }
}
