//! A new version rolls out: every replica is told to leave and comes back, one after the other, while clients go on.

use std::sync::Arc;

use anyhow::ensure;
use cluster::Cluster;
use leeway::serve::Which;

use crate::fleet::{Detours, Fleet, Server, Storage};
use crate::load::{Load, all_there_once};
use crate::programs::CLOCK;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_costs_no_call_more_than_one_retry() -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start()?);
    let server = Server::new(&cluster, cluster.port())?;
    let mut fleet = Fleet::start(Storage::Server(server), 2, Detours::default(), &[]).await?;
    let mut load = Load::start(&fleet.addresses(Which::Application))?;
    for index in 0..fleet.replicas.len() {
        load.goes_on(20).await?;
        fleet.leave(index).await?;
        // The others carry on alone.
        load.goes_on(20).await?;
        fleet.restart(index, Some(CLOCK)).await?;
    }
    load.goes_on(20).await?;
    let most = load.most_repeated();
    ensure!(most <= 1, "a call was repeated {most} times");
    all_there_once(fleet, load.stop().await?).await
}
