//! Calls spread over every address that a name has, such as that of a headless service.
//!
//! Each address has a keeper, a task that holds one connection to it: only addresses that answer get calls, in turn. One
//! that fails a call is out at once, and back when its keeper has reached it again. The name is looked up every
//! so often, and soon after a failure.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

use crate::client::endpoint;
use crate::config::{ClientConfig, millis};

/// Pause before an address that doesn't answer is tried again, and between look-ups that failures ask for.
const PAUSE: Duration = Duration::from_millis(250);

/// Says which addresses a name has.
#[tonic::async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All of them, in any order; none is as good as an error: the ones known before are kept.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// What the operating system says.
#[derive(Debug, Clone, Copy)]
pub struct Dns;

#[tonic::async_trait]
impl Resolve for Dns {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// A pool of connections. Clones share it; with the last one it ends.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    rotation: watch::Receiver<Rotation>,
    next: Arc<AtomicUsize>,
    patience: Duration,
    _end: Arc<DropGuard>,
}

/// Addresses that answer, by address.
#[derive(Debug, Clone, Default)]
struct Rotation {
    targets: Vec<Target>,
    /// Whether everything was tried, so that waiting for a first connection is in vain.
    tried: bool,
}

/// One address that answers.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    pub(crate) channel: Channel,
    shown: Arc<watch::Sender<Rotation>>,
    /// Wakes its keeper; also what makes this connection another one than the next to the same address.
    failed: Arc<Notify>,
}

impl Target {
    /// Takes the address out of the rotation until it is reached anew.
    pub(crate) fn fail(&self) {
        self.leave();
        self.failed.notify_one();
    }

    fn leave(&self) {
        let other = |target: &Self| !Arc::ptr_eq(&target.failed, &self.failed);
        self.shown.send_modify(|rotation| rotation.targets.retain(other));
    }
}

impl Pool {
    /// `(host, port)` is the name in `config.endpoint`. A call waits for the first connection as long as one may take.
    pub(crate) fn new(config: &ClientConfig, name: (String, u16), resolve: Arc<dyn Resolve>) -> Self {
        let patience = millis(config.connect_timeout_ms);
        let (shown, rotation) = watch::channel(Rotation::default());
        let end = CancellationToken::new();
        let failures = Arc::new(Notify::new());
        let keeper = Keeper {
            config: Arc::new(config.clone()),
            shown: Arc::new(shown),
            failures: Arc::clone(&failures),
        };
        tokio::spawn(end.clone().run_until_cancelled_owned(look_up(name, resolve, keeper, end.clone())));
        Self { rotation, next: Arc::default(), patience, _end: Arc::new(end.drop_guard()) }
    }

    /// The next address in turn; `None` if none answers.
    pub(crate) async fn pick(&self) -> Option<Target> {
        let mut rotation = self.rotation.clone();
        let known = rotation.wait_for(|rotation| rotation.tried || !rotation.targets.is_empty());
        let known = tokio::time::timeout(self.patience, known).await.ok()?.ok()?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        known.targets.get(turn.checked_rem(known.targets.len())?).cloned()
    }

    /// Whether an address answers besides this one.
    pub(crate) fn has_other(&self, target: &Target) -> bool {
        self.rotation.borrow().targets.iter().any(|other| other.address != target.address)
    }
}

/// Looks the name up again and again, and has a keeper for each of its addresses.
async fn look_up(
    (host, port): (String, u16),
    resolve: Arc<dyn Resolve>,
    keeper: Keeper,
    end: CancellationToken,
) {
    let every = millis(keeper.config.resolve_interval_ms).max(PAUSE);
    let mut keepers: HashMap<SocketAddr, CancellationToken> = HashMap::new();
    loop {
        match resolve.resolve(&host, port).await {
            Ok(addresses) if !addresses.is_empty() => {
                keepers.retain(|address, kept| {
                    let stays = addresses.contains(address);
                    if !stays {
                        kept.cancel();
                    }
                    stays
                });
                for address in addresses {
                    keepers.entry(address).or_insert_with(|| {
                        let kept = end.child_token();
                        tokio::spawn(keeper.clone().keep(address, kept.clone()));
                        kept
                    });
                }
            }
            Ok(_) => tracing::warn!(host, "a name has no addresses"),
            Err(error) => tracing::warn!(host, %error, "a name can't be looked up"),
        }
        if keepers.is_empty() {
            keeper.shown.send_modify(|rotation| rotation.tried = true);
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = async {
                keeper.failures.notified().await;
                tokio::time::sleep(PAUSE).await;
            } => {}
        }
    }
}

/// Keeps connections to addresses.
#[derive(Clone)]
struct Keeper {
    config: Arc<ClientConfig>,
    shown: Arc<watch::Sender<Rotation>>,
    failures: Arc<Notify>,
}

impl Keeper {
    /// Until the address leaves its name.
    async fn keep(self, address: SocketAddr, kept: CancellationToken) {
        while !kept.is_cancelled() {
            let connected = kept.run_until_cancelled(self.connect(address)).await;
            let Some(Some(channel)) = connected else {
                self.shown.send_modify(|rotation| rotation.tried = true);
                kept.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                continue;
            };
            let failed = Arc::new(Notify::new());
            let target =
                Target { address, channel, shown: Arc::clone(&self.shown), failed: Arc::clone(&failed) };
            self.shown.send_modify(|rotation| rotation.targets.push(target.clone()));
            kept.run_until_cancelled(failed.notified()).await;
            target.leave();
            self.failures.notify_one();
        }
    }

    async fn connect(&self, address: SocketAddr) -> Option<Channel> {
        // Reached by its address, called by its name.
        let origin = self.config.endpoint.parse().ok()?;
        let endpoint = endpoint(&self.config, format!("http://{address}")).ok()?.origin(origin);
        match endpoint.connect().await {
            Ok(channel) => Some(channel),
            Err(error) => {
                tracing::debug!(%address, %error, "an address doesn't answer");
                None
            }
        }
    }
}
