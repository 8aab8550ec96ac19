//! A look into a database whose service is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use store::{JournalEntry, MAX_PAGE_ROWS, Options, PostgresOptions, Query, Schema, Store};

pub struct Records(Store);

impl Records {
    pub fn open(database: &Path, schema: &Schema) -> anyhow::Result<Self> {
        ensure!(database.is_file(), "there is no database `{}`", database.display());
        Ok(Self(Store::open(database, schema, Options::default())?))
    }

    /// The same on PostgreSQL.
    pub async fn connect(url: &str, schema: &Schema) -> anyhow::Result<Self> {
        Ok(Self(Store::connect(&PostgresOptions::new(url), schema).await?))
    }

    /// The body of a document.
    pub async fn body(&self, kind: &'static str, id: &str) -> anyhow::Result<Option<Value>> {
        let found = self.0.get(kind, id).await?;
        Ok(found.map(|document| serde_json::from_str(&document.body)).transpose()?)
    }

    /// Every document of a kind.
    pub async fn all(&self, kind: &'static str) -> anyhow::Result<Vec<Value>> {
        let (mut bodies, mut after) = (Vec::new(), None);
        loop {
            let query = Query {
                kind,
                filters: Vec::new(),
                order_by: "id",
                descending: false,
                after,
                limit: MAX_PAGE_ROWS,
            };
            let page = self.0.list(query).await?;
            let Some(last) = page.last() else { return Ok(bodies) };
            after = Some((last.id.clone().into(), last.id.clone()));
            for document in &page {
                bodies.push(serde_json::from_str(&document.body)?);
            }
        }
    }

    /// Entries of a journal stream, oldest first.
    pub async fn journal(&self, stream: &str) -> anyhow::Result<Vec<JournalEntry>> {
        Ok(self.0.read_stream(stream, 0, MAX_PAGE_ROWS).await?)
    }

    /// Whether a request of a caller (on behalf of a subject, or of nobody) is on record.
    pub async fn requested(&self, caller: &str, subject: &str, request_id: &str) -> anyhow::Result<bool> {
        Ok(self.0.find_request(caller, subject, request_id).await?.is_some())
    }

    /// How often the feed tells each `(kind, text of the field)`; events without the field are left out.
    pub async fn feed(&self, field: &str) -> anyhow::Result<BTreeMap<(String, String), usize>> {
        let (mut told, mut position) = (BTreeMap::new(), 0);
        loop {
            let rows = self.0.read_feed(position, MAX_PAGE_ROWS).await?;
            if rows.is_empty() {
                return Ok(told);
            }
            for row in rows {
                ensure!(row.position == position + 1, "the feed skips from {position} to {}", row.position);
                position = row.position;
                let body: Value = serde_json::from_str(&row.body)?;
                if let Some(text) = body.get(field).and_then(Value::as_str) {
                    *told.entry((row.kind, text.to_owned())).or_default() += 1;
                }
            }
        }
    }

    /// Walks every hash chain; the first fault is an error. Returns how many chains there are.
    pub async fn verify(&self) -> anyhow::Result<usize> {
        let (mut count, mut last) = (0, String::new());
        loop {
            let streams = self.0.list_streams(&last, MAX_PAGE_ROWS).await?;
            let Some(end) = streams.last() else { return Ok(count) };
            last.clone_from(end);
            for stream in &streams {
                let report = self.0.verify_stream(stream).await?;
                ensure!(report.fault.is_none() && report.entries > 0, "{report:?}");
                count += 1;
            }
        }
    }

    pub async fn close(self) {
        self.0.close().await;
    }
}

/// A text of a body, by its path.
pub fn text<'a>(body: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    body.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no `{pointer}` in {body}"))
}

/// What notification sent: how often each `(application, template)`. Every message lies in an inbox, and nothing else does.
pub async fn sent(notification: &Records) -> anyhow::Result<BTreeMap<(String, String), usize>> {
    let (mut counts, mut accepted, mut keys) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for message in notification.all("notification").await? {
        ensure!(text(&message, "/state/name")? == "DELIVERED", "not delivered: {message}");
        let key = text(&message, "/content/key")?;
        ensure!(keys.insert(key.to_owned()), "the key `{key}` was taken twice");
        accepted.insert(text(&message, "/id")?.to_owned());
        let application = text(&message, "/content/application_id")?.to_owned();
        *counts.entry((application, text(&message, "/content/template")?.to_owned())).or_default() += 1;
    }
    let mut arrived = BTreeSet::new();
    for message in notification.all("inbox_message").await? {
        arrived.insert(text(&message, "/notification_id")?.to_owned());
    }
    ensure!(accepted == arrived, "accepted and arrived differ: {accepted:?} {arrived:?}");
    Ok(counts)
}
