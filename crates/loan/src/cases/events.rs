//! What happened in a case, as events of a loan.

use jiff::Timestamp;

use super::file::{self, Scalar};
use super::terms::{amount, count, date, frequency, rate, required, unreadable};
use super::{CaseError, MAX_EVENTS, Reading};
use crate::calendar::{self, Date};
use crate::contract::Contract;
use crate::error::LoanError;
use crate::event::{ChargePart, Event, EventKind, ReAge, ReAgeInterest, ReAmortiseInterest, Reschedule};
use crate::money::Amount;

/// The readings after everything and before the last modification.
pub fn readings(stated: &[file::Event], contract: &Contract) -> Result<(Reading, Reading), CaseError> {
    if stated.len() > MAX_EVENTS {
        return Err(CaseError::TooManyEvents { count: stated.len() });
    }
    let mut story = Story::new(contract);
    for (event, nr) in stated.iter().zip(1_usize..) {
        story.tell(event, nr).map_err(|reason| match reason {
            CaseError::UnknownEvent { .. } => reason,
            reason => CaseError::Event { nr, kind: event.kind.clone(), reason: Box::new(reason) },
        })?;
    }
    let as_of = story.as_of.unwrap_or(story.last_day).max(contract.interest_from);
    let before = story.before.unwrap_or(Reading { events: Vec::new(), as_of: contract.interest_from });
    Ok((Reading { events: story.events, as_of }, before))
}

/// A translation under way.
struct Story<'a> {
    contract: &'a Contract,
    events: Vec<Event>,
    /// The last day that the case states for a reading.
    as_of: Option<Date>,
    /// The last day on which anything happened or was entered.
    last_day: Date,
    /// When the last event was entered.
    entered: Timestamp,
    before: Option<Reading>,
}

impl<'a> Story<'a> {
    fn new(contract: &'a Contract) -> Self {
        Self {
            contract,
            events: Vec::new(),
            as_of: None,
            last_day: contract.interest_from,
            entered: Timestamp::UNIX_EPOCH,
            before: None,
        }
    }

    fn tell(&mut self, stated: &file::Event, nr: usize) -> Result<(), CaseError> {
        if stated.kind == "as_of" {
            self.as_of = Some(date("date", required("date", stated.date.as_deref())?)?);
            return Ok(());
        }
        let (effective, kind) = self.translate(stated, nr)?;
        let effective = match kind {
            // Agreed before the loan was paid out; anything else of such a day is a mistake, which the loan refuses.
            EventKind::Reschedule { .. } | EventKind::Charge { .. } => {
                effective.max(self.contract.interest_from)
            }
            _ => effective,
        };
        let known = known_on(stated)?.unwrap_or(effective);
        if modifies(stated) {
            let as_of = known.max(self.contract.interest_from);
            self.before = Some(Reading { events: self.events.clone(), as_of });
        }
        self.last_day = self.last_day.max(effective).max(known);
        self.entered = entered_after(self.entered, known)?;
        self.events.push(Event { effective, entered: self.entered, kind });
        Ok(())
    }

    /// The event and the day from which it counts.
    fn translate(&self, stated: &file::Event, nr: usize) -> Result<(Date, EventKind), CaseError> {
        let id = format!("{}-{nr}", stated.kind);
        let money = || amount("amount", stated.amount.as_ref(), self.contract.currency);
        Ok(match stated.kind.as_str() {
            "payment" => (day(stated)?, EventKind::Payment { id, amount: money()? }),
            "payoff" => (day(stated)?, EventKind::PayOff { id, amount: money()? }),
            "chargeback" => (day(stated)?, EventKind::Chargeback { id, amount: money()? }),
            "penalty" => self.charge(stated, ChargePart::Penalty, id)?,
            "fee" => self.charge(stated, ChargePart::Fee, id)?,
            "reschedule" => reschedule(stated, id)?,
            "interest_rate_change" => self.rate_change(stated, id)?,
            "reage" => (day(stated)?, EventKind::ReAge { id, re_age: re_age(stated)? }),
            "reamortize" => (day(stated)?, EventKind::ReAmortise { id, interest: re_amortise(stated)? }),
            "interest_pause" => pause(stated, id)?,
            "terminate" => (day(stated)?, EventKind::Terminated { id }),
            "undo_reage" => self.undo(stated, "re-age", |kind| matches!(kind, EventKind::ReAge { .. }))?,
            "undo_reamortize" => {
                self.undo(stated, "re-amortisation", |kind| matches!(kind, EventKind::ReAmortise { .. }))?
            }
            "undo_terminate" => {
                self.undo(stated, "termination", |kind| matches!(kind, EventKind::Terminated { .. }))?
            }
            "undo_interest_pause" => {
                self.undo(stated, "pause", |kind| matches!(kind, EventKind::InterestPaused { .. }))?
            }
            "undo_reschedule" => {
                self.undo(stated, "reschedule", |kind| matches!(kind, EventKind::Reschedule { .. }))?
            }
            "payment_reversal" | "reverse_payment" | "undo_payment" => self.reversal(stated)?,
            other => return Err(CaseError::UnknownEvent { nr, kind: other.to_owned() }),
        })
    }

    /// A charge counts from the day it was entered, or from its due date if that is earlier; where no day is stated, it is
    /// part of the loan from the start.
    fn charge(
        &self,
        stated: &file::Event,
        part: ChargePart,
        id: String,
    ) -> Result<(Date, EventKind), CaseError> {
        let due = date("due_date", required("due_date", stated.due_date.as_deref())?)?;
        let effective = known_on(stated)?.map_or(self.contract.interest_from, |known| known.min(due));
        let amount = amount("amount", stated.amount.as_ref(), self.contract.currency)?;
        Ok((effective, EventKind::Charge { id, part, due, amount }))
    }

    /// The rate changes with the night after the due date of the last posted instalment.
    fn rate_change(&self, stated: &file::Event, id: String) -> Result<(Date, EventKind), CaseError> {
        let posted = count("after_posted_instalment", stated.after_posted_instalment.as_ref())?
            .ok_or(CaseError::Missing { field: "after_posted_instalment" })?;
        let has_down_payment = !self.contract.conventions.down_payment.decimal().is_zero();
        let regular = posted.saturating_sub(u16::from(has_down_payment));
        let last_due = match i32::from(regular) {
            0 => self.contract.interest_from,
            steps => self.contract.conventions.frequency.after(
                self.contract.anchor_day(),
                self.contract.first_due,
                steps - 1,
            )?,
        };
        let from = calendar::next_day(last_due)?;
        let new_rate = rate("new_annual_rate_pct", stated.new_annual_rate_pct.as_ref())?
            .ok_or(CaseError::Missing { field: "new_annual_rate_pct" })?;
        let change = Reschedule {
            from,
            new_due: None,
            extra_instalments: 0,
            grace_on_principal: 0,
            grace_on_interest: 0,
            annual_rate: Some(new_rate),
        };
        Ok((from, EventKind::Reschedule { id, change }))
    }

    /// Undoes the latest one that isn't undone yet.
    fn undo(
        &self,
        stated: &file::Event,
        what: &'static str,
        is_one: impl Fn(&EventKind) -> bool,
    ) -> Result<(Date, EventKind), CaseError> {
        let on = day(stated)?;
        let is_undone = |id: &str| {
            self.events
                .iter()
                .any(|event| matches!(&event.kind, EventKind::Undone { id: undone } if undone == id))
        };
        let id = self
            .events
            .iter()
            .rev()
            .filter(|event| event.effective <= on && is_one(&event.kind))
            .filter_map(|event| event.kind.new_id())
            .find(|id| !is_undone(id))
            .ok_or(CaseError::NothingToUndo { what })?;
        Ok((on, EventKind::Undone { id: id.to_owned() }))
    }

    /// Reverses the latest payment of the stated day and amount that isn't reversed yet.
    fn reversal(&self, stated: &file::Event) -> Result<(Date, EventKind), CaseError> {
        let on = day(stated)?;
        let paid_on = stated.payment_date.as_deref().map(|text| date("payment_date", text)).transpose()?;
        let sum = match &stated.amount {
            Some(text) => Some(amount("amount", Some(text), self.contract.currency)?),
            None => None,
        };
        let is_reversed = |id: &str| {
            self.events.iter().any(
                |event| matches!(&event.kind, EventKind::PaymentReversed { payment_id } if payment_id == id),
            )
        };
        let fits = |event: &Event, amount: Amount| {
            paid_on.map_or(event.effective <= on, |paid_on| event.effective == paid_on)
                && sum.is_none_or(|sum| sum == amount)
        };
        let payment_id = self
            .events
            .iter()
            .rev()
            .filter_map(|event| match &event.kind {
                EventKind::Payment { id, amount } if fits(event, *amount) => Some(id.clone()),
                _ => None,
            })
            .find(|id| !is_reversed(id))
            .ok_or(CaseError::NothingToUndo { what: "payment" })?;
        Ok((on, EventKind::PaymentReversed { payment_id }))
    }
}

fn reschedule(stated: &file::Event, id: String) -> Result<(Date, EventKind), CaseError> {
    let from = date("reschedule_from", required("reschedule_from", stated.reschedule_from.as_deref())?)?;
    let change = Reschedule {
        from,
        new_due: stated
            .new_due_date_of_that_instalment
            .as_deref()
            .map(|text| date("new_due_date_of_that_instalment", text))
            .transpose()?,
        extra_instalments: count("extra_instalments", stated.extra_instalments.as_ref())?.unwrap_or(0),
        grace_on_principal: count(
            "grace_on_principal_instalments",
            stated.grace_on_principal_instalments.as_ref(),
        )?
        .unwrap_or(0),
        grace_on_interest: count(
            "grace_on_interest_instalments",
            stated.grace_on_interest_instalments.as_ref(),
        )?
        .unwrap_or(0),
        annual_rate: rate("new_annual_rate_pct", stated.new_annual_rate_pct.as_ref())?,
    };
    // Agreed ahead, it counts from the agreement; agreed afterwards, from the day that it speaks of.
    let effective = known_on(stated)?.map_or(from, |known| known.min(from));
    Ok((effective, EventKind::Reschedule { id, change }))
}

fn re_age(stated: &file::Event) -> Result<ReAge, CaseError> {
    Ok(ReAge {
        first_due: date("first_due_date", required("first_due_date", stated.first_due_date.as_deref())?)?,
        instalments: count("n_instalments", stated.n_instalments.as_ref())?
            .ok_or(CaseError::Missing { field: "n_instalments" })?,
        frequency: frequency(stated.repay_every.as_ref(), stated.repay_unit.as_deref())?,
        interest: match handling(stated).as_str() {
            "" | "DEFAULT" => ReAgeInterest::Default,
            "EQUAL_AMORTIZATION_PAYABLE_INTEREST" => ReAgeInterest::EqualPayable,
            "EQUAL_AMORTIZATION_FULL_INTEREST" => ReAgeInterest::EqualFull,
            other => {
                let expected =
                    "DEFAULT, EQUAL_AMORTIZATION_PAYABLE_INTEREST or EQUAL_AMORTIZATION_FULL_INTEREST";
                return Err(unreadable("interest_handling", other, expected));
            }
        },
    })
}

fn re_amortise(stated: &file::Event) -> Result<ReAmortiseInterest, CaseError> {
    match handling(stated).as_str() {
        "" | "DEFAULT" => Ok(ReAmortiseInterest::Default),
        text if text.contains("WAIVE") => Ok(ReAmortiseInterest::Waived),
        text if text.contains("EQUAL") || text.contains("SPLIT") => Ok(ReAmortiseInterest::EqualShares),
        other => Err(unreadable(
            "interest_handling",
            other,
            "DEFAULT, WAIVE_INTEREST or EQUAL_AMORTIZATION_INTEREST_SPLIT",
        )),
    }
}

/// The handling's name; a remark after it doesn't count.
fn handling(stated: &file::Event) -> String {
    let text = stated.interest_handling.as_deref().unwrap_or_default();
    let name = text.trim().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next();
    name.unwrap_or_default().to_ascii_uppercase()
}

fn pause(stated: &file::Event, id: String) -> Result<(Date, EventKind), CaseError> {
    let from = date("from", required("from", stated.from.as_deref())?)?;
    let to = date("to", required("to", stated.to.as_deref())?)?;
    let to = match stated.inclusive.as_ref().map(Scalar::to_string).as_deref() {
        None | Some("true" | "both") => to,
        Some("false" | "from" | "start") => {
            to.yesterday().map_err(|_| LoanError::DateOutOfRange { date: to })?
        }
        Some(other) => return Err(unreadable("inclusive", other, "both, from, true or false")),
    };
    Ok((from, EventKind::InterestPaused { id, from, to }))
}

/// The day of an event that has one.
fn day(stated: &file::Event) -> Result<Date, CaseError> {
    let text = stated.date.as_deref().or(stated.transaction_date.as_deref());
    date("date", required("date", text)?)
}

/// The day on which the event was entered, as far as the case states one.
fn known_on(stated: &file::Event) -> Result<Option<Date>, CaseError> {
    let entered = stated.entered_on.as_deref().or(stated.submitted_on.as_deref());
    let text = entered.or(stated.transaction_date.as_deref()).or(stated.date.as_deref());
    text.map(|text| date("date", text)).transpose()
}

/// Whether the schedule after the event is one that the case sets against the schedule before: it was changed, or it is
/// read anew because something was entered late. Payments, charges and chargebacks in their time only run it.
fn modifies(stated: &file::Event) -> bool {
    match stated.kind.as_str() {
        "payment" => stated.entered_on.is_some() && stated.entered_on != stated.date,
        "penalty" | "fee" | "chargeback" => false,
        _ => true,
    }
}

/// Midnight of the day, or a second after the last entry: events of one day keep the order of the case.
fn entered_after(last: Timestamp, day: Date) -> Result<Timestamp, CaseError> {
    let out_of_range = |_| LoanError::DateOutOfRange { date: day };
    let days = calendar::days_between(Date::constant(1970, 1, 1), day);
    let midnight = Timestamp::from_second(days.saturating_mul(86_400)).map_err(out_of_range)?;
    let next = Timestamp::from_second(last.as_second().saturating_add(1)).map_err(out_of_range)?;
    Ok(midnight.max(next))
}
