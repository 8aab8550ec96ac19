//! Payments and balances.

use std::collections::{BTreeMap, BTreeSet};

use loan::{Account, EventKind};

use super::{ALL, Evidence, at_once};
use crate::acts::Ask;
use crate::hosts::Role;

/// Every acknowledged payment stands on its loan once, with its amount; nothing stands there that nobody sent; and
/// what was paid is what the balances show.
pub fn is_conserved(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    let mut booked: BTreeMap<(String, String), i64> = BTreeMap::new();
    let clock = evidence.town.clocks.first();
    for (id, body) in evidence.all::<serde_json::Value>(Role::Application, "loan")? {
        let account: Account = serde_json::from_value(body.get("account").cloned().unwrap_or_default())?;
        let mut sum = 0;
        for event in &account.events {
            let EventKind::Payment { id: payment, amount } = &event.kind else { continue };
            sum += amount.minor();
            if booked.insert((id.clone(), payment.clone()), amount.minor()).is_some() {
                evidence.breach(format!("loan {id}: payment {payment} is booked twice"));
            }
        }
        let today = clock.map(|clock| clock.now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date());
        let state = account.state(today.unwrap_or_default())?;
        let paid = state.paid.total()?.add(state.unallocated)?.minor();
        if paid != sum {
            evidence.breach(format!("loan {id}: {sum} was paid, its balances show {paid}"));
        }
        journal_tells_each_once(evidence, &id)?;
    }
    against_what_was_sent(evidence, &booked);
    Ok(())
}

fn journal_tells_each_once(evidence: &Evidence<'_>, loan: &str) -> anyhow::Result<()> {
    let mut told = BTreeSet::new();
    for entry in at_once(evidence.store(Role::Application).read_stream(&format!("loan/{loan}"), 0, ALL))? {
        if entry.kind == "payment recorded" && !told.insert(entry.body.clone()) {
            evidence.breach(format!("loan {loan}: its journal tells a payment twice: {}", entry.body));
        }
    }
    Ok(())
}

fn against_what_was_sent(evidence: &Evidence<'_>, booked: &BTreeMap<(String, String), i64>) {
    let notes = evidence.record.notes();
    let mut wrong = Vec::new();
    for one in &notes.acknowledged {
        let Ask::Pay(payment) = &one.act.ask else { continue };
        let amount = payment.amount.as_ref().map(|money| money.minor_units);
        let key = (payment.loan_id.clone(), payment.payment_id.clone());
        if booked.get(&key) != amount.as_ref() {
            wrong.push(format!("payment {} was acknowledged and isn't on its loan", payment.payment_id));
        }
    }
    // Those of the registration carry the loan's own name.
    let ours = |(loan, payment): &(String, String)| payment.starts_with(&format!("{loan}-p"));
    for (key, amount) in booked.iter().filter(|(key, _)| !ours(key)) {
        if notes.sent_payments.get(key) != Some(amount) {
            wrong.push(format!("payment {} is on its loan and nobody sent it", key.1));
        }
    }
    drop(notes);
    wrong.into_iter().for_each(|what| evidence.breach(what));
}
