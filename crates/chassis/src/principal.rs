//! Who calls, and on whose behalf.

use api::access::Role;

use crate::problem::Problem;

/// `role:id` of the caller.
pub const PRINCIPAL_HEADER: &str = "x-leeway-principal";
/// `borrower:id` on whose behalf a service calls.
pub const SUBJECT_HEADER: &str = "x-leeway-subject";
/// Longest id, bytes.
pub const MAX_ID_BYTES: usize = 128;

const ROLES: [(&str, Role); 7] = [
    ("borrower", Role::Borrower),
    ("officer", Role::Officer),
    ("supervisor", Role::Supervisor),
    ("policy_admin", Role::PolicyAdmin),
    ("operator", Role::Operator),
    ("service", Role::Service),
    ("auditor", Role::Auditor),
];

/// The authenticated caller of an RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub role: Role,
    pub id: String,
    /// The borrower whom a service acts for; always `None` for every other role.
    pub subject: Option<String>,
}

impl Principal {
    pub fn new(role: Role, id: impl Into<String>) -> Self {
        Self { role, id: id.into(), subject: None }
    }

    /// `service:name`, with which our own calls go out.
    pub fn service(name: &str) -> Self {
        Self::new(Role::Service, name)
    }

    /// Reads the two headers. The problem tells operators what was wrong, callers only that they are unknown.
    pub fn parse(principal: Option<&str>, subject: Option<&str>) -> Result<Self, Problem> {
        let principal = principal.ok_or_else(|| Problem::unauthenticated("no principal was sent"))?;
        let (role, id) = split(principal).ok_or_else(|| Problem::unauthenticated("unreadable principal"))?;
        let role = role_of(role).ok_or_else(|| Problem::unauthenticated("unknown role of a principal"))?;
        let subject = match subject {
            None => None,
            Some(_) if role != Role::Service => {
                return Err(Problem::unauthenticated("only a service may act for a subject"));
            }
            Some(text) => match split(text) {
                Some(("borrower", borrower)) => Some(borrower.to_owned()),
                Some(_) | None => return Err(Problem::unauthenticated("unreadable subject")),
            },
        };
        Ok(Self { role, id: id.to_owned(), subject })
    }

    /// `role:id`, as audit entries and idempotency records name the caller.
    pub fn actor(&self) -> String {
        format!("{}:{}", role_name(self.role), self.id)
    }

    /// The borrower to whom the call is limited: the borrower themself, or a service's subject.
    pub fn acting_for(&self) -> Option<&str> {
        match self.role {
            Role::Borrower => Some(&self.id),
            Role::Service => self.subject.as_deref(),
            Role::Officer | Role::Supervisor | Role::PolicyAdmin | Role::Operator | Role::Auditor => None,
        }
    }

    /// `borrower:id` if a service acts for one, else empty: the second half of an idempotency key.
    pub fn subject_key(&self) -> String {
        self.subject.as_ref().map(|id| format!("borrower:{id}")).unwrap_or_default()
    }

    /// The caller, as the server put it into the request.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Problem> {
        let found = request.extensions().get::<Self>().cloned();
        found.ok_or_else(|| Problem::internal("a handler ran without a principal in its request"))
    }
}

/// The word for a role in headers, tokens and audit.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Borrower => "borrower",
        Role::Officer => "officer",
        Role::Supervisor => "supervisor",
        Role::PolicyAdmin => "policy_admin",
        Role::Operator => "operator",
        Role::Service => "service",
        Role::Auditor => "auditor",
    }
}

/// The role of a word, `None` for an unknown one.
pub fn role_of(name: &str) -> Option<Role> {
    ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
}

/// `kind:id` with an id that is safe in logs, keys and headers.
fn split(text: &str) -> Option<(&str, &str)> {
    let (kind, id) = text.split_once(':')?;
    let good = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic());
    good.then_some((kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_who_calls_and_for_whom() {
        let long = format!("officer:{}", "x".repeat(MAX_ID_BYTES + 1));
        type Row<'a> = (Option<&'a str>, Option<&'a str>, Option<(&'a str, Option<&'a str>)>);
        let rows: [Row<'_>; 12] = [
            (Some("borrower:li"), None, Some(("borrower:li", Some("li")))),
            (Some("officer:7"), None, Some(("officer:7", None))),
            (Some("policy_admin:a:b"), None, Some(("policy_admin:a:b", None))),
            (Some("service:application"), None, Some(("service:application", None))),
            (Some("service:application"), Some("borrower:li"), Some(("service:application", Some("li")))),
            (Some("officer:7"), Some("borrower:li"), None),
            (Some("service:application"), Some("officer:7"), None),
            (Some("service:application"), Some("borrower:"), None),
            (Some("root:1"), None, None),
            (Some("borrower"), None, None),
            (Some(&long), None, None),
            (None, None, None),
        ];
        for (principal, subject, expected) in rows {
            let read = Principal::parse(principal, subject);
            let read = read.as_ref().ok().map(|p| (p.actor(), p.acting_for().map(str::to_owned)));
            let expected = expected.map(|(actor, acting)| (actor.to_owned(), acting.map(str::to_owned)));
            assert_eq!(read, expected, "{principal:?} {subject:?}");
        }
    }

    #[test]
    fn every_role_has_a_word() {
        for (name, role) in ROLES {
            assert_eq!(role_name(role), name);
            assert_eq!(role_of(name), Some(role));
        }
    }
}
