use api::leeway::application::v1::{CoSignRequest, CoSignResponse, CoSignVerdict};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::Request;

use super::refuse_application::MAX_NOTE_CHARS;
use crate::cases::{self, Moment, Target};
use crate::shared::Shared;
use chassis::Mutation;

const METHOD: &str = "CoSign";

pub async fn handle(shared: &Shared, request: Request<CoSignRequest>) -> Result<CoSignResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    let verdict = CoSignVerdict::try_from(message.verdict).ok().filter(|v| *v != CoSignVerdict::Unspecified);
    v.require("verdict", verdict.is_some(), wire::reason::REQUIRED, "sign, or send back");
    let note = wire::text_in(&mut v, "note", &message.note, MAX_NOTE_CHARS).unwrap_or_default();
    let explained = verdict != Some(CoSignVerdict::SentBack) || !note.is_empty();
    v.require("note", explained, wire::reason::REQUIRED, "say why it is sent back");
    v.into_result()?;
    let verb = move |application: Application, m: Moment<'_>| {
        let moved = match verdict {
            Some(CoSignVerdict::SentBack) => application.send_back(m.actor, m.now),
            _ => application.co_sign(m.actor, m.now, m.process),
        };
        moved.map(|moved| moved.noted(&note))
    };
    let settled = cases::change(shared, mutation, Target::of(&id), verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(CoSignResponse { application: Some(application) })
}
