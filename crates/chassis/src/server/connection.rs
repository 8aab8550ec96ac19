//! Connections: accepted up to a limit, asked to leave with age or at the drain, cut at its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use super::pipeline::Pipeline;
use super::{Drain, slots};
use crate::config::{ServerConfig, millis};
use crate::ids::Ids;
use crate::network::{Listener, Stream};

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes connections and serves HTTP/2 on them.
pub(super) struct Acceptor {
    builder: http2::Builder<TokioExecutor>,
    pipeline: Arc<Pipeline>,
    ids: Ids,
    age: Duration,
    places: Arc<Semaphore>,
    begun: CancellationToken,
    gone: CancellationToken,
    connections: TaskTracker,
}

impl Acceptor {
    pub(super) fn new(config: &ServerConfig, ids: Ids, pipeline: Pipeline, drain: &Drain) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.max_concurrent_streams)
            // Calls that time out together at the client reset together; below its streams the guard would cut them all.
            .max_pending_accept_reset_streams(size(config.max_pending_resets))
            // What is sent ahead counts for the connection as a whole; one stream alone may use all of it.
            .initial_connection_window_size(config.connection_window_bytes)
            .initial_stream_window_size(config.connection_window_bytes)
            .max_send_buf_size(size(config.max_send_bytes))
            .max_header_list_size(config.max_header_bytes)
            .keep_alive_interval(millis(config.keepalive_interval_ms))
            .keep_alive_timeout(millis(config.keepalive_timeout_ms));
        Self {
            builder,
            pipeline: Arc::new(pipeline),
            ids,
            age: millis(config.connection_age_ms),
            places: slots(config.max_connections),
            begun: drain.begun.clone(),
            gone: drain.gone.clone(),
            connections: drain.connections.clone(),
        }
    }

    pub(super) async fn run(self, listener: Listener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.begun.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(stream) => self.take(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: Stream) {
        match stream {
            Stream::Tcp(stream) => {
                // Small answers must not wait for company; a socket that refuses it still works.
                let _ = stream.set_nodelay(true);
                self.keep(stream);
            }
            #[cfg(feature = "simulation")]
            Stream::Simulated(stream) => self.keep(stream),
        }
    }

    fn keep(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("leeway_connections_refused_total", "service" => self.pipeline.service)
                .increment(1);
            return;
        };
        let served = serve(
            stream,
            self.builder.clone(),
            Arc::clone(&self.pipeline),
            self.age.saturating_add(self.ids.jitter(self.age / 10)),
            [self.begun.clone(), self.gone.clone()],
        );
        self.connections.spawn(async move {
            served.await;
            drop(place);
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: http2::Builder<TokioExecutor>,
    pipeline: Arc<Pipeline>,
    age: Duration,
    [begun, gone]: [CancellationToken; 2],
) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        // Called as soon as the head is read, before a task of its own begins to wait for the processor.
        let answered = Pipeline::handle(&pipeline, request.map(Body::new));
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut others_first = true;
    let leave = async {
        tokio::select! {
            biased;
            () = begun.cancelled() => {}
            () = tokio::time::sleep(age) => {}
        }
    };
    tokio::select! {
        biased;
        () = leave => connection.as_mut().graceful_shutdown(),
        ended = gathered(connection.as_mut(), &mut others_first) => return report(ended),
    }
    tokio::select! {
        biased;
        ended = gathered(connection.as_mut(), &mut others_first) => report(ended),
        () = gone.cancelled() => {}
    }
}

/// Lets the calls that are ready go before their connection each time that it is woken: their answers then leave in
/// one write, and not in one each.
fn gathered<F: Future>(
    mut connection: Pin<&mut F>,
    others_first: &mut bool,
) -> impl Future<Output = F::Output> {
    std::future::poll_fn(move |cx| {
        if std::mem::replace(others_first, !*others_first) {
            // Woken while it runs, a task goes to the end of the queue.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        connection.as_mut().poll(cx)
    })
}

fn report(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
