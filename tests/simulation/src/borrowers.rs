//! Borrowers: they send documents, apply, choose, change their minds and apply again.

use std::time::Duration;

use api::access::Role;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::ApplicationState;
use api::leeway::common::v1 as common;
use chassis::Principal;
use e2e::make::{deferral, reduction};
use e2e::people::{Case, Document};
use e2e::stage::upload_of;

use crate::acts::Ask;
use crate::caller::Caller;
use crate::platform;
use crate::readers;

/// Longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_millis(1_200);

/// One borrower with one loan.
pub struct Borrower {
    pub caller: Caller,
    pub case: Case,
}

impl Borrower {
    /// Lives until the play is over.
    pub async fn live(mut self) {
        if !platform::register(&mut self.caller, &self.case.loan).await {
            return;
        }
        let mut current: Option<String> = None;
        while self.caller.playing() {
            self.caller.idle(MAX_PAUSE).await;
            current = match current {
                None => self.apply().await,
                Some(id) => self.go_on(id).await,
            };
        }
    }

    fn me(&self) -> Principal {
        Principal::new(Role::Borrower, self.case.loan.borrower.clone())
    }

    /// Documents, then the application; the platform passes it on and has verified what it states.
    async fn apply(&mut self) -> Option<String> {
        let mut said = self.case.said.clone();
        for document in self.case.documents.clone() {
            if self.caller.dice.one_in(8) {
                continue;
            }
            let id = self.caller.request_id();
            if self.upload(&document, &id, "").await.is_some() {
                said.evidence_ids.push(id);
            }
        }
        said.request_id = self.caller.request_id();
        let passed_on =
            Principal { subject: Some(self.case.loan.borrower.clone()), ..Principal::service("platform") };
        let answer = self.caller.ask(&passed_on, Ask::Submit(said)).await?;
        let id = answer.strip_prefix("case ")?.to_owned();
        let watcher = self.caller.split(&format!("watcher of {id}"));
        tokio::spawn(readers::watch(watcher, self.me(), id.clone()));
        Some(id)
    }

    async fn upload(&mut self, document: &Document, id: &str, case: &str) -> Option<String> {
        let messages = upload_of(&self.case.loan, document, id, case).ok()?;
        self.caller.ask(&self.me(), Ask::Upload(messages)).await
    }

    /// One look at the case, and what follows from it. `None` once it is history.
    async fn go_on(&mut self, id: String) -> Option<String> {
        let me = self.me();
        let Some(case) = self.caller.case(&me, &id).await else { return Some(id) };
        match case.state() {
            ApplicationState::EvidenceRequested => self.send_what_is_wanted(&case).await,
            ApplicationState::Offered => self.choose(&case).await,
            ApplicationState::Refused if self.caller.dice.one_in(2) => {
                let request = pb::RequestReviewRequest {
                    request_id: self.caller.request_id(),
                    application_id: id.clone(),
                };
                self.caller.ask(&me, Ask::SecondLook(request)).await;
            }
            ApplicationState::Accepted
            | ApplicationState::Refused
            | ApplicationState::Expired
            | ApplicationState::Withdrawn => return None,
            ApplicationState::Unspecified
            | ApplicationState::Submitted
            | ApplicationState::InReview
            | ApplicationState::AwaitingCosign
            | ApplicationState::OnHold => self.fidget(&case).await,
        }
        Some(id)
    }

    async fn send_what_is_wanted(&mut self, case: &pb::Application) {
        let Some(wanted) = case.requested_evidence().next() else { return };
        let document = Document::new(wanted, &self.case.loan.borrower, "as asked for");
        let id = self.caller.request_id();
        self.upload(&document, &id, &case.application_id).await;
    }

    async fn choose(&mut self, case: &pb::Application) {
        match self.caller.dice.below(10) {
            0..=5 => {
                let Some(offer) = self.caller.dice.pick(&case.offers).cloned() else { return };
                let request = pb::AcceptOfferRequest {
                    request_id: self.caller.request_id(),
                    application_id: case.application_id.clone(),
                    offer_id: offer.offer_id,
                    etag: String::new(),
                };
                let me = self.me();
                self.caller.ask(&me, Ask::Accept(request)).await;
            }
            6 => self.withdraw(case).await,
            7 => self.propose(case).await,
            _ => {}
        }
    }

    /// What people do while they wait.
    async fn fidget(&mut self, case: &pb::Application) {
        match self.caller.dice.below(16) {
            0 => self.withdraw(case).await,
            1 | 2 => self.propose(case).await,
            3 | 4 => {
                let kind = common::EvidenceType::BankStatement;
                let document = Document::new(kind, &self.case.loan.borrower, "one more thing");
                let id = self.caller.request_id();
                self.upload(&document, &id, &case.application_id).await;
            }
            _ => {}
        }
    }

    async fn withdraw(&mut self, case: &pb::Application) {
        let request = pb::WithdrawApplicationRequest {
            request_id: self.caller.request_id(),
            application_id: case.application_id.clone(),
        };
        let me = self.me();
        self.caller.ask(&me, Ask::Withdraw(request)).await;
    }

    async fn propose(&mut self, case: &pb::Application) {
        let terms = if self.caller.dice.one_in(2) { deferral(2) } else { reduction("0.6", 4) };
        let request = pb::ProposeTermsRequest {
            request_id: self.caller.request_id(),
            application_id: case.application_id.clone(),
            terms: Some(terms),
            etag: String::new(),
        };
        let me = self.me();
        self.caller.ask(&me, Ask::Propose(request)).await;
    }
}
