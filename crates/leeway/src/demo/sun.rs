//! Sun can afford his instalment: more than a re-date is refused by a person, with reason and remedy. A case like his
//! then waits at the desk for whoever tries the queue.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use super::account::{self, Said};
use super::actors::{Actors, Document, request_id};
use super::loans::{StoryLoan, monthly, statement, terms};

const LOAN: StoryLoan = StoryLoan {
    loan_id: "loan-sun",
    borrower_id: "sun",
    principal: 1_200_000,
    annual_rate: "0.144",
    instalments: 12,
    interest_from: (2026, 1, 15),
    paid: 5,
    instalment: 107_970,
};
const WAITING: StoryLoan = StoryLoan { loan_id: "loan-he", borrower_id: "he", ..LOAN };

/// Plays the story.
pub async fn play(actors: &Actors) -> anyhow::Result<()> {
    let before = LOAN.register(actors).await?;
    let submitted =
        submit(actors, &LOAN, statement(vec![monthly(1_500_000, 0, 0)], vec![monthly(500_000, 0, 0)]))
            .await?;
    account::opening(
        "Sun, who can afford the instalment",
        &before,
        &submitted,
        &Said {
            words: "I would rather not pay for a while.",
            income: "15,000.00 verified",
            essentials: "5,000.00",
            asks: "a deferral of three months",
        },
    );
    let decision = actors.decision(&submitted).await?;
    account::assessment(&decision);
    account::offers(&decision.offers);
    let application_id = submitted.application_id;
    let claim =
        pb::ClaimApplicationRequest { request_id: request_id(), application_id: application_id.clone() };
    actors.officer("chen").claim_application(claim).await?;
    let request = pb::RefuseApplicationRequest {
        request_id: request_id(),
        application_id: application_id.clone(),
        codes: vec![common::DeclineCode::CanAffordCurrent.into()],
        note: "the share covers the instalment in every month".to_owned(),
    };
    actors.officer("chen").refuse_application(request).await?;
    let refused = actors.application("sun", &application_id).await?;
    account::step("Officer chen confirms: no more than a re-date", Some(&refused));
    account::refused(&refused);
    account::messages(&actors.inbox("sun", "refused").await?);
    waiting(actors).await
}

/// One case stays with the desk: its income is stated, not verified.
async fn waiting(actors: &Actors) -> anyhow::Result<()> {
    WAITING.register(actors).await?;
    let mut affairs = statement(vec![monthly(720_000, 0, 0)], vec![monthly(650_000, 0, 0)]);
    affairs.verified_income.clear();
    let application = submit(actors, &WAITING, affairs).await?;
    let state = application.state().as_str_name().trim_start_matches("APPLICATION_STATE_").to_owned();
    println!("\n  One more case, {}, is {state} and waits at the desk for you.", application.application_id);
    Ok(())
}

async fn submit(
    actors: &Actors,
    loan: &StoryLoan,
    affairs: common::StatementOfAffairs,
) -> anyhow::Result<pb::Application> {
    let payslips = Document {
        kind: common::EvidenceType::Payslips,
        issuer: "Works of the City",
        file_name: "payslips.txt",
        content: format!("工资单：{}\n", loan.borrower_id),
    };
    let evidence_id = actors.upload(loan.borrower_id, loan.loan_id, &payslips).await?;
    let proposal = terms(common::measure::Kind::Deferral(common::Deferral { months: 3, interest: 0 }));
    let request = pb::SubmitApplicationRequest {
        request_id: request_id(),
        loan_id: loan.loan_id.to_owned(),
        reason: common::HardshipReason::IncomeReduction.into(),
        narrative: "I would rather not pay for a while.".to_owned(),
        statement: Some(affairs),
        evidence_ids: vec![evidence_id],
        proposal: Some(proposal),
        ..pb::SubmitApplicationRequest::default()
    };
    let answer = actors.platform_for(loan.borrower_id).submit_application(request).await?.into_inner();
    answer.application.context("an answer without the application")
}
