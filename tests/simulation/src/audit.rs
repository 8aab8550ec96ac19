//! After the run, through the front door: every acknowledged request is sent three more times.

use futures_util::future::join_all;
use store::simulation::Dice;
use turmoil::Sim;

use crate::caller::Caller;
use crate::record::{Acknowledged, Record};
use crate::town::caller;

/// Times each is sent.
const REPLAYS: usize = 3;
/// Requests under way at once.
const AT_ONCE: usize = 16;

/// Brings in the auditor, who ends once everything was asked again.
pub fn replays(sim: &mut Sim<'_>, record: &Record, mut luck: Dice) {
    let record = record.clone();
    sim.client("auditor", async move {
        let mut auditor = caller(&record, "auditor", &mut luck)?;
        let acknowledged = record.notes().acknowledged.clone();
        for some in acknowledged.chunks(AT_ONCE) {
            let asked: Vec<_> = some.iter().map(|one| again(&mut auditor, one)).collect();
            join_all(asked).await;
        }
        Ok(())
    });
}

fn again<'a>(auditor: &mut Caller, one: &'a Acknowledged) -> impl Future<Output = ()> + use<'a> {
    let lines: Vec<_> = (0..REPLAYS).filter_map(|_| auditor.line()).collect();
    let record = auditor.record.clone();
    async move {
        for result in join_all(lines.iter().map(|line| one.act.send(line))).await {
            record.count("replays");
            let name = one.act.name();
            match result {
                Ok(answer) if answer == one.answer => {}
                Ok(answer) => {
                    record.breach(format!("a replay of {name} answered `{answer}`, not `{}`", one.answer));
                }
                Err(status) => {
                    let (code, text) = (status.code(), status.message());
                    record.breach(format!("`{}` of {name} replays as {code:?} {text}", one.answer));
                }
            }
        }
    }
}
