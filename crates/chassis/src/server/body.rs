//! The response body of a call: bounded, normalised, and measured to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};
use tracing::Span;

use super::Admission;
use super::method::Method;
use crate::budget::Charge;
use crate::context::{self, CallContext};
use crate::normalise::normalised;
use crate::problem::Problem;

/// Counts and times a call, whichever way it ends; a call that is dropped was cancelled by its caller.
pub(super) struct Record {
    method: Arc<Method>,
    arrived: Instant,
    code: Option<Code>,
    span: Span,
}

impl Record {
    pub(super) fn start(method: Arc<Method>, arrived: Instant, span: Span) -> Self {
        method.meters().in_flight.increment(1.0);
        Self { method, arrived, code: None, span }
    }

    pub(super) fn end(&mut self, code: Code) {
        self.code.get_or_insert(code);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        self.span.record("rpc.grpc.status_code", i32::from(code));
        if matches!(
            code,
            Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable | Code::DeadlineExceeded
        ) {
            self.span.record("otel.status_code", "ERROR");
        }
        let meters = self.method.meters();
        meters.in_flight.decrement(1.0);
        match code {
            Code::Ok => meters.ok.increment(1),
            other => self.method.ended(code_name(other)).increment(1),
        }
        meters.seconds.record(self.arrived.elapsed().as_secs_f64());
    }
}

/// What ends a body early.
pub(super) struct Bounds {
    pub(super) deadline: Instant,
    pub(super) cut: CancellationToken,
}

/// Both bounds to wait for, once a body isn't there at once.
struct Alarms {
    sleep: Pin<Box<Sleep>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a call has of the server: given back after its last byte.
#[derive(Default)]
pub(super) struct Holdings {
    pub(super) admission: Option<Admission>,
    pub(super) charge: Option<Charge>,
    pub(super) probe: Option<OwnedSemaphorePermit>,
}

/// The handler's body within its bounds.
pub(super) struct Bounded {
    inner: Option<Body>,
    bounds: Bounds,
    alarms: Option<Alarms>,
    context: CallContext,
    /// Where the body comes from a handler that goes on, and not from a message that is there already.
    span: Option<Span>,
    record: Record,
    _holdings: Holdings,
}

impl Bounded {
    pub(super) fn new(
        inner: Body,
        bounds: Bounds,
        context: CallContext,
        record: Record,
        holdings: Holdings,
    ) -> Self {
        Self {
            inner: Some(inner),
            bounds,
            alarms: None,
            context,
            span: record.method.rule.is_server_stream().then(|| record.span.clone()),
            record,
            _holdings: holdings,
        }
    }

    /// Ends the call with an error; the handler's stream is dropped.
    fn fail(&mut self, status: &Status) -> Frame<Bytes> {
        self.inner = None;
        self.record.end(status.code());
        Frame::trailers(trailers_of(status))
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = self.inner.as_mut() else {
            return Poll::Ready(None);
        };
        let Some(span) = &self.span else {
            return Pin::new(inner).poll_frame(cx);
        };
        context::sync_scope(&self.context, || {
            span.in_scope(|| {
                let poll = || Pin::new(inner).poll_frame(cx);
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).unwrap_or_else(|_| {
                    crate::task::count_panic();
                    Poll::Ready(Some(Err(Problem::internal("a response stream panicked").into())))
                })
            })
        })
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = this.poll_inner(cx) {
            return Poll::Ready(match frame {
                Some(Ok(frame)) => Some(Ok(this.seen(frame))),
                Some(Err(status)) => {
                    let status = normalised(&status).unwrap_or(status);
                    Some(Ok(this.fail(&status)))
                }
                None => {
                    this.record.end(Code::Ok);
                    None
                }
            });
        }
        let bounds = &this.bounds;
        let alarms = this.alarms.get_or_insert_with(|| Alarms {
            sleep: Box::pin(tokio::time::sleep_until(bounds.deadline)),
            cut: Box::pin(bounds.cut.clone().cancelled_owned()),
        });
        if alarms.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Ok(this.fail(&super::draining().into()))));
        }
        if alarms.sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Ok(this.fail(&Problem::deadline().into()))));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

impl Bounded {
    /// Notes the end that trailers tell, and explains errors that nobody explained.
    fn seen(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) else {
            return frame;
        };
        let replaced = normalised(&status);
        self.record.end(replaced.as_ref().map_or(status.code(), Status::code));
        replaced.map_or(frame, |status| Frame::trailers(trailers_of(&status)))
    }
}

fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // A text that no header can hold; the code is what counts.
        trailers.clear();
        trailers.insert(Status::GRPC_STATUS, i32::from(status.code()).into());
    }
    trailers
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
