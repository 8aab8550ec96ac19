use serde::{Deserialize, Serialize};

/// What a message is for, which decides what may hold it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageClass {
    /// Required by law; never suppressed and under no cap.
    Statutory,
    /// Answers what the borrower did; never suppressed and under no cap.
    Service,
    /// Reminds of a coming payment.
    Reminder,
    /// Asks for an overdue payment.
    Collection,
}

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// The inbox of the app: makes no sound, is read when the borrower looks.
    InApp,
    /// E-mail.
    Email,
    /// Short message.
    Sms,
    /// Notification on the borrower's device.
    Push,
}

/// Which payments a reminder speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum About {
    /// The loan's contract schedule, or nothing that is due.
    Loan,
    /// A plan that the borrower accepted.
    Plan,
}

/// Something on record that holds messages back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stop {
    /// An application is open.
    OpenApplication,
    /// Legal moratorium or protection: no contact at all beyond what law or the borrower's own step asks for.
    Moratorium,
    /// The borrower disputes the debt.
    Dispute,
    /// The borrower asked not to be contacted.
    OptedOut,
}

/// What the rules need to know of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its class.
    pub class: MessageClass,
    /// Its channel.
    pub channel: Channel,
    /// What it speaks of; counts for reminders only.
    pub about: About,
}

impl Message {
    /// The first stop on record that applies, in the order of `stops`.
    pub(crate) fn stopped_by(&self, stops: &[Stop]) -> Option<Stop> {
        stops.iter().copied().find(|stop| self.is_stopped_by(*stop))
    }

    /// Whether hours apply. The inbox makes no sound, so answers and what law requires appear in it at once.
    pub(crate) fn keeps_hours(&self) -> bool {
        match (self.class, self.channel) {
            (MessageClass::Statutory | MessageClass::Service, Channel::InApp) => false,
            (
                MessageClass::Statutory | MessageClass::Service,
                Channel::Email | Channel::Sms | Channel::Push,
            )
            | (MessageClass::Reminder | MessageClass::Collection, _) => true,
        }
    }

    /// Whether it counts as an attempt to reach the borrower about money, and so falls under the frequency cap.
    pub fn counts_as_attempt(&self) -> bool {
        match self.class {
            MessageClass::Reminder | MessageClass::Collection => true,
            MessageClass::Statutory | MessageClass::Service => false,
        }
    }

    fn is_stopped_by(&self, stop: Stop) -> bool {
        match (self.class, self.about) {
            (MessageClass::Statutory | MessageClass::Service, _) => false,
            (MessageClass::Collection, _) | (MessageClass::Reminder, About::Loan) => true,
            // A plan's own payments go on being announced while a case is open or a debt disputed; a moratorium
            // forbids them as it forbids all contact (rule R1).
            (MessageClass::Reminder, About::Plan) => match stop {
                Stop::OptedOut | Stop::Moratorium => true,
                Stop::OpenApplication | Stop::Dispute => false,
            },
        }
    }
}
