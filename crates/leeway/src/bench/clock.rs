//! Rounds of repetitions, timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Figure;

/// Shortest round: long enough that reading the clock doesn't show.
const ROUND: Duration = Duration::from_millis(400);

/// How often `work` is done in a second, over `rounds` rounds; `times` is how much one call does.
pub fn per_second(
    (what, note): (&'static str, String),
    rounds: u32,
    times: u32,
    mut work: impl FnMut(),
) -> Figure {
    let calls = calls_in_a_round(&mut work);
    let rate = |took: Duration| f64::from(calls) * f64::from(times) / took.as_secs_f64();
    figure(what, note, "per second", (0..rounds).map(|_| rate(time(calls, &mut work))).collect())
}

/// How many milliseconds `work` takes.
pub fn milliseconds((what, note): (&'static str, String), rounds: u32, mut work: impl FnMut()) -> Figure {
    let calls = calls_in_a_round(&mut work);
    let each = |took: Duration| took.as_secs_f64() * 1_000.0 / f64::from(calls);
    figure(what, note, "ms", (0..rounds).map(|_| each(time(calls, &mut work))).collect())
}

pub fn figure(what: &'static str, note: String, unit: &'static str, mut values: Vec<f64>) -> Figure {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    let last = values.len().saturating_sub(1);
    Figure { what, median: at(values.len() / 2), lowest: at(0), highest: at(last), unit, note }
}

/// Doubles the calls until a round is long enough; the machine is warm then.
fn calls_in_a_round(work: &mut impl FnMut()) -> u32 {
    let mut calls = 1;
    while time(calls, work) < ROUND && calls < u32::MAX / 2 {
        calls *= 2;
    }
    calls
}

fn time(calls: u32, work: &mut impl FnMut()) -> Duration {
    let begin = now();
    for _ in 0..calls {
        work();
    }
    black_box(now().duration_since(begin))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures the machine's own time; nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}
