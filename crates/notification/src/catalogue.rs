//! Templates: what each declares, and its text in every language.

use std::collections::BTreeMap;

use chassis::Violations;
use contact::MessageClass;
use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Deserialize;

use crate::documents::Language;
use crate::limits::MAX_PARAMETERS;
use crate::parameters::{Parameter, ParameterKind};
use crate::wording::Names;

/// The templates that ship, by name.
const EMBEDDED: [(&str, &str); 14] = [
    ("answer-late", include_str!("../templates/answer-late.toml")),
    ("application-received", include_str!("../templates/application-received.toml")),
    ("evidence-requested", include_str!("../templates/evidence-requested.toml")),
    ("in-review", include_str!("../templates/in-review.toml")),
    ("loan-paid", include_str!("../templates/loan-paid.toml")),
    ("offer-expired", include_str!("../templates/offer-expired.toml")),
    ("offer-made", include_str!("../templates/offer-made.toml")),
    ("payment-reminder", include_str!("../templates/payment-reminder.toml")),
    ("plan-active", include_str!("../templates/plan-active.toml")),
    ("plan-broken", include_str!("../templates/plan-broken.toml")),
    ("plan-completed", include_str!("../templates/plan-completed.toml")),
    ("plan-payment-missed", include_str!("../templates/plan-payment-missed.toml")),
    ("refused", include_str!("../templates/refused.toml")),
    ("withdrawn", include_str!("../templates/withdrawn.toml")),
];

/// Every template with what it needs.
#[derive(Debug)]
pub struct Catalogue {
    templates: BTreeMap<&'static str, Declaration>,
    environment: Environment<'static>,
    names: Names,
}

/// A template that doesn't hold together, or a message that can't be made of one.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file that ships is not TOML of the right shape.
    #[error("template file `{file}` can't be read")]
    Unreadable {
        file: &'static str,
        #[source]
        source: toml::de::Error,
    },
    /// The engine refuses a template's text, or it uses what it doesn't declare.
    #[error("template `{template}` can't be rendered")]
    Unrenderable {
        template: String,
        #[source]
        source: minijinja::Error,
    },
    /// No such template; this version may be older than the message.
    #[error("template `{template}` is unknown")]
    Unknown { template: String },
    /// A parameter that was accepted once isn't readable now.
    #[error("parameter `{parameter}` of template `{template}` can't be read")]
    Parameter { template: String, parameter: String },
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub title: String,
    pub body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    /// Classes the message may have: a reminder must not pass for an answer and so ring at night.
    classes: Vec<MessageClass>,
    parameters: BTreeMap<String, ParameterKind>,
    #[serde(rename = "zh-CN")]
    zh_cn: Text,
    en: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    title: String,
    body: String,
}

impl Catalogue {
    /// The templates that ship, each rendered once in every language, so that a fault shows here and not at night.
    pub fn embedded() -> Result<Self, CatalogueError> {
        let unreadable = |file| move |source| CatalogueError::Unreadable { file, source };
        let names = Names::embedded().map_err(unreadable("names"))?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut templates = BTreeMap::new();
        for (name, text) in EMBEDDED {
            let declared: Declaration = toml::from_str(text).map_err(unreadable(name))?;
            for language in Language::ALL {
                let text = declared.text(language);
                for (part, source) in [(Part::Title, &text.title), (Part::Body, &text.body)] {
                    environment.add_template_owned(part.name(name, language), source.clone()).map_err(
                        |source| CatalogueError::Unrenderable { template: name.to_owned(), source },
                    )?;
                }
            }
            templates.insert(name, declared);
        }
        let catalogue = Self { templates, environment, names };
        catalogue.try_all()?;
        Ok(catalogue)
    }

    /// Refuses an unknown template, a class it doesn't allow, and parameters that are missing, unknown or unreadable.
    pub fn check(
        &self,
        template: &str,
        class: Option<MessageClass>,
        parameters: &BTreeMap<String, String>,
        violations: &mut Violations,
    ) {
        let Some(declared) = self.templates.get(template) else {
            violations.add("template", "TEMPLATE_UNKNOWN", format!("one of {}", self.known()));
            return;
        };
        if class.is_some_and(|class| !declared.classes.contains(&class)) {
            violations.add(
                "message_class",
                "CLASS_NOT_ALLOWED",
                "the template is not for messages of this class",
            );
        }
        if parameters.len() > MAX_PARAMETERS {
            violations.add("parameters", "TOO_MANY", "at most 20 parameters");
            return;
        }
        for (name, kind) in &declared.parameters {
            let field = format!("parameters.{name}");
            match parameters.get(name).map(|text| Parameter::read(*kind, text, &self.names)) {
                Some(Ok(_)) => {}
                Some(Err(wrong)) => violations.add(&field, wrong.reason, wrong.description),
                None => violations.add(&field, "REQUIRED", "the template needs it"),
            }
        }
        for name in parameters.keys().filter(|name| !declared.parameters.contains_key(*name)) {
            // The name is the sender's; it is cut so that it can't fill the answer.
            let shown: String = name.chars().take(40).collect();
            violations.add(
                &format!("parameters.{shown}"),
                "PARAMETER_UNKNOWN",
                "the template doesn't name it",
            );
        }
    }

    /// The message in one language, with moments by the borrower's clock.
    pub fn render(
        &self,
        template: &str,
        parameters: &BTreeMap<String, String>,
        language: Language,
        zone: &TimeZone,
    ) -> Result<Rendered, CatalogueError> {
        let declared = self
            .templates
            .get(template)
            .ok_or_else(|| CatalogueError::Unknown { template: template.to_owned() })?;
        let mut shown: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, kind) in &declared.parameters {
            let text = parameters.get(name).map(String::as_str).unwrap_or_default();
            let parameter = Parameter::read(*kind, text, &self.names).map_err(|_| {
                CatalogueError::Parameter { template: template.to_owned(), parameter: name.clone() }
            })?;
            shown.insert(name, parameter.shown(&self.names, language, zone));
        }
        let context = Value::from(shown);
        let part = |part: Part| {
            self.environment
                .get_template(&part.name(template, language))
                .and_then(|text| text.render(context.clone()))
                .map_err(|source| CatalogueError::Unrenderable { template: template.to_owned(), source })
        };
        Ok(Rendered { title: part(Part::Title)?, body: part(Part::Body)? })
    }

    fn try_all(&self) -> Result<(), CatalogueError> {
        for (name, declared) in &self.templates {
            let parameters: BTreeMap<String, String> = declared
                .parameters
                .iter()
                .map(|(parameter, kind)| (parameter.clone(), example(*kind).to_owned()))
                .collect();
            for language in Language::ALL {
                self.render(name, &parameters, language, &TimeZone::UTC)?;
            }
        }
        Ok(())
    }

    fn known(&self) -> String {
        self.templates.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl Declaration {
    fn text(&self, language: Language) -> &Text {
        match language {
            Language::ZhCn => &self.zh_cn,
            Language::En => &self.en,
        }
    }
}

/// The two texts of a template.
#[derive(Debug, Clone, Copy)]
enum Part {
    Title,
    Body,
}

impl Part {
    /// Its name in the engine. It has no file ending that would switch on escaping: messages are plain text.
    fn name(self, template: &str, language: Language) -> String {
        let part = match self {
            Self::Title => "title",
            Self::Body => "body",
        };
        let language = match language {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        };
        format!("{template}/{language}/{part}")
    }
}

/// A parameter of each kind that can be read.
fn example(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Text => "loan-1",
        ParameterKind::When => "2026-07-21T10:00:00+08:00",
        ParameterKind::Money => "CNY 1198.18",
        ParameterKind::Count => "3",
        ParameterKind::Documents => "BANK_STATEMENT,PAYSLIPS",
        ParameterKind::Reasons => "CAN_AFFORD_CURRENT,EVIDENCE_MISSING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// Parameters of every template.
    const GIVEN: [(&str, &[(&str, &str)]); 14] = [
        ("application-received", &[("loan_id", "loan-li"), ("answer_due", "2026-07-21T10:00:00+08:00")]),
        (
            "offer-made",
            &[("loan_id", "loan-li"), ("offer_count", "3"), ("expires", "2026-07-27T10:00+08:00")],
        ),
        (
            "evidence-requested",
            &[("loan_id", "loan-li"), ("documents", "BANK_STATEMENT,HOSPITAL_BILL"), ("until", "2026-07-27")],
        ),
        ("in-review", &[("loan_id", "loan-li"), ("answer_due", "2026-07-21T10:00:00+08:00")]),
        (
            "refused",
            &[("loan_id", "loan-li"), ("reasons", "CAN_AFFORD_CURRENT"), ("review_until", "2026-08-03")],
        ),
        (
            "plan-active",
            &[
                ("loan_id", "loan-li"),
                ("first_payment_date", "2026-10-15"),
                ("first_payment", "CNY 1079.70"),
                ("end_date", "2027-04-15"),
            ],
        ),
        ("plan-completed", &[("loan_id", "loan-li")]),
        ("plan-broken", &[("loan_id", "loan-li")]),
        ("offer-expired", &[("loan_id", "loan-li")]),
        ("withdrawn", &[("loan_id", "loan-li")]),
        ("loan-paid", &[("loan_id", "loan-li")]),
        (
            "plan-payment-missed",
            &[("loan_id", "loan-li"), ("due_date", "2026-10-15"), ("repair_until", "2026-10-25")],
        ),
        ("answer-late", &[("loan_id", "loan-li")]),
        (
            "payment-reminder",
            &[("loan_id", "loan-li"), ("due_date", "2026-10-15"), ("amount", "CNY 1079.70")],
        ),
    ];

    /// Every template in both languages: whole, without leftovers, and saying all that it was given.
    #[test]
    fn every_template_renders_in_both_languages() {
        let catalogue = Catalogue::embedded().unwrap();
        assert_eq!(GIVEN.len(), catalogue.templates.len());
        for (template, parameters) in GIVEN {
            let parameters = map(parameters);
            let declared = &catalogue.templates[template];
            assert!(parameters.keys().eq(declared.parameters.keys()), "{template}");
            for language in Language::ALL {
                let made = catalogue.render(template, &parameters, language, &shanghai()).unwrap();
                for (name, kind) in &declared.parameters {
                    let parameter = Parameter::read(*kind, &parameters[name], &catalogue.names).unwrap();
                    let shown = parameter.shown(&catalogue.names, language, &shanghai());
                    let words = match shown.try_iter() {
                        Ok(items) if matches!(kind, ParameterKind::Documents | ParameterKind::Reasons) => {
                            items.map(|item| item.to_string()).collect()
                        }
                        Ok(_) | Err(_) => vec![shown.to_string()],
                    };
                    for word in words {
                        assert!(made.body.contains(&word), "{template} {language:?} doesn't say `{word}`");
                    }
                }
                let whole = format!("{}\n{}", made.title, made.body);
                assert!(!whole.contains(['{', '}', '%']), "{template} {language:?}: {whole}");
                assert!(!made.title.contains('\n') && !made.title.is_empty(), "{template} {language:?}");
                let chinese = made.body.contains('您');
                assert_eq!(chinese, language == Language::ZhCn, "{template} {language:?}");
                for word in
                    ["医", "诊", "病", "死亡", "hospital", "medical", " ill ", "illness", "diagnos", "death"]
                {
                    assert!(!whole.to_lowercase().contains(word), "{template} {language:?} says `{word}`");
                }
            }
        }
    }

    #[test]
    fn one_option_is_no_plural() {
        let catalogue = Catalogue::embedded().unwrap();
        let body = |count| {
            let parameters =
                map(&[("loan_id", "loan-li"), ("offer_count", count), ("expires", "2026-07-27")]);
            catalogue.render("offer-made", &parameters, Language::En, &shanghai()).unwrap().body
        };
        assert!(body("1").contains("1 option for loan loan-li"));
        assert!(body("2").contains("2 options for loan loan-li"));
    }

    #[test]
    fn parameters_must_be_those_declared() {
        let catalogue = Catalogue::embedded().unwrap();
        let good = [("loan_id", "loan-li"), ("due_date", "2026-10-15"), ("amount", "CNY 1079.70")];
        let with = |extra: &[(&str, &str)]| {
            let mut parameters = map(&good);
            parameters.extend(map(extra));
            parameters
        };
        let many: BTreeMap<String, String> = (0..30).map(|nr| (format!("p{nr}"), "x".to_owned())).collect();
        let rows = [
            ("payment-reminder", MessageClass::Reminder, with(&[]), vec![]),
            ("payment-reminder", MessageClass::Service, with(&[]), vec!["message_class"]),
            (
                "offer-made",
                MessageClass::Reminder,
                map(&[]),
                vec!["message_class", "parameters.expires", "parameters.loan_id", "parameters.offer_count"],
            ),
            (
                "payment-reminder",
                MessageClass::Reminder,
                with(&[("name", "x"), ("amount", "a lot")]),
                vec!["parameters.amount", "parameters.name"],
            ),
            ("payment-reminder", MessageClass::Reminder, many, vec!["parameters"]),
            ("hello", MessageClass::Reminder, with(&[]), vec!["template"]),
        ];
        for (template, class, parameters, expected) in rows {
            let mut violations = Violations::new();
            catalogue.check(template, Some(class), &parameters, &mut violations);
            let status = violations.into_result().err().map(tonic::Status::from);
            let fields: Vec<String> = status
                .map(|status| {
                    tonic_types::StatusExt::get_details_bad_request(&status).unwrap().field_violations
                })
                .unwrap_or_default()
                .into_iter()
                .map(|violation| violation.field)
                .collect();
            assert_eq!(fields, expected, "{template} {class:?}");
        }
    }

    #[test]
    fn what_was_accepted_once_may_be_unknown_later() {
        let catalogue = Catalogue::embedded().unwrap();
        let render =
            |template: &str, parameters| catalogue.render(template, &parameters, Language::En, &shanghai());
        assert!(matches!(render("hello", map(&[])), Err(CatalogueError::Unknown { .. })));
        assert!(matches!(render("withdrawn", map(&[])), Err(CatalogueError::Parameter { .. })));
    }
}
