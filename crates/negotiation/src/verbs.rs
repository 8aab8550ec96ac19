//! The verbs of an application: one consuming function each. Those of the desk are in `desk`.

use assessment::{EvidenceType, Offer, Outcome, Proposal};
use jiff::Timestamp;

use crate::application::{Actor, AnswerClock, Application, Assessment, State, Submission};
use crate::clock::days_after;
use crate::consequence::{AssessPurpose, Consequence, Moved, Notice, TimerKind};
use crate::{Process, StepError};

type Result<T> = std::result::Result<T, StepError>;

impl Application {
    /// Opens a case. The 24-hour clock starts.
    pub fn submit(submission: Submission, now: Timestamp, process: &Process) -> Result<Moved> {
        let Submission { application_id, loan_id, borrower_id, pack_name, currency, hardship, .. } =
            submission;
        let mut application = Self {
            application_id,
            loan_id,
            borrower_id,
            pack_name,
            currency,
            specialist: hardship.vulnerable,
            hardship,
            proposal: submission.proposal,
            evidence_ids: submission.evidence_ids,
            submitted_at: now,
            updated_at: now,
            clock: AnswerClock::Answered,
            warned: false,
            escalated: false,
            holder: None,
            refused_before: None,
            assessment: None,
            state: State::Submitted,
            steps: Vec::new(),
        };
        let mut consequences = application.start_clock(now, process)?;
        application.step("submitted", &submission.by, now);
        consequences.push(Consequence::Notify(Notice::ApplicationReceived));
        consequences.push(Consequence::Assess(AssessPurpose::Answer));
        Ok(Moved::changed(application, consequences))
    }

    /// Takes in policy's answer. What it may do to the case depends on why it was asked for.
    pub fn assessed(
        mut self,
        assessment: Assessment,
        purpose: AssessPurpose,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        if !self.state.is_open() {
            return Ok(Moved::already(self));
        }
        let outcome = assessment.outcome;
        let offers = assessment.automatic_offers();
        let types = assessment.requested_evidence.clone();
        self.specialist |= outcome == Outcome::SpecialistReview;
        self.assessment = Some(assessment);
        let rules = Actor::platform();
        match (&self.state, purpose) {
            (State::Submitted, _) => match outcome {
                Outcome::Offer if !offers.is_empty() => self.offer_out(offers, rules, now, process),
                Outcome::EvidenceRequired => self.ask_for(types, &rules, now, process),
                Outcome::Hold => self.hold(&rules, now),
                Outcome::Offer | Outcome::Review | Outcome::SpecialistReview | Outcome::Refuse => {
                    let told = self.send_to_review(&rules, now);
                    Ok(Moved::changed(self, vec![told]))
                }
            },
            (State::InReview, AssessPurpose::Proposal)
                if outcome == Outcome::Offer && !offers.is_empty() && self.holder.is_none() =>
            {
                self.offer_out(offers, rules, now, process)
            }
            // The platform's own offers are renewed with the figures.
            (State::Offered { by, .. }, _)
                if outcome == Outcome::Offer && !offers.is_empty() && *by == rules =>
            {
                self.offer_out(offers, rules, now, process)
            }
            // An officer's stand as long as policy still computes them.
            (State::Offered { offers: standing, by, .. }, _)
                if *by == rules || !self.still_computed(standing) =>
            {
                let mut consequences = self.start_clock(now, process)?;
                consequences.push(Consequence::DropTimer(TimerKind::OfferExpiry));
                consequences.push(self.send_to_review(&rules, now));
                Ok(Moved::changed(self, consequences))
            }
            // A signature was given for figures that are gone.
            (State::AwaitingCosign { offers: signed, .. }, AssessPurpose::LoanMoved)
                if !self.still_computed(signed) =>
            {
                let told = self.send_to_review(&rules, now);
                Ok(Moved::changed(self, vec![told]))
            }
            _ => {
                self.step("assessed", &rules, now);
                Ok(Moved::changed(self, Vec::new()))
            }
        }
    }

    /// Policy can't assess the facts: a person takes the case.
    pub fn unassessable(mut self, now: Timestamp) -> Moved {
        if !matches!(self.state, State::Submitted) {
            return Moved::already(self);
        }
        let told = self.send_to_review(&Actor::platform(), now);
        Moved::changed(self, vec![told])
    }

    /// A complete document came. Where one was owed the case goes on.
    pub fn evidence_received(
        mut self,
        evidence_id: &str,
        evidence_type: EvidenceType,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Moved> {
        if self.evidence_ids.iter().any(|known| known == evidence_id) {
            return Ok(Moved::already(self));
        }
        if !self.state.is_open() {
            return Err(self.wrong_state("upload evidence"));
        }
        self.evidence_ids.push(evidence_id.to_owned());
        self.step("evidence received", by, now);
        let owed = match &self.state {
            State::EvidenceRequested { types, .. } => types.is_empty() || types.contains(&evidence_type),
            _ => false,
        };
        if !owed {
            let refresh = vec![Consequence::Assess(AssessPurpose::Refresh)];
            let renewed = matches!(self.state, State::InReview);
            return Ok(Moved::changed(self, if renewed { refresh } else { Vec::new() }));
        }
        let mut consequences = self.resume_clock(now)?;
        consequences.push(Consequence::DropTimer(TimerKind::EvidenceDeadline));
        consequences.push(Consequence::Assess(AssessPurpose::Answer));
        self.state = State::Submitted;
        Ok(Moved::changed(self, consequences))
    }

    /// The borrower puts terms. Standing offers are declined by it and a person looks, unless the rules can
    /// offer what was asked.
    pub fn propose(
        mut self,
        proposal: Proposal,
        by: &Actor,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        let again = self.proposal.as_ref() == Some(&proposal);
        match &self.state {
            State::Submitted | State::EvidenceRequested { .. } | State::InReview if again => {
                Ok(Moved::already(self))
            }
            State::Submitted | State::EvidenceRequested { .. } => {
                self.proposal = Some(proposal);
                self.step("proposed", by, now);
                let pending = matches!(self.state, State::Submitted);
                let assess = vec![Consequence::Assess(AssessPurpose::Answer)];
                Ok(Moved::changed(self, if pending { assess } else { Vec::new() }))
            }
            State::InReview | State::Offered { .. } => {
                let mut consequences = Vec::new();
                if matches!(self.state, State::Offered { .. }) {
                    consequences = self.start_clock(now, process)?;
                    consequences.push(Consequence::DropTimer(TimerKind::OfferExpiry));
                    self.holder = None;
                }
                self.proposal = Some(proposal);
                self.state = State::InReview;
                self.step("proposed", by, now);
                consequences.push(Consequence::Assess(AssessPurpose::Proposal));
                Ok(Moved::changed(self, consequences))
            }
            _ => Err(self.wrong_state("propose terms")),
        }
    }

    /// The borrower asks for another look at a refusal: once, in time, by somebody else.
    pub fn request_review(mut self, by: &Actor, now: Timestamp, process: &Process) -> Result<Moved> {
        let refusal = match &self.state {
            State::InReview if self.refused_before.is_some() => return Ok(Moved::already(self)),
            State::Refused { by, review_until, .. }
                if self.refused_before.is_none() && now < *review_until =>
            {
                by
            }
            _ => return Err(self.wrong_state("request another look")),
        };
        self.refused_before = Some(refusal.actor.clone());
        self.step("another look requested", by, now);
        let mut consequences = self.start_clock(now, process)?;
        consequences.push(self.send_to_review(&Actor::platform(), now));
        consequences.push(Consequence::Assess(AssessPurpose::Refresh));
        Ok(Moved::changed(self, consequences))
    }

    /// The borrower accepts an offer.
    pub fn accept(mut self, offer_id: &str, plan_id: &str, by: &Actor, now: Timestamp) -> Result<Moved> {
        match &self.state {
            State::Accepted { offer, .. } if offer.offer_id == offer_id => return Ok(Moved::already(self)),
            State::Offered { expires_at, .. } if now >= *expires_at => {
                return Err(StepError::OfferExpired { at: *expires_at });
            }
            State::Offered { .. } => {}
            _ => return Err(self.wrong_state("accept an offer")),
        }
        let State::Offered { offers, .. } = &self.state else {
            return Err(self.wrong_state("accept an offer"));
        };
        let unknown = || StepError::OfferUnknown { offer_id: offer_id.to_owned() };
        let offer = offers.iter().find(|o| o.offer_id == offer_id).cloned().ok_or_else(unknown)?;
        self.state = State::Accepted { offer: Box::new(offer), plan_id: plan_id.to_owned() };
        self.step("accepted", by, now);
        let mut consequences = self.answered(now);
        consequences.push(Consequence::DropTimer(TimerKind::OfferExpiry));
        Ok(Moved::changed(self, consequences))
    }

    /// The borrower ends the negotiation, or the platform does because the loan was paid.
    pub fn withdraw(mut self, by: &Actor, now: Timestamp) -> Result<Moved> {
        if matches!(self.state, State::Withdrawn) {
            return Ok(Moved::already(self));
        }
        if !self.state.is_open() {
            return Err(self.wrong_state("withdraw"));
        }
        self.state = State::Withdrawn;
        self.step("withdrawn", by, now);
        let mut consequences = self.answered(now);
        consequences.push(Consequence::DropTimer(TimerKind::OfferExpiry));
        consequences.push(Consequence::DropTimer(TimerKind::EvidenceDeadline));
        let paid = *by == Actor::platform();
        consequences.push(Consequence::Notify(if paid { Notice::LoanPaid } else { Notice::Withdrawn }));
        Ok(Moved::changed(self, consequences))
    }

    pub(crate) fn offer_out(
        mut self,
        offers: Vec<Offer>,
        by: Actor,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        let expires_at = days_after(now, process.offer_valid_days)?;
        let count = offers.len();
        self.step("offered", &by, now);
        self.state = State::Offered { offers, expires_at, by };
        self.holder = None;
        let mut consequences = self.answered(now);
        consequences.push(Consequence::Timer(TimerKind::OfferExpiry, expires_at));
        consequences.push(Consequence::Notify(Notice::OfferMade { count, expires_at }));
        Ok(Moved::changed(self, consequences))
    }

    pub(crate) fn ask_for(
        mut self,
        types: Vec<EvidenceType>,
        by: &Actor,
        now: Timestamp,
        process: &Process,
    ) -> Result<Moved> {
        let until = days_after(now, process.information_request_days)?;
        let mut consequences = self.pause_clock(now);
        self.state = State::EvidenceRequested { types: types.clone(), until };
        self.step("evidence requested", by, now);
        consequences.push(Consequence::Timer(TimerKind::EvidenceDeadline, until));
        consequences.push(Consequence::Notify(Notice::EvidenceRequested { types, until }));
        Ok(Moved::changed(self, consequences))
    }

    fn send_to_review(&mut self, by: &Actor, now: Timestamp) -> Consequence {
        self.state = State::InReview;
        self.holder = None;
        self.step("in review", by, now);
        Consequence::Notify(Notice::InReview)
    }

    fn hold(mut self, by: &Actor, now: Timestamp) -> Result<Moved> {
        self.state = State::OnHold;
        self.step("on hold", by, now);
        let consequences = self.answered(now);
        Ok(Moved::changed(self, consequences))
    }

    /// Whether policy's last answer still holds every one of these offers, to the cent.
    fn still_computed(&self, offers: &[Offer]) -> bool {
        let computed = self.assessment.as_ref().map(|a| a.offers.as_slice()).unwrap_or_default();
        let same =
            |one: &Offer, other: &Offer| one.terms == other.terms && one.instalments == other.instalments;
        offers.iter().all(|offer| computed.iter().any(|other| same(offer, other)))
    }
}
