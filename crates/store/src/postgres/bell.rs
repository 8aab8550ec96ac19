//! Changes of other processes: LISTEN and NOTIFY, or an assumption at intervals.
//!
//! A notification is sent apart from the commits it tells of: inside one, it would make all commits of the database wait
//! for each other. It may come late or never; whoever waits for it looks by himself from time to time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::pool::{Pool, Statement};

/// The channel of the database: each service owns its own.
const CHANNEL: &str = "leeway_changes";
/// Least pause between two notifications of one process; what happens meanwhile is told together.
const PAUSE: Duration = Duration::from_millis(10);
/// Silence after which the listening connection is asked for a sign of life, and how long that may take.
const SILENCE: Duration = Duration::from_secs(10);
const SIGN_PATIENCE: Duration = Duration::from_secs(5);
/// Pause before listening is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// What rings when something changed.
#[derive(Clone)]
pub(super) struct Bell {
    changes: watch::Sender<u64>,
    told: Arc<Notify>,
    /// The listening backend of this process, by which it knows its own notifications; 0 while there is none.
    own: watch::Sender<i32>,
    stop: CancellationToken,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self {
            changes: watch::Sender::new(0),
            told: Arc::default(),
            own: watch::Sender::new(0),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Something changed through this process.
    pub(super) fn ring(&self) {
        self.ring_here();
        self.told.notify_one();
    }

    /// Tells others, and listens to them at `listen`, or assumes a change at every interval.
    pub(super) fn spawn(&self, pool: Pool, listen: Option<PgConnectOptions>, interval: Duration) {
        let (teller, listener) = (self.clone(), self.clone());
        tokio::spawn(async move { teller.tell(pool).await });
        tokio::spawn(async move {
            let work = async {
                match listen {
                    Some(options) => listener.listen(options).await,
                    None => listener.assume(interval).await,
                }
            };
            tokio::select! {
                () = listener.stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Ends when changes of others are heard.
    pub(super) async fn listening(&self) {
        // Its sender is here, so waiting can't fail.
        let _ = self.own.subscribe().wait_for(|backend| *backend != 0).await;
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    fn ring_here(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    async fn tell(&self, pool: Pool) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.told.notified() => {}
            }
            let own = self.own.borrow().to_string();
            let notify = Statement::new("SELECT pg_notify($1, $2)::text").bind(CHANNEL).bind(own);
            if let Err(error) = pool.rows(notify).await {
                tracing::debug!(%error, "others weren't told of a change");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen(&self, options: PgConnectOptions) {
        loop {
            if let Err(error) = self.listen_once(options.clone()).await {
                tracing::warn!(%error, "changes of other processes aren't heard");
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
            // Whatever was missed is looked for, now and as long as nobody tells.
            self.ring_here();
        }
    }

    async fn listen_once(&self, options: PgConnectOptions) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut listener).await?;
        let heard_before = self.own.send_replace(own) != 0;
        if heard_before {
            self.ring_here();
        }
        loop {
            // Receiving loses nothing when it is dropped: a message is taken whole or left.
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(notification))) if notification.payload() == own.to_string() => {}
                Ok(Ok(Some(_))) => self.ring_here(),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                // A connection that was cut without a word looks like one on which nothing happens.
                Err(_) => {
                    let sign = sqlx::query("SELECT 1").persistent(false).execute(&mut listener);
                    timeout(SIGN_PATIENCE, sign).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }

    async fn assume(&self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            self.ring_here();
        }
    }
}
