//! Properties that hold for every case.

use assessment::{Facts, OfferLabel, Outcome, ProposedMeasure, Trace, assess};
use loan::{Amount, Ratio, Waiver};
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use rust_decimal::Decimal;

use crate::support::{monthly, pack, wang, zhang};

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
