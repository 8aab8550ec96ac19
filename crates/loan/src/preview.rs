//! What terms would do, without storing anything.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate, Ratio};
use crate::relief::{self, Applied};
use crate::schedule::Row;
use crate::state::{RowState, State};
use crate::terms::Terms;
use crate::value::{self, Change, Flow};

/// Schedule before and after, and what the change costs either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Rows in force that aren't fully paid.
    pub before: Vec<Row>,
    pub after: Applied,
    /// Still to pay without the terms, penalty up to the day included.
    pub total_before: Amount,
    pub total_after: Amount,
    /// `total_after` − `total_before`.
    pub difference: Amount,
    pub principal_left: Amount,
    /// The day at which present values are taken: the last due date on or before the day, else the day itself.
    pub value_date: Date,
    /// Present value at the contract rate of the rows before less the rows after, penalty apart.
    pub pv_loss: Amount,
    /// `pv_loss` / `principal_left`, 6 places.
    pub pv_loss_share: Ratio,
    /// What the payments buy, for either annual cost: principal left, and interest and fees that are due.
    pub outlay: Amount,
    /// Nominal annual cost of `after` against `outlay` on `value_date`; an unchanged contract costs its own rate. `None`:
    /// it pays back less, or costs more than 1,000 % a year.
    pub annual_cost: Option<Rate>,
    /// Effective annual cost (XIRR) of the same payments; negative where they pay back less.
    pub effective_annual_cost: Option<Rate>,
    /// What the change costs, by part.
    pub cost: ReliefCost,
}

/// What relief costs the lender and so gives the borrower, by part, in minor units; negative where it is the other way
/// round. Nominal parts are face values; `time_value` is what waiting costs beside them, at the contract rate.
///
/// Worked line: a 12,000.00 loan at 14.4 %, 7,207.86 of principal left, three months' deferral without interest on
/// 2026-07-20: nothing is given up by name, later payment costs 256.42 at the July due date, which is the total. With 2.98
/// of penalty waived beside it the total is 259.40. Source: domain section 5 (present-value loss), IFRS 9 paragraph 5.4.3
/// (modification loss: both schedules at the original rate).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReliefCost {
    pub penalty_waived: Amount,
    pub fee_waived: Amount,
    pub interest_waived: Amount,
    pub principal_forgiven: Amount,
    /// Interest after a settlement's pay-by date.
    pub interest_never_earned: Amount,
    /// Interest that the plan adds: it lowers the cost. Negative where a lower rate or shorter time takes some away.
    pub interest_added: Amount,
    /// The present-value loss that the parts above don't explain: later payment costs, and what is given up at face value
    /// although it would have come later (waived future interest, a settlement paid early) counts back, negative.
    pub time_value: Amount,
    /// Penalty waived + present-value loss: the sum of the parts, interest added subtracted.
    pub total: Amount,
}

impl ReliefCost {
    /// From what terms do and the present-value loss of the change they make, penalty apart.
    pub fn of(applied: &Applied, pv_loss: Amount) -> Result<Self, ArithmeticError> {
        let waived = &applied.waived;
        let given_up = waived.instalment()?.add(applied.unearned_interest)?.sub(applied.relief_interest)?;
        Ok(Self {
            penalty_waived: waived.penalty,
            fee_waived: waived.fee,
            interest_waived: waived.interest,
            principal_forgiven: waived.principal,
            interest_never_earned: applied.unearned_interest,
            interest_added: applied.relief_interest,
            time_value: pv_loss.sub(given_up)?,
            total: waived.penalty.add(pv_loss)?,
        })
    }
}

pub(crate) fn preview(account: &Account, terms: &Terms, on: Date) -> Result<Preview, LoanError> {
    let state = account.state(on)?;
    let contract = account.contract();
    let after = relief::apply(&state, contract, terms, on)?;
    let before_flows = open_flows(&state)?;
    let value_date = state.value_date();
    let (pv_loss, pv_loss_share) = value::pv_loss(&Change {
        before: &before_flows,
        after: &after.flows,
        annual_rate: contract.annual_rate,
        at: value_date,
        principal_left: state.principal_left,
    })?;
    let total_before = state.owed.total()?;
    let outlay = Amount::try_sum([state.principal_left, state.arrears.interest, state.arrears.fee])?;
    let mut before = Vec::new();
    for row in &state.rows {
        if row.is_open()? {
            before.push(row.row.clone());
        }
    }
    Ok(Preview {
        before,
        total_before,
        total_after: after.total_to_pay,
        difference: after.total_to_pay.sub(total_before)?,
        principal_left: state.principal_left,
        value_date,
        pv_loss,
        pv_loss_share,
        outlay,
        annual_cost: value::annual_cost(outlay, &after.flows, value_date)?,
        effective_annual_cost: value::effective_annual_cost(outlay, &after.flows, value_date)?,
        cost: ReliefCost::of(&after, pv_loss)?,
        after,
    })
}

/// What is left to pay of the rows in force, penalty apart: a flow a row, in their order.
pub fn open_flows(state: &State) -> Result<Vec<Flow>, LoanError> {
    let flow = |row: &RowState| Ok(Flow { date: row.row.due, amount: row.left()?.instalment()? });
    let flows: Result<Vec<Flow>, LoanError> = state.rows.iter().map(flow).collect();
    Ok(flows?.into_iter().filter(|flow| !flow.amount.is_zero()).collect())
}
