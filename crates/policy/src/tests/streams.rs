//! AssessStream.

use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::assess_stream_response::Result as Answer;
use tokio_stream::StreamExt as _;
use tonic::Code;

use super::cases::{li, li_in};
use super::{ask, ask_as, refused, start};

fn case(number: usize, pack_name: &str) -> policy::AssessStreamRequest {
    let mut facts = li();
    facts.case_id = format!("case-{number}");
    policy::AssessStreamRequest { pack_name: pack_name.into(), facts: Some(facts), omit_trace: false }
}

#[tokio::test]
async fn bad_cases_in_the_middle_dont_end_the_stream() {
    let mut running = start().await;
    let mut cases: Vec<_> = (0..8).map(|number| case(number, "cn-instalment")).collect();
    cases[2].facts.as_mut().unwrap().as_of_date = None;
    cases[2].facts.as_mut().unwrap().statement.as_mut().unwrap().adults = 99;
    cases[3].pack_name = "mars".into();
    cases[4].facts = Some(policy::Facts { case_id: "case-4".into(), ..li_in("USD") });
    cases[5].facts = None;
    cases[6].omit_trace = true;
    // A day before the pack was in force: a simulation may ask.
    cases[7].facts.as_mut().unwrap().as_of_date.as_mut().unwrap().day = 19;
    let stream = running.client.assess_stream(ask(tokio_stream::iter(cases))).await.unwrap().into_inner();
    let answers: Vec<_> = stream.map(Result::unwrap).collect().await;

    let ids: Vec<&str> = answers.iter().map(|answer| answer.case_id.as_str()).collect();
    assert_eq!(ids, ["case-0", "case-1", "case-2", "case-3", "case-4", "", "case-6", "case-7"]);
    let reasons: Vec<&str> = answers
        .iter()
        .map(|answer| match answer.result.as_ref().unwrap() {
            Answer::Decision(decision) => {
                assert_eq!(decision.case_id, answer.case_id);
                assert_eq!((decision.decision_id.as_str(), decision.create_time), ("", None));
                if decision.rules.is_empty() { "no trace" } else { "decided" }
            }
            Answer::Problem(problem) => {
                assert!(!problem.message.is_empty());
                problem.reason.as_str()
            }
        })
        .collect();
    let expected = [
        "decided",
        "decided",
        "ERROR_REASON_VALIDATION_FAILED",
        "ERROR_REASON_PACK_UNKNOWN",
        "ERROR_REASON_CURRENCY_MISMATCH",
        "ERROR_REASON_VALIDATION_FAILED",
        "no trace",
        "decided",
    ];
    assert_eq!(reasons, expected);
    let Some(Answer::Problem(problem)) = &answers[2].result else { panic!("case 2 was decided") };
    assert!(problem.message.contains("`facts.as_of_date`"), "{}", problem.message);
    assert!(problem.message.contains("`facts.statement.adults`"), "{}", problem.message);
    assert_eq!(running.store.count("decision", Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stream_answers_while_it_is_still_asked() {
    let mut running = start().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    // The head of the response comes once the server has seen a message.
    sender.send(case(0, "cn-instalment")).await.unwrap();
    let mut answers = running.client.assess_stream(ask(requests)).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().case_id, "case-0");
    sender.send(case(1, "mars")).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().case_id, "case-1");
    drop(sender);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn officers_may_not_stream() {
    let mut running = start().await;
    let cases = tokio_stream::iter(vec![case(0, "cn-instalment")]);
    let status = running.client.assess_stream(ask_as("officer:chen", cases)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::PermissionDenied, "ERROR_REASON_ACCESS_DENIED".into()));
}
