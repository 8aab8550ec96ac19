//! Outlines are what applied terms pay, on any loan and for any terms, one outliner for all of them.

use loan::relief::outline::{Outline, Outliner};
use loan::{
    Account, Conventions, DeferralInterest, Extension, Measure, Origin, ReAgeOver, State, Terms, Waiver,
    calendar, relief,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::happenings::terms;
use crate::tape::Tape;

/// Terms tried on one state.
const TRIED: usize = 12;

pub fn outlines_are_what_apply_makes(tape: &mut Tape<'_>) -> Result<(), TestCaseError> {
    let (account, state) = lent(tape)?;
    let Ok(mut outliner) = Outliner::new(&state, account.contract(), state.as_of) else {
        prop_assert!(state.closed, "{account:?}");
        return Ok(());
    };
    let mut outline = Outline::default();
    for _ in 0..TRIED {
        let terms = if tape.chance(8) { searched(tape, &state) } else { terms(tape, state.as_of) };
        let applied = relief::apply(&state, account.contract(), &terms, state.as_of);
        match (applied, outliner.outline(&terms, &mut outline)) {
            (Ok(applied), Ok(())) => {
                prop_assert_eq!(&outline.flows, &applied.flows, "{:?} {:?}", account, terms);
                prop_assert_eq!(outline.total_to_pay, applied.total_to_pay, "{:?} {:?}", account, terms);
                let added = (outline.relief_interest, applied.relief_interest);
                prop_assert_eq!(added.0, added.1, "{:?} {:?}", account, terms);
                prop_assert_eq!(outline.highest_payment(), applied.highest_payment);
                prop_assert_eq!(outline.end().unwrap_or(state.as_of), applied.end);
                let penalty = state.owed.penalty.sub(applied.waived.penalty).unwrap();
                prop_assert_eq!(outline.penalty_left, penalty, "{:?} {:?}", account, terms);
            }
            (Err(applied), Err(outlined)) => {
                prop_assert_eq!(applied.code(), outlined.code(), "{:?} {:?}", account, terms);
            }
            (applied, outlined) => {
                let text = format!("{:?} but {outlined:?}: {account:?} {terms:?}", applied.err());
                return Err(TestCaseError::fail(text));
            }
        }
    }
    Ok(())
}

/// Every second loan is a plain one, whose re-solves have a short way.
fn lent(tape: &mut Tape<'_>) -> Result<(Account, State), TestCaseError> {
    let plain = tape.chance(8);
    let mut account = tape.loan();
    if plain {
        let mut contract = account.contract().clone();
        let anchor = u8::try_from(contract.interest_from.day()).unwrap();
        contract.amortisation = loan::Amortisation::EqualInstalments;
        contract.conventions = Conventions::default();
        contract.first_due = calendar::month_after(anchor, contract.interest_from, 1).unwrap();
        contract.anchor_day = Some(anchor);
        account = Account::open(Origin::Computed(contract), account.product).unwrap();
    }
    let account = if plain && tape.chance(12) { paid(tape, account) } else { tape.history(account, 6) };
    let last = account.events.iter().map(|event| event.effective).max();
    let from = last.unwrap_or(account.contract().interest_from);
    let on = calendar::days_after(from, i32::from(tape.byte())).unwrap();
    let state = account.state(on).map_err(|error| TestCaseError::fail(format!("{error}: {account:?}")))?;
    Ok((account, state))
}

/// The first instalments paid on their days.
fn paid(tape: &mut Tape<'_>, account: Account) -> Account {
    let rows = account.origin.rows().unwrap();
    let count = usize::from(tape.count(9));
    rows.iter().take(count).fold(account, |account, row| {
        let kind = loan::EventKind::Payment { id: format!("p{}", row.nr), amount: row.total().unwrap() };
        let event = loan::Event { effective: row.due, entered: crate::happenings::entered(0), kind };
        account.record(event).unwrap_or(account)
    })
}

/// Combinations as a search tries them.
fn searched(tape: &mut Tape<'_>, state: &State) -> Terms {
    let mut measures = Vec::new();
    if tape.chance(12) {
        measures.push(Measure::WaivePenalty { waiver: Waiver::Share(tape.share()) });
    }
    match tape.below(3) {
        0 => {
            let over = tape.pick(&[ReAgeOver::Remaining, ReAgeOver::NextRows(3), ReAgeOver::End]);
            measures.push(Measure::ReAge { over });
        }
        1 => {
            let interest =
                tape.pick(&[DeferralInterest::None, DeferralInterest::Spread, DeferralInterest::AtEnd]);
            measures.push(Measure::Deferral { months: u8::try_from(tape.below(4) + 1).unwrap(), interest });
        }
        _ => {}
    }
    if measures.is_empty() || tape.chance(12) {
        let by = Extension::Instalments(tape.count(24).saturating_add(1));
        measures.push(Measure::TermExtension { by });
    }
    if tape.chance(6) {
        let known = state.rates.last().map(|step| step.annual_rate).unwrap();
        let rate = loan::Rate::from((known.decimal() * tape.share().decimal()).round_dp(6));
        measures.push(Measure::RateReduction { rate, until: None });
    }
    let first_payment = if tape.chance(8) { Some(tape.day(state.as_of, 40)) } else { None };
    Terms { measures, first_payment }
}
