use std::time::Duration;

use api::leeway::application::v1::upload_evidence_request::Part;
use api::leeway::application::v1::{EvidenceStart, UploadEvidenceRequest, UploadEvidenceResponse};
use api::leeway::common::v1::ErrorReason;
use assessment::{EvidenceState, EvidenceType};
use chassis::{Principal, Problem, Violations};
use negotiation::Application;
use tonic::{Request, Streaming};

use super::submit_application::MAX_EVIDENCE_PER_CASE;
use crate::convert::{self, Viewer};
use crate::documents::{EvidenceRecord, LoanRecord, Versioned, evidence_key};
use crate::drafts::{add_application, commit_at};
use crate::evidence_files::{Appender, Hold, MAX_CHUNK_BYTES, MAX_EVIDENCE_BYTES};
use crate::facts;
use crate::shared::{self, Shared};
use api::access::Role;

const MAX_NAME_CHARS: usize = 200;
const SHA256_HEX_CHARS: usize = 64;
/// Documents of one loan that belong to no case yet.
const MAX_FREE_PER_LOAN: usize = 40;
/// When to come again while the same document is being uploaded.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// Tries of the closing commit against writers of the same case.
const MAX_CONFLICT_RETRIES: u32 = 8;

/// What the first message says, read.
#[derive(Clone)]
struct Start {
    evidence_id: String,
    loan_id: String,
    application_id: String,
    evidence_type: EvidenceType,
    issuer: String,
    file_name: String,
    size_bytes: i64,
    sha256: String,
    offset: i64,
}

pub async fn handle(
    shared: &Shared,
    request: Request<Streaming<UploadEvidenceRequest>>,
) -> Result<UploadEvidenceResponse, Problem> {
    let principal = Principal::of(&request)?;
    let mut messages = request.into_inner();
    let first = messages.message().await.map_err(|status| Problem::from_status(&status))?.unwrap_or_default();
    let mut v = Violations::new();
    let start = start_in(&mut v, &first);
    v.into_result()?;
    let start = start.ok_or_else(|| Problem::internal("an upload was neither read nor refused"))?;
    let loan = shared.find::<LoanRecord>(&start.loan_id).await?;
    let Some(hold) = shared.evidence.hold(&start.key()) else {
        let text = "this document is being uploaded already";
        return Err(Problem::exhausted(ErrorReason::Overloaded, text, Some(BUSY_RETRY)));
    };
    let opened = open(shared, &start, &loan.record, &principal).await?;
    if opened.record.state != EvidenceState::Incomplete {
        return Ok(answer(&opened, opened.record.size_bytes, &principal));
    }
    let length = receive(shared, &start, &mut messages).await?;
    if length < start.size_bytes {
        return Ok(answer(&opened, length, &principal));
    }
    let evidence = complete(shared, opened, hold, principal.clone()).await?;
    Ok(answer(&evidence, length, &principal))
}

/// Adds what comes to the file and brings it to the disk, also where the stream breaks off: a later upload goes on there.
async fn receive(
    shared: &Shared,
    start: &Start,
    messages: &mut Streaming<UploadEvidenceRequest>,
) -> Result<i64, Problem> {
    let mut file = shared.evidence.append(&start.key()).await?;
    let stored = file.length();
    let mut received = false;
    while let Some(message) = messages.message().await.map_err(|status| Problem::from_status(&status))? {
        if !received && stored != start.offset {
            return Err(offset_mismatch(start, stored));
        }
        received = true;
        append(&mut file, start, message).await?;
    }
    let length = file.length();
    file.sync().await?;
    Ok(length)
}

fn start_in(v: &mut Violations, message: &UploadEvidenceRequest) -> Option<Start> {
    let loan_id = wire::id_in(v, "loan_id", &message.loan_id);
    let Some(Part::Start(start)) = &message.part else {
        v.add("start", wire::reason::REQUIRED, "the first message opens the upload");
        return None;
    };
    let EvidenceStart { size_bytes, offset, .. } = *start;
    let evidence_id = wire::id_in(v, "start.evidence_id", &start.evidence_id);
    let application_id = match start.application_id.as_str() {
        "" => Some(String::new()),
        id => wire::id_in(v, "start.application_id", id),
    };
    let evidence_type = wire::evidence_type_in(v, "start.type", start.r#type);
    let issuer = wire::text_in(v, "start.issuer", &start.issuer, MAX_NAME_CHARS);
    let file_name = wire::text_in(v, "start.file_name", &start.file_name, MAX_NAME_CHARS);
    let sized = (1..=MAX_EVIDENCE_BYTES).contains(&size_bytes);
    v.require("start.size_bytes", sized, "OUT_OF_RANGE", "give 1 to 10,485,760 bytes");
    let hashed = start.sha256.len() == SHA256_HEX_CHARS
        && start.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    v.require("start.sha256", hashed, "SHA256_REQUIRED", "give the SHA-256 of the content in lower-case hex");
    v.require(
        "start.offset",
        (0..=size_bytes.max(0)).contains(&offset),
        "OUT_OF_RANGE",
        "give 0 to the size",
    );
    Some(Start {
        evidence_id: evidence_id?,
        loan_id: loan_id?,
        application_id: application_id?,
        evidence_type: evidence_type?,
        issuer: issuer?,
        file_name: file_name?,
        size_bytes,
        sha256: start.sha256.clone(),
        offset,
    })
}

/// The document as it is known: complete, begun before, or begun now. Another content under its id is refused.
async fn open(
    shared: &Shared,
    start: &Start,
    loan: &LoanRecord,
    principal: &Principal,
) -> Result<Versioned<EvidenceRecord>, Problem> {
    if let Some(known) = shared.get::<EvidenceRecord>(&start.key()).await? {
        if known.record.sha256 == start.sha256 && known.record.size_bytes == start.size_bytes {
            return Ok(known);
        }
        return Err(Problem::already_exists(format_args!("document `{}`", start.evidence_id)));
    }
    check_room(shared, start).await?;
    let begun = Versioned::new(record_of(start, loan, principal));
    let mut commit = commit_at(shared.now());
    commit.writes.push(begun.put()?);
    let (context, key) = (shared.clone(), start.key());
    chassis::task::owned(async move {
        context.store.commit(commit).await?;
        context.find::<EvidenceRecord>(&key).await
    })
    .await
}

/// The case must be open, of this loan, and have room; documents without a case are few. What was only begun counts.
async fn check_room(shared: &Shared, start: &Start) -> Result<(), Problem> {
    let all = shared.related::<EvidenceRecord>("loan_id", &start.loan_id).await?;
    let beside = all.iter().filter(|e| e.record.application_id == start.application_id).count();
    let full = |text: &str| Problem::exhausted(ErrorReason::LimitReached, text, None);
    if start.application_id.is_empty() {
        let room = beside < MAX_FREE_PER_LOAN;
        return if room { Ok(()) } else { Err(full("too many documents without a case")) };
    }
    let application = shared.get::<Application>(&start.application_id).await?;
    let application = application.filter(|a| a.record.loan_id == start.loan_id);
    let Some(application) = application else {
        let mut v = Violations::new();
        v.add("start.application_id", "UNKNOWN_APPLICATION", "no application of this loan");
        return v.into_result();
    };
    if !application.record.state.is_open() {
        let subject = format!("application/{}", start.application_id);
        let text = format!("the application is `{}`", application.record.state.name());
        return Err(Problem::precondition(ErrorReason::WrongState, subject, text));
    }
    if beside < MAX_EVIDENCE_PER_CASE { Ok(()) } else { Err(full("at most 20 documents a case")) }
}

async fn append(file: &mut Appender, start: &Start, message: UploadEvidenceRequest) -> Result<(), Problem> {
    let mut v = Violations::new();
    let Some(Part::Chunk(bytes)) = message.part else {
        v.add("chunk", wire::reason::REQUIRED, "after the first message only chunks follow");
        return v.into_result();
    };
    v.require("chunk", bytes.len() <= MAX_CHUNK_BYTES, "TOO_LARGE", "at most 1 MiB a message");
    let after = file.length().saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    v.require("chunk", after <= start.size_bytes, "TOO_LARGE", "more bytes than were announced");
    v.into_result()?;
    file.write(bytes).await
}

fn offset_mismatch(start: &Start, stored: i64) -> Problem {
    let subject = format!("evidence/{}", start.evidence_id);
    let text = format!("go on at offset {stored}");
    Problem::precondition(ErrorReason::UploadOffsetMismatch, subject, text).with("offset", stored.to_string())
}

/// Checks what came and stores the document, in a task of the server's that keeps the right to write until its end.
async fn complete(
    shared: &Shared,
    opened: Versioned<EvidenceRecord>,
    hold: Hold,
    principal: Principal,
) -> Result<Versioned<EvidenceRecord>, Problem> {
    let shared = shared.clone();
    chassis::task::owned(async move {
        let _hold = hold;
        let (key, announced) = (&opened.record.key, &opened.record.sha256);
        let sealed = shared.evidence.seal(key, announced, &shared.ids.token()).await?;
        let Some(found) = sealed.filter(|found| found.sha256 == *announced) else {
            // Another replica may have taken the same document meanwhile.
            let known = shared.find::<EvidenceRecord>(key).await?;
            if known.record.state != EvidenceState::Incomplete {
                return Ok(known);
            }
            shared.evidence.discard(key).await?;
            let text = "the content is not what its SHA-256 announced; send it again from the beginning";
            return Err(Problem::malformed(ErrorReason::ContentHashMismatch, text));
        };
        let mut record = opened.record.clone();
        record.state = EvidenceState::Received;
        record.received_at = Some(shared.now());
        match found.media_type {
            Some(media_type) => record.media_type = media_type.to_owned(),
            None => record.failed_checks.push("the content can't be read".to_owned()),
        }
        record.sent_by_another_borrower = facts::sent_by_others(&shared, &record).await?;
        let stored = store(&shared, opened.with(record), &principal).await?;
        // What is left of its way is of no use any more; nobody minds if it stays.
        let _ = shared.evidence.discard(&stored.record.key).await;
        Ok(stored)
    })
    .await
}

/// The complete document, and the case that may have waited for it, in one commit.
async fn store(
    shared: &Shared,
    evidence: Versioned<EvidenceRecord>,
    principal: &Principal,
) -> Result<Versioned<EvidenceRecord>, Problem> {
    let record = &evidence.record;
    let mut attempt = 0;
    loop {
        let now = shared.now();
        let mut commit = commit_at(now);
        commit.writes.push(evidence.put()?);
        if !record.application_id.is_empty() {
            let before = shared.find::<Application>(&record.application_id).await?;
            let by = shared::actor(principal);
            let moved =
                before.record.clone().evidence_received(&record.evidence_id, record.evidence_type, &by, now);
            let moved = moved.map_err(|e| convert::step_problem(&record.application_id, &e))?;
            add_application(shared, &mut commit, &before, moved).await?;
        }
        match shared.store.commit(commit).await {
            Ok(_) => return shared.find::<EvidenceRecord>(&record.key).await,
            Err(store::StoreError::Conflict { .. }) if attempt < MAX_CONFLICT_RETRIES => attempt += 1,
            Err(error) => return Err(error.into()),
        }
        let known = shared.find::<EvidenceRecord>(&record.key).await?;
        if known.record.state != EvidenceState::Incomplete {
            return Ok(known);
        }
    }
}

/// A document that was only begun.
fn record_of(start: &Start, loan: &LoanRecord, principal: &Principal) -> EvidenceRecord {
    // Staff and services without a subject upload for the borrower, e.g. from a paper file.
    let stranger = match principal.role {
        Role::Borrower => principal.id != loan.borrower_id,
        Role::Service => principal.subject.as_ref().is_some_and(|subject| *subject != loan.borrower_id),
        Role::Officer | Role::Supervisor | Role::PolicyAdmin | Role::Operator | Role::Auditor => false,
    };
    EvidenceRecord {
        key: start.key(),
        evidence_id: start.evidence_id.clone(),
        loan_id: start.loan_id.clone(),
        borrower_id: loan.borrower_id.clone(),
        application_id: start.application_id.clone(),
        evidence_type: start.evidence_type,
        issuer: start.issuer.clone(),
        file_name: start.file_name.clone(),
        media_type: String::new(),
        size_bytes: start.size_bytes,
        sha256: start.sha256.clone(),
        state: EvidenceState::Incomplete,
        failed_checks: Vec::new(),
        sent_by_another_borrower: false,
        submitter_is_not_borrower: stranger,
        reviewed_by: None,
        received_at: None,
    }
}

fn answer(
    evidence: &Versioned<EvidenceRecord>,
    received: i64,
    principal: &Principal,
) -> UploadEvidenceResponse {
    UploadEvidenceResponse {
        evidence: Some(convert::evidence_out(&evidence.record, Viewer::of(principal))),
        received_bytes: received,
    }
}

impl Start {
    fn key(&self) -> String {
        evidence_key(&self.loan_id, &self.evidence_id)
    }
}
