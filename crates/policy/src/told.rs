//! Heads, activations, flips and sums as messages.

use api::leeway::common::v1::Bucket;
use api::leeway::policy::v1 as policy;
use api::leeway::policy::v1::{ActivationOrigin, ActivationState, FlipKind as FlipMessage, PackSource};
use assessment::PackProblem;
use loan::{Amount, Currency};
use wire::{
    authority_out, date_out, decline_code_out, hardship_reason_out, money_out, number_out, outcome_out,
    ratio_out, timestamp_out,
};

use crate::activation::{Activation, Origin, State};
use crate::library::{PackHead, Source};
use crate::replay::{Flip, FlipKind, Segment, Tally, Verdict};
use crate::shadow::ShadowRecord;

/// A pack's head.
pub(crate) fn head_out(head: &PackHead) -> policy::PackHead {
    let pack = &head.pack;
    let source = match head.source {
        Source::Shipped => PackSource::Shipped,
        Source::Published => PackSource::Published,
    };
    policy::PackHead {
        name: pack.name.clone(),
        version: pack.version.clone(),
        digest: pack.digest.clone(),
        jurisdiction: head.jurisdiction.clone(),
        currency_code: head.currency.clone(),
        time_zone: pack.time_zone.clone(),
        effective_from_date: Some(date_out(pack.effective_from)),
        effective_until_date: pack.effective_until.map(date_out),
        source: source.into(),
        published_by: head.published_by.clone(),
        publish_time: Some(timestamp_out(head.publish_time)),
        size_bytes: i64::try_from(head.size_bytes).unwrap_or(i64::MAX),
    }
}

/// An activation; `shadow` is what its shadow came to, where it has one.
pub(crate) fn activation_out(
    activation: &Activation,
    shadow: Option<policy::ShadowTally>,
) -> policy::Activation {
    let mut message = policy::Activation {
        activation_id: activation.activation_id.clone(),
        pack_name: activation.pack.name.clone(),
        pack_version: activation.pack.version.clone(),
        pack_digest: activation.pack.digest.clone(),
        effective_from_date: activation.effective_from.map(date_out),
        origin: match activation.origin {
            Origin::Shipped => ActivationOrigin::Shipped.into(),
            Origin::FourEyes => ActivationOrigin::FourEyes.into(),
        },
        shadow_share: ratio_out(activation.shadow_share),
        note: activation.note.clone(),
        proposed_by: activation.proposed_by.clone(),
        propose_time: Some(timestamp_out(activation.propose_time)),
        shadow,
        ..policy::Activation::default()
    };
    match &activation.state {
        State::Proposed => message.state = ActivationState::Proposed.into(),
        State::Confirmed { by, time, check } => {
            message.state = ActivationState::Confirmed.into();
            message.confirmed_by.clone_from(by);
            message.activate_time = Some(timestamp_out(*time));
            message.flip_check = check.map(|check| policy::FlipCheck {
                decisions: number_out(check.decisions),
                flips: number_out(check.flips),
                budget: ratio_out(check.budget),
            });
        }
        State::Withdrawn { by, time } => {
            message.state = ActivationState::Withdrawn.into();
            message.withdrawn_by.clone_from(by);
            message.withdraw_time = Some(timestamp_out(*time));
        }
    }
    message
}

/// Something that is wrong with a pack.
pub(crate) fn problem_out(problem: &PackProblem) -> policy::PackProblem {
    policy::PackProblem {
        file: problem.file.clone(),
        line: number_out(problem.line),
        what: problem.what.clone(),
        mend: problem.mend.clone(),
    }
}

/// A decision in short.
pub(crate) fn verdict_out(verdict: &Verdict, currency: Currency) -> policy::DecisionVerdict {
    let offered = !verdict.terms.is_empty();
    policy::DecisionVerdict {
        outcome: outcome_out(verdict.outcome).into(),
        required_authority: authority_out(verdict.authority).into(),
        codes: verdict.codes.iter().map(|code| decline_code_out(*code).into()).collect(),
        relief_cost: offered.then(|| money_out(verdict.relief_cost, currency)),
    }
}

/// A decision that comes out otherwise.
pub(crate) fn flip_out(flip: &Flip, currency: Currency) -> policy::FlippedDecision {
    policy::FlippedDecision {
        decision_id: flip.decision_id.clone(),
        case_id: flip.case_id.clone(),
        kinds: kinds_out(&flip.kinds),
        before: Some(verdict_out(&flip.before, currency)),
        after: flip.after.as_ref().ok().map(|after| verdict_out(after, currency)),
        problem: flip.after.as_ref().err().map(|code| (*code).to_owned()).unwrap_or_default(),
    }
}

/// What a candidate in shadow said.
pub(crate) fn shadow_out(record: &ShadowRecord, currency: Currency) -> policy::ShadowDecision {
    policy::ShadowDecision {
        activation_id: record.activation_id.clone(),
        pack_digest: record.pack_digest.clone(),
        verdict: record.verdict.as_ref().map(|verdict| verdict_out(verdict, currency)),
        kinds: kinds_out(&record.kinds),
        problem: record.problem.clone(),
    }
}

fn kinds_out(kinds: &[FlipKind]) -> Vec<i32> {
    let word = |kind: &FlipKind| match kind {
        FlipKind::Outcome => FlipMessage::Outcome,
        FlipKind::Authority => FlipMessage::Authority,
        FlipKind::Codes => FlipMessage::Codes,
        FlipKind::Offer => FlipMessage::Offer,
        FlipKind::Unassessable => FlipMessage::Unassessable,
    };
    kinds.iter().map(|kind| word(kind).into()).collect()
}

/// How far a replay got.
pub(crate) fn progress_out(tally: &Tally) -> policy::ReplayProgress {
    policy::ReplayProgress { decisions: whole(tally.total.decisions), flips: whole(tally.total.flips) }
}

/// What a replay came to, without what the request says. `currency`: none where offers weren't looked for.
pub(crate) fn summary_out(tally: &Tally, currency: Option<Currency>) -> policy::ReplaySummary {
    let cost = |minor: i128| {
        let amount = Amount::new(i64::try_from(minor).unwrap_or(i64::MAX));
        currency.map(|currency| money_out(amount, currency))
    };
    let queue = |review, specialist| policy::QueueLoad {
        review: whole(review),
        specialist_review: whole(specialist),
    };
    let ([cost_before, cost_after], [review_before, review_after]) = (tally.relief_cost, tally.review);
    let [special_before, special_after] = tally.specialist;
    policy::ReplaySummary {
        decisions: whole(tally.total.decisions),
        flips: whole(tally.total.flips),
        outcome_flips: whole(tally.outcome_flips),
        authority_flips: whole(tally.authority_flips),
        code_flips: whole(tally.code_flips),
        offer_flips: whole(tally.offer_flips),
        unassessable: whole(tally.unassessable),
        segments: tally
            .segments
            .iter()
            .map(|(segment, count)| policy::ReplaySegment {
                bucket: bucket_out(segment).into(),
                reason: hardship_reason_out(segment.reason).into(),
                grade: segment.grade.clone(),
                decisions: whole(count.decisions),
                flips: whole(count.flips),
            })
            .collect(),
        relief_cost_before: cost(cost_before),
        relief_cost_after: cost(cost_after),
        queue_before: Some(queue(review_before, special_before)),
        queue_after: Some(queue(review_after, special_after)),
        other_engine: whole(tally.other_engine),
        ..policy::ReplaySummary::default()
    }
}

/// The word of a bucket as facts write it; `None` for all of them.
pub(crate) fn bucket_word(bucket: Bucket) -> Option<&'static str> {
    (bucket != Bucket::Unspecified).then(|| bucket.as_str_name().trim_start_matches("BUCKET_"))
}

fn bucket_out(segment: &Segment) -> Bucket {
    Bucket::from_str_name(&format!("BUCKET_{}", segment.bucket)).unwrap_or_default()
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
