//! Engines that take turns, timed.

use std::time::{Duration, Instant};

/// Shortest turn.
const TURN: Duration = Duration::from_millis(500);

/// An engine, and one pass of it over all cases.
pub struct Contender<'a> {
    name: &'static str,
    pass: Box<dyn Fn() -> anyhow::Result<()> + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: &'static str, pass: impl Fn() -> anyhow::Result<()> + 'a) -> Self {
        Self { name, pass: Box::new(pass) }
    }

    /// Decisions a second over one turn. A pass takes so long beside a look at the clock that the look doesn't count.
    fn turn(&self, cases: u32) -> anyhow::Result<f64> {
        let begin = now();
        let mut passes = 0_u32;
        loop {
            (self.pass)()?;
            passes += 1;
            let took = now().duration_since(begin);
            if took >= TURN {
                return Ok(f64::from(passes) * f64::from(cases) / took.as_secs_f64());
            }
        }
    }
}

/// Decisions a second of one engine, a value a round.
pub struct Rates {
    pub name: &'static str,
    pub rounds: Vec<f64>,
}

impl Rates {
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// Slowest and fastest round.
    pub fn range(&self) -> (f64, f64) {
        let pick = |better: fn(f64, f64) -> f64| self.rounds.iter().copied().reduce(better).unwrap_or(0.0);
        (pick(f64::min), pick(f64::max))
    }
}

/// Lets every engine have a turn a round, after one round that only warms the machine.
pub fn take_turns(contenders: &mut [Contender<'_>], rounds: u32, cases: u32) -> anyhow::Result<Vec<Rates>> {
    let mut rates: Vec<Rates> =
        contenders.iter().map(|contender| Rates { name: contender.name, rounds: Vec::new() }).collect();
    for round in 0..=rounds {
        for (contender, rates) in contenders.iter().zip(&mut rates) {
            let rate = contender.turn(cases)?;
            if round > 0 {
                rates.rounds.push(rate);
            }
        }
    }
    Ok(rates)
}

/// The middle value; of an even number the upper one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a comparison measures the machine's own time; nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}
