//! A network that stops, resets and heals: bytes between two processes pass through here.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Works,
    /// Nothing arrives any more, and nobody is told: connections stay open, new ones are taken and lead nowhere.
    Silent,
    /// Open connections are reset, with all that is on its way in them; so are new ones.
    Resets,
}

/// Forwards connections, ended when this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    target: Arc<watch::Sender<Option<SocketAddr>>>,
    accepts: AbortHandle,
}

impl Proxy {
    /// Listens; connections wait until [`Proxy::leads_to`] says where they go.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let network = watch::Sender::new(Network::Works);
        let target = Arc::new(watch::Sender::new(None));
        let (states, targets) = (network.clone(), Arc::clone(&target));
        let accepts = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(forward(stream, states.subscribe(), targets.subscribe()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, network, target, accepts: accepts.abort_handle() })
    }

    pub fn leads_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }

    pub fn becomes(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

async fn forward(
    near: TcpStream,
    mut network: watch::Receiver<Network>,
    mut target: watch::Receiver<Option<SocketAddr>>,
) {
    let mut resets = network.clone();
    let connect = async {
        network.wait_for(|network| *network == Network::Works).await.ok()?;
        let address = *target.wait_for(Option::is_some).await.ok()?;
        TcpStream::connect(address?).await.ok()
    };
    let far = tokio::select! {
        biased;
        _ = resets.wait_for(|network| *network == Network::Resets) => None,
        far = connect => far,
    };
    let Some(far) = far else {
        reset(&near);
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut halves = JoinSet::new();
    halves.spawn(pump(near_in, far_out, network.clone()));
    halves.spawn(pump(far_in, near_out, network));
    // A half comes to its end with its connection; after a reset the other must not be closed in good order.
    let mut ended = Vec::new();
    while let Some(half) = halves.join_next().await {
        ended.extend(half.ok());
    }
    if *resets.borrow() == Network::Resets {
        for (from, to) in &ended {
            reset(from.as_ref());
            reset(to.as_ref());
        }
    }
}

/// Carries bytes one way while the network works, until the end of the connection or a reset.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
) -> (OwnedReadHalf, OwnedWriteHalf) {
    let mut resets = network.clone();
    let carry = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            let works = network.wait_for(|network| *network == Network::Works).await.is_ok();
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() || !works || to.write_all(bytes).await.is_err() {
                // Tells the other side that nothing comes any more.
                let _ = to.shutdown().await;
                return;
            }
        }
    };
    tokio::select! {
        biased;
        _ = resets.wait_for(|network| *network == Network::Resets) => {}
        () = carry => {}
    }
    (from, to)
}

fn reset(stream: &TcpStream) {
    // Closing it then sends RST; where that can't be set it is closed all the same.
    let _ = stream.set_zero_linger();
}
