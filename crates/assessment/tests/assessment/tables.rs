//! Tables of affordability, traces, determinism, and cases of the other pack.

use assessment::{
    AffordabilityMonth, AssessError, Authority, Facts, LumpSum, OfferLabel, Outcome, Trace, Verdict, assess,
    load_pack,
};
use loan::{Account, Amount, Currency, Measure, Origin, Rate};

use crate::support::{contract, date, document, files, li, money, monthly, pack, product, wang, zhang};

fn months(facts: &Facts) -> Vec<AffordabilityMonth> {
    assess(&pack("cn-instalment"), facts, Trace::None).unwrap().affordability
}

#[test]
fn affordability_follows_the_statement() {
    type Change = fn(&mut Facts);
    // (what, change of Li's facts, month, income, essentials, surplus, available, share)
    let rows: &[(&str, Change, usize, [&str; 5])] = &[
        ("as told", |_| (), 0, ["9000.00", "9100.00", "-100.00", "0.00", "0.00"]),
        ("after the hardship", |_| (), 3, ["9000.00", "6500.00", "2500.00", "2250.00", "2250.00"]),
        (
            "declared where nothing is verified",
            |facts| {
                facts.statement.verified_income.clear();
                facts.statement.declared_income = vec![monthly("9100.00", 0, 0), monthly("9300.00", 3, 0)];
            },
            3,
            ["9300.00", "6500.00", "2800.00", "2520.00", "2520.00"],
        ),
        (
            "the buffer is capped",
            |facts| facts.statement.verified_income = vec![monthly("16500.00", 3, 0)],
            3,
            ["16500.00", "6500.00", "10000.00", "9500.00", "9500.00"],
        ),
        (
            "the benchmark is the floor of essentials",
            |facts| {
                facts.statement.adults = 2;
                facts.statement.dependants = 10;
                facts.statement.essentials = vec![monthly("100.00", 0, 0)];
            },
            0,
            ["9000.00", "4500.00", "4500.00", "4050.00", "4050.00"],
        ),
        (
            "priority debts come first",
            |facts| facts.statement.priority_debt_payments = money("500.00"),
            3,
            ["9000.00", "6500.00", "2000.00", "1800.00", "1800.00"],
        ),
        (
            "other debts share",
            |facts| {
                facts.statement.other_debt_balance = money("7207.86");
                facts.other_own_balance = money("14415.72");
            },
            3,
            ["9000.00", "6500.00", "2500.00", "2250.00", "562.50"],
        ),
    ];
    for (name, change, month, expected) in rows {
        let mut facts = li();
        change(&mut facts);
        let row = months(&facts)[*month];
        let found = [row.income, row.essentials, row.surplus, row.available, row.share];
        assert_eq!(found, expected.map(money), "{name}");
    }
}

#[test]
fn the_arrears_stand_in_the_first_month() {
    let rows = months(&li());
    assert_eq!(rows[0].contract_due, money("1082.68"));
    assert_eq!(rows[1].contract_due, money("1079.70"));
    assert_eq!(rows[6].contract_due, money("1079.76"));
}

#[test]
fn a_lump_sum_counts_only_where_it_is_free() {
    type Change = fn(&mut LumpSum);
    let rows: &[(&str, Change, bool)] = &[
        ("proved and own", |_| (), true),
        ("not proved", |lump| lump.proved = false, false),
        ("borrowed", |lump| lump.borrowed = true, false),
        ("too small", |lump| lump.amount = money("3000.00"), false),
    ];
    for (name, change, settles) in rows {
        let mut facts = wang();
        change(facts.statement.lump_sum.as_mut().unwrap());
        let decision = assess(&pack("cn-instalment"), &facts, Trace::None).unwrap();
        let found = decision.offers.iter().any(|offer| {
            offer.terms.measures.iter().any(|measure| matches!(measure, Measure::Settlement { .. }))
        });
        assert_eq!(found, *settles, "{name}");
    }
}

#[test]
fn the_authority_matrix_decides_who_must_sign() {
    // (waived, loss, extension, balance) of the first row narrowed until Li's deferral falls out of it.
    let rows = [
        ("300.00 CNY,0.05,12,50000.00 CNY", Authority::Automatic),
        ("2.97 CNY,0.05,12,50000.00 CNY", Authority::Officer),
        ("300.00 CNY,0.03,12,50000.00 CNY", Authority::Officer),
        ("300.00 CNY,0.05,2,50000.00 CNY", Authority::Officer),
        ("300.00 CNY,0.05,12,7000.00 CNY", Authority::Officer),
    ];
    for (limits, expected) in rows {
        let mut files = files("cn-instalment");
        let name = "tables/authority.csv".to_owned();
        let text = String::from_utf8(files.0[&name].clone()).unwrap();
        let changed = text.replacen("300.00 CNY,0.05,12,50000.00 CNY", limits, 1);
        files.0.insert(name, changed.into_bytes());
        let decision = assess(&load_pack(&files).unwrap(), &li(), Trace::None).unwrap();
        assert_eq!(decision.required_authority, expected, "{limits}");
        assert_eq!(decision.outcome == Outcome::Offer, expected == Authority::Automatic, "{limits}");
    }
}

#[test]
fn the_trace_names_place_value_and_nearest_flip() {
    let decision = assess(&pack("cn-instalment"), &zhang(), Trace::Full).unwrap();
    let rule = decision.rules.iter().find(|rule| rule.rule_id == "R6").unwrap();
    let condition = &rule.conditions[0];
    assert_eq!((condition.fact.as_str(), condition.operator.as_str()), ("share.to_instalment", ">="));
    assert_eq!((condition.value.as_str(), condition.threshold.as_str()), ("0.676", "1"));
    assert_eq!((condition.verdict, condition.nearest_flip.as_str()), (Verdict::Missed, "1"));
    let text = String::from_utf8(files("cn-instalment").0["rules.toml"].clone()).unwrap();
    let line: usize = condition.source.strip_prefix("rules.toml:").unwrap().parse().unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("share.to_instalment"));
    let balance = decision.rules.iter().find(|rule| rule.rule_id == "R7").unwrap();
    let balance = balance.conditions.iter().find(|condition| condition.fact == "loan.balance").unwrap();
    assert_eq!((balance.verdict, balance.nearest_flip.as_str()), (Verdict::Fired, "50000.01 CNY"));
}

#[test]
fn rules_after_a_gate_are_not_reached() {
    let mut facts = li();
    facts.flags.moratorium = true;
    let decision = assess(&pack("cn-instalment"), &facts, Trace::Full).unwrap();
    let reached: Vec<&str> = decision
        .rules
        .iter()
        .filter(|rule| rule.verdict != Verdict::NotReached)
        .map(|rule| rule.rule_id.as_str())
        .collect();
    assert_eq!(reached, ["R1"]);
    assert!(decision.offers.is_empty());
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let pack = pack("cn-instalment");
    for facts in [li(), zhang(), wang()] {
        let first = serde_json::to_vec(&assess(&pack, &facts, Trace::Full).unwrap()).unwrap();
        let stored: Facts = serde_json::from_slice(&serde_json::to_vec(&facts).unwrap()).unwrap();
        let second = serde_json::to_vec(&assess(&pack, &stored, Trace::Full).unwrap()).unwrap();
        assert_eq!(first, second);
        let read: assessment::Decision = serde_json::from_slice(&first).unwrap();
        assert_eq!(serde_json::to_vec(&read).unwrap(), first);
    }
}

#[test]
fn offers_hold_what_their_terms_do_and_differ() {
    for facts in [li(), zhang(), wang()] {
        let decision = assess(&pack("cn-instalment"), &facts, Trace::None).unwrap();
        let mut ids: Vec<&str> = decision.offers.iter().map(|offer| offer.offer_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), decision.offers.len());
        assert!(decision.offers.len() <= 4);
        assert!(decision.offers[0].labels.contains(&OfferLabel::Recommended));
        for offer in &decision.offers {
            let due = Amount::try_sum(offer.instalments.iter().map(|row| row.total_due)).unwrap();
            let paid = Amount::try_sum(offer.instalments.iter().map(|row| row.paid)).unwrap();
            assert_eq!(due.sub(paid).unwrap(), offer.total_to_pay, "{}", offer.terms.canonical_key());
            assert_eq!(offer.instalments.iter().map(|row| row.due_date).max(), Some(offer.end_date));
        }
    }
}

#[test]
fn what_cannot_be_assessed_says_why() {
    type Change = fn(&mut Facts);
    let rows: &[(&str, Change, &str)] = &[
        ("before the loan", |facts| facts.as_of = date("2025-12-31"), "NOT_ASSESSABLE"),
        (
            "negative income",
            |facts| facts.statement.verified_income = vec![monthly("-1.00", 0, 0)],
            "INVALID_FACTS",
        ),
        (
            "a kind twice",
            |facts| {
                let proposal = facts.proposal.as_mut().unwrap();
                proposal.measures.push(proposal.measures[0].clone());
            },
            "INVALID_FACTS",
        ),
        ("too many adults", |facts| facts.statement.adults = 21, "INVALID_FACTS"),
    ];
    for (name, change, code) in rows {
        let mut facts = li();
        change(&mut facts);
        let error = assess(&pack("cn-instalment"), &facts, Trace::None).unwrap_err();
        assert_eq!(error.code(), *code, "{name}");
    }
    let error = assess(&pack("us-consumer"), &li(), Trace::None).unwrap_err();
    assert_eq!(error, AssessError::CurrencyMismatch { pack: "USD".to_owned(), loan: "CNY".to_owned() });
}

#[test]
fn american_loans_without_income_are_assessed() {
    // (income a month, other debt, documents): a stated income of nothing and debts of 469 % of income occur.
    for (income, other_debt, documents) in
        [("0.00", "0.00", 0), ("0.00", "50000.00", 1), ("1000.00", "56280.00", 1), ("9000.00", "0.00", 1)]
    {
        let mut contract = contract("28000.00", "0.1407", 60, "2026-01-15");
        contract.currency = Currency::parse("USD").unwrap();
        contract.annual_rate = Rate::parse("0.3099").unwrap();
        let mut facts = li();
        facts.loan.account = Account::open(Origin::Computed(contract), product()).unwrap();
        facts.as_of = date("2026-06-30");
        facts.statement.verified_income.clear();
        facts.statement.declared_income = vec![monthly(income, 0, 0)];
        facts.statement.essentials.clear();
        facts.statement.other_debt_balance = money(other_debt);
        facts.evidence = vec![document(assessment::EvidenceType::HospitalBill); documents];
        let decision = assess(&pack("us-consumer"), &facts, Trace::Full).unwrap();
        let expected = match (documents, income) {
            (_, "9000.00") => Outcome::Refuse,
            (0, _) => Outcome::EvidenceRequired,
            _ => Outcome::Review,
        };
        assert_eq!(decision.outcome, expected, "{income} {other_debt}");
    }
}
