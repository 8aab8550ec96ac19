//! Every RPC says who may call it.

use anyhow::Result;

use super::lexer::{item_end, tokens};
use super::{Findings, Violation};
use crate::tools::Workspace;

const FOLDER: &str = "proto/leeway/";
const OPTION: &str = "option(leeway.common.v1.access)=";

/// Reads the proto files as text. The build of `api` reads the compiled option and fails without it; this says so
/// without building.
pub fn check(workspace: &Workspace) -> Result<Findings> {
    let mut count = 0_usize;
    let mut violations = Vec::new();
    for path in
        workspace.files()?.into_iter().filter(|file| file.starts_with(FOLDER) && file.ends_with(".proto"))
    {
        let (path, text) = workspace.read(path)?;
        for method in methods(&text) {
            count = count.saturating_add(1);
            if !method.has_access_rule {
                violations
                    .push(Violation::new(format!("{path} rpc {}", method.name), "has no access option"));
            }
        }
    }
    if count == 0 {
        violations.push(Violation::new(FOLDER, "holds no RPC"));
    }
    Ok(Findings { summary: format!("{count} RPCs"), violations })
}

struct Method {
    name: String,
    has_access_rule: bool,
}

fn methods(text: &str) -> Vec<Method> {
    let tokens = tokens(text);
    let mut methods = Vec::new();
    for (index, window) in tokens.windows(3).enumerate() {
        let [keyword, name, bracket] = window else { continue };
        if keyword.text != "rpc" || bracket.text != "(" {
            continue;
        }
        let end = item_end(&tokens, index).unwrap_or(index);
        let method = tokens.get(index..end).unwrap_or_default();
        let text: String = method.iter().map(|token| token.text.as_str()).collect();
        methods.push(Method { name: name.text.clone(), has_access_rule: text.contains(OPTION) });
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_counts_inside_its_own_method_only() {
        let rule = "option (leeway.common.v1.access) = { roles: [ROLE_OFFICER] };";
        let rows = [
            (format!("rpc A(X) returns (Y) {{ {rule} }}"), "A:true"),
            ("rpc A(X) returns (stream Y);".to_owned(), "A:false"),
            (format!("rpc A(X) returns (Y);\nrpc B(X) returns (Y) {{\n{rule}\n}}"), "A:false B:true"),
            (format!("rpc A(X) returns (Y) {{\n// {rule}\n}}"), "A:false"),
            ("rpc A(X) returns (Y) { option deprecated = true; }".to_owned(), "A:false"),
            ("// rpc A(X) returns (Y);\nmessage M { string rpc = 1; }".to_owned(), ""),
        ];
        for (text, expected) in rows {
            let found: Vec<String> = methods(&text)
                .iter()
                .map(|method| format!("{}:{}", method.name, method.has_access_rule))
                .collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }
}
