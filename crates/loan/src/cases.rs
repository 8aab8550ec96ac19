//! Loans written down as cases: terms, what happened, and the day of reading, one JSON object each.
//!
//! The format is `peer-schedule-cases/1`, in which schedules of other systems are collected. A case states terms in
//! words of its own and partly in free text; every rule of reading is by field and value, so that one case is read
//! like any other. A case that can't be understood is an error of that case alone.
//!
//! Bytes come in and rows go out: paths, and what a case expects, are somebody else's business.

mod calcs;
mod events;
mod file;
mod terms;

use thiserror::Error;

use crate::account::Account;
use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::event::Event;
use crate::money::{Amount, Currency};
use crate::origin::Origin;
use crate::product::Product;
use crate::state::{RowState, State};

pub use calcs::SimpleInterest;

/// Most cases that one file may hold.
pub const MAX_CASES: usize = 100_000;
/// Most events that one case may have; each is replayed when it is recorded.
pub const MAX_EVENTS: usize = 1_000;

/// Why a file of cases can't be read at all.
#[derive(Debug, Error)]
pub enum CasesError {
    #[error("not a file of cases")]
    Json(#[from] serde_json::Error),
    #[error("format `{format}` is unknown; `{}` is read", file::FORMAT)]
    Format { format: String },
    #[error("{count} cases are more than {MAX_CASES}")]
    TooMany { count: usize },
}

/// Why one case can't be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaseError {
    #[error("the case doesn't have the shape of one: {reason}")]
    Shape { reason: String },
    #[error("`{field}` is missing")]
    Missing { field: &'static str },
    #[error("`{field}` is `{text}`, which is not {expected}")]
    Unreadable { field: &'static str, text: String, expected: &'static str },
    #[error("event {nr} is a `{kind}`, which is unknown")]
    UnknownEvent { nr: usize, kind: String },
    #[error("event {nr} (`{kind}`): {reason}")]
    Event { nr: usize, kind: String, reason: Box<CaseError> },
    #[error("there is no {what} that it could undo")]
    NothingToUndo { what: &'static str },
    #[error("{count} events are more than {MAX_EVENTS}")]
    TooManyEvents { count: usize },
    #[error(transparent)]
    Loan(#[from] LoanError),
}

impl CaseError {
    /// Stable SCREAMING_SNAKE name: the loan's own for what the loan refuses.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "CASE_SHAPE",
            Self::Missing { .. } => "CASE_FIELD_MISSING",
            Self::Unreadable { .. } => "CASE_FIELD_UNREADABLE",
            Self::UnknownEvent { .. } => "CASE_EVENT_UNKNOWN",
            Self::NothingToUndo { .. } => "CASE_NOTHING_TO_UNDO",
            Self::TooManyEvents { .. } => "CASE_TOO_MANY_EVENTS",
            Self::Event { reason, .. } => reason.code(),
            Self::Loan(error) => error.code(),
        }
    }
}

impl From<ArithmeticError> for CaseError {
    fn from(error: ArithmeticError) -> Self {
        Self::Loan(LoanError::from(error))
    }
}

/// One case of a file.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file's own id; `#n` for the n-th case where it has none.
    pub id: String,
    /// What it is about, in the file's words; empty where it says nothing.
    pub title: String,
    pub subject: Result<Subject, CaseError>,
}

/// What a case asks for.
#[derive(Debug, Clone)]
pub enum Subject {
    Loan(Box<CaseLoan>),
    /// Interest of single amounts, without a schedule.
    Interest(Vec<SimpleInterest>),
}

/// A loan, what happened to it, and when it is read.
#[derive(Debug, Clone)]
pub struct CaseLoan {
    pub origin: Origin,
    pub product: Product,
    /// After everything that happened.
    pub after: Reading,
    /// Before the last event that modifies the schedule or was entered late, on the day when that was entered. Without
    /// such an event: the contract on its first day.
    pub before: Reading,
}

/// Events in the order of the case and the day on which the schedule is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub events: Vec<Event>,
    pub as_of: Date,
}

/// A row as a case states it, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    pub nr: u32,
    pub due: Date,
    pub principal: Amount,
    /// All interest of the row, whatever period it was earned in.
    pub interest: Amount,
    pub fees: Amount,
    pub penalties: Amount,
    pub total_due: Amount,
    pub balance_after: Amount,
}

/// Reads a file of cases. A case that can't be understood carries its error; the others are read all the same.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, CasesError> {
    let file: file::File = serde_json::from_slice(bytes)?;
    if let Some(format) = file.format.filter(|format| format != file::FORMAT) {
        return Err(CasesError::Format { format });
    }
    if file.cases.len() > MAX_CASES {
        return Err(CasesError::TooMany { count: file.cases.len() });
    }
    let generated = file.generated.as_deref();
    Ok(file.cases.into_iter().zip(1_usize..).map(|(value, nr)| Case::read(value, nr, generated)).collect())
}

impl Case {
    fn read(value: serde_json::Value, nr: usize, generated: Option<&str>) -> Self {
        let named = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let id = named("id").unwrap_or_else(|| format!("#{nr}"));
        let category = named("category").unwrap_or_default();
        match serde_json::from_value::<file::Case>(value) {
            Ok(case) => {
                let title = case.source.as_ref().and_then(|source| source.scenario.clone());
                Self { id, title: title.unwrap_or(category), subject: subject(&case, generated) }
            }
            Err(error) => {
                Self { id, title: category, subject: Err(CaseError::Shape { reason: error.to_string() }) }
            }
        }
    }

    /// The loan; `None` where the case asks for single interest only.
    pub fn loan(&self) -> Result<Option<&CaseLoan>, CaseError> {
        match &self.subject {
            Ok(Subject::Loan(loan)) => Ok(Some(loan)),
            Ok(Subject::Interest(_)) => Ok(None),
            Err(error) => Err(error.clone()),
        }
    }

    /// The schedule after everything that happened; empty where the case asks for single interest only.
    pub fn rows(&self) -> Result<Vec<CaseRow>, CaseError> {
        self.loan()?.map_or(Ok(Vec::new()), |loan| CaseRow::of_state(&loan.state()?))
    }

    /// The schedule before the modification; see [`CaseLoan::before`].
    pub fn rows_before(&self) -> Result<Vec<CaseRow>, CaseError> {
        self.loan()?.map_or(Ok(Vec::new()), |loan| CaseRow::of_state(&loan.state_before()?))
    }

    /// Single interests that the case asks for.
    pub fn calcs(&self) -> &[SimpleInterest] {
        match &self.subject {
            Ok(Subject::Interest(calcs)) => calcs,
            Ok(Subject::Loan(_)) | Err(_) => &[],
        }
    }
}

fn subject(case: &file::Case, generated: Option<&str>) -> Result<Subject, CaseError> {
    if case.category.as_deref() == Some(calcs::CATEGORY) {
        return calcs::read(case).map(Subject::Interest);
    }
    let loan = case.loan.as_ref().ok_or(CaseError::Missing { field: "loan" })?;
    let contract = terms::contract(loan, generated)?;
    let product = terms::product(loan);
    let (after, before) = events::readings(&case.events, &contract)?;
    Ok(Subject::Loan(Box::new(CaseLoan { origin: Origin::Computed(contract), product, after, before })))
}

impl CaseLoan {
    pub fn currency(&self) -> Currency {
        self.origin.contract().currency
    }

    /// What stands after everything that happened.
    pub fn state(&self) -> Result<State, LoanError> {
        self.read(&self.after)
    }

    /// What stood before the modification.
    pub fn state_before(&self) -> Result<State, LoanError> {
        self.read(&self.before)
    }

    fn read(&self, reading: &Reading) -> Result<State, LoanError> {
        let opened = Account::open(self.origin.clone(), self.product.clone())?;
        let account =
            reading.events.iter().try_fold(opened, |account, event| account.record(event.clone()))?;
        account.state(reading.as_of)
    }
}

impl CaseRow {
    fn of_state(state: &State) -> Result<Vec<Self>, CaseError> {
        state.rows.iter().map(|row| Ok(Self::of(row)?)).collect()
    }

    /// The row as it stands, penalty included.
    pub fn of(row: &RowState) -> Result<Self, ArithmeticError> {
        Ok(Self {
            nr: row.row.nr,
            due: row.row.due,
            principal: row.row.principal,
            interest: row.row.interest.add(row.row.relief_interest)?,
            fees: row.row.fee,
            penalties: row.penalty,
            total_due: row.row.total()?.add(row.penalty)?,
            balance_after: row.row.balance_after,
        })
    }
}
