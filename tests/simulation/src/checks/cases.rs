//! Applications and plans.

use std::collections::{BTreeMap, BTreeSet};

use negotiation::{Application, MAX_STEPS, Plan, State};
use sha2::{Digest as _, Sha256};

use super::{ALL, Evidence, at_once};
use crate::acts::Ask;
use crate::hosts::Role;

/// Name under which a step's entry holds the digest of the body it left.
const BODY_DIGEST: &str = "\"body_sha256\"";

/// Each case is what its journal says: every step once, in order, and the body that the last one left.
pub fn follow_their_journal(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let store = evidence.store(Role::Application);
    for document in evidence.documents(Role::Application, "application")? {
        let case: Application = serde_json::from_str(&document.body)?;
        // Entries of the case's plan and documents stand in the same stream; they leave no body of the case.
        let mut journal = at_once(store.read_stream(&document.id, 0, ALL))?;
        journal.retain(|entry| entry.body.contains(BODY_DIGEST));
        let told: Vec<_> = journal.iter().map(|entry| (entry.kind.as_str(), entry.actor.as_str())).collect();
        let kept: Vec<_> = case.steps.iter().map(|s| (s.kind.as_str(), s.actor.as_str())).collect();
        let same = if kept.len() < MAX_STEPS { told == kept } else { told.ends_with(&kept) };
        if !same {
            let id = &document.id;
            evidence.breach(format!("case {id}: its journal tells {told:?}, its steps are {kept:?}"));
        }
        let digest = hex::encode(Sha256::digest(document.body.as_bytes()));
        let last = journal.last().map(|entry| entry.body.as_str()).unwrap_or_default();
        if !last.contains(&digest) {
            let id = &document.id;
            evidence.breach(format!("case {id}: its body isn't the one that its journal ends with"));
        }
    }
    Ok(())
}

/// At most one open case a loan, and the marker of exactly that one.
pub fn one_open_a_loan(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let mut open: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, case) in evidence.all::<Application>(Role::Application, "application")? {
        if case.state.is_open() {
            open.entry(case.loan_id).or_default().push(id);
        }
    }
    for (loan, cases) in open.iter().filter(|(_, cases)| cases.len() > 1) {
        evidence.breach(format!("loan {loan} has {} open cases: {cases:?}", cases.len()));
    }
    let mut marked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (loan, marker) in evidence.all::<serde_json::Value>(Role::Application, "open_case")? {
        let case = marker.get("application_id").and_then(|id| id.as_str()).unwrap_or_default();
        marked.insert(loan, vec![case.to_owned()]);
    }
    if marked != open {
        evidence.breach(format!("open cases are {open:?}, their markers {marked:?}"));
    }
    Ok(())
}

/// Every case has ended, or waits for a person who was told that it is late.
pub fn rest(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    for (id, case) in evidence.all::<Application>(Role::Application, "application")? {
        let rests = match case.state {
            State::Submitted | State::EvidenceRequested { .. } | State::Offered { .. } => false,
            State::InReview | State::AwaitingCosign { .. } => case.escalated,
            State::OnHold
            | State::Accepted { .. }
            | State::Refused { .. }
            | State::Expired
            | State::Withdrawn => true,
        };
        evidence.record.count(&format!("cases {}", case.state.name()));
        if !rests {
            evidence.breach(format!("case {id} doesn't rest: `{}`", case.state.name()));
        }
    }
    Ok(())
}

/// One plan an acceptance, which the loan knows; no other plans; at most one runs a loan.
pub fn have_their_plans(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let plans: BTreeMap<String, Plan> =
        evidence.all::<Plan>(Role::Application, "plan")?.into_iter().collect();
    let mut accepted = BTreeSet::new();
    for (id, case) in evidence.all::<Application>(Role::Application, "application")? {
        let State::Accepted { offer, plan_id } = &case.state else { continue };
        accepted.insert(plan_id.clone());
        match plans.get(plan_id) {
            Some(plan) if plan.offer == **offer && plan.application_id == id => {}
            Some(_) => evidence.breach(format!("case {id}: its plan isn't what was accepted")),
            None => evidence.breach(format!("case {id} was accepted, and there is no plan")),
        }
    }
    let made: BTreeSet<String> = plans.keys().cloned().collect();
    if made != accepted {
        evidence.breach(format!("plans are {made:?}, accepted were {accepted:?}"));
    }
    let mut active = BTreeSet::new();
    for plan in plans.values().filter(|plan| plan.is_active()) {
        if !active.insert(&plan.loan_id) {
            evidence.breach(format!("loan {} has two plans that run", plan.loan_id));
        }
    }
    acknowledged(evidence, &plans)
}

/// Whoever was told that an offer is accepted has that plan.
fn acknowledged(evidence: &Evidence<'_>, plans: &BTreeMap<String, Plan>) -> anyhow::Result<()> {
    let notes = evidence.record.notes();
    let lost: Vec<String> = notes
        .acknowledged
        .iter()
        .filter_map(|one| match &one.act.ask {
            Ask::Accept(accept) => Some(accept),
            _ => None,
        })
        .filter(|accept| {
            let plan = plans.get(&format!("plan-{}", accept.application_id));
            plan.is_none_or(|plan| plan.offer.offer_id != accept.offer_id)
        })
        .map(|accept| format!("the acceptance of {} was acknowledged and is lost", accept.offer_id))
        .collect();
    drop(notes);
    lost.into_iter().for_each(|what| evidence.breach(what));
    Ok(())
}
