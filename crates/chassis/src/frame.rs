//! gRPC message frames and protobuf wire format, as far as limits and access need them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use api::leeway::common::v1::ErrorReason;
use bytes::{Buf, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::Body;

use crate::budget::Charge;
use crate::problem::Problem;
use crate::server::shed_problem;

/// Compression flag and length of a message.
const HEADER_BYTES: usize = 5;

/// A request body whose messages are measured before they are collected, and charged as they come.
pub(crate) struct Measured {
    inner: Body,
    max_message_bytes: u32,
    /// `None` where messages are too small to be counted.
    charge: Option<Charge>,
    header: Vec<u8>,
    /// Bytes of the current message that are still to come.
    left: u32,
}

impl Measured {
    pub(crate) fn new(inner: Body, max_message_bytes: u32, charge: Option<Charge>) -> Self {
        Self { inner, max_message_bytes, charge, header: Vec::with_capacity(HEADER_BYTES), left: 0 }
    }

    /// Walks over the frames in a chunk.
    fn measure(&mut self, mut chunk: &[u8]) -> Result<(), Problem> {
        while !chunk.is_empty() {
            if self.left > 0 {
                let step = self.left.min(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
                if self.charge.as_ref().is_some_and(|charge| charge.take(step).is_err()) {
                    return Err(shed_problem());
                }
                self.left -= step;
                chunk = chunk.get(usize::try_from(step).unwrap_or(usize::MAX)..).unwrap_or_default();
                continue;
            }
            let (byte, rest) = chunk.split_first().map_or((0, chunk), |(byte, rest)| (*byte, rest));
            self.header.push(byte);
            chunk = rest;
            if let [_, a, b, c, d] = *self.header.as_slice() {
                self.header.clear();
                // Whoever reads on is done with the message before.
                if let Some(charge) = &self.charge {
                    charge.release();
                }
                self.left = u32::from_be_bytes([a, b, c, d]);
                check_length(self.left, self.max_message_bytes)?;
            }
        }
        Ok(())
    }
}

fn check_length(bytes: u32, most: u32) -> Result<(), Problem> {
    if bytes <= most {
        return Ok(());
    }
    let text = format!("a message of {bytes} bytes, at most {most} are taken");
    Err(Problem::exhausted(ErrorReason::MessageTooLarge, text, None))
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        if let Some(data) = frame.data_ref()
            && let Err(problem) = this.measure(data)
        {
            return Poll::Ready(Some(Err(problem.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

/// Takes the first message off a body and returns it with a body that yields everything again.
///
/// `None` if the body ends before a message is complete, which the handler then reports.
pub(crate) async fn first_message(mut body: Body) -> Result<(Option<Bytes>, Body), Status> {
    let mut seen = BytesMut::new();
    let mut frames = VecDeque::new();
    loop {
        if let Some(end) = complete(&seen)? {
            let message = seen.freeze().slice(HEADER_BYTES..end);
            return Ok((Some(message), Body::new(Replayed { frames, rest: body })));
        }
        let Some(frame) = body.frame().await else {
            return Ok((None, Body::new(Replayed { frames, rest: body })));
        };
        let frame = frame?;
        if let Some(data) = frame.data_ref() {
            seen.extend_from_slice(data);
        }
        frames.push_back(frame);
    }
}

/// Where the first message ends, once all of it is there.
fn complete(seen: &[u8]) -> Result<Option<usize>, Status> {
    let Some(&[flag, a, b, c, d]) = seen.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    if flag != 0 {
        let problem =
            Problem::malformed(ErrorReason::ValidationFailed, "compressed request messages are not taken");
        return Err(problem.into());
    }
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let end = HEADER_BYTES.saturating_add(length);
    Ok((seen.len() >= end).then_some(end))
}

/// Frames that were read already, then the rest.
struct Replayed {
    frames: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Replayed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match this.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }
}

/// The message isn't protobuf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotProtobuf;

/// The value of a top-level string field: the last one counts, as in every protobuf decoder; absent is empty.
pub(crate) fn string_field(mut message: Bytes, number: u32) -> Result<String, NotProtobuf> {
    let mut found = Bytes::new();
    while message.has_remaining() {
        let key = varint(&mut message)?;
        let field = key >> 3;
        match key & 7 {
            0 => drop(varint(&mut message)?),
            1 => drop(take(&mut message, 8)?),
            2 => {
                let length = varint(&mut message)?;
                let value = take(&mut message, length)?;
                if field == u64::from(number) {
                    found = value;
                }
            }
            5 => drop(take(&mut message, 4)?),
            // Groups don't exist in proto3; whoever sends one is not our client.
            _ => return Err(NotProtobuf),
        }
        if field == 0 {
            return Err(NotProtobuf);
        }
    }
    String::from_utf8(found.to_vec()).map_err(|_| NotProtobuf)
}

fn take(message: &mut Bytes, length: u64) -> Result<Bytes, NotProtobuf> {
    let length = usize::try_from(length).map_err(|_| NotProtobuf)?;
    if length > message.remaining() { Err(NotProtobuf) } else { Ok(message.split_to(length)) }
}

fn varint(message: &mut Bytes) -> Result<u64, NotProtobuf> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = if message.has_remaining() { message.get_u8() } else { return Err(NotProtobuf) };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotProtobuf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;

    #[test]
    fn finds_the_last_string_of_a_number() {
        let rows: [(&[u8], Result<&str, NotProtobuf>); 9] = [
            (b"", Ok("")),
            (b"\x0a\x02li", Ok("li")),
            (b"\x12\x02no\x0a\x02li", Ok("li")),
            (b"\x0a\x02li\x0a\x04wang", Ok("wang")),
            (b"\x18\x96\x01\x0a\x02li\x25\0\0\0\0\x29\0\0\0\0\0\0\0\0", Ok("li")),
            (b"\x0a\x05li", Err(NotProtobuf)),
            (b"\x0b", Err(NotProtobuf)),
            (b"\x0a\x01\xff", Err(NotProtobuf)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Err(NotProtobuf)),
        ];
        for (message, expected) in rows {
            let found = string_field(Bytes::from_static(message), 1);
            assert_eq!(found.as_deref().map_err(|_| NotProtobuf), expected, "{message:?}");
        }
    }

    fn body(chunks: Vec<Vec<u8>>) -> Body {
        let frames = chunks.into_iter().map(|c| Ok::<_, Status>(Frame::data(Bytes::from(c))));
        Body::new(StreamBody::new(tokio_stream::iter(frames)))
    }

    #[tokio::test]
    async fn the_first_message_is_read_and_everything_comes_again() {
        let wire: Vec<u8> = [&b"\0\0\0\0\x04\x0a\x02li"[..], &b"\0\0\0\0\x01x"[..]].concat();
        for size in 1..wire.len() {
            let chunks = wire.chunks(size).map(<[u8]>::to_vec).collect();
            let (first, again) =
                first_message(Body::new(Measured::new(body(chunks), 4, None))).await.unwrap();
            assert_eq!(first.unwrap(), &b"\x0a\x02li"[..]);
            assert_eq!(again.collect().await.unwrap().to_bytes(), wire);
        }
    }

    #[tokio::test]
    async fn too_large_and_compressed_are_refused_and_a_stump_is_left_to_the_handler() {
        let rows: [(&[u8], Option<tonic::Code>); 3] = [
            (b"\0\0\0\0\x05\x0a\x03abc", Some(tonic::Code::ResourceExhausted)),
            (b"\x01\0\0\0\x04\x0a\x02li", Some(tonic::Code::InvalidArgument)),
            (b"\0\0\0\0\x04\x0a", None),
        ];
        for (wire, code) in rows {
            let outcome = first_message(Body::new(Measured::new(body(vec![wire.to_vec()]), 4, None))).await;
            match (outcome, code) {
                (Err(status), Some(code)) => assert_eq!(status.code(), code),
                (Ok((None, _)), None) => {}
                (other, _) => panic!("{:?} for {wire:?}", other.map(|(first, _)| first)),
            }
        }
    }
}
