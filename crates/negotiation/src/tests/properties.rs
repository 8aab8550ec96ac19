//! Whatever is told to a case in whatever order.

use assessment::{Authority, DeclineCode, EvidenceType, Outcome};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::samples::{assessment, borrower, changed, day, offer, proposal, reason, start, submission, yuan};
use crate::{
    Actor, AnswerClock, Application, AssessPurpose, Consequence, Moved, Plan, PlanState, Process, RefusalBy,
    State, StepError, TimerKind,
};

/// Somebody does something after a while.
#[derive(Debug, Clone)]
struct Act {
    verb: usize,
    person: usize,
    choice: usize,
    after_minutes: i64,
}

const PEOPLE: [&str; 4] = ["officer:ann", "supervisor:ann", "officer:bob", "supervisor:sue"];
const AUTHORITIES: [Authority; 3] =
    [Authority::Automatic, Authority::Officer, Authority::OfficerAndSupervisor];
const OUTCOMES: [Outcome; 6] = [
    Outcome::Offer,
    Outcome::Review,
    Outcome::SpecialistReview,
    Outcome::EvidenceRequired,
    Outcome::Refuse,
    Outcome::Hold,
];
const PURPOSES: [AssessPurpose; 3] = [AssessPurpose::Answer, AssessPurpose::Proposal, AssessPurpose::Refresh];
const VERBS: usize = 14;
const CO_SIGN: usize = 9;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..VERBS, 0..PEOPLE.len(), 0..18_usize, 0..2_000_i64)
        .prop_map(|(verb, person, choice, after_minutes)| Act { verb, person, choice, after_minutes });
    prop::collection::vec(act, 1..60)
}

fn tell(case: Application, act: &Act, now: Timestamp) -> Result<Moved, StepError> {
    let process = Process::default();
    let by = Actor::new(PEOPLE[act.person]);
    let offers =
        || vec![offer("o1", AUTHORITIES[act.choice % 3]), offer("o2", AUTHORITIES[act.choice / 3 % 3])];
    match act.verb {
        0 => case.assessed(
            assessment(OUTCOMES[act.choice % 6], offers()),
            PURPOSES[act.choice / 6],
            now,
            &process,
        ),
        1 => Ok(case.unassessable(now)),
        2 => {
            let id = format!("e{}", act.choice);
            case.evidence_received(
                &id,
                EvidenceType::ALL[act.choice % EvidenceType::ALL.len()],
                &borrower(),
                now,
            )
        }
        3 => case.propose(proposal(u8::try_from(act.choice).unwrap()), &borrower(), now, &process),
        4 | 5 => case.claim(&by, now),
        6 => case.evidence_reviewed(&by, now),
        7 => case.request_evidence(vec![EvidenceType::BankStatement], &by, now, &process),
        8 => case.offer(offers(), &by, now, &process),
        CO_SIGN => case.co_sign(&by, now, &process),
        10 => case.send_back(&by, now),
        11 => {
            let by = RefusalBy { actor: by, note: String::new() };
            case.refuse(
                vec![reason(DeclineCode::ALL[act.choice % DeclineCode::ALL.len()])],
                by,
                now,
                &process,
            )
        }
        12 => case.accept("o1", "plan-1", &borrower(), now),
        // Borrowers seldom withdraw: otherwise no sequence would come far.
        _ if act.choice == 0 => case.withdraw(&borrower(), now),
        _ => case.advance(now),
    }
}

/// What holds after every step.
fn check(before: &Application, act: &Act, after: &Application) {
    assert!(before.state.is_open(), "a closed case moved: {act:?}");
    if let (State::AwaitingCosign { signed_by, .. }, State::Offered { by, .. }) =
        (&before.state, &after.state)
    {
        assert_eq!(act.verb, CO_SIGN);
        assert_ne!(Actor::new(PEOPLE[act.person]).person(), signed_by.person());
        assert_eq!(by, signed_by);
    }
    if let State::Offered { offers, by, .. } = &after.state
        && before.state != after.state
    {
        let strictest = offers.iter().map(|offer| offer.required_authority).max().unwrap();
        let signed = matches!(before.state, State::AwaitingCosign { .. });
        let most = match (*by == Actor::platform(), signed) {
            (true, _) => Authority::Automatic,
            (false, false) => Authority::Officer,
            (false, true) => Authority::OfficerAndSupervisor,
        };
        assert!(strictest <= most, "{strictest:?} by {by:?}");
    }
    if let State::Refused { reasons, .. } = &after.state {
        assert!(reasons.iter().all(|reason| reason.code != DeclineCode::MaliciousIndicatorConfirmed));
    }
    let owed = matches!(after.state, State::Submitted | State::InReview | State::AwaitingCosign { .. });
    let running = matches!(after.clock, AnswerClock::Running { .. });
    let paused = matches!(after.clock, AnswerClock::Paused { .. });
    assert_eq!(running, owed, "{act:?}: {:?} in {}", after.clock, after.state.name());
    assert_eq!(paused, matches!(after.state, State::EvidenceRequested { .. }));
    let next = after.next_step("Asia/Shanghai");
    assert!(!next.sentence.en.is_empty() && !next.sentence.zh_cn.is_empty());
}

/// Timers as the store would hold them.
fn keep(timers: &mut Vec<(TimerKind, Timestamp)>, consequences: &[Consequence]) {
    for consequence in consequences {
        match consequence {
            Consequence::Timer(kind, at) => {
                timers.retain(|(known, _)| known != kind);
                timers.push((*kind, *at));
            }
            Consequence::DropTimer(kind) => timers.retain(|(known, _)| known != kind),
            Consequence::Assess(_) | Consequence::Notify(_) | Consequence::SuspendPenalty { .. } => {}
        }
    }
}

/// A state that ends by itself has a timer that ends it.
fn is_watched(case: &Application, timers: &[(TimerKind, Timestamp)]) -> bool {
    let has = |kind, at| timers.contains(&(kind, at));
    match (&case.state, case.clock) {
        (State::Offered { expires_at, .. }, _) => has(TimerKind::OfferExpiry, *expires_at),
        (State::EvidenceRequested { until, .. }, _) => has(TimerKind::EvidenceDeadline, *until),
        (_, AnswerClock::Running { due, .. }) => case.escalated || has(TimerKind::AnswerDue, due),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_sequence_keeps_the_rules(acts in acts()) {
        let (mut case, consequences) = changed(Application::submit(submission(), start(), &Process::default()));
        let mut timers = Vec::new();
        keep(&mut timers, &consequences);
        let mut now = start();
        for act in acts {
            now += SignedDuration::from_mins(act.after_minutes);
            let due: Vec<_> = timers.iter().filter(|(_, at)| *at <= now).map(|(kind, _)| *kind).collect();
            for kind in due {
                // The store's worker: a timer that fired is gone before what follows from it.
                timers.retain(|(known, _)| *known != kind);
                if let Moved::Changed(after, consequences) = case.clone().advance(now).unwrap() {
                    prop_assert!(case.state.is_open());
                    keep(&mut timers, &consequences);
                    case = *after;
                }
            }
            match tell(case.clone(), &act, now) {
                Ok(Moved::Changed(after, consequences)) => {
                    check(&case, &act, &after);
                    keep(&mut timers, &consequences);
                    case = *after;
                }
                Ok(Moved::AlreadyApplied(same)) => prop_assert_eq!(&*same, &case),
                Err(_) => {}
            }
            prop_assert!(is_watched(&case, &timers), "{:?} {:?}", case.state, timers);
            let again = case.clone().advance(now).unwrap();
            if let Moved::Changed(once, _) = again {
                let twice = once.clone().advance(now).unwrap();
                prop_assert_eq!(twice, Moved::AlreadyApplied(once));
            }
        }
    }

    #[test]
    fn looks_at_a_plan_come_to_an_end(
        payments in prop::collection::vec((0..120_i64, 1..200_000_i64), 0..6),
    ) {
        let mut account = super::plans::account("0.12");
        for (index, (after, minor)) in payments.iter().enumerate() {
            let effective = day("2026-07-20").saturating_add(jiff::Span::new().days(*after));
            let kind = loan::EventKind::Payment { id: format!("p{index}"), amount: loan::Amount::new(*minor) };
            account = account.record(loan::Event { effective, entered: start(), kind }).unwrap();
        }
        let mut plan: Plan = super::plans::plan(Vec::new());
        prop_assert_eq!(plan.currency, yuan());
        let mut today = plan.effective;
        let mut looks = 0;
        while plan.is_active() {
            let state = account.state(today).unwrap();
            let moved = plan.advance(&state, today, start(), &Process::default()).unwrap();
            plan = moved.plan;
            prop_assert_eq!(moved.next_look.is_some(), plan.is_active());
            if let PlanState::Broken { kept_until, .. } = plan.state {
                prop_assert!(kept_until >= plan.effective && kept_until <= today);
            }
            if let Some(next) = moved.next_look {
                prop_assert!(next > today);
                today = next;
            }
            looks += 1;
            prop_assert!(looks < 20);
        }
    }
}
