//! Every verb in every state, and what each leaves behind.

use assessment::{Authority, DeclineCode, EvidenceType, Offer, Outcome};

use super::samples::{
    At, Came, assessment, borrower, came, case, changed, hours, offer, offer_ids, officer, proposal, reason,
    start, supervisor, words,
};
use crate::{Actor, Application, AssessPurpose, Moved, Process, RefusalBy, State, StepError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    AssessedOffer,
    AssessedReview,
    Unassessable,
    EvidenceReceived,
    EvidenceRepeated,
    Propose,
    Claim,
    EvidenceReviewed,
    RequestEvidence,
    Offer,
    CoSign,
    SendBack,
    Refuse,
    Accept,
    Withdraw,
}

impl Verb {
    const ALL: [Self; 15] = [
        Self::AssessedOffer,
        Self::AssessedReview,
        Self::Unassessable,
        Self::EvidenceReceived,
        Self::EvidenceRepeated,
        Self::Propose,
        Self::Claim,
        Self::EvidenceReviewed,
        Self::RequestEvidence,
        Self::Offer,
        Self::CoSign,
        Self::SendBack,
        Self::Refuse,
        Self::Accept,
        Self::Withdraw,
    ];

    /// Told by whoever normally tells it, `officer:ann` for the desk.
    fn tell(self, case: Application) -> Result<Moved, StepError> {
        let (now, process) = (start(), Process::default());
        let answer = AssessPurpose::Answer;
        match self {
            Self::AssessedOffer => {
                let offers = vec![offer("o9", Authority::Automatic)];
                case.assessed(assessment(Outcome::Offer, offers), answer, now, &process)
            }
            Self::AssessedReview => {
                case.assessed(assessment(Outcome::Review, Vec::new()), answer, now, &process)
            }
            Self::Unassessable => Ok(case.unassessable(now)),
            Self::EvidenceReceived => {
                case.evidence_received("e1", EvidenceType::BankStatement, &borrower(), now)
            }
            Self::EvidenceRepeated => {
                case.evidence_received("e0", EvidenceType::BankStatement, &borrower(), now)
            }
            Self::Propose => case.propose(proposal(3), &borrower(), now, &process),
            Self::Claim => case.claim(&officer(), now),
            Self::EvidenceReviewed => case.evidence_reviewed(&officer(), now),
            Self::RequestEvidence => {
                case.request_evidence(vec![EvidenceType::HospitalBill], &officer(), now, &process)
            }
            Self::Offer => case.offer(vec![offer("o3", Authority::Officer)], &officer(), now, &process),
            Self::CoSign => case.co_sign(&supervisor(), now, &process),
            Self::SendBack => case.send_back(&supervisor(), now),
            Self::Refuse => {
                case.refuse(vec![reason(DeclineCode::CanAffordCurrent)], refusal(), now, &process)
            }
            Self::Accept => case.accept("o1", "plan-1", &borrower(), now),
            Self::Withdraw => case.withdraw(&borrower(), now),
        }
    }

    /// Its name in errors.
    fn name(self) -> &'static str {
        match self {
            Self::AssessedOffer | Self::AssessedReview | Self::Unassessable => "assess",
            Self::EvidenceReceived | Self::EvidenceRepeated => "upload evidence",
            Self::Propose => "propose terms",
            Self::Claim => "claim",
            Self::EvidenceReviewed => "review evidence",
            Self::RequestEvidence => "request evidence",
            Self::Offer => "offer",
            Self::CoSign => "co-sign",
            Self::SendBack => "send back",
            Self::Refuse => "refuse",
            Self::Accept => "accept an offer",
            Self::Withdraw => "withdraw",
        }
    }
}

fn refusal() -> RefusalBy {
    RefusalBy { actor: officer(), note: "note".to_owned() }
}

/// A letter a state, in the order of [`At::ALL`]:
/// `=` already applied, `!` wrong state, `?` not claimed, otherwise the state it goes to.
const TABLE: [(Verb, &str); 15] = [
    //                        S  E  R  H  C  O  A  R  X  W  L
    (Verb::AssessedOffer, "   O  E  R  R  C  O  =  =  =  =  L"),
    (Verb::AssessedReview, "  R  E  R  R  C  R  =  =  =  =  L"),
    (Verb::Unassessable, "    R  =  =  =  =  =  =  =  =  =  ="),
    (Verb::EvidenceReceived, "S  S  R  R  C  O  !  !  !  !  L"),
    (Verb::EvidenceRepeated, "=  =  =  =  =  =  =  =  =  =  ="),
    (Verb::Propose, "         S  E  R  R  !  R  !  !  !  !  !"),
    (Verb::Claim, "           !  E  R  =  =  !  !  !  !  !  !"),
    (Verb::EvidenceReviewed, "?  ?  ?  R  !  ?  ?  !  ?  ?  ?"),
    (Verb::RequestEvidence, " ?  ?  ?  E  !  ?  ?  !  ?  ?  ?"),
    (Verb::Offer, "           ?  ?  ?  O  !  ?  ?  !  ?  ?  ?"),
    (Verb::CoSign, "          !  !  !  !  O  !  !  !  !  !  !"),
    (Verb::SendBack, "        !  !  !  !  R  !  !  !  !  !  !"),
    (Verb::Refuse, "          ?  ?  ?  D  !  ?  ?  !  ?  ?  ?"),
    (Verb::Accept, "          !  !  !  !  !  A  =  !  !  !  !"),
    (Verb::Withdraw, "        W  W  W  W  W  W  !  !  !  =  W"),
];

fn expected(letter: &str, verb: Verb, at: At) -> Came {
    match letter {
        "=" => Came::Already,
        "!" => Came::Error(StepError::WrongState { state: case(at).state.name(), step: verb.name() }),
        "?" => Came::Error(StepError::NotClaimed { holder: None }),
        "S" => Came::To("submitted"),
        "E" => Came::To("evidence_requested"),
        "R" => Came::To("in_review"),
        "C" => Came::To("awaiting_cosign"),
        "O" => Came::To("offered"),
        "A" => Came::To("accepted"),
        "D" => Came::To("refused"),
        "W" => Came::To("withdrawn"),
        "L" => Came::To("on_hold"),
        other => panic!("`{other}` stands for nothing"),
    }
}

#[test]
fn every_verb_in_every_state() {
    let known: Vec<Verb> = TABLE.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(known, Verb::ALL);
    for (verb, row) in TABLE {
        let letters: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(letters.len(), At::ALL.len(), "{verb:?}");
        for (letter, at) in letters.into_iter().zip(At::ALL) {
            assert_eq!(came(verb.tell(case(at))), expected(letter, verb, at), "{verb:?} in {at:?}");
        }
    }
}

#[test]
fn nothing_changes_where_a_step_was_taken_before() {
    for verb in Verb::ALL {
        for at in At::ALL {
            let before = case(at);
            if let Ok(Moved::AlreadyApplied(after)) = verb.tell(before.clone()) {
                assert_eq!(*after, before, "{verb:?} in {at:?}");
            }
        }
    }
}

#[test]
fn verbs_leave_these_consequences() {
    let week = 7 * 24 * 3_600;
    let answered = ["drop answer-warning", "drop answer-due"];
    let check = |verb: Verb, at: At, expected: &[&str]| {
        let (_, consequences) = changed(verb.tell(case(at)));
        assert_eq!(words(&consequences), expected, "{verb:?} in {at:?}");
    };
    let expiry = format!("offer-expiry +{week}s");
    check(Verb::AssessedOffer, At::Submitted, &[answered[0], answered[1], &expiry, "tell offer made"]);
    check(Verb::AssessedReview, At::Submitted, &["tell in review"]);
    check(Verb::Unassessable, At::Submitted, &["tell in review"]);
    let clock = ["answer-warning +64800s", "answer-due +86400s"];
    check(Verb::AssessedReview, At::Offered, &[clock[0], clock[1], "drop offer-expiry", "tell in review"]);
    check(
        Verb::EvidenceReceived,
        At::EvidenceRequested,
        &[clock[0], clock[1], "drop evidence-deadline", "assess answer"],
    );
    check(Verb::EvidenceReceived, At::Review, &["assess refresh"]);
    check(Verb::EvidenceReceived, At::Submitted, &[]);
    check(Verb::Propose, At::Submitted, &["assess answer"]);
    check(Verb::Propose, At::EvidenceRequested, &[]);
    check(Verb::Propose, At::Held, &["assess proposal"]);
    check(Verb::Propose, At::Offered, &[clock[0], clock[1], "drop offer-expiry", "assess proposal"]);
    check(Verb::Claim, At::Review, &[]);
    check(Verb::EvidenceReviewed, At::Held, &["assess refresh"]);
    let deadline = format!("evidence-deadline +{week}s");
    check(Verb::RequestEvidence, At::Held, &[answered[0], answered[1], &deadline, "tell evidence requested"]);
    check(Verb::Offer, At::Held, &[answered[0], answered[1], &expiry, "tell offer made"]);
    check(Verb::CoSign, At::AwaitingCosign, &[answered[0], answered[1], &expiry, "tell offer made"]);
    check(Verb::SendBack, At::AwaitingCosign, &[]);
    check(Verb::Refuse, At::Held, &[answered[0], answered[1], "tell refused"]);
    check(Verb::Accept, At::Offered, &[answered[0], answered[1], "drop offer-expiry"]);
    check(
        Verb::Withdraw,
        At::EvidenceRequested,
        &[answered[0], answered[1], "drop offer-expiry", "drop evidence-deadline", "tell withdrawn"],
    );
}

#[test]
fn rules_offer_only_within_the_automatic_mandate() {
    let check = |authorities: &[Authority], expected: (&str, &[&str])| {
        let named = authorities.iter().zip(["a", "b", "c"]);
        let offers: Vec<Offer> = named.map(|(authority, id)| offer(id, *authority)).collect();
        let told = assessment(Outcome::Offer, offers);
        let (after, _) =
            changed(case(At::Submitted).assessed(told, AssessPurpose::Answer, start(), &Process::default()));
        assert_eq!((after.state.name(), offer_ids(&after).as_slice()), expected, "{authorities:?}");
    };
    use Authority::{Automatic, Officer, OfficerAndSupervisor};
    check(&[Automatic, Automatic], ("offered", &["a", "b"]));
    check(&[Automatic, Officer, Automatic], ("offered", &["a", "c"]));
    check(&[Officer, OfficerAndSupervisor], ("in_review", &[]));
    check(&[], ("in_review", &[]));
}

#[test]
fn outcomes_lead_where_the_rules_point() {
    let check = |outcome: Outcome, expected: &str, specialist: bool| {
        let told = assessment(outcome, vec![offer("o1", Authority::Automatic)]);
        let (after, _) =
            changed(case(At::Submitted).assessed(told, AssessPurpose::Answer, start(), &Process::default()));
        assert_eq!((after.state.name(), after.specialist), (expected, specialist), "{outcome:?}");
    };
    check(Outcome::Offer, "offered", false);
    check(Outcome::Review, "in_review", false);
    check(Outcome::SpecialistReview, "in_review", true);
    // A refusal is confirmed by a person.
    check(Outcome::Refuse, "in_review", false);
    check(Outcome::EvidenceRequired, "evidence_requested", false);
    check(Outcome::Hold, "on_hold", false);
}

#[test]
fn an_answer_to_a_proposal_becomes_an_offer_unless_somebody_has_the_case() {
    let check = |at: At, purpose: AssessPurpose, expected: &str| {
        let told = assessment(Outcome::Offer, vec![offer("o1", Authority::Automatic)]);
        let (after, _) = changed(case(at).assessed(told, purpose, start(), &Process::default()));
        assert_eq!(after.state.name(), expected, "{at:?} {purpose:?}");
    };
    check(At::Review, AssessPurpose::Proposal, "offered");
    check(At::Review, AssessPurpose::Refresh, "in_review");
    check(At::Review, AssessPurpose::Answer, "in_review");
    check(At::Held, AssessPurpose::Proposal, "in_review");
    check(At::AwaitingCosign, AssessPurpose::Proposal, "awaiting_cosign");
}

#[test]
fn an_officers_offers_stand_while_policy_still_computes_them() {
    let process = Process::default();
    let mine = vec![offer("mine", Authority::Officer)];
    let offered = changed(case(At::Held).offer(mine, &officer(), start(), &process)).0;
    let check = |total: Option<&str>, expected: &str| {
        let computed = total.map(|end| Offer {
            terms: loan::Terms { first_payment: Some(end.parse().unwrap()), ..loan::Terms::default() },
            ..offer("new id", Authority::Officer)
        });
        let same = offer("new id", Authority::Officer);
        let offers = computed.map_or_else(|| vec![same], |other| vec![other]);
        let told = assessment(Outcome::Review, offers);
        let (after, _) = changed(offered.clone().assessed(told, AssessPurpose::Refresh, hours(1), &process));
        assert_eq!(after.state.name(), expected, "{total:?}");
    };
    check(None, "offered");
    check(Some("2026-08-31"), "in_review");
}

#[test]
fn documents_of_another_kind_do_not_answer_a_request() {
    let check = |kind: EvidenceType, expected: &str| {
        let told = case(At::EvidenceRequested).evidence_received("e1", kind, &borrower(), hours(1));
        assert_eq!(
            came(told),
            Came::To(match expected {
                "submitted" => "submitted",
                _ => "evidence_requested",
            }),
            "{kind:?}"
        );
    };
    check(EvidenceType::BankStatement, "submitted");
    check(EvidenceType::TaxReturn, "evidence_requested");
}

#[test]
fn four_eyes_are_two_people() {
    let check = |by: &str, same: bool| {
        let by = Actor::new(by);
        let refused = || Came::Error(StepError::SamePerson { person: "ann".to_owned() });
        let signed = came(case(At::AwaitingCosign).co_sign(&by, start(), &Process::default()));
        let sent_back = came(case(At::AwaitingCosign).send_back(&by, start()));
        let expected =
            if same { (refused(), refused()) } else { (Came::To("offered"), Came::To("in_review")) };
        assert_eq!((signed, sent_back), expected, "{by:?}");
    };
    check("officer:ann", true);
    check("supervisor:ann", true);
    check("ann", true);
    check("supervisor:sue", false);
    check("supervisor:anna", false);
}

#[test]
fn the_strictest_offer_decides_whether_two_must_sign() {
    use Authority::{Automatic, Officer, OfficerAndSupervisor};
    let check = |authorities: &[Authority], expected: Came| {
        let offers = authorities.iter().map(|authority| offer("o", *authority)).collect();
        let told = case(At::Held).offer(offers, &officer(), start(), &Process::default());
        assert_eq!(came(told), expected, "{authorities:?}");
    };
    check(&[Automatic], Came::To("offered"));
    check(&[Automatic, Officer], Came::To("offered"));
    check(&[Officer, OfficerAndSupervisor], Came::To("awaiting_cosign"));
    check(&[], Came::Error(StepError::OfferUnknown { offer_id: String::new() }));
}

#[test]
fn a_case_is_held_by_one_person() {
    let held = |who: &str| StepError::NotClaimed { holder: Some(who.to_owned()) };
    let check = |by: &str, claimed: Came, offered: Came| {
        let by = Actor::new(by);
        assert_eq!(came(case(At::Held).claim(&by, start())), claimed, "{by:?}");
        let offers = vec![offer("o", Authority::Officer)];
        assert_eq!(came(case(At::Held).offer(offers, &by, start(), &Process::default())), offered, "{by:?}");
    };
    check("officer:ann", Came::Already, Came::To("offered"));
    check("supervisor:ann", Came::Already, Came::To("offered"));
    check("officer:bob", Came::Error(held("officer:ann")), Came::Error(held("officer:ann")));
}

#[test]
fn the_case_is_free_again_once_it_leaves_the_desk() {
    let check = |after: Application, holder: Option<&str>| {
        assert_eq!(after.holder.as_ref().map(Actor::as_str), holder, "{}", after.state.name());
    };
    let process = Process::default();
    check(case(At::AwaitingCosign), Some("officer:ann"));
    check(changed(case(At::AwaitingCosign).send_back(&supervisor(), start())).0, None);
    check(changed(case(At::AwaitingCosign).co_sign(&supervisor(), start(), &process)).0, None);
    check(changed(case(At::Offered).propose(proposal(2), &borrower(), start(), &process)).0, None);
    check(
        changed(case(At::Held).propose(proposal(2), &borrower(), start(), &process)).0,
        Some("officer:ann"),
    );
    check(changed(case(At::Held).advance(hours(24))).0, None);
}

#[test]
fn malice_is_never_inferred() {
    let check = |fired: Option<&[&str]>, code: DeclineCode, allowed: bool| {
        let mut held = case(At::Held);
        held.assessment = fired.map(|rules| {
            let mut told = assessment(Outcome::Review, Vec::new());
            told.fired_rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
            told
        });
        let reasons = vec![reason(DeclineCode::CanAffordCurrent), reason(code)];
        let refused = held.refuse(reasons, refusal(), start(), &Process::default());
        match came(refused) {
            Came::To("refused") => assert!(allowed, "{fired:?} {code:?}"),
            Came::Error(StepError::AuthorityInsufficient { .. }) => assert!(!allowed, "{fired:?} {code:?}"),
            other => panic!("{other:?}"),
        }
    };
    check(None, DeclineCode::MaliciousIndicatorConfirmed, false);
    check(Some(&[]), DeclineCode::MaliciousIndicatorConfirmed, false);
    check(Some(&["R3", "R5"]), DeclineCode::MaliciousIndicatorConfirmed, false);
    check(Some(&["R4"]), DeclineCode::MaliciousIndicatorConfirmed, true);
    check(None, DeclineCode::PriorPlanBroken, true);
}

#[test]
fn offers_are_accepted_by_name_and_in_time() {
    let week = 7 * 24;
    let expires = hours(week);
    let check = |offer_id: &str, at: jiff::Timestamp, expected: Came| {
        assert_eq!(
            came(case(At::Offered).accept(offer_id, "plan-1", &borrower(), at)),
            expected,
            "{offer_id} {at}"
        );
    };
    check("o1", start(), Came::To("accepted"));
    check("o1", hours(week) - jiff::SignedDuration::from_nanos(1), Came::To("accepted"));
    check("o1", expires, Came::Error(StepError::OfferExpired { at: expires }));
    check("o2", start(), Came::Error(StepError::OfferUnknown { offer_id: "o2".to_owned() }));
    let other = case(At::Accepted).accept("o2", "plan-1", &borrower(), start());
    assert_eq!(
        came(other),
        Came::Error(StepError::WrongState { state: "accepted", step: "accept an offer" }),
    );
}

#[test]
fn what_was_proposed_before_is_asked_again_only_against_standing_offers() {
    let process = Process::default();
    let check = |at: At, expected: Came| {
        let mut proposed = case(at);
        proposed.proposal = Some(proposal(3));
        assert_eq!(came(proposed.propose(proposal(3), &borrower(), start(), &process)), expected, "{at:?}");
    };
    check(At::Submitted, Came::Already);
    check(At::EvidenceRequested, Came::Already);
    check(At::Held, Came::Already);
    check(At::Offered, Came::To("in_review"));
    check(At::Expired, Came::Error(StepError::WrongState { state: "expired", step: "propose terms" }));
}

#[test]
fn states_know_whether_they_are_open_and_whose_turn_it_is() {
    let open = [true, true, true, true, true, true, false, false, false, false, true];
    let desk = [false, false, true, true, true, false, false, false, false, false, false];
    for ((at, open), desk) in At::ALL.into_iter().zip(open).zip(desk) {
        let case = case(at);
        assert_eq!((case.state.is_open(), case.waits_for_desk()), (open, desk), "{at:?}");
    }
}

#[test]
fn a_case_keeps_its_last_steps() {
    let mut case = case(At::Held);
    for nr in 0..crate::MAX_STEPS {
        case =
            changed(case.evidence_received(&format!("n{nr}"), EvidenceType::Other, &borrower(), hours(1))).0;
    }
    assert_eq!(case.steps.len(), crate::MAX_STEPS);
    assert!(case.steps.iter().all(|step| step.kind == "evidence received"));
    assert_eq!(case.updated_at, hours(1));
    assert!(matches!(case.state, State::InReview));
}
