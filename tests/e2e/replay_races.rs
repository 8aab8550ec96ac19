//! The same request at once, late, or by somebody else.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use api::leeway::policy::v1 as policy;
use e2e::Stage;
use e2e::flows::assessment;
use e2e::make::request_id;
use e2e::packs::{ANN, BO, pack_files, proposal};
use e2e::people::li;
use e2e::refusal::refused;
use tonic::{Code, Request};

const JULY: &str = "2026-07-20T10:00+08:00";
const JUNE: &str = "2026-06-20T10:00+08:00";

#[tokio::test(flavor = "multi_thread")]
async fn own_terms_answer_the_same_after_they_were_sent_back() -> anyhow::Result<()> {
    let stage = Stage::start(JUNE).await?;
    let proved = stage.wang_proved().await?;
    let id = proved.application_id.clone();
    let settlement = e2e::flows::settlement(&assessment(&proved)?.offers)?.terms.clone();
    let request = pb::OfferTermsRequest {
        request_id: request_id(),
        application_id: id.clone(),
        terms: settlement,
        ..pb::OfferTermsRequest::default()
    };
    let signed =
        stage.desk("officer:chen")?.offer_terms(request.clone()).await?.into_inner().application.unwrap();
    assert_eq!(signed.state(), pb::ApplicationState::AwaitingCosign);
    let back = pb::CoSignRequest {
        request_id: request_id(),
        application_id: id,
        verdict: pb::CoSignVerdict::SentBack.into(),
        note: "why so much?".to_owned(),
    };
    stage.desk("supervisor:zhao")?.co_sign(back).await?;
    // The officer's client never saw the answer and asks again.
    let again = stage.desk("officer:chen")?.offer_terms(request).await?.into_inner().application.unwrap();
    assert_eq!(
        (again.application_id.clone(), again.state()),
        (signed.application_id, pb::ApplicationState::InReview)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_at_once_takes_effect() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let request = pb::AcceptOfferRequest {
        request_id: request_id(),
        application_id: case.application_id.clone(),
        offer_id: case.offers[0].offer_id.clone(),
        etag: String::new(),
    };
    let calls = (0..8).map(|_| {
        let (client, request) = (stage.cases("borrower:li"), request.clone());
        async move { client?.accept_offer(request).await.map_err(anyhow::Error::from) }
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.into_inner().plan.unwrap().application_id, case.application_id);
    }
    stage.settle().await?;
    assert_eq!(stage.loan("loan-li").await?.versions.len(), 2);
    assert_eq!(stage.told("li").await?, ["application-received", "offer-made", "plan-active"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_accept_the_same_offer() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&li()).await?;
    let calls = (0..8).map(|_| {
        let request = pb::AcceptOfferRequest {
            request_id: request_id(),
            application_id: case.application_id.clone(),
            offer_id: case.offers[0].offer_id.clone(),
            etag: String::new(),
        };
        let client = stage.cases("borrower:li");
        async move { client?.accept_offer(request).await.map_err(anyhow::Error::from) }
    });
    // Whoever comes second finds it accepted, which is what was wanted.
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.into_inner().plan.unwrap().application_id, case.application_id);
    }
    stage.settle().await?;
    assert_eq!(stage.loan("loan-li").await?.versions.len(), 2);
    assert_eq!(stage.told("li").await?, ["application-received", "offer-made", "plan-active"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_belongs_to_whoever_used_it() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let id = request_id();
    for borrower in ["li", "li-2"] {
        stage.register(&li().of(borrower).loan).await?;
        let said = pb::SubmitApplicationRequest { request_id: id.clone(), ..li().of(borrower).said };
        let answer = stage.cases_for(borrower).submit_application(said).await?.into_inner();
        assert_eq!(answer.application.unwrap().borrower_id, borrower);
    }
    Ok(())
}

/// Sixteen clients publish, propose, confirm at once: under one request id it happens once, under sixteen the first one
/// wins and the others read what stands.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_administrators_at_once() -> anyhow::Result<()> {
    const MANY: usize = 16;
    const PATIENCE: Duration = Duration::from_secs(120);
    let stage = Stage::start(JULY).await?;
    let files = pack_files("2.0.0")?;
    let published = (0..MANY).map(|_| {
        let (client, files) = (stage.policy(ANN), files.clone());
        let mut request = Request::new(policy::PublishPackRequest { request_id: request_id(), files });
        // Each of them runs the pack's tests, all at once.
        request.set_timeout(PATIENCE);
        async move { client?.publish_pack(request).await.map_err(anyhow::Error::from) }
    });
    let mut packs = Vec::new();
    for answer in futures_util::future::join_all(published).await {
        packs.push(answer?.into_inner().pack.unwrap());
    }
    packs.dedup();
    let [pack] = packs.as_slice() else { panic!("{packs:?}") };

    let request = proposal(pack, "2026-07-21");
    let proposed = (0..MANY).map(|_| {
        let (client, request) = (stage.policy(ANN), request.clone());
        async move { client?.propose_activation(request).await.map_err(anyhow::Error::from) }
    });
    let mut ids = Vec::new();
    for answer in futures_util::future::join_all(proposed).await {
        ids.push(answer?.into_inner().activation.unwrap().activation_id);
    }
    ids.dedup();
    let [id] = ids.as_slice() else { panic!("{ids:?}") };

    let one = request_id();
    let confirmed = (0..MANY).map(|nr| {
        // Half of them repeat one request, the others each ask for themselves.
        let own = if nr % 2 == 0 { one.clone() } else { request_id() };
        let request = policy::ConfirmActivationRequest { request_id: own, activation_id: id.clone() };
        let client = stage.policy(BO);
        async move { Ok::<_, anyhow::Error>((nr, client?.confirm_activation(request).await)) }
    });
    let mut winners = 0;
    let mut repeats = Vec::new();
    for answer in futures_util::future::join_all(confirmed).await {
        let (nr, answer) = answer?;
        if nr % 2 == 0 {
            repeats.push(answer.is_ok());
        } else {
            winners += usize::from(answer.is_ok());
        }
        if answer.is_err() {
            assert_eq!(refused(answer)?, (Code::FailedPrecondition, "WRONG_STATE".to_owned()));
        }
    }
    assert!(repeats.iter().all(|won| *won == repeats[0]), "one request has one answer: {repeats:?}");
    assert_eq!(winners + usize::from(repeats[0]), 1);
    let trail = stage.policy_store()?.read_stream("packs/cn-instalment", 0, 100).await?;
    let kinds: Vec<_> = trail.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["pack_shipped", "pack_published", "activation_proposed", "activation_confirmed"]);
    assert_eq!(stage.policy_store()?.count("activation", Vec::new()).await?, 4);
    Ok(())
}
