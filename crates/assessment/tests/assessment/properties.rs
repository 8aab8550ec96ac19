//! Properties that hold for every case.

use assessment::{Facts, OfferLabel, Outcome, ProposedMeasure, Trace, Verdict, assess, candidates};
use loan::{Amount, Event, EventKind, Ratio, Waiver};
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use rust_decimal::Decimal;

use crate::auditor::{Audited, Auditor};
use crate::support::{account, contract, date, files, li, monthly, pack, wang, zhang};

fn with_income(mut facts: Facts, income: i64) -> Facts {
    let mut entry = monthly("0.00", 0, 0);
    entry.amount = Amount::new(income);
    facts.statement.verified_income = vec![entry];
    facts.statement.declared_income = vec![entry];
    facts.proposal = None;
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// With the same candidates, more income never makes fewer of them feasible.
    #[test]
    fn more_income_never_worsens_feasibility(base in 665_000_i64..770_000, more in 0_i64..20_000) {
        let pack = pack("cn-instalment");
        let low = assess(&pack, &with_income(zhang(), base), Trace::None).unwrap();
        let high = assess(&pack, &with_income(zhang(), base + more), Trace::None).unwrap();
        // Families depend on the share; the same candidates are compared where the same families fired.
        let feasible = |decision: &assessment::Decision| decision.search.considered - decision.search.infeasible;
        if low.search.considered == high.search.considered {
            prop_assert!(feasible(&high) >= feasible(&low));
        }
        for (less, rather) in low.affordability.iter().zip(&high.affordability) {
            prop_assert!(rather.share >= less.share);
        }
    }

    /// Terms that can be kept on some income can be kept on a higher one, and burden no more there.
    #[test]
    fn more_income_keeps_every_offer_affordable(base in 665_000_i64..770_000, more in 0_i64..30_000) {
        let (pack, files) = (pack("cn-instalment"), files("cn-instalment"));
        let (low, high) = (with_income(zhang(), base), with_income(zhang(), base + more));
        let offered = assess(&pack, &low, Trace::None).unwrap().offers;
        let richer = assess(&pack, &high, Trace::None).unwrap();
        let known: Vec<String> =
            candidates(&pack, &high).unwrap().iter().map(loan::Terms::canonical_key).collect();
        let audited = Auditor::new(&files, &high, &richer).audit("cn-instalment");
        // Where the instalment itself is affordable no terms are looked for; token amounts follow the share.
        for offer in offered.iter().filter(|offer| known.contains(&offer.terms.canonical_key())) {
            let key = offer.terms.canonical_key();
            // Terms that pay the same are audited once, under the first of their names.
            let same = audited.iter().filter(|one| one.total == offer.total_to_pay);
            prop_assert!(
                same.clone().any(|one| one.burden_shown() <= offer.burden),
                "{key} at {base} + {more}: {:?}", same.map(Audited::burden_shown).collect::<Vec<_>>()
            );
        }
    }

    /// What is offered never asks for more than can be spared, a proved lump sum included.
    #[test]
    fn offers_never_exceed_the_share(income in 100_000_i64..400_000, lump in any::<bool>()) {
        let mut facts = with_income(wang(), income);
        if !lump {
            facts.statement.lump_sum = None;
        }
        let decision = assess(&pack("cn-instalment"), &facts, Trace::None).unwrap();
        prop_assert!(decision.outcome != Outcome::Hold);
        for offer in &decision.offers {
            prop_assert!(offer.burden.as_str() <= "1.0000", "{} {}", offer.burden, offer.terms.canonical_key());
        }
    }

    /// Waiving more of the penalty never costs the borrower more, whatever else the terms are.
    #[test]
    fn a_waiver_never_lowers_the_borrowers_value(less in 0_i64..=100, more in 0_i64..=100, months in 1_u16..=3) {
        let pack = pack("cn-instalment");
        let cost = |percent: i64| {
            let mut facts = zhang();
            let waiver = ProposedMeasure::WaivePenalty {
                waiver: Some(Waiver::Share(Ratio::from(Decimal::new(percent, 2)))),
            };
            let proposal = facts.proposal.as_mut().unwrap();
            proposal.measures.insert(0, waiver);
            if let Some(ProposedMeasure::PaymentReduction { instalments, .. }) = proposal.measures.last_mut() {
                *instalments = months + 2;
            }
            let decision = assess(&pack, &facts, Trace::None).unwrap();
            let offer = decision.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal)).unwrap();
            (offer.witness.borrower_offer, offer.total_to_pay)
        };
        prop_assert!(cost(less.max(more)) <= cost(less.min(more)));
    }
}

/// A loan of twelve months of which six instalments were paid, each so many days late, penalty included.
fn paid_late(days: [i32; 6]) -> Facts {
    let mut facts = with_income(li(), 830_000);
    facts.loan.account = account(contract("12000.00", "0.144", 12, "2026-01-15"), 0);
    let rows = facts.loan.account.origin.rows().unwrap();
    for (row, late) in rows.iter().zip(days) {
        let on = loan::calendar::days_after(row.due, late).unwrap();
        let due = facts.loan.account.state(on).unwrap().arrears.total().unwrap();
        // A payment of the month before may have covered it.
        if !due.is_zero() {
            let kind = EventKind::Payment { id: format!("p{}", row.nr), amount: due };
            let entered = jiff::Timestamp::UNIX_EPOCH;
            let event = Event { effective: on, entered, kind };
            facts.loan.account = facts.loan.account.record(event).unwrap();
        }
    }
    facts.as_of = date("2026-08-20");
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever was paid later than it could have been, or went wrong before, never opens what was closed.
    #[test]
    fn worse_history_never_widens_the_mandate(
        late in proptest::array::uniform6(0_i32..29), more in proptest::array::uniform6(0_i32..29),
        prior in (0_u32..3, 0_u32..2, 0_u32..3), more_prior in (0_u32..2, 0_u32..2, 0_u32..2),
    ) {
        let pack = pack("cn-instalment");
        let mut better = paid_late(late);
        let mut worse = paid_late(std::array::from_fn(|nr| late[nr].max(more[nr])));
        let prior_of = |(plans_12m, broken_plans_12m, applications)| assessment::PriorRelief {
            plans_12m, plans_60m: plans_12m, broken_plans_12m, applications,
        };
        better.prior = prior_of(prior);
        worse.prior =
            prior_of((prior.0 + more_prior.0, prior.1 + more_prior.1, prior.2 + more_prior.2));
        let better = assess(&pack, &better, Trace::Full).unwrap();
        let worse = assess(&pack, &worse, Trace::Full).unwrap();
        prop_assert!(worse.outcome != Outcome::Offer || better.outcome == Outcome::Offer);
        prop_assert!(worse.required_authority >= better.required_authority || worse.offers.is_empty());
        let fired = |decision: &assessment::Decision, id: &str| {
            decision.rules.iter().any(|rule| rule.rule_id == id && rule.verdict == Verdict::Fired)
        };
        prop_assert!(!fired(&worse, "R7") || fired(&better, "R7"), "R7 opens the mandate");
    }
}
