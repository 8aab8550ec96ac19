//! PostgreSQL's own load generator with scripts that write the same rows.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::json;

use super::cpu::busy_seconds;
use super::postgres::cpu_each;
use super::{Args, commits};

/// What pgbench runs.
#[derive(Debug, Clone, Copy)]
pub enum Script {
    /// Our commit's statement.
    OneStatement,
    /// The same rows, a statement each, between BEGIN and END.
    Parts,
}

/// How a run went.
pub struct Ran {
    pub rate: f64,
    /// Microseconds of the whole machine's processor time a transaction.
    pub cpu_each: f64,
}

pub struct Pgbench {
    program: PathBuf,
    url: String,
    clients: u32,
    function: String,
}

/// Where the id goes in the payload.
const MARK: &str = "@id@";

impl Pgbench {
    pub fn new(args: &Args, url: &str, function: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            function.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "`{function}` is no function"
        );
        Ok(Self {
            program: args.pgbench.clone(),
            url: url.to_owned(),
            clients: args.clients,
            function: function.to_owned(),
        })
    }

    /// Waits for its end; nothing else is to be done meanwhile.
    pub fn run(&self, script: Script, seconds: u32) -> anyhow::Result<Ran> {
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--file=-"]);
        command.arg(format!("--client={}", self.clients)).arg(format!("--time={seconds}"));
        command.arg(format!("--define=payload={}", payload()));
        command.arg(format!("--define=body={}", commits::body()));
        command.arg(format!("--define=entry={}", commits::entry()));
        command.arg(&self.url).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let before = busy_seconds()?;
        let mut child =
            command.spawn().with_context(|| format!("`{}` can't be started", self.program.display()))?;
        let mut input = child.stdin.take().context("pgbench reads nothing")?;
        input.write_all(self.text(script).as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        let (said, wrong) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        anyhow::ensure!(output.status.success(), "pgbench: {wrong}");
        let number = |prefix: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(prefix));
            line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse::<f64>().ok())
        };
        let failed = number("number of failed transactions: ").unwrap_or(0.0);
        anyhow::ensure!(failed == 0.0, "pgbench: {failed} transactions failed");
        let rate = number("tps = ").with_context(|| format!("pgbench says no rate: {said}"))?;
        let count =
            number("number of transactions actually processed: ").context("pgbench says no number")?;
        Ok(Ran { rate, cpu_each: cpu_each(before, count as u64)? })
    }

    fn text(&self, script: Script) -> String {
        const ID: &str = "\\set n random(1, 9000000000000000)\n";
        match script {
            Script::OneStatement => {
                format!("{ID}SELECT {}(replace(:payload, '{MARK}', (:n)::bigint::text));\n", self.function)
            }
            Script::Parts => format!("{ID}{PARTS}"),
        }
    }
}

/// What the store sends for [`commits::commit`].
fn payload() -> String {
    let request = json!({
        "p": "borrower:1", "s": "", "i": MARK, "m": "SubmitApplication", "h": MARK, "r": MARK,
    });
    let write = json!({
        "k": "application", "i": MARK, "r": 0, "v": 1, "b": commits::body(), "x": ["b1", 7],
    });
    let journal = json!({"s": MARK, "k": "submitted", "a": "borrower:1", "b": commits::entry()});
    let effect = json!({
        "t": "assess", "k": MARK, "v": 1, "n": 7, "b": "{}", "c": "", "d": 7, "a": 0, "w": "", "l": "",
    });
    json!({"now": 7, "request": request, "writes": [write], "journal": [journal], "effects": [effect]})
        .to_string()
}

/// Plain inserts: no look whether anything is there, no hash.
const PARTS: &str = "BEGIN;
INSERT INTO requests (principal, subject, request_id, method, payload_hash, response_ref, time)
    VALUES ('borrower:1', '', (:n)::bigint::text, 'SubmitApplication', (:n)::bigint::text, (:n)::bigint::text, 7);
INSERT INTO doc_application (id, revision, body_version, body, borrower, due)
    VALUES ((:n)::bigint::text, 1, 1, :body, 'b1', 7);
INSERT INTO journal_head (stream, seq, hash) VALUES ((:n)::bigint::text, 1, repeat('0', 64));
INSERT INTO journal (stream, seq, time, kind, actor, body, prev_hash, hash)
    VALUES ((:n)::bigint::text, 1, 7, 'submitted', 'borrower:1', :entry, repeat('0', 64), repeat('0', 64));
INSERT INTO effects (topic, key, version, not_before, body, state, due_at)
    VALUES ('assess', (:n)::bigint::text, 1, 7, '{}', 'waiting', 7);
END;
";
