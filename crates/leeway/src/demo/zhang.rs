//! Zhang, freelancer: a project is paid late; the platform completes his proposal, and an officer offers it.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use super::account::{self, Said};
use super::actors::{Actors, Document, request_id};
use super::loans::{StoryLoan, day, monthly, statement, terms};

const LOAN: StoryLoan = StoryLoan {
    loan_id: "loan-zhang",
    borrower_id: "zhang",
    principal: 2_400_000,
    annual_rate: "0.18",
    instalments: 24,
    interest_from: (2025, 10, 15),
    paid: 8,
    instalment: 119_818,
};

/// Plays the story.
pub async fn play(actors: &Actors) -> anyhow::Result<()> {
    actors.until("2026-07-20T10:00+08:00")?;
    let before = LOAN.register(actors).await?;
    let statement_of_bank = Document {
        kind: common::EvidenceType::BankStatement,
        issuer: "Bank of the City",
        file_name: "statement.txt",
        content: "账户流水：7 月收入 7,400.00，项目款延至 10 月支付。\n".to_owned(),
    };
    let evidence_id = actors.upload("zhang", LOAN.loan_id, &statement_of_bank).await?;
    let proposal = terms(common::measure::Kind::PaymentReduction(common::PaymentReduction {
        pay: Some(common::payment_reduction::Pay::Factor("0.5".to_owned())),
        instalments: 3,
        shortfall_rows: 0,
        interest: 0,
    }));
    let request = pb::SubmitApplicationRequest {
        request_id: request_id(),
        loan_id: LOAN.loan_id.to_owned(),
        reason: common::HardshipReason::PaymentDelayed.into(),
        narrative: "My client pays the project three months late.".to_owned(),
        hardship_end_date: Some(day((2026, 10, 20))),
        statement: Some(statement(
            vec![monthly(740_000, 0, 3), monthly(900_000, 3, 0)],
            vec![monthly(650_000, 0, 0)],
        )),
        evidence_ids: vec![evidence_id],
        proposal: Some(proposal),
        ..pb::SubmitApplicationRequest::default()
    };
    let answer = actors.platform_for("zhang").submit_application(request).await?.into_inner();
    let application = answer.application.context("an answer without the application")?;
    account::opening(
        "Zhang, freelancer",
        &before,
        &application,
        &Said {
            words: "My client pays the project three months late.",
            income: "7,400.00 for three months, then 9,000.00, verified",
            essentials: "6,500.00",
            asks: "half the instalment for three months",
        },
    );
    let decision = actors.decision(&application).await?;
    account::assessment(&decision);
    account::completed(&decision);
    account::offers(&decision.offers);

    let offer = offered(actors, &application.application_id).await?;
    let request = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: application.application_id,
        offer_id: offer.offer_id,
        etag: String::new(),
    };
    let accepted = actors.borrower("zhang").accept_offer(request).await?.into_inner();
    account::accepted(&accepted, "Zhang accepts");
    let after = actors.loan(LOAN.loan_id).await?;
    account::schedules(&before, &after);
    account::messages(&actors.inbox("zhang", "plan-active").await?);
    Ok(())
}

/// An officer claims the case and offers the completed proposal.
async fn offered(actors: &Actors, application_id: &str) -> anyhow::Result<common::Offer> {
    let id = application_id.to_owned();
    let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: id.clone() };
    let case = actors.officer("chen").claim_application(claim).await?.into_inner().application;
    let case = case.context("an answer without the application")?;
    let computed = case.assessment.context("no assessment yet")?.offers;
    let offer = account::proposed(&computed).cloned().context("the proposal was not priced")?;
    let request = pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: id.clone(),
        offer_ids: vec![offer.offer_id.clone()],
        terms: None,
        note: "the completed proposal is affordable in every month".to_owned(),
    };
    let offered = actors.officer("chen").offer_terms(request).await?.into_inner().application;
    account::step("Officer chen claims the case and offers the completed proposal", offered.as_ref());
    Ok(offer)
}
