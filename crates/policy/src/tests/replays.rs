//! ReplayDecisions: names exactly the decisions that come out otherwise.

use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::replay_decisions_response::Part;
use assessment::{Facts, Outcome, PackFiles, Trace, load_pack};
use store::Op;
use tonic::{Code, Streaming};

use super::cases::{lean, li};
use super::publishing::{ANN, OTHER_DERIVATION, WIDER_GAP, files};
use super::{Running, ask, ask_as, fields, refused, request_id, start};
use crate::replay::Verdict;

/// What a stream came to.
struct Came {
    flips: Vec<policy::FlippedDecision>,
    summary: policy::ReplaySummary,
}

impl Came {
    fn ids(&self) -> BTreeSet<String> {
        self.flips.iter().map(|flip| flip.decision_id.clone()).collect()
    }
}

impl Running {
    async fn replay(&mut self, request: policy::ReplayDecisionsRequest) -> Came {
        let mut stream = self.client.replay_decisions(ask_as(ANN, request)).await.unwrap().into_inner();
        let (mut flips, mut progress, mut summary) = (Vec::new(), 0, None);
        while let Some(message) = stream.message().await.unwrap() {
            assert!(summary.is_none(), "the summary is the last");
            match message.part.unwrap() {
                Part::Progress(part) => {
                    assert!(part.decisions > progress, "it goes on");
                    progress = part.decisions;
                    assert_eq!(part.flips, i64::try_from(flips.len()).unwrap());
                }
                Part::Flips(part) => {
                    assert!(part.flips.len() <= 200);
                    flips.extend(part.flips);
                }
                Part::Summary(part) => summary = Some(part),
            }
        }
        let summary = summary.unwrap();
        assert_eq!((summary.decisions, summary.flips), (progress, i64::try_from(flips.len()).unwrap()));
        Came { flips, summary }
    }

    async fn decide(&mut self, facts: policy::Facts) -> policy::Decision {
        let request = policy::AssessRequest {
            request_id: request_id(),
            pack_name: "cn-instalment".into(),
            facts: Some(facts),
            dry_run: false,
        };
        self.client.assess(ask(request)).await.unwrap().into_inner().decision.unwrap()
    }
}

fn under(candidate: &policy::PackHead, mode: policy::ReplayMode) -> policy::ReplayDecisionsRequest {
    policy::ReplayDecisionsRequest {
        candidate_digest: candidate.digest.clone(),
        mode: mode.into(),
        ..policy::ReplayDecisionsRequest::default()
    }
}

/// What an independent assessment of every stored record under other files says: decision id to verdicts.
async fn reassessed(
    running: &Running,
    files: BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, (Verdict, Verdict)> {
    let pack = load_pack(&PackFiles(files)).unwrap();
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let query = store::Query {
            kind: "decision",
            filters: vec![("pack_name", Op::Eq, "cn-instalment".into())],
            order_by: "id",
            descending: false,
            after: after.clone(),
            limit: 500,
        };
        let page = running.store.list(query).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = Some((last.id.as_str().into(), last.id.clone()));
        for document in page {
            let record: crate::record::DecisionRecord = serde_json::from_str(&document.body).unwrap();
            let again = assessment::assess(&pack, &record.facts, Trace::None).unwrap();
            all.insert(document.id, (Verdict::of(&record.decision), Verdict::of(&again)));
        }
    }
}

/// The gap between declared and verified income as the rules see it, in ten-thousandths.
fn gap(declared: i64) -> i64 {
    let (high, low) = (declared.max(150_000), declared.min(150_000));
    (high - low) * 10_000 / high
}

/// Stored by eight clients at a time.
async fn store_lean_cases(running: &Running, count: i64) {
    let clients = (0..8).map(|client| {
        let mut running = running.client.clone();
        async move {
            for number in (client..count).step_by(8) {
                let request = policy::AssessRequest {
                    request_id: format!("22222222-0000-4000-8000-{number:012x}"),
                    pack_name: "cn-instalment".into(),
                    facts: Some(varied(number)),
                    dry_run: false,
                };
                running.assess(ask(request)).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(clients).await;
}

/// Incomes from 700.00 to 2,700.00 against 1,500.00 verified, with some reasons, flags and broken plans.
fn varied(number: i64) -> policy::Facts {
    let mut facts = lean(&format!("app-{number}"), 70_000 + (number * 7_919) % 200_000);
    let reasons = [
        common::HardshipReason::IllnessDisability,
        common::HardshipReason::Unemployment,
        common::HardshipReason::PaymentDelayed,
    ];
    facts.reason = reasons[usize::try_from(number % 3).unwrap()].into();
    let flags = facts.flags.get_or_insert_default();
    flags.vulnerable = number % 11 == 0;
    flags.moratorium = number % 13 == 0;
    // Whoever has a case at court is an officer's anyway.
    flags.litigation = number % 5 == 0;
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn one_threshold_over_five_thousand_decisions_names_exactly_those_that_flip() {
    const COUNT: i64 = 5_000;
    let mut running = start().await;
    let began = Instant::now();
    store_lean_cases(&running, COUNT).await;
    println!("{COUNT} decisions stored in {:?}", began.elapsed());
    let content = files("cn-instalment", "2.0.0", &WIDER_GAP);
    let candidate = running.publish(content.clone()).await;
    let all = reassessed(&running, content).await;
    assert_eq!(i64::try_from(all.len()).unwrap(), COUNT);
    let expected: BTreeSet<String> =
        all.iter().filter(|(_, (before, after))| before != after).map(|(id, _)| id.clone()).collect();
    assert!((100..1_000).contains(&expected.len()), "{}", expected.len());

    let began = Instant::now();
    let rules = running.replay(under(&candidate, policy::ReplayMode::RulesOnly)).await;
    println!("rules only in {:?}", began.elapsed());
    assert_eq!(rules.ids(), expected);
    assert_eq!(rules.flips.len(), expected.len(), "each once");
    let began = Instant::now();
    let whole = running.replay(under(&candidate, policy::ReplayMode::WithOffers)).await;
    println!("with offers in {:?}", began.elapsed());
    assert_eq!(whole.ids(), expected);

    // What a flip says is what the two decisions say.
    for flip in &whole.flips {
        let (before, after) = &all[&flip.decision_id];
        let told = flip.after.clone().unwrap();
        assert_eq!(told.required_authority(), wire::authority_out(after.authority));
        assert_eq!(flip.before.clone().unwrap().required_authority(), wire::authority_out(before.authority));
        assert_eq!(flip.kinds, [i32::from(policy::FlipKind::Authority)]);
        assert!(!flip.case_id.is_empty() && flip.problem.is_empty());
    }
    for summary in [&rules.summary, &whole.summary] {
        assert_eq!(summary.decisions, COUNT);
        assert_eq!(
            (summary.authority_flips, summary.outcome_flips, summary.code_flips),
            (summary.flips, 0, 0)
        );
        assert!(!summary.limited && summary.unassessable == 0 && summary.other_engine == 0);
        let count =
            |counter: fn(&policy::ReplaySegment) -> i64| summary.segments.iter().map(counter).sum::<i64>();
        assert_eq!((count(|s| s.decisions), count(|s| s.flips)), (COUNT, summary.flips));
        assert_eq!(summary.segments.len(), 3, "one bucket, three reasons");
        assert!(summary.segments.iter().all(|segment| segment.bucket() == common::Bucket::M1));
        // The queue as independently counted.
        let queue = |outcome: Outcome| all.values().filter(|(before, _)| before.outcome == outcome).count();
        let load = summary.queue_before.unwrap();
        assert_eq!(usize::try_from(load.specialist_review).unwrap(), queue(Outcome::SpecialistReview));
        assert_eq!(usize::try_from(load.review).unwrap(), queue(Outcome::Review) + queue(Outcome::Refuse));
        assert_eq!(summary.queue_after.unwrap(), load);
    }
    segments_and_limits(&mut running, &candidate, &rules).await;
}

async fn segments_and_limits(running: &mut Running, candidate: &policy::PackHead, all: &Came) {
    let rules =
        |request| policy::ReplayDecisionsRequest { mode: policy::ReplayMode::RulesOnly.into(), ..request };
    let ill = common::HardshipReason::IllnessDisability;
    let of_ill = policy::ReplayDecisionsRequest {
        reason: ill.into(),
        ..under(candidate, policy::ReplayMode::RulesOnly)
    };
    let came = running.replay(of_ill.clone()).await;
    let segment = all.summary.segments.iter().find(|segment| segment.reason() == ill).unwrap();
    assert_eq!((came.summary.decisions, came.summary.flips), (segment.decisions, segment.flips));
    assert!(came.ids().is_subset(&all.ids()));

    let few = running.replay(rules(policy::ReplayDecisionsRequest { limit: 3_000, ..of_ill.clone() })).await;
    assert_eq!((few.summary.decisions, few.summary.limited), (segment.decisions, false));
    let few = running.replay(rules(policy::ReplayDecisionsRequest { limit: 700, ..of_ill.clone() })).await;
    assert_eq!((few.summary.decisions, few.summary.limited), (700, true));
    let none = [
        policy::ReplayDecisionsRequest { bucket: common::Bucket::M3.into(), ..of_ill.clone() },
        policy::ReplayDecisionsRequest { pack_name: "us-consumer".into(), ..of_ill.clone() },
        policy::ReplayDecisionsRequest {
            from_date: Some(wire::date_out("2026-07-21".parse().unwrap())),
            ..of_ill.clone()
        },
        policy::ReplayDecisionsRequest {
            until_date: Some(wire::date_out("2026-07-19".parse().unwrap())),
            ..of_ill
        },
    ];
    for request in none {
        let came = running.replay(request).await;
        assert_eq!((came.summary.decisions, came.summary.limited), (0, false));
    }
}

#[tokio::test]
async fn facts_are_derived_anew_where_the_candidate_derives_them_otherwise() {
    let mut running = start().await;
    // 1,300.00 of essentials are within 1.3 × the benchmark, 1,900.00 within twice of it.
    for (number, essentials) in [120_000, 130_000, 131_000, 190_000, 200_000, 210_000].into_iter().enumerate()
    {
        let mut facts = lean(&format!("app-{number}"), 150_000);
        let statement = facts.statement.as_mut().unwrap();
        statement.essentials[0].amount.as_mut().unwrap().minor_units = essentials;
        running.decide(facts).await;
    }
    let content = files("cn-instalment", "2.0.0", &OTHER_DERIVATION);
    // Of a closed loan no rule is asked, under whatever pack.
    let mut closed = li();
    closed.loan.as_mut().unwrap().closed = true;
    running.decide(closed).await;
    let candidate = running.shelve(content.clone()).await;
    let all = reassessed(&running, content).await;
    let expected: BTreeSet<String> =
        all.iter().filter(|(_, (before, after))| before != after).map(|(id, _)| id.clone()).collect();
    assert_eq!((all.len(), expected.len()), (7, 3), "{all:?}");
    for mode in [policy::ReplayMode::RulesOnly, policy::ReplayMode::WithOffers] {
        assert_eq!(running.replay(under(&candidate, mode)).await.ids(), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn offers_and_their_cost_are_compared_in_full() {
    let mut running = start().await;
    let decision = running.decide(li()).await;
    let cost = decision.offers[0].present_value_loss.clone().unwrap();
    // Nothing is within the mandate any more: an officer offers what was offered at once.
    let narrow = (
        "pack.toml",
        "[parameters.automatic_deferral_months]\nvalue = \"3 months\"",
        "[parameters.automatic_deferral_months]\nvalue = \"0 months\"",
    );
    let content = files("cn-instalment", "2.0.0", &[narrow]);
    let candidate = running.shelve(content.clone()).await;
    let (before, after) = reassessed(&running, content).await.remove(&decision.decision_id).unwrap();
    assert_eq!(before.outcome, Outcome::Offer);
    let came = running.replay(under(&candidate, policy::ReplayMode::WithOffers)).await;
    let summary = &came.summary;
    assert_eq!(summary.relief_cost_before.clone().unwrap(), cost);
    assert_eq!(summary.relief_cost_after.clone().unwrap().minor_units, after.relief_cost.minor());
    let flipped = i64::from(before.outcome != after.outcome);
    assert_eq!((summary.flips, summary.outcome_flips), (1, flipped));
    let told = came.flips[0].after.clone().unwrap();
    assert_eq!(told.outcome(), wire::outcome_out(after.outcome));
    // Another currency can't assess the case; that is no silence.
    let abroad = files("us-consumer", "2.0.0", &[]);
    let abroad = running.shelve(abroad).await;
    for mode in [policy::ReplayMode::RulesOnly, policy::ReplayMode::WithOffers] {
        let request =
            policy::ReplayDecisionsRequest { pack_name: "cn-instalment".into(), ..under(&abroad, mode) };
        let came = running.replay(request).await;
        assert_eq!((came.summary.flips, came.summary.unassessable), (1, 1), "{mode:?}");
        assert_eq!(
            (came.flips[0].problem.as_str(), came.flips[0].after.clone()),
            ("CURRENCY_MISMATCH", None)
        );
    }
}

#[tokio::test]
async fn a_replay_is_asked_strictly_and_ends_when_its_caller_leaves() {
    let mut running = start().await;
    let pack = running.publish(files("cn-instalment", "2.0.0", &[])).await;
    let wrong = policy::ReplayDecisionsRequest {
        pack_name: "no name".into(),
        from_date: Some(wire::date_out("2026-07-21".parse().unwrap())),
        until_date: Some(wire::date_out("2026-07-20".parse().unwrap())),
        bucket: 99,
        reason: 99,
        limit: -1,
        ..policy::ReplayDecisionsRequest::default()
    };
    let status = running.client.replay_decisions(ask_as(ANN, wrong)).await.unwrap_err();
    let expected = ["candidate_digest", "mode", "pack_name", "until_date", "bucket", "reason", "limit"];
    assert_eq!(fields(&status), expected);
    let absent = policy::ReplayDecisionsRequest {
        candidate_digest: "00".into(),
        ..under(&pack, policy::ReplayMode::RulesOnly)
    };
    let status = running.client.replay_decisions(ask_as(ANN, absent)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::NotFound, "ERROR_REASON_NOT_FOUND".into()));
    for who in ["officer:chen", "service:application"] {
        let request = under(&pack, policy::ReplayMode::RulesOnly);
        let status = running.client.replay_decisions(ask_as(who, request)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{who}");
    }
    for number in 0..200 {
        running.decide(lean(&format!("app-{number}"), 150_000)).await;
    }
    // A deadline in the middle: the stream breaks off, and without a summary of what it left out.
    let mut request = ask_as(ANN, under(&pack, policy::ReplayMode::WithOffers));
    request.set_timeout(std::time::Duration::from_millis(60));
    let ended = match running.client.replay_decisions(request).await {
        Ok(answer) => last_of(answer.into_inner()).await,
        Err(status) => Err(status.code()),
    };
    // A machine that is fast enough has made all of them again by then.
    assert!(matches!(ended, Ok(200) | Err(Code::DeadlineExceeded | Code::Cancelled)), "{ended:?}");
    // Whoever leaves after the first message leaves nothing behind that computes: others are answered.
    let request = ask_as(ANN, under(&pack, policy::ReplayMode::WithOffers));
    let mut stream = running.client.replay_decisions(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    drop(stream);
    let came = running.replay(under(&pack, policy::ReplayMode::RulesOnly)).await;
    assert_eq!((came.summary.decisions, came.summary.flips), (200, 0));
    only_four_at_a_time(&running, &pack).await;
}

/// Decisions of the summary that ends a stream, or the code with which it breaks off.
async fn last_of(mut stream: Streaming<policy::ReplayDecisionsResponse>) -> Result<i64, Code> {
    let mut last = None;
    loop {
        match stream.message().await {
            Ok(Some(message)) => last = message.part,
            Ok(None) => break,
            Err(status) => return Err(status.code()),
        }
    }
    match last {
        Some(Part::Summary(summary)) => Ok(summary.decisions),
        other => panic!("it ended as if it were whole: {other:?}"),
    }
}

async fn only_four_at_a_time(running: &Running, pack: &policy::PackHead) {
    let open = |running: &Running| {
        let mut client = running.client.clone();
        let request = ask_as(ANN, under(pack, policy::ReplayMode::WithOffers));
        async move { client.replay_decisions(request).await }
    };
    let many = futures_util::future::join_all((0..12).map(|_| open(running))).await;
    let (taken, refusals): (Vec<_>, Vec<_>) = many.into_iter().partition(Result::is_ok);
    assert!(taken.len() >= 4 && !refusals.is_empty(), "{}", taken.len());
    for refusal in refusals {
        let status = refusal.err().unwrap();
        assert_eq!(refused(&status), (Code::ResourceExhausted, "ERROR_REASON_OVERLOADED".into()));
    }
    // Their places come free with them.
    drop(taken);
    while open(running).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[test]
fn the_gaps_of_the_test_lie_on_both_sides_of_both_thresholds() {
    let gaps: Vec<i64> = (0..5_000).map(|number| gap(70_000 + (number * 7_919) % 200_000)).collect();
    for range in [0..=1_000, 1_001..=1_500, 1_501..=9_999] {
        assert!(gaps.iter().filter(|gap| range.contains(*gap)).count() > 100);
    }
}

#[tokio::test]
async fn a_flip_is_the_packs_doing_and_not_the_engines() {
    let mut running = start().await;
    let decision = running.decide(li()).await;
    // As an engine left it that offered nobody anything.
    let stored = running.store.get("decision_row", &decision.decision_id).await.unwrap().unwrap();
    let mut row: crate::replay::StoredRow = serde_json::from_str(&stored.body).unwrap();
    row.engine_version = "0.9.0".into();
    row.verdict.outcome = Outcome::Review;
    row.verdict.terms.clear();
    let write = crate::documents::put(&row, stored.revision).unwrap();
    running.store.commit(store::Commit { writes: vec![write], ..Default::default() }).await.unwrap();
    let same = running.shelve(files("cn-instalment", "2.0.0", &[])).await;
    for mode in [policy::ReplayMode::RulesOnly, policy::ReplayMode::WithOffers] {
        let summary = running.replay(under(&same, mode)).await.summary;
        assert_eq!((summary.decisions, summary.flips, summary.other_engine), (1, 0, 1), "{mode:?}");
    }
    let cost = running.replay(under(&same, policy::ReplayMode::WithOffers)).await.summary;
    assert_eq!(cost.relief_cost_before, decision.offers[0].present_value_loss);
    assert_eq!(cost.relief_cost_after, cost.relief_cost_before);
}

/// Facts are what a bench needs too: a row is made again without any store.
#[test]
fn the_core_needs_no_service() {
    let shelf = crate::PackShelf::open(None).unwrap();
    let pack = shelf.get("cn-instalment").unwrap();
    let mut v = chassis::Violations::new();
    let facts: Facts = wire::facts_in(&mut v, "facts", Some(&lean("app-1", 170_000))).unwrap();
    let row = crate::replay::StoredRow::made("decision-1", &facts, pack).unwrap();
    let case = |row: &crate::replay::StoredRow| crate::replay::Case {
        row: row.clone(),
        decided_under: Some(std::sync::Arc::clone(pack)),
        facts: None,
    };
    let mut tally = crate::replay::Tally::default();
    let flips = crate::replay::rules_only((0..10).map(|_| case(&row)), pack, &mut tally);
    assert_eq!((flips.len(), tally.total.decisions, tally.total.flips), (0, 10, 0));
    let other = load_pack(&PackFiles(files("cn-instalment", "2.0.0", &WIDER_GAP))).unwrap();
    let flips = crate::replay::rules_only([case(&row)], &other, &mut tally);
    assert_eq!(flips[0].kinds, [crate::replay::FlipKind::Authority]);
}
