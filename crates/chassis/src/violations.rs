//! Everything that is wrong with a request, said together.

use crate::problem::Problem;

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `statement.dependants`.
    pub field: String,
    /// Short code for programs, such as `TOO_LARGE`.
    pub reason: String,
    /// Sentence for people, which never repeats personal data.
    pub description: String,
}

/// Collects all violations of a request before any is reported.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a violation unless the condition holds.
    pub fn require(&mut self, field: &str, condition: bool, reason: &str, description: &str) {
        if !condition {
            self.add(field, reason, description);
        }
    }

    pub fn add(&mut self, field: &str, reason: &str, description: impl Into<String>) {
        self.0.push(Violation {
            field: field.to_owned(),
            reason: reason.to_owned(),
            description: description.into(),
        });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them in one line, for results that are no statuses.
    pub fn describe(&self) -> String {
        let one = |v: &Violation| format!("`{}`: {}", v.field, v.description);
        self.0.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// INVALID_ARGUMENT with all of them, or nothing.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}
