//! Processor time of the whole machine: what a commit costs on both sides of its connection.

use std::fs;

use anyhow::Context as _;

/// The kernel counts in hundredths of a second.
const TICKS: f64 = 100.0;

/// Seconds that all processors worked since the machine was started.
pub fn busy_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at));
    Ok(busy.sum::<f64>() / TICKS)
}
