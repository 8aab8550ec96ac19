//! The generator: one thread on one core, plain HTTP/2 without a gRPC library, so that the server is what is measured.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::echo::{self, Ask};

/// Window for answers, bytes: never what holds a server up.
const WINDOW: u32 = 16 * 1024 * 1024;
/// How long answers may still come after the last call was made.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// The pause of an open loop between batches of calls.
const BATCH: Duration = Duration::from_millis(1);

/// What came of the calls of one run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// From the moment a call was due to its good end, seconds.
    pub(super) good: Vec<f64>,
    pub(super) shed: u64,
    pub(super) failed: u64,
    /// Over which the calls were due.
    pub(super) seconds: f64,
}

impl Tally {
    /// Good answers a second.
    pub(super) fn goodput(&self) -> f64 {
        f64::from(u32::try_from(self.good.len()).unwrap_or(u32::MAX)) / self.seconds
    }

    /// Milliseconds that 99 of 100 good answers took at most.
    pub(super) fn p99(&mut self) -> f64 {
        self.good.sort_by(f64::total_cmp);
        let place = self.good.len() * 99 / 100;
        self.good.get(place).copied().unwrap_or(0.0) * 1_000.0
    }
}

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) server: SocketAddr,
    pub(super) connections: usize,
    pub(super) shape: Shape,
    /// Blocks of work a call.
    pub(super) blocks: u32,
    /// Calls due in this time at the beginning don't count.
    pub(super) warm_up: Duration,
    pub(super) time: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// So many callers a connection, each with its next call as soon as the last has ended.
    Closed(usize),
    /// So many calls a second, whatever becomes of them.
    Open(f64),
}

/// Runs on the calling thread.
pub(super) fn run(plan: Plan) -> anyhow::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, drive(plan))
}

async fn drive(plan: Plan) -> anyhow::Result<Tally> {
    let caller = Caller::connect(&plan).await?;
    match plan.shape {
        Shape::Closed(callers) => closed(&caller, callers).await,
        Shape::Open(rate) => open(&caller, rate).await,
    }
    // Whoever hasn't answered by now has failed its caller anyway.
    let until = Instant::now() + LAST_ANSWERS;
    while *caller.open.borrow() > 0 && Instant::now() < until {
        tokio::time::sleep(BATCH).await;
    }
    let mut tally = caller.tally.take();
    tally.failed += *caller.open.borrow();
    tally.seconds = plan.time.as_secs_f64();
    if tally.good.is_empty() {
        bail!("no call was answered: {} were shed, {} failed", tally.shed, tally.failed);
    }
    Ok(tally)
}

async fn closed(caller: &Rc<Caller>, callers: usize) {
    let lanes = (0..callers * caller.connections.len()).map(|lane| {
        let caller = Rc::clone(caller);
        tokio::task::spawn_local(async move {
            while Instant::now() < caller.end {
                caller.call(lane, Instant::now()).await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        // A lane that broke off shows in its figures.
        let _ = lane.await;
    }
}

async fn open(caller: &Rc<Caller>, rate: f64) {
    let start = Instant::now();
    let between = Duration::from_secs_f64(1.0 / rate);
    let mut due = start;
    let mut lane = 0;
    while due < caller.end {
        while due <= Instant::now() {
            let (caller, at) = (Rc::clone(caller), due);
            *caller.open.borrow_mut() += 1;
            tokio::task::spawn_local(async move {
                caller.call(lane, at).await;
                *caller.open.borrow_mut() -= 1;
            });
            lane += 1;
            due += between;
        }
        tokio::time::sleep(BATCH).await;
    }
}

/// The connections, and what came of their calls.
struct Caller {
    connections: Vec<SendRequest<Bytes>>,
    head: http::Request<()>,
    body: Bytes,
    counted_from: Instant,
    end: Instant,
    tally: RefCell<Tally>,
    /// Calls of an open loop that have not ended.
    open: RefCell<u64>,
}

/// How a call ended.
enum Ending {
    Good,
    Shed,
    Failed,
}

impl Caller {
    async fn connect(plan: &Plan) -> anyhow::Result<Rc<Self>> {
        let mut connections = Vec::new();
        for _ in 0..plan.connections {
            let stream = tokio::net::TcpStream::connect(plan.server).await?;
            stream.set_nodelay(true)?;
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
            let (sender, connection) = builder.handshake(stream).await?;
            tokio::task::spawn_local(connection);
            connections.push(sender);
        }
        let start = Instant::now();
        Ok(Rc::new(Self {
            connections,
            head: echo::head(&plan.server.to_string())?,
            body: Bytes::from(echo::frame(&Ask { blocks: plan.blocks })),
            counted_from: start + plan.warm_up,
            end: start + plan.warm_up + plan.time,
            tally: RefCell::default(),
            open: RefCell::default(),
        }))
    }

    /// One call that was due at a moment, from which its time is counted.
    async fn call(&self, lane: usize, due: Instant) {
        let ending = self.exchange(lane).await.unwrap_or(Ending::Failed);
        if due < self.counted_from {
            return;
        }
        let mut tally = self.tally.borrow_mut();
        match ending {
            Ending::Good => tally.good.push(due.elapsed().as_secs_f64()),
            Ending::Shed => tally.shed += 1,
            Ending::Failed => tally.failed += 1,
        }
    }

    async fn exchange(&self, lane: usize) -> anyhow::Result<Ending> {
        let connection = lane.checked_rem(self.connections.len()).and_then(|at| self.connections.get(at));
        let mut sender = connection.context("no connection")?.clone().ready().await?;
        let (response, mut stream) = sender.send_request(self.head.clone(), false)?;
        stream.send_data(self.body.clone(), true)?;
        let response = response.await?;
        if let Some(status) = response.headers().get("grpc-status") {
            return Ok(ending(status));
        }
        let mut body = response.into_body();
        while let Some(chunk) = body.data().await {
            let length = chunk?.len();
            body.flow_control().release_capacity(length)?;
        }
        let trailers = body.trailers().await?.context("no trailers")?;
        Ok(trailers.get("grpc-status").map_or(Ending::Failed, ending))
    }
}

fn ending(status: &http::HeaderValue) -> Ending {
    let is = |code: tonic::Code| status.as_bytes() == i32::from(code).to_string().as_bytes();
    if is(tonic::Code::Ok) {
        Ending::Good
    } else if is(tonic::Code::ResourceExhausted) {
        Ending::Shed
    } else {
        Ending::Failed
    }
}
