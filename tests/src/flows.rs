//! Ways through a case that several tests begin with.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use crate::make::request_id;
use crate::people::{Case, wang};
use crate::stage::Stage;

/// An offer with that label.
pub fn labelled(offers: &[common::Offer], label: common::OfferLabel) -> anyhow::Result<&common::Offer> {
    let found = offers.iter().find(|offer| offer.labels().any(|l| l == label));
    found.with_context(|| format!("no offer with {label:?} among {}", offers.len()))
}

/// The offer that settles the loan.
pub fn settlement(offers: &[common::Offer]) -> anyhow::Result<&common::Offer> {
    let settles = |offer: &&common::Offer| kinds(offer).contains(&"settlement");
    offers.iter().find(settles).context("no settlement was computed")
}

/// Names of an offer's measures.
pub fn kinds(offer: &common::Offer) -> Vec<&'static str> {
    use common::measure::Kind;
    let measures = offer.terms.iter().flat_map(|terms| &terms.measures);
    let name = |measure: &common::Measure| match &measure.kind {
        None => "none",
        Some(Kind::WaivePenalty(_)) => "waive_penalty",
        Some(Kind::WaiveInterest(_)) => "waive_interest",
        Some(Kind::ForgivePrincipal(_)) => "forgive_principal",
        Some(Kind::ReAge(_)) => "re_age",
        Some(Kind::Deferral(_)) => "deferral",
        Some(Kind::PaymentReduction(_)) => "payment_reduction",
        Some(Kind::TermExtension(_)) => "term_extension",
        Some(Kind::RateReduction(_)) => "rate_reduction",
        Some(Kind::Settlement(_)) => "settlement",
        Some(Kind::TokenPayments(_)) => "token_payments",
    };
    measures.map(name).collect()
}

/// What staff sees of the last assessment.
pub fn assessment(case: &pb::Application) -> anyhow::Result<&pb::AssessmentSummary> {
    case.assessment.as_ref().context("no assessment yet")
}

impl Stage {
    /// Applies, and accepts what the rules offered as asked. Returns the plan.
    pub async fn planned_at_once(&self, case: &Case) -> anyhow::Result<pb::Plan> {
        let offered = self.apply(case).await?;
        let offer = labelled(&offered.offers, common::OfferLabel::Proposal)?.offer_id.clone();
        let accepted = self.accept(&case.loan.borrower, &offered.application_id, &offer).await?;
        accepted.plan.context("an acceptance without a plan")
    }

    /// Applies; officer chen offers the proposal, with supervisor zhao's signature where that is needed; it is
    /// accepted. Returns the plan.
    pub async fn planned_by_officer(&self, case: &Case) -> anyhow::Result<pb::Plan> {
        let submitted = self.apply(case).await?;
        self.planned_from_review(&submitted, |offers| labelled(offers, common::OfferLabel::Proposal)).await
    }

    /// From a case in review to its plan, by a choice among the computed offers.
    pub async fn planned_from_review(
        &self,
        case: &pb::Application,
        choose: impl Fn(&[common::Offer]) -> anyhow::Result<&common::Offer>,
    ) -> anyhow::Result<pb::Plan> {
        let id = &case.application_id;
        let claimed = self.claim("officer:chen", id).await?;
        let offer = choose(&assessment(&claimed)?.offers)?.offer_id.clone();
        let offered = self.offer("officer:chen", id, &[&offer]).await?;
        if offered.state() == pb::ApplicationState::AwaitingCosign {
            self.co_sign("supervisor:zhao", id).await?;
        }
        let accepted = self.accept(&case.borrower_id, id, &offer).await?;
        accepted.plan.context("an acceptance without a plan")
    }

    /// The officer finds a document good, or what else the verdict says; the case is assessed again.
    pub async fn review(
        &self,
        who: &str,
        review: pb::ReviewEvidenceRequest,
    ) -> anyhow::Result<pb::Application> {
        let id = review.application_id.clone();
        let request = pb::ReviewEvidenceRequest { request_id: request_id(), ..review };
        self.desk(who)?.review_evidence(request).await?;
        self.settle().await?;
        self.case(&id).await
    }

    /// Wang's case, claimed by officer chen, with the lump sum proved.
    pub async fn wang_proved(&self) -> anyhow::Result<pb::Application> {
        let submitted = self.apply(&wang()).await?;
        let id = submitted.application_id;
        self.claim("officer:chen", &id).await?;
        let document = submitted.evidence.first().context("the document is missing")?;
        let review = pb::ReviewEvidenceRequest {
            application_id: id,
            evidence_id: document.evidence_id.clone(),
            verdict: common::EvidenceState::Accepted.into(),
            proves_lump_sum: true,
            ..pb::ReviewEvidenceRequest::default()
        };
        self.review("officer:chen", review).await
    }

    /// Wang's settlement, signed by chen, waiting for the second signature. Returns the case and the offer.
    pub async fn wang_signed(&self) -> anyhow::Result<(pb::Application, common::Offer)> {
        let proved = self.wang_proved().await?;
        let offer = settlement(&assessment(&proved)?.offers)?.clone();
        let signed = self.offer("officer:chen", &proved.application_id, &[&offer.offer_id]).await?;
        Ok((signed, offer))
    }

    /// Wang's settlement, accepted. Returns the plan.
    pub async fn wang_planned(&self) -> anyhow::Result<pb::Plan> {
        let (signed, offer) = self.wang_signed().await?;
        self.co_sign("supervisor:zhao", &signed.application_id).await?;
        let accepted = self.accept("wang", &signed.application_id, &offer.offer_id).await?;
        accepted.plan.context("an acceptance without a plan")
    }
}
