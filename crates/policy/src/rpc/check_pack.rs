//! CheckPack: everything that is wrong with a pack's content.

use api::leeway::policy::v1::{CheckPackRequest, CheckPackResponse};
use chassis::{Problem, Violations};

use crate::library::{PackHead, Source};
use crate::publishing::{self, Checked};
use crate::service::State;
use crate::told::{head_out, problem_out};

/// Most problems that are told.
const MAX_TOLD_PROBLEMS: usize = 200;

pub(crate) async fn handle(state: &State, request: CheckPackRequest) -> Result<CheckPackResponse, Problem> {
    let mut v = Violations::new();
    v.require("files", !request.files.is_empty(), wire::reason::REQUIRED, "send the pack's files");
    v.into_result()?;
    let problems = match publishing::check(state, request.files).await? {
        Ok(Checked { pack, files, tests }) => {
            let mut head = head_out(&PackHead::of(&pack, &files, (Source::Published, ""), state.now()));
            // Nothing is published.
            (head.publish_time, head.source) = (None, 0);
            let tests = i32::try_from(tests).unwrap_or(i32::MAX);
            return Ok(CheckPackResponse { pack: Some(head), tests, ..CheckPackResponse::default() });
        }
        Err(problems) => problems,
    };
    let more = problems.len().saturating_sub(MAX_TOLD_PROBLEMS);
    Ok(CheckPackResponse {
        problems: problems.iter().take(MAX_TOLD_PROBLEMS).map(problem_out).collect(),
        more_problems: i32::try_from(more).unwrap_or(i32::MAX),
        ..CheckPackResponse::default()
    })
}
