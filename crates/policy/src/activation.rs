//! Activations: which pack decides the cases of a day, as known at a moment.
//!
//! An activation has two times: the day from which it holds, and the moment at which it was recorded. A later record
//! changes what holds from its day on; what was known before stays readable, and a day that has passed keeps its pack,
//! because no activation may begin before the day on which it is recorded.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use loan::{Date, Ratio};
use serde::{Deserialize, Serialize};
use store::Value;
use thiserror::Error;

use crate::documents::Record;

/// What puts a pack in force from a day on, or only runs it in shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activation {
    pub activation_id: String,
    pub pack: PackRef,
    /// First day whose cases it decides; `None`: it runs in shadow only.
    pub effective_from: Option<Date>,
    pub origin: Origin,
    /// Share of the cases that are evaluated under it while it is proposed, 0 to 1.
    pub shadow_share: Ratio,
    pub note: String,
    /// `role:id`; empty for a pack that came with the software.
    pub proposed_by: String,
    pub propose_time: Timestamp,
    pub state: State,
}

/// A pack by its identity, with what an activation must know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackRef {
    pub name: String,
    pub version: String,
    pub digest: String,
    pub time_zone: String,
    pub effective_from: Date,
    pub effective_until: Option<Date>,
}

/// Where an activation came from; later ones outrank earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Origin {
    Shipped,
    FourEyes,
}

/// Where an activation stands, with the facts of that state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    Proposed,
    /// In force on its days for whoever knows what was recorded until `time`.
    Confirmed {
        by: String,
        time: Timestamp,
        check: Option<FlipCheck>,
    },
    Withdrawn {
        by: String,
        time: Timestamp,
    },
}

/// Stored decisions that came out otherwise before the pack was activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlipCheck {
    pub decisions: u32,
    pub flips: u32,
    /// Highest share of flips that the pack declares.
    pub budget: Ratio,
}

/// Why a step isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    #[error("`{proposer}` proposed it; another person has to confirm it")]
    SamePerson { proposer: String },
    #[error("it is {state}")]
    WrongState { state: &'static str },
    #[error("it has no day from which it would hold: it only runs in shadow")]
    ShadowOnly,
    #[error("{day} is before today, {today}: days that have passed keep their pack")]
    Backdated { day: Date, today: Date },
    #[error("{day} is outside the pack's own period, {from} to {until}")]
    OutsidePack { day: Date, from: Date, until: String },
    #[error(
        "{flips} of {decisions} stored decisions come out otherwise, and the pack declares at most {budget}"
    )]
    OverBudget { decisions: u32, flips: u32, budget: Ratio },
}

impl Activation {
    /// Puts it in force: by another person than the proposer, in time, within the pack's flip budget.
    pub fn confirm(self, by: &str, now: Timestamp, check: FlipCheck) -> Result<Self, Refused> {
        self.may_confirm(by, now)?;
        check.within_budget()?;
        let state = State::Confirmed { by: by.to_owned(), time: now, check: Some(check) };
        Ok(Self { state, ..self })
    }

    /// Everything that [`Activation::confirm`] asks for but the budget.
    pub fn may_confirm(&self, by: &str, now: Timestamp) -> Result<(), Refused> {
        self.still_proposed()?;
        // One person with two roles is one person.
        if person(by) == person(&self.proposed_by) {
            return Err(Refused::SamePerson { proposer: self.proposed_by.clone() });
        }
        let day = self.effective_from.ok_or(Refused::ShadowOnly)?;
        self.pack.may_begin(day, now)
    }

    /// Takes a proposal back.
    pub fn withdraw(self, by: &str, now: Timestamp) -> Result<Self, Refused> {
        self.still_proposed()?;
        Ok(Self { state: State::Withdrawn { by: by.to_owned(), time: now }, ..self })
    }

    fn still_proposed(&self) -> Result<(), Refused> {
        match &self.state {
            State::Proposed => Ok(()),
            State::Confirmed { .. } | State::Withdrawn { .. } => {
                Err(Refused::WrongState { state: self.state.word() })
            }
        }
    }

    /// When it was recorded as in force.
    pub fn recorded(&self) -> Option<Timestamp> {
        match &self.state {
            State::Confirmed { time, .. } => Some(*time),
            State::Proposed | State::Withdrawn { .. } => None,
        }
    }

    /// Its rank among those that hold on `day` as known at `known_at`; `None` where it doesn't hold.
    fn rank(&self, day: Date, known_at: Timestamp) -> Option<(Origin, Date, Timestamp, &str)> {
        let recorded = self.recorded().filter(|time| *time <= known_at)?;
        let from = self.effective_from.filter(|from| *from <= day)?;
        self.pack.covers(day).then_some((self.origin, from, recorded, self.activation_id.as_str()))
    }
}

impl State {
    /// Its word, for people and columns.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Confirmed { .. } => "confirmed",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl PackRef {
    /// Whether a day lies in the pack's own period.
    pub fn covers(&self, day: Date) -> bool {
        self.effective_from <= day && self.effective_until.is_none_or(|until| day <= until)
    }

    /// The day of a moment in the pack's zone.
    pub fn day_of(&self, moment: Timestamp) -> Date {
        day_in(&self.time_zone, moment)
    }

    /// Refuses a first day that has passed, or outside the pack's own period.
    pub fn may_begin(&self, day: Date, now: Timestamp) -> Result<(), Refused> {
        let today = self.day_of(now);
        if day < today {
            return Err(Refused::Backdated { day, today });
        }
        if !self.covers(day) {
            let until = self.effective_until.map_or("open".to_owned(), |until| until.to_string());
            return Err(Refused::OutsidePack { day, from: self.effective_from, until });
        }
        Ok(())
    }
}

impl FlipCheck {
    /// Refuses more flips than the pack declares. Without stored decisions there is nothing to turn over.
    pub fn within_budget(&self) -> Result<(), Refused> {
        let Self { decisions, flips, budget } = *self;
        let most = budget.decimal().checked_mul(decisions.into());
        if most.is_none_or(|most| rust_decimal::Decimal::from(flips) <= most) {
            return Ok(());
        }
        Err(Refused::OverBudget { decisions, flips, budget })
    }
}

/// The activation that decides the cases of `day`, as known at `known_at`: of those recorded until then that hold on the
/// day and whose pack covers it, one by two people before one that shipped; of these the one that begins last; of
/// these the one recorded last.
pub(crate) fn in_force(all: &[Activation], day: Date, known_at: Timestamp) -> Option<&Activation> {
    let ranked = all.iter().filter_map(|one| Some((one.rank(day, known_at)?, one)));
    ranked.max_by(|(left, _), (right, _)| left.cmp(right)).map(|(_, one)| one)
}

/// The activation in force, or else, for questions about days on which none is: the one that began last before the day,
/// whatever its pack's period, or the one that begins first after it.
pub(crate) fn nearest(all: &[Activation], day: Date, known_at: Timestamp) -> Option<&Activation> {
    in_force(all, day, known_at).or_else(|| {
        let known = || all.iter().filter(|one| one.recorded().is_some_and(|time| time <= known_at));
        let before = known().filter(|one| one.effective_from.is_some_and(|from| from <= day));
        let latest = before.max_by_key(|one| (one.origin, one.effective_from, one.recorded()));
        latest.or_else(|| known().min_by_key(|one| (one.effective_from, one.recorded())))
    })
}

/// The day of a moment in a zone. The checker of packs knows every zone that this can be asked for.
pub(crate) fn day_in(time_zone: &str, moment: Timestamp) -> Date {
    moment.to_zoned_datetime(TimeZone::get(time_zone).unwrap_or(TimeZone::UTC)).date()
}

/// The person behind `role:id`.
fn person(actor: &str) -> &str {
    actor.split_once(':').map_or(actor, |(_, id)| id)
}

impl Record for Activation {
    const KIND: &'static str = "activation";

    fn id(&self) -> String {
        self.activation_id.clone()
    }

    fn index(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("pack_name", self.pack.name.as_str().into()),
            ("pack_digest", self.pack.digest.as_str().into()),
            ("state", self.state.word().into()),
            ("proposed_us", self.propose_time.as_microsecond().into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "policy_admin:ann";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// `SHIPPED` or `FOUR_EYES`, first day, moment of recording (empty: only proposed), period of the pack.
    fn one(id: &str, origin: Origin, from: &str, recorded: &str, period: (&str, &str)) -> Activation {
        let state = match recorded {
            "" => State::Proposed,
            time => State::Confirmed { by: "policy_admin:bo".into(), time: at(time), check: None },
        };
        Activation {
            activation_id: id.into(),
            pack: PackRef {
                name: "cn".into(),
                version: id.into(),
                digest: id.into(),
                time_zone: "Asia/Shanghai".into(),
                effective_from: period.0.parse().unwrap(),
                effective_until: (!period.1.is_empty()).then(|| period.1.parse().unwrap()),
            },
            effective_from: (!from.is_empty()).then(|| from.parse().unwrap()),
            origin,
            shadow_share: Ratio::ZERO,
            note: String::new(),
            proposed_by: ADMIN.into(),
            propose_time: Timestamp::UNIX_EPOCH,
            state,
        }
    }

    fn history() -> Vec<Activation> {
        let open = ("2026-01-01", "");
        vec![
            one("base", Origin::Shipped, "2026-01-01", "1970-01-01T00:00:00Z", open),
            one("july", Origin::FourEyes, "2026-07-01", "2026-06-20T08:00:00Z", open),
            // Recorded later, begins earlier than august.
            one(
                "august",
                Origin::FourEyes,
                "2026-08-01",
                "2026-07-02T08:00:00Z",
                ("2026-08-01", "2026-08-31"),
            ),
            one("mid-july", Origin::FourEyes, "2026-07-15", "2026-07-10T08:00:00Z", open),
            // A second word for the same day.
            one("mid-july-2", Origin::FourEyes, "2026-07-15", "2026-07-14T08:00:00Z", open),
            // The software was replaced: its pack holds only where no two people said otherwise.
            one("base-2", Origin::Shipped, "2026-07-20", "2026-07-20T08:00:00Z", open),
            one("proposed", Origin::FourEyes, "2026-07-16", "", open),
            one("shadow", Origin::FourEyes, "", "", open),
        ]
    }

    #[test]
    fn a_day_as_known_at_a_moment_has_one_pack() {
        let rows = [
            // day, known at, in force
            ("2025-12-31", "2026-12-01T00:00:00Z", None),
            ("2026-01-01", "1970-01-01T00:00:00Z", Some("base")),
            ("2026-06-30", "2026-12-01T00:00:00Z", Some("base")),
            ("2026-07-01", "2026-06-20T07:59:59Z", Some("base")),
            ("2026-07-01", "2026-06-20T08:00:00Z", Some("july")),
            ("2026-07-14", "2026-12-01T00:00:00Z", Some("july")),
            ("2026-07-15", "2026-07-09T00:00:00Z", Some("july")),
            ("2026-07-15", "2026-07-10T08:00:00Z", Some("mid-july")),
            ("2026-07-15", "2026-07-14T08:00:00Z", Some("mid-july-2")),
            ("2026-07-25", "2026-12-01T00:00:00Z", Some("mid-july-2")),
            ("2026-08-01", "2026-12-01T00:00:00Z", Some("august")),
            ("2026-08-31", "2026-12-01T00:00:00Z", Some("august")),
            // Its pack ends: what held before goes on.
            ("2026-09-01", "2026-12-01T00:00:00Z", Some("mid-july-2")),
        ];
        for (day, known_at, expected) in rows {
            let mut all = history();
            for _ in 0..all.len() {
                all.rotate_left(1);
                let found = in_force(&all, day.parse().unwrap(), at(known_at));
                assert_eq!(found.map(|one| one.activation_id.as_str()), expected, "{day} {known_at}");
            }
        }
        let shipped: Vec<_> = history().into_iter().filter(|one| one.origin == Origin::Shipped).collect();
        for (day, expected) in [("2026-07-19", "base"), ("2026-07-20", "base-2")] {
            let found = in_force(&shipped, day.parse().unwrap(), at("2026-12-01T00:00:00Z"));
            assert_eq!(found.unwrap().activation_id, expected);
        }
    }

    #[test]
    fn questions_about_other_days_take_the_nearest() {
        let late = at("2026-12-01T00:00:00Z");
        let only = [one(
            "only",
            Origin::Shipped,
            "2026-01-01",
            "1970-01-01T00:00:00Z",
            ("2026-01-01", "2026-12-31"),
        )];
        for day in ["2016-05-01", "2026-05-01", "2031-05-01"] {
            assert_eq!(nearest(&only, day.parse().unwrap(), late).unwrap().activation_id, "only");
        }
        assert_eq!(nearest(&[], "2026-05-01".parse().unwrap(), late), None);
        let proposed = [one("p", Origin::FourEyes, "2026-01-01", "", ("2026-01-01", ""))];
        assert_eq!(nearest(&proposed, "2026-05-01".parse().unwrap(), late), None);
    }

    #[test]
    fn two_people_in_time_and_within_the_budget() {
        let budget = |flips| FlipCheck { decisions: 100, flips, budget: Ratio::parse("0.05").unwrap() };
        let proposal = || one("p", Origin::FourEyes, "2026-07-21", "", ("2026-01-01", "2026-12-31"));
        // In Shanghai it is the 21st already.
        let now = at("2026-07-20T16:00:00Z");
        let confirmed = proposal().confirm("policy_admin:bo", now, budget(5)).unwrap();
        assert_eq!(confirmed.recorded(), Some(now));
        let wrong = |refused: Result<Activation, Refused>| refused.unwrap_err();
        for same in [ADMIN, "supervisor:ann"] {
            assert!(matches!(wrong(proposal().confirm(same, now, budget(0))), Refused::SamePerson { .. }));
        }
        let later = at("2026-07-21T16:00:00Z");
        let refused = wrong(proposal().confirm("policy_admin:bo", later, budget(0)));
        assert!(matches!(refused, Refused::Backdated { .. }), "{refused}");
        let refused = wrong(proposal().confirm("policy_admin:bo", now, budget(6)));
        assert!(matches!(refused, Refused::OverBudget { flips: 6, .. }), "{refused}");
        let none = FlipCheck { decisions: 0, flips: 0, budget: Ratio::ZERO };
        assert!(proposal().confirm("policy_admin:bo", now, none).is_ok());
        let shadow = one("s", Origin::FourEyes, "", "", ("2026-01-01", ""));
        assert_eq!(wrong(shadow.clone().confirm("policy_admin:bo", now, none)), Refused::ShadowOnly);
        let withdrawn = shadow.withdraw(ADMIN, now).unwrap();
        for again in [withdrawn.clone().withdraw(ADMIN, now), withdrawn.confirm("policy_admin:bo", now, none)]
        {
            assert_eq!(wrong(again), Refused::WrongState { state: "withdrawn" });
        }
        let refused = wrong(confirmed.withdraw(ADMIN, now));
        assert_eq!(refused, Refused::WrongState { state: "confirmed" });
    }

    #[test]
    fn a_first_day_lies_ahead_and_in_the_packs_period() {
        let pack = one("p", Origin::FourEyes, "", "", ("2026-01-01", "2026-12-31")).pack;
        let now = at("2026-07-20T15:59:59Z");
        for (day, fine) in
            [("2026-07-19", false), ("2026-07-20", true), ("2026-12-31", true), ("2027-01-01", false)]
        {
            assert_eq!(pack.may_begin(day.parse().unwrap(), now).is_ok(), fine, "{day}");
        }
    }
}
