//! Notification: messages to borrowers within contact law.
//!
//! `Enqueue` accepts a message under a key and schedules it; the effect `deliver` asks the contact rules again at its
//! moment, renders the text in the borrower's language and puts it into the inbox. A key is delivered once: its
//! notification, its inbox message and its effect all have ids that follow from the key, and the inbox message is
//! written in the commit that ends the effect.
//!
//! What holds messages back for a case (an open application, a dispute) is the sender's knowledge: it cancels by key.

mod catalogue;
mod contact_book;
mod convert;
mod documents;
mod limits;
mod parameters;
mod rpc;
mod service;
mod wording;
mod work;

pub use catalogue::CatalogueError;
pub use contact::ContactRules;
pub use contact_book::{ContactBook, ContactBookError, DEFAULT_PACK};
pub use documents::SCHEMA;
pub use limits::{
    DEFAULT_PAGE_ROWS, MAX_CODES, MAX_ID_BYTES, MAX_KEY_BYTES, MAX_PAGE_ROWS, MAX_PARAMETER_BYTES,
    MAX_PARAMETERS, MAX_REQUEST_BYTES, MAX_SCHEDULE_AHEAD_DAYS,
};
pub use service::{OpenError, Parts, SERVICE_NAME, Service};
pub use work::{DELIVER_TOPIC, DELIVER_VERSION};
