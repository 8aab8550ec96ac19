//! A run from its beginning to its verdict.

use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use store::simulation::{Dice, Sabotage};
use turmoil::Sim;

use crate::audit;
use crate::checks;
use crate::hosts::Role;
use crate::record::{Phase, Record, Report};
use crate::town::{FAIR, TICK, Town};
use crate::trouble::Trouble;

/// Longest way of a message while the network isn't slow.
pub const MAX_LATENCY: Duration = Duration::from_millis(30);
/// How long people play.
const PLAY: Duration = Duration::from_secs(15);
/// How long they may take to finish what they began, once everything works.
const CLOSING: Duration = Duration::from_secs(60);
/// Days that pass before every case must rest: longer than any offer or deadline runs.
const REST_DAYS: u32 = 45;
/// How long each of these days takes.
const DAY: Duration = Duration::from_millis(150);
/// How often the clocks are set.
const CLOCK_MS: u64 = 100;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub seed: u64,
    /// What the databases do wrong.
    pub sabotage: Option<Sabotage>,
}

/// Plays it and says what came out. `told`: on standard error, as it happens.
pub fn play(scenario: Scenario, told: bool) -> anyhow::Result<Report> {
    let record = if told { Record::told() } else { Record::default() };
    let mut dice = Dice::new(scenario.seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(dice.roll())
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(3_600))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(MAX_LATENCY)
        .tcp_capacity(4_096)
        .enable_random_order()
        .build();
    let mut town = Town::build(&scenario, &mut dice, &mut sim, &record)?;
    let mut stage = Stage { sim: &mut sim, town: &mut town, record: &record };
    stage.play(&mut Trouble::new(dice.split()));
    stage.days_pass();
    record.begin(Phase::Over);
    stage.until_done("readers", CLOSING);
    audit::replays(stage.sim, &record, dice.split());
    stage.until_done("the auditor", CLOSING);
    checks::run(&town, &record)?;
    town.count_weather();
    Ok(record.report(scenario.seed))
}

/// The command that plays it again.
pub fn repeat(scenario: &Scenario) -> String {
    let sabotage = scenario.sabotage.map(|what| format!(" --sabotage {}", what.name())).unwrap_or_default();
    format!("cargo xtask long sim --seed {}{sabotage} --told", scenario.seed)
}

struct Stage<'a, 's> {
    sim: &'a mut Sim<'s>,
    town: &'a mut Town,
    record: &'a Record,
}

impl Stage<'_, '_> {
    fn play(&mut self, trouble: &mut Trouble) {
        for database in self.town.databases.values() {
            database.set_weather(FAIR);
        }
        while self.sim.elapsed() < PLAY {
            let now = self.now();
            trouble.strike(now, self.sim, self.town);
            self.step();
        }
        trouble.heal(self.sim, self.town);
        for database in self.town.databases.values() {
            // Nothing befalls it any more: it is done at once.
            database.flush().now_or_never();
        }
        self.record.begin(Phase::Closing);
        let end = self.sim.elapsed() + CLOSING;
        while !self.finished("people") {
            if self.sim.elapsed() > end {
                self.record.breach("people never got their answers".to_owned());
                break;
            }
            self.step();
        }
    }

    /// Long enough for every deadline to have passed.
    fn days_pass(&mut self) {
        for _ in 0..REST_DAYS {
            self.town.leapt = self.town.leapt.saturating_add(SignedDuration::from_hours(24));
            self.run_for(DAY);
        }
        // Whatever the last day began ends within it.
        self.run_for(Duration::from_secs(8));
    }

    fn until_done(&mut self, who: &str, most: Duration) {
        let end = self.sim.elapsed() + most;
        while !self.step() {
            if self.sim.elapsed() > end {
                self.record.breach(format!("{who} never came to an end"));
                return;
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step();
        }
    }

    fn finished(&mut self, client: &str) -> bool {
        !self.sim.is_host_running(client)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// One turn of everybody. True once every client has finished.
    fn step(&mut self) -> bool {
        let now = self.now();
        self.record.set_elapsed(now);
        if now.is_multiple_of(CLOCK_MS) {
            self.town.set_time(self.sim.elapsed());
        }
        match self.sim.step() {
            Ok(done) => done,
            Err(error) => {
                self.record.breach(format!("somebody broke off: {error}"));
                true
            }
        }
    }
}

impl Town {
    /// Adds what befell the databases to the counts of the run.
    fn count_weather(&self) {
        let mut notes = self.record.notes();
        for role in Role::ALL {
            let Some(database) = self.databases.get(&role) else { continue };
            let counts = database.counts();
            for (kind, count) in [
                ("writes", counts.writes),
                ("reads", counts.reads),
                ("lost writes", counts.lost_writes),
                ("lost answers", counts.lost_answers),
                ("full disks", counts.full_disks),
                ("failed reads", counts.failed_reads),
            ] {
                *notes.counts.entry(kind.to_owned()).or_default() += count;
            }
        }
    }
}
