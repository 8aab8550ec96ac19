//! Somebody who calls, and calls again until there is an answer.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use chassis::{Client, Ids, Principal};
use futures_util::future::join_all;
use store::simulation::Dice;
use tonic::{Code, Status};

use crate::acts::{Act, Ask, timed};
use crate::record::{Acknowledged, Phase, Record};

/// Longest pause before a call is made again.
const MAX_PAUSE: Duration = Duration::from_millis(800);
/// Times a request is sent at once where it is sent more than once.
const TWINS: usize = 3;

/// A person or platform service.
pub struct Caller {
    pub name: String,
    pub dice: Dice,
    pub ids: Ids,
    pub record: Record,
    /// Connections to the replicas.
    pub lines: Vec<Client>,
}

/// What became of sending a request once.
enum Sent {
    Done(String),
    Refused(Status),
    /// Nobody knows, or it may go through later.
    Open(Status),
}

impl Caller {
    /// Another caller with luck of its own.
    pub fn split(&mut self, name: &str) -> Self {
        let mut dice = self.dice.split();
        Self {
            name: name.to_owned(),
            ids: Ids::seeded(dice.roll()),
            dice,
            record: self.record.clone(),
            lines: self.lines.clone(),
        }
    }

    pub fn playing(&self) -> bool {
        self.record.phase() == Phase::Play
    }

    /// Does nothing for a while.
    pub async fn idle(&mut self, most: Duration) {
        let pause = self.dice.time_below(most);
        tokio::time::sleep(pause).await;
    }

    pub fn request_id(&self) -> String {
        self.ids.uuid().to_string()
    }

    pub fn line(&mut self) -> Option<Client> {
        self.dice.pick(&self.lines).cloned()
    }

    /// Sends a request, at times more than once at once, until it is answered one way or the other. `None`: refused,
    /// or never answered.
    pub async fn ask(&mut self, who: &Principal, ask: Ask) -> Option<String> {
        let act = Act { who: who.clone(), ask };
        if let Ask::Pay(payment) = &act.ask {
            let key = (payment.loan_id.clone(), payment.payment_id.clone());
            let amount = payment.amount.as_ref().map_or(0, |money| money.minor_units);
            self.record.notes().sent_payments.insert(key, amount);
        }
        loop {
            let twins = if self.dice.one_in(5) { TWINS } else { 1 };
            let mut sends = Vec::new();
            for _ in 0..twins {
                let (line, pause) = (self.line()?, self.dice.time_below(Duration::from_millis(60)));
                let act = &act;
                sends.push(async move {
                    if twins > 1 {
                        tokio::time::sleep(pause).await;
                    }
                    judged(act.send(&line).await)
                });
            }
            if twins > 1 {
                self.record.count("sent thrice at once");
            }
            let results = join_all(sends).await;
            if let Some(end) = self.take(&act, results) {
                return end;
            }
            if self.record.phase() == Phase::Over {
                self.record.breach(format!("{} never got an answer to {}", self.name, act.name()));
                return None;
            }
            self.idle(MAX_PAUSE).await;
        }
    }

    /// Notes what came back; yields what the request came to, once that is known.
    fn take(&self, act: &Act, results: Vec<Sent>) -> Option<Option<String>> {
        let mut answers = Vec::new();
        let (mut refused, mut open) = (0_u32, 0);
        for result in results {
            let (kind, text) = match result {
                Sent::Done(answer) => {
                    answers.push(answer.clone());
                    ("acknowledged", answer)
                }
                Sent::Refused(status) => {
                    // A loan that one twin doesn't find may be registered before the other looks.
                    refused += u32::from(status.code() != Code::NotFound);
                    ("refused", format!("{:?} {}", status.code(), status.message()))
                }
                Sent::Open(status) => {
                    open += 1;
                    self.look_at(act, &status);
                    ("open", format!("{:?} {}", status.code(), status.message()))
                }
            };
            self.record.note(&format!("{} {} {kind} {text}", self.name, act.name()));
            self.record.count(&format!("{kind} {}", act.name()));
        }
        let Some(answer) = answers.first().cloned() else {
            return (open == 0).then_some(None);
        };
        if answers.iter().any(|other| *other != answer) {
            self.record.breach(format!("{}: twins of {} got {answers:?}", self.name, act.name()));
        }
        if refused > 0 && act.is_ones_own() {
            self.record.breach(format!("{}: one twin of {} done, another refused", self.name, act.name()));
        }
        let acknowledged = Acknowledged { act: act.clone(), answer: answer.clone() };
        self.record.notes().acknowledged.push(acknowledged);
        Some(Some(answer))
    }

    /// No fault of network or database is one of the software.
    fn look_at(&self, act: &Act, status: &Status) {
        let by_us = !status.details().is_empty();
        if by_us && matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss) {
            self.record.breach(format!("{} {}: {}", self.name, act.name(), status.message()));
        }
    }

    /// A case as somebody sees it, if there is an answer.
    pub async fn case(&mut self, who: &Principal, id: &str) -> Option<pb::Application> {
        let line = self.line()?.with_principal(who.clone());
        let request = pb::GetApplicationRequest { application_id: id.to_owned() };
        let answer = ApplicationServiceClient::new(line).get_application(timed(request)).await;
        answer.ok()?.into_inner().application
    }
}

fn judged(result: Result<String, Status>) -> Sent {
    let status = match result {
        Ok(answer) => return Sent::Done(answer),
        Err(status) => status,
    };
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => Sent::Refused(status),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Sent::Open(status),
    }
}
