//! Li, office worker: a parent in hospital; the rules may offer a three-month deferral at once.

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use super::account::{self, Said};
use super::actors::{Actors, Document, request_id};
use super::loans::{StoryLoan, day, monthly, statement, terms};

const LOAN: StoryLoan = StoryLoan {
    loan_id: "loan-li",
    borrower_id: "li",
    principal: 1_200_000,
    annual_rate: "0.144",
    instalments: 12,
    interest_from: (2026, 1, 15),
    paid: 5,
    instalment: 107_970,
};

/// Plays the story.
pub async fn play(actors: &Actors) -> anyhow::Result<()> {
    actors.until("2026-07-20T10:00+08:00")?;
    let before = LOAN.register(actors).await?;
    let documents = [
        Document {
            kind: common::EvidenceType::DiagnosisCertificate,
            issuer: "First People's Hospital",
            file_name: "diagnosis.txt",
            content: "诊断证明：患者李某（申请人母亲）需住院治疗，预计三个月。\n".to_owned(),
        },
        Document {
            kind: common::EvidenceType::HospitalBill,
            issuer: "First People's Hospital",
            file_name: "hospital-bill.txt",
            content: "住院费用清单：合计 7,812.40 元。\n".to_owned(),
        },
    ];
    let mut evidence_ids = Vec::new();
    for document in &documents {
        evidence_ids.push(actors.upload("li", LOAN.loan_id, document).await?);
    }
    let proposal = terms(common::measure::Kind::Deferral(common::Deferral { months: 3, interest: 0 }));
    let request = pb::SubmitApplicationRequest {
        request_id: request_id(),
        loan_id: LOAN.loan_id.to_owned(),
        reason: common::HardshipReason::CaringDependant.into(),
        narrative: "My mother is in hospital; for three months I pay for her care.".to_owned(),
        hardship_end_date: Some(day((2026, 10, 20))),
        statement: Some(statement(
            vec![monthly(900_000, 0, 0)],
            vec![monthly(650_000, 0, 0), monthly(260_000, 0, 3)],
        )),
        evidence_ids,
        proposal: Some(proposal),
        ..pb::SubmitApplicationRequest::default()
    };
    let answer = actors.platform_for("li").submit_application(request).await?.into_inner();
    let application = answer.application.context("an answer without the application")?;
    account::opening(
        "Li, office worker",
        &before,
        &application,
        &Said {
            words: "My mother is in hospital; for three months I pay for her care.",
            income: "9,000.00 verified",
            essentials: "6,500.00, and 2,600.00 more for three months",
            asks: "a deferral of three months",
        },
    );
    let decision = actors.decision(&application).await?;
    account::assessment(&decision);
    account::offers(&decision.offers);

    let offer = account::proposed(&application.offers).context("the proposal was not offered")?;
    let request = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: application.application_id.clone(),
        offer_id: offer.offer_id.clone(),
        etag: String::new(),
    };
    let accepted = actors.borrower("li").accept_offer(request).await?.into_inner();
    account::accepted(&accepted, "Li accepts, without anybody at the desk");
    let after = actors.loan(LOAN.loan_id).await?;
    account::schedules(&before, &after);
    account::messages(&actors.inbox("li", "plan-active").await?);
    Ok(())
}
