//! Makes an offer of a chosen candidate: every row, every sum, and what breaks it.

use loan::{Amount, Date, Parts, Row, RowState};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use crate::case::Case;
use crate::codes::{CreditReporting, MeasureKind};
use crate::decision::{Instalment, LocalizedText, Offer, Witness};
use crate::error::AssessError;
use crate::fixed::Fixed;
use crate::ruling::Ruling;
use crate::selection::Choice;
use crate::valuation::Valuer;

/// Places of shares and burdens as they are shown.
const SHOWN_PLACES: u32 = 4;
/// Bytes of the digest that make an offer id.
const ID_BYTES: usize = 16;

/// The offer of a choice.
pub(crate) fn build(
    case: &Case<'_>,
    ruling: &Ruling<'_>,
    valuer: &Valuer,
    choice: &Choice,
) -> Result<Offer, AssessError> {
    let candidate = &choice.candidate;
    let applied = &candidate.applied;
    let (loss, loss_share) = candidate.pv_loss(case)?;
    let mut waived = applied.waived;
    waived.principal = waived.principal.max(applied.forgiven_principal);
    let first = applied.first_payment;
    Ok(Offer {
        offer_id: offer_id(case, &candidate.terms.canonical_key()),
        labels: choice.labels.clone(),
        terms: candidate.terms.clone(),
        instalments: instalments(case, choice)?,
        first_payment_date: first.map(|(date, _)| date),
        first_payment: first.map_or(Amount::ZERO, |(_, amount)| amount),
        highest_payment: applied.highest_payment,
        total_to_pay: applied.total_to_pay,
        difference_to_contract: applied.total_to_pay.sub(case.state.owed.total()?)?,
        waived,
        relief_interest: applied.relief_interest,
        end_date: applied.end,
        credit_reporting: credit_reporting(case, choice),
        annual_cost: candidate.annual_cost(case)?.map_or_else(String::new, |cost| cost.to_string()),
        required_authority: candidate.authority(case, ruling)?,
        witness: witness(valuer, choice)?,
        present_value_loss: loss,
        present_value_loss_share: shown(loss_share.decimal()),
        burden: shown(candidate.value.burden.to_decimal(SHOWN_PLACES)?),
        breaks_if: breaks_if(case, choice),
    })
}

fn shown(value: Decimal) -> String {
    let mut value = value.round_dp(SHOWN_PLACES);
    value.rescale(SHOWN_PLACES);
    value.to_string()
}

/// Digest of case, pack, day and terms: the same offer has the same id, another case's never.
fn offer_id(case: &Case<'_>, key: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [&case.facts.case_id, &case.pack.digest, &case.facts.as_of.to_string(), key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hex::encode(hasher.finalize());
    format!("ofr_{}", digest.get(..ID_BYTES * 2).unwrap_or(&digest))
}

fn witness(valuer: &Valuer, choice: &Choice) -> Result<Witness, AssessError> {
    let candidate = &choice.candidate;
    let show = |value: Fixed| value.round_to_int().map(Amount::new);
    Ok(Witness {
        lender_none: show(valuer.none.lender)?,
        lender_offer: show(candidate.value.lender)?,
        borrower_none: show(valuer.none.borrower)?,
        borrower_offer: show(candidate.value.borrower)?,
        lender_gain: show(candidate.lender_gain)?,
        borrower_gain: show(candidate.borrower_gain)?,
    })
}

fn instalments(case: &Case<'_>, choice: &Choice) -> Result<Vec<Instalment>, AssessError> {
    let mut rows = Vec::new();
    for row in &choice.candidate.applied.rows {
        let state = case.state.rows.iter().find(|state| state.row.nr == row.nr);
        let waived = choice.candidate.applied.waived_by_row.get(&row.nr).copied().unwrap_or_default();
        let row = instalment(row, state, &waived)?;
        if row.total_due > row.paid {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| (row.due_date, row.nr));
    Ok(rows)
}

fn instalment(row: &Row, state: Option<&RowState>, waived: &Parts) -> Result<Instalment, AssessError> {
    let paid = state.map_or_else(Parts::default, |state| state.paid);
    let accrued = state.map_or(Amount::ZERO, |state| state.penalty);
    let before = state.map_or_else(Parts::default, |state| state.waived);
    let penalty = accrued.sub(before.penalty)?.sub_floor0(waived.penalty)?;
    Ok(Instalment {
        nr: row.nr,
        due_date: row.due,
        contract_due_date: row.contract_due,
        principal: row.principal,
        interest: row.interest,
        fee: row.fee,
        penalty,
        relief_interest: row.relief_interest,
        total_due: row.total()?.add(penalty)?,
        paid: paid.total()?,
        waived: waived.total()?,
        balance_after: row.balance_after,
    })
}

fn credit_reporting(case: &Case<'_>, choice: &Choice) -> CreditReporting {
    if !choice.candidate.applied.forgiven_principal.is_zero() {
        return CreditReporting::Settled;
    }
    if case.state.dpd.current <= case.pack.process.reporting_threshold_days {
        CreditReporting::Current
    } else {
        CreditReporting::Frozen
    }
}

fn breaks_if(case: &Case<'_>, choice: &Choice) -> LocalizedText {
    let process = &case.pack.process;
    let end: Date = choice.candidate.applied.end;
    if choice.candidate.kinds.has(MeasureKind::Settlement) {
        return LocalizedText {
            zh_cn: format!("如未在 {end} 前足额支付，减免失效，恢复原应还金额（已付款项计入）。"),
            en: format!(
                "If the sum isn't paid in full by {end}, what is given up is owed again; what was paid counts."
            ),
        };
    }
    let days = process.plan_grace_days;
    let percent = (process.paid_share.decimal() * Decimal::ONE_HUNDRED).normalize();
    LocalizedText {
        zh_cn: format!(
            "任一期到期 {days} 天后仍未付足 {percent}% 且通知后未补足，安排终止，恢复原应还金额（已付款项计入）。"
        ),
        en: format!(
            "It ends if {days} days after a due date less than {percent} % of the payment has come and a notice \
             brings no remedy; what the contract asks is then owed again, less what was paid."
        ),
    }
}
