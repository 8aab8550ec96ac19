//! What a service declares: its document kinds and their index columns.

use crate::error::StoreError;

/// Longest name of a kind or column, bytes.
const MAX_NAME_BYTES: usize = 40;
/// Columns that every kind has.
const OWN_COLUMNS: [&str; 4] = ["id", "revision", "body_version", "body"];

/// The document kinds of one service.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    pub kinds: &'static [Kind],
}

/// One table of documents, `doc_<name>`.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Lower-case letters, digits and `_`.
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Column lists; `id` is appended to each, so that lists page on (column, id).
    pub indexes: &'static [&'static [&'static str]],
}

/// An index column beside the body, never null.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub ty: ColumnType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Money in minor units, times in epoch microseconds, counts.
    BigInt,
    /// Compared byte by byte.
    Text,
}

/// A value of an index column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Int(i64),
    Text(String),
}

impl Schema {
    /// The kind of that name, if declared.
    pub fn kind(&self, name: &str) -> Result<&'static Kind, StoreError> {
        self.kinds
            .iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| StoreError::Invalid(format!("kind `{name}` is not declared")))
    }

    /// Refuses names that are not plain identifiers, doubles, and indexes on undeclared columns.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        for (at, kind) in self.kinds.iter().enumerate() {
            check_name(kind.name)?;
            if self.kinds.iter().skip(at + 1).any(|other| other.name == kind.name) {
                return Err(StoreError::Invalid(format!("kind `{}` is declared twice", kind.name)));
            }
            kind.validate()?;
        }
        Ok(())
    }
}

impl Kind {
    /// The type of a declared column, or of `id`.
    pub(crate) fn column_type(&self, column: &str) -> Result<ColumnType, StoreError> {
        if column == "id" {
            return Ok(ColumnType::Text);
        }
        self.columns
            .iter()
            .find(|declared| declared.name == column)
            .map(|declared| declared.ty)
            .ok_or_else(|| StoreError::Invalid(format!("kind `{}` has no column `{column}`", self.name)))
    }

    /// Refuses an index list that isn't every declared column once with its type.
    pub(crate) fn check_index(&self, index: &[(&'static str, Value)]) -> Result<(), StoreError> {
        if index.len() != self.columns.len() {
            return Err(StoreError::Invalid(format!(
                "`{}` has {} columns, the put gives {}",
                self.name,
                self.columns.len(),
                index.len()
            )));
        }
        for column in self.columns {
            let given = index.iter().find(|(name, _)| *name == column.name);
            match given {
                Some((_, value)) if value.ty() == column.ty => {}
                Some(_) => {
                    return Err(StoreError::Invalid(format!(
                        "column `{}.{}` has another type",
                        self.name, column.name
                    )));
                }
                None => {
                    return Err(StoreError::Invalid(format!(
                        "column `{}.{}` is missing",
                        self.name, column.name
                    )));
                }
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), StoreError> {
        for (at, column) in self.columns.iter().enumerate() {
            check_name(column.name)?;
            let doubled = self.columns.iter().skip(at + 1).any(|other| other.name == column.name);
            if doubled || OWN_COLUMNS.contains(&column.name) {
                return Err(StoreError::Invalid(format!(
                    "column `{}.{}` exists already",
                    self.name, column.name
                )));
            }
        }
        for column in self.indexes.iter().flat_map(|index| index.iter()) {
            self.column_type(column)?;
        }
        Ok(())
    }
}

impl Value {
    pub fn ty(&self) -> ColumnType {
        match self {
            Self::Int(_) => ColumnType::BigInt,
            Self::Text(_) => ColumnType::Text,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Int(_) => size_of::<i64>(),
            Self::Text(text) => text.len(),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if plain && starts && name.len() <= MAX_NAME_BYTES {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("`{name}` is not a name for a kind or column")))
    }
}
