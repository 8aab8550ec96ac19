//! What was measured, as a table or as JSON.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::json;

use crate::clock::{Rates, median};

/// How many times as many decisions Leeway must make as each of the others.
const LEAST_RATIO: f64 = 5.0;

/// Everything that a run tells.
pub struct Report {
    /// What was checked before.
    pub agreement: String,
    pub rates: Vec<Rates>,
    pub ratios: Vec<Ratio>,
}

/// How many times as fast one engine is as another: the median over the rounds of the ratio within a round.
pub struct Ratio {
    ours: &'static str,
    theirs: &'static str,
    value: f64,
}

impl Ratio {
    /// `ours` against the fastest of the named forms of a rival.
    pub fn of(rates: &[Rates], ours: &str, forms: &[&str]) -> anyhow::Result<Self> {
        let named = |name: &str| rates.iter().find(|rates| rates.name == name);
        let ours = named(ours).with_context(|| format!("`{ours}` wasn't measured"))?;
        let theirs = forms
            .iter()
            .filter_map(|name| named(name))
            .max_by(|a, b| a.median().total_cmp(&b.median()))
            .with_context(|| format!("none of {forms:?} was measured"))?;
        let ratios = ours.rounds.iter().zip(&theirs.rounds).map(|(ours, theirs)| ours / theirs).collect();
        Ok(Self { ours: ours.name, theirs: theirs.name, value: median(ratios) })
    }

    fn passes(&self) -> bool {
        self.value >= LEAST_RATIO
    }
}

impl Report {
    pub fn passes(&self) -> bool {
        self.ratios.iter().all(Ratio::passes)
    }

    pub fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if as_json {
            serde_json::to_writer_pretty(&mut out, &self.json())?;
            writeln!(out)?;
            return Ok(());
        }
        writeln!(out, "{}\n", self.agreement)?;
        writeln!(
            out,
            "{:<44} {:>14}   {:>24}",
            "decisions a second on one core", "median", "slowest … fastest round"
        )?;
        for rates in &self.rates {
            let (slowest, fastest) = rates.range();
            let range = format!("{slowest:.0} … {fastest:.0}");
            writeln!(out, "{:<44} {:>14.0}   {range:>24}", rates.name, rates.median())?;
        }
        writeln!(out)?;
        for ratio in &self.ratios {
            let verdict = if ratio.passes() { "" } else { "   BELOW" };
            let Ratio { ours, theirs, value } = ratio;
            writeln!(out, "{ours} : {theirs} = {value:.1} (at least {LEAST_RATIO:.0}){verdict}")?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let rates = self.rates.iter().map(|rates| {
            let (lowest, highest) = rates.range();
            json!({ "what": rates.name, "median": rates.median(), "lowest": lowest, "highest": highest,
                    "unit": "decisions per second" })
        });
        let ratios = self.ratios.iter().map(|ratio| {
            json!({ "ours": ratio.ours, "theirs": ratio.theirs, "ratio": ratio.value, "passes": ratio.passes() })
        });
        json!({
            "checked": self.agreement,
            "rates": rates.collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
            "least_ratio": LEAST_RATIO,
        })
    }
}
