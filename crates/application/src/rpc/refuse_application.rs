use api::leeway::application::v1::{RefuseApplicationRequest, RefuseApplicationResponse};
use assessment::{DeclineCode, DeclineReason};
use chassis::{Principal, Problem, Violations};
use negotiation::{Application, RefusalBy};
use tonic::Request;

use crate::cases::{self, Moment, Target};
use crate::packs;
use crate::pages::distinct;
use crate::shared::{self, Shared};
use chassis::Mutation;

const METHOD: &str = "RefuseApplication";
/// Most codes of a refusal.
const MAX_CODES: usize = 5;
/// Longest note for the record, characters.
pub const MAX_NOTE_CHARS: usize = 2_000;

pub async fn handle(
    shared: &Shared,
    request: Request<RefuseApplicationRequest>,
) -> Result<RefuseApplicationResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let mutation = Mutation::of(principal.clone(), METHOD, &message.request_id, &message, &mut v);
    let id = cases::id_in(&mut v, &message.application_id);
    let few = (1..=MAX_CODES).contains(&message.codes.len());
    v.require("codes", few, "OUT_OF_RANGE", "give 1 to 5 codes; the borrower reads their sentences");
    let mut codes = Vec::new();
    for (index, number) in message.codes.iter().take(MAX_CODES).enumerate() {
        codes.extend(wire::decline_code_in(&mut v, &wire::item("codes", index), *number));
    }
    let note = wire::text_in(&mut v, "note", &message.note, MAX_NOTE_CHARS).unwrap_or_default();
    v.require("codes", distinct(&message.codes), wire::reason::DUPLICATE, "each code once");
    v.into_result()?;
    let reasons = match mutation.replayed(&shared.store).await? {
        // A replay finds its answer; the sentences were looked up then.
        Some(_) => Vec::new(),
        None => sentences(shared, &id, &codes).await?,
    };
    let by = RefusalBy { actor: shared::actor(&principal), note: note.clone() };
    let verb = move |application: Application, m: Moment<'_>| {
        application.refuse(reasons.clone(), by.clone(), m.now, m.process).map(|moved| moved.noted(&note))
    };
    let settled = cases::change(shared, mutation, Target::of(&id), verb).await?;
    let application = cases::view(shared, &settled, &principal).await?;
    Ok(RefuseApplicationResponse { application: Some(application) })
}

async fn sentences(shared: &Shared, id: &str, codes: &[DeclineCode]) -> Result<Vec<DeclineReason>, Problem> {
    let before = shared.find::<Application>(id).await?;
    let pack = packs::known(shared, &before.record.pack_name, None).await?;
    let reasons = packs::reasons(&pack, codes);
    if reasons.len() == codes.len() {
        Ok(reasons)
    } else {
        Err(Problem::internal("a decline code has no sentences in the pack"))
    }
}
