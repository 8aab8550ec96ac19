//! Versions of the common tables. A change comes in two: a version that adds (expand), under which software of the version
//! before goes on working, and a later one that removes what nobody uses any more (contract).

use crate::error::StoreError;

/// One version, as a script for each engine. Append-only.
pub(crate) struct Migration {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
    /// The oldest software that works on a database of this version.
    pub(crate) compatible_from: i64,
}

pub(crate) const MIGRATIONS: [Migration; 2] = [
    Migration {
        sqlite: include_str!("../migrations/sqlite/0001_core.sql"),
        postgres: include_str!("../migrations/postgres/0001_core.sql"),
        compatible_from: 1,
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0002_compatible.sql"),
        postgres: include_str!("../migrations/postgres/0002_compatible.sql"),
        compatible_from: 1,
    },
];

/// The version this software writes.
pub(crate) const SUPPORTED: i64 = MIGRATIONS.len() as i64;

/// What a database says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// 0: an empty one.
    pub(crate) version: i64,
    /// None before version 2.
    pub(crate) compatible_from: Option<i64>,
}

impl Version {
    /// The scripts it lacks, with their versions; or a refusal, if it is of a version that we don't know and that says it
    /// isn't for us.
    pub(crate) fn missing(self) -> Result<impl Iterator<Item = (i64, &'static Migration)>, StoreError> {
        let oldest = self.compatible_from.unwrap_or(self.version);
        if self.version > SUPPORTED && oldest > SUPPORTED {
            return Err(StoreError::NewerDatabase { found: self.version, supported: SUPPORTED });
        }
        Ok((1..).zip(&MIGRATIONS).filter(move |(version, _)| *version > self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_databases_open() {
        let rows = [
            (0, None, Ok(vec![1, 2])),
            (1, None, Ok(vec![2])),
            (SUPPORTED, Some(1), Ok(vec![])),
            // One version ahead of us, which only added.
            (SUPPORTED + 1, Some(SUPPORTED), Ok(vec![])),
            (
                SUPPORTED + 1,
                Some(SUPPORTED + 1),
                Err(StoreError::NewerDatabase { found: SUPPORTED + 1, supported: SUPPORTED }),
            ),
            (99, None, Err(StoreError::NewerDatabase { found: 99, supported: SUPPORTED })),
        ];
        for (version, compatible_from, expected) in rows {
            let missing = Version { version, compatible_from }.missing();
            let found = missing.map(|scripts| scripts.map(|(version, _)| version).collect::<Vec<_>>());
            assert_eq!(found, expected, "version {version}");
        }
    }
}
