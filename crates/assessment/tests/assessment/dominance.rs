//! No candidate beats what is offered: checked on random cases by an evaluator of its own.

use assessment::{Decision, Facts, OfferLabel, Outcome, Trace, assess};
use loan::Amount;

use crate::auditor::{Audited, Auditor};
use crate::support::{account, contract, files, monthly, pack, wang, zhang};

/// Cases that are audited.
const CASES: u64 = 500;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }

    fn amount(&mut self, least: i64, most: i64) -> Amount {
        Amount::new(least + self.below(most - least))
    }
}

/// A level loan of some months with some instalments missed, and means around what it asks.
fn case(number: u64) -> Facts {
    let mut numbers = Numbers(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut facts = if numbers.below(2) == 0 { zhang() } else { wang() };
    let instalments = 6 + numbers.below(13);
    let paid = numbers.below(instalments - 2);
    let principal = numbers.amount(200_000, 6_000_000);
    let rate = ["0.06", "0.12", "0.18", "0.2275"][usize::try_from(numbers.below(4)).unwrap()];
    let mut terms = contract("1.00", rate, u16::try_from(instalments).unwrap(), "2025-06-15");
    terms.principal = principal;
    facts.loan.account = account(terms, usize::try_from(paid).unwrap());
    let rows = facts.loan.account.origin.rows().unwrap();
    let next = rows[usize::try_from(paid).unwrap()].due;
    facts.as_of = loan::calendar::days_after(next, i32::try_from(numbers.below(80)).unwrap()).unwrap();
    let instalment = rows[0].total().unwrap().minor();
    let essentials = numbers.amount(100_000, 500_000);
    let spare = |of_100: i64| Amount::new(essentials.minor() + instalment * of_100 / 90);
    let (low, high) = (numbers.below(110), 60 + numbers.below(200));
    let months = u32::try_from(numbers.below(5)).unwrap();
    let mut income = vec![monthly("0.00", 0, months), monthly("0.00", months, 0)];
    (income[0].amount, income[1].amount) = (spare(low), spare(high));
    facts.statement.declared_income = income.clone();
    facts.statement.verified_income = if numbers.below(4) == 0 { Vec::new() } else { income };
    facts.statement.essentials = vec![monthly("0.00", 0, 0)];
    facts.statement.essentials[0].amount = essentials;
    if let Some(lump) = &mut facts.statement.lump_sum {
        lump.amount = numbers.amount(0, principal.minor());
    }
    facts.prior.broken_plans_12m = u32::from(numbers.below(12) == 0);
    facts.proposal = None;
    facts
}

fn is_ours(labels: &[OfferLabel]) -> bool {
    !labels.contains(&OfferLabel::Proposal) && !labels.contains(&OfferLabel::NearestToProposal)
}

/// What the decision offers against every candidate of its pool; how many offers that were.
fn check(facts: &Facts, decision: &Decision, audited: &[Audited]) -> usize {
    let feasible = decision.search.considered - decision.search.infeasible;
    assert_eq!(u64::try_from(audited.len()).unwrap(), feasible, "{facts:?}");
    let automatic = decision.outcome == Outcome::Offer;
    let pool: Vec<&Audited> = audited.iter().filter(|one| !automatic || one.in_mandate).collect();
    let mut checked = 0;
    for offer in decision.offers.iter().filter(|offer| is_ours(&offer.labels)) {
        let key = offer.terms.canonical_key();
        let own = pool.iter().find(|one| one.key == key);
        let own = own.unwrap_or_else(|| panic!("{key} is no feasible candidate: {facts:?}"));
        for other in &pool {
            let no_worse =
                !own.lender.exceeds(&other.lender) && other.burden <= own.burden && other.total <= own.total;
            let better = other.lender.exceeds(&own.lender)
                || (no_worse && (other.burden < own.burden || other.total < own.total));
            assert!(!(no_worse && better), "{} beats {key}: {facts:?}", other.key);
        }
        checked += 1;
    }
    checked
}

fn audit(from: u64) {
    let cn = (pack("cn-instalment"), files("cn-instalment"));
    let (mut offers, mut without) = (0, 0);
    for number in from..from + CASES / 4 {
        let facts = case(number);
        let decision = assess(&cn.0, &facts, Trace::None).unwrap();
        // R6 and gates without terms search for nothing.
        if decision.search.considered == 0 {
            without += 1;
            continue;
        }
        let audited = Auditor::new(&cn.1, &facts, &decision).audit("cn-instalment");
        offers += check(&facts, &decision, &audited);
    }
    assert!(offers > 100 && without < 10, "{offers} offers, {without} cases without a search");
}

#[test]
fn nothing_beats_an_offer_in_the_first_quarter() {
    audit(0);
}

#[test]
fn nothing_beats_an_offer_in_the_second_quarter() {
    audit(125);
}

#[test]
fn nothing_beats_an_offer_in_the_third_quarter() {
    audit(250);
}

#[test]
fn nothing_beats_an_offer_in_the_last_quarter() {
    audit(375);
}
