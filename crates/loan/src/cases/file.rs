//! The file as it is written: every field optional, numbers and texts alike.

use std::fmt;

use serde::Deserialize;

/// The format that is read.
pub const FORMAT: &str = "peer-schedule-cases/1";

#[derive(Debug, Deserialize)]
pub struct File {
    pub format: Option<String>,
    /// ISO date; stands for days that a case doesn't state.
    pub generated: Option<String>,
    pub cases: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub struct Case {
    pub category: Option<String>,
    pub source: Option<Source>,
    pub loan: Option<Loan>,
    #[serde(default)]
    pub events: Vec<Event>,
    /// Read for the amounts, rates and days of single interests only.
    pub expected: Option<Expected>,
}

#[derive(Debug, Deserialize)]
pub struct Source {
    pub scenario: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Loan {
    pub principal: Option<Scalar>,
    pub currency: Option<String>,
    pub annual_rate_pct: Option<Scalar>,
    pub interest_method: Option<String>,
    pub amortisation: Option<String>,
    pub interest_period: Option<String>,
    pub day_count: DayCount,
    pub repay_every: Option<Scalar>,
    pub repay_unit: Option<String>,
    pub n_instalments: Option<Scalar>,
    pub interest_from: Option<String>,
    pub disbursed_on: Option<String>,
    #[serde(alias = "first_due")]
    pub first_due_date: Option<String>,
    pub rounding: Rounding,
    pub grace_on_principal_instalments: Option<Scalar>,
    pub grace_on_interest_instalments: Option<Scalar>,
    pub interest_payment_deferred_instalments: Option<Scalar>,
    pub down_payment_pct: Option<Scalar>,
    pub interest_on_overdue: Option<String>,
    pub fixed_instalment: Option<Scalar>,
    pub preclose_rule: Option<String>,
    pub prepayment: Option<String>,
    pub note: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DayCount {
    pub days_in_month: Option<Scalar>,
    pub days_in_year: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rounding {
    pub mode: Option<String>,
    pub instalment_multiple_of: Option<Scalar>,
    pub when: Option<String>,
    pub note: Option<String>,
}

/// Anything that happened; which fields count depends on `kind`.
#[derive(Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: String,
    pub date: Option<String>,
    pub transaction_date: Option<String>,
    pub entered_on: Option<String>,
    pub submitted_on: Option<String>,
    pub due_date: Option<String>,
    pub payment_date: Option<String>,
    pub amount: Option<Scalar>,
    pub reschedule_from: Option<String>,
    pub new_due_date_of_that_instalment: Option<String>,
    pub extra_instalments: Option<Scalar>,
    pub grace_on_interest_instalments: Option<Scalar>,
    pub grace_on_principal_instalments: Option<Scalar>,
    pub new_annual_rate_pct: Option<Scalar>,
    pub after_posted_instalment: Option<Scalar>,
    pub first_due_date: Option<String>,
    pub n_instalments: Option<Scalar>,
    pub repay_every: Option<Scalar>,
    pub repay_unit: Option<String>,
    pub interest_handling: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub inclusive: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Expected {
    pub calcs: Vec<Calc>,
}

#[derive(Debug, Deserialize)]
pub struct Calc {
    pub principal: Option<Scalar>,
    pub annual_rate_pct: Option<Scalar>,
    pub days: Option<Scalar>,
}

/// A text, a number or a flag, taken by its text: `30` and `"30"` are the same.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Flag(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text.trim()),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}
