//! Six thousand real loans: loaded, found in their buckets, loaded again, assessed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use api::google::r#type::Date;
use api::leeway::application::v1 as pb;
use api::leeway::common::v1::Bucket;
use chassis::Principal;
use e2e::Stage;
use e2e::people::{li, zhang};
use leeway::import::{Portfolio, assess, buckets, import, read};
use leeway::progress::Progress;
use leeway::stack::{connect, endpoint};

const AS_OF: Date = Date { year: 2018, month: 6, day: 30 };

/// The file of the shared data, beside the repository.
fn file() -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/lc_portfolio_2018.csv");
    path.canonicalize().with_context(|| {
        format!("`{}` is missing: this test needs the shared data beside the repository", path.display())
    })
}

/// What the statuses say, by the rules for loading.
fn expected_buckets(portfolio: &Portfolio) -> BTreeMap<&'static str, i64> {
    let mut counts: BTreeMap<&'static str, i64> =
        ["M0", "M1", "M2", "M3", "M4_PLUS"].into_iter().map(|bucket| (bucket, 0)).collect();
    for loan in &portfolio.loans {
        let bucket = match loan.status.as_str() {
            "Current" => "M0",
            "In Grace Period" | "Late (16-30 days)" => "M1",
            "Late (31-120 days)" => "M2",
            "Fully Paid" | "Charged Off" => continue,
            other => panic!("status `{other}`"),
        };
        *counts.entry(bucket).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn six_thousand_loans() -> anyhow::Result<()> {
    let stage = Stage::start("2018-06-30T10:00+08:00").await?;
    let portfolio = read(&file()?, None)?;
    assert_eq!(portfolio.loans.len(), 6_000);
    let [application, policy, _] = stage.addresses();
    let core = connect(&endpoint(application), Principal::service("import"))?;
    let progress = Progress::new(portfolio.loans.len(), true);

    let first = import(&core, &portfolio, &progress).await?;
    assert_eq!(
        (first.created, first.unchanged, first.refused),
        (6_000, 0, 0),
        "{:?}",
        first.refusals.first()
    );
    let expected = expected_buckets(&portfolio);
    assert_eq!(expected.values().sum::<i64>(), 5_728);
    assert_eq!(buckets(&core, portfolio.as_of).await?, expected);
    let head = stage.application.store.feed_head().await?;
    let second = import(&core, &portfolio, &progress).await?;
    assert_eq!((second.created, second.unchanged, second.refused), (0, 6_000, 0));
    assert_eq!(stage.application.store.feed_head().await?, head, "nothing happened twice");

    members(&stage, Bucket::M1, 63).await?;
    members(&stage, Bucket::M2, 40).await?;

    let policy = connect(&endpoint(policy), Principal::service("import"))?;
    let outcomes = assess(&policy, &portfolio, &progress).await?;
    assert_eq!(outcomes.values().sum::<i64>(), 6_000, "every loan is answered: {outcomes:?}");
    assert!(!outcomes.keys().any(|outcome| outcome.starts_with("problem")), "{outcomes:?}");
    // Closed loans at least: nothing of them is owed.
    assert!(outcomes["REFUSE"] >= 6_000 - 5_728, "{outcomes:?}");

    let extremes = extremes(&portfolio);
    // Four were charged off.
    assert_eq!(extremes.loans.len(), 2 * 54);
    let outcomes = assess(&policy, &extremes, &progress).await?;
    assert_eq!(outcomes.values().sum::<i64>(), 2 * 54, "{outcomes:?}");
    assert!(!outcomes.keys().any(|outcome| outcome.starts_with("problem")), "{outcomes:?}");
    Ok(())
}

/// Loans of every status, ten of each at most, once without any income and once with debts of 469 % of it.
fn extremes(portfolio: &Portfolio) -> Portfolio {
    let mut loans = Vec::new();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for loan in &portfolio.loans {
        let taken = taken.entry(loan.status.as_str()).or_default();
        *taken += 1;
        if *taken > 10 {
            continue;
        }
        for debts in [0, 469] {
            let mut changed = loan.clone();
            let statement = changed.facts.as_mut().unwrap().statement.as_mut().unwrap();
            let income = statement.declared_income[0].amount.as_mut().unwrap();
            if debts == 0 {
                income.minor_units = 0;
            }
            let debts = income.minor_units * debts / 100;
            statement.priority_debt_payments.as_mut().unwrap().minor_units = debts;
            if !statement.verified_income.is_empty() {
                statement.verified_income = statement.declared_income.clone();
            }
            loans.push(changed);
        }
    }
    Portfolio { as_of: portfolio.as_of, loans }
}

/// Pages through a bucket: as many loans as were counted, none twice, each of them really in it.
async fn members(stage: &Stage, bucket: Bucket, expected: usize) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    let mut request = pb::ListLoansRequest {
        bucket: bucket.into(),
        as_of_date: Some(AS_OF),
        page_size: 17,
        ..pb::ListLoansRequest::default()
    };
    loop {
        let page = stage.loans("officer:chen")?.list_loans(request.clone()).await?.into_inner();
        for loan in page.loans {
            assert_eq!(loan.bucket(), bucket, "{}", loan.loan_id);
            ids.push(loan.loan_id);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(ids.len(), expected);
    assert!(ids.is_sorted_by(|a, b| a < b), "by id, none twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_named_and_the_others_land() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T10:00+08:00").await?;
    stage.register(&zhang().loan).await?;
    let mut negative = li().of("negative").loan;
    negative.principal = -1;
    let mut unpaid = li().of("early").loan.registration();
    unpaid.events[0].effective_date = Some(Date { year: 2025, month: 1, day: 1 });
    let mut changed = zhang().loan;
    changed.principal += 100;
    let row = |row: i64, loan: Option<pb::LoanRegistration>| pb::ImportLoansRequest { row, loan };
    let rows = vec![
        row(2, Some(li().loan.registration())),
        row(3, Some(negative.registration())),
        row(4, None),
        row(5, Some(zhang().loan.registration())),
        row(6, Some(changed.registration())),
        row(7, Some(unpaid)),
        row(8, Some(li().of("last").loan.registration())),
    ];
    let answer = stage.loans("service:core")?.import_loans(tokio_stream::iter(rows)).await?.into_inner();
    assert_eq!((answer.created, answer.unchanged, answer.refused), (2, 1, 4), "{:?}", answer.refusals);
    let refusals: Vec<_> =
        answer.refusals.iter().map(|r| (r.row, r.loan_id.as_str(), r.reason.as_str())).collect();
    let expected = [
        (3, "loan-negative", "ERROR_REASON_VALIDATION_FAILED"),
        (4, "", "ERROR_REASON_VALIDATION_FAILED"),
        (6, "loan-zhang", "ERROR_REASON_ALREADY_EXISTS"),
        (7, "loan-early", "ERROR_REASON_VALIDATION_FAILED"),
    ];
    assert_eq!(refusals, expected);
    assert!(answer.refusals[0].message.contains("loan.contract.principal"), "{:?}", answer.refusals[0]);
    for landed in ["loan-li", "loan-last"] {
        assert_eq!(stage.loan(landed).await?.loan_id, landed);
    }
    Ok(())
}
