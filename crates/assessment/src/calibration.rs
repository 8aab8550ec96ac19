//! What a pack says about borrowers of whom only public figures are known, to be held against what became of them: the
//! grade of a history, the range of a settlement, the share of an income under a hardship.

use loan::value::{Flow, pv_exact};
use loan::{
    Account, Amortisation, Amount, Bucket, Contract, Conventions, Date, Origin, OverdueInterest, Overpayment,
    Part, PayOffInterest, Product, Rate, Ratio, StatedRow, calendar,
};
use rust_decimal::Decimal;

use crate::case::Case;
use crate::codes::{Grade, HardshipReason};
use crate::error::AssessError;
use crate::facts::{CaseFlags, Facts, LoanFacts, PriorRelief, StatementOfAffairs};
use crate::fixed::Fixed;
use crate::pack::Pack;
use crate::valuation::Valuer;

/// Share of LendingClub's decided settlements that were completed: 161 of 205. A settlement that is agreed is worth this
/// much of its sum.
pub const SETTLEMENTS_COMPLETED: Decimal = Decimal::from_parts(785, 0, 0, false, 3);
/// Widest range of a settlement, as a share of the balance.
pub const MAX_SETTLEMENT_RANGE: Decimal = Decimal::from_parts(45, 0, 0, false, 2);

/// Rows after which the last takes what is left: a few instalments don't pay their interest.
const MAX_ROWS: i32 = 120;
/// The day from which the loans here run. Any would do: nothing that comes out depends on it.
const INTEREST_FROM: Date = jiff::civil::date(2018, 1, 15);
/// Days past due at which a loan counts as charged off.
const CHARGED_OFF_DAYS: i32 = 151;

/// Grade that the pack gives a history: bucket of the day, and late months of the last six.
pub fn history_grade(pack: &Pack, bucket: Bucket, late_months: u32) -> Grade {
    pack.tables.grade(bucket, late_months)
}

/// A loan whose lender has called in everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargedOff {
    /// What is owed, above 0.
    pub balance: Amount,
    /// Contract rate.
    pub annual_rate: Rate,
    /// What the contract asked each month.
    pub instalment: Amount,
}

/// Shares of the balance between which a settlement lies that neither side would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementRange {
    /// The pack's floor for M4+, or what no agreement is worth to the lender where that is more.
    pub floor: Decimal,
    /// What the contract would be worth if it were kept, at most the balance, and at most [`MAX_SETTLEMENT_RANGE`] above the
    /// floor.
    pub ceiling: Decimal,
}

/// The range of a settlement under a pack.
///
/// - V(none), no agreement: the whole balance is due at once, in bucket M4+ after more than 150 days past due. Nothing is known
///   of what can be spared by then, so the share is nothing and payment over share stands at its cap: the pack's hazard there,
///   and its recovery after its delay on what breaks.
/// - V(kept), the contract kept to its end: the balance over the stated instalments, the last absorbing, the first a month
///   ahead, at the contract rate and without a break. The hazard of a plan has no place here: it tells what the lender may
///   expect, and this is the most that the borrower could owe; a settlement above it would leave the borrower worse off than
///   the contract. At the contract rate it is the balance itself up to rounding, so that the width decides.
pub fn settlement_range(pack: &Pack, loan: &ChargedOff) -> Result<SettlementRange, AssessError> {
    if loan.balance <= Amount::ZERO {
        return Err(AssessError::NotAssessable { reason: "nothing is owed on the loan" });
    }
    let of_balance = |value: Decimal| {
        value.checked_div(loan.balance.exact()).ok_or(AssessError::Arithmetic { at: "share of the balance" })
    };
    let none = of_balance(without_agreement(pack, loan)?)?;
    let least =
        pack.tables.settlement_floor.get(&Bucket::M4Plus).map_or(Decimal::ONE, |floor| floor.decimal());
    let floor = least.max(none);
    let kept = of_balance(pv_exact(&contract_rows(loan)?, loan.annual_rate, INTEREST_FROM)?)?;
    let widest = floor.checked_add(MAX_SETTLEMENT_RANGE).ok_or(AssessError::Arithmetic { at: "ceiling" })?;
    Ok(SettlementRange { floor, ceiling: kept.min(Decimal::ONE).min(widest).max(floor) })
}

/// V(none) of a charged-off loan, minor units, as the valuation of any case computes it.
fn without_agreement(pack: &Pack, loan: &ChargedOff) -> Result<Decimal, AssessError> {
    let first_due = calendar::month_after(15, INTEREST_FROM, 1)?;
    let as_of = calendar::days_after(first_due, CHARGED_OFF_DAYS)?;
    let contract = Contract {
        currency: pack.currency,
        principal: loan.balance,
        annual_rate: loan.annual_rate,
        amortisation: Amortisation::EqualInstalments,
        instalments: 1,
        interest_from: INTEREST_FROM,
        first_due,
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    };
    let row = StatedRow {
        nr: 1,
        due: first_due,
        principal: loan.balance,
        interest: Amount::ZERO,
        fee: Amount::ZERO,
    };
    let account = Account::open(Origin::Stated { contract, rows: vec![row] }, without_penalty())?;
    let facts = Facts {
        case_id: "calibration".to_owned(),
        borrower_id: "calibration".to_owned(),
        as_of,
        loan: LoanFacts { loan_id: "calibration".to_owned(), account, closed: false },
        reason: HardshipReason::Other,
        hardship_end: None,
        statement: StatementOfAffairs::default(),
        evidence: Vec::new(),
        flags: CaseFlags::default(),
        prior: PriorRelief::default(),
        proposal: None,
        other_own_balance: Amount::ZERO,
        submitter_is_not_borrower: false,
    };
    Valuer::new(&Case::new(pack, &facts)?)?.none.lender.to_decimal(0)
}

/// Balances are stated with everything in them.
fn without_penalty() -> Product {
    Product {
        penalty_multiplier: Ratio::ZERO,
        cost_cap: Rate::from(Decimal::ZERO),
        allocation: vec![Part::Penalty, Part::Fee, Part::Interest, Part::Principal],
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: OverdueInterest::None,
        pay_off_interest: PayOffInterest::ToDate,
    }
}

/// What the contract asks for the balance, a month apart.
fn contract_rows(loan: &ChargedOff) -> Result<Vec<Flow>, AssessError> {
    let monthly = Ratio::from(loan.annual_rate.decimal() / Decimal::from(12));
    let mut left = loan.balance;
    let mut flows = Vec::new();
    for nr in 1..=MAX_ROWS {
        let interest = left.mul_ratio(monthly)?;
        let all = left.add(interest)?;
        let last = nr == MAX_ROWS || all <= loan.instalment || loan.instalment <= interest;
        let amount = if last { all } else { loan.instalment };
        flows.push(Flow { date: calendar::month_after(15, INTEREST_FROM, nr)?, amount });
        if last {
            break;
        }
        left = all.sub(amount)?;
    }
    Ok(flows)
}

/// Whether a settlement at a share of the balance, paid over so many months, is worth more than recovery:
/// share × [`SETTLEMENTS_COMPLETED`] × v^(months/2) above the pack's recovery share for M4+.
pub fn beats_recovery(
    pack: &Pack,
    share: Ratio,
    annual_rate: Rate,
    months: u32,
) -> Result<bool, AssessError> {
    let recovery = pack.tables.recovery.get(&Bucket::M4Plus).map_or(Fixed::ZERO, |recovery| recovery.share);
    let worth = Fixed::from_decimal(share.decimal())?.mul(Fixed::from_decimal(SETTLEMENTS_COMPLETED)?)?;
    let growth = Fixed::from_decimal(annual_rate.decimal())?.mul(Fixed::ratio(1, 12)?)?.add(Fixed::ONE)?;
    // Both sides squared and multiplied by (1/v)^months, so that half a month needs no root.
    let mut other = recovery.mul(recovery)?;
    for _ in 0..months {
        other = other.mul(growth)?;
    }
    Ok(worth.mul(worth)? > other)
}

/// A household of one adult of which only income and debts before the hardship are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Household {
    /// Income a month before the hardship.
    pub monthly_income: Amount,
    /// Payments on debts as a share of that income.
    pub debt_to_income: Ratio,
    /// What happened.
    pub reason: HardshipReason,
}

/// What such a household can spare a month during the hardship, never below 0: income × the pack's shock for the reason
/// − its benchmark for one adult − debt payments. R6 plays no part.
pub fn share_under_hardship(pack: &Pack, household: &Household) -> Result<Amount, AssessError> {
    // INVARIANT: the checker demands a shock for every reason.
    let factor = pack.tables.shocks.get(&household.reason).copied().unwrap_or(Ratio::ZERO);
    let income = household.monthly_income.mul_ratio(factor)?;
    let debts = household.monthly_income.mul_ratio(household.debt_to_income)?;
    Ok(income.sub(pack.settings.benchmark_adult)?.sub_floor0(debts)?)
}
