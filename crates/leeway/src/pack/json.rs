//! Results of `leeway pack` as JSON.

use std::path::Path;

use assessment::{AssessError, CheckedPack, Decision, PackErrors, PackProblem, PackTest};
use serde_json::{Value, json};

/// `{"accepted", "pack", "version", "digest", "tests"}`, or `{"accepted": false, "problems"}`.
pub(super) fn checked(dir: &Path, checked: Result<&CheckedPack, &PackErrors>) -> Value {
    match checked {
        Ok(CheckedPack { pack, tests }) => json!({
            "accepted": true, "pack": pack.name, "version": pack.version, "digest": pack.digest, "tests": tests,
        }),
        Err(PackErrors(list)) => json!({"accepted": false, "problems": problems(dir, list)}),
    }
}

/// `[{"test", "file", "line", "passed", "problems"}]`.
pub(super) fn results(dir: &Path, results: &[(PackTest, Vec<PackProblem>)]) -> Value {
    let one = |(test, failed): &(PackTest, Vec<PackProblem>)| {
        json!({
            "test": test.name, "file": path(dir, &test.file), "line": test.line, "passed": failed.is_empty(),
            "problems": problems(dir, failed),
        })
    };
    results.iter().map(one).collect()
}

/// `{"case", "decision"}` as the service stores it, or `{"case", "error"}`.
pub(super) fn decided(
    case: &PackTest,
    decision: &Result<Decision, AssessError>,
) -> Result<Value, serde_json::Error> {
    Ok(match decision {
        Ok(decision) => json!({"case": case.name, "decision": serde_json::to_value(decision)?}),
        Err(error) => {
            json!({"case": case.name, "error": {"code": error.code(), "message": error.to_string()}})
        }
    })
}

fn problems(dir: &Path, problems: &[PackProblem]) -> Value {
    let one = |problem: &PackProblem| {
        json!({
            "file": path(dir, &problem.file), "line": problem.line, "what": problem.what, "mend": problem.mend,
        })
    };
    problems.iter().map(one).collect()
}

fn path(dir: &Path, file: &str) -> String {
    dir.join(file).display().to_string()
}
