//! Errors that tonic or a library made, told in our terms.

use api::leeway::common::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::problem::{Problem, STORE_RETRY};

/// Makes sure that an error that tonic or a library made explains itself like ours. `None`: it does already.
pub(crate) fn normalised(status: &Status) -> Option<Status> {
    if status.code() == Code::Ok || status.get_details_error_info().is_some() {
        return None;
    }
    let text = status.message().to_owned();
    let problem = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            Problem::exhausted(ErrorReason::MessageTooLarge, "the message is larger than the limit", None)
        }
        // Tonic says INTERNAL both of a request it can't decode and, rarely, of a fault of its own.
        Code::InvalidArgument => Problem::malformed(ErrorReason::ValidationFailed, text),
        Code::Internal if is_decode_error(&text) => {
            Problem::malformed(ErrorReason::ValidationFailed, "the request message can't be decoded")
        }
        Code::Unimplemented => Problem::unknown_method(),
        Code::DeadlineExceeded => Problem::deadline(),
        Code::Unavailable => {
            Problem::unavailable(ErrorReason::DependencyUnavailable, "not available", STORE_RETRY)
        }
        Code::Unauthenticated => Problem::unauthenticated(text),
        Code::PermissionDenied => Problem::denied(),
        Code::NotFound => Problem::not_found("such resource"),
        Code::AlreadyExists => Problem::already_exists("it"),
        Code::FailedPrecondition => Problem::precondition(ErrorReason::WrongState, "", text),
        Code::Aborted => Problem::stale("resource"),
        Code::DataLoss => Problem::data_loss(text),
        Code::Ok | Code::Cancelled | Code::Unknown | Code::Internal => {
            Problem::internal(format!("an error without explanation: {:?} {text}", status.code()))
        }
    };
    Some(problem.into())
}

/// How prost and tonic's framing word a message that can't be read.
fn is_decode_error(text: &str) -> bool {
    ["failed to decode Protobuf message", "protocol error: received message with", "Unexpected EOF decoding"]
        .iter()
        .any(|known| text.contains(known))
        || text.contains("Missing request message")
        || text.contains("invalid compression flag")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(problem: Problem) -> Status {
        problem.into()
    }

    #[test]
    fn foreign_errors_are_explained() {
        let rows = [
            (Status::out_of_range("decoded message length too large"), Code::ResourceExhausted),
            (Status::internal("failed to decode Protobuf message: invalid wire type"), Code::InvalidArgument),
            (Status::unimplemented(""), Code::Unimplemented),
            (Status::unknown("odd"), Code::Internal),
            (Status::cancelled("Timeout expired"), Code::Internal),
        ];
        for (foreign, code) in rows {
            let ours = normalised(&foreign).unwrap();
            assert_eq!(ours.code(), code);
            assert!(ours.get_details_error_info().is_some());
        }
        assert!(normalised(&status(Problem::denied())).is_none());
        assert!(normalised(&Status::ok("")).is_none());
    }
}
