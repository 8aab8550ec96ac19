//! Subscribers of the feed and watchers of cases, who go on where they stopped.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::application_service_client::ApplicationServiceClient;
use api::leeway::application::v1::feed_service_client::FeedServiceClient;
use chassis::Principal;
use store::Store;
use tonic::Request;

use crate::caller::Caller;
use crate::record::{Phase, Seen};

/// Silence after which a reader tries another replica.
const MAX_SILENCE: Duration = Duration::from_secs(4);
const MAX_PAUSE: Duration = Duration::from_millis(300);

/// Reads the whole feed, by cursor, over many connections, to its end.
pub async fn subscribe(mut caller: Caller, feed: Store) {
    let mut cursor = 0;
    loop {
        caller.idle(MAX_PAUSE).await;
        if caller.record.phase() == Phase::Over {
            match feed.feed_head().await {
                Ok(head) if head <= cursor => return,
                _ => {}
            }
        }
        let Some(line) = caller.line() else { return };
        let line = line.with_principal(Principal::service("ledger"));
        let request = Request::new(pb::SubscribeRequest { after_position: cursor });
        let Ok(answer) = FeedServiceClient::new(line).subscribe(request).await else { continue };
        let mut events = answer.into_inner();
        // Leaves now and then, as processes do that are started anew.
        let stay = caller.dice.below(40);
        for _ in 0..stay {
            let next = tokio::time::timeout(MAX_SILENCE, events.message()).await;
            let Ok(Ok(Some(event))) = next else { break };
            if event.position != cursor + 1 {
                let (name, at) = (&caller.name, event.position);
                caller.record.breach(format!("{name}: position {at} came after {cursor}"));
            }
            cursor = event.position;
            caller.record.note(&format!("{} {cursor} {}", caller.name, event.kind));
            let seen = Seen {
                position: event.position,
                case_key: event.case_key,
                kind: event.kind,
                body: event.body_json,
            };
            caller.record.notes().feeds.entry(caller.name.clone()).or_default().push(seen);
        }
        caller.record.count("subscriptions");
    }
}

/// Watches one case until it closes, by resume token.
pub async fn watch(mut caller: Caller, who: Principal, id: String) {
    let mut token = String::new();
    while caller.playing() {
        caller.idle(MAX_PAUSE).await;
        let Some(line) = caller.line() else { return };
        let request = pb::WatchApplicationRequest { application_id: id.clone(), resume_token: token.clone() };
        let mut client = ApplicationServiceClient::new(line.with_principal(who.clone()));
        let Ok(answer) = client.watch_application(Request::new(request)).await else { continue };
        let mut changes = answer.into_inner();
        loop {
            let next = tokio::time::timeout(MAX_SILENCE, changes.message()).await;
            let change = match next {
                Ok(Ok(Some(change))) => change,
                Ok(Ok(None)) => return,
                Ok(Err(_)) | Err(_) => break,
            };
            let (before, after) = (revision(&token), revision(&change.resume_token));
            if after <= before {
                caller.record.breach(format!("{}: revision {after} came after {before}", caller.name));
            }
            token = change.resume_token;
            caller.record.count("watched changes");
        }
    }
}

fn revision(token: &str) -> i64 {
    token.parse().unwrap_or(0)
}
