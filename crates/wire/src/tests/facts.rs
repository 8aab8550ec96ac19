//! Facts and loans.

use api::leeway::common::v1;
use loan::{Amount, Origin};

use super::samples::{account, cny, contract, day, facts};
use super::{check, fine};
use crate::*;

#[test]
fn facts_pass_both_ways() {
    let facts = facts();
    let message = facts_out(&facts);
    assert_eq!(fine(|v| facts_in(v, "facts", Some(&message))), facts);
}

#[test]
fn what_may_be_left_out_has_its_meaning() {
    let mut message = facts_out(&facts());
    message.flags = None;
    message.prior = None;
    message.proposal = None;
    message.other_own_balance = None;
    message.hardship_end_date = None;
    let loan = message.loan.as_mut().unwrap();
    loan.product = None;
    loan.stated_instalments.clear();
    let read = fine(|v| facts_in(v, "", Some(&message)));
    assert_eq!(read.flags, assessment::CaseFlags::default());
    assert_eq!(read.prior, assessment::PriorRelief::default());
    assert_eq!((read.proposal, read.hardship_end), (None, None));
    assert_eq!(read.other_own_balance, Amount::ZERO);
    let account = read.loan.account;
    assert_eq!(account.origin, Origin::Computed(contract()));
    assert_eq!(account.product.penalty_multiplier.to_string(), "1.5");
    assert_eq!(account.product.cost_cap.to_string(), "0.24");
    assert_eq!(account.product.overpayment, loan::Overpayment::ReduceNext);
}

#[test]
fn all_violations_of_facts_are_collected() {
    let mut message = facts_out(&facts());
    message.case_id.clear();
    message.as_of_date = None;
    message.reason = 0;
    let statement = message.statement.as_mut().unwrap();
    statement.dependants = 21;
    statement.declared_income.push(v1::MonthlyAmount {
        amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: -1 }),
        from_month: -1,
        months: 601,
    });
    statement.lump_sum.as_mut().unwrap().amount.as_mut().unwrap().minor_units = 1_000_000_000_001;
    message.evidence.push(message.evidence[0].clone());
    message.flags.as_mut().unwrap().malicious_indicators = vec![2, 2];
    message.prior.as_mut().unwrap().plans_60m = 0;
    message.other_own_balance.as_mut().unwrap().currency_code = "USD".into();
    check(
        |v| facts_in(v, "facts", Some(&message)),
        &[
            ("facts.case_id", "REQUIRED"),
            ("facts.as_of_date", "REQUIRED"),
            ("facts.reason", "REQUIRED"),
            ("facts.statement.declared_income[1].amount.minor_units", "OUT_OF_RANGE"),
            ("facts.statement.declared_income[1].from_month", "OUT_OF_RANGE"),
            ("facts.statement.declared_income[1].months", "OUT_OF_RANGE"),
            ("facts.statement.dependants", "OUT_OF_RANGE"),
            ("facts.statement.lump_sum.amount.minor_units", "OUT_OF_RANGE"),
            ("facts.evidence[1].evidence_id", "DUPLICATE"),
            ("facts.flags.malicious_indicators[1]", "DUPLICATE"),
            ("facts.prior.plans_60m", "CONTRADICTION"),
            ("facts.other_own_balance.currency_code", "OTHER_CURRENCY"),
        ],
    );
}

#[test]
fn an_unreadable_currency_doesnt_hide_other_violations_nor_add_any() {
    let mut message = facts_out(&facts());
    let contract = message.loan.as_mut().unwrap().contract.as_mut().unwrap();
    contract.principal.as_mut().unwrap().currency_code = "Yuan".into();
    contract.instalments = 0;
    message.statement.as_mut().unwrap().adults = 30;
    check(
        |v| facts_in(v, "", Some(&message)),
        &[
            ("loan.contract.principal.currency_code", "MALFORMED"),
            ("loan.contract.instalments", "OUT_OF_RANGE"),
            ("statement.adults", "OUT_OF_RANGE"),
        ],
    );
    message.loan = None;
    check(|v| facts_in(v, "", Some(&message)), &[("loan", "REQUIRED"), ("statement.adults", "OUT_OF_RANGE")]);
    check(|v| facts_in(v, "facts", None), &[("facts", "REQUIRED")]);
}

#[test]
fn contracts_that_dont_hold_together_are_refused() {
    let message = |change: fn(&mut v1::LoanContract)| {
        let mut message = contract_out(&contract());
        change(&mut message);
        message
    };
    let rows: [(v1::LoanContract, &[(&str, &str)]); 4] = [
        (message(|_| {}), &[]),
        (message(|m| m.first_due_date = m.interest_from_date), &[("c.first_due_date", "OUT_OF_RANGE")]),
        (message(|m| m.amortisation = 0), &[("c.amortisation", "REQUIRED")]),
        (
            message(|m| *m = v1::LoanContract::default()),
            &[
                ("c.principal", "REQUIRED"),
                ("c.annual_rate", "REQUIRED"),
                ("c.amortisation", "REQUIRED"),
                ("c.instalments", "OUT_OF_RANGE"),
                ("c.interest_from_date", "REQUIRED"),
                ("c.first_due_date", "REQUIRED"),
            ],
        ),
    ];
    for (message, expected) in rows {
        check(|v| contract_in(v, "c", Some(&message)), expected);
    }
}

#[test]
fn the_first_stated_row_that_is_wrong_is_named() {
    let (contract, rows) = origin_out(&account().origin);
    let mut wrong = rows.clone();
    wrong[1].principal.as_mut().unwrap().minor_units += 1;
    check(
        |v| origin_in(v, "loan", Some(&contract), &wrong),
        &[("loan.stated_instalments[1]", "CONTRADICTION")],
    );
    let mut gap = rows;
    gap[1].nr = 3;
    check(
        |v| origin_in(v, "loan", Some(&contract), &gap),
        &[("loan.stated_instalments[1]", "CONTRADICTION")],
    );
}

#[test]
fn events_refer_to_what_is_there() {
    let entered = jiff::Timestamp::UNIX_EPOCH;
    let out: Vec<v1::LoanEvent> = account().events.iter().map(|event| event_out(event, cny())).collect();
    let reordered = vec![out[1].clone(), out[0].clone(), out[0].clone(), out[3].clone(), out[2].clone()];
    check(
        |v| events_in(v, "events", &reordered, cny(), entered),
        &[
            ("events[0].reversal.payment_id", "CONTRADICTION"),
            ("events[2].payment.payment_id", "DUPLICATE"),
            ("events[3].relief_undone.plan_id", "CONTRADICTION"),
        ],
    );
    let read = fine(|v| events_in(v, "events", &out, cny(), entered));
    let micros: Vec<i64> = read.iter().map(|event| event.entered.as_microsecond()).collect();
    assert_eq!(micros, [0, 1, 2, 3]);
    let early = v1::LoanEvent { effective_date: Some(date_out(day("2026-01-14"))), ..out[0].clone() };
    let (contract, stated) = origin_out(&account().origin);
    let messages = LoanMessages {
        contract: Some(&contract),
        product: None,
        stated_instalments: &stated,
        events: std::slice::from_ref(&early),
    };
    check(|v| account_in(v, "", messages, entered), &[("events[0].effective_date", "OUT_OF_RANGE")]);
    let empty = v1::LoanEvent::default();
    check(
        |v| event_in(v, "e", &empty, cny(), entered),
        &[("e.effective_date", "REQUIRED"), ("e.kind", "REQUIRED")],
    );
}

#[test]
fn rows_show_what_became_of_them() {
    let mut account = account();
    account.origin = Origin::Computed(contract());
    account.events.truncate(1);
    let state = account.state(day("2026-03-01")).unwrap();
    let first = row_state_out(&state.rows[0], cny()).unwrap();
    let minor = |money: &Option<v1::Money>| money.as_ref().unwrap().minor_units;
    // 14.4 % a year on 12,000.00 for one month; 100.00 were paid on the due date.
    assert_eq!((first.nr, minor(&first.interest), minor(&first.paid)), (1, 14_400, 10_000));
    assert_eq!(minor(&first.principal) + 14_400, 107_970);
    let penalty = minor(&first.penalty);
    assert!(penalty > 0, "fourteen days late");
    assert_eq!(minor(&first.total_due), 107_970 + penalty);
    assert_eq!(first.paid_date, None);
    let bare = row_out(&state.rows[0].row, cny()).unwrap();
    assert_eq!((minor(&bare.penalty), minor(&bare.total_due), minor(&bare.paid)), (0, 107_970, 0));
}
