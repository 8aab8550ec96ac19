//! The documents this service stores, their columns, and how they are read and written.

use jiff::Timestamp;
use jiff::civil::date;
use loan::{Account, Date, Rate, Ratio};
use negotiation::{Application, Plan};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Column, ColumnType, Kind, Schema, Store, Value, Write};

use assessment::{EvidenceState, EvidenceType, PackCalendar};
use chassis::Problem;

/// In a column of days or moments: no such day.
pub const NEVER: i64 = i64::MAX;

const fn int(name: &'static str) -> Column {
    Column { name, ty: ColumnType::BigInt }
}

const fn text(name: &'static str) -> Column {
    Column { name, ty: ColumnType::Text }
}

/// Everything the application service stores as documents.
pub static SCHEMA: Schema = Schema {
    kinds: &[
        Kind {
            name: LoanRecord::KIND,
            columns: &[text("borrower_id"), int("closed"), int("oldest_unpaid_due")],
            indexes: &[&["borrower_id"], &["closed", "oldest_unpaid_due"]],
        },
        Kind {
            name: Application::KIND,
            columns: &[
                text("borrower_id"),
                text("loan_id"),
                text("state"),
                int("submitted_at"),
                int("queue_due"),
                text("holder"),
            ],
            indexes: &[
                &["borrower_id", "submitted_at"],
                &["loan_id"],
                &["queue_due"],
                &["state", "submitted_at"],
            ],
        },
        Kind { name: OpenCase::KIND, columns: &[text("application_id")], indexes: &[] },
        Kind {
            name: EvidenceRecord::KIND,
            columns: &[text("loan_id"), text("application_id"), text("sha256")],
            indexes: &[&["loan_id"], &["sha256"]],
        },
        Kind {
            name: Plan::KIND,
            columns: &[text("borrower_id"), text("loan_id"), text("state")],
            indexes: &[&["borrower_id"], &["loan_id"]],
        },
        Kind { name: PackRecord::KIND, columns: &[], indexes: &[] },
    ],
};

/// A stored document type.
pub trait Record: Serialize + DeserializeOwned + Send {
    /// Table.
    const KIND: &'static str;
    /// Version of the body that this code writes.
    const VERSION: i32 = 1;

    /// Id of the document.
    fn id(&self) -> &str;

    /// Values of the columns of its kind. The moment is the commit's.
    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem>;
}

/// A record as it was read, with the revision that a write must name.
#[derive(Debug, Clone)]
pub struct Versioned<R> {
    /// 0: not stored yet.
    pub revision: i64,
    pub record: R,
}

impl<R: Record> Versioned<R> {
    /// A record that must not exist yet.
    pub fn new(record: R) -> Self {
        Self { revision: 0, record }
    }

    /// The same revision with another body.
    pub fn with<S: Record>(&self, record: S) -> Versioned<S> {
        Versioned { revision: self.revision, record }
    }

    /// The write that stores it, and fails if it moved since it was read.
    pub fn put(&self) -> Result<Write, Problem> {
        Ok(Write::Put {
            kind: R::KIND,
            id: self.record.id().to_owned(),
            expected_revision: self.revision,
            body_version: R::VERSION,
            body: serde_json::to_string(&self.record)
                .map_err(|e| Problem::internal("a record can't be written as JSON").source(e))?,
            index: self.record.index()?,
        })
    }

    /// Revision as clients see it.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }
}

/// Reads one record.
pub async fn load<R: Record>(store: &Store, id: &str) -> Result<Option<Versioned<R>>, Problem> {
    store.get(R::KIND, id).await?.map(|document| read(&document)).transpose()
}

/// Turns a stored document into its record; a body that can't be read names table and row.
pub fn read<R: Record>(document: &store::Document) -> Result<Versioned<R>, Problem> {
    let record = serde_json::from_str(&document.body).map_err(|error| {
        // Only where it broke: the parser's own text may quote the body.
        let place = format!("{:?} at line {} column {}", error.classify(), error.line(), error.column());
        Problem::data_loss(format!("`{}` row `{}`: body can't be read, {place}", R::KIND, document.id))
    })?;
    Ok(Versioned { revision: document.revision, record })
}

/// A loan with everything that happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanRecord {
    pub loan_id: String,
    pub borrower_id: String,
    pub pack_name: String,
    /// Closed outside (fully paid, charged off).
    pub closed_outside: bool,
    pub account: Account,
    /// The running plan.
    pub plan_id: Option<String>,
    /// Hash of the registration, to tell a repeated import from a changed one.
    pub registration_hash: String,
    /// Day up to which the columns below were computed.
    pub closed: bool,
    /// Due date of the oldest row with something left to pay, due or not.
    pub oldest_unpaid_due: Option<Date>,
}

impl Record for LoanRecord {
    const KIND: &'static str = "loan";

    fn id(&self) -> &str {
        &self.loan_id
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        Ok(vec![
            ("borrower_id", Value::Text(self.borrower_id.clone())),
            ("closed", Value::Int(i64::from(self.closed))),
            ("oldest_unpaid_due", Value::Int(self.oldest_unpaid_due.map_or(NEVER, epoch_day))),
        ])
    }
}

impl Record for Application {
    const KIND: &'static str = "application";

    fn id(&self) -> &str {
        &self.application_id
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        let queue_due =
            if self.waits_for_desk() { self.answer_due().unwrap_or(self.submitted_at) } else { FAR };
        Ok(vec![
            ("borrower_id", Value::Text(self.borrower_id.clone())),
            ("loan_id", Value::Text(self.loan_id.clone())),
            ("state", Value::Text(self.state.name().to_owned())),
            ("submitted_at", Value::Int(self.submitted_at.as_microsecond())),
            ("queue_due", Value::Int(if queue_due == FAR { NEVER } else { queue_due.as_microsecond() })),
            ("holder", Value::Text(self.holder.as_ref().map(|h| h.as_str().to_owned()).unwrap_or_default())),
        ])
    }
}

const FAR: Timestamp = Timestamp::MAX;

/// "At most one open application a loan": a document that can be put once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCase {
    pub loan_id: String,
    pub application_id: String,
}

impl Record for OpenCase {
    const KIND: &'static str = "open_case";

    fn id(&self) -> &str {
        &self.loan_id
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        Ok(vec![("application_id", Value::Text(self.application_id.clone()))])
    }
}

/// A document that the borrower sent. Its bytes are a file of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRecord {
    /// Id of the stored document: [`evidence_key`].
    pub key: String,
    /// Id that the sender chose, unique within the loan.
    pub evidence_id: String,
    pub loan_id: String,
    pub borrower_id: String,
    /// Empty while it belongs to no case.
    pub application_id: String,
    pub evidence_type: EvidenceType,
    pub issuer: String,
    pub file_name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub state: EvidenceState,
    /// Automatic checks that failed, in words.
    pub failed_checks: Vec<String>,
    /// Found when it came; asked anew for every assessment.
    pub sent_by_another_borrower: bool,
    pub submitter_is_not_borrower: bool,
    pub reviewed_by: Option<String>,
    pub received_at: Option<Timestamp>,
}

impl Record for EvidenceRecord {
    const KIND: &'static str = "evidence";

    fn id(&self) -> &str {
        &self.key
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        Ok(vec![
            ("loan_id", Value::Text(self.loan_id.clone())),
            ("application_id", Value::Text(self.application_id.clone())),
            ("sha256", Value::Text(self.sha256.clone())),
        ])
    }
}

/// Where a document is stored: ids are the senders' own, so they belong to the loan.
pub fn evidence_key(loan_id: &str, evidence_id: &str) -> String {
    format!("{loan_id}/{evidence_id}")
}

impl Record for Plan {
    const KIND: &'static str = "plan";

    fn id(&self) -> &str {
        &self.plan_id
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        let state = match self.state {
            negotiation::PlanState::Active { .. } => "active",
            negotiation::PlanState::Completed { .. } => "completed",
            negotiation::PlanState::Broken { .. } => "broken",
            negotiation::PlanState::Superseded { .. } => "superseded",
        };
        Ok(vec![
            ("borrower_id", Value::Text(self.borrower_id.clone())),
            ("loan_id", Value::Text(self.loan_id.clone())),
            ("state", Value::Text(state.to_owned())),
        ])
    }
}

/// What this service needs of a pack, as policy last stated it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRecord {
    pub name: String,
    pub digest: String,
    /// Currency of the loans it is for, ISO 4217.
    pub currency_code: String,
    /// Contract rate × this is the penalty rate of loans whose product doesn't say.
    pub penalty_multiplier: Ratio,
    /// Highest all-in rate of loans whose product doesn't say.
    pub cost_cap: Rate,
    /// Which days are business days for loans that state no calendar. `None`: stored before packs had one.
    pub calendar: Option<PackCalendar>,
    pub process: negotiation::Process,
    pub evidence: Vec<(assessment::HardshipReason, Vec<EvidenceType>)>,
    pub reasons: Vec<assessment::DeclineReason>,
}

impl Record for PackRecord {
    const KIND: &'static str = "pack";

    fn id(&self) -> &str {
        &self.name
    }

    fn index(&self) -> Result<Vec<(&'static str, Value)>, Problem> {
        Ok(Vec::new())
    }
}

/// Days since 1970-01-01.
pub fn epoch_day(day: Date) -> i64 {
    i64::from((day - date(1970, 1, 1)).get_days())
}
