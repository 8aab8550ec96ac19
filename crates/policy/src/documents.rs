//! The documents this service stores, their columns, and how they are read and written.

use chassis::Problem;
use loan::Date;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Column, ColumnType, Document, Kind, Query, Schema, Store, Value, Write};

use crate::activation::Activation;
use crate::library::{PackContent, PackHead, PackVersion};
use crate::record::DecisionRecord;
use crate::replay::StoredRow;
use crate::shadow::ShadowRecord;

const fn int(name: &'static str) -> Column {
    Column { name, ty: ColumnType::BigInt }
}

const fn text(name: &'static str) -> Column {
    Column { name, ty: ColumnType::Text }
}

/// The documents of this service.
pub static SCHEMA: Schema = Schema {
    kinds: &[
        Kind {
            name: DecisionRecord::KIND,
            columns: &[
                text("case_id"),
                text("borrower_id"),
                text("pack_name"),
                text("pack_digest"),
                text("outcome"),
                int("created_us"),
            ],
            indexes: &[&["case_id"], &["borrower_id"], &["pack_digest"], &["created_us"]],
        },
        Kind {
            name: StoredRow::KIND,
            columns: &[
                text("pack_name"),
                text("bucket"),
                text("reason"),
                int("as_of_day"),
                int("created_us"),
            ],
            indexes: &[&["pack_name", "created_us"]],
        },
        Kind {
            name: ShadowRecord::KIND,
            columns: &[text("activation_id"), text("decision_id"), int("flipped")],
            indexes: &[&["activation_id", "flipped"], &["decision_id"]],
        },
        Kind {
            name: PackHead::KIND,
            columns: &[text("name"), text("version"), int("published_us")],
            indexes: &[&["name", "published_us"], &["published_us"]],
        },
        Kind { name: PackContent::KIND, columns: &[], indexes: &[] },
        Kind { name: PackVersion::KIND, columns: &[], indexes: &[] },
        Kind {
            name: Activation::KIND,
            columns: &[text("pack_name"), text("pack_digest"), text("state"), int("proposed_us")],
            indexes: &[&["pack_name"], &["pack_digest", "proposed_us"]],
        },
    ],
};

/// A stored document type.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// Table.
    const KIND: &'static str;
    /// Version of the body that this code writes; others aren't read.
    const VERSION: i32 = 1;

    /// Id of the document.
    fn id(&self) -> String;

    /// Values of the columns of its kind.
    fn index(&self) -> Vec<(&'static str, Value)>;
}

/// A record as it was read, with the revision that a write must name.
#[derive(Debug, Clone)]
pub(crate) struct Versioned<R> {
    pub revision: i64,
    pub record: R,
}

/// The write that stores a record over the revision that was read; 0: it must not exist yet.
pub(crate) fn put<R: Record>(record: &R, expected_revision: i64) -> Result<Write, Problem> {
    Ok(Write::Put {
        kind: R::KIND,
        id: record.id(),
        expected_revision,
        body_version: R::VERSION,
        body: json(record)?,
        index: record.index(),
    })
}

/// One record, if it is there.
pub(crate) async fn load<R: Record>(store: &Store, id: &str) -> Result<Option<Versioned<R>>, Problem> {
    store.get(R::KIND, id).await?.map(|document| read(&document)).transpose()
}

/// A page of records.
pub(crate) async fn list<R: Record>(store: &Store, query: Query) -> Result<Vec<R>, Problem> {
    let documents = store.list(query).await?;
    documents.iter().map(|document| read(document).map(|found| found.record)).collect()
}

/// Reads a document's body.
pub(crate) fn read<R: Record>(document: &Document) -> Result<Versioned<R>, Problem> {
    let Document { id, revision, body_version, body } = document;
    let kind = R::KIND;
    if *body_version != R::VERSION {
        return Err(Problem::internal(format!("{kind} `{id}` has body version {body_version}")));
    }
    let record = serde_json::from_str(body).map_err(|error| {
        // Only where it broke: the parser's own text may quote the body.
        let place = format!("{:?} at line {} column {}", error.classify(), error.line(), error.column());
        Problem::data_loss(format!("{kind} `{id}` can't be read, {place}"))
    })?;
    Ok(Versioned { revision: *revision, record })
}

/// Canonical JSON: fields in the order of their declaration, maps in the order of their keys.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal("a record can't be written").source(error))
}

/// A day as a column holds it: days since 1970-01-01.
pub(crate) fn epoch_day(day: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    i64::from(epoch.until(day).map_or(0, |span| span.get_days()))
}
