//! A pack as a message. Everything else that services share is in `wire`.

use api::leeway::policy::v1::{ContactSection, EvidenceRule, Pack as PackMessage, Parameter, ProcessSection};
use assessment::{Contact, Pack, Process};
use wire::{
    calendar_section_out, date_out, decline_reason_out, evidence_type_out, hardship_reason_out, number_out,
    ratio_out,
};

/// Writes a pack's typed sections.
pub(crate) fn pack_out(pack: &Pack) -> PackMessage {
    PackMessage {
        name: pack.name.clone(),
        version: pack.version.clone(),
        digest: pack.digest.clone(),
        jurisdiction: pack.jurisdiction.clone(),
        currency_code: pack.currency.code().to_owned(),
        time_zone: pack.time_zone.clone(),
        parameters: pack
            .parameters
            .iter()
            .map(|parameter| Parameter {
                name: parameter.name.clone(),
                value: parameter.value.clone(),
                source: parameter.source.clone(),
                status: parameter.status.clone(),
                effective_from_date: Some(date_out(parameter.effective_from)),
            })
            .collect(),
        process: Some(process_out(&pack.process)),
        evidence: pack
            .evidence()
            .iter()
            .map(|(reason, accepted)| EvidenceRule {
                reason: hardship_reason_out(*reason).into(),
                accepted: accepted.iter().map(|evidence| evidence_type_out(*evidence).into()).collect(),
            })
            .collect(),
        reasons: pack.reasons.iter().map(decline_reason_out).collect(),
        contact: Some(contact_out(&pack.contact)),
        calendar: Some(calendar_section_out(&pack.business_days)),
        effective_from_date: Some(date_out(pack.effective_from)),
        effective_until_date: pack.effective_until.map(date_out),
    }
}

fn process_out(process: &Process) -> ProcessSection {
    ProcessSection {
        answer_deadline_hours: number_out(process.answer_deadline_hours),
        information_request_days: number_out(process.information_request_days),
        offer_valid_days: number_out(process.offer_valid_days),
        hold_after_refusal_days: number_out(process.hold_after_refusal_days),
        review_window_days: number_out(process.review_window_days),
        plan_grace_days: number_out(process.plan_grace_days),
        paid_share: ratio_out(process.paid_share),
        reporting_threshold_days: number_out(process.reporting_threshold_days),
    }
}

fn contact_out(contact: &Contact) -> ContactSection {
    ContactSection {
        first_hour: contact.first_hour.into(),
        last_hour: contact.last_hour.into(),
        max_attempts: number_out(contact.max_attempts),
        period_days: number_out(contact.period_days),
        reminder_days: contact.reminder_days.clone(),
    }
}
