//! Contact rules by pack name.

use std::collections::BTreeMap;

use contact::{ContactRules, RulesError};

/// The pack whose rules apply where a request names none.
pub const DEFAULT_PACK: &str = "cn-instalment";

const EMBEDDED: &str = include_str!("../contact.toml");

/// The rules of every pack that is known. Always holds [`DEFAULT_PACK`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactBook(BTreeMap<String, ContactRules>);

/// Rules that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContactBookError {
    /// Not TOML, or not of this shape.
    #[error("contact rules can't be read")]
    Unreadable(#[source] toml::de::Error),
    /// One pack's rules make no sense.
    #[error("contact rules of pack `{pack}` can't be used")]
    Unusable {
        pack: String,
        #[source]
        source: RulesError,
    },
    /// Nothing to fall back on.
    #[error("contact rules of pack `{DEFAULT_PACK}` are missing")]
    DefaultMissing,
}

impl ContactBook {
    /// Checks the rules of every pack.
    pub fn new(rules: BTreeMap<String, ContactRules>) -> Result<Self, ContactBookError> {
        for (pack, rules) in &rules {
            rules.check().map_err(|source| ContactBookError::Unusable { pack: pack.clone(), source })?;
        }
        if rules.contains_key(DEFAULT_PACK) { Ok(Self(rules)) } else { Err(ContactBookError::DefaultMissing) }
    }

    /// The rules that ship with the service.
    pub fn embedded() -> Result<Self, ContactBookError> {
        Self::new(toml::from_str(EMBEDDED).map_err(ContactBookError::Unreadable)?)
    }

    /// These rules with those of more packs, which win over shipped ones of the same name.
    pub fn with(self, more: BTreeMap<String, ContactRules>) -> Result<Self, ContactBookError> {
        Self::new(self.0.into_iter().chain(more).collect())
    }

    /// The rules of a pack, `None` if it isn't known.
    pub fn rules(&self, pack: &str) -> Option<&ContactRules> {
        self.0.get(pack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_rules_are_those_of_the_domain() {
        let book = ContactBook::embedded().unwrap();
        let rows =
            [("cn-instalment", 8, 22, 6, 1), ("uk-consumer", 8, 21, 3, 7), ("us-consumer", 8, 21, 7, 7)];
        for (pack, first, last, attempts, days) in rows {
            let rules = book.rules(pack).unwrap();
            let found = (rules.first_hour, rules.last_hour, rules.max_attempts, rules.period_days);
            assert_eq!(found, (first, last, attempts, days), "{pack}");
            assert_eq!(rules.reminder_days, [-7, -3, -1, 0, 1, 3], "{pack}");
        }
    }

    #[test]
    fn a_book_needs_sound_rules_and_the_default_pack() {
        let default = ContactBook::embedded().unwrap().rules(DEFAULT_PACK).unwrap().clone();
        let book = |pack: &str, rules: &ContactRules| {
            ContactBook::new(BTreeMap::from([(pack.to_owned(), rules.clone())]))
        };
        assert!(book(DEFAULT_PACK, &default).is_ok());
        assert!(matches!(book("other", &default), Err(ContactBookError::DefaultMissing)));
        let empty = ContactRules { last_hour: 8, ..default };
        assert!(matches!(book(DEFAULT_PACK, &empty), Err(ContactBookError::Unusable { .. })));
    }
}
