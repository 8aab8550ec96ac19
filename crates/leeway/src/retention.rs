//! What is kept for how long, and the sweep that forgets the rest.

use std::time::Duration;

use chassis::Clock;
use store::{MAX_SWEEP_ROWS, Retention, Store, Swept};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Idempotency records: a request repeated later than this is a new one. Days.
const REQUEST_DAYS: i64 = 30;
/// Effects that are done, days.
const FINISHED_EFFECT_DAYS: i64 = 7;
/// Feed events, days; a subscriber further behind is told from which position they are kept.
const FEED_DAYS: i64 = 400;
/// Markers of deleted documents, days; far longer than any write can be under way.
const TOMBSTONE_DAYS: i64 = 400;
/// Pause between sweeps.
const PAUSE: Duration = Duration::from_secs(3600);
/// Pause while a sweep left something behind.
const BREATH: Duration = Duration::from_millis(200);
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Sweeps a store at once and every hour until `shutdown`. A failed sweep is logged and comes again.
pub fn spawn(store: Store, clock: Clock, shutdown: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let pause = match store.sweep(at(clock.now_micros())).await {
                // A sweep takes a bounded number of rows, so that it never holds up the writer.
                Ok(swept) if more(&swept) => BREATH,
                Ok(_) => PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "a sweep failed");
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    })
}

/// Whether a table held more than one sweep takes.
fn more(swept: &Swept) -> bool {
    [swept.requests, swept.effects, swept.feed, swept.tombstones].contains(&u64::from(MAX_SWEEP_ROWS))
}

fn at(now: i64) -> Retention {
    let before = |days: i64| Some(now - days * MICROS_PER_DAY);
    Retention {
        requests_before: before(REQUEST_DAYS),
        effects_before: before(FINISHED_EFFECT_DAYS),
        feed_before: before(FEED_DAYS),
        tombstones_before: before(TOMBSTONE_DAYS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Commit, Request, Schema};

    #[tokio::test]
    async fn old_requests_are_forgotten_and_fresh_ones_kept() {
        let store = Store::open_inline(None, &Schema { kinds: &[] }).unwrap();
        let now = 100 * MICROS_PER_DAY;
        for (id, age) in [("old", REQUEST_DAYS + 1), ("fresh", REQUEST_DAYS - 1)] {
            let request = Request {
                principal: "service:x".to_owned(),
                subject: String::new(),
                request_id: id.to_owned(),
                method: "M".to_owned(),
                payload_hash: String::new(),
                response_ref: String::new(),
            };
            let commit =
                Commit { now: now - age * MICROS_PER_DAY, request: Some(request), ..Commit::default() };
            store.commit(commit).await.unwrap();
        }
        store.sweep(at(now)).await.unwrap();
        assert!(store.find_request("service:x", "", "old").await.unwrap().is_none());
        assert!(store.find_request("service:x", "", "fresh").await.unwrap().is_some());
    }
}
