//! What terms would do, without storing anything.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::Date;
use crate::error::LoanError;
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
    /// Nominal annual cost from the day on: what is still to pay against the principal left. `None`: it pays back less.
    pub annual_cost: Option<Rate>,
}

pub(crate) fn preview(account: &Account, terms: &Terms, on: Date) -> Result<Preview, LoanError> {
    let state = account.state(on)?;
    let contract = account.contract();
    let after = relief::apply(&state, contract, terms, on)?;
    let before_flows = open_flows(&state)?;
    let after_flows = after.flows.clone();
    let value_date =
        state.rows.iter().map(|row| row.row.contract_due).filter(|due| *due <= on).max().unwrap_or(on);
    let (pv_loss, pv_loss_share) = value::pv_loss(&Change {
        before: &before_flows,
        after: &after_flows,
        annual_rate: contract.annual_rate,
        at: value_date,
        principal_left: state.principal_left,
    })?;
    let total_before = state.owed.total()?;
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
        annual_cost: value::annual_cost(state.principal_left, &after_flows, on)?,
        after,
    })
}

/// What is left to pay of the rows in force, penalty apart.
pub(crate) fn open_flows(state: &State) -> Result<Vec<Flow>, LoanError> {
    let flow = |row: &RowState| Ok(Flow { date: row.row.due, amount: row.left()?.instalment()? });
    let flows: Result<Vec<Flow>, LoanError> = state.rows.iter().map(flow).collect();
    Ok(flows?.into_iter().filter(|flow| !flow.amount.is_zero()).collect())
}
