//! Data that the version before wrote: `tests/data/version-N` holds the databases of a stack that had played the stories.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::desk_service_client::DeskServiceClient;
use api::leeway::application::v1::loan_service_client::LoanServiceClient;
use chassis::{Clock, Ids};
use e2e::make::request_id;
use e2e::replicas::{self, Databases};
use e2e::stage::somebody;
use leeway::config::Config;
use leeway::serve::Which;
use leeway::stack::{Stack, World, connect, endpoint};
use store::Store;

/// The moment at which the data was left.
const LEFT_AT: &str = "2026-07-20T10:10+08:00";
const LI: &str = "app-01a20b9f2db572a98ec5d75a9e24a213";
const HE: &str = "app-01a20b9f2f3977338942fc9887236263";
const ZHANG: &str = "app-01a20b9f2dee766bb4c82be71c3cb542";
/// Under which officer:chen claimed Zhang's case.
const CLAIM: &str = "09fe3d8f-69da-4596-9d36-5d585cd00369";

#[tokio::test(flavor = "multi_thread")]
async fn version_1_goes_on() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    for which in Which::ALL {
        restore(which, data.path())?;
    }
    let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() }.on_free_ports();
    let _databases = moved(&mut config, data.path()).await?;
    let clock = Clock::manual(chassis::clock::parse_time(LEFT_AT)?);
    let stack = Stack::start(&config, &World { clock, ids: Ids::random() }).await?;
    for store in [&stack.application.store, &stack.policy.store, &stack.notification.store] {
        chains_hold(store).await?;
    }
    assert_eq!(stack.application.store.read_feed(0, 100).await?.len(), 32);

    let client = connect(&endpoint(stack.application.handle.grpc), somebody("officer:chen")?)?;
    let mut cases = ApplicationServiceClient::new(client.clone());
    let mut desk = DeskServiceClient::new(client.clone());
    let state = |id: &str| pb::GetApplicationRequest { application_id: id.to_owned() };
    let li = cases.get_application(state(LI)).await?.into_inner().application.context("no case")?;
    assert_eq!(li.state(), pb::ApplicationState::Accepted);
    let asked = pb::GetLoanRequest { loan_id: li.loan_id, as_of_date: None };
    let loan = LoanServiceClient::new(client).get_loan(asked).await?.into_inner().loan.context("no loan")?;
    assert!(loan.versions.len() > 1 && !loan.plan_id.is_empty(), "the plan stands beside the contract");
    // A repeated request is a replay, and what was left undone can be done.
    for _ in 0..3 {
        let again = pb::ClaimApplicationRequest { request_id: CLAIM.into(), application_id: ZHANG.into() };
        let zhang = desk.claim_application(again).await?.into_inner().application.context("no case")?;
        assert_eq!(zhang.state(), pb::ApplicationState::Accepted);
    }
    let claim = pb::ClaimApplicationRequest { request_id: request_id(), application_id: HE.into() };
    let he = desk.claim_application(claim).await?.into_inner().application.context("no case")?;
    assert_eq!(he.state(), pb::ApplicationState::InReview);
    chains_hold(&stack.application.store).await?;
    stack.stop().await;
    Ok(())
}

fn restore(which: Which, data: &Path) -> anyhow::Result<()> {
    let name = which.name();
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/version-1/{name}.sql.gz"));
    let unpacked = Command::new("gzip").args(["--decompress", "--stdout"]).arg(packed).output()?;
    anyhow::ensure!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    let database = rusqlite::Connection::open(data.join(format!("{name}.db")))?;
    database.execute_batch(&String::from_utf8(unpacked.stdout)?)?;
    let version: i64 =
        database.query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))?;
    assert_eq!(version, 1);
    Ok(())
}

/// In the test program of the replicas the data goes on in PostgreSQL.
async fn moved(config: &mut Config, data: &Path) -> anyhow::Result<Option<Databases>> {
    if !replicas::wanted() {
        return Ok(None);
    }
    let databases = Databases::new(config).await?;
    for which in Which::ALL {
        let options = config.database(which).postgres(which).context("no database")?;
        let copied =
            Store::copy(&data.join(format!("{}.db", which.name())), &options, which.schema()).await?;
        assert!(copied.iter().any(|table| table.table == "journal" && table.rows > 0));
    }
    Ok(Some(databases))
}

async fn chains_hold(store: &Store) -> anyhow::Result<()> {
    let streams = store.list_streams("", 1_000).await?;
    assert!(!streams.is_empty());
    for stream in streams {
        assert_eq!(store.verify_stream(&stream).await?.fault, None, "{stream}");
    }
    Ok(())
}
