//! The documents this service stores, their columns, and how they are read and written.

use std::collections::BTreeMap;

use chassis::Problem;
use contact::{Channel, MessageClass};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Column, ColumnType, Kind, Schema, Store, Value, Write};

use crate::limits::MAX_LOG_ATTEMPTS;

/// Zone of a borrower who has no contact profile.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";
/// Hex digits of the key's digest in a notification's id: 128 bits.
const ID_DIGITS: usize = 32;

const fn int(name: &'static str) -> Column {
    Column { name, ty: ColumnType::BigInt }
}

const fn text(name: &'static str) -> Column {
    Column { name, ty: ColumnType::Text }
}

/// Everything the notification service stores as documents.
pub static SCHEMA: Schema = Schema {
    kinds: &[
        Kind {
            name: Notification::KIND,
            columns: &[text("borrower_id"), text("application_id"), text("state"), int("created_at")],
            indexes: &[&["borrower_id", "created_at"], &["application_id"], &["state", "created_at"]],
        },
        Kind {
            name: InboxMessage::KIND,
            columns: &[text("borrower_id"), int("delivered_at")],
            indexes: &[&["borrower_id", "delivered_at"]],
        },
        Kind { name: ContactProfile::KIND, columns: &[], indexes: &[] },
        Kind { name: ContactLog::KIND, columns: &[], indexes: &[] },
    ],
};

/// A stored document type.
pub trait Record: Serialize + DeserializeOwned + Send {
    /// Table.
    const KIND: &'static str;
    /// Version of the body that this code writes.
    const VERSION: i32 = 1;

    /// Id of the document.
    fn id(&self) -> &str;

    /// Values of the columns of its kind.
    fn index(&self) -> Vec<(&'static str, Value)>;
}

/// A record as it was read, with the revision that a write must name.
#[derive(Debug, Clone)]
pub struct Versioned<R> {
    /// 0: not stored yet.
    pub revision: i64,
    pub record: R,
}

/// A message to a borrower. Its id follows from its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub id: String,
    pub content: Content,
    pub state: State,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    pub created_at: Timestamp,
}

/// What the sender asked for; the same key must always bring the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub key: String,
    pub borrower_id: String,
    /// Empty: none.
    pub application_id: String,
    pub class: MessageClass,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub not_before: Option<Timestamp>,
    pub pack: String,
}

/// Where a notification is, with that state's facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Waits for its moment.
    Scheduled {
        not_before: Timestamp,
    },
    Delivered {
        at: Timestamp,
    },
    Cancelled {
        at: Timestamp,
    },
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub channel: Channel,
    /// Why it failed; `None` where it arrived.
    pub error: Option<String>,
}

/// A message in a borrower's inbox. Its id is its notification's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    pub notification_id: String,
    pub borrower_id: String,
    /// Empty: none.
    pub application_id: String,
    pub class: MessageClass,
    pub template: String,
    pub language: Language,
    pub title: String,
    pub body: String,
    pub delivered_at: Timestamp,
}

/// Where and in which language a borrower lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactProfile {
    pub borrower_id: String,
    /// IANA name.
    pub time_zone: String,
    pub language: Language,
    /// The sender's revision, from 1; 0: nobody stated one and the defaults apply.
    pub revision: i64,
}

/// Attempts at a borrower's inbox that count towards a frequency cap, oldest first. An attempt is entered in the
/// commit that makes it, against this document's revision: two workers can't both take the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactLog {
    pub borrower_id: String,
    pub attempts: Vec<Timestamp>,
}

/// Language of a borrower's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    #[serde(rename = "zh-CN")]
    ZhCn,
    #[serde(rename = "en")]
    En,
}

impl Notification {
    /// A message just accepted.
    pub fn accepted(content: Content, not_before: Timestamp, now: Timestamp) -> Self {
        let id = notification_id(&content.key);
        Self { id, content, state: State::Scheduled { not_before }, attempts: Vec::new(), created_at: now }
    }

    /// It arrived. The caller has seen that it was scheduled.
    pub fn delivered(mut self, channel: Channel, now: Timestamp) -> Self {
        self.attempts.push(Attempt { at: now, channel, error: None });
        Self { state: State::Delivered { at: now }, ..self }
    }

    /// The rules want it later.
    pub fn deferred(self, until: Timestamp) -> Self {
        Self { state: State::Scheduled { not_before: until }, ..self }
    }

    /// It was called back.
    pub fn cancelled(self, now: Timestamp) -> Self {
        Self { state: State::Cancelled { at: now }, ..self }
    }

    /// Something on record forbids it for good; `reason` stays with it as a failed attempt.
    pub fn suppressed(mut self, channel: Channel, reason: String, now: Timestamp) -> Self {
        self.attempts.push(Attempt { at: now, channel, error: Some(reason) });
        self.cancelled(now)
    }
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "SCHEDULED",
            Self::Delivered { .. } => "DELIVERED",
            Self::Cancelled { .. } => "CANCELLED",
        }
    }
}

impl ContactProfile {
    /// What holds for a borrower of whom nothing was stated.
    pub fn unstated(borrower_id: &str) -> Self {
        Self {
            borrower_id: borrower_id.to_owned(),
            time_zone: DEFAULT_ZONE.to_owned(),
            language: Language::ZhCn,
            revision: 0,
        }
    }

    /// The zone, which was checked when the profile was stated.
    pub fn zone(&self) -> Result<TimeZone, Problem> {
        TimeZone::get(&self.time_zone).map_err(|error| {
            Problem::internal(format!("zone of the contact profile of `{}` is gone", self.borrower_id))
                .source(error)
        })
    }
}

impl ContactLog {
    /// Nobody tried yet.
    pub fn empty(borrower_id: &str) -> Self {
        Self { borrower_id: borrower_id.to_owned(), attempts: Vec::new() }
    }

    /// One more attempt; the oldest go once no cap can ask for them.
    pub fn with(mut self, at: Timestamp) -> Self {
        self.attempts.push(at);
        let surplus = self.attempts.len().saturating_sub(MAX_LOG_ATTEMPTS);
        self.attempts.drain(..surplus);
        self
    }
}

impl Language {
    /// Every language that messages are written in.
    pub const ALL: [Self; 2] = [Self::ZhCn, Self::En];
}

impl<R: Record> Versioned<R> {
    /// Replaces the record as it was read.
    pub fn put(&self, record: &R) -> Result<Write, Problem> {
        let body = serde_json::to_string(record)
            .map_err(|error| Problem::internal(format!("`{}` can't be written", R::KIND)).source(error))?;
        Ok(Write::Put {
            kind: R::KIND,
            id: record.id().to_owned(),
            expected_revision: self.revision,
            body_version: R::VERSION,
            body,
            index: record.index(),
        })
    }

    /// The check that nobody changed it since.
    pub fn unmoved(&self) -> store::Check {
        store::Check { kind: R::KIND, id: self.record.id().to_owned(), revision: self.revision }
    }
}

/// Inserts a record that isn't stored yet.
pub fn insert<R: Record + Clone>(record: &R) -> Result<Write, Problem> {
    Versioned { revision: 0, record: record.clone() }.put(record)
}

/// Reads a record.
pub async fn read<R: Record>(store: &Store, id: &str) -> Result<Option<Versioned<R>>, Problem> {
    let Some(document) = store.get(R::KIND, id).await? else { return Ok(None) };
    parse(&document).map(Some)
}

/// Reads a record or takes the one that stands for its absence.
pub async fn read_or<R: Record>(store: &Store, id: &str, absent: R) -> Result<Versioned<R>, Problem> {
    Ok(read(store, id).await?.unwrap_or(Versioned { revision: 0, record: absent }))
}

/// A stored document as a record; an impossible body is damage and names its place.
pub fn parse<R: Record>(document: &store::Document) -> Result<Versioned<R>, Problem> {
    let place = || format!("{}/{} revision {}", R::KIND, document.id, document.revision);
    if document.body_version > R::VERSION {
        return Err(Problem::internal(format!("{} has a newer body than this version reads", place())));
    }
    let record = serde_json::from_str(&document.body).map_err(|error| {
        // Only where it broke: the parser's own text may quote the body.
        let broken = format!("{:?} at line {} column {}", error.classify(), error.line(), error.column());
        Problem::data_loss(format!("{} can't be read, {broken}", place()))
    })?;
    Ok(Versioned { revision: document.revision, record })
}

/// The id that follows from a key: `ntf-` and the first half of its SHA-256 in hex.
pub fn notification_id(key: &str) -> String {
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    format!("ntf-{}", digest.get(..ID_DIGITS).unwrap_or(&digest))
}

impl Record for Notification {
    const KIND: &'static str = "notification";

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("borrower_id", self.content.borrower_id.as_str().into()),
            ("application_id", self.content.application_id.as_str().into()),
            ("state", self.state.name().into()),
            ("created_at", self.created_at.as_microsecond().into()),
        ]
    }
}

impl Record for InboxMessage {
    const KIND: &'static str = "inbox_message";

    fn id(&self) -> &str {
        &self.notification_id
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("borrower_id", self.borrower_id.as_str().into()),
            ("delivered_at", self.delivered_at.as_microsecond().into()),
        ]
    }
}

impl Record for ContactProfile {
    const KIND: &'static str = "contact_profile";

    fn id(&self) -> &str {
        &self.borrower_id
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

impl Record for ContactLog {
    const KIND: &'static str = "contact_log";

    fn id(&self) -> &str {
        &self.borrower_id
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_its_key() {
        assert_eq!(notification_id("app-1/offer-made/3"), notification_id("app-1/offer-made/3"));
        assert_ne!(notification_id("app-1/offer-made/3"), notification_id("app-1/offer-made/4"));
        assert_eq!(notification_id("").len(), "ntf-".len() + ID_DIGITS);
    }

    #[test]
    fn each_verb_leaves_its_state_and_attempt() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let content = Content {
            key: "loan-1/r/0".to_owned(),
            borrower_id: "li".to_owned(),
            application_id: String::new(),
            class: MessageClass::Reminder,
            template: "payment-reminder".to_owned(),
            parameters: BTreeMap::new(),
            not_before: None,
            pack: "cn-instalment".to_owned(),
        };
        let accepted = || Notification::accepted(content.clone(), at(2), at(1));
        let stopped = "stopped by Dispute".to_owned();
        let failed = Attempt { at: at(3), channel: Channel::InApp, error: Some(stopped.clone()) };
        let arrived = Attempt { at: at(3), channel: Channel::InApp, error: None };
        let rows = [
            (accepted(), State::Scheduled { not_before: at(2) }, "SCHEDULED", vec![]),
            (accepted().deferred(at(9)), State::Scheduled { not_before: at(9) }, "SCHEDULED", vec![]),
            (
                accepted().delivered(Channel::InApp, at(3)),
                State::Delivered { at: at(3) },
                "DELIVERED",
                vec![arrived],
            ),
            (accepted().cancelled(at(3)), State::Cancelled { at: at(3) }, "CANCELLED", vec![]),
            (
                accepted().suppressed(Channel::InApp, stopped, at(3)),
                State::Cancelled { at: at(3) },
                "CANCELLED",
                vec![failed],
            ),
        ];
        for (notification, state, name, attempts) in rows {
            assert_eq!((&notification.state, &notification.attempts), (&state, &attempts));
            assert!(notification.index().contains(&("state", name.into())), "{state:?}");
            assert_eq!(notification.content, content);
            let body = serde_json::to_string(&notification).unwrap();
            assert_eq!(serde_json::from_str::<Notification>(&body).unwrap(), notification);
        }
    }

    #[test]
    fn the_log_keeps_what_a_cap_can_ask_for() {
        let mut log = ContactLog::empty("li");
        for second in 0..150 {
            log = log.with(Timestamp::from_second(second).unwrap());
        }
        assert_eq!(log.attempts.len(), MAX_LOG_ATTEMPTS);
        assert_eq!(log.attempts.last().unwrap().as_second(), 149);
        assert_eq!(log.attempts.first().unwrap().as_second(), 50);
    }
}
