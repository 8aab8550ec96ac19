//! What the borrower reads in every state.

use super::samples::{At, case, changed, hours};
use crate::{Application, NextActor};

/// English words and Chinese words that must be there, the actor and the moment in Shanghai.
fn check(case: &Application, actor: NextActor, until: Option<jiff::Timestamp>, words: [&str; 2]) {
    let next = case.next_step("Asia/Shanghai");
    let name = case.state.name();
    assert_eq!((next.actor, next.until), (actor, until), "{name}");
    assert!(next.sentence.en.contains(words[0]), "{name}: {}", next.sentence.en);
    assert!(next.sentence.zh_cn.contains(words[1]), "{name}: {}", next.sentence.zh_cn);
    assert!(next.sentence.zh_cn.ends_with('。') && next.sentence.en.ends_with('.'), "{name}");
    assert!(next.sentence.en.is_ascii(), "{name}: {}", next.sentence.en);
}

#[test]
fn every_state_says_what_happens_who_acts_and_until_when() {
    let (due, week) = (Some(hours(24)), Some(hours(7 * 24)));
    let tomorrow = "2026-07-21 10:00";
    let next_week = "2026-07-27 10:00";
    check(&case(At::Submitted), NextActor::Platform, due, ["answer by 2026-07-21 10:00", tomorrow]);
    check(&case(At::EvidenceRequested), NextActor::Borrower, week, ["by 2026-07-27 10:00", next_week]);
    check(&case(At::Review), NextActor::Officer, due, ["An officer is looking", tomorrow]);
    check(&case(At::Held), NextActor::Officer, due, ["answers by 2026-07-21 10:00", "专员"]);
    check(&case(At::AwaitingCosign), NextActor::Supervisor, due, ["a supervisor's signature", "主管"]);
    check(&case(At::Offered), NextActor::Borrower, week, ["1 offer(s)", "1 个方案"]);
    check(&case(At::Accepted), NextActor::Nobody, None, ["in force", "已生效"]);
    let window = Some(hours(14 * 24));
    check(&case(At::Refused), NextActor::Borrower, window, ["2026-08-03 10:00", "2026-08-03 10:00"]);
    check(&case(At::Expired), NextActor::Nobody, None, ["apply again", "重新申请"]);
    check(&case(At::Withdrawn), NextActor::Nobody, None, ["was withdrawn", "撤回"]);
    check(&case(At::OnHold), NextActor::Platform, None, ["held by law", "依法"]);
}

#[test]
fn a_late_answer_is_owned_up_to_wherever_the_case_waits() {
    for at in [At::Submitted, At::Review, At::Held, At::AwaitingCosign] {
        let late = changed(case(at).advance(hours(24))).0;
        check(&late, NextActor::Supervisor, Some(hours(24)), ["Our answer is late", "已超时"]);
    }
}

#[test]
fn moments_are_written_in_the_zone_of_the_pack() {
    for (zone, expected) in [
        ("Asia/Shanghai", "2026-07-21 10:00"),
        ("America/New_York", "2026-07-20 22:00"),
        ("No/Where", "2026-07-21 02:00"),
    ] {
        let sentence = case(At::Submitted).next_step(zone).sentence;
        assert!(
            sentence.en.contains(expected) && sentence.zh_cn.contains(expected),
            "{zone}: {}",
            sentence.en
        );
    }
}

#[test]
fn actors_are_people_under_roles() {
    for (actor, person) in [("officer:ann", "ann"), ("ann", "ann"), ("service:a:b", "a:b"), (":x", "x")] {
        assert_eq!(crate::Actor::new(actor).person(), person);
    }
    let served = crate::Actor::new("borrower:li").through("service:platform");
    assert_eq!((served.shown(), served.person()), ("borrower:li", "li"));
    assert_eq!(served.as_str(), "borrower:li through service:platform");
}
