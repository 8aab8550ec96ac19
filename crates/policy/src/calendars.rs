//! Loans that leave it to their pack which days are business days.

use std::sync::Arc;

use api::leeway::policy::v1 as policy;
use assessment::{Facts, LoanFacts, Pack};
use chassis::{Problem, Violations};
use loan::{Account, Date};

use crate::activation::day_in;
use crate::service::State;

/// What was read, and the pack whose calendar it took.
pub(crate) struct Read<T> {
    /// `None`: refused, with a violation.
    pub value: Option<T>,
    /// `None`: the loan needed no pack's calendar.
    pub calendar_of: Option<Arc<Pack>>,
}

/// The facts at `facts`; a contract that leaves its calendar to the pack takes the pack's.
pub(crate) async fn facts_in(
    state: &State,
    v: &mut Violations,
    pack_name: &str,
    facts: Option<&policy::Facts>,
) -> Result<Read<Facts>, Problem> {
    let loan = facts.and_then(|facts| facts.loan.as_ref());
    let calendar_of = supplier(state, pack_name, loan, day_of(facts)).await?;
    let Some(pack) = &calendar_of else {
        return Ok(Read { value: wire::facts_in(v, "facts", facts), calendar_of });
    };
    let mut filled = facts.cloned();
    let loan = filled.as_mut().and_then(|facts| facts.loan.as_mut());
    wire::fill_calendar(loan.and_then(|loan| loan.contract.as_mut()), pack.calendar());
    Ok(Read { value: wire::facts_in(v, "facts", filled.as_ref()), calendar_of })
}

/// The loan at `loan`; a contract that leaves its calendar to the pack takes the pack's.
pub(crate) async fn loan_in(
    state: &State,
    v: &mut Violations,
    pack_name: &str,
    (loan, as_of): (Option<&policy::LoanFacts>, Option<Date>),
) -> Result<Read<LoanFacts>, Problem> {
    let calendar_of = supplier(state, pack_name, loan, as_of).await?;
    let Some(pack) = &calendar_of else {
        return Ok(Read { value: wire::loan_facts_in(v, "loan", loan, as_of), calendar_of });
    };
    let mut filled = loan.cloned();
    wire::fill_calendar(filled.as_mut().and_then(|loan| loan.contract.as_mut()), pack.calendar());
    Ok(Read { value: wire::loan_facts_in(v, "loan", filled.as_ref(), as_of), calendar_of })
}

/// Refuses a loan at `field` that took the calendar of a pack which knows nothing of a due date.
pub(crate) async fn check(
    state: &State,
    field: &'static str,
    account: &Account,
    calendar_of: Option<Arc<Pack>>,
) -> Result<(), Problem> {
    let Some(pack) = calendar_of else { return Ok(()) };
    let account = account.clone();
    let check = move || {
        let mut v = Violations::new();
        wire::check_covered(&mut v, field, &account, (&pack.name, &pack.business_days.calendar));
        v.into_result()
    };
    state.compute(check).await
}

/// The day of some facts, if it can be read.
fn day_of(facts: Option<&policy::Facts>) -> Option<Date> {
    wire::date_in(&mut Violations::new(), "as_of_date", facts.and_then(|facts| facts.as_of_date.as_ref()))
}

/// The pack that a loan leaves its calendar to. A name that can't be read is refused with the other fields.
async fn supplier(
    state: &State,
    pack_name: &str,
    loan: Option<&policy::LoanFacts>,
    day: Option<Date>,
) -> Result<Option<Arc<Pack>>, Problem> {
    let leaves = wire::leaves_calendar(loan.and_then(|loan| loan.contract.as_ref()));
    let name = wire::id_in(&mut Violations::new(), "pack_name", pack_name);
    let Some(name) = name.filter(|_| leaves) else { return Ok(None) };
    // Without a day the request is refused anyway; the rest of it is still looked at.
    let day = day.unwrap_or_else(|| day_in("UTC", state.now()));
    state.pack_for(&name, day).await.map(Some)
}
