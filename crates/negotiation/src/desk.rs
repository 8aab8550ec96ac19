//! The verbs of the desk: officers and supervisors.

use assessment::{Authority, DeclineCode, DeclineReason, EvidenceType, Offer};
use jiff::Timestamp;

use crate::application::{Actor, Application, RefusalBy, State};
use crate::clock::days_after;
use crate::consequence::{AssessPurpose, Consequence, Moved, Notice};
use crate::{Process, StepError};

type Result<T> = std::result::Result<T, StepError>;

impl Application {
    /// A person takes the case.
    pub fn claim(mut self, by: &Actor, now: Timestamp) -> Result<Moved> {
        if !self.state.is_open() {
            return Err(self.wrong_state("claim"));
        }
        if let Some(before) = self.refused_before.as_ref().filter(|before| before.person() == by.person()) {
            return Err(StepError::SamePerson { person: before.person().to_owned() });
        }
        match &self.holder {
            Some(holder) if holder.person() == by.person() => return Ok(Moved::already(self)),
            Some(holder) => return Err(StepError::NotClaimed { holder: Some(holder.as_str().to_owned()) }),
            None => {}
        }
        if !self.waits_for_desk() && !matches!(self.state, State::EvidenceRequested { .. }) {
            return Err(self.wrong_state("claim"));
        }
        self.holder = Some(by.clone());
        self.step("claimed", by, now);
        Ok(Moved::changed(self, Vec::new()))
    }

    /// An officer reviewed a document; figures are renewed.
    pub fn evidence_reviewed(mut self, by: &Actor, now: Timestamp) -> Result<Moved> {
        self.held_by(by)?;
        if !matches!(self.state, State::InReview | State::EvidenceRequested { .. }) {
            return Err(self.wrong_state("review evidence"));
        }
        self.step("evidence reviewed", by, now);
        Ok(Moved::changed(self, vec![Consequence::Assess(AssessPurpose::Refresh)]))
    }

    /// An officer asks for documents; the platform's clock stops.
    pub fn request_evidence(
        self,
        types: Vec<EvidenceType>,
        by: &Actor,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        self.held_by(by)?;
        match &self.state {
            State::EvidenceRequested { types: asked, .. } if *asked == types => Ok(Moved::already(self)),
            State::InReview => self.ask_for(types, by, now, process),
            _ => Err(self.wrong_state("request evidence")),
        }
    }

    /// An officer offers. Whatever needs two people waits for the second.
    pub fn offer(
        mut self,
        offers: Vec<Offer>,
        by: &Actor,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        self.held_by(by)?;
        if !matches!(self.state, State::InReview) {
            return Err(self.wrong_state("offer"));
        }
        let strictest = offers.iter().map(|o| o.required_authority).max();
        match strictest {
            None => Err(StepError::OfferUnknown { offer_id: String::new() }),
            Some(Authority::OfficerAndSupervisor) => {
                self.state = State::AwaitingCosign { offers, signed_by: by.clone() };
                self.step("signed, awaiting co-signature", by, now);
                Ok(Moved::changed(self, Vec::new()))
            }
            Some(Authority::Automatic | Authority::Officer) => {
                self.offer_out(offers, by.clone(), now, process)
            }
        }
    }

    /// The second signature; always another person.
    pub fn co_sign(mut self, by: &Actor, now: Timestamp, process: &Process) -> Result<Moved> {
        let State::AwaitingCosign { offers, signed_by } = self.state.clone() else {
            return Err(self.wrong_state("co-sign"));
        };
        if signed_by.person() == by.person() {
            return Err(StepError::SamePerson { person: by.person().to_owned() });
        }
        self.step("co-signed", by, now);
        self.offer_out(offers, signed_by, now, process)
    }

    /// The second signature is denied: back to review, free for anybody.
    pub fn send_back(mut self, by: &Actor, now: Timestamp) -> Result<Moved> {
        let State::AwaitingCosign { signed_by, .. } = &self.state else {
            return Err(self.wrong_state("send back"));
        };
        if signed_by.person() == by.person() {
            return Err(StepError::SamePerson { person: by.person().to_owned() });
        }
        self.state = State::InReview;
        self.holder = None;
        self.step("sent back", by, now);
        Ok(Moved::changed(self, Vec::new()))
    }

    /// A person refuses, with reasons and what would change the answer.
    pub fn refuse(
        mut self,
        reasons: Vec<DeclineReason>,
        by: RefusalBy,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        self.held_by(&by.actor)?;
        if !matches!(self.state, State::InReview) {
            return Err(self.wrong_state("refuse"));
        }
        let malicious = reasons.iter().any(|r| r.code == DeclineCode::MaliciousIndicatorConfirmed);
        let confirmed = self.assessment.as_ref().is_some_and(|a| a.fired_rules.iter().any(|r| r == "R4"));
        if malicious && !confirmed {
            // Malice is never inferred: it needs the listed indicators, with evidence and a signature (R4).
            return Err(StepError::AuthorityInsufficient {
                why: "no malicious indicator is recorded with evidence; this code needs rule R4",
            });
        }
        let review_until = days_after(now, process.review_window_days)?;
        self.state = State::Refused { reasons, by: by.clone(), review_until };
        self.step("refused", &by.actor, now);
        let mut consequences = self.answered(now);
        consequences.push(Consequence::Notify(Notice::Refused { review_until }));
        Ok(Moved::changed(self, consequences))
    }
}
