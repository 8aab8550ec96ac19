//! Laws about contracts, relief terms and stored forms.

use std::fmt::Debug;

use loan::value::Flow;
use loan::{
    Account, Amortisation, Amount, Contract, Event, EventKind, Grace, Measure, Origin, Ratio,
    ReductionInterest, SettlementSum, State, Terms, Waiver, calendar, relief, schedule,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::happenings::{IMPOSSIBLE, entered, terms};
use crate::tape::Tape;
use crate::worlds::long_after;

type Outcome = Result<(), TestCaseError>;

/// Reasons to refuse terms that fit no loan like this.
const REFUSALS: [&str; 4] = ["TERMS_INVALID", "NOT_ENOUGH_INSTALMENTS", "TARGET_TOO_LOW", "NOTHING_OPEN"];

pub fn contract_rows_add_up(tape: &mut Tape<'_>) -> Outcome {
    let contract = tape.contract();
    let rows = match schedule::build(&contract) {
        Ok(rows) => rows,
        Err(error) => {
            prop_assert!(
                ["CONTRACT_INVALID", "TARGET_TOO_LOW"].contains(&error.code()),
                "{error} {contract:?}"
            );
            return Ok(());
        }
    };
    let down_payment = contract.principal.mul_ratio(contract.conventions.down_payment).unwrap();
    let count = usize::from(contract.instalments) + usize::from(!down_payment.is_zero());
    let is_fixed = contract.conventions.fixed_instalment.is_some();
    prop_assert!(rows.len() == count || is_fixed && rows.len() < count, "{contract:?}");
    let principal = Amount::try_sum(rows.iter().map(|row| row.principal)).unwrap();
    prop_assert_eq!(principal, contract.principal);
    let mut balance = contract.principal;
    for (row, nr) in rows.iter().zip(1_u32..) {
        prop_assert_eq!(row.nr, nr);
        balance = balance.sub(row.principal).unwrap();
        prop_assert_eq!(row.balance_after, balance);
        prop_assert!(!row.principal.is_negative() && !row.interest.is_negative());
        prop_assert!(row.fee.is_zero() && row.relief_interest.is_zero() && row.contract_due == row.due);
    }
    prop_assert!(rows.windows(2).all(|pair| pair[0].due < pair[1].due));
    prop_assert!(rows.last().is_some_and(|row| row.balance_after.is_zero()));
    let first = usize::from(!down_payment.is_zero());
    let grace = contract.conventions.grace;
    if !is_fixed {
        for row in rows[first..].iter().take(usize::from(grace.principal)) {
            prop_assert!(row.principal.is_zero(), "grace on principal: {contract:?}");
        }
        for row in rows[first..].iter().take(usize::from(grace.interest.max(grace.interest_deferred))) {
            prop_assert!(row.interest.is_zero(), "grace on interest: {contract:?}");
        }
    }
    Ok(())
}

pub fn longer_terms_are_no_dearer(tape: &mut Tape<'_>) -> Outcome {
    let mut contract = tape.contract();
    contract.amortisation = Amortisation::EqualInstalments;
    contract.conventions.grace = Grace::default();
    contract.conventions.down_payment = Ratio::ZERO;
    contract.conventions.fixed_instalment = None;
    // A single instalment has no level to raise.
    contract.instalments += 1;
    // Below this an interest's own rounding is as large as what repays, and may tip the solver either way.
    contract.principal = contract.principal.max(Amount::new(100 * 100));
    let longer = Contract { instalments: contract.instalments + 1 + tape.count(24), ..contract.clone() };
    let (Ok(short), Ok(long)) = (schedule::build(&contract), schedule::build(&longer)) else {
        return Ok(());
    };
    let (short, long) = (short[0].total().unwrap(), long[0].total().unwrap());
    prop_assert!(long <= short, "{long} > {short}: {contract:?}");
    Ok(())
}

/// A loan after a history, and its state on a day after that.
fn seen(tape: &mut Tape<'_>) -> Result<(Account, State), TestCaseError> {
    let account = tape.loan();
    let account = tape.history(account, 4);
    let last = account.events.iter().map(|event| event.effective).max();
    let from = last.unwrap_or(account.contract().interest_from);
    let on = calendar::days_after(from, i32::from(tape.byte())).unwrap();
    let state = account.state(on).map_err(|error| TestCaseError::fail(format!("{error}: {account:?}")))?;
    Ok((account, state))
}

pub fn terms_conserve_what_is_owed(tape: &mut Tape<'_>) -> Outcome {
    let (account, before) = seen(tape)?;
    let on = before.as_of;
    let terms = terms(tape, on);
    let applied = match relief::apply(&before, account.contract(), &terms, on) {
        Ok(applied) => applied,
        Err(error) => {
            prop_assert!(REFUSALS.contains(&error.code()), "{error} {account:?} {terms:?}");
            return Ok(());
        }
    };
    let sum = |amounts: &[Amount]| Amount::try_sum(amounts.iter().copied()).unwrap();
    prop_assert_eq!(
        sum(&[applied.waived.total().unwrap(), applied.unearned_interest, applied.total_to_pay]),
        sum(&[before.owed.total().unwrap(), applied.relief_interest])
    );
    for row in &applied.rows {
        for amount in [row.principal, row.interest, row.fee, row.relief_interest, row.balance_after] {
            prop_assert!(!amount.is_negative(), "row {}: {account:?} {terms:?}", row.nr);
        }
    }
    let flows = sum(&applied.flows.iter().map(|flow| flow.amount).collect::<Vec<_>>());
    let penalty = before.owed.penalty.sub(applied.waived.penalty).unwrap();
    prop_assert_eq!(flows.add(penalty).unwrap(), applied.total_to_pay);
    let preview = account
        .preview(&terms, on)
        .map_err(|error| TestCaseError::fail(format!("{error}: {account:?} {terms:?}")))?;
    prop_assert_eq!(preview.after, applied);
    Ok(())
}

/// Terms in force are what was previewed, and paying each row on its day closes the loan.
pub fn terms_can_be_paid_as_agreed(tape: &mut Tape<'_>) -> Outcome {
    let (account, before) = seen(tape)?;
    let on = before.as_of;
    let terms = terms(tape, on);
    let Ok(applied) = relief::apply(&before, account.contract(), &terms, on) else { return Ok(()) };
    // A settlement in force lapses on its own day, whatever was agreed after it.
    let settles = |measure: &Measure| matches!(measure, Measure::Settlement { .. });
    let agreed = account.events.iter().filter_map(|event| match &event.kind {
        EventKind::Relief { terms, .. } => Some(terms),
        _ => None,
    });
    prop_assume!(!agreed.flat_map(|terms| &terms.measures).any(settles));
    let kind = EventKind::Relief { id: "plan".to_owned(), terms: terms.clone() };
    let mut plan = account.clone();
    plan.events.push(Event { effective: on, entered: entered(90), kind });
    let fail = |error: loan::LoanError| TestCaseError::fail(format!("{error}: {account:?} {terms:?}"));
    let after = plan.state(on).map_err(fail)?;
    prop_assert_eq!(after.owed.total().unwrap(), applied.total_to_pay);
    prop_assume!(applied.flows.iter().all(|flow| flow.date >= on));
    let mut paid = applied.flows.clone();
    paid.push(Flow { date: on, amount: after.arrears.penalty });
    let mut to_come = after.owed.penalty.sub(after.arrears.penalty).unwrap();
    for row in after.rows.iter().filter(|row| row.row.due > on) {
        let amount = row.left().unwrap().penalty.min(to_come);
        to_come = to_come.sub(amount).unwrap();
        paid.push(Flow { date: row.row.due, amount });
    }
    paid.retain(|flow| !flow.amount.is_zero());
    paid.sort_by_key(|flow| flow.date);
    for (flow, index) in paid.iter().zip(0_u16..) {
        let kind = EventKind::Payment { id: format!("plan-{index}"), amount: flow.amount };
        // Straight into the body: recording would replay all of them once each.
        plan.events.push(Event { effective: flow.date, entered: entered(100 + index), kind });
    }
    let last = paid.last().map_or(on, |flow| flow.date.max(on));
    let end = plan.state(last).map_err(fail)?;
    prop_assert!(end.closed, "{:?} {account:?} {terms:?}", end.owed);
    prop_assert_eq!(end.unallocated, before.unallocated, "{:?} {:?}", account, terms);
    Ok(())
}

pub fn more_waiver_costs_no_more(tape: &mut Tape<'_>) -> Outcome {
    let (account, state) = seen(tape)?;
    let on = state.as_of;
    let terms = terms(tape, on);
    let (share, amount) = (tape.share(), tape.amount(100_000));
    let raise = |waiver: &mut Waiver| match waiver {
        Waiver::Share(own) => *own = (*own).max(share),
        Waiver::Amount(own) => *own = (*own).max(amount),
    };
    let mut generous = terms.clone();
    for measure in &mut generous.measures {
        match measure {
            Measure::WaivePenalty { waiver } | Measure::WaiveInterest { waiver, .. } => raise(waiver),
            Measure::Settlement { sum: SettlementSum::PrincipalShare(own), .. } => *own = (*own).min(share),
            Measure::Settlement { sum: SettlementSum::Sum(own), .. } => *own = (*own).min(amount),
            // Interest on put-off principal follows the reduced payment, which waiving changes.
            Measure::PaymentReduction { interest: ReductionInterest::Contract, .. } => return Ok(()),
            _ => {}
        }
    }
    let apply = |terms: &Terms| relief::apply(&state, account.contract(), terms, on);
    if let (Ok(less), Ok(more)) = (apply(&terms), apply(&generous)) {
        prop_assert!(more.total_to_pay <= less.total_to_pay, "{account:?} {terms:?} {generous:?}");
        for (date, amount) in more.flows.iter().map(|flow| (flow.date, flow.amount)) {
            prop_assert!(!amount.is_negative(), "{date}");
        }
    }
    Ok(())
}

pub fn everything_survives_json(tape: &mut Tape<'_>) -> Outcome {
    let (account, state) = seen(tape)?;
    let terms = terms(tape, state.as_of);
    survives(&account)?;
    survives(&state)?;
    survives(&terms)?;
    if let Ok(preview) = account.preview(&terms, state.as_of) {
        survives(&preview)?;
    }
    let rows = account.origin.rows().unwrap();
    let stated = rows
        .iter()
        .map(|row| loan::StatedRow {
            nr: row.nr,
            due: row.due,
            principal: row.principal,
            interest: row.interest,
            fee: row.fee,
        })
        .collect();
    survives(&Origin::Stated { contract: account.contract().clone(), rows: stated })?;
    let again: Account = serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
    prop_assert_eq!(again.state(long_after(&account)), account.state(long_after(&account)));
    let mut reordered = terms.clone();
    reordered.measures.reverse();
    prop_assert_eq!(reordered.canonical_key(), terms.canonical_key());
    prop_assert!(!IMPOSSIBLE.contains(&terms.check(state.as_of).err().map_or("", |error| error.code())));
    Ok(())
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Outcome {
    let text = serde_json::to_string(value).unwrap();
    let again: T =
        serde_json::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    prop_assert_eq!(&again, value);
    prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
    Ok(())
}
