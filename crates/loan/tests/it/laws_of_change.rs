//! Laws about histories: payments, changes and their undoing.

use loan::{
    Account, Accrual, Amount, Date, Event, EventKind, LoanError, Origin, OverdueInterest, Overpayment,
    Product, State, StatedRow, calendar,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::happenings::{IMPOSSIBLE, entered};
use crate::tape::Tape;
use crate::worlds::long_after;

type Outcome = Result<(), TestCaseError>;

/// Most events of a history.
const MOST: u16 = 6;

/// A loan after a history.
fn lived(tape: &mut Tape<'_>) -> Account {
    let account = tape.loan();
    tape.history(account, MOST)
}

/// What stands, apart from which payment covered what and from schedule versions.
pub fn standing(state: &State) -> State {
    let mut state = state.clone();
    state.versions.clear();
    for row in &mut state.rows {
        row.payments.clear();
    }
    state
}

fn day_of(tape: &mut Tape<'_>, account: &Account) -> Date {
    let start = account.contract().interest_from;
    let days = calendar::days_between(start, long_after(account));
    tape.day(start, u32::try_from(days).unwrap())
}

fn read(account: &Account, on: Date) -> Result<State, TestCaseError> {
    account.state(on).map_err(|error| fail(account, &format!("{on}: {error}")))
}

fn fail(account: &Account, what: &str) -> TestCaseError {
    TestCaseError::fail(format!("{what}\n{}", serde_json::to_string(account).unwrap()))
}

/// The cells in which two states differ.
fn differences(a: &Result<State, LoanError>, b: &Result<State, LoanError>) -> String {
    let (a, b) = match (a, b) {
        (Ok(a), Ok(b)) => (standing(a), standing(b)),
        (a, b) => return format!("{:?} and {:?}", a.as_ref().err(), b.as_ref().err()),
    };
    let mut found = Vec::new();
    for (a, b) in a.rows.iter().zip(&b.rows).filter(|(a, b)| a != b) {
        found.push(format!("{} {:?} {:?} or {} {:?} {:?}", a.row.nr, a.row, a.paid, b.row.nr, b.row, b.paid));
    }
    found.push(format!("{} rows or {}", a.rows.len(), b.rows.len()));
    found.push(format!("owed {:?} or {:?}", a.owed, b.owed));
    found.push(format!("unallocated {} or {}", a.unallocated, b.unallocated));
    found.push(format!("{:?} or {:?}", a.standings, b.standings));
    found.join("\n")
}

fn refused_for_a_reason(error: &LoanError, account: &Account) -> Outcome {
    if IMPOSSIBLE.contains(&error.code()) { Err(fail(account, &error.to_string())) } else { Ok(()) }
}

/// Payments that count on `on`.
fn received(account: &Account, on: Date) -> i64 {
    let effective = || account.events.iter().filter(|event| event.effective <= on);
    let is_reversed = |id: &str| {
        effective()
            .any(|event| matches!(&event.kind, EventKind::PaymentReversed { payment_id } if payment_id == id))
    };
    let is_undone = |id: &str| {
        effective().any(|event| matches!(&event.kind, EventKind::Undone { id: undone } if undone == id))
    };
    effective()
        .map(|event| match &event.kind {
            EventKind::Payment { id, amount } if !is_reversed(id) => amount.minor(),
            EventKind::PayOff { id, amount } if !is_reversed(id) && !is_undone(id) => amount.minor(),
            _ => 0,
        })
        .sum()
}

fn charged_back(account: &Account, on: Date) -> i64 {
    let effective = || account.events.iter().filter(|event| event.effective <= on);
    let is_undone = |id: &str| {
        effective().any(|event| matches!(&event.kind, EventKind::Undone { id: undone } if undone == id))
    };
    effective()
        .map(|event| match &event.kind {
            EventKind::Chargeback { id, amount } if !is_undone(id) => amount.minor(),
            _ => 0,
        })
        .sum()
}

/// A refused event is refused for what is wrong with it, never for sums that don't add up.
pub fn refusals_are_honest(tape: &mut Tape<'_>) -> Outcome {
    let mut account = tape.loan();
    for index in 0..tape.count(MOST) {
        let event = tape.event(&account, index);
        match account.record(event.clone()) {
            Ok(next) => account = next,
            Err(error) if IMPOSSIBLE.contains(&error.code()) => {
                return Err(fail(&account, &format!("{error}: {event:?}")));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

pub fn principal_is_conserved(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    for on in [day_of(tape, &account), long_after(&account)] {
        let state = read(&account, on)?;
        let principal = account.contract().principal.minor() + charged_back(&account, on);
        let rows: i64 = state.rows.iter().map(|row| row.row.principal.minor()).sum();
        prop_assert_eq!(rows + state.waived.principal.minor(), principal, "{:?}", account);
        let accounted = state.owed.principal.minor() + state.paid.principal.minor();
        prop_assert_eq!(accounted + state.waived.principal.minor(), principal, "{:?}", account);
        let placed = state.paid.total().unwrap().add(state.unallocated).unwrap().minor();
        prop_assert_eq!(placed, received(&account, on), "{:?}", account);
        prop_assert_eq!(state.charged_back.minor(), charged_back(&account, on));
    }
    Ok(())
}

/// Money waits for nothing while principal is owed.
pub fn no_money_lies_idle(tape: &mut Tape<'_>) -> Outcome {
    let mut account = lived(tape);
    // What is owed anew after a loan was paid off is no reason to look for old money.
    account.events.retain(|event| !matches!(event.kind, EventKind::Chargeback { .. }));
    for on in [day_of(tape, &account), long_after(&account)] {
        let Ok(state) = account.state(on) else { continue };
        if !state.unallocated.is_zero() && !state.owed.principal.is_zero() {
            return Err(fail(&account, &format!("{on}: {} idle, {:?}", state.unallocated, state.owed)));
        }
    }
    Ok(())
}

pub fn no_part_is_negative(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    for on in [day_of(tape, &account), long_after(&account)] {
        let state = read(&account, on)?;
        let mut amounts = vec![state.unallocated, state.principal_left, state.charged_back];
        for parts in [&state.owed, &state.arrears, &state.paid, &state.waived] {
            amounts.extend([parts.penalty, parts.fee, parts.interest, parts.principal]);
        }
        for row in &state.rows {
            let left = row.left().unwrap();
            amounts.extend([left.penalty, left.fee, left.interest, left.principal]);
            amounts.extend([row.penalty, row.charged, row.penalty.sub(row.charged).unwrap()]);
            for share in &row.payments {
                let parts = share.parts;
                amounts.extend([parts.penalty, parts.fee, parts.interest, parts.principal]);
            }
        }
        let rows = state.rows.iter().map(|row| &row.row);
        for row in rows.chain(state.versions.iter().flat_map(|version| &version.rows)) {
            amounts.extend([row.principal, row.interest, row.fee, row.relief_interest, row.balance_after]);
        }
        if amounts.iter().any(|amount| amount.is_negative()) {
            return Err(fail(&account, &format!("{on}: {state:?}")));
        }
        let late = state.owed.total().unwrap().sub(state.arrears.total().unwrap()).unwrap();
        prop_assert!(!late.is_negative());
        prop_assert_eq!(state.closed, state.owed.is_zero());
    }
    Ok(())
}

/// Whatever was recorded can be read on every day, before and after.
pub fn every_day_can_be_read(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let last = account.events.iter().map(|event| event.effective).max();
    for on in [last.unwrap_or(account.contract().interest_from), long_after(&account)] {
        read(&account, on)?;
    }
    let later = day_of(tape, &account).max(last.unwrap_or(Date::MIN));
    let state = read(&account, later)?;
    prop_assert_eq!(state.as_of, later);
    prop_assert!(state.standings.windows(2).all(|pair| pair[0].from < pair[1].from));
    prop_assert_eq!(state.dpd_on(later), state.dpd.current);
    Ok(())
}

/// Payments may be entered in any order, back-dated over everything else.
pub fn order_of_entry_is_irrelevant(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let is_payment = |event: &Event| matches!(event.kind, EventKind::Payment { .. });
    let (mut payments, others): (Vec<Event>, Vec<Event>) =
        account.events.iter().cloned().partition(is_payment);
    // What a day's payment covers depends on what else happened on that day before it; days apart it can't.
    payments.retain(|payment| others.iter().all(|other| other.effective != payment.effective));
    let in_order: Vec<Event> = others.iter().chain(&payments).cloned().collect();
    let by = if payments.is_empty() { 0 } else { usize::from(tape.byte()) % payments.len() };
    payments.rotate_left(by);
    payments.reverse();
    let cut = if others.is_empty() { 0 } else { usize::from(tape.byte()) % others.len() };
    let mut mixed: Vec<Event> = others[..cut].to_vec();
    mixed.extend(payments);
    mixed.extend_from_slice(&others[cut..]);
    for (index, event) in mixed.iter_mut().enumerate() {
        event.entered = entered(u16::try_from(index).unwrap());
    }
    let on = long_after(&account);
    let first = Account { events: in_order, ..account.clone() };
    let second = Account { events: mixed, ..account };
    match (first.state(on), second.state(on)) {
        (Ok(a), Ok(b)) if standing(&a) == standing(&b) => Ok(()),
        // Without the payments that were left out a change may no longer fit; then it fits in neither order.
        (Err(a), Err(b)) if a == b => Ok(()),
        (a, b) => Err(fail(&second, &differences(&a, &b))),
    }
}

pub fn splitting_changes_nothing(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let mut split = Account { events: Vec::new(), ..account.clone() };
    for event in &account.events {
        let EventKind::Payment { id, amount } = &event.kind else {
            split.events.push(event.clone());
            continue;
        };
        let is_named = account.events.iter().any(
            |event| matches!(&event.kind, EventKind::PaymentReversed { payment_id } if payment_id == id),
        );
        let part = Amount::new(i64::from(tape.byte()) * amount.minor() / 256);
        if is_named || part.is_zero() {
            split.events.push(event.clone());
            continue;
        }
        for (name, amount) in [("a", part), ("b", amount.sub(part).unwrap())] {
            let kind = EventKind::Payment { id: format!("{id}{name}"), amount };
            split.events.push(Event { kind, ..event.clone() });
        }
    }
    for on in [day_of(tape, &account), long_after(&account)] {
        let (whole, split) = (account.state(on), split.state(on));
        match (whole, split) {
            (Ok(whole), Ok(split)) if standing(&whole) == standing(&split) => {}
            (Err(whole), Err(split)) if whole == split => {}
            (whole, split) => {
                return Err(fail(&account, &format!("{on}: {}", differences(&whole, &split))));
            }
        }
    }
    Ok(())
}

/// A change or relief that was undone leaves nothing behind but its version.
pub fn undo_is_identity(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let mut change = tape.event(&account, 90);
    change.entered = entered(90);
    let on = change.effective;
    let undo = |id: &str| match &change.kind {
        EventKind::Relief { .. } => Some(EventKind::ReliefUndone { id: id.to_owned(), kept_to: None }),
        EventKind::Payment { .. } => None,
        _ => Some(EventKind::Undone { id: id.to_owned() }),
    };
    let Some(kind) = change.kind.new_id().and_then(undo) else { return Ok(()) };
    let Ok(with) = account.record(change.clone()) else { return Ok(()) };
    let later = calendar::days_after(on, i32::from(tape.byte() % 64)).unwrap();
    let then = if tape.chance(8) { later } else { on };
    // A plan that has lapsed or was fulfilled is a plan no more.
    let undone = match with.record(Event { effective: then, entered: entered(91), kind }) {
        Ok(undone) => undone,
        Err(error) => return refused_for_a_reason(&error, &with),
    };
    if matches!(change.kind, EventKind::Relief { .. }) && then > on {
        // Penalty stays waived in proportion to what was paid meanwhile: other laws look at that.
        let paid = account.events.iter().any(|event| event.effective >= on);
        prop_assume!(!paid);
    }
    for day in [then, long_after(&account).max(then)] {
        let (never, undone) = (read(&account, day)?, read(&undone, day)?);
        if standing(&never) != standing(&undone) {
            return Err(fail(
                &account,
                &format!("{day} {change:?}: {}", differences(&Ok(never), &Ok(undone))),
            ));
        }
    }
    if let Ok(before) = calendar::days_after(then, -1)
        && let Ok(state) = with.state(before)
    {
        prop_assert_eq!(state, read(&undone, before)?);
    }
    Ok(())
}

pub fn reversal_is_identity(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let effective = day_of(tape, &account);
    let kind = EventKind::Payment { id: "bounced".to_owned(), amount: tape.amount(50_000_000) };
    let Ok(with) = account.record(Event { effective, entered: entered(90), kind }) else { return Ok(()) };
    let kind = EventKind::PaymentReversed { payment_id: "bounced".to_owned() };
    let then = calendar::days_after(effective, i32::from(tape.byte() % 64)).unwrap();
    let Ok(reversed) = with.record(Event { effective: then, entered: entered(91), kind }) else {
        return Ok(());
    };
    for day in [then, long_after(&account).max(then)] {
        let (never, reversed_state) = (read(&account, day)?, read(&reversed, day)?);
        if never != reversed_state {
            let difference = differences(&Ok(never), &Ok(reversed_state));
            return Err(fail(&reversed, &format!("{day}: {difference}")));
        }
    }
    Ok(())
}

/// The quoted sum closes the loan, to the last minor unit.
pub fn pay_off_closes(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let last = account.events.iter().map(|event| event.effective).max();
    let start = last.unwrap_or(account.contract().interest_from);
    let on = calendar::days_after(start, i32::from(tape.byte())).unwrap();
    let sum = account.pay_off_sum(on).map_err(|error| fail(&account, &error.to_string()))?;
    prop_assume!(sum.minor() > 0);
    let pay_off = |amount| EventKind::PayOff { id: "all".to_owned(), amount };
    let event = |kind| Event { effective: on, entered: entered(90), kind };
    let less = sum.sub(Amount::new(1)).unwrap();
    if less.minor() > 0 {
        let error = account.record(event(pay_off(less))).unwrap_err();
        prop_assert_eq!(error, LoanError::PayOffDiffers { date: on, amount: less, needed: sum });
    }
    let before = read(&account, on)?;
    let paid = account
        .record(event(pay_off(sum)))
        .map_err(|error| fail(&account, &format!("{on} {sum}: {error}")))?;
    for day in [on, long_after(&account).max(on)] {
        let state = read(&paid, day)?;
        if !state.closed || state.unallocated > before.unallocated {
            return Err(fail(
                &account,
                &format!("{on}: {sum} leaves {:?} {}", state.owed, state.unallocated),
            ));
        }
    }
    Ok(())
}

/// Pauses that overlap or enclose each other pause each night once.
pub fn overlapping_pauses_are_one(tape: &mut Tape<'_>) -> Outcome {
    let mut account = lived(tape);
    // Entered before anything was paid: what a pause frees of paid money is placed when it is entered.
    let effective = account.contract().interest_from;
    account.events.retain(|event| event.effective > effective);
    let from = day_of(tape, &account);
    let day = |days: u8| calendar::days_after(from, i32::from(days)).unwrap();
    let mut days = [tape.byte() % 100, tape.byte() % 100, tape.byte() % 100];
    days.sort_unstable();
    let [a, b, c] = days.map(day);
    let pause = |id: &str, from, to| Event {
        effective,
        entered: entered(90),
        kind: EventKind::InterestPaused { id: id.to_owned(), from, to },
    };
    let on = long_after(&account);
    let with = |pauses: Vec<Event>| {
        let mut account = account.clone();
        account.events.extend(pauses);
        account.state(on)
    };
    let one = with(vec![pause("p", from, c)]);
    let overlapping = with(vec![pause("p", a, c), pause("q", from, b)]);
    let enclosing = with(vec![pause("p", from, c), pause("q", a, b)]);
    for other in [overlapping, enclosing] {
        let same = match (&one, &other) {
            (Ok(one), Ok(other)) => standing(one) == standing(other),
            (one, other) => one == other,
        };
        if !same {
            return Err(fail(&account, &format!("isn't as one pause: {}", differences(&one, &other))));
        }
    }
    Ok(())
}

/// Rows of a nominal contract behave the same where they are stated.
pub fn stated_rows_behave_like_computed(tape: &mut Tape<'_>) -> Outcome {
    let mut account = tape.loan();
    let Origin::Computed(contract) = &mut account.origin else { return Ok(()) };
    contract.conventions.accrual = Accrual::Nominal;
    contract.conventions.down_payment = loan::Ratio::ZERO;
    let contract = contract.clone();
    account.product.overdue_interest = OverdueInterest::None;
    // Stated rows have no balance that an overpayment could recompute.
    account.product.overpayment = tape.pick(&[Overpayment::ReduceNext, Overpayment::ReduceLast]);
    let Ok(rows) = account.origin.rows() else { return Ok(()) };
    let stated_row = |row: &loan::Row| StatedRow {
        nr: row.nr,
        due: row.due,
        principal: row.principal,
        interest: row.interest,
        fee: row.fee,
    };
    let rows = rows.iter().map(stated_row).collect();
    let mut stated =
        Account::open(Origin::Stated { contract, rows }, Product::clone(&account.product)).unwrap();
    let lived = tape.history(account.clone(), 8);
    let fits = |event: &Event| {
        matches!(
            event.kind,
            EventKind::Payment { .. }
                | EventKind::PaymentReversed { .. }
                | EventKind::Charge { .. }
                | EventKind::PenaltySuspended { .. }
        )
    };
    let events: Vec<Event> = lived.events.iter().filter(|event| fits(event)).cloned().collect();
    let is_known = |event: &Event| match &event.kind {
        EventKind::PaymentReversed { payment_id } => {
            events.iter().any(|other| other.kind.new_id() == Some(payment_id))
        }
        _ => true,
    };
    account.events = events.iter().filter(|event| is_known(event)).cloned().collect();
    stated.events.clone_from(&account.events);
    for on in [day_of(tape, &account), long_after(&account)] {
        prop_assert_eq!(read(&account, on)?, read(&stated, on)?);
    }
    Ok(())
}

/// While nothing happens penalty and days past due only grow, and nothing else moves.
pub fn penalty_only_grows(tape: &mut Tape<'_>) -> Outcome {
    let account = lived(tape);
    let last = account.events.iter().map(|event| event.effective).max();
    let start = last.unwrap_or(account.contract().interest_from);
    let first = calendar::days_after(start, i32::from(tape.byte())).unwrap();
    let second = calendar::days_after(first, i32::from(tape.byte())).unwrap();
    let (before, after) = (read(&account, first)?, read(&account, second)?);
    let lapsed = before.versions.len() != after.versions.len();
    prop_assume!(!lapsed);
    prop_assert!(after.owed.penalty >= before.owed.penalty);
    prop_assert!(after.dpd.current >= before.dpd.current);
    prop_assert!(after.dpd.contract >= before.dpd.contract);
    prop_assert_eq!(after.paid, before.paid);
    prop_assert_eq!(after.principal_left, before.principal_left);
    if account.product.overdue_interest == OverdueInterest::None {
        prop_assert_eq!(after.owed.interest, before.owed.interest, "{:?}", account);
    }
    Ok(())
}
