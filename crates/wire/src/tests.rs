//! Round trips, and refusals with all their violations.

mod calendars;
mod decisions;
mod facts;
mod loans;
mod samples;
mod words;

use chassis::Violations;

/// Field and reason of every violation that a reader adds, in order.
fn violations<T>(read: impl FnOnce(&mut Violations) -> Option<T>) -> Vec<(String, String)> {
    let mut v = Violations::new();
    let value = read(&mut v);
    let Err(problem) = v.into_result() else {
        assert!(value.is_some(), "nothing was added, but there is no value");
        return Vec::new();
    };
    assert!(value.is_none(), "a value in spite of violations");
    let status = tonic::Status::from(problem);
    use tonic_types::StatusExt as _;
    let bad = status.get_details_bad_request().unwrap();
    bad.field_violations.into_iter().map(|one| (one.field, one.reason)).collect()
}

/// Asserts exactly these violations.
fn check<T>(read: impl FnOnce(&mut Violations) -> Option<T>, expected: &[(&str, &str)]) {
    let found = violations(read);
    let found: Vec<(&str, &str)> =
        found.iter().map(|(field, reason)| (field.as_str(), reason.as_str())).collect();
    assert_eq!(found, expected);
}

/// The value of a reader that must not add anything.
fn fine<T>(read: impl FnOnce(&mut Violations) -> Option<T>) -> T {
    let mut v = Violations::new();
    let value = read(&mut v);
    v.into_result().unwrap();
    value.unwrap()
}
