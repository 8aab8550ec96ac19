use api::leeway::application::v1::{CheckEligibilityRequest, CheckEligibilityResponse};
use api::leeway::common::v1::ErrorReason;
use assessment::{Decision, EvidenceFact, EvidenceState, EvidenceType, Outcome};
use chassis::{Principal, Problem, Violations};
use loan::Currency;
use negotiation::{Application, Hardship, Moved, Submission};
use tonic::Request;

use super::submit_application::own_word_only;
use crate::convert::{self, is_given};
use crate::documents::LoanRecord;
use crate::shared::{self, Shared};
use crate::{facts, packs, policy};

pub async fn handle(
    shared: &Shared,
    request: Request<CheckEligibilityRequest>,
) -> Result<CheckEligibilityResponse, Problem> {
    let principal = Principal::of(&request)?;
    let message = request.into_inner();
    let mut v = Violations::new();
    let loan_id = wire::id_in(&mut v, "loan_id", &message.loan_id).unwrap_or_default();
    v.into_result()?;
    let loan = shared.find::<LoanRecord>(&loan_id).await?;
    if loan.record.closed {
        let text = "nothing is owed on the loan";
        return Err(Problem::precondition(ErrorReason::NotAssessable, format!("loan/{loan_id}"), text));
    }
    let currency = loan.record.account.contract().currency;

    let mut v = Violations::new();
    let reason = wire::hardship_reason_in(&mut v, "reason", message.reason);
    let expected_end =
        wire::date_optional_in(&mut v, "hardship_end_date", message.hardship_end_date.as_ref());
    let statement = wire::statement_in(&mut v, "statement", message.statement.as_ref(), currency);
    own_word_only(&mut v, message.statement.as_ref(), &principal);
    let proposal = match message.proposal.as_ref().filter(|terms| is_given(Some(terms))) {
        Some(terms) => wire::proposal_in(&mut v, "proposal", Some(terms), currency),
        None => None,
    };
    v.into_result()?;
    let (Some(reason), Some(statement)) = (reason, statement) else {
        return Err(Problem::internal("an eligibility check was neither read nor refused"));
    };

    let pack = packs::known(shared, &loan.record.pack_name, None).await?;
    let accepted = packs::accepted(&pack, reason);
    let today = shared.today(&pack.process);
    let imagined = Application::submit(
        Submission {
            application_id: "eligibility-check".to_owned(),
            loan_id,
            borrower_id: loan.record.borrower_id.clone(),
            pack_name: loan.record.pack_name.clone(),
            currency,
            hardship: Hardship {
                reason,
                narrative: String::new(),
                expected_end: expected_end.flatten(),
                statement,
                stated_on: today,
                vulnerable: false,
            },
            proposal,
            evidence_ids: Vec::new(),
            by: shared::actor(&principal),
        },
        shared.now(),
        &pack.process,
    );
    let imagined = imagined.map_err(|e| convert::step_problem("eligibility-check", &e))?;
    let (Moved::Changed(application, _) | Moved::AlreadyApplied(application)) = imagined;
    let mut facts = facts::of_case(shared, &application, &loan.record, today, &pack.process).await?;
    // The check supposes that one of the accepted documents will come.
    facts.evidence = accepted.iter().take(1).map(|kind| supposed(*kind)).collect();
    let decision = policy::dry_run(shared, &loan.record.pack_name, &facts).await?.decision;
    Ok(answer(&decision, &accepted, currency))
}

fn answer(decision: &Decision, accepted: &[EvidenceType], currency: Currency) -> CheckEligibilityResponse {
    CheckEligibilityResponse {
        outcome: convert::outcome_name(decision.outcome),
        required_authority: wire::authority_out(decision.required_authority).into(),
        offers: match decision.outcome {
            // What only a person may offer is not promised beforehand.
            Outcome::Hold | Outcome::SpecialistReview => Vec::new(),
            Outcome::Offer | Outcome::Review | Outcome::EvidenceRequired | Outcome::Refuse => {
                convert::offers_out(&decision.offers, currency, None)
            }
        },
        decline_reasons: convert::reasons_out(&decision.decline_reasons),
        accepted_evidence: accepted.iter().map(|kind| wire::evidence_type_out(*kind).into()).collect(),
    }
}

fn supposed(kind: EvidenceType) -> EvidenceFact {
    EvidenceFact {
        evidence_id: "supposed".to_owned(),
        evidence_type: kind,
        state: EvidenceState::Received,
        passed_automatic_checks: true,
        duplicate_of_other_borrower: false,
        submitter_is_not_borrower: false,
        issuer_denies: false,
    }
}
