//! What goes wrong: hosts crash, links break and hold messages back, databases fail and lose power, time leaps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use store::simulation::{Dice, Weather};
use turmoil::Sim;

use crate::hosts::Role;
use crate::town::{FAIR, REPLICAS, Town};

/// Those who call the services.
const CLIENTS: [&str; 2] = ["people", "readers"];
/// Longest pause between two troubles.
const MAX_PAUSE_MS: u64 = 700;

/// What comes next, and what ends when. Times are milliseconds of the run.
pub struct Trouble {
    dice: Dice,
    next: u64,
    ends: BTreeMap<u64, Vec<End>>,
    down: BTreeSet<String>,
    cut: BTreeSet<(String, String)>,
}

enum End {
    Start(String),
    Repair((String, String)),
    Release((String, String)),
    Clear(Role),
    Hurry,
}

impl Trouble {
    pub fn new(dice: Dice) -> Self {
        Self { dice, next: 500, ends: BTreeMap::new(), down: BTreeSet::new(), cut: BTreeSet::new() }
    }

    /// What happens at this moment.
    pub fn strike(&mut self, now: u64, sim: &mut Sim<'_>, town: &mut Town) {
        while let Some(due) = self.ends.first_entry().filter(|entry| *entry.key() <= now) {
            for end in due.remove() {
                self.end(end, sim, town);
            }
        }
        if now < self.next {
            return;
        }
        self.next = now + 1 + self.dice.below(MAX_PAUSE_MS);
        match self.dice.below(16) {
            0..=3 => self.crash(now, sim, town),
            4..=6 => self.partition(now, sim, town),
            7..=8 => self.hold(now, sim, town),
            9 => self.slow(now, sim, town),
            10..=11 => self.storm(now, town),
            12 => self.cut_power(now, sim, town),
            _ => self.leap(town),
        }
    }

    /// Ends all of it at once.
    pub fn heal(&mut self, sim: &mut Sim<'_>, town: &mut Town) {
        for end in std::mem::take(&mut self.ends).into_values().flatten() {
            self.end(end, sim, town);
        }
        for database in town.databases.values() {
            database.set_weather(Weather::CALM);
        }
    }

    fn end(&mut self, end: End, sim: &mut Sim<'_>, town: &mut Town) {
        match end {
            End::Start(host) => {
                town.record.note(&format!("{host} starts"));
                self.down.remove(&host);
                sim.bounce(host);
            }
            End::Repair(link) => {
                town.record.note(&format!("{} - {} is whole again", link.0, link.1));
                sim.repair(link.0.as_str(), link.1.as_str());
                self.cut.remove(&link);
            }
            End::Release(link) => {
                town.record.note(&format!("{} - {} goes on", link.0, link.1));
                sim.release(link.0.as_str(), link.1.as_str());
                self.cut.remove(&link);
            }
            End::Clear(role) => {
                if let Some(database) = town.databases.get(&role) {
                    database.set_weather(FAIR);
                }
            }
            End::Hurry => sim.set_max_message_latency(crate::run::MAX_LATENCY),
        }
    }

    fn later(&mut self, now: u64, most: u64, end: End) {
        let at = now + 1 + self.dice.below(most);
        self.ends.entry(at).or_default().push(end);
    }

    fn host(&mut self) -> (Role, String) {
        let role = self.dice.pick(&Role::ALL).copied().unwrap_or(Role::Application);
        let number = self.dice.below(REPLICAS as u64) as usize + 1;
        (role, role.host(number))
    }

    fn crash(&mut self, now: u64, sim: &mut Sim<'_>, town: &Town) {
        let (_, host) = self.host();
        if self.down.insert(host.clone()) {
            town.record.note(&format!("{host} crashes"));
            town.record.count("crashes");
            self.kill(&host, sim);
            self.later(now, 2_500, End::Start(host));
        }
    }

    /// A process dies without a word: the order in which the runtime drops its tasks, and so what their connections would
    /// say last, follows from a counter of the whole process. Others notice when they say something themselves.
    fn kill(&self, host: &str, sim: &mut Sim<'_>) {
        let hosts =
            Role::ALL.into_iter().flat_map(|role| (1..=REPLICAS).map(move |number| role.host(number)));
        let others: Vec<String> =
            hosts.chain(CLIENTS.map(str::to_owned)).filter(|other| other != host).collect();
        for other in &others {
            sim.partition(host, other.as_str());
        }
        sim.crash(host);
        for other in others {
            let links = [(host.to_owned(), other.clone()), (other.clone(), host.to_owned())];
            if !links.iter().any(|link| self.cut.contains(link)) {
                sim.repair(host, other);
            }
        }
    }

    /// The database's machine goes, and everything that uses it.
    fn cut_power(&mut self, now: u64, sim: &mut Sim<'_>, town: &Town) {
        let (role, _) = self.host();
        town.record.note(&format!("{} loses power", role.name()));
        town.record.count("power cuts");
        for number in 1..=REPLICAS {
            let host = role.host(number);
            if self.down.insert(host.clone()) {
                self.kill(&host, sim);
                self.later(now, 1_500, End::Start(host));
            }
        }
        if let Some(database) = town.databases.get(&role) {
            database.cut_power();
        }
    }

    fn link(&mut self) -> Option<(String, String)> {
        let number = |dice: &mut Dice| dice.below(REPLICAS as u64) as usize + 1;
        let application = Role::Application.host(number(&mut self.dice));
        let other = match self.dice.below(4) {
            0 => "people".to_owned(),
            1 => "readers".to_owned(),
            2 => Role::Policy.host(number(&mut self.dice)),
            _ => Role::Notification.host(number(&mut self.dice)),
        };
        let link = (application, other);
        self.cut.insert(link.clone()).then_some(link)
    }

    fn partition(&mut self, now: u64, sim: &mut Sim<'_>, town: &Town) {
        let Some(link) = self.link() else { return };
        town.record.note(&format!("{} - {} breaks", link.0, link.1));
        town.record.count("partitions");
        sim.partition(link.0.as_str(), link.1.as_str());
        self.later(now, 4_000, End::Repair(link));
    }

    fn hold(&mut self, now: u64, sim: &mut Sim<'_>, town: &Town) {
        let Some(link) = self.link() else { return };
        town.record.note(&format!("{} - {} holds messages back", link.0, link.1));
        town.record.count("holds");
        sim.hold(link.0.as_str(), link.1.as_str());
        self.later(now, 1_500, End::Release(link));
    }

    fn slow(&mut self, now: u64, sim: &mut Sim<'_>, town: &Town) {
        town.record.note("the network is slow");
        town.record.count("slow networks");
        sim.set_max_message_latency(Duration::from_millis(400));
        self.later(now, 1_500, End::Hurry);
    }

    fn storm(&mut self, now: u64, town: &Town) {
        let (role, _) = self.host();
        town.record.note(&format!("a storm over the database of {}", role.name()));
        town.record.count("storms");
        if let Some(database) = town.databases.get(&role) {
            database.set_weather(Weather {
                max_before: Duration::from_millis(250),
                max_after: Duration::from_millis(250),
                lost_writes: 60,
                lost_answers: 80,
                full_disks: 40,
                failed_reads: 30,
                heard_elsewhere: false,
            });
        }
        self.later(now, 1_500, End::Clear(role));
    }

    /// Minutes pass, or a day and a half.
    fn leap(&mut self, town: &mut Town) {
        let minutes =
            if self.dice.one_in(3) { 1 + self.dice.below(36 * 60) } else { 1 + self.dice.below(30) };
        let by = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(1));
        town.record.note(&format!("{minutes} minutes pass"));
        town.record.count("leaps");
        town.leapt = town.leapt.saturating_add(by);
    }
}
