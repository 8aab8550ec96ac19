//! What gates, dates, terms and cost leave of offers and proposals.

use assessment::{
    Authority, Decision, DeclineCode, Facts, Offer, OfferLabel, Outcome, Proposal, ProposalOutcome,
    ProposedExtension, ProposedMeasure, Trace, Verdict, assess,
};
use loan::{
    Account, Amortisation, DeferralInterest, Event, EventKind, InterestScope, Measure, Origin, Ratio,
    ReducedPayment, ReductionInterest, SettlementSum, ShortfallOver, Terms, Waiver,
};

use crate::support::{
    account, contract, date, deferral, in_currency_of, li, money, monthly, pack, product, wang, zhang,
};

fn decide(facts: &Facts) -> Decision {
    assess(&pack("cn-instalment"), facts, Trace::Full).unwrap()
}

fn codes(decision: &Decision) -> Vec<DeclineCode> {
    decision.decline_reasons.iter().map(|reason| reason.code).collect()
}

fn rule(decision: &Decision, id: &str) -> Verdict {
    decision.rules.iter().find(|rule| rule.rule_id == id).unwrap().verdict
}

fn sentences(decision: &Decision) -> Vec<&str> {
    let changes = &decision.proposal.as_ref().unwrap().changes;
    changes.iter().flat_map(|change| [change.en.as_str(), change.zh_cn.as_str()]).collect()
}

fn spares(facts: &mut Facts, surplus: &str) {
    facts.statement.verified_income = vec![monthly(surplus, 0, 0)];
    facts.statement.declared_income = facts.statement.verified_income.clone();
    let essentials = money("6500.00");
    for income in [&mut facts.statement.verified_income, &mut facts.statement.declared_income] {
        income[0].amount = income[0].amount.add(essentials).unwrap();
    }
    facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
}

#[test]
fn nothing_that_is_offered_is_payable_before_today() {
    // Surplus a month; Li's instalment is 1,079.70. Overdue since one, two and three months.
    for surplus in ["100.00", "700.00", "1100.00", "1600.00"] {
        for (name, paid) in [("us-consumer", 5), ("us-consumer", 4), ("us-consumer", 3), ("cn-instalment", 4)]
        {
            let mut facts = li();
            let overdue = account(contract("12000.00", "0.144", 12, "2026-01-15"), paid);
            facts.loan.account = in_currency_of(name, overdue);
            spares(&mut facts, surplus);
            for proposal in [None, Some(deferral(1)), Some(deferral(3))] {
                facts.proposal = proposal;
                let decision = assess(&pack(name), &facts, Trace::None).unwrap();
                for offer in &decision.offers {
                    let key = offer.terms.canonical_key();
                    assert!(offer.first_payment_date.unwrap() >= facts.as_of, "{name} {surplus}: {key}");
                    let first = offer.instalments.iter().map(|row| row.due_date).min().unwrap();
                    assert!(first >= facts.as_of, "{name} {surplus}: {key} on {first}");
                    let paid = offer.terms.measures.iter().any(|measure| {
                        matches!(measure, Measure::Deferral { interest: DeferralInterest::Paid, .. })
                    });
                    assert!(!paid || offer.terms.measures.iter().all(|measure| measure.rank() < 6), "{key}");
                }
            }
        }
    }
}

#[test]
fn american_deferrals_with_interest_paid_are_offered_from_a_day_to_come() {
    let mut facts = li();
    facts.loan.account = in_currency_of("us-consumer", facts.loan.account);
    spares(&mut facts, "1600.00");
    facts.statement.essentials.push(monthly("600.00", 0, 3));
    let decision = assess(&pack("us-consumer"), &facts, Trace::None).unwrap();
    let offer = decision.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal)).unwrap();
    let paid = Measure::Deferral { months: 3, interest: DeferralInterest::Paid };
    assert!(offer.terms.measures.contains(&paid), "{:?}", offer.terms);
    assert_eq!(offer.first_payment_date, Some(date("2026-07-31")));
    assert!(sentences(&decision).contains(&"During the deferral only the interest is paid each month."));
}

#[test]
fn waivers_of_a_proposal_keep_to_the_gate() {
    type Change = fn(&mut Facts);
    let trial: Change = |facts| facts.prior.broken_plans_12m = 1;
    let redate: Change = |facts| facts.statement.essentials = vec![monthly("6500.00", 0, 0)];
    let nothing: Change = |_| ();
    let penalty = ProposedMeasure::WaivePenalty { waiver: None };
    let interest = ProposedMeasure::WaiveInterest { scope: Some(InterestScope::Overdue), waiver: None };
    // (what, gate, months of the deferral, waiver beside it, stands)
    let rows = [
        ("trial, penalty as the platform adds it", trial, 3, penalty.clone(), true),
        ("trial, interest", trial, 3, interest.clone(), false),
        ("re-date, penalty", redate, 1, penalty, false),
        ("re-date, interest", redate, 1, interest.clone(), false),
        ("no gate, interest", nothing, 3, interest, true),
    ];
    for (name, gate, months, waiver, stands) in rows {
        let mut facts = li();
        gate(&mut facts);
        facts.proposal = Some(deferral(months));
        facts.proposal.as_mut().unwrap().measures.push(waiver);
        let decision = decide(&facts);
        let outcome = decision.proposal.as_ref().unwrap().outcome;
        assert_eq!(outcome != ProposalOutcome::Changed, stands, "{name}: {:?}", sentences(&decision));
        assert!(!decision.offers.is_empty(), "{name}");
    }
}

#[test]
fn overdue_rows_wait_no_longer_than_in_the_platforms_own_offers() {
    type Change = fn(&mut Facts);
    let unchanged: Change = |_| ();
    let affordable: Change = |facts| {
        facts.loan.account = account(contract("12000.00", "0.144", 12, "2026-01-15"), 4);
        facts.statement.essentials = vec![monthly("3000.00", 0, 0)];
        facts.proposal = Some(deferral(1));
    };
    // (what, case, change, first payment asked for, in the proposal's offer, stands)
    let rows = [
        ("as the pack says", zhang(), unchanged, "2026-07-31", Some("2026-07-31"), true),
        ("earlier", zhang(), unchanged, "2026-07-25", Some("2026-07-25"), true),
        ("a day later", zhang(), unchanged, "2026-08-01", None, false),
        ("far away where nothing stays overdue", li(), unchanged, "2027-06-30", None, true),
        ("re-date, far away", li(), affordable, "2026-12-31", None, false),
        ("re-date, as the pack says", li(), affordable, "2026-07-31", Some("2026-07-31"), true),
    ];
    for (name, mut facts, change, asked, given, stands) in rows {
        change(&mut facts);
        facts.proposal.as_mut().unwrap().first_payment = Some(date(asked));
        let decision = decide(&facts);
        let outcome = decision.proposal.as_ref().unwrap().outcome;
        assert_eq!(outcome != ProposalOutcome::Changed, stands, "{name}: {:?}", sentences(&decision));
        let proposed = decision.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal));
        assert_eq!(proposed.is_some(), stands, "{name}");
        assert_eq!(proposed.and_then(|offer| offer.terms.first_payment), given.map(date), "{name}");
        if !stands {
            assert_ne!(decision.outcome, Outcome::Offer, "{name}");
            assert!(
                sentences(&decision).contains(&"What is overdue must be paid by 2026-07-31 at the latest.")
            );
        }
    }
}

/// Li's loan under a plan that halves rows 2 to 4.
fn halved() -> Account {
    let reduction = Measure::PaymentReduction {
        pay: ReducedPayment::Factor(Ratio::parse("0.5").unwrap()),
        instalments: 3,
        shortfall_over: ShortfallOver::Rows(6),
        interest: ReductionInterest::None,
    };
    let terms = Terms { measures: vec![reduction], first_payment: None };
    let kind = EventKind::Relief { id: "plan-1".to_owned(), terms };
    let event = Event { effective: date("2026-02-20"), entered: jiff::Timestamp::UNIX_EPOCH, kind };
    account(contract("12000.00", "0.144", 12, "2026-01-15"), 1).record(event).unwrap()
}

#[test]
fn rules_compare_with_the_contract_instalment_while_a_plan_runs() {
    let mut facts = li();
    facts.loan.account = halved();
    facts.as_of = date("2026-02-25");
    facts.proposal = None;
    spares(&mut facts, "700.00");
    let decision = decide(&facts);
    assert_eq!(decision.derived_facts["loan.instalment"], "1079.70 CNY");
    assert_eq!(decision.derived_facts["share.to_instalment"], "0.5834");
    assert_eq!((rule(&decision, "R6"), rule(&decision, "R8")), (Verdict::Missed, Verdict::Fired));
    // What the contract asks is no catch-up, though the plan asks half of it.
    facts.statement.verified_income.clear();
    let asks_more = |offer: &Offer| offer.highest_payment > money("1079.76");
    assert!(!decide(&facts).offers.iter().any(asks_more));
}

#[test]
fn the_longest_term_is_named_only_where_it_alone_fails() {
    let extend = |extra| ProposedMeasure::TermExtension { by: ProposedExtension::Instalments(extra) };
    // (interest from, contract instalments, extra ones, surplus, what comes out)
    let rows = [
        ("2026-01-15", 36, 24, "400.00", vec![], true),
        ("2026-01-10", 36, 24, "400.00", vec![DeclineCode::OutsideMaxTerm], false),
        ("2026-01-15", 37, 24, "400.00", vec![DeclineCode::OutsideMaxTerm], false),
        ("2026-01-15", 37, 24, "100.00", vec![DeclineCode::UnsustainableEvenIfChanged], false),
        ("2026-01-15", 60, 24, "0.00", vec![DeclineCode::UnsustainableEvenIfChanged], false),
    ];
    for (from, instalments, extra, surplus, expected, stands) in rows {
        let mut facts = li();
        facts.loan.account = account(contract("12000.00", "0.144", instalments, from), 6);
        spares(&mut facts, surplus);
        facts.proposal = Some(Proposal { measures: vec![extend(extra)], first_payment: None });
        let decision = decide(&facts);
        assert_eq!(codes(&decision), expected, "{from} {instalments} {surplus}");
        let outcome = decision.proposal.as_ref().unwrap().outcome;
        assert_eq!(outcome == ProposalOutcome::AsProposed, stands, "{from} {instalments} {surplus}");
    }
}

#[test]
fn a_floor_above_the_tiers_shares_still_lets_settle() {
    // One instalment 45 days late: grade FAIR, tier B; 26 days overdue now, so the floor is the whole principal.
    let mut loan = account(contract("6000.00", "0.12", 12, "2026-01-15"), 1);
    for (id, day) in [("p2", "2026-04-29"), ("p3", "2026-04-30")] {
        let kind = EventKind::Payment { id: id.to_owned(), amount: money("560.00") };
        loan =
            loan.record(Event { effective: date(day), entered: jiff::Timestamp::UNIX_EPOCH, kind }).unwrap();
    }
    let mut facts = wang();
    facts.loan.account = loan;
    facts.as_of = date("2026-06-10");
    facts.statement.lump_sum.as_mut().unwrap().amount = money("5000.00");
    let decision = decide(&facts);
    let shares: Vec<Ratio> = decision
        .offers
        .iter()
        .flat_map(|offer| &offer.terms.measures)
        .filter_map(|measure| match measure {
            Measure::Settlement { sum: SettlementSum::PrincipalShare(share), .. } => Some(*share),
            _ => None,
        })
        .collect();
    assert_eq!(decision.derived_facts["arrears.bucket"], "M1");
    assert_eq!(shares, [Ratio::ONE], "{:?}", decision.derived_facts);
}

#[test]
fn a_settlement_by_sum_is_judged_like_the_share_it_comes_to() {
    // 4,566.49 is left, of which the floor of M2 is 95 %: 4,338.1655, so 4,338.17 by share and by sum.
    let rows =
        [("4338.16", None), ("4338.17", Some("4338.17")), ("4400.00", Some("4400.00")), ("4566.50", None)];
    for (sum, stands) in rows {
        let mut facts = wang();
        facts.statement.lump_sum.as_mut().unwrap().amount = money("4700.00");
        let settlement = ProposedMeasure::Settlement {
            sum: Some(SettlementSum::Sum(money(sum))),
            pay_by: None,
            parts: None,
        };
        facts.proposal = Some(Proposal { measures: vec![settlement], first_payment: None });
        let decision = decide(&facts);
        let proposed = decision.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal));
        assert_eq!(proposed.map(|offer| offer.total_to_pay), stands.map(money), "{sum}");
        let refused = sentences(&decision).contains(&"The rules don't allow a settlement, or not as far.");
        assert_eq!(refused, stands.is_none(), "{sum}");
        if let Some(offer) = proposed {
            let forgiven = money("4566.49").sub(money(sum)).unwrap();
            assert_eq!(offer.waived.principal, forgiven, "{sum}");
            assert_eq!(offer.required_authority, Authority::OfficerAndSupervisor, "{sum}");
        }
    }
}

#[test]
fn a_penalty_may_be_waived_up_to_an_amount() {
    let penalty =
        |minor| ProposedMeasure::WaivePenalty { waiver: Some(Waiver::Amount(loan::Amount::new(minor))) };
    let mut facts = li();
    let with = |first: ProposedMeasure| {
        let mut proposal = deferral(3);
        proposal.measures.insert(0, first);
        Some(proposal)
    };
    facts.proposal = with(penalty(100));
    let decision = decide(&facts);
    let offer = decision.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal)).unwrap();
    assert_eq!(offer.waived.penalty, loan::Amount::new(100));
    facts.proposal = with(penalty(1_000_000));
    let all = decide(&facts);
    let offer = all.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal)).unwrap();
    facts.proposal = with(ProposedMeasure::WaivePenalty { waiver: None });
    let unstated = decide(&facts);
    let same = unstated.offers.iter().find(|offer| offer.labels.contains(&OfferLabel::Proposal)).unwrap();
    assert_eq!(offer.waived, same.waived);
    assert_eq!(offer.total_to_pay, same.total_to_pay);
}

#[test]
fn an_income_gap_is_compared_exactly() {
    for (verified, fired) in
        [("9000.00", Verdict::Missed), ("8999.99", Verdict::Fired), ("8999.00", Verdict::Fired)]
    {
        let mut facts = li();
        facts.statement.declared_income = vec![monthly("10000.00", 0, 0)];
        facts.statement.verified_income = vec![monthly(verified, 0, 0)];
        let decision = decide(&facts);
        assert_eq!(rule(&decision, "O3-income-gap"), fired, "{verified}");
        let least = if fired == Verdict::Fired { Authority::Officer } else { Authority::Automatic };
        assert_eq!(decision.required_authority, least, "{verified}");
    }
}

#[test]
fn sentences_for_the_borrower_hold_no_codes() {
    let bare = ProposedMeasure::Settlement { sum: None, pay_by: None, parts: None };
    let settlement = Proposal { measures: vec![bare], first_payment: None };
    let rate = ProposedMeasure::RateReduction { rate: loan::Rate::parse("0.01").unwrap(), until: None };
    let lower = Proposal { measures: vec![rate], first_payment: None };
    // (case, proposal; nothing: its own, a sentence in English, in Chinese)
    let rows = [
        (li(), None, "No interest is charged for the deferral.", "延期期间不计利息。"),
        (zhang(), None, "No interest is charged on what is put off.", "延后的本金不计利息。"),
        (
            li(),
            Some(deferral(9)),
            "The rules don't allow a deferral, or not as far.",
            "规则不允许延期，或不允许达到该幅度。",
        ),
        (
            li(),
            Some(lower),
            "The rules don't allow a lower rate, or not as far.",
            "规则不允许降低利率，或不允许达到该幅度。",
        ),
        (
            wang(),
            Some(settlement),
            "The settlement is 95 % of the principal left.",
            "结清金额为剩余本金的 95%。",
        ),
    ];
    for (mut facts, proposal, en, zh_cn) in rows {
        facts.proposal = proposal.or(facts.proposal);
        let decision = decide(&facts);
        let found = sentences(&decision);
        assert!(found.contains(&en) && found.contains(&zh_cn), "{found:?}");
        assert!(found.iter().all(|text| !text.contains("pack") && !text.contains("规则包")), "{found:?}");
        assert!(found.iter().all(|text| !text.contains('_') && !text.contains("（")), "{found:?}");
    }
}

#[test]
fn a_flat_fee_counts_as_cost() {
    // (yearly fee on the original principal, the deferral stands): 20 % flat is about 35 % on the balance.
    for (rate, stands) in [("0.05", true), ("0.20", false)] {
        let mut terms = contract("12000.00", rate, 12, "2026-01-15");
        terms.amortisation = Amortisation::Flat;
        let rows = Origin::Computed(terms.clone()).rows().unwrap();
        assert_eq!(Account::open(Origin::Computed(terms.clone()), product()).unwrap().contract(), &terms);
        let mut facts = li();
        facts.loan.account = account(terms, 5);
        facts.proposal = Some(deferral(1));
        facts.statement.essentials = vec![monthly("6500.00", 0, 0), monthly("2600.00", 0, 1)];
        let decision = decide(&facts);
        let outcome = decision.proposal.as_ref().unwrap().outcome;
        assert_eq!(outcome == ProposalOutcome::Completed, stands, "{rate} {rows:?}");
        let cap = rust_decimal::Decimal::new(24, 2);
        for offer in &decision.offers {
            let cost: rust_decimal::Decimal = offer.annual_cost.parse().unwrap();
            assert!(cost <= cap, "{rate}: {cost} for {}", offer.terms.canonical_key());
        }
    }
}
