//! Several replicas behind one name, and one client that spreads its calls over them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::{Client, ClientConfig, Ids, Principal, Repeat, Resolve, ServerConfig, ServerHandle};
use tonic::{Code, Status};

use crate::common::{Echo, reason, say, serve};

/// Long enough for the client to have looked the name up again.
const KNOWN: Duration = Duration::from_millis(700);

/// A name whose addresses the test says.
#[derive(Clone, Default)]
struct Named(Arc<Mutex<Vec<SocketAddr>>>);

#[tonic::async_trait]
impl Resolve for Named {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        assert_eq!((host, port), ("leeway-test.ns.svc", 7402));
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Named {
    fn add(&self, handle: &ServerHandle) {
        self.0.lock().unwrap().push(handle.grpc);
    }

    fn remove(&self, address: SocketAddr) {
        self.0.lock().unwrap().retain(|other| *other != address);
    }

    fn client(&self) -> Client {
        let endpoint = "http://leeway-test.ns.svc:7402".to_owned();
        let config = ClientConfig { endpoint, resolve_interval_ms: 250, ..ClientConfig::default() };
        let (us, ids) = (Principal::service("test"), Ids::seeded(2));
        Client::resolving(&config, us, ids, Arc::new(self.clone())).unwrap()
    }
}

async fn replica(named: &Named, config: ServerConfig) -> (ServerHandle, Echo) {
    let (handle, echo) = serve(config).await;
    named.add(&handle);
    (handle, echo)
}

fn said(echo: &Echo) -> u32 {
    echo.said.load(Ordering::SeqCst)
}

/// One call with the standard retry; how often it was made.
async fn call(client: &Client, text: &str) -> Result<u32, Status> {
    let tries = AtomicU32::new(0);
    client
        .retry(Repeat::Safe, || {
            tries.fetch_add(1, Ordering::SeqCst);
            say(client, text)
        })
        .await?;
    Ok(tries.load(Ordering::SeqCst))
}

/// Steady load until told to stop: how many calls needed so many tries.
fn load(client: &Client, callers: usize) -> (Arc<AtomicBool>, tokio::task::JoinHandle<HashMap<String, u32>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, client) = (Arc::clone(&stop), client.clone());
    let work = async move {
        let callers = (0..callers).map(|_| async {
            let mut seen = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                seen.push(match call(&client, "sleep 2").await {
                    Ok(tries) => format!("after {tries}"),
                    Err(status) => format!("{:?} {} {}", status.code(), reason(&status), status.message()),
                });
            }
            seen
        });
        let mut counts = HashMap::new();
        for seen in futures_util::future::join_all(callers).await.into_iter().flatten() {
            *counts.entry(seen).or_insert(0) += 1;
        }
        counts
    };
    (stop, tokio::spawn(work))
}

fn at_most_one_retry(counts: &HashMap<String, u32>) {
    assert!(counts.keys().all(|key| key == "after 1" || key == "after 2"), "{counts:?}");
    assert!(counts.get("after 1").is_some_and(|count| *count > 100), "{counts:?}");
}

#[tokio::test]
async fn every_address_of_a_name_gets_calls_in_turn() {
    let named = Named::default();
    let replicas = [
        replica(&named, ServerConfig::default()).await,
        replica(&named, ServerConfig::default()).await,
        replica(&named, ServerConfig::default()).await,
    ];
    let client = named.client();
    // The first connection suffices for the first call; the others follow.
    call(&client, "hello").await.unwrap();
    tokio::time::sleep(KNOWN).await;
    let before: Vec<u32> = replicas.iter().map(|(_, echo)| said(echo)).collect();
    for _ in 0..30 {
        assert_eq!(call(&client, "hello").await.unwrap(), 1);
    }
    let got: Vec<u32> = replicas.iter().zip(before).map(|((_, echo), before)| said(echo) - before).collect();
    assert_eq!(got, [10, 10, 10]);
}

/// Drain one, start another, drain the next, while calls go on.
#[tokio::test]
async fn a_rolling_restart_fails_no_call_after_one_retry() {
    let named = Named::default();
    let (mut old, _) = replica(&named, ServerConfig::default()).await;
    let (mut next, _) = replica(&named, ServerConfig::default()).await;
    let client = named.client();
    call(&client, "hello").await.unwrap();
    tokio::time::sleep(KNOWN).await;
    let (stop, load) = load(&client, 32);
    for _ in 0..3 {
        // The name still has the address when the server goes: that is what a real one is like.
        let gone = old.grpc;
        tokio::spawn(old.shutdown()).await.unwrap();
        named.remove(gone);
        let (new, echo) = replica(&named, ServerConfig::default()).await;
        tokio::time::sleep(KNOWN).await;
        assert!(said(&echo) > 0, "the new one gets its part");
        (old, next) = (next, new);
    }
    stop.store(true, Ordering::SeqCst);
    at_most_one_retry(&load.await.unwrap());
    drop((old, next));
}

/// Connections that end by age race with calls on their way; with many of them the race is run often.
#[tokio::test]
async fn connections_that_age_lose_no_call() {
    let named = Named::default();
    let young = || ServerConfig { connection_age_ms: 40, ..ServerConfig::default() };
    let replicas = [replica(&named, young()).await, replica(&named, young()).await];
    let client = named.client();
    call(&client, "hello").await.unwrap();
    let (stop, load) = load(&client, 16);
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::SeqCst);
    let counts = load.await.unwrap();
    // At such an age a retry may well meet the end of the next connection; more than the standard ones it never takes.
    assert!(counts.keys().all(|key| key.starts_with("after ")), "{counts:?}");
    assert!(replicas.iter().all(|(_, echo)| said(echo) > 100));
}

/// An address that has gone without a word, and comes back.
#[tokio::test]
async fn a_dead_address_drops_out_and_returns() {
    let named = Named::default();
    let (living, echo) = replica(&named, ServerConfig::default()).await;
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = hole.local_addr().unwrap();
    drop(hole);
    named.0.lock().unwrap().push(dead);
    let client = named.client();
    for _ in 0..20 {
        assert_eq!(call(&client, "hello").await.unwrap(), 1, "it never was in");
    }
    assert_eq!(said(&echo), 20);
    let config = ServerConfig { listen: dead, ..ServerConfig::default() };
    let (back, back_echo) = serve(config).await;
    tokio::time::sleep(KNOWN).await;
    for _ in 0..20 {
        assert_eq!(call(&client, "hello").await.unwrap(), 1);
    }
    assert!(said(&back_echo) >= 9, "{}", said(&back_echo));
    for handle in [living, back] {
        handle.shutdown().await;
    }
    let status = call(&client, "hello").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DEPENDENCY_UNAVAILABLE"));
}

/// The operating system's own names: `localhost` may have an address at which nobody listens.
#[tokio::test]
async fn a_real_name_is_looked_up() {
    let (handle, _) = serve(ServerConfig::default()).await;
    let endpoint = format!("http://localhost:{}", handle.grpc.port());
    let config = ClientConfig { endpoint, ..ClientConfig::default() };
    let client = Client::connect(&config, Principal::service("test"), Ids::seeded(2)).unwrap();
    for _ in 0..10 {
        assert_eq!(call(&client, "hello").await.unwrap(), 1);
    }
}
