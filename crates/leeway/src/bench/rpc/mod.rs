//! Calls: what the stack costs beside bare tonic, and what it does with three times more than it can.
//!
//! Each server is a process on one core, the generator a thread on the other. Figures that are compared come from rounds
//! in turn, so that what else the machine does hits both sides alike; a ratio is the median of the rounds' own ratios.

mod echo;
mod load;
mod pin;
mod serve;

use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Empty};
use tokio_stream::wrappers::TcpListenerStream;

pub use self::serve::{Args as ServerArgs, run as serve};

use self::load::{Plan, Shape, Tally};
use self::pin::{Cores, pin};
use self::serve::{Kind, Served};
use super::{Figure, clock};

/// The empty call: callers over connections.
const SHAPES: [(usize, usize, &str); 2] =
    [(1, 16, "1 connection with 16 callers"), (4, 32, "4 connections with 32 callers each")];
/// Connections of the open loop: together they hold more calls than the server has room for.
const CONNECTIONS: usize = 8;
/// Offered load on the way to the peak, parts of what a closed loop gets.
const STEPS: [f64; 7] = [0.80, 0.85, 0.90, 0.95, 1.00, 1.05, 1.10];
/// Overload, times the peak.
const OVERLOAD: f64 = 3.0;
/// At the beginning of a run, before the figures count: connections open, and standing overload is noticed.
const WARM_UP: Duration = Duration::from_millis(1_000);

/// Arguments of `leeway bench rpc`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub options: super::Options,
    /// Processor time that a call of the overload part takes in its handler, microseconds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub work_us: u32,
    /// Length of one run, milliseconds.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub run_ms: u64,
}

/// Every figure, in order.
pub async fn measure(args: &Args) -> anyhow::Result<Vec<Figure>> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let spans = format!("http://{}", listener.local_addr()?);
    let sink = tonic::transport::Server::builder().add_service(echo::SpanSink);
    let sink = tokio::spawn(sink.serve_with_incoming(TcpListenerStream::new(listener)));
    let args = args.clone();
    let handle = tokio::runtime::Handle::current();
    let work = move || -> anyhow::Result<Vec<Figure>> {
        let cores = Cores::of_machine();
        pin(cores.server)?;
        let servers =
            Servers { bare: Served::start(Kind::Bare, &spans)?, stack: Served::start(Kind::Stack, &spans)? };
        pin(cores.generator)?;
        let mut figures = servers.empty_calls(&args)?;
        figures.extend(servers.overload(&args, &handle)?);
        Ok(figures)
    };
    // A thread of its own: it stays on its core.
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || tell.send(work()));
    let figures = told.await.context("the measuring thread broke off")?;
    sink.abort();
    figures
}

struct Servers {
    bare: Served,
    stack: Served,
}

impl Servers {
    fn empty_calls(&self, args: &Args) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for (connections, callers, note) in SHAPES {
            let mut rounds: [Vec<f64>; 6] = Default::default();
            for _ in 0..args.options.rounds {
                let [bare, stack] = [&self.bare, &self.stack].map(|server| {
                    let shape = Shape::Closed(callers);
                    let plan = plan(server, connections, shape, 0, args);
                    let before = server.cpu_seconds();
                    let rate = load::run(plan)?.goodput();
                    let used = server.cpu_seconds() - before;
                    let all = (plan.warm_up + plan.time).as_secs_f64();
                    anyhow::Ok((rate, used * 1_000_000.0 / (rate * all)))
                });
                let ((bare, bare_cpu), (stack, stack_cpu)) = (bare?, stack?);
                let values = [bare, stack, stack / bare, bare_cpu, stack_cpu, bare_cpu / stack_cpu];
                rounds.iter_mut().zip(values).for_each(|(round, value)| round.push(value));
            }
            let told = [
                ("empty call, bare tonic", "per second"),
                ("empty call, whole stack", "per second"),
                ("empty call, whole stack of bare", "ratio"),
                ("empty call, bare tonic, server", "us of cpu"),
                ("empty call, whole stack, server", "us of cpu"),
                ("empty call, bare of whole stack, server", "ratio"),
            ];
            for ((what, unit), values) in told.into_iter().zip(rounds) {
                figures.push(clock::figure(what, note.to_owned(), unit, values));
            }
        }
        Ok(figures)
    }

    fn overload(&self, args: &Args, handle: &tokio::runtime::Handle) -> anyhow::Result<Vec<Figure>> {
        let blocks = blocks(args.work_us);
        let run = |shape| load::run(plan(&self.stack, CONNECTIONS, shape, blocks, args));
        let most = run(Shape::Closed(4))?.goodput();
        let mut peak = (0.0, 0.0);
        for step in STEPS {
            let goodput = run(Shape::Open(most * step))?.goodput();
            if goodput > peak.1 {
                peak = (most * step, goodput);
            }
        }
        let before = handle.block_on(sheds(&self.stack))?;
        let mut rounds: [Vec<f64>; 7] = Default::default();
        for _ in 0..args.options.rounds {
            let mut at_peak = run(Shape::Open(peak.0))?;
            let mut over = run(Shape::Open(peak.1 * OVERLOAD))?;
            let (calm, busy) = (at_peak.p99(), over.p99());
            let ratio = over.goodput() / at_peak.goodput();
            let values =
                [at_peak.goodput(), over.goodput(), ratio, calm, busy, busy / calm, shed_part(&over)];
            rounds.iter_mut().zip(values).for_each(|(round, value)| round.push(value));
        }
        let after = handle.block_on(sheds(&self.stack))?;
        let (at, work) = (format!("{:.0} a second offered", peak.0), format!("{} us of work", args.work_us));
        let over = format!("{:.0} a second offered", peak.1 * OVERLOAD);
        let told = [
            ("goodput at its peak", "per second", format!("{work}, {at}")),
            ("goodput at three times the peak", "per second", format!("{work}, {over}")),
            ("goodput at three times of peak", "ratio", work.clone()),
            ("99th percentile at the peak, good calls", "ms", at),
            ("99th percentile at three times, good calls", "ms", over),
            ("99th percentile at three times of peak", "ratio", work),
            ("shed at three times the peak", "part", String::new()),
        ];
        let told = told.into_iter().zip(rounds);
        let mut figures: Vec<Figure> =
            told.map(|((what, unit, note), values)| clock::figure(what, note, unit, values)).collect();
        let mean = (after.seconds - before.seconds) * 1_000.0 / (after.count - before.count).max(1.0);
        let note = format!("{:.0} calls, as the server measures it", after.count - before.count);
        figures.push(clock::figure("from arrival to refusal, mean", note.clone(), "ms", vec![mean]));
        let most = after.percentile(&before, 0.99) * 1_000.0;
        figures.push(clock::figure("from arrival to refusal, 99th percentile below", note, "ms", vec![most]));
        Ok(figures)
    }
}

fn plan(server: &Served, connections: usize, shape: Shape, blocks: u32, args: &Args) -> Plan {
    let time = Duration::from_millis(args.run_ms);
    Plan { server: server.grpc, connections, shape, blocks, warm_up: WARM_UP.min(time), time }
}

fn shed_part(tally: &Tally) -> f64 {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let good = u64::try_from(tally.good.len()).unwrap_or(u64::MAX);
    number(tally.shed) / number(tally.shed + tally.failed + good)
}

/// Blocks of work that take so long.
fn blocks(micros: u32) -> u32 {
    const TRIAL: u32 = 100_000;
    let begin = tokio::time::Instant::now();
    echo::work(TRIAL);
    let each = begin.elapsed().as_micros() / u128::from(TRIAL / 1_000);
    u32::try_from(u128::from(micros) * 1_000 / each.max(1)).unwrap_or(u32::MAX).max(1)
}

/// The server's own histogram of shed calls.
#[derive(Debug, Default)]
struct Sheds {
    count: f64,
    seconds: f64,
    /// Upper bound in seconds, and how many took no longer.
    buckets: Vec<(f64, f64)>,
}

impl Sheds {
    /// The upper bound of the bucket that holds the percentile of what came after `before`; infinite above all buckets.
    fn percentile(&self, before: &Self, part: f64) -> f64 {
        let wanted = (self.count - before.count) * part;
        let earlier =
            |bound: f64| before.buckets.iter().find(|(at, _)| *at == bound).map_or(0.0, |(_, n)| *n);
        let mut grown = self.buckets.iter().map(|(bound, count)| (*bound, count - earlier(*bound)));
        grown.find(|(_, count)| *count >= wanted).map_or(f64::INFINITY, |(bound, _)| bound)
    }
}

async fn sheds(server: &Served) -> anyhow::Result<Sheds> {
    let stream = tokio::net::TcpStream::connect(server.probe).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get("/metrics").header("host", "probe").body(Empty::<bytes::Bytes>::new())?;
    let page = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let page = std::str::from_utf8(&page)?;
    let mut sheds = Sheds::default();
    for line in page.lines().filter_map(|line| line.strip_prefix("leeway_rpc_shed_seconds_")) {
        let value: f64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
        if line.starts_with("count") {
            sheds.count = value;
        } else if line.starts_with("sum") {
            sheds.seconds = value;
        } else if let Some(bound) = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            sheds.buckets.push((bound.parse()?, value));
        }
    }
    Ok(sheds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_what_came_between_two_looks() {
        let before = Sheds { count: 100.0, seconds: 1.0, buckets: vec![(0.001, 90.0), (0.01, 100.0)] };
        let after = Sheds { count: 300.0, seconds: 2.0, buckets: vec![(0.001, 190.0), (0.01, 299.0)] };
        for (part, bound) in [(0.5, 0.001), (0.51, 0.01), (0.99, 0.01), (1.0, f64::INFINITY)] {
            assert_eq!(after.percentile(&before, part), bound, "{part}");
        }
    }
}
