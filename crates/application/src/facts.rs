//! What policy is told about a case, from this service's own records.

use assessment::{CaseFlags, EvidenceFact, Facts, LoanFacts};
use chassis::Problem;
use loan::Date;
use negotiation::{Application, Process};

use crate::documents::{EvidenceRecord, LoanRecord, evidence_key};
use crate::loans;
use crate::shared::Shared;

/// The facts of a case on a day. The same records give the same facts, byte for byte.
pub async fn of_case(
    shared: &Shared,
    application: &Application,
    loan: &LoanRecord,
    today: Date,
    process: &Process,
) -> Result<Facts, Problem> {
    let mut evidence = Vec::new();
    for id in &application.evidence_ids {
        let record = shared.find::<EvidenceRecord>(&evidence_key(&loan.loan_id, id)).await?.record;
        evidence.push(evidence_fact(shared, &record).await?);
    }
    Ok(Facts {
        case_id: application.application_id.clone(),
        borrower_id: application.borrower_id.clone(),
        as_of: today,
        loan: LoanFacts {
            loan_id: loan.loan_id.clone(),
            account: loan.account.clone(),
            closed: loan.closed_outside,
        },
        reason: application.hardship.reason,
        hardship_end: application.hardship.expected_end,
        statement: application.hardship.statement_on(today),
        // Access lets only the borrower, or a service for them, apply. Documents carry their own flag.
        submitter_is_not_borrower: false,
        evidence,
        flags: CaseFlags { vulnerable: application.hardship.vulnerable, ..CaseFlags::default() },
        prior: loans::prior_relief(shared, application, today, process).await?,
        proposal: application.proposal.clone(),
        other_own_balance: loans::other_own_balance(shared, loan, today).await?,
    })
}

/// A document as the rules see it. Whether others sent the same file is asked anew each time.
async fn evidence_fact(shared: &Shared, record: &EvidenceRecord) -> Result<EvidenceFact, Problem> {
    let duplicate = sent_by_others(shared, record).await?;
    Ok(EvidenceFact {
        evidence_id: record.evidence_id.clone(),
        evidence_type: record.evidence_type,
        state: record.state,
        passed_automatic_checks: record.failed_checks.is_empty() && !duplicate,
        duplicate_of_other_borrower: duplicate,
        submitter_is_not_borrower: record.submitter_is_not_borrower,
        issuer_denies: false,
    })
}

/// Whether another borrower sent the same bytes.
pub async fn sent_by_others(shared: &Shared, record: &EvidenceRecord) -> Result<bool, Problem> {
    let same = shared.related::<EvidenceRecord>("sha256", &record.sha256).await?;
    let complete = |e: &EvidenceRecord| e.state != assessment::EvidenceState::Incomplete;
    Ok(same.iter().any(|other| other.record.borrower_id != record.borrower_id && complete(&other.record)))
}
