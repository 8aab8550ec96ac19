//! Which crate may depend on which. Dev-dependencies are free.

use super::{Findings, Violation};
use crate::tools::{Dependency, Package};

/// What the crates without I/O, clock and randomness may use besides each other.
const DATA_CRATES: [&str; 10] =
    ["csv", "hex", "jiff", "rust_decimal", "serde", "serde_json", "sha2", "strsim", "thiserror", "toml"];

/// What a crate may depend on.
enum Rule {
    /// These crates of ours, and of foreign ones only [`DATA_CRATES`].
    Pure(&'static [&'static str]),
    /// These crates of ours, and any foreign one.
    Ours(&'static [&'static str]),
    /// Anything: the crates that tie the others together.
    Free,
}

/// A crate that isn't listed is a violation: whoever adds one decides here where it stands.
const RULES: [(&str, Rule); 16] = [
    ("loan", Rule::Pure(&[])),
    ("assessment", Rule::Pure(&["loan"])),
    ("negotiation", Rule::Pure(&["loan", "assessment"])),
    ("contact", Rule::Pure(&["loan"])),
    ("api", Rule::Ours(&[])),
    ("store", Rule::Ours(&[])),
    ("chassis", Rule::Ours(&["api", "store"])),
    ("wire", Rule::Ours(&["api", "chassis", "loan", "assessment"])),
    ("application", Rule::Ours(&SERVICE)),
    ("policy", Rule::Ours(&SERVICE)),
    ("notification", Rule::Ours(&SERVICE)),
    ("leeway", Rule::Free),
    ("e2e", Rule::Free),
    ("simulation", Rule::Free),
    ("cluster", Rule::Ours(&[])),
    // It starts the server that all tests share.
    ("xtask", Rule::Ours(&["cluster"])),
];

/// Services meet in `proto/` only, so no service is in this list.
const SERVICE: [&str; 8] =
    ["api", "chassis", "store", "wire", "loan", "assessment", "negotiation", "contact"];

/// Holds the packages of the workspace against [`RULES`].
pub fn check(packages: &[Package]) -> Findings {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut violations = Vec::new();
    let mut edges = 0_usize;
    for package in packages {
        let Some((_, rule)) = RULES.iter().find(|(name, _)| *name == package.name) else {
            violations.push(Violation::new(&package.name, "has no rule in crates/xtask/src/tidy/crates.rs"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| !is_dev(dependency)) {
            edges = edges.saturating_add(1);
            if !allowed(rule, &dependency.name, ours(&dependency.name)) {
                let item = format!("{} -> {}", package.name, dependency.name);
                violations.push(Violation::new(item, "this dependency is not allowed"));
            }
        }
    }
    Findings { summary: format!("{} crates, {edges} dependencies", packages.len()), violations }
}

fn is_dev(dependency: &Dependency) -> bool {
    dependency.kind.as_deref() == Some("dev")
}

fn allowed(rule: &Rule, dependency: &str, is_ours: bool) -> bool {
    match rule {
        Rule::Pure(ours) if is_ours => ours.contains(&dependency),
        Rule::Pure(_) => DATA_CRATES.contains(&dependency),
        Rule::Ours(ours) => !is_ours || ours.contains(&dependency),
        Rule::Free => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
            .collect();
        Package { name: name.to_owned(), dependencies }
    }

    #[test]
    fn dependencies_point_inward() {
        let rows = [
            ("loan", "jiff", None, true),
            ("loan", "tokio", None, false),
            ("loan", "proptest", Some("dev"), true),
            ("loan", "cc", Some("build"), false),
            ("loan", "assessment", None, false),
            ("assessment", "loan", None, true),
            ("negotiation", "assessment", None, true),
            ("contact", "assessment", None, false),
            ("store", "rusqlite", None, true),
            ("store", "loan", None, false),
            ("chassis", "store", None, true),
            ("chassis", "loan", None, false),
            ("wire", "store", None, false),
            ("application", "negotiation", None, true),
            ("application", "policy", None, false),
            ("application", "policy", Some("dev"), true),
            ("notification", "application", None, false),
            ("leeway", "application", None, true),
            ("stranger", "serde", None, false),
        ];
        for (from, to, kind, expected) in rows {
            let mut packages = vec![package(from, &[(to, kind)])];
            for name in ["loan", "assessment", "application", "policy", "store", "negotiation"] {
                if name != from {
                    packages.push(package(name, &[]));
                }
            }
            assert_eq!(check(&packages).violations.is_empty(), expected, "{from} -> {to} ({kind:?})");
        }
    }
}
