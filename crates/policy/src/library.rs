//! Packs as they are stored: heads, contents under their digests, the activations that put them in force; and the packs
//! that were parsed a moment ago.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use assessment::{Pack, PackFiles, load_pack};
use chassis::Problem;
use jiff::Timestamp;
use loan::Date;
use serde::{Deserialize, Serialize};
use store::{Op, Query, Value};

use crate::activation::{Activation, PackRef, in_force, nearest};
use crate::documents::{self, Record, load};
use crate::problems::pack_unknown;
use crate::service::State;

/// Parsed packs that are kept beside those that came with the software; the one not asked for longest goes first.
const MAX_PARSED_PACKS: usize = 32;
/// Most activations of one name, withdrawn ones apart: every assessment looks at all of them.
pub(crate) const MAX_ACTIVATIONS: u32 = 500;

/// What a pack is; its files are a document of their own, so that lists stay small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackHead {
    pub pack: PackRef,
    pub jurisdiction: String,
    pub currency: String,
    pub source: Source,
    /// `role:id`; empty for a pack that came with the software.
    pub published_by: String,
    pub publish_time: Timestamp,
    pub size_bytes: u64,
}

/// Where a pack's content came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Source {
    Shipped,
    Published,
}

/// The files of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackContent {
    pub digest: String,
    pub files: BTreeMap<String, Content>,
}

/// A file: as text where it is text, which people can read in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    Text(String),
    Hex(String),
}

/// Takes a version: of one name, it is one content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackVersion {
    pub name: String,
    pub version: String,
    pub digest: String,
}

/// A pack of a digest, as far as it can be had.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Pack(Arc<Pack>),
    /// No content of that digest is stored.
    Absent,
    /// This engine refuses the content, for the reason given.
    Unreadable(String),
}

/// Packs that were parsed, the one asked for last in front.
#[derive(Debug, Default)]
pub(crate) struct Parsed(Mutex<Vec<Arc<Pack>>>);

impl Parsed {
    fn get(&self, digest: &str) -> Option<Arc<Pack>> {
        let mut packs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = packs.iter().position(|pack| pack.digest == digest)?;
        let pack = packs.remove(place);
        packs.insert(0, Arc::clone(&pack));
        Some(pack)
    }

    fn keep(&self, pack: &Arc<Pack>) {
        let mut packs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        packs.retain(|known| known.digest != pack.digest);
        packs.insert(0, Arc::clone(pack));
        packs.truncate(MAX_PARSED_PACKS);
    }
}

impl State {
    /// Activations of a name that can decide a case or run in shadow.
    pub async fn activations(&self, name: &str) -> Result<Vec<Activation>, Problem> {
        let filters = vec![("pack_name", Op::Eq, name.into()), ("state", Op::Ne, "withdrawn".into())];
        let query = Query {
            kind: Activation::KIND,
            filters,
            order_by: "id",
            descending: false,
            after: None,
            limit: MAX_ACTIVATIONS,
        };
        documents::list(&self.parts.store, query).await
    }

    /// The pack that answers questions about a day: the one in force, or the nearest where none is.
    pub async fn pack_for(&self, name: &str, day: Date) -> Result<Arc<Pack>, Problem> {
        let all = self.activations(name).await?;
        let Some(activation) = nearest(&all, day, self.parts.clock.now()) else {
            return Err(pack_unknown(format!("there is no pack `{name}`")));
        };
        self.known_pack(&activation.pack.digest).await
    }

    /// The pack that decides the cases of a day, out of the activations of its name.
    pub async fn deciding_pack(
        &self,
        name: &str,
        all: &[Activation],
        day: Date,
    ) -> Result<Arc<Pack>, Problem> {
        match in_force(all, day, self.parts.clock.now()) {
            Some(activation) => self.known_pack(&activation.pack.digest).await,
            None if all.is_empty() => Err(pack_unknown(format!("there is no pack `{name}`"))),
            None => Err(pack_unknown(format!("no pack `{name}` is in force on {day}"))),
        }
    }

    /// A pack that something stored refers to.
    pub async fn known_pack(&self, digest: &str) -> Result<Arc<Pack>, Problem> {
        match self.find_pack(digest).await? {
            Found::Pack(pack) => Ok(pack),
            Found::Absent => Err(Problem::data_loss(format!("the content of pack `{digest}` is gone"))),
            Found::Unreadable(why) => {
                Err(Problem::internal(format!("pack `{digest}` can't be read by this engine: {why}")))
            }
        }
    }

    /// A pack by its digest: one that came with the software, one that was parsed before, or one from the database.
    pub async fn find_pack(&self, digest: &str) -> Result<Found, Problem> {
        let shipped = self.shelf.all().find(|pack| pack.digest == digest);
        if let Some(pack) = shipped.cloned().or_else(|| self.parsed.get(digest)) {
            return Ok(Found::Pack(pack));
        }
        let Some(stored) = load::<PackContent>(&self.parts.store, digest).await? else {
            return Ok(Found::Absent);
        };
        let files = stored.record.files()?;
        let loaded = self.compute(move || Ok(load_pack(&files))).await?;
        let pack = match loaded {
            Ok(pack) => Arc::new(pack),
            Err(errors) => return Ok(Found::Unreadable(errors.to_string())),
        };
        if pack.digest != digest {
            return Err(Problem::data_loss(format!("the content of pack `{digest}` is another one's")));
        }
        self.parsed.keep(&pack);
        Ok(Found::Pack(pack))
    }
}

impl PackHead {
    /// What is stored of a pack beside its files.
    pub fn of(
        pack: &Pack,
        files: &PackFiles,
        (source, published_by): (Source, &str),
        now: Timestamp,
    ) -> Self {
        let size: usize = files.0.values().map(Vec::len).sum();
        Self {
            pack: PackRef::of(pack),
            jurisdiction: pack.jurisdiction.clone(),
            currency: pack.currency.code().to_owned(),
            source,
            published_by: published_by.to_owned(),
            publish_time: now,
            size_bytes: u64::try_from(size).unwrap_or(u64::MAX),
        }
    }
}

impl PackRef {
    /// A pack's identity.
    pub fn of(pack: &Pack) -> Self {
        Self {
            name: pack.name.clone(),
            version: pack.version.clone(),
            digest: pack.digest.clone(),
            time_zone: pack.time_zone.clone(),
            effective_from: pack.effective_from,
            effective_until: pack.effective_until,
        }
    }
}

impl PackContent {
    /// The document of a pack's files.
    pub fn of(digest: &str, files: &PackFiles) -> Self {
        let content = |bytes: &Vec<u8>| match String::from_utf8(bytes.clone()) {
            Ok(text) => Content::Text(text),
            Err(_) => Content::Hex(hex::encode(bytes)),
        };
        let files = files.0.iter().map(|(path, bytes)| (path.clone(), content(bytes))).collect();
        Self { digest: digest.to_owned(), files }
    }

    fn files(self) -> Result<PackFiles, Problem> {
        let mut files = BTreeMap::new();
        for (path, content) in self.files {
            let bytes = match content {
                Content::Text(text) => text.into_bytes(),
                Content::Hex(hex) => hex::decode(hex).map_err(|error| {
                    let text = format!("a file of pack `{}` can't be read", self.digest);
                    Problem::data_loss(text).source(error)
                })?,
            };
            files.insert(path, bytes);
        }
        Ok(PackFiles(files))
    }
}

impl PackVersion {
    /// The document that takes a pack's version.
    pub fn of(pack: &PackRef) -> Self {
        let PackRef { name, version, digest, .. } = pack.clone();
        Self { name, version, digest }
    }
}

impl Record for PackHead {
    const KIND: &'static str = "pack";

    fn id(&self) -> String {
        self.pack.digest.clone()
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("name", self.pack.name.as_str().into()),
            ("version", self.pack.version.as_str().into()),
            ("published_us", self.publish_time.as_microsecond().into()),
        ]
    }
}

impl Record for PackContent {
    const KIND: &'static str = "pack_content";

    fn id(&self) -> String {
        self.digest.clone()
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

impl Record for PackVersion {
    const KIND: &'static str = "pack_version";

    fn id(&self) -> String {
        // Neither part holds a `/`.
        format!("{}/{}", self.name, self.version)
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_byte_by_byte() {
        let files = PackFiles(BTreeMap::from([
            ("a.toml".to_owned(), "名 = \"x\"\n".as_bytes().to_vec()),
            ("b".to_owned(), vec![0xff, 0x00]),
        ]));
        let text = documents::json(&PackContent::of("d", &files)).unwrap();
        let read: PackContent = serde_json::from_str(&text).unwrap();
        assert_eq!(read.files().unwrap(), files);
    }
}
