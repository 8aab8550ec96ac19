use api::leeway::application::v1::{
    EvidenceChecklist, GetEvidenceChecklistRequest, GetEvidenceChecklistResponse,
};
use chassis::{Problem, Violations};
use tonic::Request;

use crate::evidence_files::{MAX_EVIDENCE_BYTES, MEDIA_TYPES};
use crate::packs;
use crate::shared::{DEFAULT_PACK, Shared};

pub async fn handle(
    shared: &Shared,
    request: Request<GetEvidenceChecklistRequest>,
) -> Result<GetEvidenceChecklistResponse, Problem> {
    let message = request.into_inner();
    let mut v = Violations::new();
    let reason = match message.reason {
        0 => None,
        number => wire::hardship_reason_in(&mut v, "reason", number),
    };
    let pack_name = if message.pack_name.is_empty() { DEFAULT_PACK } else { &message.pack_name };
    let pack_name = wire::id_in(&mut v, "pack_name", pack_name).unwrap_or_default();
    v.into_result()?;
    let pack = packs::known(shared, &pack_name, None).await?;
    let wanted = |known: &assessment::HardshipReason| reason.is_none_or(|reason| reason == *known);
    let checklists = pack.evidence.iter().filter(|(known, _)| wanted(known)).map(|(known, accepted)| {
        let accepted = accepted.iter().map(|kind| wire::evidence_type_out(*kind).into()).collect();
        EvidenceChecklist { reason: wire::hardship_reason_out(*known).into(), accepted }
    });
    Ok(GetEvidenceChecklistResponse {
        checklists: checklists.collect(),
        max_evidence_bytes: MAX_EVIDENCE_BYTES,
        media_types: MEDIA_TYPES.iter().map(|media_type| (*media_type).to_owned()).collect(),
    })
}
