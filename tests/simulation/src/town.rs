//! Everything a run consists of: databases, hosts, clocks, people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use api::access::Role as Rank;
use chassis::{Clock, Ids, Principal};
use e2e::people::{li, wang, zhang};
use jiff::{SignedDuration, Timestamp};
use store::simulation::{Database, Dice, Weather};
use store::{Schema, Store};
use turmoil::Sim;

use crate::borrowers::Borrower;
use crate::caller::Caller;
use crate::hosts::{Place, Role, connect};
use crate::record::Record;
use crate::run::Scenario;
use crate::{desk, platform, readers};

/// Replicas of each service.
pub const REPLICAS: usize = 2;
/// One turn of every host. Messages arrive at turns; within one, timers of a host keep their own times.
pub const TICK: Duration = Duration::from_millis(5);
/// When the platform's time begins: the day on which the stories' borrowers apply.
const BEGIN: &str = "2026-07-20T10:00+08:00";
/// Weather of a play without storms.
pub const FAIR: Weather = Weather {
    max_before: Duration::from_millis(6),
    max_after: Duration::from_millis(6),
    lost_writes: 4,
    lost_answers: 6,
    full_disks: 2,
    failed_reads: 1,
    heard_elsewhere: true,
};
const BORROWERS: usize = 4;

/// The databases and clocks of a run, which no crash touches.
pub struct Town {
    pub databases: BTreeMap<Role, Database>,
    pub clocks: Vec<Clock>,
    pub record: Record,
    pub begin: Timestamp,
    /// What was added to the time that runs.
    pub leapt: SignedDuration,
    /// Removed with the run.
    pub documents: tempfile::TempDir,
}

impl Town {
    /// Builds it on a simulated network; nothing runs before the first step.
    pub fn build(
        scenario: &Scenario,
        dice: &mut Dice,
        sim: &mut Sim<'_>,
        record: &Record,
    ) -> anyhow::Result<Self> {
        let begin = chassis::clock::parse_time(BEGIN)?;
        let mut town = Self {
            databases: BTreeMap::new(),
            clocks: Vec::new(),
            record: record.clone(),
            begin,
            leapt: SignedDuration::ZERO,
            documents: tempfile::tempdir()?,
        };
        for role in Role::ALL {
            let database = Database::new(schema(role), dice.roll(), scenario.sabotage)?;
            town.databases.insert(role, database);
        }
        for role in Role::ALL {
            for number in 1..=REPLICAS {
                let place = town.place(role, number, dice.roll());
                sim.host(role.host(number), move || place.clone().serve());
            }
        }
        town.people(dice, sim);
        Ok(town)
    }

    fn place(&mut self, role: Role, number: usize, seed: u64) -> Place {
        let clock = Clock::manual(self.begin);
        self.clocks.push(clock.clone());
        Place {
            role,
            number,
            store: self.store(role, number),
            clock,
            seed,
            documents: self.documents.path().to_owned(),
            starts: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A look at a service's database; number 0 is nobody's replica.
    pub fn store(&self, role: Role, number: usize) -> Store {
        // Every role was put in before anybody asks.
        #[expect(clippy::expect_used, reason = "the map holds every role")]
        self.databases.get(&role).expect("every role has a database").replica(number)
    }

    /// The domain time of a moment of the run.
    pub fn set_time(&self, elapsed: Duration) {
        let run = SignedDuration::try_from(elapsed).unwrap_or_default();
        let now = self.begin.saturating_add(run).and_then(|at| at.saturating_add(self.leapt));
        if let Ok(now) = now {
            for clock in &self.clocks {
                // It only ever goes forward: both parts do.
                let _ = clock.set(now);
            }
        }
    }

    fn people(&self, dice: &mut Dice, sim: &mut Sim<'_>) {
        let (record, mut luck) = (self.record.clone(), dice.split());
        sim.client("people", async move { Ok(crowd(&record, &mut luck).await?) });
        let (record, mut luck) = (self.record.clone(), dice.split());
        let feed = self.store(Role::Application, 0);
        sim.client("readers", async move {
            let mut tasks = Vec::new();
            for name in ["ledger", "bureau"] {
                let caller = caller(&record, name, &mut luck)?;
                tasks.push(tokio::spawn(readers::subscribe(caller, feed.clone())));
            }
            for task in tasks {
                task.await?;
            }
            Ok(())
        });
    }
}

/// Everybody who begins things, until they have finished them.
async fn crowd(record: &Record, luck: &mut Dice) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    let mut loans = Vec::new();
    for number in 0..BORROWERS {
        let name = format!("b{number}");
        let Some(story) = [li, zhang, wang].get(number % 3) else { continue };
        let case = story().of(&name);
        loans.push(case.loan.clone());
        let caller = caller(record, &name, luck)?;
        tasks.push(tokio::spawn(Borrower { caller, case }.live()));
    }
    for (rank, name) in [(Rank::Officer, "chen"), (Rank::Officer, "fang"), (Rank::Supervisor, "zhao")] {
        let caller = caller(record, name, luck)?;
        tasks.push(tokio::spawn(desk::work(caller, Principal::new(rank, name))));
    }
    let core = caller(record, "core", luck)?;
    tasks.push(tokio::spawn(platform::payments(core, loans)));
    for task in tasks {
        task.await?;
    }
    Ok(())
}

/// Somebody with two connections to each replica of the application.
pub fn caller(record: &Record, name: &str, luck: &mut Dice) -> anyhow::Result<Caller> {
    let mut dice = luck.split();
    let ids = Ids::seeded(dice.roll());
    let mut lines = Vec::new();
    for number in 1..=REPLICAS {
        for _ in 0..2 {
            let host = Role::Application.host(number);
            lines.push(connect(&host, Principal::service("nobody"), ids.clone())?);
        }
    }
    Ok(Caller { name: name.to_owned(), dice, ids, record: record.clone(), lines })
}

fn schema(role: Role) -> &'static Schema {
    match role {
        Role::Application => &application::SCHEMA,
        Role::Policy => &policy::SCHEMA,
        Role::Notification => &notification::SCHEMA,
    }
}
