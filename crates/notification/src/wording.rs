//! How facts are written in a borrower's language: moments, sums, names of documents, reasons.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::documents::Language;

/// A text in every language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localised {
    #[serde(rename = "zh-CN")]
    zh_cn: String,
    en: String,
}

/// Names of the codes that parameters may list.
#[derive(Debug)]
pub struct Names {
    /// By evidence type without its prefix, such as `BANK_STATEMENT`.
    pub documents: BTreeMap<String, Localised>,
    /// By decline code without its prefix, such as `CAN_AFFORD_CURRENT`.
    pub reasons: BTreeMap<String, Localised>,
}

impl Localised {
    /// The text in one language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::ZhCn => &self.zh_cn,
            Language::En => &self.en,
        }
    }
}

impl Names {
    /// The names that ship with the service.
    pub fn embedded() -> Result<Self, toml::de::Error> {
        Ok(Self {
            documents: toml::from_str(include_str!("../templates/names/documents.toml"))?,
            reasons: toml::from_str(include_str!("../templates/names/reasons.toml"))?,
        })
    }
}

/// A moment by the borrower's clock, to the minute: `2026年7月21日10:00`, `21 July 2026, 10:00`.
pub fn moment(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    match language {
        Language::ZhCn => local.strftime("%Y年%-m月%-d日%H:%M").to_string(),
        Language::En => local.strftime("%-d %B %Y, %H:%M").to_string(),
    }
}

/// A day: `2026年7月21日`, `21 July 2026`.
pub fn day(day: Date, language: Language) -> String {
    match language {
        Language::ZhCn => day.strftime("%Y年%-m月%-d日").to_string(),
        Language::En => day.strftime("%-d %B %Y").to_string(),
    }
}

/// A sum in major units with thousands separators: `1,198.18 元`, `CNY 1,198.18`.
pub fn money(currency: &str, whole: &str, fraction: Option<&str>, language: Language) -> String {
    let mut sum = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            sum.push(',');
        }
        sum.push(digit);
    }
    if let Some(fraction) = fraction {
        sum.push('.');
        sum.push_str(fraction);
    }
    match (language, currency) {
        (Language::ZhCn, "CNY") => format!("{sum} 元"),
        (Language::ZhCn | Language::En, _) => format!("{currency} {sum}"),
    }
}

#[cfg(test)]
mod tests {
    use api::leeway::common::v1::{DeclineCode, EvidenceType};

    use super::*;

    #[test]
    fn every_code_of_the_api_has_its_words() {
        let names = Names::embedded().unwrap();
        let known =
            |names: &BTreeMap<String, Localised>, prefix: &str, of: &dyn Fn(i32) -> Option<&'static str>| {
                let mut count = 0;
                for name in (1..).map_while(of) {
                    let code = name.strip_prefix(prefix).unwrap();
                    let words = names.get(code).unwrap_or_else(|| panic!("`{code}` has no words"));
                    assert!(
                        Language::ALL.iter().all(|language| !words.in_language(*language).is_empty()),
                        "{code}"
                    );
                    count += 1;
                }
                assert_eq!(names.len(), count, "{prefix}: words without a code");
            };
        let evidence = |nr| EvidenceType::try_from(nr).ok().map(|code| code.as_str_name());
        let decline = |nr| DeclineCode::try_from(nr).ok().map(|code| code.as_str_name());
        known(&names.documents, "EVIDENCE_TYPE_", &evidence);
        known(&names.reasons, "DECLINE_CODE_", &decline);
    }

    #[test]
    fn facts_are_written_as_people_write_them() {
        let at: Timestamp = "2026-07-21T02:05:00Z".parse().unwrap();
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        let new_york = TimeZone::get("America/New_York").unwrap();
        let date: Date = "2027-04-05".parse().unwrap();
        let rows = [
            (moment(at, &shanghai, Language::ZhCn), "2026年7月21日10:05"),
            (moment(at, &shanghai, Language::En), "21 July 2026, 10:05"),
            (moment(at, &new_york, Language::En), "20 July 2026, 22:05"),
            (day(date, Language::ZhCn), "2027年4月5日"),
            (day(date, Language::En), "5 April 2027"),
            (money("CNY", "1198", Some("18"), Language::ZhCn), "1,198.18 元"),
            (money("CNY", "1198", Some("18"), Language::En), "CNY 1,198.18"),
            (money("USD", "599", Some("09"), Language::ZhCn), "USD 599.09"),
            (money("JPY", "1234567", None, Language::En), "JPY 1,234,567"),
        ];
        for (written, expected) in rows {
            assert_eq!(written, expected);
        }
    }
}
