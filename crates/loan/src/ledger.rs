//! Replay of a loan's events, day by day.
//!
//! What ended (relief undone or a settlement that wasn't paid in time, a change of the schedule undone) is replayed from the
//! start without it, so that the result is what would stand today; only its version remains, and of relief its penalty-free
//! days and the kept share of its penalty waiver. Each pass ends at most one, so there are at most as many passes as
//! reliefs and changes, plus one.

mod allocation;
mod change;
mod line;
mod plan;
mod reading;
mod timeline;

use crate::account::Account;
use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::event::EventKind;
use crate::interest;
use crate::model::{Days, Model, Movements};
use crate::money::{Amount, Rate};
use crate::origin::Origin;
use crate::parts::Parts;
use crate::product::OverdueInterest;
use crate::schedule::Row;
use crate::state::{ScheduleVersion, Standing, State, VersionCause};

use line::{Line, PENALTY_PLACES, PenaltyStep, Released};
use plan::{ActivePlan, Ended, Ending};
use timeline::Timeline;

/// What stands at the end of `as_of`.
pub(crate) fn replay(account: &Account, as_of: Date) -> Result<State, LoanError> {
    standing(account, as_of, None, |ledger| ledger.read(as_of))
}

/// The same, where the event of the id must still fit: others that no longer do have nothing to change.
pub(crate) fn try_event(account: &Account, as_of: Date, id: Option<&str>) -> Result<State, LoanError> {
    standing(account, as_of, id, |ledger| ledger.read(as_of))
}

/// What pays the loan off on `on`.
pub(crate) fn pay_off_sum(account: &Account, on: Date) -> Result<Amount, LoanError> {
    standing(account, on, None, |mut ledger| ledger.stop_interest())
}

fn standing<'a, T>(
    account: &'a Account,
    as_of: Date,
    strict: Option<&'a str>,
    read: impl FnOnce(Ledger<'_>) -> Result<T, LoanError>,
) -> Result<T, LoanError> {
    let timeline = Timeline::of(account, as_of);
    let mut ended: Vec<Ended> = Vec::new();
    loop {
        let mut ledger = Ledger { strict, ..Ledger::open(account, &timeline, &ended)? };
        match ledger.run(&timeline, as_of)? {
            None => return read(ledger),
            Some(one) => ended.push(one),
        }
    }
}

struct Ledger<'a> {
    account: &'a Account,
    ended: &'a [Ended],
    /// The id of an event that is being recorded: it is refused where it doesn't fit.
    strict: Option<&'a str>,
    free_days: Days,
    contract_rows: Vec<Row>,
    model: Model,
    /// The day of a pay-off, and the day at whose end it stopped interest.
    paid_off: Option<(Date, Date)>,
    /// A pay-off stopped interest and nothing was charged back since.
    interest_stopped: bool,
    /// Money whose row went.
    released: Vec<Released>,
    /// One a row, by number.
    lines: Vec<Line>,
    plans: Vec<ActivePlan>,
    /// A change moved instalments, so that rows no longer fall due as in the contract.
    moved: bool,
    versions: Vec<ScheduleVersion>,
    standings: Vec<Standing>,
    received: Amount,
    charged_back: Amount,
    /// Paid beyond everything owed.
    idle: Vec<Released>,
    day: Date,
}

impl<'a> Ledger<'a> {
    fn open(account: &'a Account, timeline: &Timeline<'_>, ended: &'a [Ended]) -> Result<Self, LoanError> {
        let contract = account.contract();
        let model = account.origin.model()?;
        let contract_rows = model.rows()?;
        let mut free_days = timeline.suspended.clone();
        for plan in ended {
            if let Some(kept_to) = plan.kept_to {
                free_days.push(calendar::next_day(plan.accepted)?, kept_to);
            }
        }
        let mut ledger = Self {
            account,
            ended,
            strict: None,
            free_days,
            lines: lines_of(&contract_rows),
            contract_rows,
            model,
            paid_off: None,
            interest_stopped: false,
            released: Vec::new(),
            plans: Vec::new(),
            moved: false,
            versions: Vec::new(),
            standings: Vec::new(),
            received: Amount::ZERO,
            charged_back: Amount::ZERO,
            idle: Vec::new(),
            day: contract.interest_from,
        };
        ledger.push_version(ledger.day, VersionCause::Contract, ledger.contract_rows.clone());
        Ok(ledger)
    }

    /// Runs up to the end of `as_of`; gives what ends on the way, which calls for another pass.
    fn run(&mut self, timeline: &Timeline<'_>, as_of: Date) -> Result<Option<Ended>, LoanError> {
        let mut events = timeline.events.iter().copied().peekable();
        while let Some(event) = events.next() {
            if let Some(ended) = self.turn_to(event.effective, timeline)? {
                return Ok(Some(ended));
            }
            if !matches!(event.kind, EventKind::Payment { .. }) {
                if let Some(ended) = self.happen(&event.kind)? {
                    return Ok(Some(ended));
                }
                continue;
            }
            // Payments of one day are one sum of money, however it was split and whatever without effect stands between.
            let (mut payments, mut inert) = (vec![event], Vec::new());
            while let Some(next) = events.next_if(|next| {
                next.effective == event.effective
                    && (matches!(next.kind, EventKind::Payment { .. }) || self.is_inert(&next.kind))
            }) {
                let of_kind = if self.is_inert(&next.kind) { &mut inert } else { &mut payments };
                of_kind.push(next);
            }
            self.receive(&payments)?;
            for event in inert {
                if let Some(ended) = self.happen(&event.kind)? {
                    return Ok(Some(ended));
                }
            }
        }
        if let Some(ended) = self.turn_to(as_of, timeline)? {
            return Ok(Some(ended));
        }
        self.observe()?;
        Ok(None)
    }

    /// Leaves the rows as they are: only the books of versions know of it.
    fn is_inert(&self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Undone { id } => self.ended.iter().any(|ended| ended.id == *id),
            EventKind::ReliefUndone { id, .. } => {
                self.ended.iter().any(|ended| ended.id == *id && ended.kept_waiver.is_zero())
            }
            change => self
                .ended
                .iter()
                .any(|ended| Some(ended.id.as_str()) == change.new_id() && ended.kept_waiver.is_zero()),
        }
    }

    fn happen(&mut self, kind: &EventKind) -> Result<Option<Ended>, LoanError> {
        match kind {
            EventKind::Relief { id, terms } => self.accept(id, terms)?,
            EventKind::ReliefUndone { id, kept_to } => return self.undo(id, *kept_to),
            EventKind::Undone { id } => return Ok(self.undo_change(id)),
            // Payments came before; the timeline holds no reversals nor penalty-free days.
            EventKind::PaymentReversed { .. }
            | EventKind::PenaltySuspended { .. }
            | EventKind::Payment { .. } => {}
            change => self.change(change)?,
        }
        Ok(None)
    }

    /// Moves to a later day, by way of the days from which on a settlement is known to have lapsed.
    fn turn_to(&mut self, day: Date, timeline: &Timeline<'_>) -> Result<Option<Ended>, LoanError> {
        for stop in self.stops_until(day) {
            if let Some(ended) = self.advance_to(stop, timeline)? {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Settlements lapse, arrears are noted, overdue interest and penalty accrue.
    fn advance_to(&mut self, day: Date, timeline: &Timeline<'_>) -> Result<Option<Ended>, LoanError> {
        self.note_fulfilled()?;
        let lapsed = self.plans.iter().find(|plan| plan.settle_by.is_some_and(|by| by < day));
        if let Some(plan) = lapsed
            && !self.is_closed()?
        {
            let by = plan.settle_by.unwrap_or(self.day);
            let kept_to = timeline.recorded_end(&plan.id).and_then(|(_, kept_to)| kept_to);
            return Ok(Some(plan.ended(calendar::next_day(by)?, Ending::Lapsed, kept_to)?));
        }
        self.observe()?;
        self.day = day;
        if self.overdue_bears() && self.has_overdue_principal()? {
            self.project()?;
        }
        let rates = self.penalty_steps()?;
        for line in &mut self.lines {
            line.accrue(day, &self.free_days, &rates)?;
        }
        self.note_lapsed(day);
        Ok(None)
    }

    /// Penalty rates by the contract rates in force, up to the last due date and after it.
    fn penalty_steps(&self) -> Result<Vec<PenaltyStep>, LoanError> {
        let product = &self.account.product;
        let step = |after: Date, rate: Rate| -> Result<PenaltyStep, LoanError> {
            Ok(PenaltyStep { after, scaled_rate: interest::scaled(rate, PENALTY_PLACES)? })
        };
        let mut steps = Vec::with_capacity(self.model.rates.len() + 1);
        for known in &self.model.rates {
            let after = known.from.yesterday().unwrap_or(known.from);
            steps.push(step(after, product.penalty_rate_beside_interest(known.annual_rate)?)?);
        }
        if self.overdue_bears() {
            let last_due = self.lines.iter().map(|line| line.state.row.due).max().unwrap_or(self.day);
            steps.retain(|step| step.after < last_due);
            steps.push(step(last_due, product.penalty_rate(self.model.rate_on(last_due))?)?);
        }
        Ok(steps)
    }

    fn overdue_bears(&self) -> bool {
        self.account.product.overdue_interest == OverdueInterest::ContractRate
    }

    fn has_overdue_principal(&self) -> Result<bool, LoanError> {
        for line in &self.lines {
            if line.state.row.due < self.day && !line.state.left()?.principal.is_zero() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Works the rows out again from what was paid so far, and finds a new place for money that lost its own.
    fn project(&mut self) -> Result<(), LoanError> {
        self.refresh_rows()?;
        self.place_released()
    }

    fn refresh_rows(&mut self) -> Result<(), LoanError> {
        self.model.project(&self.movements())?;
        for row in self.model.rows()? {
            let day = self.day;
            match self.line_mut(row.nr) {
                Some(line) => line.replace_row(row, day)?,
                None => self.add_line(row),
            }
        }
        self.charge_penalties()?;
        self.drop_lines_without_term()
    }

    /// What was given up in a row that goes, and its penalty, stay on the books with the last row that stays.
    fn carry(&mut self, gone: &Line) -> Result<(), LoanError> {
        if let Some(line) = self.lines.iter_mut().max_by_key(|line| (line.state.row.due, line.state.row.nr)) {
            line.take_over(gone)?;
        }
        Ok(())
    }

    fn charge_penalties(&mut self) -> Result<(), LoanError> {
        if self.model.charges.is_empty() {
            return Ok(());
        }
        for line in &mut self.lines {
            line.charge(self.model.penalty_of(line.state.row.nr))?;
        }
        Ok(())
    }

    pub(super) fn line_mut(&mut self, nr: u32) -> Option<&mut Line> {
        let index = self.lines.binary_search_by_key(&nr, |line| line.state.row.nr).ok()?;
        self.lines.get_mut(index)
    }

    pub(super) fn add_line(&mut self, row: Row) {
        let index = self.lines.partition_point(|line| line.state.row.nr < row.nr);
        self.lines.insert(index, Line::new(row));
    }

    /// Rows that no term stands behind any more go; what was paid in them is placed anew.
    fn drop_lines_without_term(&mut self) -> Result<(), LoanError> {
        let mut numbers: Vec<u32> = self.model.terms.iter().map(|term| term.nr).collect();
        numbers.sort_unstable();
        let is_gone = |line: &mut Line| numbers.binary_search(&line.state.row.nr).is_err();
        let gone: Vec<Line> = self.lines.extract_if(.., is_gone).collect();
        for line in gone {
            self.carry(&line)?;
            for share in line.state.payments {
                let amount = share.parts.total()?;
                self.released.push(Released { payment_id: share.payment_id, date: share.date, amount });
            }
        }
        Ok(())
    }

    pub(super) fn movements(&self) -> Movements {
        let mut movements =
            Movements { as_of: Some(self.day), overdue_bears: self.overdue_bears(), ..Movements::default() };
        for line in &self.lines {
            let shares = line.state.payments.iter().filter(|share| !share.parts.principal.is_zero());
            // A pay-off to the end of a period saves none of that period's interest; what is overdue bears none from then on.
            let due = line.state.row.due;
            let counted = |date: Date| match self.paid_off {
                Some((on, stop)) if on == date && due > on => stop,
                _ => date,
            };
            let paid: Vec<(Date, Amount)> =
                shares.map(|share| (counted(share.date), share.parts.principal)).collect();
            if !paid.is_empty() {
                movements.paid.insert(line.state.row.nr, paid);
            }
        }
        movements
    }

    fn paid_by_row(&self) -> std::collections::BTreeMap<u32, Parts> {
        self.lines.iter().map(|line| (line.state.row.nr, line.state.paid)).collect()
    }

    fn push_version(&mut self, effective: Date, cause: VersionCause, rows: Vec<Row>) {
        let number = u32::try_from(self.versions.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.versions.push(ScheduleVersion { number, effective, cause, rows });
    }

    fn has_version(&self, cause: &VersionCause) -> bool {
        self.versions.iter().any(|version| version.cause == *cause)
    }

    fn rows(&self) -> Vec<Row> {
        self.lines.iter().map(|line| line.state.row.clone()).collect()
    }
}

fn lines_of(rows: &[Row]) -> Vec<Line> {
    let mut lines: Vec<Line> = rows.iter().cloned().map(Line::new).collect();
    lines.sort_by_key(|line| line.state.row.nr);
    lines
}

impl Origin {
    /// The terms of the contract, or of the stated rows.
    fn model(&self) -> Result<Model, LoanError> {
        match self {
            Self::Computed(contract) => Model::of(contract),
            Self::Stated { contract, .. } => {
                let mut model = Model::empty(contract);
                model.agree(&self.rows()?, contract.interest_from, &[])?;
                Ok(model)
            }
        }
    }
}
