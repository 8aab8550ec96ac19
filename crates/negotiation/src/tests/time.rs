//! What time does, to the second, and how the answer clock stops and goes on.

use assessment::{Authority, DeclineCode, EvidenceType, Outcome};
use jiff::Timestamp;

use super::samples::{
    At, assessment, borrower, case, changed, clock_word, hours, offer, officer, proposal, reason, seconds,
    start, words,
};
use crate::{Application, AssessPurpose, Consequence, Moved, Process, RefusalBy, StepError};

const HOUR: i64 = 3_600;
const WEEK: i64 = 7 * 24 * HOUR;

/// State and consequences of one step of time, `None` where nothing was due.
fn advanced(case: Application, now: Timestamp) -> Option<(Application, Vec<String>)> {
    match case.advance(now).unwrap() {
        Moved::Changed(after, consequences) => Some((*after, words(&consequences))),
        Moved::AlreadyApplied(_) => None,
    }
}

#[test]
fn time_at_each_boundary() {
    let late = ["drop answer-warning", "tell answer late"];
    let clock = ["answer-warning +669600s", "answer-due +691200s", "tell in review"];
    type Step<'a> = Option<(&'a str, &'a [&'a str])>;
    let check = |at: At, now: i64, expected: Step<'_>| {
        let stepped = advanced(case(at), seconds(now));
        let found = stepped.as_ref().map(|(after, told)| (after.state.name(), told.as_slice()));
        let wanted =
            expected.map(|(state, told)| (state, told.iter().map(|word| (*word).to_owned()).collect()));
        let wanted: Option<(&str, Vec<String>)> = wanted;
        assert_eq!(found, wanted.as_ref().map(|(state, told)| (*state, told.as_slice())), "{at:?} at {now}");
        if let Some((after, _)) = stepped {
            assert_eq!(advanced(after, seconds(now)), None, "{at:?} at {now}: a second look");
        }
    };
    for (at, state) in [
        (At::Submitted, "submitted"),
        (At::Review, "in_review"),
        (At::Held, "in_review"),
        (At::AwaitingCosign, "awaiting_cosign"),
    ] {
        check(at, 0, None);
        check(at, 18 * HOUR - 1, None);
        check(at, 18 * HOUR, Some((state, &[])));
        check(at, 24 * HOUR - 1, Some((state, &[])));
        let escalated = if at == At::Submitted { "in_review" } else { state };
        check(at, 24 * HOUR, Some((escalated, &late)));
        check(at, 100 * HOUR, Some((escalated, &late)));
    }
    check(At::EvidenceRequested, WEEK - 1, None);
    check(At::EvidenceRequested, WEEK, Some(("in_review", &clock)));
    check(At::Offered, WEEK - 1, None);
    check(At::Offered, WEEK, Some(("expired", &["tell offer expired"])));
    for closed in [At::Accepted, At::Refused, At::Expired, At::Withdrawn, At::OnHold] {
        check(closed, 1_000 * HOUR, None);
    }
}

#[test]
fn the_desk_is_warned_once_and_the_case_escalates_once() {
    let warned = changed(case(At::Held).advance(hours(18))).0;
    assert!(warned.warned && !warned.escalated);
    assert_eq!(advanced(warned.clone(), hours(23)), None);
    let escalated = changed(warned.advance(hours(24))).0;
    assert!(escalated.escalated);
    assert_eq!(escalated.holder, None);
    assert_eq!(advanced(escalated, hours(500)), None);
}

#[test]
fn a_signed_offer_keeps_its_first_signature_when_it_is_late() {
    let (after, _) = changed(case(At::AwaitingCosign).advance(hours(24)));
    assert!(after.escalated);
    assert_eq!(after.state, case(At::AwaitingCosign).state);
    assert_eq!(after.holder, case(At::AwaitingCosign).holder);
}

/// A case whose officer asks for a document after `asked` seconds and gets it `owed` seconds later.
fn interrupted(asked: i64, owed: i64) -> [String; 2] {
    let process = Process::default();
    let mut held = case(At::Held);
    // The timers that are due by then have come.
    while let Some((after, _)) = advanced(held.clone(), seconds(asked)) {
        held = after;
    }
    if held.holder.is_none() {
        held = changed(held.claim(&officer(), seconds(asked))).0;
    }
    let types = vec![EvidenceType::BankStatement];
    let (paused, _) = changed(held.request_evidence(types, &officer(), seconds(asked), &process));
    let back = seconds(asked + owed);
    let (resumed, told) =
        changed(paused.clone().evidence_received("e1", EvidenceType::BankStatement, &borrower(), back));
    let told =
        words(&told).into_iter().filter(|word| word.starts_with("answer")).collect::<Vec<_>>().join(" ");
    assert_eq!(paused.answer_due(), None);
    [clock_word(&paused), format!("{} / {told}", clock_word(&resumed))]
}

#[test]
fn the_clock_stops_while_a_document_is_owed_and_goes_on_after() {
    let check = |asked: i64, owed: i64, paused: &str, resumed: &str| {
        assert_eq!(interrupted(asked, owed), [paused, resumed], "{asked} {owed}");
    };
    check(0, 60, "paused 64800 86400", "running 64860 86460 / answer-warning +64860s answer-due +86460s");
    check(
        10 * HOUR,
        24 * HOUR,
        "paused 28800 50400",
        "running 151200 172800 / answer-warning +151200s answer-due +172800s",
    );
    // Warned before: not again.
    check(20 * HOUR, HOUR, "paused 0 14400", "running 75600 90000 / answer-due +90000s");
    // Late before: nothing is said twice.
    check(25 * HOUR, HOUR, "paused 0 0", "running 93600 93600 / ");
}

#[test]
fn a_late_case_whose_document_came_waits_for_its_assessment() {
    let process = Process::default();
    let late = changed(case(At::Held).advance(hours(24))).0;
    let claimed = changed(late.claim(&officer(), hours(25))).0;
    let asked =
        changed(claimed.request_evidence(vec![EvidenceType::Payslips], &officer(), hours(25), &process)).0;
    let came = changed(asked.evidence_received("e1", EvidenceType::Payslips, &borrower(), hours(26))).0;
    assert_eq!(advanced(came.clone(), hours(30)), None);
    let told = assessment(Outcome::Offer, vec![offer("o1", Authority::Automatic)]);
    let (offered, _) = changed(came.assessed(told, AssessPurpose::Answer, hours(30), &process));
    assert_eq!(offered.state.name(), "offered");
}

#[test]
fn a_declined_offer_starts_the_clock_anew() {
    let process = Process::default();
    let mut offered = case(At::Offered);
    (offered.warned, offered.escalated) = (true, true);
    let (after, _) = changed(offered.propose(proposal(2), &borrower(), hours(48), &process));
    assert_eq!(clock_word(&after), format!("running {} {}", 66 * HOUR, 72 * HOUR));
    assert!(!after.warned && !after.escalated);
}

#[test]
fn answers_stop_the_clock_and_signatures_do_not() {
    let check = |at: At, expected: &str| assert_eq!(clock_word(&case(at)), expected, "{at:?}");
    let running = "running 64800 86400";
    check(At::Submitted, running);
    check(At::Held, running);
    check(At::AwaitingCosign, running);
    check(At::EvidenceRequested, "paused 64800 86400");
    for answered in [At::Offered, At::Accepted, At::Refused, At::Expired, At::Withdrawn, At::OnHold] {
        check(answered, "answered");
    }
}

#[test]
fn deadlines_outside_the_calendar_are_errors() {
    let process = Process { offer_valid_days: u32::MAX, ..Process::default() };
    let told = assessment(Outcome::Offer, vec![offer("o1", Authority::Automatic)]);
    let refused = case(At::Submitted).assessed(told, AssessPurpose::Answer, start(), &process);
    assert_eq!(refused, Err(StepError::Calendar));
}

#[test]
fn no_penalty_accrues_while_the_answer_is_late() {
    let process = Process::default();
    let types = || vec![EvidenceType::Payslips];
    let check = |hour: i64, expected: &[&str]| {
        let now = hours(hour);
        let suspended = |told: Vec<Consequence>| {
            words(&told).into_iter().filter(|word| word.starts_with("no penalty")).collect::<Vec<_>>()
        };
        let held = || case(At::Held);
        let reasons = || vec![reason(DeclineCode::CanAffordCurrent)];
        let by = || RefusalBy { actor: officer(), note: String::new() };
        let offers = || vec![offer("o", Authority::Officer)];
        let ways = [
            changed(held().offer(offers(), &officer(), now, &process)).1,
            changed(held().refuse(reasons(), by(), now, &process)).1,
            changed(held().request_evidence(types(), &officer(), now, &process)).1,
            changed(held().withdraw(&borrower(), now)).1,
        ];
        for told in ways {
            assert_eq!(suspended(told), expected, "{hour}");
        }
    };
    check(1, &[]);
    check(24, &[]);
    check(30, &["no penalty 86400s to 108000s"]);
}
