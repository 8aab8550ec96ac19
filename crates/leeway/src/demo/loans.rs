//! The stories' loans and small makers of messages.

use anyhow::Context as _;
use api::google::r#type::Date;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1 as common;

use super::actors::{Actors, request_id};

/// Currency of the stories.
pub const CNY: &str = "CNY";

/// A loan with equal instalments due on the 15th, as it stands on the day of the story.
pub struct StoryLoan {
    pub loan_id: &'static str,
    pub borrower_id: &'static str,
    pub principal: i64,
    pub annual_rate: &'static str,
    pub instalments: i32,
    pub interest_from: (i32, i32, i32),
    /// Instalments paid on their due dates.
    pub paid: i32,
    /// The level instalment.
    pub instalment: i64,
}

/// CNY in fen.
pub fn cny(minor_units: i64) -> common::Money {
    common::Money { currency_code: CNY.to_owned(), minor_units }
}

/// A date.
pub fn day((year, month, day): (i32, i32, i32)) -> Date {
    Date { year, month, day }
}

/// An amount a month from now on, or for some months.
pub fn monthly(minor_units: i64, from_month: i32, months: i32) -> common::MonthlyAmount {
    common::MonthlyAmount { amount: Some(cny(minor_units)), from_month, months }
}

/// A statement without other debts.
pub fn statement(
    income: Vec<common::MonthlyAmount>,
    essentials: Vec<common::MonthlyAmount>,
) -> common::StatementOfAffairs {
    common::StatementOfAffairs {
        declared_income: income.clone(),
        verified_income: income,
        essentials,
        adults: 1,
        ..common::StatementOfAffairs::default()
    }
}

/// Terms with one measure.
pub fn terms(kind: common::measure::Kind) -> common::Terms {
    common::Terms { measures: vec![common::Measure { kind: Some(kind) }], first_payment_date: None }
}

impl StoryLoan {
    /// Registers the loan with the payments so far.
    pub async fn register(&self, actors: &Actors) -> anyhow::Result<pb::Loan> {
        let first_due = after(self.interest_from, 1);
        let events = (0..self.paid).map(|index| common::LoanEvent {
            effective_date: Some(day(after(self.interest_from, index + 1))),
            kind: Some(common::loan_event::Kind::Payment(common::PaymentEvent {
                payment_id: format!("{}-p{}", self.loan_id, index + 1),
                amount: Some(cny(self.instalment)),
            })),
        });
        let contract = common::LoanContract {
            principal: Some(cny(self.principal)),
            annual_rate: self.annual_rate.to_owned(),
            amortisation: common::Amortisation::EqualInstalments.into(),
            instalments: self.instalments,
            interest_from_date: Some(day(self.interest_from)),
            first_due_date: Some(day(first_due)),
            ..common::LoanContract::default()
        };
        let registration = pb::LoanRegistration {
            loan_id: self.loan_id.to_owned(),
            borrower_id: self.borrower_id.to_owned(),
            contract: Some(contract),
            events: events.collect(),
            ..pb::LoanRegistration::default()
        };
        let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(registration) };
        let answer = actors.loans().register_loan(request).await?.into_inner();
        answer.loan.context("an answer without the loan")
    }
}

/// The same day some months later; the stories' days are the 15th.
fn after((year, month, day): (i32, i32, i32), months: i32) -> (i32, i32, i32) {
    let index = year * 12 + month - 1 + months;
    (index.div_euclid(12), index.rem_euclid(12) + 1, day)
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn months_cross_the_year() {
        assert_eq!(after((2025, 10, 15), 3), (2026, 1, 15));
        assert_eq!(after((2026, 1, 15), 11), (2026, 12, 15));
    }
}
