//! The range of a settlement against settlements that were agreed, on LendingClub's.
//!
//! The balance at the settlement is its amount over its percentage, the loan is assumed charged off, and floor and ceiling are
//! [`assessment::calibration::settlement_range`]'s. What was completed says whether the range fits; an active settlement is
//! undecided and counts only where every settlement is weighed against recovery.

use std::fmt::Write as _;

use assessment::Pack;
use assessment::calibration::{ChargedOff, beats_recovery, settlement_range};
use loan::{Amount, Currency, Rate, Ratio};
use rust_decimal::Decimal;
use serde::Serialize;

use super::columns::{Row, Table};
use super::{Share, Unusable, dollars};

/// What is read.
pub const COLUMNS: [&str; 6] = [
    "settlement_status",
    "settlement_amount",
    "settlement_percentage",
    "settlement_term",
    "int_rate",
    "installment",
];

/// Longest settlement, in months.
const MAX_MONTHS: i64 = 240;

/// What the range says about the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Share of completed settlements that lie between floor and ceiling.
    pub complete_within_share: Share,
    /// Share of all settlements that are worth more than the pack's recovery.
    pub beats_recovery_share: Share,
    /// Settlements that were looked at.
    pub rows: u64,
    /// Rows passed over because a cell is empty or the percentage nothing.
    pub skipped: u64,
    /// Completed ones among them.
    pub complete: u64,
    /// Widest range between floor and ceiling, as a share of the balance.
    pub widest_interval: Share,
}

/// Looks at every row.
pub fn figures(pack: &Pack, table: &Table) -> Result<Figures, Unusable> {
    let currency = dollars(pack)?;
    let (mut rows, mut skipped, mut complete, mut within, mut beats) = (0, 0, 0, 0, 0);
    let mut widest: Option<Decimal> = None;
    for row in table.rows() {
        let Some(settlement) = read(&row, currency)? else {
            skipped += 1;
            continue;
        };
        rows += 1;
        let Settlement { loan, share, months, completed } = settlement;
        let worth = beats_recovery(pack, Ratio::from(share), loan.annual_rate, months);
        beats += u64::from(worth.map_err(|error| row.failed(error))?);
        let range = settlement_range(pack, &loan).map_err(|error| row.failed(error))?;
        widest = widest.max(Some(range.ceiling - range.floor));
        if completed {
            complete += 1;
            within += u64::from(range.floor <= share && share <= range.ceiling);
        }
    }
    Ok(Figures {
        complete_within_share: Share::of(within, complete),
        beats_recovery_share: Share::of(beats, rows),
        rows,
        skipped,
        complete,
        widest_interval: Share(widest),
    })
}

struct Settlement {
    loan: ChargedOff,
    /// Share of the balance that was to be paid.
    share: Decimal,
    months: u32,
    completed: bool,
}

/// `None` where something isn't stated.
fn read(row: &Row<'_>, currency: Currency) -> Result<Option<Settlement>, Unusable> {
    let amount = row.number("settlement_amount")?;
    let percentage = row.number("settlement_percentage")?.filter(|percentage| *percentage > Decimal::ZERO);
    let months = row.whole("settlement_term", ("months, 0 to 240", 0..=MAX_MONTHS))?;
    let (rate, instalment) = (row.number("int_rate")?, row.number("installment")?);
    let status = row.text("settlement_status");
    let (Some(amount), Some(percentage), Some(months), Some(rate), Some(instalment), Some(status)) =
        (amount, percentage, months, rate, instalment, status)
    else {
        return Ok(None);
    };
    let share = percentage / Decimal::ONE_HUNDRED;
    let balance = amount.checked_div(share).and_then(|balance| minor(balance, currency));
    let Some(balance) = balance.filter(|balance| *balance > Amount::ZERO) else {
        return Err(row.refuse("settlement_amount", "an amount above 0"));
    };
    let Some(instalment) = minor(instalment, currency).filter(|instalment| !instalment.is_negative()) else {
        return Err(row.refuse("installment", "an amount of at least 0"));
    };
    if !(Decimal::ZERO..=MAX_RATE).contains(&rate) {
        return Err(row.refuse("int_rate", "per cent a year, 0 to 1000"));
    }
    let annual_rate = Rate::from(rate / Decimal::ONE_HUNDRED);
    Ok(Some(Settlement {
        loan: ChargedOff { balance, annual_rate, instalment },
        share,
        months: u32::try_from(months).unwrap_or(u32::MAX),
        completed: matches!(status, "COMPLETE" | "COMPLETED"),
    }))
}

/// Highest rate, per cent a year.
pub(super) const MAX_RATE: Decimal = Decimal::ONE_THOUSAND;

/// Major units as minor units, HALF_EVEN.
pub(super) fn minor(major: Decimal, currency: Currency) -> Option<Amount> {
    let scale = Decimal::from(10_u64.checked_pow(currency.minor_digits())?);
    Amount::round(major.checked_mul(scale)?).ok()
}

impl Figures {
    /// As a person reads it.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // INVARIANT: writing to a string can't fail.
        let _ = write!(
            text,
            "\n{} settlements, {} of them completed; {} rows with empty cells passed over\n\n\
             completed ones between floor and ceiling {:>10}\n\
             widest interval between them             {:>10}\n\
             all that are worth more than recovery    {:>10}\n",
            self.rows,
            self.complete,
            self.skipped,
            self.complete_within_share,
            self.widest_interval,
            self.beats_recovery_share
        );
        text
    }
}
