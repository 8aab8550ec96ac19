//! Another look at a refusal, signatures on figures that are gone, and plans that give way.

use super::samples::*;
use crate::*;
use assessment::Outcome;

#[test]
fn another_look_is_had_once_in_time_and_by_somebody_else() {
    let process = Process::default();
    let refused = case(At::Refused);
    let window = i64::from(process.review_window_days) * 24;
    let (again, consequences) = changed(refused.clone().request_review(&borrower(), hours(1), &process));
    assert_eq!(again.state, State::InReview);
    assert!(again.answer_due().is_some());
    assert!(consequences.contains(&Consequence::Assess(AssessPurpose::Refresh)));
    assert!(matches!(
        again.clone().request_review(&borrower(), hours(2), &process),
        Ok(Moved::AlreadyApplied(_))
    ));
    assert!(matches!(again.clone().claim(&officer(), hours(2)), Err(StepError::SamePerson { .. })));
    let (claimed, _) = changed(again.claim(&supervisor(), hours(2)));
    let by = RefusalBy { actor: supervisor(), note: String::new() };
    let (twice, _) = changed(claimed.refuse(vec![], by, hours(3), &process));
    assert!(twice.next_step("Asia/Shanghai").until.is_none());
    let once_more = twice.request_review(&borrower(), hours(4), &process);
    assert!(matches!(once_more, Err(StepError::WrongState { .. })));
    let late = refused.request_review(&borrower(), hours(window + 48), &process);
    assert!(matches!(late, Err(StepError::WrongState { .. })));
}

#[test]
fn a_signature_falls_with_the_figures_it_was_given_for() {
    let process = Process::default();
    let signed = case(At::AwaitingCosign);
    let State::AwaitingCosign { offers, .. } = &signed.state else { panic!("not signed") };
    let same = assessment(Outcome::Review, offers.clone());
    let other = assessment(Outcome::Review, Vec::new());
    let rows = [
        (AssessPurpose::LoanMoved, other.clone(), "in_review"),
        (AssessPurpose::LoanMoved, same, "awaiting_cosign"),
        (AssessPurpose::Refresh, other, "awaiting_cosign"),
    ];
    for (purpose, answer, expected) in rows {
        let (moved, _) = changed(signed.clone().assessed(answer, purpose, hours(2), &process));
        assert_eq!(moved.state.name(), expected, "{purpose:?}");
    }
}

#[test]
fn a_note_stays_with_its_step() {
    let moved = case(At::Review).claim(&officer(), hours(1)).unwrap().noted("looks sound");
    assert_eq!(moved.application().steps.last().unwrap().note.as_deref(), Some("looks sound"));
    let moved = case(At::Review).claim(&officer(), hours(1)).unwrap().noted("");
    assert_eq!(moved.application().steps.last().unwrap().note, None);
}
