//! Sending a portfolio and reading back where it lies.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use api::google::r#type::Date as DateMessage;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use api::leeway::application::v1::{ImportLoansRequest, ImportLoansResponse, ListLoansRequest};
use api::leeway::common::v1::Bucket;
use api::leeway::policy::v1::policy_service_client::PolicyServiceClient;
use api::leeway::policy::v1::{AssessStreamRequest, assess_stream_response};
use chassis::Client;
use jiff::civil::Date;
use tokio_stream::StreamExt as _;
use tonic::Request;

use super::Portfolio;
use crate::progress::Progress;

/// Longest import or portfolio assessment.
const STREAM_DEADLINE: Duration = Duration::from_secs(3600);
const PACK: &str = "us-consumer";

/// Sends every loan.
pub async fn import(
    client: &Client,
    portfolio: &Portfolio,
    progress: &Progress,
) -> anyhow::Result<ImportLoansResponse> {
    progress.begin("importing", portfolio.loans.len());
    let bar = progress.bar();
    let messages = portfolio.loans.clone().into_iter().map(move |loan| {
        bar.inc(1);
        ImportLoansRequest { row: loan.row, loan: Some(loan.registration) }
    });
    let mut request = Request::new(tokio_stream::iter(messages));
    request.set_timeout(STREAM_DEADLINE);
    let answer =
        LoanServiceClient::new(client.clone()).import_loans(request).await.context("the import broke off")?;
    progress.finish();
    Ok(answer.into_inner())
}

/// How many loans lie in each bucket on a day (today if none is given).
pub async fn buckets(client: &Client, as_of: Option<Date>) -> anyhow::Result<BTreeMap<&'static str, i64>> {
    let mut counts = BTreeMap::new();
    let all = [Bucket::M0, Bucket::M1, Bucket::M2, Bucket::M3, Bucket::M4Plus];
    for bucket in all {
        let as_of_date = as_of.map(|day| DateMessage {
            year: i32::from(day.year()),
            month: i32::from(day.month()),
            day: i32::from(day.day()),
        });
        let request = ListLoansRequest {
            bucket: bucket.into(),
            as_of_date,
            page_size: 1,
            count_all: true,
            ..ListLoansRequest::default()
        };
        let answer = LoanServiceClient::new(client.clone()).list_loans(request).await?.into_inner();
        counts.insert(bucket.as_str_name().trim_start_matches("BUCKET_"), answer.total_count);
    }
    Ok(counts)
}

/// Assesses every loan with an income over one stream; counts outcomes, and problems under `problem …`.
pub async fn assess(
    client: &Client,
    portfolio: &Portfolio,
    progress: &Progress,
) -> anyhow::Result<BTreeMap<String, i64>> {
    let cases: Vec<_> = portfolio.loans.iter().filter_map(|loan| loan.facts.clone()).collect();
    progress.begin("assessing", cases.len());
    let total = cases.len();
    let messages = cases.into_iter().map(|facts| AssessStreamRequest {
        pack_name: PACK.to_owned(),
        facts: Some(facts),
        omit_trace: true,
    });
    let mut request = Request::new(tokio_stream::iter(messages));
    request.set_timeout(STREAM_DEADLINE);
    let mut answers = PolicyServiceClient::new(client.clone()).assess_stream(request).await?.into_inner();
    let mut outcomes = BTreeMap::new();
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        let key = match answer?.result {
            Some(assess_stream_response::Result::Decision(decision)) => {
                decision.outcome().as_str_name().trim_start_matches("OUTCOME_").to_owned()
            }
            Some(assess_stream_response::Result::Problem(problem)) => {
                format!("problem {}: {}", problem.reason, problem.message)
            }
            None => "no answer".to_owned(),
        };
        *outcomes.entry(key).or_insert(0) += 1;
        answered += 1;
        progress.one_more();
    }
    progress.finish();
    anyhow::ensure!(answered == total, "{answered} answers for {total} loans");
    Ok(outcomes)
}
