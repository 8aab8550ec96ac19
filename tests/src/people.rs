//! The stories of `domain.md` section 1: their loans, and what Li, Zhang and Wang say.

use api::google::r#type::Date;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use crate::make::{cny, day, deferral, monthly, months_after, reduction, request_id, statement};

/// A loan with equal instalments due on the 15th, of which the first few were paid on their day.
#[derive(Debug, Clone)]
pub struct Loan {
    pub loan_id: String,
    pub borrower: String,
    pub principal: i64,
    pub annual_rate: &'static str,
    pub instalments: i32,
    pub interest_from: Date,
    pub paid: i32,
    /// The level instalment, in fen.
    pub instalment: i64,
}

/// A document to send.
#[derive(Debug, Clone)]
pub struct Document {
    pub kind: common::EvidenceType,
    pub issuer: String,
    pub file_name: String,
    pub content: Vec<u8>,
}

/// A case: a loan, documents, and what is said about it.
#[derive(Debug, Clone)]
pub struct Case {
    pub loan: Loan,
    pub documents: Vec<Document>,
    pub said: pb::SubmitApplicationRequest,
}

impl Loan {
    /// As the core system registers it.
    pub fn registration(&self) -> pb::LoanRegistration {
        let events = (1..=self.paid).map(|nr| common::LoanEvent {
            effective_date: Some(months_after(&self.interest_from, nr)),
            kind: Some(common::loan_event::Kind::Payment(common::PaymentEvent {
                payment_id: format!("{}-p{nr}", self.loan_id),
                amount: Some(cny(self.instalment)),
            })),
        });
        let contract = common::LoanContract {
            principal: Some(cny(self.principal)),
            annual_rate: self.annual_rate.to_owned(),
            amortisation: common::Amortisation::EqualInstalments.into(),
            instalments: self.instalments,
            interest_from_date: Some(self.interest_from),
            first_due_date: Some(months_after(&self.interest_from, 1)),
            ..common::LoanContract::default()
        };
        pb::LoanRegistration {
            loan_id: self.loan_id.clone(),
            borrower_id: self.borrower.clone(),
            contract: Some(contract),
            events: events.collect(),
            ..pb::LoanRegistration::default()
        }
    }
}

impl Document {
    /// A text file whose content names its borrower, so that nobody else's is the same.
    pub fn new(kind: common::EvidenceType, borrower: &str, words: &str) -> Self {
        Self {
            kind,
            issuer: "First People's Hospital".to_owned(),
            file_name: format!("{}.txt", kind.as_str_name().to_lowercase()),
            content: format!("{words}（{borrower}）\n").into_bytes(),
        }
    }
}

impl Case {
    fn new(loan: Loan, documents: Vec<Document>, said: pb::SubmitApplicationRequest) -> Self {
        let said =
            pb::SubmitApplicationRequest { request_id: request_id(), loan_id: loan.loan_id.clone(), ..said };
        Self { loan, documents, said }
    }

    /// The same case without documents.
    pub fn without_documents(mut self) -> Self {
        self.documents.clear();
        self
    }

    /// Of another borrower, with a loan and documents of their own.
    pub fn of(mut self, borrower: &str) -> Self {
        self.loan.loan_id = format!("loan-{borrower}");
        self.loan.borrower = borrower.to_owned();
        self.said.loan_id = self.loan.loan_id.clone();
        self.said.request_id = request_id();
        for document in &mut self.documents {
            document.content.extend_from_slice(borrower.as_bytes());
        }
        self
    }
}

/// Li, office worker: a parent in hospital for three months; asks for a deferral. Applies on 2026-07-20.
pub fn li() -> Case {
    let loan = Loan {
        loan_id: "loan-li".to_owned(),
        borrower: "li".to_owned(),
        principal: 1_200_000,
        annual_rate: "0.144",
        instalments: 12,
        interest_from: day("2026-01-15"),
        paid: 5,
        instalment: 107_970,
    };
    let documents = vec![
        Document::new(common::EvidenceType::DiagnosisCertificate, "li", "诊断证明：需住院治疗三个月"),
        Document::new(common::EvidenceType::HospitalBill, "li", "住院费用清单：合计 7,812.40 元"),
    ];
    let said = pb::SubmitApplicationRequest {
        reason: common::HardshipReason::CaringDependant.into(),
        narrative: "My mother is in hospital; for three months I pay for her care.".to_owned(),
        hardship_end_date: Some(day("2026-10-20")),
        statement: Some(statement(
            vec![monthly(900_000, 0, 0)],
            vec![monthly(650_000, 0, 0), monthly(260_000, 0, 3)],
        )),
        proposal: Some(deferral(3)),
        ..pb::SubmitApplicationRequest::default()
    };
    Case::new(loan, documents, said)
}

/// Zhang, freelancer: a project is paid late; proposes half for three months. Applies on 2026-07-20.
pub fn zhang() -> Case {
    let loan = Loan {
        loan_id: "loan-zhang".to_owned(),
        borrower: "zhang".to_owned(),
        principal: 2_400_000,
        annual_rate: "0.18",
        instalments: 24,
        interest_from: day("2025-10-15"),
        paid: 8,
        instalment: 119_818,
    };
    let documents =
        vec![Document::new(common::EvidenceType::BankStatement, "zhang", "账户流水：项目款延至 10 月支付")];
    let said = pb::SubmitApplicationRequest {
        reason: common::HardshipReason::PaymentDelayed.into(),
        narrative: "My client pays the project three months late.".to_owned(),
        hardship_end_date: Some(day("2026-10-20")),
        statement: Some(statement(
            vec![monthly(740_000, 0, 3), monthly(900_000, 3, 0)],
            vec![monthly(650_000, 0, 0)],
        )),
        proposal: Some(reduction("0.5", 3)),
        ..pb::SubmitApplicationRequest::default()
    };
    Case::new(loan, documents, said)
}

/// Wang, student: start-of-term costs; the family can pay 4,400 once. Applies on 2026-06-20.
pub fn wang() -> Case {
    let loan = Loan {
        loan_id: "loan-wang".to_owned(),
        borrower: "wang".to_owned(),
        principal: 600_000,
        annual_rate: "0.12",
        instalments: 12,
        interest_from: day("2026-01-15"),
        paid: 3,
        instalment: 53_309,
    };
    let documents = vec![Document::new(
        common::EvidenceType::SchoolHardshipCertificate,
        "wang",
        "困难证明：开学缴费困难",
    )];
    let mut affairs = statement(vec![monthly(150_000, 0, 0)], vec![monthly(120_000, 0, 0)]);
    affairs.lump_sum = Some(common::LumpSum {
        amount: Some(cny(440_000)),
        source: "family".to_owned(),
        proved: false,
        borrowed: false,
    });
    let said = pb::SubmitApplicationRequest {
        reason: common::HardshipReason::EducationCosts.into(),
        narrative: "The term's fees took what I had; my family can help once.".to_owned(),
        statement: Some(affairs),
        ..pb::SubmitApplicationRequest::default()
    };
    Case::new(loan, documents, said)
}

/// Li without the parent's costs: the instalment is affordable.
pub fn li_who_can_afford() -> Case {
    let mut case = li();
    case.said.statement = Some(statement(vec![monthly(900_000, 0, 0)], vec![monthly(650_000, 0, 0)]));
    case
}
